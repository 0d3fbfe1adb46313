"""The contract suite of an index, for the built-in ones and for those of third packages.

    class TestMyIndex(IndexContract):
        def build(self, ids, vectors, metric):
            return MyIndex(ids, vectors, metric)

pytest then runs every check below. `exact = True` asks for the very answers of `naive_neighbors`.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from sensorium.core.types import METRICS, Metric, Neighbors
from sensorium.indexes.contract import Index

Ids = NDArray[np.int64]
Vectors = NDArray[np.float32]


def naive_neighbors(
    ids: Ids, vectors: Vectors, queries: Vectors, k: int, metric: Metric, allow: Ids | None = None
) -> Neighbors:
    """The right answer, pair by pair in float64, slowly: every index is held against this.

    ids (n,), vectors (n, d), queries (q, d). Scores are rounded to float32, then sorted, ties by ascending id.
    """
    allowed = set((ids if allow is None else allow).tolist())
    kept = [i for i in range(len(ids)) if int(ids[i]) in allowed]
    rows = [sorted((-naive_score(query, vectors[i], metric), int(ids[i])) for i in kept)[:k] for query in queries]
    width = min(k, len(kept))
    return Neighbors(
        np.array([[row_id for _, row_id in row] for row in rows], np.int64).reshape(len(queries), width),
        np.array([[-negated for negated, _ in row] for row in rows], np.float32).reshape(len(queries), width),
        np.full(len(queries), width, np.int64),
    )


def naive_score(query: Vectors, vector: Vectors, metric: Metric) -> float:
    """cos, q.c or -sqrt((q-c).(q-c)) of two vectors (d,), rounded to float32; cos with a zero vector is 0."""
    q, c = query.astype(np.float64), vector.astype(np.float64)
    if metric == "l2":
        return float(np.float32(-np.sqrt(((q - c) ** 2).sum())))
    lengths = np.sqrt((q * q).sum()) * np.sqrt((c * c).sum()) if metric == "cosine" else 1.0
    return float(np.float32((q * c).sum() / lengths)) if lengths else 0.0


class IndexContract:
    """Inherit in a class whose name starts with `Test`, and say how to build; see the module's docstring."""

    exact = False
    """Whether the index promises the answers of `naive_neighbors`, always."""

    def build(self, ids: Ids, vectors: Vectors, metric: Metric) -> Index:
        """The index under test over these rows: ids unique, in any order; n may be 0."""
        raise NotImplementedError("an index's contract test says how to build it")

    def test_it_says_what_it_is(self) -> None:
        """metric, dimension and ids are those of the rows."""
        for metric in METRICS:
            ids, vectors = _rows(30, 8)
            index = self.build(ids, vectors, metric)
            assert (index.metric, index.dimension) == (metric, 8)
            assert sorted(index.ids.tolist()) == sorted(ids.tolist())

    def test_every_answer_is_a_row_once_with_its_own_score(self) -> None:
        """Never -1, never a duplicate; best first; the score is that of the pair, whatever the index stores."""
        for metric, k in product(METRICS, (1, 10, 200)):
            ids, vectors = _rows(200, 8)
            queries = _queries(5, 8)
            self._check(self.build(ids, vectors, metric).search(queries, k), ids, vectors, queries, metric)

    def test_fewer_than_k_only_when_fewer_exist(self) -> None:
        """min(k, n) answers for every query, down to no rows at all."""
        for metric, n, k in product(METRICS, (0, 1, 3, 60), (1, 7, 100)):
            ids, vectors = _rows(n, 4)
            found = self.build(ids, vectors, metric).search(_queries(3, 4), k)
            assert found.counts.tolist() == [min(k, n)] * 3, f"{metric}: {found.counts} of {n} rows for k={k}"

    def test_ties_are_broken_by_id(self) -> None:
        """Among equal rows the lowest ids come, in order, even when far more tie than k."""
        for metric, copies in product(METRICS, (5, 120)):
            ids, vectors = _rows(150, 6)
            vectors[:copies] = vectors[0]
            found = self.build(ids, vectors, metric).search(vectors[:1], 4)
            expected = sorted(ids[:copies].tolist())[:4]
            if metric != "dot":  # a longer row may have the greater product
                assert found.ids[0].tolist() == expected, f"{metric}: {found.ids[0]} instead of {expected}"
            self._check(found, ids, vectors, vectors[:1], metric)

    def test_only_allowed_rows_are_found(self) -> None:
        """And all of them when k is large enough; unknown ids and repetitions in `allow` change nothing."""
        ids, vectors = _rows(200, 8)
        queries = _queries(4, 8)
        unknown = np.array([10**15, 7], np.int64)
        for metric, share in product(METRICS, (0, 1, 20, 150)):
            allow = np.concatenate([ids[:share], unknown, ids[:share]])
            found = self.build(ids, vectors, metric).search(queries, 30, allow=allow)
            assert found.counts.tolist() == [min(30, share)] * 4
            self._check(found, ids[:share], vectors[:share], queries, metric)

    def test_higher_is_closer(self) -> None:
        """The row that is the query itself comes first under cosine and l2, with the best score there is."""
        ids, vectors = _rows(80, 8)
        for metric, best in (("cosine", 1.0), ("l2", 0.0)):
            found = self.build(ids, vectors, metric).search(vectors[3:4], 5)  # type: ignore[arg-type]
            assert found.ids[0, 0] == ids[3]
            assert abs(float(found.scores[0, 0]) - best) < 1e-6
            assert bool((found.scores[0, 1:] < found.scores[0, 0]).all())

    def test_many_queries_are_answered_as_one_by_one(self) -> None:
        """The scores do not depend on the batch; an empty batch has an empty answer."""
        ids, vectors = _rows(300, 8)
        queries = _queries(40, 8)
        for metric in METRICS:
            index = self.build(ids, vectors, metric)
            together = index.search(queries, 5)
            apart = [index.search(query[None], 5) for query in queries]
            assert np.array_equal(together.scores, np.concatenate([one.scores for one in apart]))
            assert np.array_equal(together.ids, np.concatenate([one.ids for one in apart]))
            assert index.search(queries[:0], 5).counts.shape == (0,)

    def test_what_cannot_be_answered_is_a_value_error(self) -> None:
        """Another width, one axis, NaN, k = 0, and the cosine of nothing."""
        ids, vectors = _rows(10, 4)
        index = self.build(ids, vectors, "cosine")
        good = _queries(1, 4)
        bad = [(good[:, :3], 1), (good[0], 1), (good * np.float32("nan"), 1), (good, 0), (good * np.float32(0), 1)]
        for queries, k in bad:
            try:
                index.search(queries, k)
            except ValueError:
                continue
            raise AssertionError(f"queries {queries} with k={k} were answered")

    def test_inputs_are_left_as_they_were(self) -> None:
        """Arrays may be read-only, and are not written to."""
        ids, vectors = _rows(50, 4)
        queries, allow = _queries(2, 4), ids[:9].copy()
        for array in (ids, vectors, queries, allow):
            array.flags.writeable = False
        for metric in METRICS:
            self.build(ids, vectors, metric).search(queries, 3, allow=allow)

    def _check(self, found: Neighbors, ids: Ids, vectors: Vectors, queries: Vectors, metric: Metric) -> None:
        places = {int(row_id): i for i, row_id in enumerate(ids)}
        for query, (some, scores) in zip(queries, found, strict=True):
            assert len(set(some.tolist())) == len(some), f"duplicates: {some}"
            assert set(some.tolist()) <= set(places), f"no such rows: {set(some.tolist()) - set(places)}"
            order = [(-score, row_id) for score, row_id in zip(scores.tolist(), some.tolist(), strict=True)]
            assert order == sorted(order), f"not best first, or ties not by id: {order}"
            own = [naive_score(query, vectors[places[int(row_id)]], metric) for row_id in some]
            assert np.allclose(scores, own, rtol=1e-6, atol=1e-7), f"{metric}: {scores} instead of {own}"
        if self.exact:
            right = naive_neighbors(ids, vectors, queries, max(1, found.ids.shape[1]), metric)
            assert np.array_equal(found.ids, right.ids[:, : found.ids.shape[1]])


def _rows(n: int, d: int) -> tuple[Ids, Vectors]:
    """Rows of different lengths, with ids that are far apart and in no order."""
    draw = np.random.default_rng(n * 1000 + d)
    ids = draw.permutation(10 * n + 10)[:n].astype(np.int64) + 2**40
    vectors = draw.standard_normal((n, d)) * draw.uniform(0.5, 2, (n, 1))
    return ids, vectors.astype(np.float32)


def _queries(q: int, d: int) -> Vectors:
    return np.random.default_rng(q + d).standard_normal((q, d)).astype(np.float32)
