"""Experiments: a data set asked in every direction of models, metrics and indexes, and the figures of each run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sensorium.core.errors import BadData, BadQuery
from sensorium.core.progress import Progress, Silent
from sensorium.core.types import MODALITIES, Skipped
from sensorium.evaluate import provenance
from sensorium.evaluate.answers import TIMED_K, Answered, How, Searcher, Space
from sensorium.evaluate.dataset import Dataset
from sensorium.evaluate.directions import Question, Questions
from sensorium.evaluate.late import late_ranks
from sensorium.evaluate.models import encoder_of
from sensorium.evaluate.outcome import CUT, Rules, figures_of, hardest_of, matrix_of
from sensorium.evaluate.results import ALL, Measured, Model, Queries, Results, ways
from sensorium.evaluate.vectors import Cache, embed
from sensorium.metrics.names import measure

if TYPE_CHECKING:
    from sensorium.encoders.onnx import OnnxEncoder

MOST_RESAMPLES = 100_000  # with more an interval takes minutes, and stays the same
DEPTH = 100  # answers that are looked at, unless a k asks for more
"""How many answers a ranking is looked at: an MRR changes by less than 0.01 beyond, and exact search by ten times."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tried: each model by each metric in each index, in each direction.

    `directions` are such as t2i and t2all, or `("all",)` for all that have right answers. `indexes` are exact and
    ivf:LISTS,PROBES. `captions` says how many texts of a group count: the first, or all. `measures` come on top of
    those that always are measured; `depth` is how many answers are looked at, 100 unless said, and no fewer than the
    largest k. `seed` draws the `resamples` of the intervals, and the cells of IVF.
    """

    models: Sequence[str]
    metrics: Sequence[str] = ("cosine",)
    indexes: Sequence[str] = ("exact",)
    ks: Sequence[int] = (1, 5, 10)
    directions: Sequence[str] = (ALL,)
    captions: Literal[1, "all"] = "all"
    measures: Sequence[str] = ()
    seed: int = 0
    resamples: int = 2000
    confidence: float = 0.95
    depth: int | None = None
    precision: str | None = None

    def check(self) -> None:
        """Raises BadQuery, BadData or BadMeasure for what cannot be done, before anything is."""
        if not self.models:
            raise BadQuery("there is no model to evaluate: name one, as in --model starter")
        if bad := [k for k in self.ks if k < 1] or [k for k in (self.depth,) if k is not None and k < 1]:
            raise BadQuery(f"k is {bad[0]}: it must be at least 1")
        if not self.ks:
            raise BadQuery("there is no k to measure at: give some, as in 1,5,10")
        if not 1 <= self.resamples <= MOST_RESAMPLES or not 0 < self.confidence < 1:
            raise BadQuery(f"resamples must be from 1 to {MOST_RESAMPLES:,}, and the confidence between 0 and 1")
        if not (self.metrics and self.indexes and self.directions):
            raise BadQuery("name at least one metric, one index and one direction")
        for name in self.measures:
            measure(name)
        for direction in self.directions:
            if direction != ALL:
                ways(direction)
        for metric in self.metrics:
            for index in self.indexes:
                How.of(metric, index)

    @property
    def looked_at(self) -> int:
        """How many answers are looked at."""
        asked = [measure(name).k or 0 for name in self.measures]
        return max(DEPTH if self.depth is None else self.depth, CUT, *self.ks, *asked)


def evaluate(
    dataset: Dataset, plan: Plan, *, cache: Cache | None = None, progress: Progress | None = None,
    memory: int | None = None, encoders: Mapping[str, OnnxEncoder] | None = None,
) -> Results:  # fmt: skip
    """Embed the samples, ask in all directions, judge and measure.

    `encoders` are those of the plan's models by name, where these are no models that go by a name. Raises BadData (a
    direction without a right answer, nothing to ask), BadQuery (a metric, index or k that there is none of),
    BadMeasure, ModelUnknown, BundleDamaged.
    """
    began = perf_counter()
    plan.check()
    if plan.captions == 1:
        dataset = one_caption(dataset)
    work = _Work(dataset, plan, progress or Silent())
    known = dict(encoders or {})
    made = {name: known.get(name) or encoder_of(name, plan.precision) for name in dict.fromkeys(plan.models)}
    try:
        for name, encoder in made.items():
            work.model(name, encoder, cache, memory)
        if not work.runs:
            raise BadData(f"{dataset.name} has nothing that can be asked: {' '.join(work.notes) or 'it is empty'}")
    except BadData as error:
        if not work.failures:
            raise
        first = next(iter(work.failures))  # what is missing may be there, and could not be read
        said = f"{len(work.failures):,} without a vector, the first: {first.path}: {first.why}"
        raise BadData(f"{error} ({said})") from error
    return replace(work.results(), seconds=round(perf_counter() - began, 3))


def one_caption(dataset: Dataset) -> Dataset:
    """The data set with the first text of each group alone: what a data set with a caption a picture would be.

    Texts of no group stay, and so do all where answers are judged one by one: those are no captions.
    """
    if dataset.relation == "judgments":
        return dataset
    seen, kept = set[str](), []
    for sample in dataset.samples:
        if sample.modality == "text" and sample.group in seen:
            continue
        if sample.modality == "text" and sample.group:
            seen.add(sample.group)
        kept.append(sample)
    left = len(dataset.samples) - len(kept)
    notes = (*dataset.notes, f"one text a group: {left:,} others left out") if left else dataset.notes
    return replace(dataset, samples=tuple(kept), notes=notes)


@dataclass(slots=True)
class _Work:
    """What was found so far."""

    dataset: Dataset
    plan: Plan
    progress: Progress
    models: dict[str, Model] = field(default_factory=dict)
    runs: list[Measured] = field(default_factory=list)
    asked: dict[str, Queries] = field(default_factory=dict)
    spaces: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    hardest: list[Any] = field(default_factory=list)
    failures: dict[Skipped, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def model(self, name: str, encoder: OnnxEncoder, cache: Cache | None, memory: int | None) -> None:
        """All runs of one model."""
        samples = self.dataset.samples
        embedded = embed(samples, encoder, cache=cache, progress=self.progress, memory=memory)
        self.failures |= dict.fromkeys(embedded.failures)
        bundle = encoder.bundle
        self.models[name] = Model(
            encoder.space, bundle.version, encoder.precision, encoder.dimension, tuple(encoder.modalities)
        )
        codes = np.array([MODALITIES.index(samples[row].modality) for row in embedded.rows], np.int64)
        space = Space(embedded.rows, codes, embedded.vectors, bundle.calibration)
        self.spaces[name] = {"gap": gaps(space)}
        questions = self._questions(name, Questions(self.dataset, embedded.rows))
        hows = [How.of(metric, index) for metric in self.plan.metrics for index in self.plan.indexes]
        hows = list(dict.fromkeys(hows))
        self.progress.start(f"asking {name}", len(hows) * sum(len(question.queries) for question in questions))
        for how in hows:
            searcher = Searcher(space, how, self.plan.seed)
            for question in questions:
                if question.direction.endswith(ALL) and how.metric != "cosine":
                    self.note(f"{question.direction} mixes modalities, which only cosines can: not by {how.metric}")
                    self.progress.advance(len(question.queries))
                    continue
                self.run(name, searcher, question, searcher.answer(question, self.plan.looked_at, self.progress))
        self.progress.finish()

    def run(self, name: str, searcher: Searcher, question: Question, answered: Answered) -> None:
        """The figures of one run; the hardest queries are those of a model's first metric and index."""
        plan, how = self.plan, searcher.how
        rules = Rules(tuple(plan.ks), tuple(plan.measures), plan.confidence, plan.resamples, plan.seed)
        found = figures_of(question, answered.run, self.dataset, rules)
        asked, queries = provenance.queries_of(self.dataset, question)
        self.asked[asked] = queries
        measured = Measured(
            model=name, metric=how.metric, index=how.name, direction=question.direction,
            queries=len(question.queries), gallery=len(question.gallery), depth=answered.run.ids.shape[1],
            figures=found.figures, search_seconds=answered.search_seconds, build_seconds=answered.build_seconds,
            asked=asked, answered=provenance.hash_of_rows(self.dataset, question.gallery), first=found.first,
            values=found.values, share=found.share, expected=found.expected,
            notes=(*question.notes, *answered.notes, *found.notes),
        )  # fmt: skip
        self.runs.append(measured)
        if (how.metric, how.name) == self._first():
            missed = np.flatnonzero(found.first == 0)
            late = late_ranks(question, searcher.space, how.metric, answered.scales, missed)
            self.hardest += hardest_of(measured, question, answered.run, self.dataset, late)

    def note(self, line: str) -> None:
        """Say something once."""
        if line not in self.notes:
            self.notes.append(line)

    def results(self) -> Results:
        """All of it."""
        plan, dataset = self.plan, self.dataset
        first = self._first()
        return Results(
            data=provenance.data_of(dataset), models=self.models, plan=self._said(), runs=tuple(self.runs),
            asked=self.asked, spaces=self.spaces,
            matrix=matrix_of([run for run in self.runs if (run.metric, run.index) == first], plan.ks),
            hardest=tuple(self.hardest), failures=tuple(self.failures), notes=tuple(self.notes),
            measured=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), sensorium=provenance.version(),
            commit=provenance.commit(), machine=provenance.machine(),
        )  # fmt: skip

    def _first(self) -> tuple[str, str]:
        """The metric and the index that the matrix and the hardest queries are of."""
        how = How.of(self.plan.metrics[0], self.plan.indexes[0])
        return how.metric, how.name

    def _said(self) -> dict[str, Any]:
        plan = self.plan
        lists = {n: list(getattr(plan, n)) for n in ("metrics", "indexes", "ks", "directions", "measures")}
        plain = {name: getattr(plan, name) for name in ("captions", "seed", "resamples", "confidence")}
        return {**lists, **plain, "depth": plan.looked_at, "timed_k": TIMED_K}

    def _questions(self, name: str, questions: Questions) -> list[Question]:
        """The directions that can be asked; of `all`, those that cannot are said. Raises BadData for one by name."""
        for line in questions.notes:
            self.note(line)
        found: dict[str, Question] = {}
        for wanted in self.plan.directions:
            for direction in questions.all() if wanted == ALL else [wanted]:
                if direction in found:
                    continue
                try:
                    found[direction] = questions.ask(direction)
                except BadData as error:
                    if wanted != ALL and len(self.plan.models) == 1:
                        raise
                    self.note(str(error) if len(self.plan.models) == 1 else f"{name}: {error}")
        return list(found.values())


def gaps(space: Space) -> dict[str, float]:
    """The modality gap of each pair of modalities that has vectors: how far their centres lie apart."""
    from sensorium.metrics.space import modality_gap

    there = [(code, modality) for code, modality in enumerate(MODALITIES) if (space.modality == code).any()]
    return {
        f"{a}-{b}": modality_gap(space.vectors[space.modality == one], space.vectors[space.modality == other])
        for at, (one, a) in enumerate(there)
        for other, b in there[at + 1 :]
    }
