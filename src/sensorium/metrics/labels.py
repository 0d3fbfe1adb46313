"""How good labels are: right classes among the best, the confusion matrix, and what of each class was found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import BadMeasure, BadTruth
from sensorium.metrics.truth import Bools, Floats, Ints


def among_best(scores: NDArray[np.floating], truth: Ints, k: int = 1) -> Bools:
    """Whether the right class is among the k of highest score, bool (n,): top-1, top-5.

    `scores` (n, c), higher is better; `truth`, int (n,), the column of the right class. Of classes with one score the
    first column comes first, as in `argmax`: top-1 is the diagonal of `confusion(truth, scores.argmax(1), c)`. By
    chance k/c. Krizhevsky, Sutskever and Hinton, NIPS 2012 (top-5); Radford et al., ICML 2021 (zero-shot). Raises
    BadTruth for classes without a column and scores that are no numbers, BadMeasure for a k that is not from 1 to c.
    """
    scores, truth = np.asarray(scores), np.asarray(truth, np.int64)
    if scores.ndim != 2 or truth.shape != scores.shape[:1]:
        raise BadTruth(f"scores {scores.shape} and classes {truth.shape} do not fit: give a row of scores for each")
    classes = scores.shape[1]
    if not 1 <= k <= classes:
        raise BadMeasure(f"top-{k} of {classes} classes: ask for a k from 1 to {classes}")
    _check(truth, classes, "right classes")
    if np.isnan(scores).any():
        raise BadTruth("a score is no number (nan): leave those samples out")
    own = np.take_along_axis(scores, truth[:, None], axis=1)
    earlier = np.arange(classes) < truth[:, None]
    ahead = (scores > own) | ((scores == own) & earlier)
    found: Bools = ahead.sum(axis=1) < k
    return found


def confusion(truth: Ints, predicted: Ints, classes: int) -> Ints:
    """How often class `row` was called class `column`, int64 (classes, classes).

    A sample of no class, or an answer of "none of these", is one class more. Raises BadTruth for arrays of different
    lengths and classes that are not from 0 to classes - 1. (Stehman, "Selecting and interpreting measures of thematic
    classification accuracy", Remote Sensing of Environment 1997.)
    """
    truth, predicted = np.asarray(truth, np.int64), np.asarray(predicted, np.int64)
    if truth.ndim != 1 or truth.shape != predicted.shape:
        raise BadTruth(f"{truth.size} right classes and {predicted.size} answers: give as many of each")
    _check(truth, classes, "right classes")
    _check(predicted, classes, "answers")
    return np.bincount(truth * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def per_class_accuracy(matrix: Ints) -> Floats:
    """The share of each class that was called by its name, float64 (c,); nan for a class without samples.

    The diagonal over the sums of the rows. Its mean over the classes is the balanced accuracy (Brodersen et al., ICPR
    2010), which large classes do not rule.
    """
    samples = matrix.sum(axis=1)
    shares = np.full(len(samples), np.nan)
    np.divide(np.diag(matrix), samples, out=shares, where=samples > 0)
    return shares


def _check(values: Ints, classes: int, what: str) -> None:
    outside = (values < 0) | (values >= classes)
    if outside.any():
        raise BadTruth(f"{outside.sum():,} {what} are none of 0 to {classes - 1} (the first: {values[outside][0]})")
