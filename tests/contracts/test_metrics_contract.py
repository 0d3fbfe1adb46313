"""Every built-in measure passes the contract suite that plug-in authors are given."""

from __future__ import annotations

import numpy as np
import pytest

from sensorium.metrics import names, ranking
from sensorium.metrics.names import Formula
from sensorium.testing.metrics import MeasureContract

for _formula in names.FORMULAS:
    globals()[f"Test_{_formula.name}"] = type(f"Test_{_formula.name}", (MeasureContract,), {"formula": _formula})


def broken(**changes):
    """The precision, with something wrong."""
    made = {"name": "X", "of": ranking.precision, "chance": lambda judged, k: judged.right / judged.size, "says": "x"}
    suite = MeasureContract()
    suite.formula = Formula(**{**made, **changes})
    return suite


def test_the_suite_notices_what_is_wrong():
    with pytest.raises(AssertionError):
        broken(chance=lambda judged, k: k / judged.size).test_chance_is_what_random_orders_give()
    with pytest.raises(AssertionError):
        broken(
            of=lambda judged, k: -ranking.hit(judged, k)
        ).test_nothing_is_better_than_the_best_order_or_worse_than_no_answer()
    with pytest.raises(AssertionError):
        broken(of=lambda judged, k: np.array([1.0])).test_gives_each_query_a_number_and_changes_nothing()
    with pytest.raises(AssertionError):
        shared = lambda judged, k: ranking.hit(judged, k) / len(judged.query_ids)  # noqa: E731
        broken(of=shared).test_a_query_does_not_depend_on_the_others()
    with pytest.raises(AssertionError):
        broken(of=lambda judged, k: np.zeros(40)).test_refuses_a_k_that_the_run_cannot_tell_about()
    with pytest.raises(AssertionError):
        broken(says="two\nlines").test_says_what_it_is()
    broken().test_chance_is_what_random_orders_give()
