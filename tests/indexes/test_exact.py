"""Exact search against the naive answer, over blocks, filters, ties, extreme values and memory maps."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sensorium.core.types import METRICS
from sensorium.indexes import exact
from sensorium.indexes.exact import ExactIndex
from sensorium.indexes.metric import row_norms
from sensorium.testing.indexes import naive_neighbors

metrics = st.sampled_from(METRICS)
# Whole numbers: float64 is exact on them, so that ties are real and the naive ids can be asked for, one by one.
whole = st.integers(-3, 3).map(float)
wild = st.floats(-1e9, 1e9, width=32, allow_subnormal=True)


@st.composite
def cases(draw, values):
    n, d, q = draw(st.integers(0, 40)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    ids = draw(st.lists(st.integers(0, 2**62), min_size=n, max_size=n, unique=True))
    vectors = draw(arrays.arrays(np.float32, (n, d), elements=values))
    queries = draw(arrays.arrays(np.float32, (q, d), elements=values))
    allow = draw(st.none() | st.lists(st.sampled_from([*ids, 2**62 + 1])).map(lambda some: np.array(some, np.int64)))
    return np.array(ids, np.int64), vectors, queries, draw(st.integers(1, 45)), allow


@settings(deadline=None)
@given(cases(whole), metrics)
def test_it_gives_the_naive_answer_ties_and_filters_included(case, metric):
    ids, vectors, queries, k, allow = case
    queries[~queries.any(axis=1), 0] = 1
    found = ExactIndex(ids, vectors, metric).search(queries, k, allow=allow)
    right = naive_neighbors(ids, vectors, queries, k, metric, allow)
    assert found.ids.tolist() == right.ids.tolist()
    assert found.scores.tolist() == right.scores.tolist()
    assert found.counts.tolist() == right.counts.tolist()


@settings(deadline=None)
@given(cases(wild), metrics)
def test_it_gives_the_naive_scores_whatever_the_numbers(case, metric):
    ids, vectors, queries, k, allow = case
    queries[~queries.any(axis=1), 0] = 1
    found = ExactIndex(ids, vectors, metric).search(queries, k, allow=allow)
    right = naive_neighbors(ids, vectors, queries, k, metric, allow)
    assert found.counts.tolist() == right.counts.tolist()
    assert np.allclose(found.scores, right.scores, rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("share", [1.0, 0.6, 0.01])
def test_blocks_and_batches_change_nothing(monkeypatch, metric, share):
    draw = np.random.default_rng(5)
    ids, vectors = np.arange(5000), draw.integers(-2, 3, (5000, 6)).astype(np.float32)  # thousands of ties
    queries = draw.integers(1, 3, (30, 6)).astype(np.float32)
    allow = None if share == 1 else draw.permutation(ids)[: int(5000 * share)]
    whole_ids = ExactIndex(ids, vectors, metric).search(queries, 12, allow=allow).ids
    monkeypatch.setattr(exact, "_VALUES", 1)
    monkeypatch.setattr(exact, "_QUERIES", 7)
    assert np.array_equal(ExactIndex(ids, vectors, metric).search(queries, 12, allow=allow).ids, whole_ids)
    assert np.array_equal(naive_neighbors(ids, vectors, queries[:1], 12, metric, allow).ids, whole_ids[:1])


@pytest.mark.parametrize("metric", METRICS)
def test_near_rows_far_from_the_origin_are_told_apart(metric):
    """Where float32 products cannot see the differences, the right order comes out all the same."""
    draw = np.random.default_rng(1)
    vectors = (1000 + draw.standard_normal((400, 64))).astype(np.float32)
    queries = vectors[:3] + np.float32(0.001)
    found = ExactIndex(np.arange(400), vectors, metric).search(queries, 10)
    assert np.array_equal(found.ids, naive_neighbors(np.arange(400), vectors, queries, 10, metric).ids)


def test_one_long_row_does_not_blur_the_others():
    draw = np.random.default_rng(2)
    vectors = draw.standard_normal((300, 16)).astype(np.float32)
    vectors[0] *= 1e9
    found = ExactIndex(np.arange(300), vectors, "dot").search(vectors[1:4], 8)
    assert np.array_equal(found.ids, naive_neighbors(np.arange(300), vectors, vectors[1:4], 8, "dot").ids)


def test_dot_and_l2_use_the_vectors_as_they_are():
    ids, vectors = np.array([1, 2]), np.array([[1.0, 0.0], [5.0, 5.0]], np.float32)
    query = np.array([[1.0, 0.1]], np.float32)
    best = {metric: int(ExactIndex(ids, vectors, metric).search(query, 1).ids[0, 0]) for metric in METRICS}
    assert best == {"cosine": 1, "dot": 2, "l2": 1}


def test_a_memory_map_is_searched_without_being_copied(tmp_path):
    n, d = 60_000, 64  # 15 MB
    vectors = np.random.default_rng(0).standard_normal((n, d)).astype(np.float32)
    norms, query = row_norms(vectors), vectors[:1].copy()
    vectors.tofile(tmp_path / "vectors")
    del vectors
    mapped = np.memmap(tmp_path / "vectors", np.float32, "r", shape=(n, d))
    tracemalloc.start()
    index = ExactIndex(np.arange(n), mapped, "cosine", norms)
    found = index.search(query, 10)
    few = index.search(query, 10, allow=np.arange(0, n, 1000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.ids[0, 0] == few.ids[0, 0] == 0
    assert peak < n * d * 4 / 4


def test_kept_norms_give_the_same_answers():
    draw = np.random.default_rng(3)
    vectors = draw.standard_normal((500, 9)).astype(np.float32)
    for metric in METRICS:
        kept = ExactIndex(np.arange(500), vectors, metric, row_norms(vectors)).search(vectors[:5], 7)
        fresh = ExactIndex(np.arange(500), vectors, metric).search(vectors[:5], 7)
        assert np.array_equal(kept.ids, fresh.ids)
        assert np.array_equal(kept.scores, fresh.scores)


ROWS = np.ones((3, 2), np.float32)


@pytest.mark.parametrize(
    ("ids", "vectors", "norms", "said"),
    [
        ([1, 2], ROWS, None, r"\(2,\).*\(3, 2\)"),
        ([1, 2, 1], ROWS, None, "id 1 comes twice"),
        ([1, -1, 2], ROWS, None, "id -1 is negative"),
        ([1, 2, 3], ROWS * np.float32("nan"), None, "vector of id 1 is not finite"),
        ([1, 2, 3], ROWS, np.ones(2, np.float32), "norms"),
    ],
)
def test_rows_that_make_no_index_are_refused(ids, vectors, norms, said):
    with pytest.raises(ValueError, match=said):
        ExactIndex(np.array(ids), vectors, "cosine", norms)
