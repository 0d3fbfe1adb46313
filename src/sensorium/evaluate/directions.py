"""Who asks whom, and what is right: a direction of a data set as queries, a gallery and the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import BadData
from sensorium.core.types import MODALITIES
from sensorium.evaluate.dataset import Dataset
from sensorium.evaluate.results import ALL, ways
from sensorium.metrics.truth import Truth

Ints = NDArray[np.int64]

MOST_PAIRS = 50_000_000  # of a query and a right answer: above, they would take gigabytes
PLURALS = {"text": "texts", "image": "pictures", "audio": "sounds"}


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A direction that can be asked. Rows are those of the data set's samples; they are the ids of run and truth.

    `queries` (q,) and `gallery` (N,) ascend; `groups` (q,) says which queries are no independent ones, None: all are.
    `own` (q,) is the row of the gallery that is no answer for a query, since it is the query: itself where queries are
    in the gallery, of judgments the document that says the same word for word; -1 where there is none.
    """

    direction: str
    queries: Ints
    gallery: Ints
    truth: Truth
    groups: Ints | None
    own: Ints
    notes: tuple[str, ...] = ()

    @property
    def sizes(self) -> Ints:
        """How many can be answered to each query, (q,): the gallery, less what is the query itself."""
        return len(self.gallery) - (self.own >= 0).astype(np.int64)

    @property
    def size(self) -> int:
        """How many can be answered to every query."""
        return int(self.sizes.min())

    @property
    def among(self) -> bool:
        """Whether the queries themselves are in the gallery."""
        return bool((self.own == self.queries).all())


class Pairs(NamedTuple):
    """Queries and right answers by row, and grades, each (n,)."""

    queries: Ints
    answers: Ints
    grades: NDArray[np.float64]


