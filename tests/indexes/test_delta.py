"""A delta answers as if everything had been indexed at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sensorium.core.types import METRICS
from sensorium.indexes import delta
from sensorium.indexes.delta import DeltaIndex
from sensorium.indexes.exact import ExactIndex
from sensorium.testing.indexes import naive_neighbors

few_ids = st.lists(st.integers(0, 30), unique=True, max_size=20)


@st.composite
def histories(draw):
    """(base ids, their vectors, extra ids, their vectors, removed ids, query, k, allow): overlaps of every kind."""
    base, extra, removed = draw(few_ids), draw(few_ids), draw(few_ids)
    values = arrays.arrays(np.float32, (len(base) + len(extra), 3), elements=st.integers(-2, 2).map(float))
    vectors = draw(values)
    query = draw(st.lists(st.integers(1, 3).map(float), min_size=3, max_size=3))
    allow = draw(st.none() | few_ids.map(lambda some: np.array(some, np.int64)))
    sides = (np.array(base, np.int64), vectors[: len(base)], np.array(extra, np.int64), vectors[len(base) :])
    return *sides, np.array(removed, np.int64), np.array([query], np.float32), draw(st.integers(1, 40)), allow


@settings(deadline=None)
@given(histories(), st.sampled_from(METRICS), st.sampled_from([0, 5, 256]))
def test_it_answers_as_one_index_over_what_is_there_now(history, metric, overfetch):
    base, base_vectors, extra, extra_vectors, removed, query, k, allow = history
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delta, "_OVERFETCH", overfetch)
        index = DeltaIndex(ExactIndex(base, base_vectors, metric), ExactIndex(extra, extra_vectors, metric), removed)
        found = index.search(query, k, allow=allow)
    now = dict(zip(base.tolist(), base_vectors, strict=True)) | dict(zip(extra.tolist(), extra_vectors, strict=True))
    now = {row_id: vector for row_id, vector in now.items() if row_id not in removed}
    ids, vectors = np.array(list(now), np.int64), np.array(list(now.values()), np.float32).reshape(-1, 3)
    right = naive_neighbors(ids, vectors, query, k, metric, allow)
    assert found.ids.tolist() == right.ids.tolist()
    assert found.scores.tolist() == right.scores.tolist()
    assert index.ids.tolist() == sorted(now)


def test_a_changed_row_is_found_where_it_is_now_not_where_it_was():
    base = ExactIndex(np.array([1, 2]), np.array([[1, 0], [0, 1]], np.float32), "cosine")
    changed = ExactIndex(np.array([1]), np.array([[0, -1]], np.float32), "cosine")
    found = DeltaIndex(base, changed, np.empty(0, np.int64)).search(np.array([[1, 0]], np.float32), 5)
    assert dict(zip(found.ids[0].tolist(), found.scores[0].tolist(), strict=True)) == {1: 0.0, 2: 0.0}


def test_a_removed_row_is_never_found_even_when_it_is_asked_for():
    index = ExactIndex(np.array([4, 5]), np.eye(2, dtype=np.float32), "dot")
    none = ExactIndex(np.empty(0, np.int64), np.empty((0, 2), np.float32), "dot")
    gone = DeltaIndex(index, none, np.array([4]))
    assert gone.search(np.ones((1, 2), np.float32), 5, allow=np.array([4, 5])).ids.tolist() == [[5]]
    assert gone.search(np.ones((1, 2), np.float32), 5, allow=np.array([4])).counts.tolist() == [0]


@pytest.mark.parametrize(("metric", "dimension"), [("dot", 2), ("cosine", 3)])
def test_sides_that_do_not_match_are_refused(metric, dimension):
    base = ExactIndex(np.arange(2), np.eye(2, dtype=np.float32), "cosine")
    other = ExactIndex(np.arange(1), np.ones((1, dimension), np.float32), metric)
    with pytest.raises(ValueError, match="do not match"):
        DeltaIndex(base, other, np.empty(0, np.int64))
