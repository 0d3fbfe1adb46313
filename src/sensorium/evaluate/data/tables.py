"""Tables as they lie on the disk: CSV, TSV, JSON, JSONL and Parquet, as rows of texts."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from sensorium.core.errors import BadData

Row = Mapping[str, Any]
SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
_DELIMITERS = (",", "\t", ";", "|")
_UTF8, _OLD = "utf-8-sig", "cp1252"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows by column, all in memory. `notes` say what was odd, a line each.

    `packed` are columns that have files in them, of which the rows say nothing.
    """

    columns: tuple[str, ...]
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    packed: tuple[str, ...] = ()


def read_table(path: Path) -> Table:
    """A table by the end of its name; a folder is one of Parquet. Raises BadData when it cannot be read as one."""
    try:
        match ".parquet" if path.is_dir() else path.suffix.lower():
            case ".parquet":
                from sensorium.evaluate.data.parquet import read_parquet

                return read_parquet(path)
            case ".jsonl" | ".ndjson":
                return _of_dicts(list(json_lines(path)))
            case ".json":
                return _of_dicts(_listed(path, read_json(path)))
            case _:
                return _delimited(path)
    except OSError as error:
        raise BadData(f"{path}: cannot be read ({error.strerror or error})") from error


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises BadData."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise BadData(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise BadData(f"{path}: is not UTF-8, as JSON must be ({error}): save it as UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise BadData(f"{path}: is not JSON ({error}): the file may be cut off, fetch it again") from error


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file that has one a line, empty lines left out. Raises BadData."""
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not (line := line.strip()):
                    continue
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise BadData(f"{path}: line {number} is not JSON ({error})") from error
                if not isinstance(row, dict):
                    raise BadData(f"{path}: line {number} is a {type(row).__name__}, not an object with columns")
                yield row
    except OSError as error:
        raise BadData(f"{path}: cannot be read ({error.strerror or error})") from error


def text_lines(path: Path) -> tuple[list[str], list[str]]:
    """The lines of a text file, and what was odd about its encoding. Raises BadData."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadData(f"{path}: cannot be read ({error.strerror or error})") from error
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # what Excel calls Unicode text
    try:
        text, notes = data.decode("utf-16" if wide else _UTF8), []
    except UnicodeDecodeError:
        text, notes = data.decode(_OLD, "replace"), [f"{path.name} is not UTF-8: read as {_OLD}"]
    if "\0" in text:
        raise BadData(f"{path}: is no text file: give a CSV, TSV, JSONL or Parquet file")
    # not str.splitlines, for which U+2028 and the like end a line as well: they may stand in a caption
    return list(io.StringIO(text, newline="")), notes


def _delimited(path: Path) -> Table:
    lines, notes = text_lines(path)
    first = next((line for line in lines if line.strip(" ,;|\t\r\n")), None)
    if first is None:
        raise BadData(f"{path}: is empty")
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(_DELIMITERS, key=first.count)
    rows = [row for row in _rows(path, lines, delimiter) if any(field.strip() for field in row)]
    columns = tuple(name.strip() for name in rows[0])
    twice = next((name for name in columns if name and columns.count(name) > 1), None)
    if twice is not None:
        raise BadData(f"{path}: has two columns {twice!r}: name them apart")
    last = len(columns) - 1
    found: list[Row] = []
    for row in rows[1:]:
        while len(row) > len(columns) and not row[-1].strip():  # empty columns of a spreadsheet
            row.pop()
        if len(row) > len(columns):  # commas of a text that is not quoted
            row = [*row[:last], delimiter.join(row[last:])]
        found.append({name: value.strip() for name, value in zip(columns, row, strict=False)})
    return Table(columns, found, notes)


def _rows(path: Path, lines: list[str], delimiter: str) -> list[list[str]]:
    """The fields of each row. Where quotes fit, they are taken for those of CSV; where they do not, for text.

    Raises BadData for a quote that would swallow the rows after it.
    """
    plain = delimiter == "|"  # of Flickr30k's results.csv, whose quotes mean nothing
    reader = csv.reader(lines, delimiter=delimiter, strict=True, quoting=csv.QUOTE_NONE if plain else csv.QUOTE_MINIMAL)
    rows: list[list[str]] = []
    begins = 1
    try:
        for row in reader:
            rows.append(row)
            begins = reader.line_num + 1
        return rows
    except csv.Error as error:
        wrong = error
    try:
        plain = delimiter in "|\t"
        rows = list(csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE if plain else csv.QUOTE_MINIMAL))
        if len(rows) == len(lines):
            return rows
    except csv.Error as error:
        wrong = error
    raise BadData(
        f"{path}: cannot be read as a table ({wrong}, in the row of line {begins}): a quote may not be closed; write "
        "one within a text twice"
    ) from wrong


def _of_dicts(rows: list[dict[str, Any]]) -> Table:
    return Table(tuple(dict.fromkeys(chain.from_iterable(rows))), list(rows))


def _listed(path: Path, value: Any) -> list[dict[str, Any]]:
    """The rows of a JSON file: a list of objects, alone or as the only list of an object."""
    if isinstance(value, dict):
        lists = [inner for inner in value.values() if isinstance(inner, list)]
        value = lists[0] if len(lists) == 1 else value
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise BadData(f"{path}: is JSON, but no list of objects with columns, nor one of COCO's or Karpathy's")
    return value
