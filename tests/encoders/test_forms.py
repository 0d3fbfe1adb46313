"""What a bundle says of 8-bit forms, and the spaces that follow from it."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from small_towers import GOOD, add_form, count_of_tokens, description

from sensorium.core.errors import BundleDamaged
from sensorium.core.types import Part
from sensorium.encoders.bundle import Bundle, EightBits, write_bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.testing.bundles import tiny_bundle

APART = {"cosine": 0.995, "overlap": 0.96}
GREY = Part("image", np.full((32, 32, 3), 77, np.uint8))


@pytest.fixture
def folder(tmp_path):
    return tiny_bundle(tmp_path / "tiny")


def hashed(described):
    """What names a space, by hand."""
    text = json.dumps(described, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def test_a_bundle_of_format_1_opens_with_the_space_that_it_always_had(folder, fast):
    described = json.loads((folder / "bundle.json").read_text())
    described["format"] = 1
    (folder / "bundle.json").write_text(json.dumps(described))
    bundle = Bundle.open(folder)

    assert all(tower.int8 is None for tower in bundle.towers.values())
    assert bundle.space == hashed(described) and bundle.spaces == {bundle.space: "auto"}
    assert OnnxEncoder(bundle).space == bundle.space
    assert OnnxEncoder(bundle).encode([Part("text", "a dog")]).shape == (1, 16)


def test_new_bundles_have_format_2_and_those_of_the_future_say_what_to_do(folder):
    described = json.loads((folder / "bundle.json").read_text())
    assert described["format"] == 2
    (folder / "bundle.json").write_text(json.dumps({**described, "format": 3}))

    with pytest.raises(BundleDamaged, match=r"has format 3, and this Sensorium reads up to 2: upgrade it with pip"):
        Bundle.open(folder)


def test_a_bundle_says_which_form_it_has(folder):
    bundle = add_form(folder, "text", APART)

    assert bundle.towers["text"].int8 == EightBits("text.int8.onnx", 0.995, 0.96)
    assert bundle.towers["text"].files == ("text.onnx", "text.int8.onnx", "tokenizer.json")
    assert bundle.towers["image"].int8 is None and bundle.towers["image"].files == ("image.onnx",)
    bundle.verify()


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"file": "text.int8.onnx", "cosine": 1.0}, "lacks 'overlap'"),
        ({"cosine": 1.0, "overlap": 1.0}, "lacks 'file'"),
        ({"file": 5, "cosine": 1.0, "overlap": 1.0}, "file must be str"),
        ({"file": "text.int8.onnx", "cosine": "much", "overlap": 1.0}, "could not convert"),
        ({"file": "text.int8.onnx", "cosine": [1], "overlap": 1.0}, "cannot be understood"),
        ({"file": "other.onnx", "cosine": 1.0, "overlap": 1.0}, "other.onnx has no hash"),
        (["text.int8.onnx"], "cannot be understood"),
        ("text.int8.onnx", "cannot be understood"),
    ],
)
def test_a_form_that_makes_no_sense_is_refused_with_the_reason(folder, form, said):
    add_form(folder, "text", GOOD)
    described = json.loads((folder / "bundle.json").read_text())
    described["towers"]["text"]["int8"] = form
    (folder / "bundle.json").write_text(json.dumps(described))

    with pytest.raises(BundleDamaged) as caught:
        Bundle.open(folder)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_form_is_named_when_the_bundle_is_opened(folder):
    add_form(folder, "text", GOOD)
    (folder / "text.int8.onnx").unlink()

    with pytest.raises(BundleDamaged, match=r"text\.int8\.onnx is missing"):
        Bundle.open(folder)


def test_an_altered_form_is_never_used_and_the_tower_goes_on(folder):
    bundle = add_form(folder, "image", GOOD)
    (folder / "image.int8.onnx").write_bytes((folder / "image.int8.onnx").read_bytes() + b" ")

    with pytest.raises(BundleDamaged, match=r"image\.int8\.onnx is not the file that was packed"):
        OnnxEncoder(bundle, precision="int8").encode([GREY])
    assert OnnxEncoder(bundle, precision="float32").encode([GREY]).shape == (1, 16)


def test_a_form_that_cannot_be_loaded_is_named(folder):
    add_form(folder, "image", GOOD)
    (folder / "image.int8.onnx").write_bytes(b"not a network")
    bundle = write_bundle(folder, description(folder))

    with pytest.raises(BundleDamaged, match=r"image\.int8\.onnx .* cannot be loaded by ONNX Runtime"):
        OnnxEncoder(bundle, precision="int8").encode([GREY])


@pytest.mark.parametrize(
    ("forms", "apart"),
    [
        ({}, False),
        ({"image": (0.999, 0.96)}, False),
        ({"image": (0.9989, 0.96)}, True),
        ({"text": (0.9999, 0.99), "image": (0.9999, 0.99)}, False),
        ({"text": (0.9999, 0.99), "image": (0.992, 0.99)}, True),
        ({"text": (0.98, 0.99), "image": (0.9999, 0.99)}, False),  # the text's is not used
        ({"text": (0.995, 0.9)}, False),
    ],
)
def test_8_bits_make_a_space_of_their_own_where_vectors_differ_by_much(folder, fast, forms, apart):
    bundle = Bundle.open(folder)
    for modality, (cosine, overlap) in forms.items():
        bundle = add_form(folder, modality, {"cosine": cosine, "overlap": overlap})
    own, eight = bundle.space, f"{bundle.space}-int8" if apart else bundle.space

    assert bundle.space_of("float32") == own and bundle.space_of("int8") == eight
    assert bundle.spaces == ({own: "float32", eight: "int8"} if apart else {own: "auto"})
    assert OnnxEncoder(bundle, precision="float32").space == own
    assert OnnxEncoder(bundle, precision="int8").space == eight
    assert OnnxEncoder(bundle).space == (eight if fast else own)


def test_each_space_is_opened_at_the_precision_that_makes_its_vectors(folder, fast):
    for said in (GOOD, APART):
        bundle = add_form(folder, "image", said)
        for space, precision in bundle.spaces.items():
            assert OnnxEncoder(bundle, precision=precision).space == space


def test_the_space_changes_with_the_form(folder):
    plain = Bundle.open(folder).space
    one = add_form(folder, "text", GOOD).space
    other = add_form(folder, "text", GOOD, reach=count_of_tokens(16)).space

    assert len({plain, one, other}) == 3
