"""What a bundle's scores mean, learnt from queries with known answers: the section `relevance` of `bundle.json`.

A trial is a query in a gallery of a size drawn at random, and its best answer: was it right? Of every two trials one
has no right answer in its gallery, so that what is learnt can say "nothing here".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import BadTruth
from sensorium.encoders.scores import Calibration, Relevance
from sensorium.library.relevance import deviations, probability

Vectors = NDArray[np.float32]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_RIDGE = 1e-3
_STEPS = 100


@dataclass(frozen=True)
class Asking:
    """Queries (q, d) and what may answer them (g, d).

    `right`, bool (q, g), says what is right; `hidden`, bool (q, g), what is never in the gallery of a query, as the
    query itself.
    """

    queries: Vectors
    gallery: Vectors
    right: Bools
    hidden: Bools | None = None


@dataclass(frozen=True)
class Trials:
    """The best answers of so many trials (t,): cosine, size of the gallery, whether it was right, and of which query.

    `possible` says whether there was a right answer in the gallery.
    """

    cosines: Floats
    parts: Ints
    right: Bools
    queries: Ints
    possible: Bools

    def __len__(self) -> int:
        return len(self.cosines)


def trials(asking: Asking, sizes: Sequence[int], count: int, seed: int = 0) -> Trials:
    """`count` trials over galleries of these sizes, or as large as they can be; every other one without a right answer.

    Where there is a right answer, there are as many as their share of everything makes likely, one at least. Raises
    BadTruth when no query has both a right answer and a wrong one.
    """
    hidden = np.zeros_like(asking.right) if asking.hidden is None else asking.hidden
    rights, wrongs = asking.right & ~hidden, ~asking.right & ~hidden
    usable = np.flatnonzero(rights.any(1) & wrongs.any(1))
    if not len(usable):
        raise BadTruth("no query has both right and wrong answers: nothing can be learnt of what is relevant")
    chance, cosines = np.random.default_rng(seed), _unit(asking.queries) @ _unit(asking.gallery).T
    rows = []
    for number in range(count):
        query = int(chance.choice(usable))
        yes, no = np.flatnonzero(rights[query]), np.flatnonzero(wrongs[query])
        size = min(int(chance.choice(np.asarray(sizes))), len(no))
        there = 0
        if number % 2 == 0:
            there = min(max(1, int(chance.binomial(size, len(yes) / (len(yes) + len(no))))), len(yes), size)
        shown = np.r_[chance.choice(yes, there, replace=False), chance.choice(no, size - there, replace=False)]
        best = int(shown[cosines[query, shown].argmax()])
        rows.append((float(cosines[query, best]), size, bool(rights[query, best]), query, there > 0))
    found, parts, right, queries, possible = zip(*rows, strict=True)
    return Trials(np.array(found), np.array(parts), np.array(right), np.array(queries), np.array(possible))


def fit(sets: Sequence[tuple[Trials, Calibration]]) -> Relevance:
    """The map that makes the outcomes of trials the most likely, each set weighing the same: logistic regression.

    By Newton's method (Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 4.4.1), with a ridge that
    keeps it finite where right and wrong can be told apart without error. Raises BadTruth when a nearer answer is not
    the likelier one.
    """
    known = np.concatenate([_known(each, unrelated) for each, unrelated in sets])  # (t, 3)
    right = np.concatenate([each.right for each, _ in sets]).astype(np.float64)
    weights = np.concatenate([np.full(len(each), 1 / len(each)) for each, _ in sets]) * len(right) / len(sets)
    z, log_parts, bias = _logistic(known, right, weights).round(3).tolist()
    if z <= 0:
        raise BadTruth("nearer answers are not right more often: nothing can be learnt of what is relevant")
    return Relevance(z, log_parts, bias)


def pooled(one: Relevance, other: Relevance) -> Relevance:
    """The map whose logits are the means of those of two: a logarithmic opinion pool of equal weights.

    Genest and Zidek, "Combining probability distributions", Statistical Science 1986.
    """
    return Relevance(*(round((a + b) / 2, 3) for a, b in zip(one, other, strict=True)))


def probabilities(of: Trials, unrelated: Calibration, meaning: Relevance) -> Floats:
    """What search would say of each best answer: (t,)."""
    pairs = zip(of.cosines.tolist(), of.parts.tolist(), strict=True)
    return np.array([probability(cosine, unrelated, meaning, parts) for cosine, parts in pairs])


def _known(of: Trials, unrelated: Calibration) -> Floats:
    z = [deviations(cosine, unrelated) for cosine in of.cosines.tolist()]
    return np.stack([np.array(z), np.log(of.parts), np.ones(len(of))], axis=1)


def _logistic(known: Floats, right: Floats, weights: Floats) -> Floats:
    found = np.zeros(known.shape[1])
    for _ in range(_STEPS):
        said = 1 / (1 + np.exp(-np.clip(known @ found, -500, 500)))
        slope = known.T @ (weights * (said - right)) + _RIDGE * found
        curve = (known * (weights * said * (1 - said))[:, None]).T @ known + _RIDGE * np.eye(len(found))
        step = np.linalg.solve(curve, slope)
        found = found - step
        if np.abs(step).max() < 1e-9:
            break
    return found


def _unit(rows: Vectors) -> Vectors:
    lengths: Vectors = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / lengths
