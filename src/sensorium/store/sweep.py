"""Rows that no item row names, left by a killed run, an update or a removal: the next writer deletes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from sensorium.store.live import Revisions, column
from sensorium.store.table_writer import TableWriter

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CHUNK = 10_000


def sweep(items: TableWriter, tables: Iterable[TableWriter]) -> int:
    """Deletes from `tables` the rows whose (item, revision) `items` does not name; returns how many."""
    revisions, swept = Revisions(items.rows("id", "revision")), 0
    for table in tables:
        rows = table.rows("item", "revision", row_ids=True)
        dead = ~revisions.name(column(rows, "item"), column(rows, "revision"))
        # By row, not by id: an id may have a dead row and a live one.
        for some in listed(column(rows, "_rowid")[dead]):
            table.delete(f"_rowid IN ({some})")
        swept += int(dead.sum())
    return swept


def listed(ids: NDArray[Any]) -> Iterator[str]:
    """Integers as the inside of SQL lists of bearable length."""
    for start in range(0, len(ids), _CHUNK):
        yield ",".join(map(str, np.asarray(ids)[start : start + _CHUNK].tolist()))
