"""Rows of a table as texts: which row names the columns, and how a row reads as a sentence of a kind."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat

from sensorium.core.types import Part, Place
from sensorium.readers.contract import Limits
from sensorium.readers.passages import passages

_AHEAD_ROWS, _AHEAD_CHARACTERS = 2000, 1 << 20
_LOOKED_AT = 100  # rows that say what the first ones are
_PREAMBLE = 20
_LONGEST_ROW = 100_000
_LONGEST_NAME, _MOST_NAMES = 60, 1000
_BLANK = frozenset({"", "nan", "null", "none", "n/a", "#n/a", "-"})
_CONTROLS = re.compile("[\0-\x08\x0e-\x1b\x7f-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")
_NUMBER = re.compile(r"[-+(]?[$€£¥]?\s?\d[\d.,' ]*(?:[eE][-+]?\d+)?\s?[%€$)]?")
_YEAR = re.compile(r"(?:18|19|20|21)\d\d")
_MOMENT = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ].*)?|\d{1,2}:\d\d(?::\d\d)?.*")
_ADDRESS = re.compile(r"https?://|[^\s@]+@[^\s@]+\.[a-z]+$|.*[/\\].*\.\w{2,4}$", re.IGNORECASE)
_NAMELESS = re.compile(r"(?:unnamed: ?\d+(?:_level_\d+)?|__index_level_\d+__)?", re.IGNORECASE)

Row = Sequence[str]


def tidy(cell: str) -> str:
    """A cell on one line, without control characters."""
    return " ".join(_CONTROLS.sub("", cell).split())


def sentence(pairs: Iterable[tuple[str, str]]) -> str:
    """`column: value; column: value`; blank values are left out, nameless columns give their value alone."""
    said = (f"{name}: {value}" if name else value for name, value in pairs if value.lower() not in _BLANK)
    return "; ".join(said)[:_LONGEST_ROW]


def row_parts(text: str, row: int | None, section: str | None, limits: Limits) -> Iterator[Part]:
    """The passages of a row's text: one, unless the row is very long."""
    for passage in passages(text, limits.passage_characters):
        yield Part("text", passage.text, Place(section=section, row=row))


class Table:
    """Rows of tidy cells, of which the first may be a title and the names of the columns.

    `columns` are the names, [] when no row has them; `count` is the number of rows below them where all are at hand.
    """

    def __init__(self, rows: Iterator[Row]) -> None:
        ahead, ended = _ahead(rows)
        start, named = _beginning(ahead[:_LOOKED_AT])
        self.columns = [_name(cell) for cell in ahead[start]][:_MOST_NAMES] if named else []
        self.count = len(ahead) - start - named if ended else None
        self._before, self._rows = ahead[:start], chain(ahead[start + named :], rows)

    def parts(self, limits: Limits, section: str | None = None) -> Iterator[Part]:
        """Text parts, with `Place(row=n)` counted from 1 below the names; what stands above these has no row."""
        for row in self._before:
            yield from row_parts(sentence(("", cell) for cell in row), None, section, limits)
        for number, row in enumerate(self._rows, 1):
            names = chain(self.columns, repeat(""))
            yield from row_parts(sentence(zip(names, row, strict=False)), number, section, limits)


def _ahead(rows: Iterator[Row]) -> tuple[list[Row], bool]:
    """The first rows, and whether these are all."""
    ahead: list[Row] = []
    length = 0
    for row in rows:
        ahead.append(row)
        length += sum(map(len, row)) + len(row)
        if len(ahead) >= _AHEAD_ROWS or length >= _AHEAD_CHARACTERS:
            return ahead, False
    return ahead, True


def _beginning(rows: Sequence[Row]) -> tuple[int, bool]:
    """Where the table begins, and whether with the names of its columns."""
    widths = [sum(map(bool, row)) for row in rows]
    if not widths:
        return 0, False
    usual, _ = Counter(widths).most_common(1)[0]
    enough = max(2, 0.6 * usual) if usual > 1 else 1
    start = next((at for at, width in enumerate(widths[:_PREAMBLE]) if width >= enough), 0)
    return (start, True) if _are_names(rows[start], rows[start + 1 :]) else (0, False)


def _are_names(row: Row, below: Sequence[Row]) -> bool:
    """Whether a row looks like the names of the columns of those below it."""
    said = [cell for cell in row if cell]
    if not said or not below or len(set(said)) < len(said):
        return False
    columns = [{other[at] for other in below if at < len(other)} for at in range(len(row))]
    for at, cell in enumerate(row):
        if not cell:
            continue
        if len(cell) > _LONGEST_NAME or _MOMENT.fullmatch(cell) or _ADDRESS.match(cell) or cell in columns[at]:
            return False
        if _NUMBER.fullmatch(cell) and not (_YEAR.fullmatch(cell) and len(said) > 2 and row[0] and at):
            return False
    return len(row) > 1 or not any(" " in cell for cell in said)


def _name(cell: str) -> str:
    return "" if _NAMELESS.fullmatch(cell) else cell[:_LONGEST_NAME]
