"""How much worse search becomes when the files are: recall over the strength of each degradation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import BadData, BadQuery
from sensorium.core.types import MODALITIES, Modality, Skipped
from sensorium.evaluate.directions import Questions
from sensorium.evaluate.provenance import data_of
from sensorium.evaluate.results import ALL, Data, Figure, ways
from sensorium.evaluate.robustness.degrade import Condition, standard
from sensorium.evaluate.robustness.trial import Trial, adjusted, said_of, said_of_changes, said_of_data
from sensorium.evaluate.robustness.vectors import Degraded, degraded_vectors
from sensorium.evaluate.vectors import embed
from sensorium.metrics.intervals import Comparison

if TYPE_CHECKING:
    from sensorium.core.progress import Progress
    from sensorium.encoders.onnx import OnnxEncoder
    from sensorium.evaluate.cache import Cache
    from sensorium.evaluate.dataset import Dataset

Ints = NDArray[np.int64]
Vectors = NDArray[np.float32]
Side = Literal["query", "answers"]

SIDES: tuple[Side, ...] = get_args(Side)
MEASURES = ("R@1", "R@10", "MRR")


@dataclass(frozen=True, slots=True)
class Point:
    """One strength: its figures by measure, and how they differ from those without the degradation.

    Differences are paired over the queries; their p is adjusted for the strengths of the curve (Holm).
    """

    strength: float
    figures: Mapping[str, Figure]
    lost: Mapping[str, Comparison]

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return {"strength": self.strength, "figures": said_of(self.figures), "lost": said_of_changes(self.lost)}


@dataclass(frozen=True, slots=True)
class Curve:
    """A degradation at growing strengths, asked in one direction.

    `right` says what has to be found: `original`, the very file that was made worse, or `group`, what the data set has
    as right answers. `unit` is that of the strengths; `undegraded` are the figures of the files as they are.
    """

    direction: str
    right: str
    degradation: str
    says: str
    unit: str
    queries: int
    gallery: int
    undegraded: Mapping[str, Figure]
    points: tuple[Point, ...]

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        names = ("direction", "right", "degradation", "says", "unit", "queries", "gallery")
        plain = {name: getattr(self, name) for name in names}
        points = [point.to_json() for point in self.points]
        return {**plain, "undegraded": said_of(self.undegraded), "points": points}


@dataclass(frozen=True, slots=True)
class Robustness:
    """All curves of a data set and a model; `side` says what was made worse: the query, or all that may answer."""

    data: Data
    model: str
    space: str
    precision: str
    side: Side
    seed: int
    curves: tuple[Curve, ...]
    failures: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()

    def find(self, degradation: str, direction: str, right: str = "") -> Curve:
        """One of the curves. Raises BadData when there is none."""
        for curve in self.curves:
            if (curve.degradation, curve.direction) == (degradation, direction) and right in ("", curve.right):
                return curve
        there = ", ".join(dict.fromkeys(f"{c.degradation} {c.direction} {c.right}" for c in self.curves))
        raise BadData(f"no curve of {degradation} in {direction} {right}".rstrip() + f": there are {there or 'none'}")

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        plain = {name: getattr(self, name) for name in ("model", "space", "precision", "side", "seed")}
        curves = [curve.to_json() for curve in self.curves]
        failures = [one.to_json() for one in self.failures]
        return {
            "data": said_of_data(self.data), **plain, "curves": curves, "failures": failures, "notes": list(self.notes)
        }  # fmt: skip


def robustness(
    dataset: Dataset, encoder: OnnxEncoder, *, conditions: Sequence[Condition] | None = None, side: Side = "query",
    measures: Sequence[str] = MEASURES, cache: Cache | None = None, progress: Progress | None = None, seed: int = 0,
    resamples: int = 2000, memory: int | None = None,
) -> Robustness:  # fmt: skip
    """Recall of a collection whose pictures and sounds are made worse, as queries or (`side="answers"`) as answers.

    Every file has to find itself (`i2i`, `a2a`, right: the original), and the right answers of the data set in each
    direction that it asks in, or answers in. `conditions` are all degradations at their usual strengths unless said,
    `measures` look at the first 100 answers. Vectors of the data set are held once for each condition. What has no
    vector is said in `failures`; a direction without a right answer in `notes`. Raises BadData when there is nothing
    to make worse, BadQuery for a side that there is none of, BadMeasure, BundleDamaged and BadMemory.
    """
    if side not in SIDES:
        raise BadQuery(f"the side {side!r} is unknown: choose what is made worse, {' or '.join(SIDES)}")
    there = {sample.modality for sample in dataset.samples if not isinstance(sample.source, str)}
    fit = tuple(modality for modality in MODALITIES if modality in there and modality in encoder.modalities)
    asked = standard(*fit) if conditions is None and fit else tuple(conditions or ())
    curves: list[Curve] = []
    failures: list[Skipped] = []
    notes: list[str] = []
    clean = embed(dataset.samples, encoder, cache=cache, progress=progress, memory=memory)
    failures += clean.failures
    for modality in fit:
        mine = [one for one in asked if one.modality == modality]
        if not mine:
            continue
        made = degraded_vectors(
            dataset.samples, encoder, mine, seed=seed, cache=cache, progress=progress, memory=memory
        )
        failures += [one for one in made.failures if one not in failures]
        spoilt = Spoilt.of(dataset, modality, clean.rows, clean.vectors, made)
        trials, left_out = spoilt.trials(dataset, side)
        notes += left_out
        for trial in trials:
            curves += _curves(trial, spoilt, mine, side, measures, {"seed": seed, "resamples": resamples})
    if not curves:
        files = " or ".join(sorted({one.modality for one in asked})) or "image or audio"
        raise BadData(
            f"{dataset.name} has no {files} files that can be asked for by {encoder.bundle.name}: nothing to make worse"
        )
    model = (encoder.bundle.name, encoder.space, encoder.precision)
    return Robustness(data_of(dataset), *model, side, seed, tuple(curves), tuple(failures), tuple(notes))


@dataclass(frozen=True, slots=True, eq=False)
class Spoilt:
    """Vectors of samples by row, `clean` (n, d) and `made` (conditions, n, d), of which only `files` differ.

    `rows` are the samples that can be asked for: those with a clean vector, and if they are files of the modality a
    vector under each condition.
    """

    modality: Modality
    rows: Ints
    files: Ints
    clean: Vectors
    made: Vectors
    groups: Ints

    @classmethod
    def of(cls, dataset: Dataset, modality: Modality, rows: Ints, vectors: Vectors, made: Degraded) -> Spoilt:
        """From what was embedded as it is and made worse."""
        count = len(dataset.samples)
        clean = np.zeros((count, vectors.shape[1]), np.float32)
        clean[rows] = vectors
        spoilt = np.zeros((len(made.vectors), count, vectors.shape[1]), np.float32)
        spoilt[:, made.rows] = made.vectors
        files = np.intersect1d(rows, made.rows)
        other = np.array([dataset.samples[row].modality != modality for row in rows], np.bool_)
        known = {sample.group: at for at, sample in enumerate(dataset.samples)}
        groups = np.array([known[s.group] if s.group else -1 - at for at, s in enumerate(dataset.samples)], np.int64)
        return cls(modality, np.union1d(files, rows[other]), files, clean, spoilt, groups)

    def trials(self, dataset: Dataset, side: Side) -> tuple[list[Trial], list[str]]:
        """What is asked, and why other directions are not."""
        if not len(self.files):
            return [], []
        itself = f"{self.modality[0]}2{self.modality[0]}"
        found, notes = [Trial.of_originals(itself, self.files, self.files, self.groups[self.files])], []
        questions = Questions(dataset, self.rows)
        for direction in questions.all():
            asking, answering = ways(direction)
            if direction.endswith(ALL) or self.modality != (asking if side == "query" else answering):
                continue
            try:
                found.append(Trial.of(questions.ask(direction)))
            except BadData as error:
                notes.append(str(error))
        return found, notes


def _curves(
    trial: Trial, spoilt: Spoilt, conditions: Sequence[Condition], side: Side, measures: Sequence[str],
    chosen: dict[str, int],
) -> list[Curve]:  # fmt: skip
    """A curve for each degradation among the conditions."""
    as_it_is = trial.judged(spoilt.clean[trial.queries], spoilt.clean[trial.gallery])
    undegraded = trial.figures(as_it_is, measures, **chosen)
    found = []
    for name in dict.fromkeys(condition.name for condition in conditions):
        mine = [(at, one) for at, one in enumerate(conditions) if one.name == name]
        figures, changes = [], []
        for at, _ in mine:
            asking = (spoilt.made[at] if side == "query" else spoilt.clean)[trial.queries]
            answering = (spoilt.made[at] if side == "answers" else spoilt.clean)[trial.gallery]
            judged = trial.judged(asking, answering)
            figures.append(trial.figures(judged, measures, **chosen))
            changes.append(trial.changes(judged, as_it_is, measures, seed=chosen["seed"]))
        strengths = [one.strength for _, one in mine]
        points = tuple(map(Point, strengths, figures, adjusted(changes)))
        what, gallery = mine[0][1].degradation, len(trial.gallery) - trial.among
        asked = (trial.direction, trial.right, name, what.says, what.unit, len(trial.queries), gallery)
        found.append(Curve(*asked, undegraded, points))
    return found
