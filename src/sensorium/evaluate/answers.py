"""Answers to a question: a model's vectors by a metric in an index, as a run, with the time that it took."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import BadQuery
from sensorium.core.types import METRICS, MODALITIES, Metric, Run
from sensorium.evaluate.results import ways
from sensorium.library.ann import parse_ivf

if TYPE_CHECKING:
    from sensorium.core.progress import Progress
    from sensorium.encoders.scores import Calibration
    from sensorium.evaluate.directions import Question
    from sensorium.indexes.contract import Index

Ints = NDArray[np.int64]
Vectors = NDArray[np.float32]

AT_ONCE = 256  # queries that are searched together
_IVF = re.compile("ivf(:[0-9]+,[0-9]+)?")
TIMED, WARMING, TIMED_K = 30, 3, 10  # single queries whose time is taken, those before them, and their answers


@dataclass(frozen=True, slots=True)
class How:
    """A metric and an index; `name` is the index as results say it: `exact`, or `ivf:100,5`."""

    metric: Metric
    lists: int = 0
    probes: int = 0

    @classmethod
    def of(cls, metric: str, index: str) -> How:
        """From the words for them. Raises BadQuery for others than there are."""
        known = next((one for one in METRICS if one == metric), None)
        if known is None:
            raise BadQuery(f"the metric {metric!r} is unknown: choose among {', '.join(METRICS)}")
        if index == "exact":
            return cls(known)
        if not _IVF.fullmatch(index):
            raise BadQuery(f"the index {index!r} is unknown: choose exact, ivf or ivf:LISTS,PROBES")
        return cls(known, *parse_ivf(index))

    @property
    def name(self) -> str:
        """The index, by its canonical name."""
        return f"ivf:{self.lists},{self.probes}" if self.lists else "exact"


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """A model's vectors: `rows` int64 (n,) ascending, of the samples; `modality` (n,) codes; `vectors` (n, d)."""

    rows: Ints
    modality: Ints
    vectors: Vectors
    calibration: Mapping[str, Calibration]

    def of(self, rows: Ints) -> Vectors:
        """The vectors of some of the rows, (m, d)."""
        return self.vectors[np.searchsorted(self.rows, rows)]

    def modalities(self, rows: Ints) -> Ints:
        """The modality codes of some of the rows, (m,)."""
        return self.modality[np.searchsorted(self.rows, rows)]


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """A run, what it took, and what is to be said of it. Seconds are of one query for ten answers, and of building.

    `scales`, mean and deviation of unrelated cosines by modality code, made modalities comparable; empty: nothing did.
    """

    run: Run
    scales: Mapping[int, tuple[float, float]]
    search_seconds: float
    build_seconds: float
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Searcher:
    """One space by one metric in one kind of index; the index of a modality is built when it is first asked."""

    space: Space
    how: How
    seed: int = 0
    _indexes: dict[int, tuple[Index, float, str]] = field(default_factory=dict)

    def answer(self, question: Question, depth: int, progress: Progress) -> Answered:
        """The first `depth` answers to each query, what is the query itself left out."""
        codes = [int(code) for code in np.unique(self.space.modalities(question.gallery))]
        indexes = {code: self._index(code, question.gallery) for code in codes}
        scales = self._scales(question.direction, codes)
        plain = {code: index for code, (index, _, _) in indexes.items()}
        asked = Asked(plain, scales, bool((question.own >= 0).any()), int(question.sizes.max()))
        self._as_for_ten(plain.values(), asked.among)
        parts = []
        for start in range(0, len(question.queries), AT_ONCE):
            rows = question.queries[start : start + AT_ONCE]
            parts.append(asked.best(question.own[start : start + AT_ONCE], self.space.of(rows), depth))
            progress.advance(len(rows))
        width = max(ids.shape[1] for ids, _, _ in parts)
        ids = np.concatenate([_as_wide(ids, width, 0) for ids, _, _ in parts])
        scores = np.concatenate([_as_wide(scores, width, -np.inf) for _, scores, _ in parts])
        counts = np.concatenate([counts for _, _, counts in parts])
        run = Run(question.queries, ids, scores, None if bool((counts == ids.shape[1]).all()) else counts)
        notes = [note for _, _, note in indexes.values() if note]
        if len(codes) > 1 and not scales:
            notes.append("the model has no calibration for all modalities: their scores were mixed as they are")
        built = sum(seconds for _, seconds, _ in indexes.values())
        return Answered(run, scales, self._seconds(asked, question), built, tuple(notes))

    def _index(self, code: int, gallery: Ints) -> tuple[Index, float, str]:
        """The index over the gallery's rows of a modality, how long it took to build, and its note."""
        if code not in self._indexes:
            rows = gallery[self.space.modalities(gallery) == code]
            vectors = self.space.of(rows)
            began = perf_counter()
            index, note = self._built(rows, vectors)
            self._indexes[code] = index, perf_counter() - began, note
        return self._indexes[code]

    def _built(self, rows: Ints, vectors: Vectors) -> tuple[Index, str]:
        if not self.how.lists:
            from sensorium.indexes.exact import ExactIndex

            return ExactIndex(rows, vectors, self.how.metric), ""
        from sensorium.indexes.ivf import IvfIndex

        index = IvfIndex.build(rows, vectors, self.how.metric, self.how.lists, self.how.probes, self.seed)
        index.probes = min(index.probes, index.lists)
        return index, index.note

    def _as_for_ten(self, indexes: Iterable[Index], among: bool) -> None:
        """IVF looks into more lists only for TIMED_K answers: figures up to there are those of a search for so many."""
        if not self.how.lists:
            return
        from sensorium.indexes.ivf import IvfIndex

        for index in indexes:
            if isinstance(index, IvfIndex):
                index.enough = TIMED_K + among

    def _scales(self, direction: str, codes: list[int]) -> dict[int, tuple[float, float]]:
        """Mean and deviation of unrelated cosines by modality; none for one modality, and where they are not known."""
        source, _ = ways(direction)
        if len(codes) < 2:
            return {}
        found = {code: self.space.calibration.get(f"{source}-{MODALITIES[code]}") for code in codes}
        known = {code: (one.mean, one.std) for code, one in found.items() if one is not None and one.std > 0}
        return known if len(known) == len(codes) else {}

    def _seconds(self, asked: Asked, question: Question) -> float:
        """The median time of a single query, spread over all of them, after some that warm up."""
        step = max(1, len(question.queries) // (TIMED + WARMING))
        times = []
        for at in range(0, len(question.queries), step)[: TIMED + WARMING]:
            own, vectors = question.own[at : at + 1], self.space.of(question.queries[at : at + 1])
            began = perf_counter()
            asked.best(own, vectors, TIMED_K)
            times.append(perf_counter() - began)
        return float(np.median(times[min(WARMING, len(times) - 1) :]))


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Indexes by modality, and the scales that make their scores comparable.

    `among` says whether a query may be among their rows, `most` how many answers a query may have.
    """

    indexes: Mapping[int, Index]
    scales: Mapping[int, tuple[float, float]]
    among: bool
    most: int

    def best(self, own: Ints, vectors: Vectors, k: int) -> tuple[Ints, Vectors, Ints]:
        """Answers (q, k'), scores (q, k') and counts (q,) of the best answers, best first; k' is k or all there are.

        `own` (q,) are the rows that are no answers, -1 for none.
        """
        wide = k + self.among
        ids, scores = [], []
        for code, index in self.indexes.items():
            mean, deviation = self.scales.get(code, (0.0, 1.0))
            found = index.search(vectors, wide)
            missing = np.arange(found.ids.shape[1]) >= found.counts[:, None]
            if self.among:
                missing |= found.ids == own[:, None]
            ids.append(found.ids)
            scores.append(np.where(missing, -np.inf, (found.scores - mean) / deviation).astype(np.float32))
        if len(ids) == 1 and not self.among:
            return ids[0], scores[0], np.isfinite(scores[0]).sum(axis=1)
        all_ids, all_scores = np.concatenate(ids, axis=1), np.concatenate(scores, axis=1)
        order = np.argsort(-all_scores, axis=1, kind="stable")[:, : min(k, self.most)]
        best = np.take_along_axis(all_scores, order, axis=1)
        return np.take_along_axis(all_ids, order, axis=1), best, np.isfinite(best).sum(axis=1)


def _as_wide(column: NDArray[Any], width: int, blank: float) -> NDArray[Any]:
    """Rows (q, k) as (q, width): some queries of IVF have fewer answers than others."""
    return np.pad(column, ((0, 0), (0, width - column.shape[1])), constant_values=blank)
