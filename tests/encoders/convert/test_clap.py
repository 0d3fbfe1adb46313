"""A CLAP gives the same tokens and vectors here as in transformers."""

from __future__ import annotations

import os

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import small_clap as small
import torch
import transformers
from small_models import NASTY, unit

from sensorium.core.errors import BadModel
from sensorium.core.types import Audio, Part
from sensorium.encoders.bundle import Bundle
from sensorium.encoders.convert import quantize
from sensorium.encoders.convert.convert import convert
from sensorium.encoders.convert.loading import quietly
from sensorium.encoders.convert.sounds import sample_sounds
from sensorium.encoders.onnx import OnnxEncoder

SAME = 1e-4  # of vectors of length 1
TEXTS = ("a dog barks", "rain on a tin roof, and thunder far away", "the", "", "犬が浜辺を走る。", "ding dong " * 5)
FUSED = {"enable_fusion": True, "fusion_type": "aff_2d"}
LARGER = {"patch_embeds_hidden_size": 128, "depths": [2, 2, 12, 2], "hidden_size": 1024}  # laion/larger_clap_general


class Converted:
    """A bundle, and the model that it was made from as transformers runs it."""

    def __init__(self, source, out, sample, int8=False):
        self.source = source
        self.bundle = convert(source, out, int8=int8, sample=sample)
        self.encoder = OnnxEncoder(self.bundle, precision="float32")
        with quietly():
            self.model = transformers.ClapModel.from_pretrained(source).eval()
            self.processor = transformers.ClapProcessor.from_pretrained(source)

    def text_vectors(self, texts):
        found = self.processor.tokenizer(texts, padding=True, return_tensors="pt")
        with torch.inference_mode():
            return unit(self.model.get_text_features(**found).pooler_output)

    def audio_vectors(self, waves):
        """As the documentation has it, but that a fused model is told the truth: none of these is a longer sound."""
        found = self.processor.feature_extractor(waves, sampling_rate=small.RATE, return_tensors="pt")
        longer = torch.zeros(len(waves), 1, dtype=torch.bool)
        with torch.inference_mode():
            features = found["input_features"].float()
            return unit(self.model.get_audio_features(input_features=features, is_longer=longer).pooler_output)

    def encode(self, modality, contents):
        return unit(self.encoder.encode([Part(modality, content) for content in contents]))


def heard(waves):
    return [Audio(wave, small.RATE) for wave in waves]


def few():
    return [Part("text", text) for text in TEXTS] + sample_sounds(small.RATE, 6)


