"""Dual encoders of transformers give the same tokens, pixels and vectors here as there."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import small_models as small
import torch
import transformers

from sensorium.core.types import Part
from sensorium.encoders.bundle import Bundle
from sensorium.encoders.convert.convert import convert
from sensorium.encoders.convert.loading import quietly
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.encoders.pixels import normalized

MAKERS = {
    "clip": small.clip,
    "chinese_clip": small.chinese_clip,
    "siglip": small.siglip,
    "siglip, filled on the left": lambda folder: small.siglip(folder, "left"),
    "the first siglip": small.first_siglip,
}
every = pytest.mark.parametrize("kind", MAKERS)
SAME, PIXEL = 1e-4, 1 / 255  # of vectors of length 1; of pixels between 0 and 1


class Converted:
    """A bundle, and the model that it was made from as transformers runs it."""

    def __init__(self, kind, folder):
        self.source = MAKERS[kind](folder / kind)
        sample = [Part("text", text) for text in small.NASTY[:12]] + [Part("image", p) for p in small.pictures(1)]
        self.encoder = OnnxEncoder(
            convert(self.source, folder / f"{kind}.bundle", int8=False, sample=sample), precision="float32"
        )
        with quietly():
            self.model = transformers.AutoModel.from_pretrained(self.source).eval()
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(self.source)
            self.pixels = transformers.AutoImageProcessor.from_pretrained(self.source, use_fast=False)

    @property
    def text(self):
        return self.encoder.bundle.towers["text"].settings

    @property
    def image(self):
        return self.encoder.bundle.towers["image"].settings

    def tokens(self, texts, **more):
        """As the model's documentation has it: texts of a batch filled up to the longest, SigLIP's to 64 tokens."""
        padding = {"padding": "max_length"} if self.text.pad_to else {"padding": True}
        found = self.tokenizer(
            texts, truncation=True, max_length=self.text.max_tokens, return_tensors="pt", **padding, **more
        )
        if self.text.pad_to:
            found.pop("attention_mask", None)
        return found

    def text_vectors(self, texts):
        with torch.inference_mode():
            return small.unit(self.model.get_text_features(**self.tokens(texts)).pooler_output)

    def image_vectors(self, pictures):
        seen = self.pixels(pictures, return_tensors="pt", input_data_format="channels_last")
        with torch.inference_mode():
            return small.unit(self.model.get_image_features(**seen).pooler_output)

    def encode(self, modality, contents):
        return small.unit(self.encoder.encode([Part(modality, content) for content in contents]))


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    made = {}

    def get(kind):
        if kind not in made:
            made[kind] = Converted(kind, tmp_path_factory.mktemp("models"))
        return made[kind]

    return get


@every
def test_pictures_have_the_vectors_of_transformers(converted, kind):
    found, pictures = converted(kind), small.pictures()

    got, wanted = found.encode("image", pictures), found.image_vectors(pictures)

    assert np.abs(got - wanted).max() < SAME
    assert np.abs(wanted[0] - wanted[1]).max() > 100 * SAME  # different pictures have different vectors


@every
@pytest.mark.parametrize("number", range(len(small.pictures())))
def test_pixels_are_those_of_the_reference_processor(converted, kind, number):
    found, picture = converted(kind), small.pictures()[number]
    std = np.array(found.image.std, np.float32)[:, None, None]

    got = normalized([found.encoder.prepare(Part("image", picture))], found.image)
    wanted = found.pixels([picture], return_tensors="np", input_data_format="channels_last")["pixel_values"]

    assert np.abs((got - wanted) * std).max() < PIXEL / 2


@every
@pytest.mark.parametrize("text", small.NASTY, ids=range(len(small.NASTY)))
def test_tokens_are_those_of_transformers(converted, kind, text):
    if kind == "the first siglip" and "</s>" in text:
        text = text.replace("</s>", "")  # what stands behind one that is written out gets a blank here
    found = converted(kind)

    wanted = found.tokens([text])["input_ids"][0].tolist()
    got = found.encoder.prepare(Part("text", text)).tolist()

    if (
        len(got) > found.text.max_tokens
    ):  # what lies beyond is not cut here: the first window is what transformers keeps
        got = got[: found.text.max_tokens]
    filled = [found.text.pad_id] * (found.text.pad_to - len(got)) if found.text.pad_to else []
    assert (filled + got if "left" in kind else got + filled) == wanted


@every
def test_texts_have_the_vectors_of_transformers_in_any_batch(converted, kind):
    found = converted(kind)
    texts = [
        text
        for text in small.NASTY
        if "</s>" not in text and len(found.encoder.prepare(Part("text", text))) <= found.text.max_tokens
    ]

    got, wanted = found.encode("text", texts), found.text_vectors(texts)

    assert len(texts) > 15
    assert np.abs(got - wanted).max() < SAME
    assert np.abs(wanted[0] - wanted[5]).max() > 100 * SAME


@every
def test_a_long_text_is_the_mean_of_its_windows(converted, kind):
    """Windows are what transformers makes of consecutive tokens with special ones around; each weighs its tokens."""
    found = converted(kind)
    words = " ".join(["the dog and a dog of thing", "犬が浜辺", "3.14 or four"] * 15)
    most, special = found.text.max_tokens, found.tokenizer.num_special_tokens_to_add()
    whole = found.tokenizer(words, add_special_tokens=False)["input_ids"]
    chunks = [whole[at : at + most - special] for at in range(0, len(whole), most - special)]
    assert len(chunks) > 2
    vectors, weights = [], []
    with torch.inference_mode():
        for chunk in chunks:
            start, end = found.tokenizer("")["input_ids"][: special - 1], found.tokenizer("")["input_ids"][-1:]
            ids = torch.tensor([[*start, *chunk, *end]])
            weights.append(ids.shape[1])
            if found.text.pad_to:
                lacks = most - ids.shape[1]
                ids = torch.nn.functional.pad(
                    ids, (lacks, 0) if "left" in kind else (0, lacks), value=found.text.pad_id
                )
            vectors.append(small.unit(found.model.get_text_features(input_ids=ids).pooler_output)[0])

    got = found.encode("text", ["short", words])[1]

    wanted = small.unit(np.average(vectors, axis=0, weights=weights)[None])[0]
    assert np.abs(got - wanted).max() < SAME
    assert np.abs(got - vectors[0]).max() > 10 * SAME


def test_a_huge_text_is_read_to_its_thirty_second_window(converted):
    found = converted("clip")
    tokens = found.encoder.prepare(Part("text", "dog " * 200_000))

    assert len(tokens) == 32 * 77
    assert np.isfinite(found.encoder.embed("text", [tokens])).all()


@every
def test_the_bundle_says_what_transformers_does(converted, kind):
    found = converted(kind)
    bundle = found.encoder.bundle

    assert bundle.modalities == ("text", "image")
    assert bundle.dimension == found.text_vectors(["x"]).shape[1]
    assert found.text.beyond == "window"
    assert set(bundle.calibration) == {"text-text", "text-image", "image-text", "image-image"}
    assert sorted(bundle.files) == ["CARD.md", "image.onnx", "text.onnx", "tokenizer.json"]
    bundle.verify()


def test_the_same_model_makes_the_same_space(converted, tmp_path):
    found = converted("clip")
    sample = [Part("text", text) for text in small.NASTY[:12]] + [Part("image", p) for p in small.pictures(1)]

    again = convert(found.source, tmp_path / "again", int8=False, sample=sample)

    assert again.space == found.encoder.space
    assert Bundle.open(tmp_path / "again").space == again.space


def test_clips_older_settings_of_pictures_are_understood(converted, tmp_path):
    """`size` and `crop_size` as numbers, as OpenAI's CLIP has them."""
    folder = tmp_path / "old"
    small.clip(folder)
    before = json.loads((folder / "preprocessor_config.json").read_text())
    older = {
        "crop_size": 32, "do_center_crop": True, "do_normalize": True, "do_resize": True, "resample": 3, "size": 32,
        "feature_extractor_type": "CLIPFeatureExtractor",
        **{name: before[name] for name in ("image_mean", "image_std")},
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(older))

    bundle = convert(folder, tmp_path / "b", int8=False, sample=[Part("text", "a dog"), Part("text", "two dogs")])

    assert bundle.towers["image"].settings == converted("clip").image
