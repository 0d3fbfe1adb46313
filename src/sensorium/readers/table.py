"""Tables: CSV and its kin, JSON lines, workbooks; a text a row."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain, islice
from typing import Any, BinaryIO

from sensorium.core.errors import Unreadable
from sensorium.core.types import Part
from sensorium.readers.contract import Limits, Source
from sensorium.readers.damage import unreadable
from sensorium.readers.delimited import LONGEST_LINE, lines_in, rows_in
from sensorium.readers.sniff import sniff
from sensorium.readers.table_rows import Table, row_parts, sentence, tidy

_DELIMITED = {"text/csv": ",", "text/tab-separated-values": "\t"}
_JSON_LINES = "application/x-ndjson"
_WORKBOOKS = frozenset({
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.oasis.opendocument.spreadsheet", "application/vnd.ms-excel",
})  # fmt: skip
_AHEAD = 200  # records whose names are taken for those of all
_MOST_NAMES = 1000


class TableReader:
    """A text part a row, as `column: value; column: value`."""

    kind = "table"

    def accepts(self, media_type: str) -> bool:
        """CSV, TSV, JSON lines, and the workbooks of Excel and OpenDocument."""
        return media_type in _DELIMITED or media_type == _JSON_LINES or media_type in _WORKBOOKS

    def read(self, source: Source, limits: Limits) -> Iterator[Part]:
        """Text parts with `Place(row=n)`, from 1 below the names of the columns; in workbooks `section` is the sheet.

        Blank cells are left out. The first part's attributes are `columns`, and where known `rows` and `sheets`, with
        what a workbook says of itself. Lines that are no JSON are passed over; the last part says how many in `broken`.
        Raises `Unreadable` for what holds no rows.
        """
        media_type = sniff(source)
        with unreadable("a damaged table"):
            if media_type in _WORKBOOKS:
                yield from _workbook(source, media_type, limits)
                return
            with source.open() as stream:
                if media_type == _JSON_LINES:
                    yield from _json_lines(stream, limits)
                else:
                    yield from _delimited(stream, _DELIMITED.get(media_type, ","), limits)


def _delimited(stream: BinaryIO, usual: str, limits: Limits) -> Iterator[Part]:
    table = Table(rows_in(stream, usual))
    yield from _first_says(table.parts(limits), said_by(table))


def said_by(table: Table) -> dict[str, Any]:
    """`columns` and `rows`, as far as they are known."""
    columns = [name for name in table.columns if name]
    rows = {} if table.count is None else {"rows": table.count}
    return {**({"columns": columns} if columns else {}), **rows}


def _first_says(parts: Iterator[Part], attributes: Mapping[str, Any]) -> Iterator[Part]:
    first = next(parts, None)
    if first is not None:
        yield replace(first, attributes={**first.attributes, **attributes})
        yield from parts


def _workbook(source: Source, media_type: str, limits: Limits) -> Iterator[Part]:
    from sensorium.readers.spreadsheet import opened  # CSV does without its libraries

    with opened(source, media_type, limits) as book:
        said: dict[str, Any] | None = {**book.said, "sheets": book.names}
        for name, rows in book.sheets():
            table = Table(rows)
            attributes = said_by(table)
            if len(book.names) > 1:
                attributes.pop("rows", None)  # of this sheet alone
            for part in _first_says(table.parts(limits, section=name), {**attributes, **said} if said else {}):
                yield part
                said = None


def _json_lines(stream: BinaryIO, limits: Limits) -> Iterator[Part]:
    records = JsonRecords(stream)
    ahead = list(islice(records, _AHEAD))
    names = dict.fromkeys(name for _, pairs in ahead for name, _ in pairs if name)
    whole = {"rows": records.seen} if len(ahead) < _AHEAD else {}
    said = {**({"columns": list(names)[:_MOST_NAMES]} if names else {}), **whole}
    held: Part | None = None
    for row, pairs in chain(ahead, records):
        for part in row_parts(sentence(pairs), row, None, limits):
            if held is not None:
                yield held
            held, said = replace(part, attributes=said), {}
    if held is None:
        raise Unreadable(records.trouble)
    broken = {"broken": records.broken} if records.broken else {}
    yield replace(held, attributes={**held.attributes, **broken})


class JsonRecords:
    """The records of JSON lines, as (line, pairs of names and values); blank lines do not count.

    `seen` is the number of lines so far, `broken` of those that cannot be read.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._lines = (line for line in lines_in(stream) if line.strip())
        self.seen = self.broken = self._cut = self._deep = 0

    @property
    def trouble(self) -> str:
        """Why the lines so far say nothing, where none does."""
        if self._cut and self._cut == self.broken:
            return f"every line in it is longer than the {LONGEST_LINE} characters that are read of one"
        if self._deep and self._deep == self.broken:
            return "every line in it holds lists or objects within each other deeper than is read"
        if self._cut or self._deep:
            return "none of its lines is JSON of a length and depth that is read"
        if self.broken:
            return "none of its lines is JSON"
        return "nothing but empty records in it" if self.seen else "nothing but blank lines in it"

    def __iter__(self) -> Iterator[tuple[int, list[tuple[str, str]]]]:
        return self

    def __next__(self) -> tuple[int, list[tuple[str, str]]]:
        for line in self._lines:
            self.seen += 1
            try:
                return self.seen, list(pairs_of(json.loads(line)))
            except (ValueError, RecursionError) as error:
                self.broken += 1
                self._cut += len(line) >= LONGEST_LINE
                self._deep += isinstance(error, RecursionError)
        raise StopIteration


def pairs_of(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """A record as names and values: what lies within another is named `outer.inner`, plain lists are joined."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from pairs_of(inner, f"{name}.{tidy(key)}" if name else tidy(key))
    elif isinstance(value, list) and any(isinstance(inner, (dict, list)) for inner in value):
        for inner in value:
            yield from pairs_of(inner, name)
    elif isinstance(value, list):
        yield name, ", ".join(_plain(inner) for inner in value)
    else:
        yield name, _plain(value)


def _plain(value: Any) -> str:
    return tidy(value if isinstance(value, str) else json.dumps(value))


reader = TableReader()
