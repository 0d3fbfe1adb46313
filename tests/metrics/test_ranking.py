"""Each measure, worked by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sensorium.core.errors import BadMeasure, BadTruth
from sensorium.core.types import Run
from sensorium.metrics import ranking
from sensorium.metrics.truth import Truth, judge

# Query 1: right are 10 (grade 3), 11 (1) and 12 (2); found at ranks 2 and 4. Query 2: right is 20, found first.
# Query 3: right is 30, not found. Query 4: right is 40, and the run lacks it.
RUN = Run(
    np.array([1, 2, 3]),
    np.array([[50, 11, 51, 10], [20, 50, 51, 52], [50, 51, 52, 53]]),
    np.zeros((3, 4), np.float32),
)
TRUTH = Truth.of([1, 1, 1, 2, 3, 4], [10, 11, 12, 20, 30, 40], [3, 1, 2, 1, 1, 1], np.arange(100))
JUDGED = judge(RUN, TRUTH)


def log2(x):
    return math.log2(x)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (ranking.first_rank(JUDGED), [2, 1, math.inf, math.inf]),
        (ranking.hit(JUDGED, 1), [0, 1, 0, 0]),
        (ranking.hit(JUDGED, 2), [1, 1, 0, 0]),
        (ranking.recall(JUDGED, 3), [1 / 3, 1, 0, 0]),
        (ranking.recall(JUDGED, 4), [2 / 3, 1, 0, 0]),
        (ranking.precision(JUDGED, 1), [0, 1, 0, 0]),
        (ranking.precision(JUDGED, 4), [2 / 4, 1 / 4, 0, 0]),
        (ranking.reciprocal_rank(JUDGED), [1 / 2, 1, 0, 0]),
        (ranking.reciprocal_rank(JUDGED, 1), [0, 1, 0, 0]),
        (ranking.average_precision(JUDGED, 3), [(1 / 2) / 3, 1, 0, 0]),
        (ranking.average_precision(JUDGED, 4), [(1 / 2 + 2 / 4) / 3, 1, 0, 0]),
        (ranking.average_precision(JUDGED), [(1 / 2 + 2 / 4) / 3, 1, 0, 0]),
        (ranking.ndcg(JUDGED, 2), [(1 / log2(3)) / (3 / log2(2) + 2 / log2(3)), 1, 0, 0]),
        (ranking.ndcg(JUDGED, 4), [(1 / log2(3) + 3 / log2(5)) / (3 / log2(2) + 2 / log2(3) + 1 / log2(4)), 1, 0, 0]),
    ],
)
def test_by_hand(values, expected):
    assert values.dtype == np.float64
    np.testing.assert_allclose(values, expected, rtol=1e-15)


def test_precision_divides_by_k_also_where_fewer_were_answered():
    short = judge(replace(RUN, counts=np.array([2, 1, 4])), TRUTH)
    np.testing.assert_array_equal(ranking.precision(short, 4), [1 / 4, 1 / 4, 0, 0])


@pytest.mark.parametrize("measure", [ranking.hit, ranking.recall, ranking.precision, ranking.reciprocal_rank,
                                     ranking.average_precision, ranking.ndcg])  # fmt: skip
def test_a_k_that_cannot_be_told_is_an_error(measure):
    with pytest.raises(BadTruth, match="k is 5 and the run has the first 4 answers"):
        measure(JUDGED, 5)
    with pytest.raises(BadTruth, match="k is 5 and there are 3 things to find"):
        measure(replace(JUDGED, size=3, depth=10), 5)
    with pytest.raises(BadMeasure, match="k is 0"):
        measure(JUDGED, 0)
