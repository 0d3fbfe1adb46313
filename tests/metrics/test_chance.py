"""What random ranking expects is the mean over all orders of a small gallery, each tried."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from sensorium.core.errors import BadTruth
from sensorium.core.types import Run
from sensorium.metrics import chance, ranking
from sensorium.metrics.names import measure
from sensorium.metrics.truth import Truth, judge

SIZE = 6
ORDERS = np.array(list(permutations(range(SIZE))))


def over_all_orders(right, grades):
    """The same query under every order of the gallery, and a judged run of one of them."""
    count = len(ORDERS)
    queries = np.repeat(np.arange(count), len(right))
    truth = Truth.of(queries, np.tile(right, count), np.tile(grades, count), np.arange(SIZE))
    judged = judge(Run(np.arange(count), ORDERS, np.zeros(ORDERS.shape, np.float32)), truth)
    one = Truth.of(np.zeros(len(right)), right, grades, np.arange(SIZE))
    return judged, judge(Run(np.zeros(1, np.int64), ORDERS[:1], np.zeros((1, SIZE), np.float32)), one)


@pytest.mark.parametrize("right", range(1, SIZE + 1))
def test_exact_for_every_k_and_number_of_right_answers(right):
    judged, one = over_all_orders(np.arange(right), np.arange(1.0, right + 1))
    for name in ("hit", "recall", "precision", "reciprocal_rank", "average_precision", "ndcg"):
        for k in range(1, SIZE + 1):
            mean = getattr(ranking, name)(judged, k).mean()
            np.testing.assert_allclose(getattr(chance, name)(one, k), [mean], rtol=1e-12, err_msg=f"{name} {k}")
    np.testing.assert_allclose(chance.first_rank(one), [ranking.first_rank(judged).mean()], rtol=1e-12)
    assert chance.median_rank(one) == np.median(ranking.first_rank(judged))


def test_the_median_rank_over_queries_with_different_numbers_of_right_answers():
    ranks = [ranking.first_rank(over_all_orders(np.arange(right), np.ones(right))[0]) for right in (1, 2, 5)]
    mixed = Truth.of([0, 1, 1, *[2] * 5], [0, 0, 1, *range(5)], None, np.arange(SIZE))
    judged = judge(Run(np.arange(3), ORDERS[:3], np.zeros((3, SIZE), np.float32)), mixed)
    assert chance.median_rank(judged) == np.median(ranks)


def test_with_one_right_answer_it_is_k_over_n_whatever_the_size():
    truth = Truth.of([0], [3], None, np.arange(100_003))
    judged = judge(Run(np.zeros(1, np.int64), np.arange(1000)[None], np.zeros((1, 1000), np.float32)), truth)
    for k in (1, 10, 1000):
        assert chance.hit(judged, k) == pytest.approx(k / 100_003, rel=1e-12)
    assert chance.median_rank(judged) == (100_003 + 1) / 2
    assert chance.reciprocal_rank(judged, 1000) == pytest.approx((1 / np.arange(1, 1001)).sum() / 100_003)
    smaller = replace(judged, size=100_002)
    assert chance.hit(smaller, 1000) == pytest.approx(1000 / 100_002, rel=1e-12)


@pytest.mark.parametrize("name", ["R@3", "recall@3", "P@3", "MRR", "MRR@2", "mAP@3", "nDCG@3", "first_rank"])
def test_queries_with_galleries_of_different_sizes_have_what_each_would_have_alone(name):
    truth = Truth.of([0, 1, 1, 2, 2, 2], [0, 0, 1, 0, 1, 2], [1, 2, 1, 1, 1, 3], np.arange(SIZE))
    of = chance.first_rank if name == "first_rank" else lambda judged: measure(name).formula.chance(judged, cut)
    cut = int(name.split("@")[1]) if "@" in name else None
    judged = judge(Run(np.arange(3), ORDERS[:3], np.zeros((3, SIZE), np.float32)), truth)
    sizes = np.array([SIZE, SIZE - 1, SIZE - 1])
    alone = [of(replace(judged, size=int(size)))[at] for at, size in enumerate(sizes)]
    assert of(replace(judged, size=sizes)) == pytest.approx(alone, abs=1e-15)


def test_the_median_rank_in_galleries_of_different_sizes_is_that_over_all_orders():
    sizes, right = (6, 5, 3), (1, 2, 1)
    truth = Truth.of([0, 1, 1, 2], [0, 0, 1, 0], None, np.arange(SIZE))
    judged = judge(Run(np.arange(3), ORDERS[:3], np.zeros((3, SIZE), np.float32)), truth)
    firsts = [[min(order[:r]) for order in permutations(range(1, n + 1))] for n, r in zip(sizes, right, strict=True)]
    each = [np.tile(first, math.factorial(6) // len(first)) for first in firsts]  # as many of each
    assert chance.median_rank(replace(judged, size=np.array(sizes))) == np.median(np.concatenate(each))


def test_a_k_above_the_smallest_gallery_is_refused():
    truth = Truth.of([0, 1], [0, 0], None, np.arange(SIZE))
    judged = judge(Run(np.arange(2), ORDERS[:2], np.zeros((2, SIZE), np.float32)), truth)
    with pytest.raises(BadTruth, match=f"there are {SIZE - 2} things to find"):
        chance.hit(replace(judged, size=np.array([SIZE, SIZE - 2])), SIZE - 1)


def test_without_a_gallery_there_is_no_chance_level():
    judged = judge(Run(np.zeros(1, np.int64), np.arange(9)[None], np.zeros((1, 9), np.float32)), Truth.of([0], [3]))
    for of in (
        chance.hit,
        chance.recall,
        chance.precision,
        chance.reciprocal_rank,
        chance.average_precision,
        chance.ndcg,
    ):
        with pytest.raises(BadTruth, match="gallery is, is unknown"):
            of(judged, 5)
    with pytest.raises(BadTruth, match="gallery is, is unknown"):
        chance.median_rank(judged)
