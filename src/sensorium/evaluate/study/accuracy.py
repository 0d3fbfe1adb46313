"""Figures 8 to 10 of study A: how often the right answer is among the first k, by metric, direction and set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.types import METRICS, Metric
from sensorium.evaluate.study.pairs import PairSet
from sensorium.indexes.metric import pair_scores, row_norms, unit
from sensorium.metrics import chance, ranking
from sensorium.metrics.intervals import bootstrap
from sensorium.metrics.truth import Judged

Ints = NDArray[np.int64]
Vectors = NDArray[np.float32]

KS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000)
STUDY_K, STUDY_N = 1000, 80_000  # where study A reports 12 times chance
_CELLS = 1 << 24  # similarities at a time: 64 MB
_RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Precision:
    """The precision rate over k of one set, direction and metric, a number for each of `k`, with 95 % intervals.

    `right` says what counts: "own", the other half of the pair that asks, as in the study; "any", each caption of the
    picture. `share_k` is the k that is the study's share of the gallery, 1,000 of 80,000; `times` how many times as
    good as chance the rate is there.
    """

    set: str
    direction: str
    metric: Metric
    right: str
    queries: int
    gallery: int
    k: tuple[int, ...]
    value: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    chance: tuple[float, ...]
    median_rank: float
    share_k: int
    share_value: float
    share_chance: float
    times: float

    def to_json(self) -> dict[str, Any]:
        """A plain dict, rates with five decimals; `at` has value, low, high and chance by k."""
        columns = ("value", "low", "high", "chance")
        at = {
            str(k): {name: round(getattr(self, name)[place], 5) for name in columns} for place, k in enumerate(self.k)
        }
        return {
            "queries": self.queries, "gallery": self.gallery, "median_rank": self.median_rank,
            "share_k": self.share_k, "share_value": round(self.share_value, 5),
            "share_chance": round(self.share_chance, 5), "times": round(self.times, 1), "at": at,
        }  # fmt: skip


def nested(rates: Iterable[Precision]) -> dict[str, Any]:
    """All rates as JSON: by set, direction, metric and what counts as right."""
    found: dict[str, Any] = {}
    for one in rates:
        by_metric = found.setdefault(one.set, {}).setdefault(one.direction, {})
        by_metric.setdefault(one.metric, {})[one.right] = one.to_json()
    return found


def precision_rates(one: PairSet, seed: int = 0) -> Iterator[Precision]:
    """All of a set: three metrics, both directions, and where captions answer both meanings of right."""
    pairs = np.arange(len(one.own))
    for metric in METRICS:
        found = ranks(one.captions, one.pictures, pairs, one.own, metric)
        yield _rates(one, "t2i", metric, "own", judged(found, len(one.pictures)), one.own, seed)
        found = ranks(one.pictures, one.captions, one.own, pairs, metric)
        yield _rates(one, "i2t", metric, "own", judged(found, len(one.captions)), one.own, seed)
        best = np.full(len(one.pictures), len(one.captions), np.int64)
        np.minimum.at(best, one.own, found)
        of_picture = np.bincount(one.own, minlength=len(best))
        yield _rates(one, "i2t", metric, "any", judged(best, len(one.captions), of_picture), None, seed)


def ranks(queries: Vectors, gallery: Vectors, asks: Ints, answers: Ints, metric: Metric) -> Ints:
    """The rank, from 1, of gallery row `answers[i]` when query `asks[i]` is answered with the whole gallery, (p,).

    The ranks that exact search gives, ties by row included: pairs too close to tell apart in float32 are scored again.
    """
    asking, answering = (unit(queries), unit(gallery)) if metric == "cosine" else (queries, gallery)
    rate = np.float32((gallery.shape[1] + 8) * 2.0**-22)
    lengths, norms = row_norms(asking), row_norms(answering)
    longest = norms.max()
    slack = rate * ((lengths + longest) ** 2 if metric == "l2" else lengths * longest)
    order = np.argsort(asks, kind="stable")
    found = np.empty(len(asks), np.int64)
    step = max(1, _CELLS // len(gallery))
    for start in range(0, len(order), step):
        some = order[start : start + step]
        rows, inverse = np.unique(asks[some], return_inverse=True)
        scores = asking[rows] @ answering.T
        if metric == "l2":
            scores = 2 * scores - (norms * norms)[None, :]
        scores = scores[inverse]
        own = np.take_along_axis(scores, answers[some][:, None], axis=1)
        scores -= own
        close = slack[asks[some]][:, None]
        found[some] = 1 + (scores > close).sum(axis=1)
        at, other = np.nonzero(np.abs(scores, out=scores) <= close)
        ahead = _ahead(queries, gallery, asks[some][at], answers[some][at], other, metric)
        found[some] += np.bincount(at[ahead], minlength=len(some))
    return found


def judged(found: Ints, gallery: int, right: Ints | None = None) -> Judged:
    """Queries whose first right answer is at these ranks (q,) of a whole gallery, for the measures that look at it.

    `right` (q,) is how many right answers each has; one unless said.
    """
    rows = np.arange(len(found))
    whole = np.full(len(found), gallery)
    count = np.ones(len(found), np.int64) if right is None else right
    ones = np.ones(int(count.sum()))
    return Judged(rows, count, whole, rows, found, np.ones(len(found)), ones, gallery, gallery)


def _ahead(queries: Vectors, gallery: Vectors, asks: Ints, own: Ints, other: Ints, metric: Metric) -> NDArray[np.bool_]:
    """Whether `other` comes before `own` in the answer to `asks`, (c,): by exact score, then by row."""
    mine, others = (pair_scores(queries[asks], gallery[rows], metric) for rows in (own, other))
    earlier: NDArray[np.bool_] = other < own
    return np.asarray((others > mine) | ((others == mine) & earlier), np.bool_)


def _rates(
    one: PairSet, direction: str, metric: Metric, right: str, found: Judged, clusters: Ints | None, seed: int
) -> Precision:  # fmt: skip
    size = found.depth
    ks = tuple(k for k in KS if k <= size)
    intervals = [bootstrap(ranking.hit(found, k), clusters, resamples=_RESAMPLES, seed=seed) for k in ks]
    share_k = max(1, round(size * STUDY_K / STUDY_N))
    value = float(ranking.hit(found, share_k).mean())
    by_chance = float(chance.hit(found, share_k).mean())
    return Precision(
        one.name, direction, metric, right, len(found.right), size, ks,
        tuple(i.value for i in intervals), tuple(i.low for i in intervals), tuple(i.high for i in intervals),
        tuple(float(chance.hit(found, k).mean()) for k in ks), float(np.median(ranking.first_rank(found))),
        share_k, value, by_chance, value / by_chance,
    )  # fmt: skip
