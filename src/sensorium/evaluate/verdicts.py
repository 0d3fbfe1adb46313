"""Results against a limit, and against earlier results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sensorium.core.errors import BadMeasure, SensoriumError
from sensorium.evaluate.results import Figure, Measured, Results, ways
from sensorium.metrics.intervals import holm, paired
from sensorium.metrics.names import FigureName, figure_name, measure

_NAMED = 3  # runs of which the same is to be said


@dataclass(frozen=True, slots=True)
class Limit:
    """`t2i.R@10=0.45`: what a figure must reach, in every run that the name means; ranks must not be above it."""

    name: FigureName
    value: float

    def means(self, run: Measured) -> bool:
        """Whether a run is one that is named."""
        wanted = {name: getattr(self.name, name) for name in ("direction", "model", "metric", "index")}
        return all(value is None or getattr(run, name) == value for name, value in wanted.items())


@dataclass(frozen=True, slots=True)
class Verdict:
    """A run against a limit: `run` is its name, `passed` whether the figure is as good as the limit."""

    run: str
    measure: str
    limit: float
    figure: Figure
    passed: bool

    @property
    def short(self) -> float:
        """By how much the limit is missed; 0 when it is not."""
        return 0.0 if self.passed else abs(self.limit - self.figure.value)

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        named = {"run": self.run, "measure": self.measure, "limit": self.limit, "passed": self.passed}
        return {**named, "short": self.short if math.isfinite(self.short) else None, **self.figure.to_json()}


@dataclass(frozen=True, slots=True)
class Change:
    """A figure that is significantly another than before; `p` is adjusted for all that were compared (Holm)."""

    run: str
    measure: str
    before: float
    after: float
    difference: float
    low: float
    high: float
    p: float
    better: bool

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Changes:
    """What `compare` found: significant changes, how many figures were compared, and what could not be.

    `notes` say what else is different.
    """

    significant: tuple[Change, ...]
    compared: int
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        changes = [change.to_json() for change in self.significant]
        said = {"left_out": list(self.left_out), "notes": list(self.notes)}
        return {"changes": changes, "compared": self.compared, **said}


def parse_limit(text: str) -> Limit:
    """`[MODEL/METRIC/INDEX/]DIRECTION.MEASURE=VALUE` as a Limit. Raises BadMeasure, BadData."""
    said, equals, number = text.rpartition("=")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not equals or not math.isfinite(value):
        raise BadMeasure(f"{text!r} is no limit: write FIGURE=NUMBER, as in t2i.R@10=0.45")
    name = figure_name(said)
    ways(name.direction)
    if name.measure.higher_is_better and not 0 <= value <= 1:
        raise BadMeasure(f"{text!r}: {name.measure.name} is a share from 0 to 1: write 0.45 for 45 %")
    return Limit(name, value)


def gate(results: Results, limits: Sequence[Limit]) -> list[Verdict]:
    """Each limit against every run that it names. Raises BadMeasure when a limit names none, saying which there are."""
    verdicts = []
    for limit in limits:
        wanted = limit.name.measure
        named = [run for run in results.runs if limit.means(run)]
        if not named:
            there = ", ".join(dict.fromkeys(run.name for run in results.runs))
            raise BadMeasure(f"{limit.name} is no figure of these results: there are runs of {there}")
        for run in named:
            figure = run.figures.get(wanted.name)
            if figure is None:
                few = f"only {run.gallery:,} are searched, and " if (wanted.k or 0) >= run.gallery else ""
                raise BadMeasure(f"{run.name} has no {wanted.name}: {few}there are {', '.join(run.figures)}")
            passed = figure.value >= limit.value if wanted.higher_is_better else figure.value <= limit.value
            verdicts.append(Verdict(run.name, wanted.name, limit.value, figure, passed))
    return verdicts


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """One measure of one run, before and after, over the queries that both asked."""

    run: str
    measure: str
    before: np.ndarray[Any, Any]
    after: np.ndarray[Any, Any]
    groups: np.ndarray[Any, Any] | None


def compare(before: Results, after: Results, *, level: float = 0.05) -> Changes:
    """Significant changes since `before`, paired over the queries that both asked, p adjusted by Holm.

    Runs are the same when model, metric, index and direction are; where each results have one model, these may have
    different names. Figures that are no mean over queries (the median rank) are not compared.
    """
    pairs: list[_Pair] = []
    left_out: dict[str, list[str]] = {}
    renamed = _renamed(before, after)
    earlier = {(renamed.get(run.model, run.model), run.metric, run.index, run.direction): run for run in before.runs}
    for run in after.runs:
        old = earlier.pop((run.model, run.metric, run.index, run.direction), None)
        if old is None:
            why = ["not measured before"]
        elif old.answered != run.answered:
            why = [f"another gallery ({old.gallery:,} before, {run.gallery:,} now)"]
        else:
            found, why = _paired(before, old, after, run)
            pairs += found
        for line in why:
            left_out.setdefault(line, []).append(run.name)
    if earlier:
        left_out["not measured any more"] = [run.name for run in earlier.values()]
    seed = int(after.plan.get("seed", 0))
    tests = [paired(pair.after, pair.before, pair.groups, seed=seed) for pair in pairs]
    adjusted = holm([test.p for test in tests])
    significant = tuple(
        Change(
            pair.run, pair.measure, float(pair.before.mean()), float(pair.after.mean()), test.difference, test.low,
            test.high, float(p), (test.difference > 0) == measure(pair.measure).higher_is_better,
        )
        for pair, test, p in zip(pairs, tests, adjusted, strict=True)
        if p < level
    )  # fmt: skip
    notes = []
    if pairs and before.data.hash != after.data.hash:
        notes.append(f"the data are not quite the same (hash {before.data.hash} before, {after.data.hash} now)")
    why_not = tuple(f"{why}: {_some(names)}" for why, names in left_out.items())
    return Changes(significant, len(pairs), why_not, tuple(notes))


def _some(names: list[str]) -> str:
    """The first few of some names, and how many more there are."""
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED:,} more"


def _renamed(before: Results, after: Results) -> dict[str, str]:
    """The name now of a model that had another before, where there is no doubt about it."""
    old, new = list(before.models), list(after.models)
    return {old[0]: new[0]} if len(old) == len(new) == 1 and old != new else {}


def _paired(before: Results, old: Measured, after: Results, new: Measured) -> tuple[list[_Pair], list[str]]:
    """The measures that both runs have a value a query of, and what is to be said of the others."""
    was, now = before.asked[old.asked], after.asked[new.asked]
    _, left, right = np.intersect1d(was.keys, now.keys, return_indices=True)
    if not len(left):
        return [], ["no query is the same as before"]
    why = []
    if len(left) < max(len(was.keys), len(now.keys)):
        why.append(f"only {len(left):,} queries compared ({len(was.keys):,} before, {len(now.keys):,} now)")
    groups = None if now.groups is None else now.groups[right]
    pairs = []
    for name in new.figures:
        if _statistic(name) != "mean":
            continue
        values = old.per_query(name) if name in old.figures else None
        newer = new.per_query(name)
        if values is None or newer is None:
            why.append(f"no {name} before")
            continue
        pairs.append(_Pair(new.name, name, values[left], newer[right], groups))
    return pairs, why


def _statistic(name: str) -> str:
    """How a measure's values become one figure; "" for one that is not installed here."""
    try:
        return measure(name).statistic
    except SensoriumError:
        return ""
