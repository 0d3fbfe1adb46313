"""Tiny bundles with random towers: real files, real ONNX graphs, milliseconds to make. Needs the package `onnx`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from sensorium.core.types import Modality
from sensorium.encoders.bundle import write_bundle

MAX_TOKENS = 32
SIDE = 32
GRID = 4
BINS = 32
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def tiny_bundle(
    folder: Path,
    dimension: int = 16,
    seed: int = 0,
    modalities: Sequence[Modality] = ("text", "image", "audio"),
    name: str = "tiny",
) -> Path:
    """Write a bundle with random towers into `folder` (made when missing) and return `folder`.

    Alike inputs get alike vectors, different ones clearly different: texts by their letters in order, pictures by the
    colours of a 4 x 4 grid, sounds by their mean spectrum. Modalities have nothing to do with each other. The same
    arguments give the same space.
    """
    folder.mkdir(parents=True, exist_ok=True)
    makers = {"text": _text_tower, "image": _image_tower, "audio": _audio_tower}
    towers = {}
    for place, modality in enumerate(("text", "image", "audio")):
        if modality in modalities:
            towers[modality] = makers[modality](folder, dimension, np.random.default_rng([seed, place]))
    (folder / "CARD.md").write_text(f"# {name}\n\nRandom towers, for tests (seed {seed}).\n", encoding="utf-8")
    pairs = [f"{query}-{answer}" for query in towers for answer in towers]
    description = {
        "name": name, "version": "0", "dimension": dimension, "licence": "Apache-2.0", "storage": "float16",
        "towers": towers, "calibration": {p: {"mean": 0.0, "std": round(dimension**-0.5, 6)} for p in pairs},
    }  # fmt: skip
    write_bundle(folder, description)
    return folder


def byte_tokenizer() -> Tokenizer:
    """A tokenizer whose tokens are the 256 bytes of lower-cased UTF-8: it knows every text."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate((*SPECIAL, *alphabet))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL))
    ends = [("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return tokenizer


def _text_tower(folder: Path, dimension: int, random: np.random.Generator) -> dict[str, Any]:
    """Embeddings, each scaled by its position, averaged where the mask is 1, times a matrix."""
    tokenizer = byte_tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    width = 64
    weights = {
        "embeddings": random.normal(size=(tokenizer.get_vocab_size(), width)),
        "positions": 1 + 0.5 * random.normal(size=(MAX_TOKENS, width)),
        "matrix": random.normal(size=(width, dimension)) / width**0.5,
        "bias": 0.05 * random.normal(size=dimension),
    }
    constants = {"zero": [0], "one": [1], "last": [2], "axis": [1]}
    nodes = [
        helper.make_node("Gather", ["embeddings", "ids"], ["tokens"]),  # (n, t, width)
        helper.make_node("Shape", ["ids"], ["shape"]),
        helper.make_node("Gather", ["shape", "one"], ["length"]),
        helper.make_node("Slice", ["positions", "zero", "length", "zero"], ["places"]),  # (t, width)
        helper.make_node("Mul", ["tokens", "places"], ["placed"]),
        helper.make_node("Cast", ["mask"], ["present"], to=FLOAT),
        helper.make_node("Unsqueeze", ["present", "last"], ["column"]),
        helper.make_node("Mul", ["placed", "column"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "axis"], ["sum"], keepdims=0),
        helper.make_node("ReduceSum", ["present", "axis"], ["count"], keepdims=1),
        helper.make_node("Div", ["sum", "count"], ["features"]),
    ]
    inputs = [helper.make_tensor_value_info(name, INT64, ["n", "t"]) for name in ("ids", "mask")]
    _save(folder / "text.onnx", nodes, inputs, weights, dimension, constants)
    return {"file": "text.onnx", "inputs": ["ids", "mask"], "tokenizer": "tokenizer.json", "max_tokens": MAX_TOKENS}


def _image_tower(folder: Path, dimension: int, random: np.random.Generator) -> dict[str, Any]:
    """The mean colours of a grid, times a matrix."""
    cell = SIDE // GRID
    width = 3 * GRID * GRID
    weights = {
        "matrix": random.normal(size=(width, dimension)) / width**0.5,
        "bias": 0.05 * random.normal(size=dimension),
    }
    nodes = [
        helper.make_node("AveragePool", ["pixels"], ["cells"], kernel_shape=[cell, cell], strides=[cell, cell]),
        helper.make_node("Flatten", ["cells"], ["features"]),
    ]
    inputs = [helper.make_tensor_value_info("pixels", FLOAT, ["n", 3, SIDE, SIDE])]
    _save(folder / "image.onnx", nodes, inputs, weights, dimension)
    return {
        "file": "image.onnx", "inputs": ["pixels"], "side": SIDE, "resize": "squash", "filter": "bicubic",
        "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5],
    }  # fmt: skip


def _audio_tower(folder: Path, dimension: int, random: np.random.Generator) -> dict[str, Any]:
    """The mean spectrum above silence, so that the padding of short sounds says nothing, times a matrix."""
    floor, mean, std = 1e-5, -4.0, 4.0
    weights = {
        "silence": np.array((math.log(floor) - mean) / std),
        "matrix": random.normal(size=(BINS, dimension)) / BINS**0.5,
        "bias": 0.05 * random.normal(size=dimension),
    }
    nodes = [
        helper.make_node("Sub", ["mel", "silence"], ["heard"]),
        helper.make_node("ReduceMean", ["heard", "last"], ["features"], keepdims=0),
    ]
    inputs = [helper.make_tensor_value_info("mel", FLOAT, ["n", BINS, "frames"])]
    _save(folder / "audio.onnx", nodes, inputs, weights, dimension, {"last": [2]})
    return {
        "file": "audio.onnx", "inputs": ["mel"], "rate": 16000, "seconds": 5.0, "fft": 512, "window": 400, "hop": 160,
        "bins": BINS, "low": 50.0, "high": 8000.0, "floor": floor, "mean": mean, "std": std,
    }  # fmt: skip


def _save(
    path: Path,
    nodes: list[Any],
    inputs: list[Any],
    weights: dict[str, Any],
    dimension: int,
    constants: dict[str, list[int]] | None = None,
) -> None:
    """Write a graph that ends in features (n, width) @ matrix + bias = vectors."""
    nodes = [
        *nodes,
        helper.make_node("MatMul", ["features", "matrix"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["vectors"]),
    ]
    stored = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    stored += [numpy_helper.from_array(np.array(v, dtype=np.int64), name) for name, v in (constants or {}).items()]
    output = helper.make_tensor_value_info("vectors", FLOAT, ["n", dimension])
    graph = helper.make_graph(nodes, path.stem, inputs, [output], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
