"""Probabilities against what came: worked by hand, and against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from sensorium.core.errors import BadMeasure, BadTruth
from sensorium.metrics.calibration import auc, brier, expected_calibration_error, reliability


def test_bins_of_equal_width_by_hand():
    table = reliability([0.0, 0.05, 0.1, 0.55, 0.6, 1.0], [0, 1, 0, 1, 0, 1], bins=10)
    np.testing.assert_allclose(table.low, [0, 0.5, 0.9])
    np.testing.assert_allclose(table.high, [0.1, 0.6, 1])
    assert table.counts.tolist() == [3, 2, 1]
    np.testing.assert_allclose(table.said, [0.05, 0.575, 1])
    np.testing.assert_allclose(table.came, [1 / 3, 1 / 2, 1])
    error = expected_calibration_error([0.0, 0.05, 0.1, 0.55, 0.6, 1.0], [0, 1, 0, 1, 0, 1])
    assert error == pytest.approx((3 * (1 / 3 - 0.05) + 2 * 0.075 + 0) / 6)


def test_bins_of_equal_count_keep_ties_together():
    table = reliability(np.arange(1, 101) / 100, np.zeros(100), bins=4, split="count")
    assert table.counts.tolist() == [25, 25, 25, 25]
    table = reliability([0.2] * 90 + [0.9] * 10, np.zeros(100), bins=5, split="count")
    assert table.counts.tolist() == [90, 10]


def test_calibrated_probabilities_have_little_error_and_shifted_ones_have_it():
    rng = np.random.default_rng(0)
    said = rng.random(20_000)
    came = rng.random(20_000) < said
    by_chance = np.sqrt(2 * 10 * (1 / 6) / (np.pi * 20_000))  # the mean of p (1 - p) is 1/6
    assert expected_calibration_error(said, came) == pytest.approx(by_chance, rel=0.5)
    assert expected_calibration_error(said / 2, came) == pytest.approx(0.25, abs=0.01)
    assert expected_calibration_error(said, came, split="count") < 0.02


def test_brier_by_hand():
    assert brier([1.0, 0.5, 0.0], [1, 0, 1]) == pytest.approx((0 + 0.25 + 1) / 3)
    assert brier([0.3] * 10, [1] * 3 + [0] * 7) == pytest.approx(0.3 * 0.7)


def test_auc_counts_pairs_and_ties_half():
    assert auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]) == 0.75
    assert auc([1, 1, 1], [0, 1, 1]) == 0.5
    rng = np.random.default_rng(1)
    for _ in range(50):
        scores, came = rng.integers(0, 6, 40), np.append(rng.integers(0, 2, 38), [0, 1])
        pairs = [(y > n) + (y == n) / 2 for y in scores[came == 1] for n in scores[came == 0]]
        assert auc(scores, came) == pytest.approx(np.mean(pairs), abs=1e-12)
    assert auc([-np.inf, 0, np.inf], [0, 1, 1]) == 1


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: auc([1, 2], [1, 1]), BadTruth, "all outcomes are alike"),
        (lambda: auc([1, 2], [1]), BadTruth, "2 scores and 1 outcomes"),
        (lambda: auc([np.nan, 2], [1, 0]), BadTruth, "no number"),
        (lambda: auc([1, 2], [0, 2]), BadTruth, "neither 0 nor 1"),
        (lambda: brier([], []), BadTruth, "nothing to measure"),
        (lambda: brier([1.1], [1]), BadTruth, "not from 0 to 1"),
        (lambda: reliability([-0.1], [1]), BadTruth, "not from 0 to 1"),
        (lambda: reliability([0.1], [1], bins=0), BadMeasure, "0 bins"),
        (lambda: reliability([0.1], [1], split="size"), BadMeasure, "not by 'size'"),
    ],
)
def test_what_does_not_fit_is_said(call, error, said):
    with pytest.raises(error) as raised:
        call()
    assert said in str(raised.value)
