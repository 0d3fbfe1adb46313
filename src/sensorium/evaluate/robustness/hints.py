"""A bad picture and a few words about it, against either alone: how much the words should weigh.

The query is the unit vector of the file plus `weight` times that of the text, as `sensorium search --file bad.jpg --and
"0.7:a dog on a beach"` adds them up; right is the original, among all originals of the data set. The weight is chosen
on one data set (dev) and reported on another (test).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import BadData, BadQuery
from sensorium.core.types import Modality, Skipped
from sensorium.evaluate.provenance import data_of
from sensorium.evaluate.results import Data, Figure
from sensorium.evaluate.robustness.degrade import Condition
from sensorium.evaluate.robustness.recall import MEASURES, Spoilt
from sensorium.evaluate.robustness.trial import Trial, adjusted, said_of, said_of_changes, said_of_data, summed
from sensorium.evaluate.robustness.vectors import degraded_vectors
from sensorium.evaluate.vectors import embed
from sensorium.metrics.intervals import Comparison
from sensorium.metrics.names import measure

if TYPE_CHECKING:
    from sensorium.core.progress import Progress
    from sensorium.encoders.onnx import OnnxEncoder
    from sensorium.evaluate.cache import Cache
    from sensorium.evaluate.dataset import Dataset

Ints = NDArray[np.int64]
Vectors = NDArray[np.float32]
Figures = Mapping[str, Figure]

WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
CONDITIONS = tuple(
    Condition(name, strength)
    for name, strengths in (
        ("blur", (0.02, 0.04, 0.08)), ("noise", (64, 128)), ("jpeg", (5, 2)), ("low_light", (3, 4, 6)),
        ("crop", (0.25, 0.1, 0.05)),
    )
    for strength in strengths
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hinted:
    """A condition (None: the file as it is), and what its files find alone, with their hint, and what the hint does.

    `weight` is the best on dev queries under this condition, `tried` what dev gave at each weight. `best` are the test
    figures at it and `common` those at the one weight for all conditions. `over_file` and `over_text` are the paired
    differences of `best` to either alone, `common_over_file` and `common_over_text` those of `common`; their p are
    adjusted for the conditions (Holm).
    """

    condition: Condition | None
    weight: float
    tried: Mapping[float, float]
    file: Figures
    text: Figures
    best: Figures
    common: Figures
    over_file: Mapping[str, Comparison]
    over_text: Mapping[str, Comparison]
    common_over_file: Mapping[str, Comparison]
    common_over_text: Mapping[str, Comparison]

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        figures = {name: said_of(getattr(self, name)) for name in ("file", "text", "best", "common")}
        changes = {name: said_of_changes(getattr(self, name)) for name in _CHANGES}
        return {
            "degradation": self.condition.name if self.condition else "none",
            "strength": self.condition.strength if self.condition else None, "weight": self.weight,
            "tried": [[weight, value] for weight, value in self.tried.items()], **figures, **changes,
        }  # fmt: skip


_CHANGES = ("over_file", "over_text", "common_over_file", "common_over_text")


@dataclass(frozen=True, slots=True)
class Hints:
    """What hints do. `common_weight` is the best on dev queries over all conditions alike, by `chosen_by`."""

    dev: Data
    test: Data
    model: str
    space: str
    precision: str
    seed: int
    chosen_by: str
    common_weight: float
    dev_queries: int
    queries: int
    gallery: int
    hinted: tuple[Hinted, ...]
    failures: tuple[Skipped, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        data = {"dev": said_of_data(self.dev), "test": said_of_data(self.test)}
        plain = {name: getattr(self, name) for name in self.__slots__ if name not in (*data, "hinted", "failures")}
        hinted = [one.to_json() for one in self.hinted]
        return {**data, **plain, "hinted": hinted, "failures": [one.to_json() for one in self.failures]}


def hints(
    dev: Dataset, test: Dataset, encoder: OnnxEncoder, *, conditions: Sequence[Condition] = CONDITIONS,
    weights: Sequence[float] = WEIGHTS, chosen_by: str = "MRR", measures: Sequence[str] = MEASURES,
    cache: Cache | None = None, progress: Progress | None = None, seed: int = 0, resamples: int = 2000,
    memory: int | None = None,
) -> Hints:  # fmt: skip
    """Choose the weight of a hint on `dev`, report it on `test`: for each condition, and one for all of them.

    Each file that has a text in its group is asked with one of its texts, drawn by `seed`; of equal weights the smaller
    is chosen. Conditions are of one modality. Raises BadData when the sets share a file (or, of pairs, a group), or
    have no file with a text; BadQuery for weights below 0 or none, and for conditions of several modalities or none;
    BadMeasure, BundleDamaged and BadMemory.
    """
    modalities = {condition.modality for condition in conditions}
    if len(modalities) != 1:
        raise BadQuery(f"hints are for conditions of one modality, not {', '.join(sorted(modalities)) or 'none'}")
    if not weights or not all(np.isfinite(weight) and weight >= 0 for weight in weights):
        raise BadQuery(f"the weights of a hint are {list(weights)}: give some numbers of 0 or more")
    if shared := _names(dev) & _names(test):
        raise BadData(
            f"{dev.name} for choosing and {test.name} for reporting share {len(shared):,} things (the first: "
            f"{min(shared)}): a weight looks better than it is on what it was chosen on; give two splits"
        )
    given = {"cache": cache, "progress": progress, "memory": memory}
    (modality,) = modalities
    asking = [_Asking.of(dataset, encoder, modality, conditions, seed, given) for dataset in (dev, test)]
    return _Chosen(asking[0], asking[1], sorted(set(weights)), chosen_by, measures, seed, resamples).all(
        encoder, conditions
    )


def _names(dataset: Dataset) -> set[str]:
    """What two splits must not share: files, and where a group is one thing its groups."""
    files = {str(sample.source) for sample in dataset.samples if not isinstance(sample.source, str)}
    things = {sample.group for sample in dataset.samples if sample.group and dataset.relation == "pairs"}
    return files | things


@dataclass(frozen=True, slots=True, eq=False)
class _Asking:
    """Files with their hints: `texts` (q, d) and, under no and under each condition, `files` (1 + c, q, d)."""

    data: Data
    trial: Trial
    texts: Vectors
    files: Vectors
    gallery: Vectors
    failures: tuple[Skipped, ...]

    @classmethod
    def of(
        cls, dataset: Dataset, encoder: OnnxEncoder, modality: Modality, conditions: Sequence[Condition], seed: int,
        given: Mapping[str, Any],
    ) -> _Asking:  # fmt: skip
        clean = embed(dataset.samples, encoder, **given)
        made = degraded_vectors(dataset.samples, encoder, conditions, seed=seed, **given)
        spoilt = Spoilt.of(dataset, modality, clean.rows, clean.vectors, made)
        texts: dict[int, list[int]] = {}
        for row in spoilt.rows:
            if dataset.samples[row].modality == "text":
                texts.setdefault(int(spoilt.groups[row]), []).append(int(row))
        asked = np.array([row for row in spoilt.files if int(spoilt.groups[row]) in texts], np.int64)
        if not len(asked):
            raise BadData(f"{dataset.name} has no {modality} with a text: a hint is a text of the file's group")
        random = np.random.default_rng(seed)
        drawn = [texts[int(spoilt.groups[row])] for row in asked]
        hint = np.array([rows[int(random.integers(len(rows)))] for rows in drawn], np.int64)
        trial = Trial.of_originals(f"{modality[0]}2{modality[0]}", asked, spoilt.files, spoilt.groups[asked])
        files = np.concatenate([spoilt.clean[asked][None], spoilt.made[:, asked]])
        failures = tuple(dict.fromkeys((*clean.failures, *made.failures)))
        return cls(data_of(dataset), trial, spoilt.clean[hint], files, spoilt.clean[spoilt.files], failures)

    def at(self, condition: int, weight: float) -> Vectors:
        """The queries under a condition with a hint of some weight, (q, d)."""
        return summed([(1.0, self.files[condition]), (weight, self.texts)])


@dataclass(frozen=True, slots=True, eq=False)
class _Chosen:
    """From files with hints to figures."""

    dev: _Asking
    test: _Asking
    weights: Sequence[float]
    chosen_by: str
    measures: Sequence[str]
    seed: int
    resamples: int

    def all(self, encoder: OnnxEncoder, conditions: Sequence[Condition]) -> Hints:
        """Choose on dev, report on test."""
        tried = np.array([self._tried(at) for at in range(1 + len(conditions))])  # (1 + c, weights)
        best = [self.weights[self._best(row)] for row in tried]
        common = self.weights[self._best(tried[1:].mean(axis=0))]
        found = [self._reported(at, best[at], common) for at in range(1 + len(conditions))]
        changes = {name: adjusted([changed[name] for _, changed in found]) for name in _CHANGES}
        hinted = []
        for at, condition in enumerate((None, *conditions)):
            fields: dict[str, Any] = {**found[at][0], **{name: changes[name][at] for name in _CHANGES}}
            on_dev = dict(zip(self.weights, map(float, tried[at]), strict=True))
            hinted.append(Hinted(condition, best[at], on_dev, **fields))
        trial = self.test.trial
        return Hints(
            self.dev.data, self.test.data, encoder.bundle.name, encoder.space, encoder.precision, self.seed,
            self.chosen_by, common, len(self.dev.trial.queries), len(trial.queries), len(trial.gallery), tuple(hinted),
            (*self.dev.failures, *self.test.failures),
        )  # fmt: skip

    def _tried(self, condition: int) -> list[float]:
        one, dev = measure(self.chosen_by), self.dev
        sign = 1 if one.higher_is_better else -1
        middle = np.mean if one.statistic == "mean" else np.median
        judged = (dev.trial.judged(dev.at(condition, weight), dev.gallery) for weight in self.weights)
        return [sign * float(middle(one.of(each))) for each in judged]

    def _best(self, values: NDArray[np.float64]) -> int:
        return int(np.argmax(values))  # the first of equals: the smaller weight

    def _reported(
        self, condition: int, best: float, common: float
    ) -> tuple[dict[str, Figures], dict[str, Mapping[str, Comparison]]]:  # fmt: skip
        test = self.test
        queries = {
            "file": test.files[condition], "text": test.texts, "best": test.at(condition, best),
            "common": test.at(condition, common),
        }  # fmt: skip
        judged = {name: test.trial.judged(vectors, test.gallery) for name, vectors in queries.items()}
        figures = {
            name: test.trial.figures(one, self.measures, seed=self.seed, resamples=self.resamples)
            for name, one in judged.items()
        }
        pairs = {"over_file": "file", "over_text": "text"}
        changes = {
            f"{prefix}{name}": test.trial.changes(judged[which], judged[alone], self.measures, seed=self.seed)
            for prefix, which in (("", "best"), ("common_", "common"))
            for name, alone in pairs.items()
        }
        return dict(figures), dict(changes)
