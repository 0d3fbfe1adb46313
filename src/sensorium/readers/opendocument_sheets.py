"""The sheets of .ods files, as their XML is read: what is repeated a million times is held once."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import repeat

from sensorium.core.errors import Unreadable
from sensorium.readers.table_rows import tidy
from sensorium.readers.workbook import LOCKED, LONGEST_CELL, WIDEST, Book, Element, Rows, elements, local, shown, told


def open_document(archive: zipfile.ZipFile) -> Book:
    """The workbook of an .ods."""
    if "META-INF/manifest.xml" in archive.namelist():
        with archive.open("META-INF/manifest.xml") as manifest:
            if b"encryption-data" in manifest.read(1 << 20):
                raise Unreadable(LOCKED)
    names = [_attribute(e, "name") for event, _, e in elements(archive, "content.xml", "table") if event == "start"]
    return Book(names, told(archive, "meta.xml"), lambda at: _document_rows(archive, at))


def _document_rows(archive: zipfile.ZipFile, wanted: int) -> Rows:
    sheet, cells, blank = -1, list[str](), 0
    tags = ("table", "table-row", "table-cell", "covered-table-cell")
    for event, tag, element in elements(archive, "content.xml", *tags):
        if tag == "table":
            sheet += event == "start"
            if sheet > wanted:
                return
        elif sheet == wanted and tag == "table-row":
            if event == "end" and cells:
                yield from repeat(cells, _times(element, "number-rows-repeated"))
            cells, blank = [], 0
        elif sheet == wanted and event == "end":
            said, times = _document_cell(element), _times(element, "number-columns-repeated")
            room = max(0, WIDEST - len(cells) - blank)
            if said:
                cells += [*repeat("", blank), *repeat(said, min(times, room))]
            blank = 0 if said else blank + min(times, room)


def _document_cell(element: Element) -> str:
    form = _attribute(element, "value-type")
    if form == "date":
        return _attribute(element, "date-value").replace("T", " ").removesuffix(" 00:00:00")
    if form == "boolean":
        return _attribute(element, "boolean-value")
    if form in ("float", "currency", "percentage"):
        with suppress(ValueError):  # then as it is shown
            return shown(float(_attribute(element, "value")))
    lines = ("".join(_words(p)) for p in element if local(p) == "p")
    return tidy(" ".join(lines)[:LONGEST_CELL])


def _words(paragraph: Element) -> Iterator[str]:
    yield paragraph.text or ""
    for child in paragraph:
        yield " " if local(child) in ("s", "tab", "line-break") else "".join(_words(child))
        yield child.tail or ""


def _times(element: Element, name: str) -> int:
    said = _attribute(element, name)
    return int(said) if said.isdigit() and len(said) < 9 else 1


def _attribute(element: Element, name: str) -> str:
    return next((str(value) for key, value in element.attrib.items() if key.rpartition("}")[2] == name), "")
