"""Smaller files: a tower's large weights as whole numbers of 8 bits with a scale for each output channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

SMALL = 1024  # tensors of fewer values stay float32: norms and biases weigh nothing and are the first to suffer


def shrink(path: Path) -> None:
    """Store the large weights of an ONNX file in 8 bits, or as float16 where no channels are known.

    The graph itself makes float32 of them, which ONNX Runtime does once, when it loads the file.
    """
    model = onnx.load(str(path))
    graph, nodes = model.graph, []
    for tensor in list(graph.initializer):
        weights = numpy_helper.to_array(tensor)
        if weights.dtype != np.float32 or weights.size < SMALL:
            continue
        axis = _channels(graph, tensor.name) if weights.ndim > 1 else None
        if axis is None and np.abs(weights).max() > np.finfo(np.float16).max:  # such as the mask of a decoder
            continue
        graph.initializer.remove(tensor)
        if axis is None:
            graph.initializer.append(numpy_helper.from_array(weights.astype(np.float16), f"{tensor.name}.half"))
            nodes.append(helper.make_node("Cast", [f"{tensor.name}.half"], [tensor.name], to=onnx.TensorProto.FLOAT))
            continue
        whole, scale = in_whole_numbers(weights, axis)
        graph.initializer.append(numpy_helper.from_array(whole, f"{tensor.name}.whole"))
        graph.initializer.append(numpy_helper.from_array(scale, f"{tensor.name}.scale"))
        nodes += [
            helper.make_node("Cast", [f"{tensor.name}.whole"], [f"{tensor.name}.float"], to=onnx.TensorProto.FLOAT),
            helper.make_node("Mul", [f"{tensor.name}.float", f"{tensor.name}.scale"], [tensor.name]),
        ]
    nodes += list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def in_whole_numbers(weights: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Weights as int8, and the float32 scale of each channel along `axis`, shaped so that the product is the weights.

    A channel's largest weight becomes 127; each is off by half a scale at most.
    """
    others = tuple(i for i in range(weights.ndim) if i != axis % weights.ndim)
    scale = np.abs(weights).max(axis=others, keepdims=True) / np.float32(127)
    scale[scale == 0] = 1
    return np.rint(weights / scale).astype(np.int8), scale.astype(np.float32)


def _channels(graph: Any, name: str) -> int | None:
    """Along which axis each slice of a weight makes one number of the output; None when that is not known."""
    users = [node for node in graph.node if name in node.input]
    if len({node.op_type for node in users}) != 1:
        return None
    node = users[0]
    at = list(node.input).index(name)
    if node.op_type == "Gemm" and at == 1:
        return 0 if any(a.name == "transB" and a.i for a in node.attribute) else 1
    return {("Conv", 1): 0, ("MatMul", 1): -1, ("Gather", 0): 0}.get((node.op_type, at))
