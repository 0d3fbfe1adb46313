"""Tables of Parquet, as the Hugging Face hub has them too: several files to a table, and pictures and sounds within.

https://huggingface.co/docs/hub/datasets-image#parquet-format: such a file is a value {bytes, path}; classes are
numbers, whose names stand in the schema; `train-00000-of-00002.parquet` is a part of the split `train`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorium.core.errors import BadData
from sensorium.evaluate.data.tables import Row, Table

if TYPE_CHECKING:
    import pyarrow as pa

SPLIT = "split"
_SHARD = re.compile(r"(?P<split>[\w.-]+?)-\d{5}-of-\d{5}\.parquet")
_AT_ONCE = 16  # rows with files in them that are in memory
_SUFFIX = re.compile(r"\.\w{1,5}")


def shards(folder: Path) -> list[Path]:
    """The files of a table that has several, in a folder or in its `data`; none when there are others."""
    for place in (folder, folder / "data"):
        found = sorted(place.glob("*.parquet")) if place.is_dir() else []
        if found and all(_SHARD.fullmatch(path.name) for path in found):
            return found
    return []


def read_parquet(path: Path) -> Table:
    """A table of one file, or of all in a folder. Of columns with files in them nothing is read: `packed` names them.

    Raises BadData.
    """
    if not path.is_dir():
        return _one(path)
    tables: list[Table] = []
    for shard in shards(path):
        one, name = _one(shard), _SHARD.fullmatch(shard.name)
        if SPLIT not in one.columns and name is not None:
            rows: list[Row] = [{**row, SPLIT: name["split"]} for row in one.rows]
            one = replace(one, columns=(*one.columns, SPLIT), rows=rows)
        if tables and one.columns != tables[0].columns:
            raise BadData(f"{shard}: has other columns than the files beside it: name the one that is meant")
        tables.append(one)
    return replace(tables[0], rows=[row for table in tables for row in table.rows])


def unpacked(path: Path, table: Table, columns: Sequence[str], wanted: Sequence[bool], folder: Path) -> Table:
    """The table with the names of its files, which are put into `folder`, each once, named by its content.

    `wanted` says of which rows. Raises BadData when they cannot be written.
    """
    rows = list(table.rows)
    every = (value for shard in (shards(path) if path.is_dir() else [path]) for value in _values(shard, columns))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for at, (values, is_wanted) in enumerate(zip(every, wanted, strict=True)):
            if is_wanted:
                rows[at] = {**rows[at], **{name: _put(values[name], folder) for name in columns}}
    except OSError as error:
        why = error.strerror or error
        raise BadData(f"{path}: its files cannot be unpacked into {folder} ({why}): set SENSORIUM_CACHE") from error
    return replace(table, rows=rows)


def _put(value: object, folder: Path) -> str:
    """The name of a file in the folder; that which a value has, where it has no content."""
    from blake3 import blake3

    said = value.get("path") or "" if isinstance(value, Mapping) else ""
    data = value.get("bytes") if isinstance(value, Mapping) else value
    if not isinstance(data, bytes) or not data:
        return str(said)
    suffix = Path(str(said)).suffix
    name = blake3(data).hexdigest()[:32] + (suffix.lower() if _SUFFIX.fullmatch(suffix) else "")
    path = folder / name
    if not path.is_file():
        partial = folder / f".{name}.{os.getpid()}"
        partial.write_bytes(data)
        partial.replace(path)  # whole or not at all, whoever else unpacks it
    return name


def _values(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    import pyarrow.parquet as pq

    with _saying(path), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_AT_ONCE, columns=list(columns)):
            yield from batch.to_pylist()


def _one(path: Path) -> Table:
    import pyarrow.parquet as pq

    with _saying(path):
        schema = pq.read_schema(path)
        packed = tuple(field.name for field in schema if _holds_files(field.type))
        table = pq.read_table(path, columns=[name for name in schema.names if name not in packed])
    names = _classes(schema)
    rows = table.to_pylist()
    for column, called in names.items():
        for row in rows:
            if isinstance(at := row.get(column), int):
                row[column] = called[at] if 0 <= at < len(called) else ""
    return Table(tuple(schema.names), rows, packed=packed)


class _saying:
    """Turns what pyarrow raises into one line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        """Nothing to do yet."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        import pyarrow as pa

        of_content = isinstance(error, OSError) and error.errno is None  # damage, not the file system
        if of_content or isinstance(error, (pa.ArrowException, ValueError)):
            raise BadData(f"{self.path}: cannot be read as Parquet ({' '.join(str(error).split())})") from error


def _classes(schema: pa.Schema) -> dict[str, list[str]]:
    """The names of classes that are numbers, by column."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        return {
            name: [str(one) for one in said["names"]]
            for name, said in features.items()
            if isinstance(said, dict) and said.get("_type") == "ClassLabel" and isinstance(said.get("names"), list)
        }
    except (KeyError, TypeError, AttributeError, ValueError):  # of another tool, or another layout: numbers stay
        return {}


def _holds_files(kind: Any) -> bool:
    """Whether a column has files in it, not their names."""
    import pyarrow.types as of

    if of.is_struct(kind):
        return any(_holds_files(field.type) for field in kind)
    return bool(of.is_binary(kind) or of.is_large_binary(kind))
