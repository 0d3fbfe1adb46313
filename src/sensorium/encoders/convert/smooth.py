"""Products whose inputs have a few channels far larger than the rest, made fit for one scale in 8 bits.

Each channel of the input is divided by a number, and the weights that it meets are multiplied by it: the product stays
the same, and both sides have ranges of about the same size in all channels (Xiao et al. 2023, SmoothQuant, eq. 4).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from sensorium.encoders.convert.products import is_turned, products

EVEN = ".even"  # ends the name of an activation whose channels were evened out
_LEAST = 1e-5


def smooth(model: onnx.ModelProto, far: Mapping[str, NDArray[np.float32]], share: float) -> dict[str, NDArray[Any]]:
    """Change a float model so that its vectors stay and its products quantise better.

    `far` says how far each channel of an activation goes, (k,). `share`, from 0 to 1, is how much of the inputs'
    unevenness the weights take over (the paper's alpha). Products of what goes into the tower are left alone.
    Returns by activation what its channels were multiplied by, float32 (k,): its products now take it with `EVEN`.
    """
    fixed = {tensor.name: tensor for tensor in model.graph.initializer}
    return {
        x: _even(model.graph, fixed, x, nodes, np.maximum(far[x], _LEAST), share)
        for x, nodes in _users(model).items()
        if x in far
    }


def _users(model: onnx.ModelProto) -> dict[str, list[Any]]:
    """By activation, its products with weights; only where nothing else uses these weights."""
    counts = Counter(name for node in model.graph.node for name in node.input)
    inputs = {value.name for value in model.graph.input}
    return {
        x: nodes
        for x, nodes in products(model).items()
        if x not in inputs and all(counts[node.input[1]] == 1 for node in nodes)
    }


def _even(
    graph: Any, fixed: Mapping[str, Any], x: str, nodes: Sequence[Any], far: NDArray[np.float32], share: float
) -> NDArray[np.float32]:
    """Divide the channels of an activation before its products, and multiply the weights that they meet."""
    weights = [(numpy_helper.to_array(fixed[node.input[1]]), int(is_turned(node))) for node in nodes]
    heaviest = np.max([np.abs(w).max(axis=1 - axis) for w, axis in weights], axis=0)  # (k,)
    scale = far**share / np.maximum(heaviest, _LEAST) ** (1 - share)
    scale = (scale / np.exp(np.log(scale).mean())).astype(np.float32)
    for node, (w, axis) in zip(nodes, weights, strict=True):
        scaled = w * (scale[:, None] if axis == 0 else scale)
        fixed[node.input[1]].CopyFrom(numpy_helper.from_array(scaled, node.input[1]))
        node.input[0] = f"{x}{EVEN}"
    factors = np.asarray(1 / scale)
    graph.initializer.append(numpy_helper.from_array(factors, f"{x}.channels"))
    at = next(i for i, node in enumerate(graph.node) if node.output[0] == nodes[0].output[0])
    graph.node.insert(at, helper.make_node("Mul", [x, f"{x}.channels"], [f"{x}{EVEN}"]))
    return factors
