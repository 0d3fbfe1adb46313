"""A converted tower has an 8-bit form only where the form is good, and says how good it is."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import small_models as small
from small_towers import needs_int8

from sensorium.core.types import Part
from sensorium.encoders.convert import quantize
from sensorium.encoders.convert.convert import convert
from sensorium.encoders.convert.forms import calibrations
from sensorium.encoders.convert.samples import sample_pictures, sample_texts
from sensorium.encoders.onnx import OnnxEncoder

SAMPLE = sample_texts(80)


@pytest.fixture
def source(tmp_path):
    return small.text_encoder(tmp_path / "bert", "bert")


@needs_int8
def test_a_good_form_is_kept_and_used(source, tmp_path):
    bundle = convert(source, tmp_path / "b", sample=SAMPLE)

    form = bundle.towers["text"].int8
    assert form is not None and form.good
    bundle.verify()
    texts = [Part("text", text) for text in ("a dog on the beach", "interest rates", "soup with potatoes")]
    eight, own = (small.unit(OnnxEncoder(bundle, precision=p).encode(texts)) for p in ("int8", "float32"))
    assert (eight * own).sum(1).min() > 0.98
    assert np.abs(eight - own).max() > 1e-6


@needs_int8
@pytest.mark.parametrize("found", [quantize.Agreement(0.9899, 1.0), quantize.Agreement(0.9999, 0.9499)])
def test_a_form_that_is_not_good_is_not_kept(source, tmp_path, monkeypatch, found):
    monkeypatch.setattr(quantize, "agreement", lambda *_: found)

    bundle = convert(source, tmp_path / "b", sample=SAMPLE)

    assert bundle.towers["text"].int8 is None
    assert sorted(bundle.files) == ["CARD.md", "text.onnx", "tokenizer.json"]
    assert not (bundle.folder / "text.int8.onnx").exists()


def test_few_rows_make_no_form(source, tmp_path):
    assert convert(source, tmp_path / "b", sample=SAMPLE[:20]).towers["text"].int8 is None


def test_calibration_worked_by_hand():
    texts = np.array([[1, 0], [0, 2]], np.float32)
    pictures = np.array([[3, 0], [1, 1]], np.float32)

    found = calibrations({"text": texts, "image": pictures})

    half = 0.5**0.5
    assert found["text-text"]["mean"] == 0.0
    assert found["image-image"]["mean"] == round(half, 4)
    across = [1, half, 0, half]
    assert found["text-image"] == found["image-text"] == {
        "mean": round(float(np.mean(across)), 4), "std": round(float(np.std(across)), 4),
    }  # fmt: skip


def test_samples_are_alike_each_time_and_unlike_each_other():
    texts, pictures = sample_texts(), sample_pictures(6)

    assert [part.content for part in texts] == [part.content for part in sample_texts()]
    assert len({part.content for part in texts}) > 100
    for one, again in zip(pictures, sample_pictures(6), strict=True):
        np.testing.assert_array_equal(one.content, again.content)
        assert one.content.dtype == np.uint8 and one.content.shape == (256, 256, 3)
    assert np.std([part.content.mean() for part in pictures]) > 5
