"""What random ranking expects, exactly: the mean over all orders of a gallery of N things, all equally likely.

A function a measure of `ranking`, by the same name: float64 (q,), a number a query, from how many right answers it has
(R) and their grades. All raise BadTruth when the gallery is unknown. The ids that a query may not have as answers must
not count: where queries are themselves in the gallery and no answer to themselves, N is one less
(`dataclasses.replace(judged, size=judged.size - 1)`); where only some are, `size` is an N for each query.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sensorium.core.errors import BadTruth
from sensorium.metrics.ranking import best_dcg, within
from sensorium.metrics.truth import Floats, Ints, Judged


def first_rank(judged: Judged) -> Floats:
    """(N + 1) / (R + 1): R right answers cut the gallery into R + 1 stretches of equal expected length."""
    return (_size(judged) + 1) / (judged.right + 1)


def hit(judged: Judged, k: int) -> Floats:
    """1 - C(N - R, k) / C(N, k): not all of the first k are wrong. With one right answer k/N."""
    k = within(judged, k)
    return _by_count(judged, lambda right, size: -np.expm1(_log_none(size, right, k)))


def recall(judged: Judged, k: int) -> Floats:
    """k/N: each right answer is as likely at every rank."""
    expected: Floats = within(judged, k) / _size(judged)
    return expected


def precision(judged: Judged, k: int) -> Floats:
    """R/N: each rank is as likely to be right as the whole gallery."""
    within(judged, k)
    return judged.right / _size(judged)


def reciprocal_rank(judged: Judged, k: int | None = None) -> Floats:
    """Sum over i <= k of (1/i) P(first = i), with P(first = i) = C(N - i, R - 1) / C(N, R)."""
    cut = judged.depth if k is None else within(judged, k)

    def mean(right: int, size: int) -> float:
        ranks = np.arange(1, min(cut, size) + 1, dtype=np.float64)
        # that the first i - 1 are wrong, times that rank i is then right
        wrong = np.clip(size - right - (ranks[:-1] - 1), 0, None) / (size - (ranks[:-1] - 1))
        before = np.concatenate([[1.0], np.cumprod(wrong)])
        return float((before * right / (size - (ranks - 1)) / ranks).sum())

    return _by_count(judged, mean)


def average_precision(judged: Judged, k: int | None = None) -> Floats:
    """(1/N) sum over i <= k of (1/i) (1 + (i - 1) (R - 1) / (N - 1)).

    The answer of rank i is right with R/N; of the i - 1 before it (R - 1) / (N - 1) are then right as well.
    """
    cut = judged.depth if k is None else within(judged, k)

    def mean(right: int, size: int) -> float:
        ranks = np.arange(1, min(cut, size) + 1, dtype=np.float64)
        alone, others = (1 / ranks).sum(), ((ranks - 1) / ranks).sum()
        return float((alone + others * (right - 1) / max(1, size - 1)) / size)

    return _by_count(judged, mean)


def ndcg(judged: Judged, k: int) -> Floats:
    """(G/N) (sum over i <= k of 1 / log2(i + 1)) / best DCG@k, with G the sum of the grades of the right answers."""
    size, k = _size(judged), within(judged, k)
    discount = (1 / np.log2(np.arange(k) + 2)).sum()
    rows = np.repeat(np.arange(len(judged.right)), judged.right)
    grades = np.bincount(rows, judged.ideal, minlength=len(judged.right))
    expected: Floats = grades / size * discount / best_dcg(judged, k)
    return expected


def median_rank(judged: Judged) -> float:
    """The median, over queries and orders alike, of the rank of the first right answer.

    The middle of all ranks m at which the first right answer is no later with a probability of 1/2, averaged over the
    queries: (N + 1) / 2 with one right answer.
    """
    pairs, inverse = _kinds(judged)
    queries, most = np.bincount(inverse), max(size for _, size in pairs)

    def missed(rank: int) -> float:
        late = np.exp([_log_none(size, right, rank) for right, size in pairs])
        return float(late @ queries) / float(queries.sum())

    return (
        _least(lambda rank: missed(rank) <= 0.5 + 1e-9, most) + _least(lambda rank: missed(rank) < 0.5 - 1e-9, most)
    ) / 2


def _least(holds: Callable[[int], bool], high: int) -> int:
    """The least rank from 1 to `high` at which it holds; it holds from there on."""
    low = 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _log_none(size: int, right: int, k: int) -> float:
    """The log of the probability that none of `right` right answers is among the first k of `size`."""
    if right + k > size:
        return -np.inf
    few, many = sorted((right, k))
    at = np.arange(few, dtype=np.float64)
    return float(np.log1p(-many / (size - at)).sum())


def _by_count(judged: Judged, of: Callable[[int, int], float]) -> Floats:
    """A number for each query that depends only on how many right answers it has, and among how many."""
    pairs, inverse = _kinds(judged)
    return np.array([of(right, size) for right, size in pairs], np.float64)[inverse]


def _kinds(judged: Judged) -> tuple[list[tuple[int, int]], Ints]:
    """The pairs of R and N that there are, and which each query has, (q,)."""
    size = _size(judged)
    width = int(size.max()) + 1
    pairs, inverse = np.unique(judged.right * width + size, return_inverse=True)
    return [divmod(int(pair), width) for pair in pairs], inverse


def _size(judged: Judged) -> Ints:
    """N of each query, (q,)."""
    if judged.size is None:
        raise BadTruth("how large the gallery is, is unknown: say it to Truth.of, as gallery=")
    return np.broadcast_to(np.asarray(judged.size, np.int64), judged.right.shape)
