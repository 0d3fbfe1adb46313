"""OpenCLIP's folders give what the same weights give in transformers, which has them under other names."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import small_models as small
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file

from sensorium.core.errors import BadModel
from sensorium.core.types import Part
from sensorium.encoders.convert.convert import convert
from sensorium.encoders.convert.loading import quietly
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.encoders.pixels import normalized

SAME = 1e-4
PICTURES = small.pictures()
SAMPLE = [Part("text", text) for text in small.NASTY[:10]] + [Part("image", picture) for picture in small.pictures(1)]
MEAN, STD = (0.4, 0.45, 0.5), (0.2, 0.25, 0.3)
HEAD = 16


def renamed(model, prefix=""):
    """The weights of transformers' CLIP under OpenCLIP's names (`CLIP`, or with `text.` those of `CustomTextCLIP`)."""
    from_, found = model.state_dict(), {"logit_scale": torch.tensor(1.0)}
    for ours, theirs, proj in (
        ("text_model", prefix, "text_projection"),
        ("vision_model", "visual.", "visual_projection"),
    ):
        for layer in range(2):
            a, b = f"{ours}.encoder.layers.{layer}.", f"{theirs}transformer.resblocks.{layer}."
            for p in ("weight", "bias"):
                found[f"{b}attn.in_proj_{p}"] = torch.cat([from_[f"{a}self_attn.{n}_proj.{p}"] for n in "qkv"])
                found[f"{b}attn.out_proj.{p}"] = from_[f"{a}self_attn.out_proj.{p}"]
                found[f"{b}ln_1.{p}"], found[f"{b}ln_2.{p}"] = (from_[f"{a}layer_norm{i}.{p}"] for i in (1, 2))
                found[f"{b}mlp.c_fc.{p}"], found[f"{b}mlp.c_proj.{p}"] = (from_[f"{a}mlp.fc{i}.{p}"] for i in (1, 2))
        found[f"{theirs}{'text_projection' if proj == 'text_projection' else 'proj'}"] = from_[f"{proj}.weight"].T
    for p in ("weight", "bias"):
        found[f"{prefix}ln_final.{p}"] = from_[f"text_model.final_layer_norm.{p}"]
        found[f"visual.ln_pre.{p}"] = from_[f"vision_model.pre_layrnorm.{p}"]
        found[f"visual.ln_post.{p}"] = from_[f"vision_model.post_layernorm.{p}"]
    found[f"{prefix}token_embedding.weight"] = from_["text_model.embeddings.token_embedding.weight"]
    found[f"{prefix}positional_embedding"] = from_["text_model.embeddings.position_embedding.weight"]
    found["visual.conv1.weight"] = from_["vision_model.embeddings.patch_embedding.weight"]
    found["visual.class_embedding"] = from_["vision_model.embeddings.class_embedding"]
    found["visual.positional_embedding"] = from_["vision_model.embeddings.position_embedding.weight"]
    return {name: values.clone().contiguous() for name, values in found.items()}


def openclip(folder, act="quick_gelu", prefix="", **changes):
    """A folder as OpenCLIP writes it, and the same model of transformers."""
    with quietly():
        source = small.clip(folder / "transformers", hidden_act=act, num_attention_heads=2)
        model = transformers.AutoModel.from_pretrained(source).eval()
        for module in (model.text_model if act == "gelu" else torch.nn.Module()).modules():
            if hasattr(module, "activation_fn"):
                module.activation_fn = torch.nn.GELU()
    out = folder / "openclip"
    out.mkdir()
    save_file(renamed(model, prefix), out / "open_clip_model.safetensors")
    tokenizer = small.clip_tokenizer()
    tokenizer.save_pretrained(out)
    model_cfg = {
        "embed_dim": small.WIDTH, "quick_gelu": act == "quick_gelu",
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": HEAD, "patch_size": 8},
        "text_cfg": {"context_length": 77, "vocab_size": len(tokenizer), "width": 32, "heads": 4, "layers": 2},
    }  # fmt: skip
    for name, value in changes.items():
        part, _, key = name.partition("__")
        model_cfg[part][key] = value
    said = {"model_cfg": model_cfg, "preprocess_cfg": {"mean": MEAN, "std": STD}}
    (out / "open_clip_config.json").write_text(json.dumps(said))
    return out, model, tokenizer


@pytest.mark.parametrize(("act", "prefix"), [("quick_gelu", ""), ("gelu", ""), ("quick_gelu", "text.")])
def test_vectors_are_those_of_transformers(tmp_path, act, prefix):
    source, model, tokenizer = openclip(tmp_path, act, prefix)

    bundle = convert(source, tmp_path / "b", int8=False, sample=SAMPLE)

    encoder = OnnxEncoder(bundle, precision="float32")
    texts = [text for text in small.NASTY if len(encoder.prepare(Part("text", text))) <= 77]
    with quietly(), torch.inference_mode():
        seen = tokenizer(texts, padding=True, return_tensors="pt")
        wanted = small.unit(model.get_text_features(**seen).pooler_output)
        shown = normalized([encoder.prepare(Part("image", p)) for p in PICTURES], bundle.towers["image"].settings)
        wanted_images = small.unit(model.get_image_features(pixel_values=torch.from_numpy(shown)).pooler_output)
    got = small.unit(encoder.encode([Part("text", text) for text in texts]))
    got_images = small.unit(encoder.encode([Part("image", picture) for picture in PICTURES]))
    assert np.abs(got - wanted).max() < SAME
    assert np.abs(got_images - wanted_images).max() < SAME
    assert np.abs(wanted[0] - wanted[5]).max() > 100 * SAME < np.abs(wanted_images[0] - wanted_images[1]).max()


def test_pixels_are_those_of_torchvision(tmp_path):
    """`Resize(32, bicubic)`, `CenterCrop(32)` (which rounds to even numbers), `ToTensor`, `Normalize`."""
    source, _, _ = openclip(tmp_path)

    bundle = convert(source, tmp_path / "b", int8=False, sample=SAMPLE)

    encoder, settings = OnnxEncoder(bundle), bundle.towers["image"].settings
    for picture in PICTURES:
        image = Image.fromarray(picture)
        width, height = image.size
        size = (32, int(32 * height / width)) if width <= height else (int(32 * width / height), 32)
        image = image.resize(size, Image.Resampling.BICUBIC)
        left, top = round((size[0] - 32) / 2.0), round((size[1] - 32) / 2.0)
        wanted = (np.asarray(image.crop((left, top, left + 32, top + 32))) / 255 - MEAN) / STD
        got = normalized([encoder.prepare(Part("image", picture))], settings)[0].transpose(1, 2, 0)
        assert np.abs((got - wanted) * STD).max() < 1 / 510


def xlm(folder):
    """OpenCLIP's multilingual kind: XLM-RoBERTa's mean, projected twice."""
    source, model, _ = openclip(folder, "gelu", "text.")
    for path in source.glob("*tok*"):
        path.unlink()
    (source / "vocab.json").unlink(missing_ok=True)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=small.unigram(ends="<s> $A </s>"), pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    tokenizer.save_pretrained(source)
    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 1}
    config = transformers.XLMRobertaConfig(
        **sizes,
        vocab_size=len(tokenizer),
        max_position_embeddings=90,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        pad_token_id=1,
    )
    text = transformers.XLMRobertaModel(config, add_pooling_layer=False).eval()
    proj = torch.nn.Sequential(
        torch.nn.Linear(64, 40, bias=False), torch.nn.GELU(), torch.nn.Linear(40, small.WIDTH, bias=False)
    )
    weights = {k: v for k, v in load_file(source / "open_clip_model.safetensors").items() if not k.startswith("text.")}
    weights |= {f"text.transformer.{name}": values.clone() for name, values in text.state_dict().items()}
    weights |= {f"text.proj.{name}": values.clone() for name, values in proj.state_dict().items()}
    save_file(weights, source / "open_clip_model.safetensors")
    said = json.loads((source / "open_clip_config.json").read_text())
    said["model_cfg"]["text_cfg"] = {
        "hf_model_name": "xlm-roberta-base", "hf_tokenizer_name": "xlm-roberta-base", "hf_proj_type": "mlp",
        "hf_pooler_type": "mean_pooler",
    }  # fmt: skip
    (source / "open_clip_config.json").write_text(json.dumps(said))
    del model
    return source, tokenizer, text, proj


def test_a_multilingual_text_tower(tmp_path):
    source, tokenizer, text, proj = xlm(tmp_path)

    bundle = convert(source, tmp_path / "b", int8=False, sample=SAMPLE)

    encoder = OnnxEncoder(bundle, precision="float32")
    texts = [said for said in small.NASTY if len(encoder.prepare(Part("text", said))) <= 77]
    seen = tokenizer(texts, padding=True, return_tensors="pt")
    seen.pop("token_type_ids", None)
    with torch.inference_mode():
        tokens, mask = text(**seen).last_hidden_state, seen["attention_mask"][..., None]
        wanted = small.unit(proj((tokens * mask).sum(1) / mask.sum(1)))
    assert bundle.towers["text"].settings.max_tokens == 77
    assert np.abs(small.unit(encoder.encode([Part("text", said) for said in texts])) - wanted).max() < SAME


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"vision_cfg__timm_model_name": "vit_large"}, "timm_model_name"),
        ({"vision_cfg__attentional_pool": True}, "attentional_pool"),
        ({"vision_cfg__pool_type": "avg"}, "pool_type 'avg'"),
        ({"text_cfg__no_causal_mask": True}, "no_causal_mask"),
        ({"text_cfg__pool_type": "last"}, "pool_type 'last'"),
        ({"vision_cfg__image_size": 64}, "pictures of 32 x 32, not 64"),
    ],
)
def test_what_is_not_built_here_is_refused(tmp_path, changes, why):
    source, _, _ = openclip(tmp_path, **changes)

    with pytest.raises(BadModel) as said:
        convert(source, tmp_path / "b", int8=False)

    assert why in str(said.value)
    assert "\n" not in str(said.value)
    assert not list(tmp_path.glob("b*"))


def test_a_tokenizer_that_ends_texts_otherwise_is_refused(tmp_path):
    source, _, _ = openclip(tmp_path)
    for path in source.glob("*tok*"):
        path.unlink()
    transformers.PreTrainedTokenizerFast(tokenizer_object=small.unigram()).save_pretrained(source)

    with pytest.raises(BadModel, match="ends a text with token 2"):
        convert(source, tmp_path / "b", int8=False)


def test_a_weight_that_would_be_left_out_is_refused(tmp_path):
    source, _, _ = openclip(tmp_path)
    path = source / "open_clip_model.safetensors"
    save_file({**load_file(path), "text_decoder.weight": torch.ones(3)}, path)

    with pytest.raises(BadModel, match=r"text_decoder\.weight, which a plain CLIP has not"):
        convert(source, tmp_path / "b", int8=False)
