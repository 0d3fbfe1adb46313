"""What an item's encoded parts become in the tables: one batch of rows, all with the item's new revision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.library.intake import PartRow
from sensorium.store.commit import Batch, new_revision
from sensorium.store.schemas import ITEMS, PARTS, rows_table, vectors_table

Encoded = tuple[Mapping[str, Any], Sequence[PartRow], NDArray[np.float32]]


def batch_of(encoded: Sequence[Encoded], space: str, storage: str, next_part: Callable[[], int]) -> Batch:
    """Items with parts and vectors (n, d) of one space as tables; each write of an item draws a revision of its own."""
    items, parts, vectors = [], [], []
    for item, rows, found in encoded:
        revision = new_revision()
        items.append({**item, "revision": revision})
        vectors.append(found)
        parts += [
            {"id": next_part(), "item": item["id"], "revision": revision, "modality": row.modality, "place": row.place,
             "text": row.text, "preview": row.preview, "attributes": row.attributes}
            for row in rows
        ]  # fmt: skip
    ids, owners, revisions = (np.array([p[n] for p in parts], np.int64) for n in ("id", "item", "revision"))
    table = vectors_table(ids, owners, revisions, np.concatenate(vectors), storage)
    return Batch(rows_table(ITEMS, items), rows_table(PARTS, parts), {space: table})
