"""Tables as lines of text that can be read alone: every cell with the heading of its column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sensorium.readers.page_tree import HEADINGS, Tree

_LONG_CELL = 150  # characters, on average: then it is a layout and no table
_WIDEST, _LONGEST_HEADING = 200, 60
_CELLS = ("td", "th")


@dataclass(slots=True)
class _Cell:
    text: str
    columns: int
    rows: int
    is_heading: bool


def is_data(tree: Tree, table: int) -> bool:
    """Whether a <table> holds data; else it was used to lay out a page."""
    if tree.attributes[table].get("role") in ("presentation", "none"):
        return False
    if _holds_table(tree, table):
        return False
    tags = tree.tags[table + 1 : tree.ends[table]]
    if not HEADINGS.keys().isdisjoint(tags):
        return False
    rows, cells = tags.count("tr"), sum(tag in _CELLS for tag in tags)
    if cells <= rows:
        return False
    said = sum(len(text) for text in tree.texts[table + 1 : tree.ends[table]] if not text.isspace())
    if "th" in tags or "caption" in tags:
        return said <= 4 * _LONG_CELL * cells
    return rows > 1 and said <= _LONG_CELL * cells and "li" not in tags


def _holds_table(tree: Tree, table: int) -> bool:
    try:
        return bool(tree.tags.index("table", table + 1, tree.ends[table]))
    except ValueError:
        return False


def caption(tree: Tree, table: int) -> str:
    """What its <caption> says."""
    return next((tree.text(child) for child in tree.children(table) if tree.tags[child] == "caption"), "")


def lines(tree: Tree, table: int, out: list[bool]) -> Iterator[str]:
    """A line a row: `Heading: cell; Heading: cell`, or the cells alone where the columns have no headings."""
    headings: list[str] = []
    in_headings = True
    for row in _filled(_rows(tree, table, out)):
        if in_headings and row and all(cell.is_heading for cell in row):
            headings = _joined(headings, _spread(row))
            continue
        in_headings = in_headings and not any(cell.text for cell in row)
        if line := _line(row, headings):
            yield line
    if in_headings and headings:  # nothing but headings
        yield "; ".join(dict.fromkeys(heading for heading in headings if heading))


def _rows(tree: Tree, table: int, out: list[bool]) -> Iterator[list[_Cell]]:
    """The rows, those of its head first."""
    found = [number for number in range(table + 1, tree.ends[table]) if tree.tags[number] == "tr" and not out[number]]
    found.sort(key=lambda number: tree.tags[tree.parents[number]] != "thead")
    for row in found:
        yield [_cell(tree, child) for child in tree.children(row) if tree.tags[child] in _CELLS and not out[child]]


def _cell(tree: Tree, number: int) -> _Cell:
    attributes = tree.attributes[number]
    is_heading = tree.tags[number] == "th" or tree.tags[tree.parents[tree.parents[number]]] == "thead"
    return _Cell(tree.text(number), _span(attributes.get("colspan")), _span(attributes.get("rowspan")), is_heading)


def _span(said: str | None) -> int:
    said = (said or "").strip()
    return min(max(int(said), 1), _WIDEST) if said.isascii() and said.isdigit() and len(said) < 9 else 1


def _filled(rows: Iterator[list[_Cell]]) -> Iterator[list[_Cell]]:
    """The rows with the cells of rows above that reach into them, cut short where they are said again."""
    reaching: dict[int, _Cell] = {}
    for row in rows:
        filled: list[_Cell] = []
        column, cells = 0, iter(row)
        while column < _WIDEST:
            cell = reaching.get(column) or next(cells, None)
            if cell is None:
                later = [at for at in reaching if at > column]
                if not later:
                    break
                cell = _Cell("", min(later) - column, 1, False)
            if cell.rows > 1:
                reaching[column] = _Cell(_short(cell.text), cell.columns, cell.rows - 1, cell.is_heading)
            else:
                reaching.pop(column, None)
            filled.append(cell)
            column += cell.columns
        yield filled


def _spread(row: list[_Cell]) -> list[str]:
    """The text over each column."""
    return [_short(cell.text) for cell in row for _ in range(cell.columns)][:_WIDEST]


def _joined(above: list[str], below: list[str]) -> list[str]:
    """Two lines of headings as one."""
    size = max(len(above), len(below))
    pairs = zip(above + [""] * (size - len(above)), below + [""] * (size - len(below)), strict=True)
    return [_short(" ".join(dict.fromkeys(filter(None, pair)))) for pair in pairs]


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_HEADING else text[: _LONGEST_HEADING - 3].rsplit(" ", 1)[0] + "..."


def _line(row: list[_Cell], headings: list[str]) -> str:
    said = [cell for cell in row if cell.text]
    if len(said) == 1:
        return said[0].text
    if not any(headings):
        if len(said) > 1 and said[0].is_heading and not said[1].is_heading:
            return f"{said[0].text}: {', '.join(cell.text for cell in said[1:])}"
        return " | ".join(cell.text for cell in said)
    pieces, column = [], 0
    for cell in row:
        heading = headings[column] if column < len(headings) else ""
        column += cell.columns
        if cell.text:
            pieces.append(f"{heading}: {cell.text}" if heading and heading != cell.text else cell.text)
    return "; ".join(pieces)
