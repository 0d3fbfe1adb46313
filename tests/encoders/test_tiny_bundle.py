"""What tests of other packages lean on when they use a tiny bundle."""

from __future__ import annotations

import numpy as np

from sensorium.core.types import Part
from sensorium.encoders.bundle import Bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.testing.bundles import tiny_bundle


def test_dimension_seed_modalities_and_name_make_the_bundle(tmp_path):
    first = Bundle.open(tiny_bundle(tmp_path / "a"))
    wide = Bundle.open(tiny_bundle(tmp_path / "b", dimension=48))
    other = Bundle.open(tiny_bundle(tmp_path / "c", seed=1))
    text = Bundle.open(tiny_bundle(tmp_path / "d", modalities=["text"], name="words"))

    assert len({first.space, wide.space, other.space, text.space}) == 4
    assert wide.dimension == 48
    assert (text.name, text.modalities, sorted(text.files)) == (
        "words",
        ("text",),
        ["CARD.md", "text.onnx", "tokenizer.json"],
    )


def test_making_it_twice_in_one_place_is_the_same_bundle(tmp_path):
    space = Bundle.open(tiny_bundle(tmp_path / "new/deep")).space

    assert Bundle.open(tiny_bundle(tmp_path / "new/deep")).space == space


def test_each_seed_sees_otherwise(tmp_path):
    parts = [Part("text", "a dog on the beach")]
    one, other = (OnnxEncoder(Bundle.open(tiny_bundle(tmp_path / str(s), seed=s))).encode(parts)[0] for s in (0, 1))

    assert not np.allclose(one, other, atol=0.1)


def test_texts_of_the_same_letters_differ(tmp_path):
    encoder = OnnxEncoder(Bundle.open(tiny_bundle(tmp_path / "tiny")))
    vectors = encoder.encode([Part("text", text) for text in ("dog", "god", "dog.", "Dog")])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    assert vectors[0] @ vectors[1] < 0.99
    assert vectors[0] @ vectors[2] < 0.999
    np.testing.assert_array_equal(vectors[0], vectors[3])