@pytest.fixture(scope="module")
def clap(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clap")
    return Converted(small.save(folder / "model"), folder / "bundle", few())


@pytest.fixture(scope="module")
def fused(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fused")
    source = small.save(folder / "model", small.model(**FUSED), small.extractor(truncation="fusion"))
    return Converted(source, folder / "bundle", few())


@pytest.fixture(scope="module")
def with_int8(tmp_path_factory):
    folder = tmp_path_factory.mktemp("int8")
    sample = [Part("text", text) for text in TEXTS] + sample_sounds(small.RATE, 34)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantize, "COVERED", (1.0,))  # one of five tries
        return Converted(small.save(folder / "model"), folder / "bundle", sample, int8=True)


def test_sounds_get_the_vectors_of_transformers(clap):
    waves = list(small.waves().values())
    wanted = clap.audio_vectors(waves)

    got = clap.encode("audio", heard(waves))

    assert np.abs(got - wanted).max() < SAME
    assert np.linalg.norm(wanted[0] - wanted[1]) > 0.05, "the model tells nothing apart"


def test_sounds_of_a_fused_model_get_the_vectors_that_it_gives_what_is_not_too_long(fused):
    waves = list(small.waves().values())

    got = fused.encode("audio", heard(waves))

    assert fused.bundle.towers["audio"].settings.scale == "htk"
    assert np.abs(got - fused.audio_vectors(waves)).max() < SAME


def test_texts_get_the_vectors_of_transformers(clap):
    assert np.abs(clap.encode("text", TEXTS) - clap.text_vectors(list(TEXTS))).max() < SAME


@pytest.mark.parametrize("text", NASTY, ids=[f"{number}" for number in range(len(NASTY))])
def test_tokens_are_those_of_transformers_up_to_what_the_model_reads(clap, text):
    most = clap.bundle.towers["text"].settings.max_tokens
    wanted = clap.processor.tokenizer(text)["input_ids"]

    got = clap.encoder.prepare(Part("text", text)).tolist()

    assert most == 64, "66 places, of which RoBERTa uses no two"
    assert got == wanted if len(wanted) <= most else got[: most - 1] == wanted[: most - 1]


def test_a_vector_does_not_depend_on_what_is_encoded_beside_it(clap, with_int8):
    waves = list(small.waves().values())
    for encoder in (clap.encoder, OnnxEncoder(with_int8.bundle, precision="int8")):
        together = encoder.encode([Part("audio", audio) for audio in heard(waves)])
        alone = [encoder.encode([Part("audio", audio)])[0] for audio in heard(waves)]

        assert np.abs(unit(together) - unit(alone)).max() < 1e-5


def test_the_8_bit_form_is_kept_where_it_agrees_and_is_the_same_space_to_a_listener(with_int8):
    form = with_int8.bundle.towers["audio"].int8
    waves = [part.content.samples for part in sample_sounds(small.RATE, 12, seed=9)]

    eight = unit(OnnxEncoder(with_int8.bundle, precision="int8").encode([Part("audio", a) for a in heard(waves)]))

    assert form is not None and form.good
    assert (eight * with_int8.audio_vectors(waves)).sum(axis=1).mean() > 0.99


def test_the_bundle_says_what_is_done_with_long_sounds(clap, fused):
    assert "windows of 10 s" in (clap.bundle.folder / "CARD.md").read_text()
    assert "fusion of such pieces is left out" in (fused.bundle.folder / "CARD.md").read_text()
    assert clap.encoder.limits()["window_seconds"] == 10
    assert clap.encoder.limits()["audio_rate"] == 48_000


def test_a_bundle_opens_again_with_the_same_settings(clap):
    assert Bundle.open(clap.bundle.folder).towers == clap.bundle.towers


def test_the_older_layout_with_a_preprocessor_config_is_read_too(tmp_path, clap):
    model = small.model()
    model.save_pretrained(str(tmp_path / "model"))
    small.tokenizer().save_pretrained(str(tmp_path / "model"))
    small.extractor().save_pretrained(str(tmp_path / "model"))

    bundle = convert(tmp_path / "model", tmp_path / "bundle", int8=False, sample=few())

    assert bundle.towers["audio"].settings == clap.bundle.towers["audio"].settings


def test_a_model_that_pads_with_silence_does_so_here(tmp_path):
    source = small.save(tmp_path / "model", sounds=small.extractor(padding="pad"))
    converted = Converted(source, tmp_path / "bundle", few())
    wave = small.waves()["three times and a bit"]

    assert converted.bundle.towers["audio"].settings.fill == "zero"
    assert np.abs(converted.encode("audio", heard([wave])) - converted.audio_vectors([wave])).max() < SAME


@pytest.mark.parametrize(
    ("audio", "sounds", "why"),
    [
        ({}, {"padding": "repeat"}, "padding 'repeat'"),
        ({}, {"feature_size": 32}, "makes 32 mel bins, and its tower takes 64"),
        ({"window_size": 7}, {}, "windows of 7 do not fit a grid of 64 x 64"),
        ({}, {"max_length_s": 12}, "1201 places, where the model has room for 1024"),
        ({}, {"frequency_max": 24_200}, "low and high must be frequencies"),
    ],
    ids=["padding", "bins", "windows", "seconds", "frequencies"],
)
def test_what_cannot_be_done_alike_is_refused_in_one_line_and_leaves_nothing(tmp_path, audio, sounds, why):
    source = small.save(tmp_path / "model", small.model(**audio), small.extractor(**sounds))

    with pytest.raises(BadModel, match=why) as caught:
        convert(source, tmp_path / "bundle", int8=False, sample=few())

    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_sample_sounds_are_ordinary_sounds_the_same_every_time():
    sounds = [part.content for part in sample_sounds(16_000, 24)]

    assert all(sound.rate == 16_000 and sound.samples.dtype == np.float32 for sound in sounds)
    assert all(2 * 16_000 - 1 <= len(sound.samples) <= 12 * 16_000 for sound in sounds)
    peaks = np.array([np.abs(sound.samples).max() for sound in sounds])
    assert peaks.max() <= 1 and peaks.min() > 0.01 and peaks.std() > 0.05
    again = sample_sounds(16_000, 24)
    assert all(np.array_equal(a.samples, b.content.samples) for a, b in zip(sounds, again, strict=True))


@pytest.mark.skipif(not os.environ.get("SENSORIUM_SLOW"), reason="SENSORIUM_SLOW=1 builds models of true size")
@pytest.mark.parametrize("audio", [{}, LARGER, FUSED], ids=["htsat", "larger", "fused"])
def test_models_of_true_size_give_the_vectors_of_transformers(tmp_path, audio):
    extractor = small.extractor(truncation="fusion" if audio is FUSED else "rand_trunc")
    model = small.model(true_size=True, **audio)
    source = small.save(tmp_path / "model", model, extractor)
    converted = Converted(source, tmp_path / "bundle", few())
    waves = list(small.waves().values())[:6]

    assert converted.bundle.dimension == 512
    assert np.abs(converted.encode("audio", heard(waves)) - converted.audio_vectors(waves)).max() < SAME
    assert np.abs(converted.encode("text", TEXTS) - converted.text_vectors(list(TEXTS))).max() < SAME
