"""The live rows of a space as arrays: what search scans, so that a plain search opens no table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.types import MODALITIES, Metric, Modality, Place
from sensorium.indexes.files import IndexDamaged, pack_strings, unpack
from sensorium.indexes.metric import row_norms
from sensorium.indexes.rows import among

if TYPE_CHECKING:
    import pyarrow as pa

    from sensorium.indexes.contract import Index
    from sensorium.indexes.exact import ExactIndex
    from sensorium.store.live import LiveRows

Arrays = Mapping[str, NDArray[Any]]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Parts with a vector, by ascending part id.

    Arrays of length n: `parts` and `items` int64, `modality` int8 (positions in MODALITIES), `vectors` float32 (n, d),
    `norms` float32; and packed strings: `place`, `text`.
    """

    arrays: Arrays

    @classmethod
    def of(cls, live: LiveRows) -> Rows:
        """From the tables."""
        vectors = np.ascontiguousarray(live.vectors, np.float32)
        arrays: dict[str, NDArray[Any]] = {"parts": live.parts, "items": live.items, "modality": live.modalities}
        arrays |= {"vectors": vectors, "norms": row_norms(vectors)}
        arrays["place_blob"], arrays["place_at"] = pack_strings(live.places)
        arrays["text_blob"], arrays["text_at"] = pack_strings(live.texts)
        return cls(arrays)

    def none(self) -> Rows:
        """No rows, of the same space."""
        return Rows({name: array[: int(name.endswith("_at"))] for name, array in self.arrays.items()})

    def __len__(self) -> int:
        return len(self.arrays["parts"])

    def find(self, parts: Ids) -> Ids:
        """Row of each part id, -1 where it is not here."""
        return _places(self.arrays["parts"], parts)

    def place(self, row: int) -> Place:
        """Where the part lies."""
        text = _string(self.arrays, "place", row)
        try:
            return Place.from_json(json.loads(text)) if text else Place()
        except (ValueError, TypeError, AttributeError) as error:
            raise IndexDamaged(f"the place of row {row} is not one ({error})") from error

    def text(self, row: int) -> str:
        """The passage, "" for other modalities."""
        return _string(self.arrays, "text", row)

    def exact(self, metric: Metric) -> ExactIndex:
        """Exact search over these rows."""
        from sensorium.indexes.exact import ExactIndex

        return ExactIndex(self.arrays["parts"], self.arrays["vectors"], metric, norms=self.arrays["norms"])


@dataclass(frozen=True)
class Catalog:
    """The items, sorted by id: what a hit says about its item without opening a table.

    Arrays: `items` int64 (n,), `present` bool (n,), `kind` int16 (n,), positions in `kinds`; and packed strings:
    `path`, `title`, and `kinds`.
    """

    arrays: Arrays

    @classmethod
    def of(cls, table: pa.Table) -> Catalog:
        """From the items table."""
        table = table.sort_by("id")
        states, kinds = table["state"].to_pylist(), [kind or "" for kind in table["kind"].to_pylist()]
        names = sorted(set(kinds))
        code = {name: at for at, name in enumerate(names)}
        arrays: dict[str, NDArray[Any]] = {
            "items": table["id"].to_numpy(),
            "present": np.array([state == "present" for state in states], bool),
            "kind": np.array([code[kind] for kind in kinds], np.int16),
        }
        arrays["kinds_blob"], arrays["kinds_at"] = pack_strings(names)
        for name in ("path", "title"):
            arrays[f"{name}_blob"], arrays[f"{name}_at"] = pack_strings([v or "" for v in table[name].to_pylist()])
        return cls(arrays)

    def __len__(self) -> int:
        return len(self.arrays["items"])

    @property
    def kinds(self) -> list[str]:
        """The kinds that there are."""
        return [_string(self.arrays, "kinds", at) for at in range(len(self.arrays["kinds_at"]) - 1)]

    def find(self, items: Ids) -> Ids:
        """Row of each item id, -1 where there is none."""
        return _places(self.arrays["items"], items)

    def path(self, row: int) -> str:
        """Where the item's file lies."""
        return _string(self.arrays, "path", row)

    def title(self, row: int) -> str:
        """What the item calls itself."""
        return _string(self.arrays, "title", row)

    def kind(self, row: int) -> str:
        """What the item is."""
        return self.kinds[int(self.arrays["kind"][row])]

    def under(self, folder: str) -> NDArray[np.bool_]:
        """Which items lie in a folder, or are that file: bool (n,). Bytes, since 8,000 strings would take 20 ms."""
        blob, at = self.arrays["path_blob"].tobytes(), self.arrays["path_at"].tolist()
        exact = folder.rstrip("/\\").encode("utf-8", "surrogatepass")
        below = (exact + b"/", exact + b"\\")
        return np.array([blob.startswith(below, a, b) or blob[a:b] == exact for a, b in pairwise(at)], bool)


