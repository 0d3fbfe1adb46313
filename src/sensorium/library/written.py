"""What an item's encoded parts become in the tables: one batch of rows, all with the item's new revision."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.library.prepared import PartRow, storable
from sensorium.store.commit import Batch, new_revision
from sensorium.store.schemas import ITEMS, PARTS, rows_table, vectors_table

Encoded = tuple[Mapping[str, Any], Sequence[PartRow], NDArray[np.float32]]


def batch_of(encoded: Sequence[Encoded], space: str, storage: str, next_part: Callable[[], int]) -> Batch:
    """Items with parts and vectors (n, d) of one space as tables; each write of an item draws a revision of its own."""
    items: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    vectors = []
    for item, rows, found in encoded:
        revision = new_revision()
        items.append({**item, "revision": revision})
        vectors.append(found)
        parts += [
            {
                "id": next_part(), "item": item["id"], "revision": revision, "modality": row.modality,
                "place": json_of(row.place), "text": row.text, "preview": row.preview,
                "attributes": json_of(row.attributes),
            }
            for row in rows
        ]  # fmt: skip
    keys = [np.array([part[name] for part in parts], np.int64) for name in ("id", "item", "revision")]
    table = vectors_table(keys[0], keys[1], keys[2], np.concatenate(vectors), storage)
    return Batch(rows_table(ITEMS, items), rows_table(PARTS, parts), {space: table})


def json_of(values: Mapping[str, Any]) -> str:
    """A mapping as text that a table can hold and SQL can look into."""
    return storable(json.dumps(dict(values), ensure_ascii=False))
