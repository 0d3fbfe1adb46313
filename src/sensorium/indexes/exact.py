"""Exact search: every row is looked at, in blocks, straight from a memory map.

A float32 product estimates all scores, with a bound on how far each may be off; the rows that could be among
the best k within that bound are scored again by `metric.pair_scores`. So the answer is the one that float64 would
give, ties by id included, at the speed of a matrix product.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sensorium.core.types import Metric, Neighbors
from sensorium.indexes.metric import checked_k, checked_queries, row_norms, unit
from sensorium.indexes.rows import Rows

_QUERIES = 256  # that are searched together
_CELLS = 1 << 20  # estimates (queries, rows) at a time
_VALUES = 1 << 22  # vector values in a block of rows: 16 MB
_SPARSE = 0.25  # below this share of allowed rows in a block, only those are multiplied
_FEW, _STRIP = 8, 1024  # queries; rows
_SHORT = 1e-30  # a cosine with a shorter row cannot be estimated in float32

Array = NDArray[np.float32]
Positions = NDArray[np.int64]


class ExactIndex:
    """Rows as `Rows` takes them: ids int64 (n,), vectors float32 (n, d), and their norms when these were kept."""

    def __init__(self, ids: NDArray[np.int64], vectors: Array, metric: Metric, norms: Array | None = None) -> None:
        self._rows = Rows(ids, vectors, metric, norms)

    @property
    def metric(self) -> Metric:
        """What the scores mean."""
        return self._rows.metric

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return self._rows.dimension

    @property
    def ids(self) -> NDArray[np.int64]:
        """The ids of all rows."""
        return self._rows.ids

    def search(self, queries: Array, k: int, *, allow: NDArray[np.int64] | None = None) -> Neighbors:
        """The k best rows of each query; see `contract.Index.search`."""
        k, queries = checked_k(k), checked_queries(queries, self.dimension, self.metric)
        allowed = None if allow is None else self._rows.positions(allow)
        found = [
            self._rows.ranked(batch, *_candidates(self._rows, batch, k, allowed), k)
            for start in range(0, max(1, len(queries)), _QUERIES)
            for batch in [queries[start : start + _QUERIES]]
        ]
        if len(found) == 1:
            return found[0]
        return Neighbors(
            np.concatenate([f.ids for f in found]),
            np.concatenate([f.scores for f in found]),
            np.concatenate([f.counts for f in found]),
        )


def _candidates(rows: Rows, queries: Array, k: int, allowed: Positions | None) -> tuple[Positions, Positions]:
    """(owners, positions) of every pair that may be among the best k of its query."""
    directions, lengths = unit(queries), row_norms(queries)
    best = np.empty((len(queries), 0), np.float32)
    kept: list[tuple[Positions, Positions, Array]] = []
    for block, chosen in _blocks(rows, len(queries), allowed):
        estimates, slack = _estimates(rows, directions, lengths, block, chosen)
        best = _largest(np.concatenate([best, _largest(estimates - slack, k)], axis=1), k)
        upper = estimates + slack
        owners, columns = np.nonzero(upper >= _threshold(best, k)[:, None])
        positions = block.start + columns if chosen is None else chosen[columns]
        kept.append((owners, positions, upper[owners, columns]))
    owners, positions, bounds = (np.concatenate(column) for column in zip(*kept, strict=True)) if kept else _NOTHING
    sure = bounds >= _threshold(best, k)[owners]
    return owners[sure], positions[sure]


def _blocks(rows: Rows, queries: int, allowed: Positions | None) -> Iterator[tuple[slice, Positions | None]]:
    """(rows start:stop, the allowed positions among them or None for all), without the blocks where none is."""
    step = max(1024, min(_CELLS // max(1, queries), _VALUES // max(1, rows.dimension)))
    for start in range(0, len(rows), step):
        block = slice(start, min(start + step, len(rows)))
        if allowed is None:
            yield block, None
            continue
        first, last = np.searchsorted(allowed, (block.start, block.stop))
        if last > first:
            yield block, allowed[first:last]


def _estimates(
    rows: Rows, directions: Array, lengths: Array, block: slice, chosen: Positions | None
) -> tuple[Array, Array]:
    """(estimates, slack), float32 (q, b) each or broadcastable: the true order lies within estimate +- slack.

    The estimates keep the order of the scores, not their values: for dot q.c / |q|, for l2 2 q.c - |c|^2. The slack is
    the classic bound on a dot product, d u |q| |c| (Higham, Accuracy and Stability, 3.1), twice over, so that the
    rounding of norms and of the final float32 score lies within it too.
    """
    sparse = chosen is not None and len(chosen) < _SPARSE * (block.stop - block.start)
    inner = _products(directions, rows.vectors[chosen if sparse else block])
    if chosen is not None and not sparse:
        inner = inner[:, chosen - block.start]
    norms = rows.norms[block if chosen is None else chosen]
    rate = np.float32((rows.dimension + 8) * 2.0**-23)
    least = np.float32((rows.dimension + 8) * np.finfo(np.float32).tiny)
    if rows.metric == "cosine":
        long = norms > _SHORT
        divisors = np.where(long, norms, np.float32(1)).astype(np.float32)
        return np.divide(inner, divisors, dtype=np.float32), np.where(long, rate, np.float32(4)).astype(np.float32)[
            None, :
        ]
    if rows.metric == "dot":
        floor = least / np.clip(lengths, np.finfo(np.float32).smallest_subnormal, 1)
        return inner, rate * norms[None, :] + floor[:, None]
    reach = lengths[:, None] + norms[None, :]
    return 2 * lengths[:, None] * inner - norms * norms, rate * reach * reach + least


def _products(directions: Array, vectors: Array) -> Array:
    """All dot products, float32 (q, b).

    For a few queries strips of rows that stay in the processor's cache, on this thread alone, are as fast as a matrix
    product (0.3 ms for one query on 8,091 x 256), and do not wait for BLAS threads when the machine is busy (12 ms).
    """
    if len(directions) > _FEW:
        return np.asarray(directions @ vectors.T, np.float32)
    products = np.empty((len(directions), len(vectors)), np.float32)
    for start in range(0, len(vectors), _STRIP):
        strip = slice(start, start + _STRIP)
        np.vecdot(vectors[None, strip], directions[:, None], out=products[:, strip])
    return products


def _largest(values: Array, k: int) -> Array:
    """The k largest of each row, in no order; all of them when there are no more."""
    width = values.shape[1]
    return values if width <= k else np.partition(values, width - k, axis=1)[:, width - k :]


def _threshold(best: Array, k: int) -> Array:
    """What the k-th best of each query reaches at least; -inf while fewer than k were seen."""
    return best.min(axis=1) if best.shape[1] >= k else np.full(len(best), -np.inf, np.float32)


_NOTHING = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
