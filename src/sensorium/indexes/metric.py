"""The three scores, computed in one place, so that every index gives the same number for the same pair.

cosine q.c / (|q| |c|), dot q.c, l2 -sqrt((q-c).(q-c)): higher is closer, always. Sums are taken in float64 over the
differences or products themselves (|q|^2 - 2 q.c + |c|^2 would cancel for close vectors) and rounded to float32 once.
"""

from __future__ import annotations

import operator

import numpy as np
from numpy.typing import NDArray

from sensorium.core.types import METRICS, Metric, Neighbors

LONGEST = 1e15  # norms up to here leave room for squares and their sums in float32
_CELLS = 1 << 20  # float64 temporaries stay at 8 MB


def check_metric(metric: str) -> None:
    """Raises ValueError unless `metric` is one of `METRICS`."""
    if metric not in METRICS:
        raise ValueError(f"metric {metric!r} is not known: use one of {', '.join(METRICS)}")


def row_norms(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """|c| of each row, float32 (n,), from float32 (n, d); walks a memory map block by block, without copying it."""
    norms = np.empty(len(vectors), np.float32)
    step = max(1, _CELLS // max(1, vectors.shape[1]))
    for start in range(0, len(vectors), step):
        norms[start : start + step] = _lengths(vectors[start : start + step])
    return norms


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows divided by their norms, float32 (n, d); a zero row stays zero."""
    return (vectors / _divisors(_lengths(vectors))[:, None]).astype(np.float32)


def pair_scores(queries: NDArray[np.float32], vectors: NDArray[np.float32], metric: Metric) -> NDArray[np.float32]:
    """The score of queries[i] and vectors[i], float32 (m,), from two float32 (m, d). A zero vector has cosine 0."""
    left, right = queries.astype(np.float64), vectors.astype(np.float64)
    if metric == "l2":
        return np.asarray(0.0 - _lengths(left - right), np.float32)
    inner = (left * right).sum(axis=1)
    if metric == "cosine":
        inner /= _divisors(_lengths(left) * _lengths(right))
    return np.asarray(inner + 0.0, np.float32)  # + 0.0: no score is -0.0


def checked_queries(queries: NDArray[np.float32], dimension: int, metric: Metric) -> NDArray[np.float32]:
    """The queries as contiguous float32 (q, d). Raises ValueError for what no index can answer."""
    checked = np.ascontiguousarray(queries, np.float32)
    if checked.ndim != 2 or checked.shape[1] != dimension:
        raise ValueError(f"queries have the shape {np.shape(queries)}: the index takes (q, {dimension})")
    lengths = row_norms(checked)
    if not bool((lengths < LONGEST).all()):
        raise ValueError(f"query {int(np.argmin(lengths < LONGEST))} is not finite, or longer than {LONGEST:g}")
    if metric == "cosine" and not bool(lengths.all()):
        raise ValueError(f"query {int(np.argmin(lengths))} is zero: it has no cosine; use dot or l2, or another query")
    return checked


def checked_k(k: int) -> int:
    """`k` as an int. Raises ValueError below 1, TypeError unless it is whole."""
    if k < 1:
        raise ValueError(f"k is {k}: ask for at least 1 neighbor")
    return operator.index(k)


def ranked(
    owners: NDArray[np.int64], ids: NDArray[np.int64], scores: NDArray[np.float32], queries: int, k: int
) -> Neighbors:
    """The best k (id, score) of each query, from pairs that say which query owns them; ties by ascending id.

    owners, ids and scores are (m,), in any order. Where a query has fewer than another, its row is padded at the
    end (id 0, score -inf) as `counts` says.
    """
    order = np.lexsort((ids, -scores, owners))
    owners, ids, scores = owners[order], ids[order], scores[order]
    totals = np.bincount(owners, minlength=queries).astype(np.int64)
    ranks = np.arange(len(owners)) - np.repeat(np.cumsum(totals) - totals, totals)
    counts = np.minimum(totals, k)
    width = int(counts.max(initial=0))
    best_ids, best_scores = np.zeros((queries, width), np.int64), np.full((queries, width), -np.inf, np.float32)
    kept = ranks < k
    best_ids[owners[kept], ranks[kept]] = ids[kept]
    best_scores[owners[kept], ranks[kept]] = scores[kept]
    return Neighbors(best_ids, best_scores, counts)


def _lengths(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    wide = vectors.astype(np.float64, copy=False)
    return np.asarray(np.sqrt((wide * wide).sum(axis=1)), np.float64)


def _divisors(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(lengths > 0, lengths, 1.0)
