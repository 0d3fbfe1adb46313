"""What scores mean is learnt from trials, half of which have no right answer."""

from __future__ import annotations

import numpy as np
import pytest

from sensorium.core.errors import BadTruth
from sensorium.encoders.scores import Calibration, Relevance
from sensorium.evaluate.relevance import Asking, Trials, fit, pooled, probabilities, trials
from sensorium.metrics.calibration import auc, expected_calibration_error

SCALE = Calibration(0.1, 0.2)


def simulated(meaning, count, seed=0):
    """Trials whose outcomes come as a map says."""
    chance = np.random.default_rng(seed)
    cosines, parts = chance.uniform(-0.2, 0.9, count), chance.choice([50, 200, 1000], count)
    plain = Trials(cosines, parts, np.zeros(count, bool), np.arange(count), np.ones(count, bool))
    right = chance.random(count) < probabilities(plain, SCALE, meaning)
    return Trials(cosines, parts, right, np.arange(count), np.ones(count, bool))


def test_a_map_is_found_again_from_what_came_of_it():
    true = Relevance(1.2, -0.6, -0.4)
    found = fit([(simulated(true, 40_000), SCALE)])
    np.testing.assert_allclose(found, true, atol=0.12)
    fresh = simulated(true, 20_000, seed=1)
    said = probabilities(fresh, SCALE, found)
    assert expected_calibration_error(said, fresh.right) < 0.015 and auc(said, fresh.right) > 0.8


def test_each_set_weighs_the_same_however_many_trials_it_has():
    sure, unsure = simulated(Relevance(1.2, -0.6, 2.0), 8_000), simulated(Relevance(1.2, -0.6, -2.0), 8_000, 1)
    columns = ("cosines", "parts", "right", "queries", "possible")
    thrice = Trials(*(np.tile(getattr(sure, name), 3) for name in columns))
    np.testing.assert_allclose(
        fit([(thrice, SCALE), (unsure, SCALE)]), fit([(sure, SCALE), (unsure, SCALE)]), atol=2e-3
    )
    assert fit([(sure, SCALE)]).bias > fit([(sure, SCALE), (unsure, SCALE)]).bias > fit([(unsure, SCALE)]).bias


def test_what_can_be_told_apart_without_error_gives_finite_numbers():
    cosines = np.linspace(0, 0.9, 50)
    same = Trials(cosines, np.full(50, 100), cosines > 0.5, np.arange(50), np.ones(50, bool))
    assert np.isfinite(fit([(same, SCALE)])).all()


def test_a_space_in_which_nearer_is_not_righter_cannot_be_learnt():
    cosines = np.linspace(0, 0.9, 50)
    wrong = Trials(cosines, np.full(50, 100), cosines < 0.5, np.arange(50), np.ones(50, bool))
    with pytest.raises(BadTruth, match="nearer answers are not right more often"):
        fit([(wrong, SCALE)])


def test_pooled_maps_are_the_mean_of_their_logits():
    assert pooled(Relevance(1.0, -1.0, 2.0), Relevance(3.0, 0.0, -1.0)) == Relevance(2.0, -0.5, 0.5)


@pytest.fixture
def asking():
    """Twenty groups of three vectors near each other; each vector asks for the others of its group."""
    chance = np.random.default_rng(3)
    rows = (np.repeat(chance.normal(size=(20, 16)), 3, axis=0) + 0.3 * chance.normal(size=(60, 16))).astype(np.float32)
    groups = np.repeat(np.arange(20), 3)
    return Asking(rows, rows, groups[:, None] == groups, np.eye(60, dtype=bool))


def test_every_other_trial_has_no_right_answer_and_a_query_never_answers_itself(asking):
    found = trials(asking, (10, 30, 500), 400)
    assert len(found) == 400 and found.possible.mean() == 0.5
    assert not found.right[~found.possible].any() and found.right[found.possible].mean() > 0.9
    assert found.cosines.max() < 0.9999 and set(found.parts) == {10, 30, 57}
    said = probabilities(found, SCALE, fit([(found, SCALE)]))
    assert auc(said, found.right) > 0.95


def test_trials_are_the_same_again(asking):
    one, same, other = trials(asking, (10,), 50, 1), trials(asking, (10,), 50, 1), trials(asking, (10,), 50, 2)
    np.testing.assert_array_equal(one.cosines, same.cosines)
    assert (one.cosines != other.cosines).any()


def test_without_right_answers_there_is_nothing_to_learn():
    rows = np.eye(3, dtype=np.float32)
    for right in (np.zeros((3, 3), bool), np.ones((3, 3), bool)):
        with pytest.raises(BadTruth, match="no query has both right and wrong answers"):
            trials(Asking(rows, rows, right), (2,), 10)
