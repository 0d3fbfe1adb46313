"""The contract that every measure keeps, for the tests of those who write one.

class TestMyMeasure(MeasureContract):
    formula = my_package.formula
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from sensorium.core.errors import BadTruth
from sensorium.core.types import Run
from sensorium.metrics.names import Formula, Measure
from sensorium.metrics.truth import Floats, Ints, Judged, Truth, judge

GALLERY, QUERIES, DEPTH, ORDERS = 30, 40, 20, 400


class MeasureContract:
    """Subclass it as `TestSomething`, with the `formula`."""

    formula: Formula

    def _measure(self, k: int = 7) -> Measure:
        return Measure(self.formula, None if self.formula.cut == "never" else k)

    def test_says_what_it_is(self) -> None:
        """Its name can be written in front of an @, and people are told what it measures in one line."""
        assert self.formula.name.isidentifier() and "@" not in self.formula.name
        assert self.formula.says and "\n" not in self.formula.says
        assert self.formula.cut in ("always", "optional", "never")
        assert self.formula.statistic in ("mean", "median")

    def test_gives_each_query_a_number_and_changes_nothing(self) -> None:
        """The same again when asked again; infinite at most where a median is taken."""
        judged = judge(random_run(0), random_truth())
        before = {field.name: np.copy(getattr(judged, field.name)) for field in fields(judged)}
        values = self._measure().of(judged)
        assert values.shape == (QUERIES,) and values.dtype == np.float64
        assert not np.isnan(values).any()
        assert self.formula.statistic == "median" or np.isfinite(values).all()
        np.testing.assert_array_equal(values, self._measure().of(judged))
        for name, value in before.items():
            np.testing.assert_array_equal(getattr(judged, name), value, err_msg=f"{name} was changed")

    def test_a_query_does_not_depend_on_the_others(self) -> None:
        """Each alone has the value that it has among them."""
        run, truth = random_run(1), random_truth()
        together = self._measure().of(judge(run, truth))
        for at in range(0, QUERIES, 7):
            own = truth.query_ids == at
            alone = Truth.of(truth.query_ids[own], truth.ids[own], truth.grades[own], truth.gallery)
            row = Run(run.query_ids[at : at + 1], run.ids[at : at + 1], run.scores[at : at + 1])
            np.testing.assert_allclose(self._measure().of(judge(row, alone)), together[at : at + 1], rtol=1e-12)

    def test_nothing_is_better_than_the_best_order_or_worse_than_no_answer(self) -> None:
        """All right answers in front, the best first; and a run that lacks the query."""
        truth = random_truth()
        best = self._measure().of(judge(best_run(truth), truth))
        none = replace(random_run(0), counts=np.zeros(QUERIES, np.int64))
        worst = self._measure().of(judge(none, truth))
        sign = 1 if self.formula.higher_is_better else -1
        assert (sign * best > sign * worst).all()
        for seed in range(20):
            values = self._measure().of(judge(random_run(seed), truth))
            assert (sign * best >= sign * values - 1e-12).all() and (sign * values >= sign * worst).all()

    def test_chance_knows_queries_that_have_galleries_of_different_sizes(self) -> None:
        """A number a query is that of its own gallery; one number for all lies between those of the sizes."""
        judged, k = judge(random_run(0), random_truth()), self._measure().k
        smaller = np.arange(QUERIES) % 2
        whole, less, mixed = (
            np.asarray(self.formula.chance(replace(judged, size=size), k))
            for size in (GALLERY, GALLERY - 1, GALLERY - smaller)
        )
        if mixed.ndim:
            np.testing.assert_allclose(mixed, np.where(smaller, less, whole), rtol=1e-12)
        else:
            assert min(whole, less) <= mixed <= max(whole, less)

    def test_chance_is_what_random_orders_give(self) -> None:
        """The mean, or median, over many random orders; within five standard errors."""
        truth = random_truth()
        judged = judge(random_run(0, GALLERY), truth)
        runs = [self._measure().of(judge(random_run(seed, GALLERY), truth)) for seed in range(ORDERS)]
        expected = self._measure().chance(judged)
        if self.formula.statistic == "median":
            assert abs(float(np.median(runs)) - expected) <= 0.5 + 0.02 * expected
        else:
            means = np.mean(runs, axis=1)
            assert abs(means.mean() - expected) < 5 * means.std(ddof=1) / np.sqrt(ORDERS) + 1e-12

    def test_refuses_a_k_that_the_run_cannot_tell_about(self) -> None:
        """With BadTruth: beyond what was answered, or what there is."""
        if self.formula.cut == "never":
            return
        judged = judge(random_run(0), random_truth())
        assert refused(self._measure(DEPTH + 1), judged), "a k beyond the run was answered"
        beyond = replace(judged, depth=GALLERY + 5)
        assert refused(self._measure(GALLERY + 1), beyond), "a k beyond the gallery was answered"


def refused(measure: Measure, judged: Judged) -> bool:
    """Whether it raises BadTruth."""
    try:
        measure.of(judged)
    except BadTruth:
        return True
    return False


def random_truth() -> Truth:
    """QUERIES queries with one to nine right answers of grades 1 to 3 in a gallery of GALLERY things."""
    rng = np.random.default_rng(5)
    pairs = [(query, right) for query in range(QUERIES) for right in rng.permutation(GALLERY)[: 1 + query % 9]]
    columns: Ints = np.array(pairs, np.int64)
    grades: Floats = rng.integers(1, 4, len(pairs)).astype(np.float64)
    return Truth.of(columns[:, 0], columns[:, 1], grades, np.arange(GALLERY))


def random_run(seed: int, depth: int = DEPTH) -> Run:
    """The first `depth` of a random order of the gallery, for each query."""
    rng = np.random.default_rng(seed)
    ids = rng.permuted(np.tile(np.arange(GALLERY), (QUERIES, 1)), axis=1)[:, :depth]
    return Run(np.arange(QUERIES), ids, np.zeros(ids.shape, np.float32))


def best_run(truth: Truth) -> Run:
    """Right answers in front, the best first."""
    gains = np.zeros((QUERIES, GALLERY))
    gains[truth.query_ids, truth.ids] = truth.grades
    ids = np.argsort(-gains, axis=1, kind="stable")[:, :DEPTH]
    return Run(np.arange(QUERIES), ids, np.zeros(ids.shape, np.float32))
