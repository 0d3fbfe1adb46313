"""PDF: every page as a picture and as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from itertools import dropwhile, takewhile
from typing import Any

import numpy as np
import pypdfium2

from sensorium.core.errors import Unreadable
from sensorium.core.types import Part, Place
from sensorium.readers.contract import Limits, Source
from sensorium.readers.damage import unreadable
from sensorium.readers.passages import lines_of, passages
from sensorium.readers.pdfium import Document, Page

SMALLEST_PICTURE = 640
"""The longer side of a page's picture in pixels, if the encoder does not want more."""
_MOST_DAMAGED = 1000  # pages in a row: a damaged file may claim millions
_LONGEST_TITLE, _LONGEST_LINE = 120, 80
_FEW_LETTERS = 3  # fewer are a page number or an ornament
_CLEARLY_LARGER, _ALIKE = 1.15, 0.95
_SPLIT = "\x02"  # stands for PDFium's own mark of a word that goes on in the next line, U+FFFE
_HYPHEN = re.compile(_SPLIT + r"\s*|\u00ad\s*|(?<=[^\W\d_])[-\u2010]\n(?=[^\W\d_A-Z])")
_DROPPED = re.compile("[\0\x01\x03-\x08\x0b-\x1f\x7f-\x9f\u200b\u2060\ufeff\ufff0-\uffff\ue000-\uf8ff\ud800-\udfff]")
# Letters for ligatures; and Word's bullets, of all glyphs for private use the ones that mean the same everywhere.
_BULLETS = {
    0xF0B7: "•", 0xF0A7: "•", 0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB06: "st",
}  # fmt: skip
_BLANK_LINES = re.compile(r"\n{3,}")
_COMMAS = re.compile(r"[,;]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_DATE = re.compile(r"(?:D:)?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:(Z)|([+-])(\d\d)'?(\d\d)?)?")
_NO_TITLE = re.compile(
    r"\(?(?:untitled|anonymous|unspecified|unknown|none|title|document|model|slide|layout|page|binder|blank)\)?[ \d]*"
    r"|.*\.(?:pdf|docx?|dvi|indd|qxd|qxp|tex|rtf|odt|pptx?|xlsx?|html?|txt|pub|wpd|ai|eps|cdr|pages|key|dwg|tiff?|jpe?g)"
    r"|[\W\d_]*|about:blank|https?:.*",
    re.IGNORECASE,
)
_PRINTED_FROM = re.compile(r"^(?:Microsoft (?:Office )?)?(?:Word|PowerPoint|Excel|Publisher) - ", re.IGNORECASE)
_NOBODY = re.compile(r"\(?(?:anonymous|unspecified|unknown|none|user|admin(?:istrator)?|owner)\)?|\W*", re.IGNORECASE)


class PdfReader:
    """A picture and the passages of every page; the first part carries what the document says of itself."""

    kind = "pdf"

    def accepts(self, media_type: str) -> bool:
        """PDF, Illustrator's files too."""
        return media_type == "application/pdf"

    def read(self, source: Source, limits: Limits) -> Iterator[Part]:
        """An image part and text parts a page, all with `Place(page=n)`; text parts have the page as their preview.

        What is filled into forms and noted on a page follows its text. A page with nothing on it is left out, unless
        there are only such; a damaged page too. The first part's attributes are `pages`, and where known title, author,
        subject, keywords, language, creator, created and modified. Raises `Unreadable` for damaged and locked files.
        """
        side = max(2 * limits.image_side, SMALLEST_PICTURE)
        with unreadable("a damaged PDF", pypdfium2.PdfiumError), closing(Document(source)) as document:
            attributes: dict[str, Any] | None = None
            bare = None
            for number, page in _pages(document, side, limits):
                bare = number if bare is None else bare
                for part in _parts(page, number + 1, limits):
                    first = _attributes(document, page) if attributes is None else {}
                    attributes = first or attributes
                    yield Part(part.modality, part.content, part.place, first, part.preview)
            if attributes is None:
                yield _bare(document, bare, side, limits)


def _pages(document: Document, side: int, limits: Limits) -> Iterator[tuple[int, Page]]:
    damaged = 0
    for number in range(len(document)):
        page = document.page(number, side, limits.max_pixels)
        if page is not None:
            yield number, page
        damaged = 0 if page is not None else damaged + 1
        if damaged > _MOST_DAMAGED:
            return


def _parts(page: Page, number: int, limits: Limits) -> Iterator[Part]:
    place = Place(page=number)
    text = clean(page.text)
    if page.picture is not None and np.ptp(page.picture):
        yield Part("image", page.picture, place)
    notes = [note for said in dict.fromkeys(page.notes) if (note := clean(said)) and note not in text]
    for words in (text, "\n\n".join(notes)):
        for passage in passages(words, limits.passage_characters):
            yield Part("text", passage.text, place, preview=page.picture)


def _bare(document: Document, number: int | None, side: int, limits: Limits) -> Part:
    """The first page of a document in which there is nothing on any page."""
    page = None if number is None else document.page(number, side, limits.max_pixels, bare=True)
    if page is not None and page.oversized:
        raise Unreadable(f"a PDF with a picture of more than {limits.max_pixels} pixels: no more are decoded")
    if page is None or page.picture is None:
        raise Unreadable(f"a PDF of which none of its {len(document)} pages can be read")
    return Part("image", page.picture, Place(page=(number or 0) + 1), _attributes(document, page))


def clean(text: str) -> str:
    """A page's text without control characters and glyphs of no meaning, words that were hyphenated joined again."""
    lines = lines_of(text.translate(_BULLETS).replace("\ufffe", _SPLIT))
    joined = "\n".join(" ".join(_DROPPED.sub("", line).split()) for line in lines)
    return _BLANK_LINES.sub("\n\n", _HYPHEN.sub("", joined)).strip()


def _attributes(document: Document, page: Page) -> dict[str, Any]:
    said = {name: " ".join(clean(words).split()) for name, words in document.said().items()}
    author, language = said["Author"], said["Language"]
    found = {
        "title": _title(said["Title"], page), "author": "" if _NOBODY.fullmatch(author) else author,
        "subject": "" if _NOBODY.fullmatch(said["Subject"]) else said["Subject"],
        "keywords": [word for piece in _COMMAS.split(said["Keywords"]) if (word := piece.strip())],
        "language": language if _LANGUAGE.fullmatch(language) else "",
        "creator": "" if _NOBODY.fullmatch(said["Creator"]) else said["Creator"],
        "created": iso(said["CreationDate"]), "modified": iso(said["ModDate"]),
    }  # fmt: skip
    return {"pages": len(document), **{name: value for name, value in found.items() if value}}


def _title(said: str, page: Page) -> str:
    """What the document says that it is called, if that is more than a file's name; else what stands out on page 1."""
    said = _PRINTED_FROM.sub("", said)
    found = said if said and not _NO_TITLE.fullmatch(said) else _large(page)
    return found if len(found) <= _LONGEST_TITLE else found[: _LONGEST_TITLE - 3].rsplit(" ", 1)[0] + "..."


def _large(page: Page) -> str:
    """The first lines in the largest letters; a short first line where all are of a size; else nothing."""
    lines = [(words, size) for line, size in page.lines if sum(map(str.isalpha, words := clean(line))) >= _FEW_LETTERS]
    if not lines:
        return ""
    largest = max(size for _, size in lines)
    if largest < _CLEARLY_LARGER * float(np.median([size for _, size in lines])):
        return lines[0][0] if len(lines[0][0]) <= _LONGEST_LINE else ""
    rest = dropwhile(lambda line: line[1] < _ALIKE * largest, lines)
    return " ".join(words for words, _ in takewhile(lambda line: line[1] >= _ALIKE * largest, rest))


def iso(date: str) -> str:
    """A date of PDF, such as `D:20230115120000+01'00'`, in ISO 8601; "" when it is none."""
    if not (found := _DATE.match(date.strip())):
        return ""
    year, *rest = (int(number) if number else None for number in found.groups()[:6])
    month, day, hour, minute, second = (
        n if n is not None else low for n, low in zip(rest, (1, 1, 0, 0, 0), strict=True)
    )
    try:
        moment = datetime(year or 0, month, day, hour, minute, min(second, 59))
    except ValueError:
        return ""
    utc, sign, hours, minutes = found.groups()[6:]
    offset = "+00:00" if utc else f"{sign}{hours}:{minutes or '00'}" if sign else ""
    return moment.isoformat() + offset if found[4] else moment.date().isoformat()


reader = PdfReader()