@dataclass
class LiveView:
    """One state of a space: the snapshot's rows, those that came after it, and those that went.

    `token` is the store's of that space, `snapshot` is the file that the base came from, if there is one.
    """

    space: str
    token: str
    base: Rows
    catalog: Catalog
    extra: Rows
    gone: Ids
    snapshot: Path | None = None
    indexes: dict[tuple[Metric, str], Index] = field(default_factory=dict)

    @classmethod
    def whole(cls, space: str, token: str, base: Rows, catalog: Catalog, snapshot: Path | None = None) -> LiveView:
        """A state without later rows."""
        return cls(space, token, base, catalog, base.none(), np.empty(0, np.int64), snapshot)

    @cached_property
    def _kept(self) -> NDArray[np.bool_] | None:
        return ~among(self.base.arrays["parts"], self.gone) if len(self.gone) else None

    def _column(self, name: str) -> NDArray[Any]:
        kept = self.base.arrays[name] if self._kept is None else self.base.arrays[name][self._kept]
        return np.concatenate([kept, self.extra.arrays[name]]) if len(self.extra) else kept

    @cached_property
    def parts(self) -> Ids:
        """The ids of all live parts, int64 (n,)."""
        return self._column("parts")

    @cached_property
    def items(self) -> Ids:
        """The items of all live parts, int64 (n,)."""
        return self._column("items")

    @cached_property
    def modality(self) -> NDArray[np.int8]:
        """The modalities of all live parts, int8 (n,), positions in MODALITIES."""
        return self._column("modality")

    def row_of(self, part: int) -> tuple[Rows, int]:
        """The rows that hold a live part, and its row there."""
        for rows in (self.extra, self.base):
            row = int(rows.find(np.array([part], np.int64))[0])
            if row >= 0:
                return rows, row
        raise KeyError(part)

    def items_of(self, parts: Ids) -> Ids:
        """The item of each live part."""
        if not len(self.extra):
            return np.asarray(self.base.arrays["items"][self.base.find(parts)], np.int64)
        late, early = self.extra.find(parts), self.base.find(parts)
        owners = self.extra.arrays["items"][late]
        if len(self.base):
            owners = np.where(late >= 0, owners, self.base.arrays["items"][early])
        return np.asarray(owners, np.int64)

    def vectors_of(self, item: int) -> tuple[NDArray[np.float32], list[Modality]]:
        """(n, d) vectors of an item's parts, and their modalities."""
        found: list[NDArray[np.float32]] = []
        modalities: list[Modality] = []
        for rows, kept in ((self.base, self._kept), (self.extra, None)):
            its = rows.arrays["items"] == item
            at = np.flatnonzero(its if kept is None else its & kept)
            found.append(np.asarray(rows.arrays["vectors"][at], np.float32))
            modalities += [MODALITIES[code] for code in rows.arrays["modality"][at]]
        return np.concatenate(found), modalities

    def held(self, code: int) -> Iterator[tuple[Rows, Ids]]:
        """The live parts of a modality: what holds some of them, and their rows there, ascending."""
        for rows, kept in ((self.base, self._kept), (self.extra, None)):
            its = rows.arrays["modality"] == code
            yield rows, np.flatnonzero(its if kept is None else its & kept)

    def exact(self, metric: Metric) -> Index:
        """Exact search over this state."""
        if (metric, "exact") not in self.indexes:
            self.indexes[metric, "exact"] = self.over(self.base.exact(metric), metric)
        return self.indexes[metric, "exact"]

    def over(self, index: Index, metric: Metric) -> Index:
        """`index` over the base, with the later rows merged in and the gone ones masked."""
        from sensorium.indexes.delta import DeltaIndex

        if not len(self.extra) and not len(self.gone):
            return index
        return DeltaIndex(index, self.extra.exact(metric), self.gone)


def _places(ascending: Ids, ids: Ids) -> Ids:
    """The position of each id, -1 where it is not there."""
    if not len(ascending):
        return np.full(len(ids), -1, np.int64)
    at = np.searchsorted(ascending, ids).clip(max=len(ascending) - 1)
    return np.where(ascending[at] == ids, at, -1)


def _string(arrays: Arrays, name: str, row: int) -> str:
    """A packed string; IndexDamaged when its bytes are none."""
    try:
        return unpack(arrays[f"{name}_blob"], arrays[f"{name}_at"], row)
    except ValueError as error:
        raise IndexDamaged(f"the {name} of row {row} cannot be read ({error})") from error
