"""The sheets of .xlsx files, as their XML is read: a sheet of any length takes no more memory than a row."""

from __future__ import annotations

import datetime
import re
import zipfile
from array import array
from functools import cache
from itertools import repeat
from pathlib import PurePosixPath

from sensorium.readers.table_rows import tidy
from sensorium.readers.workbook import LONGEST_CELL, WIDEST, Book, Element, Rows, elements, local, shown, told

_MOST_TEXT = 128 << 20  # bytes of strings that cells share
_ID = re.compile(r"\}id$")
_COLUMN = re.compile(r"[A-Z]{1,3}")
_QUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]hms]*\]|_.|\*.', re.IGNORECASE)
_TIMES = re.compile(r"[ymdhs]", re.IGNORECASE)
# Formats that Excel has by number: dates, times, and those of East Asian editions (ECMA-376, 18.8.30).
_DATE_FORMATS = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_EPOCH, _EPOCH_1904 = datetime.datetime(1899, 12, 30), datetime.datetime(1904, 1, 1)


def open_xml(archive: zipfile.ZipFile) -> Book:
    """The workbook of an .xlsx."""
    root = "xl/workbook.xml"
    paths = {}
    for event, _, element in elements(archive, "xl/_rels/workbook.xml.rels", "Relationship"):
        if event == "start" and str(element.get("Type")).endswith("/worksheet"):
            paths[element.get("Id")] = _inside(str(element.get("Target")))
    names, places, epoch = [], [], _EPOCH
    for event, tag, element in elements(archive, root, "sheet", "workbookPr"):
        if event == "end":
            continue
        if tag == "workbookPr":
            epoch = _EPOCH_1904 if element.get("date1904") in ("1", "true") else _EPOCH
        elif (path := paths.get(_relation(element))) is not None:
            names.append(tidy(element.get("name") or ""))
            places.append(path)
    reading = _Xlsx(archive, epoch)
    return Book(names, told(archive, "docProps/core.xml"), lambda at: reading.rows(places[at]))


def _relation(element: Element) -> str:
    return next((value for name, value in element.attrib.items() if _ID.search(name)), "")


def _inside(target: str) -> str:
    return target.lstrip("/") if target.startswith("/") else str(PurePosixPath("xl", target))


class _Xlsx:
    """The cells of an .xlsx: numbers into the strings that cells share, and dates that are numbers."""

    def __init__(self, archive: zipfile.ZipFile, epoch: datetime.datetime) -> None:
        self._archive, self._epoch = archive, epoch
        self._strings = _Strings(archive, "xl/sharedStrings.xml")
        self._dates = _date_styles(archive)

    def rows(self, path: str) -> Rows:
        """The rows of the sheet at `path`, without gaps between them."""
        cells: list[str] = []
        for event, tag, element in elements(self._archive, path, "row", "c"):
            if tag == "row":
                if event == "end" and cells:
                    yield cells
                cells = []
            elif event == "end":
                at = _column(element.get("r") or "", len(cells))
                if at < WIDEST and (said := self._cell(element)):
                    cells += repeat("", at + 1 - len(cells))
                    cells[at] = said
                elif len(cells) == at < WIDEST:
                    cells.append("")

    def _cell(self, element: Element) -> str:
        form, said = element.get("t") or "n", ""
        for child in element:
            if local(child) == "v":
                said = child.text or ""
            elif local(child) == "is":
                return _spoken(child)
        if form == "s":
            return self._strings[int(said)] if said.isdigit() else ""
        if form == "b":
            return "true" if said == "1" else "false" if said else ""
        if form == "n" and said:
            return self._number(said, int(element.get("s") or 0))
        return "" if form == "e" else tidy(said[:LONGEST_CELL])

    def _number(self, said: str, style: int) -> str:
        try:
            number = float(said)
            if style in self._dates:
                return _moment(number, self._epoch)
        except (ValueError, OverflowError):
            return tidy(said[:LONGEST_CELL])
        return shown(number) if abs(number) < float("inf") else ""


class _Strings:
    """The strings that cells share, in one block of bytes."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._blob, self._ends = bytearray(), array("Q", [0])
        if name not in archive.namelist():
            return
        for event, _, element in elements(archive, name, "si"):
            if event == "end":
                if len(self._blob) < _MOST_TEXT:
                    self._blob += _spoken(element).encode()
                self._ends.append(len(self._blob))

    def __getitem__(self, at: int) -> str:
        if at + 1 >= len(self._ends):
            return ""
        return self._blob[self._ends[at] : self._ends[at + 1]].decode()


def _spoken(element: Element) -> str:
    """The text of a string: of all its runs, without the readings of Japanese words."""
    texts = (t.text or "" for t in element.iter("{*}t") if local(t.getparent()) != "rPh")
    return tidy("".join(texts)[:LONGEST_CELL])


@cache
def _number_of(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _column(reference: str, following: int) -> int:
    letters = _COLUMN.match(reference)
    return _number_of(letters[0]) if letters else following


def _date_styles(archive: zipfile.ZipFile) -> frozenset[int]:
    """The styles that show a number as a date or a time."""
    formats, styles, inside = set(_DATE_FORMATS), list[int](), False
    if "xl/styles.xml" not in archive.namelist():
        return frozenset()
    for event, tag, element in elements(archive, "xl/styles.xml", "numFmt", "cellXfs", "xf"):
        if tag == "cellXfs":
            inside = event == "start"
        elif event == "start" and tag == "xf" and inside:
            styles.append(int(element.get("numFmtId") or 0))
        elif event == "start" and tag == "numFmt":
            code = _QUOTED.sub("", str(element.get("formatCode")))
            if _TIMES.search(code) and code.lower() != "general":
                formats.add(int(element.get("numFmtId") or 0))
    return frozenset(at for at, form in enumerate(styles) if form in formats)


def _moment(days: float, epoch: datetime.datetime) -> str:
    moment = epoch + datetime.timedelta(days=days) + datetime.timedelta(microseconds=500_000)
    return str(moment.time().replace(microsecond=0)) if 0 <= days < 1 else shown(moment)
