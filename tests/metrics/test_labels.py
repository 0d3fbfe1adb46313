"""Labels: worked by hand, and against definitions that a person can check."""

from __future__ import annotations

import numpy as np
import pytest

from sensorium.core.errors import BadMeasure, BadTruth
from sensorium.metrics.labels import among_best, confusion, per_class_accuracy

SCORES = np.array([[0.1, 0.7, 0.2], [0.5, 0.4, 0.1], [0.3, 0.3, 0.4]])


def test_the_right_class_is_among_the_k_best_or_not():
    assert among_best(SCORES, np.array([1, 1, 0])).tolist() == [True, False, False]
    assert among_best(SCORES, np.array([1, 1, 0]), 2).tolist() == [True, True, True]
    assert among_best(SCORES, np.array([0, 2, 1]), 2).tolist() == [False, False, False]
    assert among_best(SCORES, np.array([0, 2, 1]), 3).all()


def test_ties_go_to_the_first_column_so_that_top_1_is_the_diagonal_of_the_confusion_matrix():
    rng = np.random.default_rng(0)
    scores, truth = rng.integers(0, 3, (500, 6)).astype(np.float32), rng.integers(0, 6, 500)
    order = np.argsort(-scores, axis=1, kind="stable")
    for k in range(1, 7):
        assert among_best(scores, truth, k).tolist() == [t in row[:k] for t, row in zip(truth, order, strict=True)]
    matrix = confusion(truth, scores.argmax(1), 6)
    assert among_best(scores, truth).sum() == np.trace(matrix)


def test_confusion_and_what_of_each_class_was_found():
    matrix = confusion(np.array([0, 0, 0, 2, 2]), np.array([0, 1, 0, 2, 0]), 3)
    assert matrix.tolist() == [[2, 1, 0], [0, 0, 0], [1, 0, 1]]
    shares = per_class_accuracy(matrix)
    np.testing.assert_allclose(shares, [2 / 3, np.nan, 1 / 2])


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: among_best(SCORES, np.array([0, 1])), BadTruth, "do not fit"),
        (
            lambda: among_best(SCORES, np.array([0, 1, 3])),
            BadTruth,
            "1 right classes are none of 0 to 2 (the first: 3)",
        ),
        (lambda: among_best(SCORES, np.array([0, 1, -1])), BadTruth, "none of 0 to 2"),
        (lambda: among_best(SCORES * np.nan, np.array([0, 1, 1])), BadTruth, "no number"),
        (lambda: among_best(SCORES, np.array([0, 1, 2]), 4), BadMeasure, "top-4 of 3 classes"),
        (lambda: among_best(SCORES, np.array([0, 1, 2]), 0), BadMeasure, "top-0 of 3 classes"),
        (lambda: confusion(np.array([0, 1]), np.array([0]), 2), BadTruth, "2 right classes and 1 answers"),
        (lambda: confusion(np.array([0, 1]), np.array([0, 2]), 2), BadTruth, "1 answers are none of 0 to 1"),
    ],
)
def test_what_does_not_fit_is_said(call, error, said):
    with pytest.raises(error) as raised:
        call()
    assert said in str(raised.value)