class Questions:
    """The directions of a data set, of the samples in `rows` (those that a model has vectors of)."""

    def __init__(self, dataset: Dataset, rows: Ints) -> None:
        self._dataset = dataset
        self._rows = np.asarray(rows, np.int64)
        samples = dataset.samples
        self._modality = np.array([MODALITIES.index(s.modality) for s in samples], np.int64)
        names = {s.group: at for at, s in enumerate(samples)}  # any number that is its own
        self._group = np.array([names[s.group] if s.group else -1 - at for at, s in enumerate(samples)], np.int64)
        self._judged = dataset.relation == "judgments"
        self._asks = np.array([not self._judged or s.split == "query" for s in samples], np.bool_)
        self._answers = np.array([not self._judged or s.split != "query" for s in samples], np.bool_)
        self._judgments: Pairs | None = None
        self.notes: tuple[str, ...] = ()
        if self._judged:
            self._judgments, self.notes = self._known_judgments()

    def all(self) -> list[str]:
        """Every direction that has a query and something to answer it, `x2all` where several modalities may answer."""
        asking, answering = self._present(self._asks), self._present(self._answers)
        found = [f"{a[0]}2{b[0]}" for a in asking for b in answering]
        if self._dataset.templates:  # a class's name said in several ways: no question
            found = [direction for direction in found if direction != "t2t"]
        return found + [f"{a[0]}2{ALL}" for a in asking if len(answering) > 1]

    def ask(self, direction: str) -> Question:
        """A direction as queries, gallery and truth. Raises BadData when no query of it has a right answer."""
        source, target = ways(direction)
        queries = self._of(source, self._asks)
        gallery = self._of(target, self._answers)
        among = not self._judged and target in (source, None)
        asking, answering = PLURALS[source], PLURALS[target] if target else "samples"
        if not len(queries) or len(gallery) <= among:
            missing = asking if not len(queries) else f"{'other ' if among else ''}{answering}"
            raise BadData(f"{direction} cannot be asked of {self._dataset.name}: there are no {missing}")
        if self._judgments is not None:
            pairs = judged_pairs(self._judgments, queries, gallery)
        else:
            pairs = self._grouped_pairs(queries, gallery)
        truth = Truth.of(*pairs, gallery=gallery)
        asked = np.unique(truth.query_ids)
        if not len(asked):
            other = f"another of the {answering}" if target == source else f"any of the {answering}"
            raise BadData(f"{direction} has no right answer in {self._dataset.name}: none of the {asking} has {other}")
        notes = []
        if left := len(queries) - len(asked):
            notes.append(f"{left:,} of {len(queries):,} {asking} have no right answer: not asked")
        groups = None if self._judged else self._group[asked]
        own = asked if among else np.full(len(asked), -1, np.int64)
        if self._judged:
            own = self._same(asked, gallery, truth)
        return Question(direction, asked, gallery, truth, groups, own, tuple(notes))

    def _same(self, queries: Ints, gallery: Ints, truth: Truth) -> Ints:
        """Of each query the first row of its group in the gallery, unless it is judged right; -1 where there is none.

        So does BEIR's own evaluation, where a query of ArguAna is a document of the corpus.
        """
        groups, first = np.unique(self._group[gallery], return_index=True)
        at = np.minimum(np.searchsorted(groups, self._group[queries]), len(groups) - 1)
        own = np.where(groups[at] == self._group[queries], gallery[first[at]], -1)
        width = len(self._group)
        right = np.isin(queries * width + own, truth.query_ids * width + truth.ids)
        return np.where(right, -1, own)

    def _of(self, modality: str | None, which: NDArray[np.bool_]) -> Ints:
        rows = self._rows[which[self._rows]]
        return rows if modality is None else rows[self._modality[rows] == MODALITIES.index(modality)]

    def _present(self, which: NDArray[np.bool_]) -> list[str]:
        return [modality for modality in MODALITIES if len(self._of(modality, which))]

    def _grouped_pairs(self, queries: Ints, gallery: Ints) -> Pairs:
        """All pairs of a query and another sample of its group."""
        by_group = gallery[np.argsort(self._group[gallery], kind="stable")]
        groups = self._group[by_group]
        starts = np.searchsorted(groups, self._group[queries], "left")
        counts = np.searchsorted(groups, self._group[queries], "right") - starts
        if counts.sum() > MOST_PAIRS:
            raise BadData(
                f"{self._dataset.name} has {int(counts.sum()):,} pairs of a query and a right answer: its classes are "
                "too large to be asked whole; take a part of it with --limit"
            )
        asked = np.repeat(queries, counts)
        offsets = np.arange(len(asked)) - np.repeat(np.cumsum(counts) - counts, counts)
        answers = by_group[np.repeat(starts, counts) + offsets]
        others = asked != answers
        return Pairs(asked[others], answers[others], np.ones(int(others.sum())))

    def _known_judgments(self) -> tuple[Pairs, tuple[str, ...]]:
        """The judgments by row, and what is to be said of those about samples that there are none of."""
        at = {sample.key: row for row, sample in enumerate(self._dataset.samples)}
        said: Sequence[tuple[int, int, float]] = [
            (at[one.query], at[one.answer], one.grade)
            for one in self._dataset.judgments
            if one.query in at and one.answer in at
        ]
        unknown = len(self._dataset.judgments) - len(said)
        notes = (f"{unknown:,} judgments are about queries or answers that are not in the data: left out",)
        columns = np.array(said, np.float64).reshape(-1, 3)
        pairs = Pairs(columns[:, 0].astype(np.int64), columns[:, 1].astype(np.int64), columns[:, 2])
        return pairs, notes if unknown else ()


def judged_pairs(judgments: Pairs, queries: Ints, gallery: Ints) -> Pairs:
    """The judgments of some queries about answers of a gallery."""
    kept = np.isin(judgments.queries, queries) & np.isin(judgments.answers, gallery)
    return Pairs(judgments.queries[kept], judgments.answers[kept], judgments.grades[kept])
