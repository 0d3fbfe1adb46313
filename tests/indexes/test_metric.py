"""The three scores against values worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sensorium.indexes.metric import check_metric, checked_queries, pair_scores, ranked, row_norms, unit

QUERY = np.array([[3.0, 4.0]], np.float32)
ROW = np.array([[6.0, 0.0]], np.float32)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("cosine", 18 / (5 * 6)), ("dot", 18.0), ("l2", -5.0)],  # (3, 4) - (6, 0) = (-3, 4)
)
def test_scores_are_the_ones_a_person_computes(metric, expected):
    assert pair_scores(QUERY, ROW, metric).tolist() == [pytest.approx(expected)]


def test_l2_of_near_vectors_far_from_the_origin_does_not_cancel():
    query = np.full((1, 4), 10_000.0, np.float32)
    row = query + np.array([[0.0, 0.0, 0.0, 0.0078125]], np.float32)
    assert pair_scores(query, row, "l2").tolist() == [-0.0078125]


def test_a_vector_is_at_distance_zero_from_itself_without_a_minus():
    score = pair_scores(QUERY, QUERY, "l2")
    assert score.tolist() == [0.0]
    assert not np.signbit(score[0])


def test_the_score_of_a_pair_does_not_depend_on_its_company():
    draw = np.random.default_rng(0)
    queries, rows = draw.standard_normal((2, 500, 257)).astype(np.float32)
    for metric in ("cosine", "dot", "l2"):
        together = pair_scores(queries, rows, metric)
        apart = [pair_scores(queries[i : i + 1], rows[i : i + 1], metric)[0] for i in range(500)]
        assert together.tolist() == apart


def test_a_zero_row_has_cosine_zero():
    assert pair_scores(QUERY, np.zeros((1, 2), np.float32), "cosine").tolist() == [0.0]


def test_norms_and_directions():
    rows = np.array([[3.0, 4.0], [0.0, 0.0], [1e-30, 0.0]], np.float32)
    assert row_norms(rows).tolist() == [5.0, 0.0, np.float32(1e-30)]
    assert np.allclose(unit(rows), [[0.6, 0.8], [0.0, 0.0], [1.0, 0.0]])


@pytest.mark.parametrize(
    ("queries", "said"),
    [
        (np.zeros(3), r"\(3,\).*\(q, 3\)"),
        (np.ones((2, 4)), r"\(2, 4\).*\(q, 3\)"),
        (np.array([[1.0, 1, 1], [1, np.nan, 1]]), "query 1 is not finite"),
        (np.array([[np.inf, 1, 1]]), "query 0 is not finite"),
        (np.array([[1.0, 1, 1], [0, 0, 0]]), "query 1 is zero.*use dot or l2"),
    ],
)
def test_a_query_that_cannot_be_answered_is_named(queries, said):
    with pytest.raises(ValueError, match=said):
        checked_queries(queries, 3, "cosine")


def test_a_zero_query_is_fine_under_dot_and_l2():
    for metric in ("dot", "l2"):
        assert checked_queries(np.zeros((1, 3)), 3, metric).dtype == np.float32


def test_an_unknown_metric_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'manhattan'.*cosine, dot, l2"):
        check_metric("manhattan")


def test_ranking_sorts_by_score_then_id_and_pads_the_shorter_rows():
    owners, ids = np.array([1, 0, 0, 0, 1]), np.array([9, 5, 4, 3, 2])
    scores = np.array([1.0, 0.5, 0.5, 0.75, 2.0], np.float32)
    found = ranked(owners, ids, scores, 3, 3)
    assert found.counts.tolist() == [3, 2, 0]
    assert [(i.tolist(), s.tolist()) for i, s in found] == [
        ([3, 4, 5], [0.75, 0.5, 0.5]),
        ([2, 9], [2.0, 1.0]),
        ([], []),
    ]
    assert found.ids.shape == (3, 3)
    assert found.scores[1, 2] == -np.inf
