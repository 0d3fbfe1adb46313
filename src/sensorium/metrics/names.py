"""Measures by name: `R@10`, `mAP@100`, `median_rank`; and figures by name: `starter/cosine/exact/t2i.R@10`.

A measure of a third package is a `Formula` behind an entry point of the group `sensorium.metrics`; what it has to keep
is in `sensorium.testing.metrics`. The built-in ones are formulas as well.
"""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any, Literal

import numpy as np

from sensorium.core.errors import BadMeasure
from sensorium.metrics import chance, ranking
from sensorium.metrics.truth import Floats, Judged

GROUP = "sensorium.metrics"
Cut = Literal["always", "optional", "never"]
Statistic = Literal["mean", "median"]
_NAME = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_]*)(?:@(?P<k>[0-9]{1,9}))?")
_FIGURE = re.compile(
    r"(?:(?P<model>.+)/(?P<metric>[^/]+)/(?P<index>[^/]+)/)?(?P<direction>[^/.]+)\.(?P<measure>[^/.]+)"
)


@dataclass(frozen=True, slots=True)
class Formula:
    """A measure before its k is known.

    `of` gives the value of each query, float64 (q,), from the judged run and k (None where the name has none); `chance`
    what random ranking expects: a number a query, or one for all. `cut` says whether a k belongs to the name; `says`,
    one line for people.
    """

    name: str
    of: Callable[[Judged, int | None], Floats]
    chance: Callable[[Judged, int | None], Floats | float]
    cut: Cut = "always"
    statistic: Statistic = "mean"
    higher_is_better: bool = True
    says: str = ""


@dataclass(frozen=True, slots=True)
class Measure:
    """A formula with its k: what a name as `R@10` says."""

    formula: Formula
    k: int | None

    @property
    def name(self) -> str:
        """As it is written: `R@10`."""
        return self.formula.name if self.k is None else f"{self.formula.name}@{self.k}"

    @property
    def statistic(self) -> Statistic:
        """How the values of the queries become one figure."""
        return self.formula.statistic

    @property
    def higher_is_better(self) -> bool:
        """Whether more is better; for ranks less is."""
        return self.formula.higher_is_better

    def of(self, judged: Judged) -> Floats:
        """The value of each query, float64 (q,). Raises BadTruth for a k beyond the run or the gallery."""
        return self.formula.of(judged, self.k)

    def chance(self, judged: Judged) -> float:
        """What random ranking of the gallery expects of the figure. Raises BadTruth when the gallery is unknown."""
        return float(np.mean(self.formula.chance(judged, self.k)))


def _needs(function: Callable[[Judged, int], Floats]) -> Callable[[Judged, int | None], Floats]:
    """A function of k as a formula; that k is there, `measure` has seen to."""

    def of(judged: Judged, k: int | None) -> Floats:
        if k is None:
            raise BadMeasure(f"{function.__name__} is measured at a k: say which, as in R@10")
        return function(judged, k)

    return of


FORMULAS = (
    Formula("R", _needs(ranking.hit), _needs(chance.hit), says="queries with a right answer among the first k"),
    Formula("recall", _needs(ranking.recall), _needs(chance.recall), says="right answers that are among the first k"),
    Formula("P", _needs(ranking.precision), _needs(chance.precision), says="the first k answers that are right"),
    Formula(
        "MRR", ranking.reciprocal_rank, chance.reciprocal_rank, "optional", says="1 / rank of the first right answer"
    ),
    Formula(
        "mAP", ranking.average_precision, chance.average_precision, "optional",
        says="precision at each right answer, averaged",
    ),
    Formula("nDCG", _needs(ranking.ndcg), _needs(chance.ndcg), says="graded answers, early ones counting more"),
    Formula(
        "median_rank", lambda judged, _: ranking.first_rank(judged), lambda judged, _: chance.median_rank(judged),
        "never", "median", False, "the rank of the first right answer, for half of the queries",
    ),
)  # fmt: skip


@cache
def formulas() -> Mapping[str, Formula]:
    """Every formula by name. A plug-in that takes a built-in's name replaces it; one that cannot be loaded warns."""
    found = {formula.name: formula for formula in FORMULAS}
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: point.name):
        if (formula := _loaded(point)) is not None:
            found[formula.name] = formula
    return found


def _loaded(point: metadata.EntryPoint) -> Formula | None:
    try:
        value: Any = point.load()
    except (ImportError, AttributeError) as error:
        why = str(error)
    else:
        if isinstance(value, Formula):
            return value
        why = f"{point.value} is no Formula"
    warnings.warn(f"the measure plug-in {point.name!r} cannot be loaded ({why}): reinstall or remove it", stacklevel=3)
    return None


def measure(name: str) -> Measure:
    """The measure that `name` says, as `R@10`, `MRR` or `median_rank`. Raises BadMeasure, listing those there are."""
    found = _NAME.fullmatch(name.strip())
    formula = formulas().get(found["name"]) if found else None
    if found is None or formula is None:
        near = difflib.get_close_matches(found["name"].lower(), [n.lower() for n in formulas()], 1) if found else []
        meant = next((f"; is {_written(f)} meant?" for f in formulas().values() if [f.name.lower()] == near), "")
        raise BadMeasure(f"no measure {name!r}: there are {', '.join(map(_written, formulas().values()))}{meant}")
    k = None if found["k"] is None else int(found["k"])
    if k is None and formula.cut == "always":
        raise BadMeasure(f"{name!r} lacks its k: write {formula.name}@10 for the first ten answers")
    if k is not None and formula.cut == "never":
        raise BadMeasure(f"{formula.name} has no k: write it without @{k}")
    if k is not None and k < 1:
        raise BadMeasure(f"k is {k} in {name!r}: ask for the first 1 or more")
    return Measure(formula, k)


def _written(formula: Formula) -> str:
    return formula.name + {"always": "@k", "optional": "[@k]", "never": ""}[formula.cut]


@dataclass(frozen=True, slots=True)
class FigureName:
    """One figure, or those of several runs: a measure of a direction; of all models, metrics and indexes when None."""

    direction: str
    measure: Measure
    model: str | None = None
    metric: str | None = None
    index: str | None = None

    def __str__(self) -> str:
        run = f"{self.model}/{self.metric}/{self.index}/" if self.model else ""
        return f"{run}{self.direction}.{self.measure.name}"


def figure_name(text: str) -> FigureName:
    """The parts of `t2i.R@10` or `MODEL/METRIC/INDEX/t2i.R@10`; a model's name may have slashes.

    Raises BadMeasure for text of another form, and as `measure`. Whether there is such a run, the caller knows.
    """
    found = _FIGURE.fullmatch(text.strip())
    if found is None:
        raise BadMeasure(
            f"{text!r} names no figure: write DIRECTION.MEASURE, as t2i.R@10, or MODEL/METRIC/INDEX/DIRECTION.MEASURE"
        )
    return FigureName(found["direction"], measure(found["measure"]), found["model"], found["metric"], found["index"])
