"""How sure a figure is: bootstrap intervals, paired tests, and many tests at once.

Queries are resampled, and those that share a cluster together: the five captions of one photograph are no five
independent queries. `clusters` (n,) names the cluster of each value, as numbers or as texts; None: each is its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from sensorium.core.errors import BadMeasure, BadTruth
from sensorium.metrics.truth import Bools, Floats, Ints

Statistic = Literal["mean", "median"]

_CELLS = 1 << 22  # numbers that are drawn together
_EXACT = 14  # differing clusters up to which every choice of signs is tried
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure, and between which values it lies for the population that the queries were drawn from."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The mean of a - b with its interval, and how likely one as far from 0 is when a and b are equally good."""

    difference: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class _Kinds:
    """Clusters that are alike are one kind (c,): the sum of its values, how many they are, how many clusters it has."""

    sums: Floats
    sizes: Floats
    times: Ints

    @property
    def clusters(self) -> int:
        return int(self.times.sum())


def bootstrap(
    values: ArrayLike, clusters: ArrayLike | None = None, *, statistic: Statistic = "mean", confidence: float = 0.95,
    resamples: int = 2000, seed: int = 0,
) -> Interval:  # fmt: skip
    """The mean (or median) of values (n,) with an interval that holds that of the population with that confidence.

    The mean: BCa, the bias-corrected and accelerated percentiles of the means of resampled clusters, as many as there
    are (Efron, "Better bootstrap confidence intervals", JASA 1987; the acceleration by leaving out one cluster each).
    The median: the plain percentiles (Efron 1979), and values may be infinite. Values that are all the same and from 0
    to 1 cannot be resampled into others; then a share of up to 1 - a^(1/c) of the population may be anything from 0 to
    1, with c clusters and a = (1 - confidence) / 2 (Clopper and Pearson, Biometrika 1934, for none of c): 50 hits of 50
    give 0.93 to 1, not 1 to 1. Below some 20 clusters intervals are too narrow. The same seed gives the same interval.

    Raises BadTruth when there is nothing to average, for nan, infinite values under a mean and clusters of another
    length; BadMeasure for another statistic, a confidence that is not between 0 and 1, and no resamples.
    """
    data, groups = _values(values, clusters, statistic)
    if not 0 < confidence < 1 or resamples < 1:
        raise BadMeasure(f"confidence {confidence} and {resamples} resamples: give one between 0 and 1, and 1 or more")
    tail = (1 - confidence) / 2
    rng = np.random.default_rng(seed)
    if statistic == "median":
        value, drawn = float(np.median(data)), _medians(data, groups, resamples, rng)
        tails = (tail, 1 - tail)
    else:
        kinds = _kinds(data, groups)
        value = float(data.mean())
        if kinds.clusters < 2 or np.ptp(kinds.sums / kinds.sizes) == 0:
            return _of_alike(value, data, kinds.clusters, tail)
        drawn = _means(kinds, resamples, rng)
        tails = _accelerated(kinds, value, drawn, tail)
    low, high = np.quantile(drawn, tails, method="inverted_cdf")
    return Interval(value, min(value, float(low)), max(value, float(high)))


def paired(
    a: ArrayLike, b: ArrayLike, clusters: ArrayLike | None = None, *, confidence: float = 0.95, resamples: int = 10_000,
    seed: int = 0,
) -> Comparison:  # fmt: skip
    """Whether the means of a and b (n,), two runs over the same queries, differ: a two-sided permutation test.

    Under no difference the sign of each cluster's difference is a coin: p is the share of sign choices whose mean is at
    least as far from 0 as the one found. All choices are tried for up to 14 clusters that differ, else `resamples` of
    them and the one found (Fisher, "The Design of Experiments", 1935, section 21; for retrieval Smucker, Allan and
    Carterette, CIKM 2007). The interval is that of `bootstrap` over the differences. Raises BadTruth for arrays of
    different lengths, and as `bootstrap`.
    """
    first, second = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    if first.shape != second.shape:
        raise BadTruth(f"{first.size} and {second.size} values are no pairs: compare runs over the same queries")
    _values(first, None, "mean"), _values(second, None, "mean")
    data, groups = _values(first - second, clusters, "mean")
    found = bootstrap(data, groups, confidence=confidence, seed=seed)
    sums = np.round(data if groups is None else np.bincount(groups, data), 12)
    sums = sums[sums != 0]
    p = 1.0 if not len(sums) else _flipped(sums, resamples, np.random.default_rng(seed))
    return Comparison(found.value, found.low, found.high, p)


def holm(p: ArrayLike) -> Floats:
    """The p values (m,) of m tests, so adjusted that the chance of even one false alarm is at most the level used.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979: the i-th
    smallest times m - i + 1, at least as large as those before it, at most 1. Raises BadTruth for what is no p value.
    """
    values = np.asarray(p, np.float64).ravel()
    if not ((values >= 0) & (values <= 1)).all():
        raise BadTruth("a p value is not from 0 to 1: give those of `paired`")
    order = np.argsort(values)
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    return np.minimum(adjusted, 1.0)


