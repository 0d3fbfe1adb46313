"""The rows that count: parts and vectors whose revision an item row names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sensorium.core.types import MODALITIES
from sensorium.store.manifests import without
from sensorium.store.schemas import ITEMS, PARTS, WITHOUT, matrix, vectors_schema

if TYPE_CHECKING:
    from lance import LanceDataset
    from numpy.typing import NDArray

    from sensorium.store.datasets import Tables
    from sensorium.store.library_json import Space

_KEYS = ["part", "item", "revision"]


@dataclass(frozen=True, slots=True, eq=False)
class LiveIds:
    """The parts of a space that count, sorted by id: `parts` and their `items`, int64 (n,).

    `token` is the store's when they were read, `stamp` the space's own.
    """

    parts: NDArray[np.int64]
    items: NDArray[np.int64]
    token: str
    stamp: str


@dataclass(frozen=True, slots=True, eq=False)
class LiveRows:
    """Parts of a space that count, sorted by part id: all arrays and lists are of length n.

    `parts`, `items` int64; `vectors` float32 (n, d), not normalised; `modalities` int8, positions in
    `core.types.MODALITIES`; `places` JSON; `texts`, "" where a part has none; `table` the items of the same version,
    missing ones included; `token` the store's when they were read, `stamp` the space's own.
    """

    parts: NDArray[np.int64]
    items: NDArray[np.int64]
    vectors: NDArray[np.float32]
    modalities: NDArray[np.int8]
    places: list[str]
    texts: list[str]
    table: pa.Table
    token: str
    stamp: str


class Revisions:
    """Which (item, revision) the items table names."""

    def __init__(self, items: pa.Table) -> None:
        ids, revisions = column(items, "id"), column(items, "revision")
        order = np.argsort(ids)
        self._ids, self._revisions = ids[order], revisions[order]

    def name(self, items: NDArray[np.int64], revisions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """True for each row (n,) whose item row names its revision."""
        if not len(self._ids):
            return np.zeros(len(items), bool)
        at = np.minimum(np.searchsorted(self._ids, items), len(self._ids) - 1)
        named: NDArray[np.bool_] = (self._ids[at] == items) & (self._revisions[at] == revisions)
        return named


def column(table: pa.Table, name: str) -> NDArray[Any]:
    """A column without nulls as one array."""
    values: NDArray[Any] = table[name].to_numpy()
    return values


def live_ids(tables: Tables, space: str) -> LiveIds:
    """The parts of `space` that count, and their items."""
    keys = tables.read(space, vectors_schema(1, "float32"), lambda vectors: vectors.to_table(columns=_KEYS))
    parts, items = column(keys, "part"), column(keys, "item")
    alive = np.flatnonzero(_revisions(tables).name(items, column(keys, "revision")))
    alive = alive[np.argsort(parts[alive])]
    return LiveIds(parts[alive], items[alive], tables.token, tables.stamp(space))


def left(tables: Tables, space: str) -> NDArray[np.int64]:
    """The items (n,) that are not done in `space`: neither vectors nor the word that there are none."""
    items = tables.read("items", ITEMS, lambda items: items.to_table(columns=["id", "revision"]))
    revisions, todo = Revisions(items), column(items, "id")
    for name, schema in ((space, vectors_schema(1, "float32")), (without(space), WITHOUT)):
        rows = tables.read(name, schema, lambda table: table.to_table(columns=["item", "revision"]))
        owners = column(rows, "item")
        todo = np.setdiff1d(todo, owners[revisions.name(owners, column(rows, "revision"))])
    return np.asarray(todo, np.int64)


def parts_of(tables: Tables, items: NDArray[np.int64] | None, columns: Sequence[str]) -> pa.Table:
    """The parts that count, by id, or those of `items` alone; `item`, `revision` and these `columns` of them."""
    names = list(dict.fromkeys(["id", "item", "revision", *columns]))
    read = tables.read("parts", PARTS, lambda parts: _read(parts, "item", names, items)).select(names)
    return _named(read, "id", _revisions(tables)).sort_by("id")


def live_rows(
    tables: Tables, space: str, said: Space, only: NDArray[np.int64] | None = None, *, columns: Sequence[str]
) -> LiveRows:
    """The rows of `space` that count, or those of the part ids in `only`, with the items' `columns`."""
    schema = vectors_schema(said.dimension, said.storage)
    names = ["id", "item", "revision", "modality", "place", "text"]
    vectors = tables.read(space, schema, lambda dataset: _read(dataset, "part", schema.names, only))
    parts = tables.read("parts", PARTS, lambda dataset: _read(dataset, "id", names, only))
    revisions = _revisions(tables)
    vectors, parts = _named(vectors, "part", revisions), _named(parts, "id", revisions)
    ids, left, right = np.intersect1d(column(vectors, "part"), column(parts, "id"), return_indices=True)
    vectors, parts = vectors.take(left), parts.take(right)
    codes = pc.index_in(parts["modality"], value_set=pa.array(MODALITIES))
    return LiveRows(
        ids,
        column(vectors, "item"),
        matrix(vectors["vector"], said.dimension),
        np.asarray(codes, np.int8),
        parts["place"].fill_null("{}").to_pylist(),
        parts["text"].fill_null("").to_pylist(),
        tables.read("items", ITEMS, lambda items: items.to_table(columns=list(columns))).select(list(columns)),
        tables.token,
        tables.stamp(space),
    )


def previews(tables: Tables, part_ids: Sequence[int]) -> dict[int, bytes]:
    """The preview of each part that has one."""
    wanted = np.unique(np.asarray(part_ids, np.int64))
    read = tables.read("parts", PARTS, lambda parts: _read(parts, "id", ["id", "item", "revision", "preview"], wanted))
    named = _named(read, "id", _revisions(tables))
    pairs = zip(named["id"].to_pylist(), named["preview"].to_pylist(), strict=True)
    return {part: preview for part, preview in pairs if preview is not None}


def _revisions(tables: Tables) -> Revisions:
    return Revisions(tables.read("items", ITEMS, lambda items: items.to_table(columns=["id", "revision"])))


def _named(table: pa.Table, key: str, revisions: Revisions) -> pa.Table:
    named = revisions.name(column(table, "item"), column(table, "revision"))
    return table if named.all() else table.take(np.flatnonzero(named))


def _read(dataset: LanceDataset, key: str, columns: Sequence[str], only: NDArray[np.int64] | None) -> pa.Table:
    if only is None:
        return dataset.to_table(columns=list(columns))
    found = np.flatnonzero(np.isin(column(dataset.to_table(columns=[key]), key), only))
    return dataset.take(found.tolist(), columns=list(columns))
