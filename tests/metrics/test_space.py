"""How far modalities lie apart, and which of them answer."""

from __future__ import annotations

import numpy as np
import pytest

from sensorium.core.errors import BadTruth
from sensorium.core.types import Run
from sensorium.metrics import space
from sensorium.metrics.space import expected, modality_gap, share_of_modalities


def test_the_gap_is_between_the_centres_of_unit_vectors():
    assert modality_gap([[3.0, 0]], [[0, 0.5]]) == pytest.approx(np.sqrt(2))
    assert modality_gap([[1.0, 0], [0, 9]], [[2.0, 0], [0, 1]]) == pytest.approx(0)
    assert modality_gap([[1.0, 0], [0, 1]], [[-1.0, 0], [0, -2]]) == pytest.approx(np.sqrt(2))
    assert modality_gap([[1.0, 0]], [[-1.0, 0]]) == pytest.approx(2)


def test_the_gap_over_several_chunks(monkeypatch):
    rng = np.random.default_rng(0)
    a, b = rng.normal(1, 1, (57, 8)).astype(np.float32), rng.normal(-1, 1, (31, 8)).astype(np.float32)
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a.astype(float), b.astype(float))]
    monkeypatch.setattr(space, "_ROWS", 10)
    assert modality_gap(a, b) == pytest.approx(np.linalg.norm(unit[0].mean(0) - unit[1].mean(0)), rel=1e-12)


def test_shares_of_the_first_k():
    ids, kinds = np.array([30, 10, 20, 40]), ["image", "text", "text", "audio"]
    run = Run(np.arange(3), np.array([[10, 20, 30], [40, 30, 99], [99, 99, 99]]), np.zeros((3, 3)), np.array([3, 2, 0]))
    shares = share_of_modalities(run, ids, kinds, 2)
    assert list(shares) == ["audio", "image", "text"]
    np.testing.assert_array_equal(shares["text"], [1, 0, np.nan])
    np.testing.assert_array_equal(shares["image"], [0, 0.5, np.nan])
    np.testing.assert_array_equal(shares["audio"], [0, 0.5, np.nan])
    np.testing.assert_allclose(share_of_modalities(run, ids, kinds, 3)["text"], [2 / 3, 0, np.nan])
    assert expected(kinds) == {"audio": 0.25, "image": 0.25, "text": 0.5}


def test_random_orders_answer_with_the_shares_of_the_gallery():
    rng = np.random.default_rng(0)
    kinds = ["text"] * 60 + ["image"] * 30 + ["audio"] * 10
    ids = rng.permuted(np.tile(np.arange(100), (4000, 1)), axis=1)[:, :20]
    found = share_of_modalities(Run(np.arange(4000), ids, np.zeros(ids.shape)), np.arange(100), kinds, 10)
    for name, share in expected(kinds).items():
        assert found[name].mean() == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: modality_gap([[1.0, 0]], [[1.0, 0, 0]]), "no common space"),
        (lambda: modality_gap([[0.0, 0]], [[1.0, 0]]), "no direction"),
        (lambda: modality_gap([[np.inf, 0]], [[1.0, 0]]), "no direction"),
        (lambda: modality_gap(np.empty((0, 2)), [[1.0, 0]]), "between two sets of vectors"),
        (lambda: share_of_modalities(Run(*[np.zeros((1, 2), int)] * 3), [1, 2], ["text"], 1), "2 ids and 1 modalities"),
        (lambda: share_of_modalities(Run(*[np.zeros((1, 2), int)] * 3), [1], ["text"], 1), "not in the gallery"),
        (lambda: share_of_modalities(Run(*[np.zeros((1, 2), int)] * 3), [1], ["text"], 3), "first 2 answers"),
    ],
)
def test_what_does_not_fit_is_said(call, said):
    with pytest.raises(BadTruth) as raised:
        call()
    assert said in str(raised.value)
