"""Tables as they lie on the disk: CSV, TSV, JSON, JSONL and Parquet, as rows of texts."""

from __future__ import annotations

import csv
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
    """Rows by column, all in memory. `notes` say what was odd, a line each."""

    columns: tuple[str, ...]
    rows: list[Row]
    notes: list[str] = field(default_factory=list)


def read_table(path: Path) -> Table:
    """A table by the end of its name. Raises BadData when it cannot be read as one."""
    try:
        match path.suffix.lower():
            case ".parquet":
                return _parquet(path)
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
    if b"\0" in data:
        raise BadData(f"{path}: is no text file: give a CSV, TSV, JSONL or Parquet file")
    try:
        return data.decode(_UTF8).splitlines(keepends=True), []
    except UnicodeDecodeError:
        odd = f"{path.name} is not UTF-8: read as {_OLD}"
        return data.decode(_OLD, "replace").splitlines(keepends=True), [odd]


def _delimited(path: Path) -> Table:
    lines, notes = text_lines(path)
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise BadData(f"{path}: is empty")
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(_DELIMITERS, key=first.count)
    # Flickr30k's results.csv has `|` between its columns, and quotes that mean nothing.
    plain = delimiter == "|"
    try:
        rows = list(csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE if plain else csv.QUOTE_MINIMAL))
    except csv.Error as error:
        raise BadData(f"{path}: cannot be read as a table ({error}): a quote may not be closed") from error
    rows = [row for row in rows if any(field.strip() for field in row)]
    columns = tuple(name.strip() for name in rows[0])
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise BadData(f"{path}: has two columns {twice!r}: name them apart")
    last = len(columns) - 1
    found: list[Row] = []
    for row in rows[1:]:
        if len(row) > len(columns):  # commas of a text that is not quoted
            row = [*row[:last], delimiter.join(row[last:])]
        found.append({name: value.strip() for name, value in zip(columns, row, strict=False)})
    return Table(columns, found, notes)


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


def _parquet(path: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowException, ValueError) as error:
        raise BadData(f"{path}: cannot be read as Parquet ({' '.join(str(error).split())})") from error
    return Table(tuple(table.column_names), table.to_pylist())
