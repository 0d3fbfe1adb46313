"""`--where`: an SQL expression over the items table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from sensorium.core.errors import BadWhere
from sensorium.store.datasets import reason
from sensorium.store.schemas import ITEMS

if TYPE_CHECKING:
    from lance import LanceDataset


def select(items: LanceDataset, where: str, columns: Sequence[str]) -> pa.Table:
    """The `columns` of the items for which `where` is true. Raises `BadWhere`.

    DataFusion reads it as the WHERE of a query, so that numbers of any form compare (Lance's own filters refuse
    `size > 1e6`: it is no integer).
    """
    schema = pa.schema([ITEMS.field(name) for name in columns])
    # On a line of its own: a trailing `-- comment` must not swallow the bracket.
    query = f"SELECT {', '.join(columns)} FROM dataset WHERE (\n{where}\n)"
    try:
        batches = items.sql(query).build().to_batch_records()
    except ValueError as error:
        if is_lost_file(error):
            raise
        raise BadWhere(_refusal(where, error)) from error
    return pa.Table.from_batches([batch.cast(schema) for batch in batches], schema=schema)


def is_lost_file(error: Exception) -> bool:
    """Whether it is the disk that speaks, not the SQL: most often a file that a writer has just compacted away."""
    said = str(error)
    return any(word in said for word in ("Not found: ", "LanceError(IO)", "No such file", "Generic LocalFileSystem"))


def _refusal(where: str, error: Exception) -> str:
    why = reason(error).removeprefix("Invalid user input: ").replace("dataset.", "")
    why = why.split(". Valid fields are")[0]
    shown = " ".join(where.split())
    return (
        f"where {shown!r} cannot be read: {why}; it is an SQL expression over {', '.join(ITEMS.names)}, "
        "with text in single quotes"
    )
