"""Tables of any library as rows of Python values, and what their columns mean."""

from __future__ import annotations

import datetime
import decimal
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from sensorium.core.errors import BadTable

if TYPE_CHECKING:
    import pyarrow as pa

CONTENTS = ("text", "image", "audio", "video", "path")
ROLES = (*CONTENTS, "title", "key")
_AT_ONCE = 64  # rows that are Python values at a time
_INDEX = "__index_level_"  # what pandas calls an index without a name
_NOTHING = ("NAType", "NaTType")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Columns:
    """What columns mean: those that hold something to find, in order, and the title's and the key's, if there are."""

    contents: Mapping[str, str]
    title: str | None = None
    key: str | None = None

    @classmethod
    def of(cls, column_map: Mapping[str, str], key: str | None) -> Columns:
        """From the caller's map of columns to roles. Raises BadTable."""
        for column, role in column_map.items():
            if role not in ROLES:
                raise BadTable(f"the column {column!r} cannot be {role!r}: choose one of {', '.join(ROLES)}")
        contents = {column: role for column, role in column_map.items() if role in CONTENTS}
        if not contents:
            raise BadTable(f"column_map names nothing to find: map a column to one of {', '.join(CONTENTS)}")
        keys = list(dict.fromkeys([*([key] if key else []), *(c for c, role in column_map.items() if role == "key")]))
        titles = [column for column, role in column_map.items() if role == "title"]
        for said, several in (("key", keys), ("title", titles)):
            if len(several) > 1:
                raise BadTable(f"{' and '.join(map(repr, several))} cannot both be the {said}: choose one column")
        return cls(contents, next(iter(titles), None), next(iter(keys), None))

    def check(self, there: Iterable[str]) -> None:
        """Raises BadTable when a column that is mapped is not there."""
        names = list(there)
        wanted = [*self.contents, *([self.title] if self.title else []), *([self.key] if self.key else [])]
        missing = next((name for name in wanted if name not in names), None)
        if missing is not None:
            raise BadTable(f"the table has no column {missing!r}: it has {', '.join(map(str, names)) or 'none'}")


def rows_of(table: Any, columns: Columns) -> tuple[Iterator[Row], int | None]:
    """The rows of a table one after the other, and how many there are, None while nobody knows.

    A table is anything of Arrow's (a Table, RecordBatch or RecordBatchReader), whatever gives itself as Arrow data
    (pandas, Polars, DuckDB and others, by `__arrow_c_stream__` or `__arrow_c_array__`), or dicts, a row each. Raises
    BadTable when it is none of these or lacks a column.
    """
    if not isinstance(table, Mapping) and (batches := _batches(table)) is not None:
        names, stream = batches
        columns.check(names)
        count = getattr(table, "num_rows", None)
        if count is None and hasattr(table, "__len__"):
            count = len(table)
        return chain.from_iterable(map(_rows, stream)), count
    if isinstance(table, (Mapping, str, bytes)) or not isinstance(table, Iterable):
        raise BadTable(f"a {type(table).__name__} is no table: give one of pandas, Polars or Arrow, or a list of dicts")
    return _dicts(iter(table), columns), len(table) if isinstance(table, Sized) else None


def _batches(table: Any) -> tuple[list[str], Iterable[pa.RecordBatch]] | None:
    """The names of its columns and its batches; None for what is not Arrow's. Raises BadTable."""
    import pyarrow as pa

    try:
        if hasattr(table, "__arrow_c_stream__"):
            table = pa.RecordBatchReader.from_stream(table)
        elif hasattr(table, "__arrow_c_array__"):
            table = pa.record_batch(table)
        elif type(table).__module__.partition(".")[0] == "pandas":  # older than its Arrow interface
            table = pa.Table.from_pandas(table, preserve_index=False)
    except (pa.ArrowException, TypeError, ValueError) as error:
        why = " ".join(str(error).split())
        raise BadTable(
            f"this {type(table).__name__} cannot be read as a table: {why}; give its rows as dicts"
        ) from error
    if isinstance(table, pa.RecordBatch):
        return table.schema.names, [table]
    if isinstance(table, pa.Table):
        return table.schema.names, table.to_batches()
    return (table.schema.names, table) if isinstance(table, pa.RecordBatchReader) else None


def _rows(batch: pa.RecordBatch) -> Iterator[Row]:
    import pyarrow as pa

    # Python has no nanoseconds, and pyarrow refuses to round.
    finer = {pa.timestamp: pa.types.is_timestamp, pa.duration: pa.types.is_duration, pa.time64: pa.types.is_time64}
    for at, field in enumerate(batch.schema):
        for coarse, is_one in finer.items():
            if is_one(field.type) and field.type.unit == "ns":
                form = coarse("us", tz=field.type.tz) if coarse is pa.timestamp else coarse("us")
                batch = batch.set_column(at, field.name, batch.column(at).cast(form, safe=False))
    for start in range(0, batch.num_rows, _AT_ONCE):
        for row in batch.slice(start, _AT_ONCE).to_pylist():
            yield {name: value for name, value in row.items() if not name.startswith(_INDEX)}


def _dicts(rows: Iterator[Any], columns: Columns) -> Iterator[Row]:
    for at, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise BadTable(f"row {at + 1} is a {type(row).__name__}: give one of pandas, Polars or Arrow, or dicts")
        if not at:
            columns.check(row)
        yield row


def plain(value: Any) -> Any:
    """A value as JSON has it: moments in ISO 8601, None for what is not there or has no such form (bytes)."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)) or type(value).__name__ in _NOTHING:
        return None
    if isinstance(value, (float, decimal.Decimal)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, int):
        return int(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if hasattr(value, "tolist"):  # NumPy's scalars and arrays
        return plain(value.tolist())
    return [plain(inner) for inner in value] if isinstance(value, (list, tuple, set, frozenset)) else str(value)


def said(value: Any) -> str:
    """A value as a text; "" for what is not there. A whole number is written without a point: 12.0 is 12."""
    value = plain(value)
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
