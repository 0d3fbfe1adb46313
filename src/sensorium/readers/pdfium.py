"""PDF documents by PDFium: pages as pictures and texts. No script in them is run, and no address is followed."""

from __future__ import annotations

import ctypes
import io
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from threading import RLock
from time import monotonic
from typing import Any, BinaryIO

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as raw
from numpy.typing import NDArray

from sensorium.core.errors import Unreadable
from sensorium.readers.contract import Source
from sensorium.readers.pdf_locks import forget_errors, why_closed

# PDFium keeps global state: one call at a time in a process. Entered again where a callback of PDFium collects garbage.
LOCK = RLock()
DRAWING_SECONDS = 20.0
_HELD_BYTES = 64 << 20
_MOST_CHARACTERS = 1_000_000
_MOST_OBJECTS = 20_000
_MOST_NOTES = 1000
_TITLE_CHARACTERS = 1500
_METADATA = ("Title", "Author", "Subject", "Keywords", "Creator", "CreationDate", "ModDate")
_FORMS_WITHIN_FORMS = 4
_FLAGS = raw.FPDF_ANNOT | raw.FPDF_RENDER_LIMITEDIMAGECACHE


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """What a page shows: its picture uint8 (h, w, 3), its text as PDFium has it, what is filled in and noted on it.

    The picture is None when there is nothing on the page or it cannot be drawn, `oversized` when that is because of a
    picture on it. `lines` are the first ones of the first page, with the height of their letters.
    """

    picture: NDArray[np.uint8] | None
    text: str
    notes: tuple[str, ...]
    lines: tuple[tuple[str, float], ...]
    oversized: bool


class Document:
    """An open PDF. All methods take `LOCK` while they work; `close` it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._stack = ExitStack()
        self._stream: _Counted
        self._pdf: Any
        self.reopen()

    def reopen(self) -> None:
        """Open it anew: PDFium never lets go of an object that it has read. Raises `Unreadable`."""
        self.close()
        with LOCK, ExitStack() as stack:
            self._stream = stack.enter_context(_Counted(self._source.open()))
            self._pdf = stack.enter_context(_opened(self._stream))
            self._pdf.init_forms()
            self._most = max(_HELD_BYTES, 2 * self._stream.count) + self._stream.count
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Let go of the document and its stream; again does nothing."""
        with LOCK:
            self._stack.close()

    def __len__(self) -> int:
        """How many pages it says it has."""
        with LOCK:
            return len(self._pdf)

    def said(self) -> dict[str, str]:
        """Title, Author, Subject, Keywords, Creator, CreationDate, ModDate and Language; "" for what is not there."""
        with LOCK:
            found = {name: _wide(raw.FPDF_GetMetaText, self._pdf, name.encode()) for name in _METADATA}
            return {**found, "Language": _wide(raw.FPDFCatalog_GetLanguage, self._pdf)}

    def page(self, number: int, side: int, max_pixels: int, *, bare: bool = False) -> Page | None:
        """The page at `number`, from 0, drawn with its longer side at `side` pixels; None when it is damaged.

        A page that shows a picture of more than `max_pixels` is not drawn; one without content only if `bare`.
        """
        if self._stream.count > self._most:
            self.reopen()
        with LOCK, suppress(pdfium.PdfiumError), _closing(self._pdf.get_page(number)) as page:
            bare = bare or raw.FPDFPage_CountObjects(page) > 0 or raw.FPDFPage_GetAnnotCount(page) > 0
            oversized = _shows_more_than(page, max_pixels)
            picture = _drawn(self._pdf, page, side, max_pixels) if bare and not oversized else None
            with _closing(page.get_textpage()) as text:
                lines = tuple(_lines(text)) if number == 0 else ()
                return Page(picture, _text(text), tuple(_notes(page)), lines, oversized)
        return None


