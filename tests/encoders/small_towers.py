"""Small towers with the operators of real ones, what goes into them, and 8-bit forms that nobody mistakes for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from sensorium.core.machine import fast_int8
from sensorium.encoders.bundle import Bundle, write_bundle

Array = NDArray[np.float32]
Inputs = dict[str, Array]

GOOD = {"cosine": 0.9999, "overlap": 0.99}  # what a bundle says of a form that stands for its tower

node = helper.make_node
SIDE, WIDTH, OUT = 16, 32, 16  # of pictures, of rows of numbers, of vectors
# Elsewhere (x86 before VNNI) sums of two products overflow 16 bits, so that no 8-bit form is ever used.
needs_int8 = pytest.mark.skipif(not fast_int8(), reason="this machine has no whole-number products without overflow")


def save(path: Path, nodes: list[Any], shape: list[Any], weights: Mapping[str, Any], out: int, opset: int = 18) -> Path:
    """Write a tower with one input `x` of this shape, and the output `vectors` (n, out)."""
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    takes = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    gives = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", out])
    graph = helper.make_graph(nodes, path.stem, [takes], [gives], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def _random(random: np.random.Generator, *shape: int, scale: float) -> Array:
    return (scale * random.normal(size=shape)).astype(np.float32)


def conv_tower(path: Path, seed: int = 0, opset: int = 18) -> Path:
    """Three convolutions, one of them around a shortcut, the mean over places, a matrix: (n, 3, SIDE, SIDE)."""
    random = np.random.default_rng(seed)
    weights = {
        "first": _random(random, 16, 3, 3, 3, scale=27**-0.5), "first.bias": _random(random, 16, scale=0.1),
        "second": _random(random, 16, 16, 3, 3, scale=1 / 12), "second.bias": _random(random, 16, scale=0.1),
        "third": _random(random, 16, 16, 3, 3, scale=1 / 12), "third.bias": _random(random, 16, scale=0.1),
        "matrix": _random(random, 16, OUT, scale=0.25), "bias": _random(random, OUT, scale=0.1),
    }  # fmt: skip
    square: dict[str, Any] = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [
        node("Conv", ["x", "first", "first.bias"], ["a"], strides=[2, 2], **square),
        node("Relu", ["a"], ["b"]),
        node("Conv", ["b", "second", "second.bias"], ["c"], **square),
        node("Relu", ["c"], ["d"]),
        node("Conv", ["d", "third", "third.bias"], ["e"], **square),
        node("Add", ["e", "b"], ["f"]),
        node("Relu", ["f"], ["g"]),
        node("GlobalAveragePool", ["g"], ["h"]),
        node("Flatten", ["h"], ["i"]),
        node("Gemm", ["i", "matrix", "bias"], ["vectors"]),
    ]
    return save(path, nodes, ["n", 3, SIDE, SIDE], weights, OUT, opset)


def product_tower(path: Path, seed: int = 0, opset: int = 18) -> Path:
    """Two matrices with a ReLU between: (n, WIDTH)."""
    random = np.random.default_rng(seed)
    weights = {
        "first": _random(random, WIDTH, 64, scale=WIDTH**-0.5), "first.bias": _random(random, 64, scale=0.1),
        "second": _random(random, 64, OUT, scale=1 / 8), "second.bias": _random(random, OUT, scale=0.1),
    }  # fmt: skip
    nodes = [
        node("MatMul", ["x", "first"], ["a"]),
        node("Add", ["a", "first.bias"], ["b"]),
        node("Relu", ["b"], ["c"]),
        node("MatMul", ["c", "second"], ["d"]),
        node("Add", ["d", "second.bias"], ["vectors"]),
    ]
    return save(path, nodes, ["n", WIDTH], weights, OUT, opset)


def pictures(count: int, seed: int) -> Array:
    """Pictures of 4 x 4 coloured fields, between -1 and 1: float32 (count, 3, SIDE, SIDE)."""
    fields = np.random.default_rng(seed).uniform(-1, 1, (count, 3, 4, 4))
    return np.kron(fields, np.ones((SIDE // 4, SIDE // 4))).astype(np.float32)


def numbers(count: int, seed: int) -> Array:
    """Rows of ordinary numbers: float32 (count, WIDTH)."""
    return np.random.default_rng(seed).normal(size=(count, WIDTH)).astype(np.float32)


def each(rows: Array) -> list[Inputs]:
    """Inputs of one row each."""
    return [{"x": rows[i : i + 1]} for i in range(len(rows))]


def run(path: Path, rows: Array, output: str = "vectors") -> NDArray[Any]:
    """An output of a tower for all rows at once."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found: NDArray[Any] = session.run([output], {"x": rows})[0]
    return found


def outputs(path: Path) -> list[str]:
    """The names of a tower's outputs."""
    return [output.name for output in onnx.load(str(path)).graph.output]


def description(folder: Path) -> dict[str, Any]:
    """What `write_bundle` was told to make this bundle."""
    described: dict[str, Any] = json.loads((folder / "bundle.json").read_text())
    del described["format"], described["files"]
    return described


def add_form(folder: Path, modality: str, said: Mapping[str, Any], *, reach: list[Any] | None = None) -> Bundle:
    """Give a tower a form whose vectors are the tower's own, the other way round: nobody takes one for the other.

    `reach`, if given, are nodes that make the output `reach` of the tower's inputs.
    """
    model = onnx.load(str(folder / f"{modality}.onnx"))
    (last,) = (made for made in model.graph.node if "vectors" in made.output)
    last.output[0] = "own"
    model.graph.node.append(node("Neg", ["own"], ["vectors"]))
    if reach is not None:
        model.graph.node.extend(reach)
        model.graph.output.append(helper.make_tensor_value_info("reach", TensorProto.FLOAT, ["n"]))
    onnx.checker.check_model(model)
    onnx.save(model, str(folder / f"{modality}.int8.onnx"))
    described = description(folder)
    described["towers"][modality]["int8"] = {"file": f"{modality}.int8.onnx", **said}
    return write_bundle(folder, described)


def count_of_tokens(most: int) -> list[Any]:
    """Nodes for `reach`: the number of a text's tokens, as a share of `most`."""
    return [
        node("Constant", [], ["tokens.axis"], value_ints=[1]),
        node("Constant", [], ["tokens.most"], value_float=float(most)),
        node("Cast", ["mask"], ["tokens.there"], to=TensorProto.FLOAT),
        node("ReduceSum", ["tokens.there", "tokens.axis"], ["tokens.count"], keepdims=0),
        node("Div", ["tokens.count", "tokens.most"], ["reach"]),
    ]
