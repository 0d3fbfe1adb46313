"""A text beyond what its tower reads has the mean vector of its windows, whatever else is in the batch."""

from __future__ import annotations

import numpy as np
import pytest
from small_towers import add_form, count_of_tokens, description

from sensorium.core.types import Part
from sensorium.encoders.bundle import Bundle, write_bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.testing.bundles import MAX_TOKENS, tiny_bundle

INSIDE = MAX_TOKENS - 2  # letters of a full window
LONG = "the-quick-brown-fox-jumps-over-the-lazy-dog-and-the-rest-of-the-pack-of-wolves"


@pytest.fixture
def folder(tmp_path):
    folder = tiny_bundle(tmp_path / "tiny", modalities=("text",))
    described = description(folder)
    described["towers"]["text"]["beyond"] = "window"
    write_bundle(folder, described)
    return folder


def encode(folder, *texts, **more):
    return OnnxEncoder(Bundle.open(folder), threads=1, **more).encode([Part("text", text) for text in texts])


def unit(vector):
    return vector / np.linalg.norm(vector)


def by_hand(folder, text):
    """Each window is encoded as a text of its own: tokens are bytes, so that a text can be cut anywhere."""
    parts = [text[at : at + INSIDE] for at in range(0, len(text), INSIDE)]
    weights = [len(part) + 2 for part in parts]
    return np.average([unit(vector) for vector in encode(folder, *parts)], axis=0, weights=weights)


def test_a_long_text_is_the_mean_of_its_windows(folder):
    assert len(LONG) > 2 * INSIDE

    np.testing.assert_allclose(encode(folder, LONG)[0], by_hand(folder, LONG), atol=1e-5)


def test_a_short_texts_vector_is_the_towers_own(folder, tmp_path):
    cut = tiny_bundle(tmp_path / "cut", modalities=("text",))

    np.testing.assert_array_equal(encode(folder, "a dog"), encode(cut, "a dog"))
    assert np.abs(encode(folder, LONG) - encode(cut, LONG)).max() > 0.01


def test_neither_batch_mates_nor_their_order_change_a_vector(folder):
    texts = ["a dog", LONG, "", LONG[:INSIDE], LONG[: INSIDE + 1], LONG * 3, "b"]

    together, backwards = encode(folder, *texts), encode(folder, *texts[::-1])[::-1]

    np.testing.assert_allclose(together, np.concatenate([encode(folder, text) for text in texts]), atol=1e-5)
    np.testing.assert_allclose(together, backwards, atol=1e-5)


@pytest.mark.usefixtures("fast")
def test_a_window_that_an_8_bit_form_clips_is_encoded_by_the_tower(folder):
    """The form's vectors point the other way; its full windows are at the end of their scale."""
    add_form(folder, "text", {"cosine": 0.9999, "overlap": 0.99}, reach=count_of_tokens(MAX_TOKENS))
    full, rest = unit(encode(folder, LONG[:INSIDE], precision="float32")[0]), LONG[INSIDE : INSIDE + 9]
    own = encode(folder, LONG[: INSIDE + 9], precision="float32")[0]

    eight = encode(folder, LONG[: INSIDE + 9], precision="int8")[0]

    weights = np.array([MAX_TOKENS, len(rest) + 2]) / (MAX_TOKENS + len(rest) + 2)
    np.testing.assert_allclose(eight, 2 * weights[0] * full - own, atol=1e-4)