def _values(values: ArrayLike, clusters: ArrayLike | None, statistic: str) -> tuple[Floats, Ints | None]:
    """The values, and the number of each one's cluster, from 0 without gaps."""
    data = np.asarray(values, np.float64).ravel()
    if statistic not in ("mean", "median"):
        raise BadMeasure(f"no statistic {statistic!r}: there are mean and median")
    if not data.size:
        raise BadTruth("there is no value to average: a figure needs at least one query")
    if np.isnan(data).any() or (statistic == "mean" and not np.isfinite(data).all()):
        raise BadTruth("a value is not finite: take the median of ranks, and leave out queries that have no value")
    if clusters is None:
        return data, None
    names = np.asarray(clusters).ravel()
    if len(names) != len(data):
        raise BadTruth(f"{len(data)} values and {len(names)} clusters: name the cluster of each value")
    return data, np.unique(names, return_inverse=True)[1]


def _kinds(data: Floats, groups: Ints | None) -> _Kinds:
    if groups is None:
        sums, times = np.unique(data, return_counts=True)
        return _Kinds(sums, np.ones(len(sums)), times)
    pairs: Floats = np.stack([np.bincount(groups, data), np.bincount(groups).astype(np.float64)], axis=1)
    kinds, times = np.unique(pairs, axis=0, return_counts=True)
    return _Kinds(kinds[:, 0], kinds[:, 1], times)


def _drawn(times: Ints, resamples: int, rng: np.random.Generator, width: int) -> Iterator[Floats]:
    """How often each kind comes in a resample of as many clusters, (b, c) at a time; each takes `width` numbers."""
    clusters, kinds = int(times.sum()), len(times)
    members = np.repeat(np.arange(kinds), times)
    step = max(1, _CELLS // max(width, kinds))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        if kinds * 8 <= clusters:
            yield rng.multinomial(clusters, times / clusters, size=rows).astype(np.float64)
            continue
        picked = members[rng.integers(0, clusters, (rows, clusters))] + np.arange(rows)[:, None] * kinds
        yield np.bincount(picked.ravel(), minlength=rows * kinds).reshape(rows, kinds).astype(np.float64)


def _means(kinds: _Kinds, resamples: int, rng: np.random.Generator) -> Floats:
    return np.concatenate(
        [(c @ kinds.sums) / (c @ kinds.sizes) for c in _drawn(kinds.times, resamples, rng, kinds.clusters)]
    )


def _medians(data: Floats, groups: Ints | None, resamples: int, rng: np.random.Generator) -> Floats:
    if groups is None:
        data, times = np.unique(data, return_counts=True)
        order, of = np.arange(len(data)), np.arange(len(data))
    else:
        times = np.ones(int(groups.max()) + 1, np.int64)
        order = np.argsort(data, kind="stable")
        of = groups[order]
    ascending, found = data[order], []
    for counts in _drawn(times, resamples, rng, max(len(data), int(times.sum()))):
        sums = np.cumsum(counts[:, of], axis=1)
        half = sums[:, -1:] / 2
        below, above = (sums < half).sum(axis=1), (sums <= half).sum(axis=1)
        found.append((ascending[below] + ascending[np.minimum(above, len(ascending) - 1)]) / 2)
    return np.concatenate(found)


def _of_alike(value: float, data: Floats, clusters: int, tail: float) -> Interval:
    if data.min() < 0 or data.max() > 1:
        return Interval(value, value, value)
    seen = tail ** (1 / clusters)
    return Interval(value, value * seen, value * seen + 1 - seen)


def _accelerated(kinds: _Kinds, value: float, drawn: Floats, tail: float) -> tuple[float, float]:
    """The shares of the drawn means at which BCa cuts (Efron 1987, equations 4.1 and 6.6)."""
    under = float((drawn < value).mean() + (drawn == value).mean() / 2)
    bias = _NORMAL.inv_cdf(min(max(under, 1 / (len(drawn) + 1)), 1 - 1 / (len(drawn) + 1)))
    total, count = kinds.times @ kinds.sums, kinds.times @ kinds.sizes
    without = (total - kinds.sums) / (count - kinds.sizes)
    off = (kinds.times @ without) / kinds.clusters - without
    acceleration = float(kinds.times @ off**3 / (6 * (kinds.times @ off**2) ** 1.5))

    def cut(share: float) -> float:
        z = bias + _NORMAL.inv_cdf(share)
        return _NORMAL.cdf(bias + z / (1 - acceleration * z))

    return cut(tail), cut(1 - tail)


def _flipped(sums: Floats, resamples: int, rng: np.random.Generator) -> float:
    """The share of choices of signs whose total is as far from 0 as that of `sums`, none of which is 0."""
    sizes, times = np.unique(np.abs(sums), return_counts=True)
    least = abs(sums.sum()) - 1e-9 * np.abs(sums).sum()
    far: Bools
    if len(sums) <= _EXACT:
        bits = (np.arange(1 << len(sums))[:, None] >> np.arange(len(sums))) & 1
        far = np.abs((2.0 * bits - 1) @ np.abs(sums)) >= least
        return float(far.mean())
    count, step = 0, max(1, _CELLS // len(sums))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        if len(sizes) * 8 <= len(sums):
            ups = rng.binomial(times, 0.5, (rows, len(sizes))) @ sizes
        else:
            coins = np.frombuffer(rng.bytes(rows * -(-len(sums) // 8)), np.uint8).reshape(rows, -1)
            ups = np.unpackbits(coins, axis=1, count=len(sums)) @ np.abs(sums)
        far = np.abs(2 * ups - np.abs(sums).sum()) >= least
        count += int(far.sum())
    return (count + 1) / (resamples + 1)
