"""Labels and probabilities are measured as scikit-learn does, on random ones with ties."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as theirs

from sensorium.metrics import calibration, labels


@pytest.mark.parametrize("seed", range(100))
def test_labels_and_probabilities_agree_to_1e_9(seed):
    rng = np.random.default_rng(seed)
    count, classes = int(rng.integers(20, 200)), int(rng.integers(3, 9))
    truth = np.append(np.arange(classes), rng.integers(0, classes, count - classes))
    scores = rng.random((count, classes))
    matrix = labels.confusion(truth, scores.argmax(1), classes)
    assert (matrix == theirs.confusion_matrix(truth, scores.argmax(1), labels=range(classes))).all()
    for k in range(1, classes):
        expected = theirs.top_k_accuracy_score(truth, scores, k=k, labels=range(classes))
        assert labels.among_best(scores, truth, k).mean() == pytest.approx(expected, abs=1e-9)
    balanced = theirs.balanced_accuracy_score(truth, scores.argmax(1))
    assert labels.per_class_accuracy(matrix).mean() == pytest.approx(balanced, abs=1e-9)
    said = rng.integers(0, 21, count) / 20
    came = np.append([0, 1], rng.random(count - 2) < said[2:]).astype(int)
    assert calibration.auc(said, came) == pytest.approx(theirs.roc_auc_score(came, said), abs=1e-9)
    assert calibration.brier(said, came) == pytest.approx(theirs.brier_score_loss(came, said), abs=1e-9)


@pytest.mark.parametrize("seed", range(30))
def test_the_calibration_error_is_that_of_a_loop(seed):
    """scikit-learn has none. A bin holds its upper edge, the first also 0."""
    rng = np.random.default_rng(seed)
    said, bins = rng.integers(0, 41, 300) / 40, int(rng.integers(1, 15))
    came = rng.random(300) < said**2
    total = 0.0
    edges = np.linspace(0, 1, bins + 1)
    for at in range(bins):
        inside = (said > edges[at]) & (said <= edges[at + 1]) | ((said == 0) & (at == 0))
        if inside.any():
            total += inside.sum() / 300 * abs(said[inside].mean() - came[inside].mean())
    assert calibration.expected_calibration_error(said, came, bins) == pytest.approx(total, abs=1e-9)
