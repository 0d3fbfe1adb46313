"""The rows that an index answers with: ids, vectors and norms, checked once, never copied whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensorium.core.types import Metric, Neighbors
from sensorium.indexes.metric import LONGEST, check_metric, pair_scores, ranked, row_norms

_CHUNK = 1 << 20  # cells of (pairs, d) that are scored at a time


def among(values: NDArray[np.int64], ascending: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of `values` are in `ascending`, bool (n,). numpy's own set functions load numpy.ma first, for 30 ms."""
    places = np.searchsorted(ascending, values)
    found = np.zeros(len(values), np.bool_)
    inside = places < len(ascending)
    found[inside] = ascending[places[inside]] == values[inside]
    return found


class Rows:
    """ids int64 (n,), unique, not negative; vectors float32 (n, d), raw; norms float32 (n,), computed when not given.

    Arrays may be read-only memory maps. A row is found by its id, and named inside by its position 0..n-1. Raises
    ValueError when shapes disagree, an id comes twice or is negative, or a vector is not finite.
    """

    def __init__(
        self,
        ids: NDArray[np.int64],
        vectors: NDArray[np.float32],
        metric: Metric,
        norms: NDArray[np.float32] | None = None,
    ) -> None:
        check_metric(metric)
        self.metric = metric
        self.ids: NDArray[np.int64] = np.asarray(ids, np.int64)
        self.vectors: NDArray[np.float32] = np.asarray(vectors, np.float32)
        if self.vectors.ndim != 2 or self.ids.shape != self.vectors.shape[:1]:
            raise ValueError(f"ids {self.ids.shape} and vectors {self.vectors.shape} must be (n,) and (n, d)")
        self.norms: NDArray[np.float32] = row_norms(self.vectors) if norms is None else np.asarray(norms, np.float32)
        self._check_norms()
        self._order = self._checked_order()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return int(self.vectors.shape[1])

    def positions(self, allow: NDArray[np.int64]) -> NDArray[np.int64]:
        """The positions of the rows whose ids are in `allow`, ascending; other ids are ignored."""
        wanted = np.sort(np.asarray(allow, np.int64))
        wanted = wanted[np.concatenate([[True], wanted[1:] != wanted[:-1]])[: len(wanted)]]
        order = self._order
        ordered = self.ids if order is None else self.ids[order]
        places = np.searchsorted(ordered, wanted[among(wanted, ordered)])
        return places if order is None else np.sort(order[places])

    def ranked(
        self, queries: NDArray[np.float32], owners: NDArray[np.int64], positions: NDArray[np.int64], k: int
    ) -> Neighbors:
        """Scores the pairs (queries[owners[i]], row positions[i]), and gives the best k of each query."""
        scores = np.empty(len(owners), np.float32)
        step = max(1, _CHUNK // max(1, self.dimension))
        for start in range(0, len(owners), step):
            chunk = slice(start, start + step)
            scores[chunk] = pair_scores(queries[owners[chunk]], self.vectors[positions[chunk]], self.metric)
        return ranked(owners, self.ids[positions], scores, len(queries), k)

    def _check_norms(self) -> None:
        if self.norms.shape != self.ids.shape:
            raise ValueError(f"norms {self.norms.shape} must have a value for each of the {len(self)} rows")
        sound = self.norms < LONGEST
        if not bool(sound.all()):
            worst = int(self.ids[np.argmin(sound)])
            raise ValueError(f"the vector of id {worst} is not finite, or longer than {LONGEST:g}")

    def _checked_order(self) -> NDArray[np.int64] | None:
        """None when the ids ascend, as they do from the store; else the order that sorts them."""
        order = None if bool((self.ids[1:] > self.ids[:-1]).all()) else np.argsort(self.ids, kind="stable")
        ordered = self.ids if order is None else self.ids[order]
        if bool((ordered[1:] == ordered[:-1]).any()):
            raise ValueError(f"id {int(ordered[1:][ordered[1:] == ordered[:-1]][0])} comes twice")
        if len(ordered) and ordered[0] < 0:
            raise ValueError(f"id {int(ordered[0])} is negative")
        return order
