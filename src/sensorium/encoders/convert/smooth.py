"""Products whose inputs have a few channels far larger than the rest, made fit for one scale in 8 bits.

Each channel of the input is divided by a number, and the weights that it meets are multiplied by it: the product stays
the same, and both sides have ranges of about the same size in all channels (Xiao et al. 2023, SmoothQuant, eq. 4).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Inputs = Mapping[str, NDArray[Any]]
_LEAST = 1e-5


def smooth(tower: Path, sample: Sequence[Inputs], share: float) -> int:
    """Change a float tower in place so that its vectors stay and its products quantise better; how many products.

    `sample` are inputs of one row each. `share`, from 0 to 1, is how much of the inputs' unevenness the weights take
    over (the paper's alpha). Products of two activations, and of what goes into the tower, are left alone.
    """
    model = onnx.load(str(tower))
    fixed = {tensor.name: tensor for tensor in model.graph.initializer}
    users = _users(model, fixed)
    reached = _reached(model, sorted(users), sample)
    for x in reached:
        _even(model.graph, fixed, x, users[x], np.maximum(reached[x], _LEAST), share)
    onnx.save(model, str(tower))
    return sum(len(users[x]) for x in reached)


def _users(model: Any, fixed: Mapping[str, Any]) -> dict[str, list[Any]]:
    """By activation, its products with weights; only where nothing else uses these weights."""
    counts = Counter(name for node in model.graph.node for name in node.input)
    users: dict[str, list[Any]] = defaultdict(list)
    for node in model.graph.node:
        if node.op_type in ("MatMul", "Gemm") and node.input[1] in fixed and node.input[0] not in fixed:
            users[node.input[0]].append(node)
    inputs = {value.name for value in model.graph.input}
    return {
        x: nodes
        for x, nodes in users.items()
        if x not in inputs and all(counts[n.input[1]] == 1 and len(fixed[n.input[1]].dims) == 2 for n in nodes)
    }


def _even(
    graph: Any, fixed: Mapping[str, Any], x: str, nodes: Sequence[Any], far: NDArray[np.float32], share: float
) -> None:  # fmt: skip
    """Divide the channels of an activation before its products, and multiply the weights that they meet."""
    weights = [(numpy_helper.to_array(fixed[node.input[1]]), _across(node)) for node in nodes]
    heaviest = np.max([np.abs(w).max(axis=1 - axis) for w, axis in weights], axis=0)  # (k,)
    scale = far**share / np.maximum(heaviest, _LEAST) ** (1 - share)
    scale = (scale / np.exp(np.log(scale).mean())).astype(np.float32)
    for node, (w, axis) in zip(nodes, weights, strict=True):
        scaled = w * (scale[:, None] if axis == 0 else scale)
        fixed[node.input[1]].CopyFrom(numpy_helper.from_array(scaled, node.input[1]))
        node.input[0] = f"{x}.even"
    graph.initializer.append(numpy_helper.from_array(1 / scale, f"{x}.channels"))
    at = next(i for i, node in enumerate(graph.node) if node.output[0] == nodes[0].output[0])
    graph.node.insert(at, helper.make_node("Mul", [x, f"{x}.channels"], [f"{x}.even"]))


def _across(node: Any) -> int:
    """Which axis of a product's weights meets the channels of its input."""
    return 1 if any(attribute.name == "transB" and attribute.i for attribute in node.attribute) else 0


def _reached(model: Any, names: Sequence[str], sample: Sequence[Inputs]) -> dict[str, NDArray[np.float32]]:
    """How far each channel (last axis) of some tensors goes, over the sample: float32 (k,) each."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    del probe.graph.output[:]
    made = list(names)
    probe.graph.output.extend(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in made)
    if not made:
        return {}
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(probe.SerializeToString(), options, providers=["CPUExecutionProvider"])
    reached: dict[str, NDArray[np.float32]] = {}
    for row in sample:
        for name, values in zip(made, session.run(made, dict(row)), strict=True):
            far = np.abs(values.reshape(-1, values.shape[-1])).max(axis=0)
            reached[name] = np.maximum(reached[name], far) if name in reached else far
    return reached
