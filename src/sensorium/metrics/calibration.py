"""Whether probabilities mean what they say: reliability, its error, AUC and the Brier score.

`probabilities` float (n,) from 0 to 1, `outcomes` bool (n,): whether it was so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from sensorium.core.errors import BadMeasure, BadTruth
from sensorium.metrics.truth import Bools, Floats, Ints

Split = Literal["width", "count"]


@dataclass(frozen=True, slots=True)
class Reliability:
    """A reliability diagram, a row a bin (b,), empty ones left out.

    `low`, `high`: the bin's edges; `counts`: how many probabilities fell in it; `said`: their mean; `came`: the share
    of them that was so. Calibrated means `said == came`.
    """

    low: Floats
    high: Floats
    counts: Ints
    said: Floats
    came: Floats


def reliability(probabilities: ArrayLike, outcomes: ArrayLike, bins: int = 10, split: Split = "width") -> Reliability:
    """Probabilities by bin: bins of equal width from 0 to 1, or of equal count (quantiles; ties stay together).

    DeGroot and Fienberg, "The comparison and evaluation of forecasters", The Statistician 1983. A bin holds its upper
    edge, the first also its lower. Raises BadTruth for arrays that do not fit together or are empty, and what is no
    probability; BadMeasure for less than one bin.
    """
    said, came = _probabilities(probabilities, outcomes)
    if bins < 1:
        raise BadMeasure(f"{bins} bins: ask for 1 or more")
    if split == "width":
        edges = np.linspace(0, 1, bins + 1)
    elif split == "count":
        edges = np.unique(
            np.concatenate([[0.0], np.quantile(said, np.arange(1, bins) / bins, method="inverted_cdf"), [1.0]])
        )
    else:
        raise BadMeasure(f"bins are split by 'width' or by 'count', not by {split!r}")
    at = np.clip(np.searchsorted(edges, said, side="left") - 1, 0, len(edges) - 2)
    counts = np.bincount(at, minlength=len(edges) - 1)
    full = np.flatnonzero(counts)
    sums = [
        np.bincount(at, values, minlength=len(counts))[full] / counts[full] for values in (said, came.astype(float))
    ]
    return Reliability(edges[:-1][full], edges[1:][full], counts[full], sums[0], sums[1])


def expected_calibration_error(
    probabilities: ArrayLike, outcomes: ArrayLike, bins: int = 10, split: Split = "width"
) -> float:
    """The mean over all probabilities of how far their bin is off: sum over bins of (counts/n) |said - came|.

    Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015; Guo et
    al., ICML 2017. 0 is best. It is above 0 by chance alone, the more so the more bins and the fewer samples: about
    sqrt(2 bins p (1 - p) / (pi n)) for calibrated ones around p. Raises as `reliability`.
    """
    table = reliability(probabilities, outcomes, bins, split)
    return float((table.counts * np.abs(table.said - table.came)).sum() / table.counts.sum())


def brier(probabilities: ArrayLike, outcomes: ArrayLike) -> float:
    """The mean of (probability - outcome)^2, from 0, which is best.

    Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 1950. Whoever always
    says the share p of what comes true gets p (1 - p). Raises BadTruth as `reliability`.
    """
    said, came = _probabilities(probabilities, outcomes)
    return float(((said - came) ** 2).mean())


def auc(scores: ArrayLike, outcomes: ArrayLike) -> float:
    """How often what is so scores higher than what is not, a tie counting half; 0.5 by chance.

    The area under the ROC curve as the statistic of Mann and Whitney over the number of pairs: Hanley and McNeil, "The
    meaning and use of the area under a ROC curve", Radiology 1982. Any scores will do. Raises BadTruth for arrays that
    do not fit together, and when all outcomes are alike.
    """
    values, came = _pair(scores, outcomes)
    yes = int(came.sum())
    no = len(came) - yes
    if not yes or not no:
        raise BadTruth("all outcomes are alike: AUC compares those that are so with those that are not; give both")
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]  # ties share the mean of their ranks
    return float((ranks[came].sum() - yes * (yes + 1) / 2) / (yes * no))


def _probabilities(values: ArrayLike, outcomes: ArrayLike) -> tuple[Floats, Bools]:
    said, came = _pair(values, outcomes)
    if ((said < 0) | (said > 1)).any():
        raise BadTruth("a probability is not from 0 to 1: map scores to probabilities first")
    return said, came


def _pair(values: ArrayLike, outcomes: ArrayLike) -> tuple[Floats, Bools]:
    said, came = np.asarray(values, np.float64).ravel(), np.asarray(outcomes).ravel()
    if said.shape != came.shape:
        raise BadTruth(f"{said.size} scores and {came.size} outcomes: give as many of each")
    if not said.size:
        raise BadTruth("there is nothing to measure: give at least one score and its outcome")
    if np.isnan(said).any():
        raise BadTruth("a score is no number (nan): leave those out")
    if came.dtype != np.bool_ and not np.isin(came, (0, 1)).all():
        raise BadTruth("an outcome is neither 0 nor 1: outcomes say whether it was so")
    return said, came.astype(np.bool_)
