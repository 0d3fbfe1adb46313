"""One question, asked again and again of other vectors: the same queries, answers and truth, judged alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.types import Run
from sensorium.evaluate.results import Data, Figure
from sensorium.indexes.metric import unit
from sensorium.metrics.intervals import Comparison, bootstrap, holm, paired
from sensorium.metrics.names import measure
from sensorium.metrics.truth import Judged, Truth, judge

if TYPE_CHECKING:
    from sensorium.evaluate.directions import Question

Ints = NDArray[np.int64]
Vectors = NDArray[np.float32]

DEPTH = 100  # answers that are looked at
AT_ONCE = 256  # queries that are asked together


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """`queries` (q,) and `gallery` (N,) ascend, both rows of samples; `groups` (q,) are resampled together.

    `right` says what is right: `original` (the very file that the query was made of) or `group` (what the data set
    has as right answers). `among`: queries are in the gallery, and no answer for themselves.
    """

    direction: str
    right: str
    queries: Ints
    gallery: Ints
    truth: Truth
    groups: Ints | None
    among: bool = False

    @classmethod
    def of(cls, question: Question) -> Trial:
        """A direction of a data set: right is what it says."""
        asked = (question.queries, question.gallery, question.truth, question.groups)
        return cls(question.direction, "group", *asked, question.among)

    @classmethod
    def of_originals(cls, direction: str, rows: Ints, gallery: Ints, groups: Ints | None = None) -> Trial:
        """Files that are to find themselves among the `gallery`."""
        return cls(direction, "original", rows, gallery, Truth.of(rows, rows, gallery=gallery), groups)

    @property
    def depth(self) -> int:
        """How many answers are looked at."""
        return min(DEPTH, len(self.gallery) - self.among)

    def judged(self, queries: Vectors, gallery: Vectors) -> Judged:
        """Asked by cosine: `queries` (q, d) and `gallery` (N, d) are vectors of the rows of those names.

        All cosines are reckoned in float32, ties are broken by row: a tenth of the time of an index, which would score
        the best ones again, and there are hundreds of runs.
        """
        asking, answering = unit(queries), unit(gallery).T
        parts = []
        for start in range(0, len(asking), AT_ONCE):
            scores = asking[start : start + AT_ONCE] @ answering
            if self.among:  # none is an answer for itself
                own = np.searchsorted(self.gallery, self.queries[start : start + AT_ONCE])
                scores[np.arange(len(own)), own] = -np.inf
            parts.append(_best(scores, self.depth))
        at, scores = (np.concatenate(column) for column in zip(*parts, strict=True))
        judged = judge(Run(self.queries, self.gallery[at], scores), self.truth)
        return replace(judged, size=len(self.gallery) - self.among)

    def figures(self, judged: Judged, measures: Sequence[str], *, seed: int, resamples: int) -> dict[str, Figure]:
        """Each measure with its 95 % interval and what random ranking expects."""
        found = {}
        for name in measures:
            one = measure(name)
            at = bootstrap(one.of(judged), self.groups, statistic=one.statistic, resamples=resamples, seed=seed)
            found[name] = Figure(at.value, at.low, at.high, one.chance(judged))
        return found

    def changes(self, after: Judged, before: Judged, measures: Sequence[str], *, seed: int) -> dict[str, Comparison]:
        """The mean change of each measure, paired over the queries. Medians have none: they are left out."""
        known = [one for one in map(measure, measures) if one.statistic == "mean"]
        return {one.name: paired(one.of(after), one.of(before), self.groups, seed=seed) for one in known}


def _best(scores: Vectors, depth: int) -> tuple[Ints, Vectors]:
    """The columns of the `depth` largest scores of each row, largest first, and these scores: both (q, depth)."""
    least = np.partition(scores, -depth, axis=1)[:, -depth, None]
    kept = scores > least  # of those equal to the least, the first ones
    equal = scores == least
    kept |= equal & (np.cumsum(equal, axis=1) <= depth - kept.sum(axis=1, keepdims=True))
    columns = np.nonzero(kept)[1].reshape(len(scores), depth)
    found = np.take_along_axis(scores, columns, axis=1)
    order = np.argsort(-found, axis=1, kind="stable")
    return np.take_along_axis(columns, order, axis=1), np.take_along_axis(found, order, axis=1)


def adjusted(changes: Sequence[Mapping[str, Comparison]]) -> list[dict[str, Comparison]]:
    """The same comparisons, their p adjusted by Holm for how many there are of each measure."""
    found: list[dict[str, Comparison]] = [{} for _ in changes]
    for name in dict.fromkeys(name for one in changes for name in one):
        at = [row for row, one in enumerate(changes) if name in one]
        for row, p in zip(at, holm(np.array([changes[row][name].p for row in at])), strict=True):
            found[row][name] = replace(changes[row][name], p=float(p))
    return found


def summed(terms: Iterable[tuple[float, Vectors]]) -> Vectors:
    """Weights times unit vectors (n, d), added up: as a search adds up the terms of a query."""
    return np.asarray(sum(np.float32(weight) * unit(vectors) for weight, vectors in terms), np.float32)


def said_of(figures: Mapping[str, Figure]) -> dict[str, dict[str, float | None]]:
    """Figures as plain dicts."""
    return {name: figure.to_json() for name, figure in figures.items()}


def said_of_changes(changes: Mapping[str, Comparison]) -> dict[str, dict[str, float]]:
    """Comparisons as plain dicts."""
    return {n: {"difference": c.difference, "low": c.low, "high": c.high, "p": c.p} for n, c in changes.items()}


def said_of_data(data: Data) -> dict[str, Any]:
    """What was asked, as a plain dict."""
    named = {name: getattr(data, name) for name in ("name", "source", "hash", "relation")}
    return {**named, "samples": dict(data.samples), "notes": list(data.notes)}
