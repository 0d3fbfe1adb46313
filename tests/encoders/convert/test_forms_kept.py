"""A converted tower has an 8-bit form only where the form is good, and says how good it is."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import onnx
import small_models as small
from small_towers import each, needs_int8, numbers, product_tower

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


class News:
    """A `Progress` that keeps what it hears: of each stage what it is, how much there is and how much was done."""

    def __init__(self):
        self.stages, self.running = [], False

    def start(self, what, total):
        assert not self.running
        self.stages.append([what, total, 0])
        self.running = True

    def advance(self, done=1, *, skipped=0):
        assert self.running
        self.stages[-1][2] += done

    def finish(self):
        self.running = False


@needs_int8
def test_each_stage_says_how_far_it_is(source, tmp_path):
    news = News()

    convert(source, tmp_path / "b", sample=SAMPLE, progress=news)

    (writing, comparing, trying, judging) = news.stages
    assert writing == ["writing ONNX", None, 1]
    assert comparing == ["text tower: comparing with the original", 80, 80]
    assert trying[:2] == ["text tower: trying scales of 8 bits", quantize.TRIALS] and 1 <= trying[2] <= quantize.TRIALS
    assert judging == ["text tower: comparing its 8-bit form", 40, 40]
    assert not news.running


def test_both_towers_of_a_pair_have_their_stages(tmp_path):
    news, sample = News(), [*SAMPLE[:6], *sample_pictures(6)]

    convert(small.clip(tmp_path / "clip"), tmp_path / "b", int8=False, sample=sample, progress=news)

    assert [stage[0] for stage in news.stages] == [
        "writing ONNX", "text tower: comparing with the original", "image tower: comparing with the original",
    ]  # fmt: skip
    assert [stage[2] for stage in news.stages] == [2, 6, 6]


def test_the_tower_itself_runs_once_over_the_rows_of_its_scales(tmp_path, monkeypatch):
    """However many scales are tried."""
    seen, real = [], quantize.observe

    def observe(tower, rows, *more, **options):
        seen.append(len(rows))
        return real(tower, rows, *more, **options)

    monkeypatch.setattr(quantize, "observe", observe)
    monkeypatch.setattr(quantize, "ENOUGH", 2.0)
    news = News()
    quantize.quantize(product_tower(tmp_path / "t.onnx"), tmp_path / "f.onnx", each(numbers(80, 1)), news)

    assert seen == [80] and news.stages[0][2] > 2


def test_what_is_known_of_the_licence_goes_into_the_bundle_and_its_card(source, tmp_path):
    (source / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n")

    told = convert(source, tmp_path / "told", int8=False, sample=SAMPLE[:6], licence="MIT")
    own = convert(source, tmp_path / "own", int8=False, sample=SAMPLE[:6])

    assert (told.licence, own.licence) == ("MIT", "cc-by-4.0")
    assert "Licence, as Sensorium's catalog says: MIT." in (told.folder / "CARD.md").read_text()
    assert "Licence, as its source says: cc-by-4.0." in (own.folder / "CARD.md").read_text()


def test_the_card_says_what_the_scales_are_from_and_how_large_each_tower_is(tmp_path):
    source = small.clip(tmp_path / "clip")
    asked = []

    def sample(wanted, modalities):
        asked.append((wanted, modalities))
        return SAMPLE[:7]

    bundle = convert(source, tmp_path / "b", int8=False, sample=sample)

    assert asked == [({"image_side": bundle.towers["image"].settings.side}, ("text", "image"))]
    card = (bundle.folder / "CARD.md").read_text()
    assert "from a sample: 7 texts (given with --sample), 128 pictures (Sensorium's own)." in card
    said = [line.removeprefix("- ").split(": ") for line in card.splitlines() if line.startswith("- ")]
    sizes = {modality: float(words.split()[0]) for modality, words in said}
    for modality, size in sizes.items():
        weights = onnx.load(str(bundle.folder / f"{modality}.onnx")).graph.initializer
        assert size == pytest.approx(sum(np.prod(tensor.dims) for tensor in weights) / 1e6, abs=0.1)
    assert set(sizes) == {"text", "image"}


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
