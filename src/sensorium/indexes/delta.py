"""An index that is behind its store, brought up to date: new rows searched exactly, removed ones masked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensorium.core.types import Metric, Neighbors
from sensorium.indexes.contract import Index
from sensorium.indexes.metric import checked_k, checked_queries, ranked
from sensorium.indexes.rows import among

_OVERFETCH = 256  # with no more masked rows than this, as many more are asked for and dropped afterwards

Pairs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]


class DeltaIndex:
    """`base` without the ids in `removed`, and `extra` with the rows that are newer.

    An id that both have is answered from `extra` alone. An id in `removed` is never found. Raises ValueError when the
    two sides differ in metric or dimension.
    """

    def __init__(self, base: Index, extra: Index, removed: NDArray[np.int64]) -> None:
        if (base.metric, base.dimension) != (extra.metric, extra.dimension):
            raise ValueError(
                f"base ({base.metric}, {base.dimension}) and extra ({extra.metric}, {extra.dimension}) do not match"
            )
        gone = np.sort(np.asarray(removed, np.int64))
        self._base = _Masked(base, np.sort(np.concatenate([gone, extra.ids])))
        self._extra = _Masked(extra, gone)
        self._metric, self._dimension = base.metric, base.dimension

    @property
    def metric(self) -> Metric:
        """What the scores mean."""
        return self._metric

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return self._dimension

    @property
    def ids(self) -> NDArray[np.int64]:
        """The ids of all rows that can be found, ascending."""
        return np.sort(np.concatenate([self._base.visible(), self._extra.visible()]))

    def search(self, queries: NDArray[np.float32], k: int, *, allow: NDArray[np.int64] | None = None) -> Neighbors:
        """The k best rows of each query out of both; see `contract.Index.search`."""
        k, queries = checked_k(k), checked_queries(queries, self._dimension, self._metric)
        sides = [self._base.pairs(queries, k, allow), self._extra.pairs(queries, k, allow)]
        owners, ids, scores = (np.concatenate(column) for column in zip(*sides, strict=True))
        return ranked(owners, ids, scores, len(queries), k)


class _Masked:
    """An index without the ids in `hidden`, int64, ascending."""

    def __init__(self, index: Index, hidden: NDArray[np.int64]) -> None:
        self._index = index
        self._hidden = np.sort(index.ids[among(index.ids, hidden)])
        # Worked out once: with many hidden rows, asking for as many more would cost more than a filter.
        self._visible = self.visible() if len(self._hidden) > _OVERFETCH else None

    def visible(self) -> NDArray[np.int64]:
        return self._index.ids[~among(self._index.ids, self._hidden)]

    def pairs(self, queries: NDArray[np.float32], k: int, allow: NDArray[np.int64] | None) -> Pairs:
        """(owners, ids, scores) of at least the best k visible rows of each query."""
        hidden = self._hidden
        if allow is not None:
            return _flat(self._index.search(queries, k, allow=allow[~among(allow, hidden)]))
        if self._visible is not None:
            return _flat(self._index.search(queries, k, allow=self._visible))
        owners, ids, scores = _flat(self._index.search(queries, k + len(hidden)))
        seen = ~among(ids, hidden)
        return owners[seen], ids[seen], scores[seen]


def _flat(found: Neighbors) -> Pairs:
    filled = np.arange(found.ids.shape[1]) < found.counts[:, None]
    owners, _ = np.nonzero(filled)
    return owners, found.ids[filled], found.scores[filled]
