"""Vision encoders of transformers and of timm give the vectors and pixels of their own libraries."""

from __future__ import annotations

import json
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
SAMPLE = [Part("image", picture) for picture in small.pictures(1)]
REAL = "vit_tiny_patch16_224"


def vectors(bundle):
    encoder = OnnxEncoder(bundle, precision="float32")
    return small.unit(encoder.encode([Part("image", picture) for picture in PICTURES]))


def pixels(bundle):
    encoder = OnnxEncoder(bundle, precision="float32")
    return normalized(
        [encoder.prepare(Part("image", picture)) for picture in PICTURES], bundle.towers["image"].settings
    )


def vit(folder, kind="vit", **sizes):
    """A small encoder of transformers, saved with its processor."""
    torch.manual_seed(0)
    plain = (
        {}
        if kind in ("convnext", "resnet", "swin")
        else {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    )
    config = transformers.AutoConfig.for_model(kind, **{**plain, "image_size": 32, "patch_size": 8, **sizes})
    if kind.startswith("dinov2"):
        own = transformers.BitImageProcessorPil(size={"shortest_edge": 40}, crop_size={"height": 32, "width": 32})
    else:
        own = transformers.ViTImageProcessorPil(size={"height": 32, "width": 32})
    return small.save(folder, transformers.AutoModel.from_config(config), own)


KINDS = {
    "vit": {}, "deit": {}, "dinov2": {"image_size": 56}, 
    "dinov2_with_registers": {"image_size": 56, "num_register_tokens": 3},
    "convnext": {"hidden_sizes": [16, 24, 32, 40], "depths": [1, 1, 1, 1], "patch_size": 4},
    "resnet": {"embedding_size": 16, "hidden_sizes": [16, 24, 32, 40], "depths": [1, 1, 1, 1]},
    "swin": {"embed_dim": 16, "depths": [1, 1], "num_heads": [2, 4], "window_size": 4, "patch_size": 4},
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_have_the_vectors_of_transformers(tmp_path, kind):
    source = vit(tmp_path / kind, kind, **KINDS[kind])

    bundle = convert(source, tmp_path / "b", int8=False, sample=SAMPLE)

    with quietly():
        model = transformers.AutoModel.from_pretrained(source).eval()
        own = transformers.AutoImageProcessor.from_pretrained(source, use_fast=False)
    seen = own(PICTURES, return_tensors="pt", input_data_format="channels_last")["pixel_values"]
    std = np.array(bundle.towers["image"].settings.std, np.float32)[:, None, None]
    assert np.abs((pixels(bundle) - seen.numpy()) * std).max() < 1 / 510
    with torch.inference_mode():
        found = model(pixel_values=seen)
    first = kind in ("vit", "deit", "dinov2", "dinov2_with_registers")
    wanted = small.unit(found.last_hidden_state[:, 0] if first else found.pooler_output.flatten(1))
    assert np.abs(vectors(bundle) - wanted).max() < SAME
    assert np.abs(wanted[0] - wanted[1]).max() > 10 * SAME


def as_transformers(weights):
    """timm's names as those of transformers' ViT, written out once more for the comparison."""
    found = {
        "embeddings.cls_token": weights["cls_token"], "embeddings.position_embeddings": weights["pos_embed"],
        **{f"embeddings.patch_embeddings.projection.{p}": weights[f"patch_embed.proj.{p}"] for p in ("weight", "bias")},
        **{f"layernorm.{p}": weights[f"norm.{p}"] for p in ("weight", "bias")},
    }  # fmt: skip
    for layer in range(12):
        theirs, ours = f"blocks.{layer}.", f"layers.{layer}."
        for p in ("weight", "bias"):
            for name, part in zip(
                ("q_proj", "k_proj", "v_proj"), weights[f"{theirs}attn.qkv.{p}"].chunk(3), strict=True
            ):
                found[f"{ours}attention.{name}.{p}"] = part
            found[f"{ours}attention.o_proj.{p}"] = weights[f"{theirs}attn.proj.{p}"]
            found[f"{ours}layernorm_before.{p}"] = weights[f"{theirs}norm1.{p}"]
            found[f"{ours}layernorm_after.{p}"] = weights[f"{theirs}norm2.{p}"]
            found[f"{ours}mlp.fc1.{p}"], found[f"{ours}mlp.fc2.{p}"] = (
                weights[f"{theirs}mlp.fc{i}.{p}"] for i in (1, 2)
            )
    return found


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    path = Path(os.environ.get("SENSORIUM_DATA", "../shared/data")) / "models" / f"{REAL}.safetensors"
    if not path.is_file():
        pytest.skip("needs the data folder: set SENSORIUM_DATA")
    return path, convert(path, tmp_path_factory.mktemp("vit") / "vit", int8=False, sample=SAMPLE)


@pytest.mark.data
def test_the_real_vit_gives_the_vectors_of_transformers(real):
    path, bundle = real
    config = transformers.ViTConfig(
        hidden_size=192, intermediate_size=768, num_attention_heads=3, layer_norm_eps=1e-6, attn_implementation="sdpa"
    )
    model = transformers.ViTModel(config, add_pooling_layer=False).eval()
    weights = {name: values.float() for name, values in load_file(path).items()}
    model.load_state_dict(as_transformers(weights), strict=True)

    with torch.inference_mode():
        wanted = small.unit(model(pixel_values=torch.from_numpy(pixels(bundle))).last_hidden_state[:, 0])

    assert bundle.dimension == 192
    assert np.abs(vectors(bundle) - wanted).max() < SAME


@pytest.mark.data
def test_the_real_vit_sees_what_timm_shows_it(real):
    """timm's `create_transform`: 248 pixels on the shorter side, bicubic, the centre by torchvision's rounding."""
    _, bundle = real
    for picture, got in zip(PICTURES, pixels(bundle), strict=True):
        image = Image.fromarray(picture)
        width, height = image.size
        size = (248, int(248 * height / width)) if width <= height else (int(248 * width / height), 248)
        image = image.resize(size, Image.Resampling.BICUBIC)
        left, top = round((size[0] - 224) / 2.0), round((size[1] - 224) / 2.0)
        wanted = np.asarray(image.crop((left, top, left + 224, top + 224))).transpose(2, 0, 1) / 127.5 - 1
        assert np.abs(got - wanted).max() < 1 / 127.5 / 2
    assert "says nothing of pixels" in (bundle.folder / "CARD.md").read_text()


@pytest.fixture
def timm(tmp_path):
    """A folder as timm's models have it on hubs, with random weights of a plain ViT."""
    folder = tmp_path / "vit_small_patch16_32"
    folder.mkdir()
    random, width = np.random.default_rng(0), 64
    shapes = {
        "cls_token": (1, 1, width), "pos_embed": (1, 5, width), "patch_embed.proj.weight": (width, 3, 16, 16),
        "patch_embed.proj.bias": (width,), "norm.weight": (width,), "norm.bias": (width,), "head.weight": (10, width),
        "head.bias": (10,),
    }  # fmt: skip
    for at in ("blocks.0.", "blocks.1."):
        shapes |= {f"{at}{norm}.{part}": (width,) for norm in ("norm1", "norm2") for part in ("weight", "bias")}
        shapes |= {
            f"{at}attn.qkv.weight": (3 * width, width),
            f"{at}attn.qkv.bias": (3 * width,),
            f"{at}attn.proj.bias": (width,),
        }
        shapes |= {
            f"{at}attn.proj.weight": (width, width),
            f"{at}mlp.fc1.weight": (128, width),
            f"{at}mlp.fc1.bias": (128,),
        }
        shapes |= {f"{at}mlp.fc2.weight": (width, 128), f"{at}mlp.fc2.bias": (width,)}
    weights = {
        name: torch.from_numpy(0.2 * random.normal(size=shape).astype(np.float32)) for name, shape in shapes.items()
    }
    save_file(weights, folder / "model.safetensors")
    told = {
        "input_size": [3, 32, 32],
        "mean": [0.4, 0.5, 0.6],
        "std": [0.2, 0.3, 0.25],
        "interpolation": "bilinear",
        "crop_pct": 0.875,
    }
    (folder / "config.json").write_text(json.dumps({"architecture": "vit_small_patch16_32", "pretrained_cfg": told}))
    return folder


def test_timms_folder_says_how_pixels_are_made(timm, tmp_path):
    bundle = convert(timm, tmp_path / "b", int8=False, sample=SAMPLE)
    settings = bundle.towers["image"].settings

    assert (settings.side, settings.shorter, settings.resize, settings.filter) == (32, 36, "crop", "bilinear")
    assert (settings.mean, settings.std) == ((0.4, 0.5, 0.6), (0.2, 0.3, 0.25))
    assert "says nothing of pixels" not in (bundle.folder / "CARD.md").read_text()
    assert bundle.dimension == 64


@pytest.mark.parametrize("name", ["blocks.0.attn.q_norm.weight", "fc_norm.weight", "reg_token"])
def test_a_weight_that_a_plain_vit_has_not_is_refused(timm, tmp_path, name):
    path = timm / "model.safetensors"
    save_file({**load_file(path), name: torch.ones(16)}, path)

    with pytest.raises(BadModel, match=name):
        convert(timm, tmp_path / "b", int8=False)


def test_another_architecture_of_timms_is_refused(timm, tmp_path):
    (timm / "config.json").write_text('{"architecture": "efficientnet_b0"}')

    with pytest.raises(BadModel, match="no converter for timm's 'efficientnet_b0'"):
        convert(timm, tmp_path / "b", int8=False)


def test_a_processor_that_pads_is_refused(tmp_path):
    source = vit(tmp_path / "vit")
    said = json.loads((source / "preprocessor_config.json").read_text())
    (source / "preprocessor_config.json").write_text(json.dumps({**said, "do_pad": True}))

    with pytest.raises(BadModel, match="its image processor pads"):
        convert(source, tmp_path / "b", int8=False)
    assert not list(tmp_path.glob("b*"))


def test_a_processor_of_another_side_is_refused(tmp_path):
    source = vit(tmp_path / "vit")
    said = json.loads((source / "preprocessor_config.json").read_text())
    (source / "preprocessor_config.json").write_text(json.dumps({**said, "size": {"height": 48, "width": 48}}))

    with pytest.raises(BadModel, match="cannot be converted"):
        convert(source, tmp_path / "b", int8=False)


def test_a_single_file_without_a_known_name_is_refused(timm, tmp_path):
    shutil.copy(timm / "model.safetensors", tmp_path / "mine.safetensors")

    with pytest.raises(BadModel, match="no converter for timm's 'mine'"):
        convert(tmp_path / "mine.safetensors", tmp_path / "b", int8=False)
