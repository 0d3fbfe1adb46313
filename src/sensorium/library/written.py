"""What an item's encoded parts become in the tables: one batch of rows, all with the item's new revision."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sensorium.library.filling import Pending
from sensorium.library.prepared import PartRow, storable
from sensorium.store.commit import Batch, new_revision
from sensorium.store.schemas import ITEMS, PARTS, WITHOUT, rows_table, vectors_table


def batch_of(batch: Sequence[Pending], storage: Mapping[str, str], next_part: Callable[[], int]) -> Batch:
    """Items with their parts and vectors as tables; each write of an item draws a revision of its own.

    `storage` says by space how its vectors are stored.
    """
    items = [{**pending.row, "revision": new_revision()} for pending in batch]
    ids = [np.array([next_part() for _ in pending.parts], np.int64) for pending in batch]
    parts = [
        {"id": int(id), "item": item["id"], "revision": item["revision"], **part_fields(row)}
        for item, pending, own in zip(items, batch, ids, strict=True)
        for id, row in zip(own, pending.parts, strict=True)
    ]
    vectors, without = vectors_of(batch, items, ids, storage)
    return Batch(rows_table(ITEMS, items), rows_table(PARTS, parts), vectors, without)


def part_fields(row: PartRow) -> dict[str, Any]:
    """What the parts table says of a part itself."""
    return {
        "modality": row.modality, "place": json_of(row.place), "text": row.text, "preview": row.preview,
        "attributes": json_of(row.attributes),
    }  # fmt: skip


def vectors_of(
    batch: Sequence[Pending], items: Sequence[Mapping[str, Any]], ids: Sequence[NDArray[np.int64]],
    storage: Mapping[str, str],
) -> tuple[dict[str, pa.Table], dict[str, pa.Table]]:  # fmt: skip
    """By space, the vectors of the parts with these `ids` of each item, and the items that have none there.

    `items` have `id` and `revision`.
    """
    vectors: dict[str, pa.Table] = {}
    without: dict[str, pa.Table] = {}
    for space, stored in storage.items():
        keys: list[NDArray[np.int64]] = []
        rows: list[NDArray[np.float32]] = []
        nothing = []
        for item, pending, own in zip(items, batch, ids, strict=True):
            at, found = pending.of(space)
            if not len(at):
                nothing.append({"item": item["id"], "revision": item["revision"]})
            keys.append(np.stack([own[at], np.full(len(at), item["id"]), np.full(len(at), item["revision"])]))
            rows.append(found)
        part, owner, revision = np.concatenate(keys, axis=1)
        vectors[space] = vectors_table(part, owner, revision, np.concatenate(rows), stored)
        if nothing:
            without[space] = rows_table(WITHOUT, nothing)
    return vectors, without


def json_of(values: Mapping[str, Any]) -> str:
    """A mapping as text that a table can hold and SQL can look into."""
    return storable(json.dumps(dict(values), ensure_ascii=False))
