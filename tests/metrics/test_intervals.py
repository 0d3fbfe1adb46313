"""Intervals hold what they say, tests find what is there, and both know about clusters."""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from sensorium.core.errors import BadMeasure, BadTruth
from sensorium.metrics import intervals
from sensorium.metrics.intervals import bootstrap, holm, paired

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from metrics import coverage, populations


def test_intervals_hold_the_mean_of_93_to_97_percent_of_200_populations():
    """Bernoulli with p from 0.02 to 0.98, skewed and clustered; `benchmarks/metrics.py` draws more of each."""
    assert sum(map(len, populations().values())) == 200
    means = [mean for mean, _ in populations()["bernoulli"]]
    assert (min(means), max(means)) == (0.02, 0.98)
    assert 0.93 <= coverage(4)["all"] <= 0.97


def test_without_clusters_intervals_of_clustered_values_are_too_narrow():
    """What the clusters are for: hits of captions that succeed together."""
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(200), 5)
    hits = (rng.random(200) < 0.4)[clusters].astype(float)
    with_them, without = bootstrap(hits, clusters), bootstrap(hits)
    assert with_them.value == without.value
    assert (with_them.high - with_them.low) / (without.high - without.low) == pytest.approx(np.sqrt(5), rel=0.1)


def test_an_interval_is_the_same_again_and_for_any_names_of_clusters():
    rng = np.random.default_rng(1)
    values, clusters = rng.random(300), rng.integers(0, 90, 300)
    first = bootstrap(values, clusters)
    assert bootstrap(values, clusters) == first
    assert bootstrap(values, [f"{cluster:03}" for cluster in clusters]) == first
    assert bootstrap(values, clusters, seed=1) != first
    assert first.low < first.value < first.high and first.value == values.mean()
    wider = bootstrap(values, clusters, confidence=0.99)
    assert wider.low < first.low and wider.high > first.high


def test_chunks_do_not_matter_much(monkeypatch):
    rng = np.random.default_rng(1)
    values = rng.random(300)
    whole = bootstrap(values)
    monkeypatch.setattr(intervals, "_CELLS", 1000)
    chunked = bootstrap(values)
    assert chunked.low == pytest.approx(whole.low, abs=0.005) and chunked.high == pytest.approx(whole.high, abs=0.005)


def test_values_that_are_all_alike_are_no_certainty():
    found = bootstrap(np.ones(50))
    assert (found.value, found.high) == (1, 1) and found.low == pytest.approx(0.025 ** (1 / 50))
    found = bootstrap(np.zeros(50), np.repeat(np.arange(10), 5))  # ten independent ones
    assert (found.value, found.low) == (0, 0) and found.high == pytest.approx(1 - 0.025 ** (1 / 10))
    one = bootstrap([0.5])
    assert one.value == 0.5 and one.low == pytest.approx(0.0125) and one.high == pytest.approx(0.9875)
    assert bootstrap([3.0, 3.0]) == intervals.Interval(3, 3, 3)


def test_medians_of_ranks_some_of_which_are_infinite():
    ranks = np.array([1, 2, 3, 4, 5, 6, 7, np.inf, np.inf])
    found = bootstrap(ranks, statistic="median")
    assert found.value == 5 and 1 <= found.low < 5 < found.high
    assert bootstrap([1, 2, np.inf, np.inf, np.inf], statistic="median").value == np.inf


@pytest.mark.parametrize("clustered", [False, True])
def test_medians_are_those_of_resampled_clusters(clustered):
    """Against a loop that resamples by hand."""
    rng = np.random.default_rng(2)
    ranks = rng.geometric(0.05, 120).astype(float)
    clusters = np.repeat(np.arange(40), 3) if clustered else None
    groups = [ranks[i : i + 3] for i in range(0, 120, 3)] if clustered else [ranks[i : i + 1] for i in range(120)]
    drawn = [
        np.median(np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))])) for _ in range(2000)
    ]
    found = bootstrap(ranks, clusters, statistic="median")
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=1) and found.high == pytest.approx(high, abs=1)


