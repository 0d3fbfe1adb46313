"""Made-up items for tests of the store: all that is in them follows from their names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sensorium.store.lock import Lock
from sensorium.store.tables import Store

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensorium.store.commit import Batch, Writer

SPACE, DIMENSION = "5bace", 16


def make_library(path: Path) -> Store:
    """An empty library with the space `SPACE`."""
    store = Store.create(path)
    if SPACE not in store.settings.spaces:
        with Lock(path):
            store.add_space(SPACE, "made", DIMENSION, "float16", default=True)
    return store


def make_batch(
    writer: Writer, names: Sequence[str], *, ids: Mapping[str, int] | None = None, parts: int = 2, preview: int = 40
) -> Batch:
    """One item for each name, at `/made/<name>`, with `parts` parts; `ids` says which of them change an item."""
    from sensorium.store.commit import Batch, new_revision
    from sensorium.store.schemas import ITEMS, PARTS, rows_table, vectors_table

    items: list[dict[str, Any]] = []
    pieces: list[dict[str, Any]] = []
    for name in names:
        id, revision = (ids or {}).get(name) or writer.next_id(), new_revision()
        items.append({
            "id": id, "revision": revision, "path": f"/made/{name}", "kind": "text", "state": "present",
            "hash": hashlib.sha256(name.encode()).hexdigest(), "size": 1000 * id, "mtime": 1.5e9 + id,
            "title": name, "attributes": {"name": name}, "added_at": 1.7e9,
        })  # fmt: skip
        for number in range(parts):
            text = text_of(name, number)
            pieces.append({
                "id": writer.next_part_id(), "item": id, "revision": revision, "modality": "text",
                "place": {"lines": [number + 1, number + 1]}, "text": text, "preview": preview_of(text, preview),
                "attributes": {},
            })  # fmt: skip
    keys = [np.array([piece[key] for piece in pieces], np.int64) for key in ("id", "item", "revision")]
    vectors = np.array([vector_of(piece["text"]) for piece in pieces], np.float32).reshape(-1, DIMENSION)
    spaces = {SPACE: vectors_table(keys[0], keys[1], keys[2], vectors)}
    return Batch(rows_table(ITEMS, items), rows_table(PARTS, pieces), spaces)


def text_of(name: str, number: int) -> str:
    """The text of a made-up item's part."""
    return f"{name}, part {number}"


def preview_of(text: str, size: int) -> bytes:
    """The preview of the part with this text: `size` bytes."""
    return np.random.default_rng(list(text.encode())).bytes(size)


def vector_of(text: str, dimension: int = DIMENSION) -> NDArray[np.float32]:
    """The vector of the part with this text, float32 (dimension,), as float16 keeps it."""
    drawn = np.random.default_rng(list(text.encode())).standard_normal(dimension)
    kept: NDArray[np.float32] = drawn.astype(np.float16).astype(np.float32)
    return kept
