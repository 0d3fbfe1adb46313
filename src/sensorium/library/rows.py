"""The live rows of a space, as memory-mapped arrays: what search scans, so that a plain search opens no table.

A snapshot in `indexes/<space>/` holds the vectors, and what a hit shows. It is a cache of the store: its token says which state
of the tables it was made from. Rows that came later are the delta, read from the tables and searched beside it.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.types import MODALITIES, Item, Metric, Modality, Place
from sensorium.indexes.files import IndexDamaged, pack_strings, read_snapshot, unpack, write_snapshot

if TYPE_CHECKING:
    import pyarrow as pa

    from sensorium.indexes.delta import DeltaIndex
    from sensorium.indexes.exact import ExactIndex
    from sensorium.library.session import Session
    from sensorium.store.live import LiveRows

Arrays = dict[str, NDArray[Any]]

REWRITE_ALWAYS_BELOW = 200_000  # rows; writing a larger snapshot for a few new ones would cost more than the delta does
REWRITE_SHARE = 0.05
ATTEMPTS = 5


@dataclass(frozen=True)
class Rows:
    """Parts with a vector, by row: arrays named as in the snapshot."""

    arrays: Arrays

    def __len__(self) -> int:
        return len(self.arrays["parts"])

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Rows sorted by part id."""
        return np.argsort(self.arrays["parts"], kind="stable")

    def find(self, parts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Row of each part id, -1 where it is not here."""
        if not len(self):
            return np.full(len(parts), -1, np.int64)
        ids = self.arrays["parts"]
        at = np.searchsorted(ids, parts, sorter=self.order).clip(max=len(ids) - 1)
        rows = self.order[at]
        return np.where(ids[rows] == parts, rows, -1)

    def place(self, row: int) -> Place:
        """Where the part lies."""
        text = unpack(self.arrays["place_blob"], self.arrays["place_at"], row)
        return Place.from_json(json.loads(text)) if text else Place()

    def text(self, row: int) -> str:
        """The passage, "" for other modalities."""
        return unpack(self.arrays["text_blob"], self.arrays["text_at"], row)


@dataclass(frozen=True)
class Catalog:
    """The items, sorted by id: what a hit says about its item without opening a table."""

    arrays: Arrays

    @classmethod
    def of(cls, table: pa.Table) -> Catalog:
        """From the items table."""
        table = table.sort_by("id")
        arrays: Arrays = {"items": table["id"].to_numpy(), "size": table["size"].to_numpy(),
                          "mtime": table["mtime"].to_numpy(), "added_at": table["added_at"].to_numpy(),
                          "present": np.array([s == "present" for s in table["state"].to_pylist()], bool)}  # fmt: skip
        for name in ("path", "kind", "title", "attributes"):
            arrays[f"{name}_blob"], arrays[f"{name}_at"] = pack_strings([v or "" for v in table[name].to_pylist()])
        return cls(arrays)

    def __len__(self) -> int:
        return len(self.arrays["items"])

    def find(self, items: NDArray[np.int64]) -> NDArray[np.int64]:
        """Row of each item id, -1 where there is none."""
        ids = self.arrays["items"]
        if not len(ids):
            return np.full(len(items), -1, np.int64)
        at = np.searchsorted(ids, items).clip(max=len(ids) - 1)
        return np.where(ids[at] == items, at, -1)

    def string(self, name: str, row: int) -> str:
        """`path`, `kind`, `title` or `attributes` of a row."""
        return unpack(self.arrays[f"{name}_blob"], self.arrays[f"{name}_at"], row)

    def strings(self, name: str) -> list[str]:
        """The same for every row."""
        return [self.string(name, i) for i in range(len(self))]

    def item(self, row: int) -> Item:
        """The whole item."""
        a = self.arrays
        return Item(int(a["items"][row]), self.string("path", row), self.string("kind", row), int(a["size"][row]), float(a["mtime"][row]),
                    self.string("title", row), float(a["added_at"][row]), json.loads(self.string("attributes", row) or "{}"))  # fmt: skip


@dataclass
class LiveView:
    """One state of a space: the snapshot's rows, those that came after it, and those that went."""

    token: str
    base: Rows
    extra: Rows
    gone: NDArray[np.int64]
    catalog: Catalog
    _searchers: dict[Metric, DeltaIndex | ExactIndex] = field(default_factory=dict)

    def layer(self, part: int) -> tuple[Rows, int]:
        """The rows that hold a part, and its row there."""
        for rows in (self.extra, self.base):
            row = int(rows.find(np.array([part], np.int64))[0])
            if row >= 0:
                return rows, row
        raise KeyError(part)

    def column(self, name: str) -> NDArray[Any]:
        """`parts`, `items` or `modality` of all live rows: the base's without the gone ones, then the extra's."""
        kept = self.base.arrays[name]
        if len(self.gone):
            kept = kept[~np.isin(self.base.arrays["parts"], self.gone)]
        return np.concatenate([kept, self.extra.arrays[name]]) if len(self.extra) else kept

    def vectors_of(self, item: int) -> tuple[NDArray[np.float32], list[Modality]]:
        """(n, d) vectors of an item's parts, and their modalities."""
        found, modalities = [], []
        for rows in (self.base, self.extra):
            at = np.flatnonzero(rows.arrays["items"] == item)
            at = at[~np.isin(rows.arrays["parts"][at], self.gone)] if rows is self.base else at
            found.append(np.asarray(rows.arrays["vectors"][at], np.float32))
            modalities += [MODALITIES[i] for i in rows.arrays["modality"][at]]
        return np.concatenate(found), modalities

    def searcher(self, metric: Metric) -> DeltaIndex | ExactIndex:
        """Exact search over this view."""
        if metric not in self._searchers:
            self._searchers[metric] = self.over(self.exact(self.base, metric), metric)
        return self._searchers[metric]

    def exact(self, rows: Rows, metric: Metric) -> ExactIndex:
        """Exact search over one layer."""
        from sensorium.indexes.exact import ExactIndex

        return ExactIndex(rows.arrays["parts"], rows.arrays["vectors"], metric, norms=rows.arrays["norms"])

    def over(self, index: Any, metric: Metric) -> Any:
        """`index` over the base, with the later rows merged in and the gone ones masked."""
        from sensorium.indexes.delta import DeltaIndex

        if not len(self.extra) and not len(self.gone):
            return index
        return DeltaIndex(index, self.exact(self.extra, metric), self.gone)


def _arrays(live: LiveRows) -> Arrays:
    arrays: Arrays = {"parts": live.parts, "items": live.items, "modality": live.modalities,
                      "vectors": np.ascontiguousarray(live.vectors, np.float32)}  # fmt: skip
    arrays["norms"] = np.sqrt(np.einsum("nd,nd->n", arrays["vectors"], arrays["vectors"], dtype=np.float32))
    arrays["place_blob"], arrays["place_at"] = pack_strings(live.places)
    arrays["text_blob"], arrays["text_at"] = pack_strings(live.texts)
    return arrays


def _empty(rows: Rows) -> Rows:
    return Rows({n: np.asarray(a[: int(n.endswith("_at"))]) for n, a in rows.arrays.items()})


def _whole(base: Rows, catalog: Catalog, token: str) -> LiveView:
    return LiveView(token, base, _empty(base), np.empty(0, np.int64), catalog)


def _from_tables(session: Session, space: str) -> LiveView:
    live = session.store.live(space)
    return _whole(Rows(_arrays(live)), Catalog.of(live.table), live.token)


def _with_delta(session: Session, space: str, base: Rows) -> LiveView:
    """The snapshot's rows and the difference to the tables; tried again when a writer came between the two reads."""
    for _ in range(ATTEMPTS):
        live = session.store.live_ids(space)
        extra = session.store.rows(space, live.parts[base.find(live.parts) < 0])
        if extra.token == live.token:
            gone = np.setdiff1d(base.arrays["parts"], live.parts)
            return LiveView(live.token, base, Rows(_arrays(extra)), gone, Catalog.of(extra.table))
    return _from_tables(session, space)


def write_view(session: Session, view: LiveView, space: str) -> None:
    """Swap the snapshot for this view's rows (which must have no delta)."""
    arrays = {**view.base.arrays, **{f"catalog_{n}": a for n, a in view.catalog.arrays.items()}}
    write_snapshot(session.indexes(space), arrays, {"token": view.token, "space": space})
    shutil.rmtree(session.indexes(f"{space}.ivf"), ignore_errors=True)  # about other rows now


def live_view(session: Session, space: str) -> LiveView:
    """The present state of a space; cheap when nothing changed since the last call or since the snapshot."""
    token = session.store.token()
    if session.view is not None and session.view.token == token:
        return session.view
    session.store.refresh()
    kept = _from_snapshot(session, space)
    if kept is not None and kept.token == token:
        session.view = kept
    elif kept is not None:
        session.view = _with_delta(session, space, kept.base)
    else:
        session.view = _from_tables(session, space)
        _try_write(session, session.view, space)
    return session.view


def _from_snapshot(session: Session, space: str) -> LiveView | None:
    """The snapshot as it lies on the disk, whatever state it is of; None when it is missing or damaged."""
    folder = session.indexes(space)
    try:
        snapshot = read_snapshot(folder)
    except IndexDamaged as damage:
        if folder.is_dir() and any(folder.iterdir()):
            session.notes.append(f"the index was damaged ({damage}) and has been rebuilt from the store")
        return None
    named = {n.removeprefix("catalog_"): a for n, a in snapshot.arrays.items() if n.startswith("catalog_")}
    base = Rows({n: a for n, a in snapshot.arrays.items() if not n.startswith("catalog_")})
    return _whole(base, Catalog(named), str(snapshot.header["token"]))


def _try_write(session: Session, view: LiveView, space: str) -> None:
    try:
        write_view(session, view, space)
    except OSError as refused:  # a library on a read-only or full disk is searched all the same
        session.notes.append(f"the index could not be written ({refused.strerror or refused}); searching without it")


def settle(session: Session, space: str, *, always: bool = False) -> None:
    """After a write, under the lock: make the snapshot current when that pays, or `always`."""
    session.view, session.notes = None, []
    view = live_view(session, space)
    kept = _from_snapshot(session, space)
    stale = kept is None or kept.token != view.token
    delta = len(view.extra) + len(view.gone)
    if always or (stale and (len(view.base) < REWRITE_ALWAYS_BELOW or delta > REWRITE_SHARE * len(view.base))):
        session.view = _from_tables(session, space)
        write_view(session, session.view, space)