class _Counted(io.RawIOBase):
    """A stream that counts what is read of it."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream, self.count = stream, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        # An error must not come out: it would be raised inside PDFium's callback, where nobody can catch it.
        try:
            data = self._stream.read(len(memoryview(buffer)))
        except OSError:
            return 0
        memoryview(buffer).cast("B")[: len(data)] = data
        self.count += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def close(self) -> None:
        self._stream.close()
        super().close()


@contextmanager
def _opened(stream: _Counted) -> Iterator[Any]:
    forget_errors()
    try:
        pdf = pdfium.PdfDocument(stream)
    except pdfium.PdfiumError as error:
        raise Unreadable(why_closed(error.err_code, stream)) from error
    with _closing(pdf):
        yield pdf


@contextmanager
def _closing(what: Any) -> Iterator[Any]:
    try:
        yield what
    finally:
        what.close()


def _drawn(pdf: Any, page: Any, side: int, max_pixels: int) -> NDArray[np.uint8] | None:
    width, height = page.get_size()
    if not (0 < width < math.inf and 0 < height < math.inf):
        return None
    scale = min(side / max(width, height), math.sqrt(max_pixels / (width * height)))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    with _closing(pdfium.PdfBitmap.new_native(*size, raw.FPDFBitmap_BGR)) as bitmap:
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, *size)
        _draw(bitmap, page, size)
        if pdf.formenv:
            raw.FPDF_FFLDraw(pdf.formenv, bitmap, page, 0, 0, *size, 0, _FLAGS)
        return np.ascontiguousarray(bitmap.to_numpy()[:, :, ::-1])


def _draw(bitmap: Any, page: Any, size: tuple[int, int]) -> None:
    """Draw for `DRAWING_SECONDS` at most: half a map shows more than none."""
    end = monotonic() + DRAWING_SECONDS
    pause = raw.IFSDK_PAUSE(version=1, user=None)
    pdfium.internal.set_callback(pause, "NeedToPauseNow", lambda _: monotonic() > end)
    try:
        raw.FPDF_RenderPageBitmap_Start(bitmap, page, 0, 0, *size, 0, _FLAGS, pause)
    finally:
        raw.FPDF_RenderPage_Close(page)


def _shows_more_than(page: Any, max_pixels: int) -> bool:
    """Whether a picture on the page has more pixels: PDFium decodes some formats as a whole."""
    width, height = ctypes.c_uint(), ctypes.c_uint()
    for shown in _pictures(page, raw.FPDFPage_CountObjects, raw.FPDFPage_GetObject):
        if raw.FPDFImageObj_GetImagePixelSize(shown, width, height) and width.value * height.value > max_pixels:
            return True
    return False


def _pictures(holder: Any, count: Any, get: Any, depth: int = 0) -> Iterator[Any]:
    for at in range(min(count(holder), _MOST_OBJECTS)):
        if not (found := get(holder, at)):
            continue
        form = raw.FPDFPageObj_GetType(found)
        if form == raw.FPDF_PAGEOBJ_IMAGE:
            yield found
        elif form == raw.FPDF_PAGEOBJ_FORM and depth < _FORMS_WITHIN_FORMS:
            yield from _pictures(found, raw.FPDFFormObj_CountObjects, raw.FPDFFormObj_GetObject, depth + 1)


def _text(text: Any) -> str:
    # What lies within the page's box; the other way also gives what was cropped away, but can be told where to stop.
    said = (
        text.get_text_bounded() if text.count_chars() <= _MOST_CHARACTERS else text.get_text_range(0, _MOST_CHARACTERS)
    )
    return str(said)


def _notes(page: Any) -> Iterator[str]:
    """What is written into the fields of a form, and comments: neither is part of the page's text."""
    for at in range(min(raw.FPDFPage_GetAnnotCount(page), _MOST_NOTES)):
        note = raw.FPDFPage_GetAnnot(page, at)
        if not note:
            continue
        try:
            is_field = raw.FPDFAnnot_GetSubtype(note) == raw.FPDF_ANNOT_WIDGET
            if not is_field:
                yield _wide(raw.FPDFAnnot_GetStringValue, note, b"Contents")
            elif page.formenv and raw.FPDFAnnot_GetFormFieldType(page.formenv, note) in _FILLED:
                yield _wide(raw.FPDFAnnot_GetFormFieldValue, page.formenv, note)
        finally:
            raw.FPDFPage_CloseAnnot(note)


_FILLED = (raw.FPDF_FORMFIELD_TEXTFIELD, raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX)


def _wide(function: Any, *arguments: Any) -> str:
    """What a function of PDFium gives as UTF-16: it is asked for the bytes first, then for the text."""
    size = min(function(*arguments, None, 0), 2 * _MOST_CHARACTERS)
    if size < 2:
        return ""
    buffer = (ctypes.c_ushort * (size // 2 + 1))()
    function(*arguments, buffer, size)
    return bytes(buffer).decode("utf-16-le", "ignore").split("\0")[0]


def _lines(text: Any) -> Iterator[tuple[str, float]]:
    """The first lines, with the height of their letters in points."""
    box, line, heights = raw.FS_RECTF(), "", list[float]()
    for at in range(min(text.count_chars(), _TITLE_CHARACTERS)):
        letter = chr(raw.FPDFText_GetUnicode(text, at) % 0x110000)
        if letter in "\r\n":
            if heights:
                yield line, float(np.median(heights))
            line, heights = "", []
            continue
        line += letter
        if not letter.isspace() and raw.FPDFText_GetLooseCharBox(text, at, box):
            heights.append(abs(box.top - box.bottom))
    if heights:
        yield line, float(np.median(heights))