def test_of_many_different_values_as_of_few():
    """Kinds of clusters are drawn in two ways: the same interval, but for chance."""
    rng = np.random.default_rng(3)
    few = rng.integers(0, 5, 2000) / 4.0
    many = few + rng.random(2000) * 1e-9
    a, b = bootstrap(few, resamples=4000), bootstrap(many, resamples=4000)
    assert a.low == pytest.approx(b.low, abs=0.002) and a.high == pytest.approx(b.high, abs=0.002)


def test_the_permutation_test_by_hand():
    """Three pairs that differ by 1, 2 and 3: of the eight choices of signs two are as far out."""
    found = paired([1, 2, 3, 7], [0, 0, 0, 7])
    assert found.difference == 1.5 and found.p == 2 / 8 and found.low < 1.5 < found.high
    assert paired([1, 0], [1, 0]).p == 1
    # as clusters: (1 + 2) and 3 differ: of four choices two
    assert paired([1, 2, 3], [0, 0, 0], [0, 0, 1]).p == 2 / 4


def test_drawn_signs_agree_with_all_of_them(monkeypatch):
    rng = np.random.default_rng(4)
    for few in (True, False):
        a = rng.integers(0, 3, 13).astype(float) if few else rng.random(13)
        b = a + rng.normal(0.3, 0.8, 13) if not few else rng.integers(0, 3, 13).astype(float)
        every = np.array(list(product([-1, 1], repeat=13))) @ (a - b)
        exact = (np.abs(every) >= abs((a - b).sum()) - 1e-9).mean()
        assert paired(a, b).p == pytest.approx(exact, abs=1e-12)
        with monkeypatch.context() as patched:
            patched.setattr(intervals, "_EXACT", 0)
            assert paired(a, b).p == pytest.approx(exact, abs=0.015)


def test_false_alarms_come_as_often_as_said_and_real_differences_are_found():
    rng = np.random.default_rng(5)
    clusters = np.repeat(np.arange(60), 5)
    alarms = []
    for _ in range(400):
        shared = rng.random(60)[clusters]
        a, b = (rng.random((2, 300)) < shared).astype(float)
        alarms.append(paired(a, b, clusters, resamples=500).p <= 0.05)
    assert 0.02 <= np.mean(alarms) <= 0.08
    a, b = rng.random((2, 500)) < [[0.5], [0.35]]
    found = paired(a, b)
    assert found.p < 0.001 and found.low > 0
    assert paired(b, a).p == pytest.approx(found.p, abs=1e-3) and paired(b, a).difference == -found.difference


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.9, 0.8]), [1, 1])
    assert holm([]).tolist() == []


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: bootstrap([]), BadTruth, "no value to average"),
        (lambda: bootstrap([1, np.nan]), BadTruth, "not finite"),
        (lambda: bootstrap([1, np.inf]), BadTruth, "take the median"),
        (lambda: bootstrap([1, 2], [1]), BadTruth, "2 values and 1 clusters"),
        (lambda: bootstrap([1], statistic="mode"), BadMeasure, "no statistic 'mode'"),
        (lambda: bootstrap([1], confidence=95), BadMeasure, "confidence 95"),
        (lambda: bootstrap([1], resamples=0), BadMeasure, "0 resamples"),
        (lambda: paired([1, 2], [1]), BadTruth, "2 and 1 values are no pairs"),
        (lambda: paired([1, np.inf], [1, np.inf]), BadTruth, "not finite"),
        (lambda: holm([0.5, 1.5]), BadTruth, "not from 0 to 1"),
        (lambda: holm([np.nan]), BadTruth, "not from 0 to 1"),
    ],
)
def test_what_does_not_fit_is_said(call, error, said):
    with pytest.raises(error) as raised:
        call()
    assert said in str(raised.value)
