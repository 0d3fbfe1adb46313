"""Rows of CSV, TSV and their kin, from a stream of any length: no line, no cell and no quote can make it hold more."""

from __future__ import annotations

import codecs
import csv
from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from sensorium.core.errors import Unreadable
from sensorium.readers.charset import encoding_of
from sensorium.readers.table_rows import tidy

_CHUNK = 1 << 20  # bytes
LONGEST_LINE = 1 << 20  # characters: the rest of a line is left out
_LONGEST_RECORD = 500  # lines: a quote that is not closed by then is a quotation mark
_SAMPLE_LINES = 60
_HIGH = bytes(range(128, 256))
_DELIMITERS = ",\t;|"


def lines_in(stream: BinaryIO) -> Iterator[str]:
    """The lines of a text in any encoding, without their ends. Raises `Unreadable` when it is none."""
    held, cut = "", False  # a line that goes on; whether its rest is left out
    for text in _texts(stream):
        *whole, rest = (held + text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line in whole:
            if not cut:
                yield line[:LONGEST_LINE]
            cut = False
        if cut:
            held = ""
        elif len(rest) > LONGEST_LINE:
            yield rest[:LONGEST_LINE]
            held, cut = "", True
        else:
            held = rest
    if held:
        yield held


def _texts(stream: BinaryIO) -> Iterator[str]:
    """The text in pieces. Its encoding is told by the first that is not ASCII: until then it makes no difference."""
    decoder: codecs.IncrementalDecoder | None = None
    carriage, begun = "", False
    while chunk := stream.read(_CHUNK):
        if decoder is None and (encoding := _encoding(chunk, first=not begun)):
            decoder = codecs.getincrementaldecoder(encoding)("replace")
        begun = True
        text = carriage + (decoder.decode(chunk) if decoder else chunk.decode("ascii")).removeprefix("\ufeff")
        carriage = "\r" if text.endswith("\r") else ""  # perhaps the first half of a line's end
        yield text.removesuffix("\r").replace("\0", "")
    yield carriage + (decoder.decode(b"", final=True) if decoder else "")


def _encoding(chunk: bytes, *, first: bool) -> str:
    """The encoding of a piece of a text; "" while it is all ASCII. Raises `Unreadable` if the first is no text."""
    whole = chunk[: chunk.rfind(b"\n") + 1] or chunk.rstrip(_HIGH) or chunk  # no character cut in two
    try:
        found = encoding_of(whole)
    except Unreadable:
        if first:
            raise
        return "utf-8"
    return "" if found == "utf-8" and chunk.isascii() else found


def rows_in(stream: BinaryIO, usual: str) -> Iterator[list[str]]:
    """The rows of tidy cells that are not blank. `usual` is the delimiter that is meant when nothing speaks for one."""
    lines = lines_in(stream)
    sample = list(islice(lines, _SAMPLE_LINES))
    if sample and (said := sample[0].strip('"').lower()).startswith("sep=") and len(said) == 5:
        delimiter = sample.pop(0).strip('"')[4]  # Excel's own way to say it
    else:
        delimiter = told_by(sample, usual)
    source = _Lines(sample, lines)
    while (row := source.row(delimiter)) is not None:
        cells = [tidy(cell) for cell in row]
        if any(cells):
            yield cells


def told_by(sample: list[str], usual: str) -> str:
    """The delimiter under which most lines have equally many cells."""
    best, found = 0.0, usual
    for delimiter in (usual, *_DELIMITERS.replace(usual, "")):
        widths = [len(row) for row in _sampled(sample, delimiter)]
        several = [width for width in widths if width > 1]
        if not several:
            continue
        width, often = Counter(several).most_common(1)[0]
        # The names of the columns hold no numbers, whose commas mislead.
        score = often / len(widths) + 0.5 * (widths[0] == width) + 0.1 * (delimiter == usual) + 0.001 * min(width, 50)
        if score > best:
            best, found = score, delimiter
    return found


def _sampled(sample: list[str], delimiter: str) -> Iterator[list[str]]:
    source = _Lines(sample, iter(()))
    while (row := source.row(delimiter)) is not None:
        if any(row):
            yield row


class _Unclosed(Exception):
    """A quotation mark opens a cell that never ends."""


class _Lines:
    """Lines, given out again when they turn out not to belong to the row that asked for them."""

    def __init__(self, first: list[str], more: Iterator[str]) -> None:
        self._waiting, self._more = deque(first), more
        self._asked: list[str] = []
        self._length = 0

    def row(self, delimiter: str) -> list[str] | None:
        """The next row; None after the last."""
        self._asked, self._length = [], 0
        try:
            return next(csv.reader(self, delimiter=delimiter))
        except StopIteration:
            return None
        except (_Unclosed, csv.Error):  # the mark is a letter like others: an inch, a quotation
            self._waiting.extendleft(reversed(self._asked[1:]))
            return self._asked[0].split(delimiter)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else next(self._more, None)
        if line is None:
            if self._asked:
                raise _Unclosed
            raise StopIteration
        self._asked.append(line)
        self._length += len(line)
        if len(self._asked) > _LONGEST_RECORD or (len(self._asked) > 1 and self._length > LONGEST_LINE):
            raise _Unclosed
        return line + "\n"
