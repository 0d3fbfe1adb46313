"""The columns of the tables, and rows to fill them with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Without it two processes that upsert the same new keys would make silent duplicates.
_KEY = {"lance-schema:unenforced-primary-key": "true"}

ITEMS = pa.schema([
    pa.field("id", pa.int64(), nullable=False, metadata=_KEY),
    pa.field("revision", pa.int64(), nullable=False),
    pa.field("path", pa.string()),
    pa.field("kind", pa.string()),
    pa.field("state", pa.string()),          # "present" or "missing"
    pa.field("hash", pa.string()),           # of the file's content, in hex
    pa.field("size", pa.int64()),            # bytes
    pa.field("mtime", pa.float64()),         # seconds since 1970
    pa.field("title", pa.string()),
    pa.field("attributes", pa.string()),     # JSON
    pa.field("added_at", pa.float64()),      # seconds since 1970
])  # fmt: skip

PARTS = pa.schema([
    pa.field("id", pa.int64(), nullable=False),
    pa.field("item", pa.int64(), nullable=False),
    pa.field("revision", pa.int64(), nullable=False),
    pa.field("modality", pa.string()),
    pa.field("place", pa.string()),          # JSON
    pa.field("text", pa.string()),
    pa.field("preview", pa.large_binary()),  # a small WebP, or null
    pa.field("attributes", pa.string()),     # JSON
])  # fmt: skip

SKIPPED = pa.schema([
    pa.field("path", pa.string(), nullable=False, metadata=_KEY),
    pa.field("size", pa.int64()),
    pa.field("mtime", pa.float64()),
    pa.field("why", pa.string()),
])  # fmt: skip


# Items in which there is nothing for the towers of a space: nothing is left to do for them.
WITHOUT = pa.schema([
    pa.field("item", pa.int64(), nullable=False),
    pa.field("revision", pa.int64(), nullable=False),
])  # fmt: skip


def vectors_schema(dimension: int, storage: str) -> pa.Schema:
    """The columns of a space: `storage` is `float16` or `float32`."""
    width = {"float16": pa.float16(), "float32": pa.float32()}[storage]
    names = ("part", "item", "revision")
    keys = [pa.field(name, pa.int64(), nullable=False) for name in names]
    return pa.schema([*keys, pa.field("vector", pa.list_(width, dimension), nullable=False)])


def rows_table(schema: pa.Schema, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows as a table of `schema`; columns that a row lacks are null, `attributes` and `place` may be plain dicts."""
    return pa.Table.from_pylist([{name: _plain(value) for name, value in row.items()} for row in rows], schema=schema)


def _plain(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, Mapping) else value


def vectors_table(
    parts: NDArray[np.int64], items: NDArray[np.int64], revisions: NDArray[np.int64], vectors: NDArray[Any],
    storage: str = "float16",
) -> pa.Table:  # fmt: skip
    """Rows of a space from parts, items, revisions int64 (n,) and vectors (n, d).

    Raises ValueError when a value is not finite as it is stored (float16 ends at 65,504).
    """
    with np.errstate(over="ignore"):
        stored = np.ascontiguousarray(vectors, dtype=storage)
    if not np.isfinite(stored).all():
        raise ValueError(f"a vector has a value that is not finite as {storage}")
    schema = vectors_schema(stored.shape[1], storage)
    column = pa.FixedSizeListArray.from_arrays(pa.array(stored.ravel()), stored.shape[1])
    keys = [pa.array(np.asarray(values, np.int64)) for values in (parts, items, revisions)]
    return pa.Table.from_arrays([*keys, column], schema=schema)


def matrix(column: pa.ChunkedArray, dimension: int) -> NDArray[np.float32]:
    """A column of vectors as float32 (n, dimension)."""
    chunks = [chunk.flatten().to_numpy(zero_copy_only=True).reshape(-1, dimension) for chunk in column.chunks]
    return np.concatenate([np.empty((0, dimension), np.float32), *chunks], dtype=np.float32, casting="same_kind")
