"""Products of activations and weights in whole numbers of 8 bits, with a scale for each activation and fixed ones.

Products of two activations, as in attention, stay as they are: few, small, and no weights are read for them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from sensorium.encoders.convert.weights import in_whole_numbers

PRODUCTS = ("Gemm", "MatMul")
DEEP, _FIRST = ".deep", "first.axis"
_LEVELS = np.iinfo(np.uint8).max
_PLAIN = {"alpha": 1.0, "beta": 1.0, "transA": 0}  # what a Gemm must have to be a product and a sum


def products(model: onnx.ModelProto) -> dict[str, list[Any]]:
    """By activation (an input of the tower too), the nodes that multiply it by a float32 matrix of weights."""
    fixed = {tensor.name: tensor for tensor in model.graph.initializer}
    found: dict[str, list[Any]] = defaultdict(list)
    for node in model.graph.node:
        if node.op_type in PRODUCTS and node.input[0] not in fixed and node.input[1] in fixed:
            weights, said = fixed[node.input[1]], _attributes(node)
            plain = all(said.get(name, usual) == usual for name, usual in _PLAIN.items())
            if plain and weights.data_type == onnx.TensorProto.FLOAT and len(weights.dims) == 2:
                found[node.input[0]].append(node)
    return dict(found)


def is_turned(node: Any) -> bool:
    """Whether a product's weights have a row, not a column, for each number that comes out."""
    return bool(_attributes(node).get("transB"))


def _attributes(node: Any) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def in_eight_bits(model: onnx.ModelProto, ends: Mapping[str, tuple[float, float]]) -> onnx.ModelProto:
    """The model with its `products` over whole numbers; `ends` has the range of each activation, zero within it."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph, nodes, done = made.graph, list[Any](), set[str]()
    fixed = {tensor.name: tensor for tensor in graph.initializer}
    users = products(made)
    ours = {node.output[0]: x for x, nodes_of_x in users.items() for node in nodes_of_x}
    flat = {x for x, nodes_of_x in users.items() if any(node.op_type == "Gemm" for node in nodes_of_x)}
    if flat:
        graph.initializer.append(numpy_helper.from_array(np.zeros(1, np.int64), _FIRST))
    for node in list(graph.node):
        if (x := ours.get(node.output[0])) is None:
            nodes.append(node)
            continue
        if x not in done:
            if x in flat:
                nodes.append(helper.make_node("Unsqueeze", [x, _FIRST], [f"{x}{DEEP}"], f"{x}{DEEP}"))
            nodes += _rounded(graph, x, *ends[x], takes=f"{x}{DEEP}" if x in flat else x)
        weights = f"{node.input[1]}.turned" if is_turned(node) else node.input[1]
        if weights not in done:
            nodes.append(_whole(graph, weights, fixed[node.input[1]], turned=is_turned(node)))
        done |= {x, weights}
        nodes += _product(node, f"{x}.rounded", f"{weights}.rounded", flat=x in flat)
    del graph.node[:]
    graph.node.extend(nodes)
    _drop_unused(graph)
    return made


def _product(node: Any, x: str, weights: str, *, flat: bool) -> list[Any]:
    """The product, and of a Gemm the sum: ONNX Runtime makes one operation of these, and the bias keeps its bits.

    `flat` ones are those of matrices, which go through it with one more dimension: of a product of two matrices and a
    sum it would make a Gemm again first, which it has in float32 alone.
    """
    bias = node.input[2] if len(node.input) > 2 else ""
    last = f"{node.output[0]}{DEEP}" if flat else node.output[0]
    product = f"{node.output[0]}.product" if bias else last
    made = [helper.make_node("MatMul", [x, weights], [product], node.name)]
    if bias:
        made.append(helper.make_node("Add", [product, bias], [last], f"{node.name}.bias"))
    if flat:
        made.append(helper.make_node("Squeeze", [last, _FIRST], [node.output[0]], f"{node.name}.flat"))
    return made


def _rounded(graph: Any, x: str, low: float, high: float, takes: str) -> list[Any]:
    """The nodes that take an activation (`takes`) to 8 bits and back; what lies beyond its range is clipped."""
    step = (high - low) / _LEVELS
    scale, zero = np.array(step, np.float32), np.array(round(-low / step), np.uint8)
    names = [f"{x}.scale", f"{x}.zero"]
    graph.initializer.extend(numpy_helper.from_array(*pair) for pair in zip((scale, zero), names, strict=True))
    return [
        helper.make_node("QuantizeLinear", [takes, *names], [f"{x}.whole"], f"{x}.whole"),
        helper.make_node("DequantizeLinear", [f"{x}.whole", *names], [f"{x}.rounded"], f"{x}.rounded"),
    ]


def _whole(graph: Any, name: str, weights: Any, *, turned: bool) -> Any:
    """Store weights in 8 bits, a scale for each column; the node that makes float32 of them."""
    matrix = numpy_helper.to_array(weights)
    whole, scale = in_whole_numbers(matrix.T if turned else matrix, 1)
    kept = {f"{name}.whole": whole, f"{name}.scale": scale[0], f"{name}.zero": np.zeros(scale.size, np.int8)}
    graph.initializer.extend(numpy_helper.from_array(np.ascontiguousarray(value), key) for key, value in kept.items())
    return helper.make_node("DequantizeLinear", list(kept), [f"{name}.rounded"], f"{name}.rounded", axis=1)


def _drop_unused(graph: Any) -> None:
    used = Counter(name for node in graph.node for name in node.input)
    for tensor in [tensor for tensor in graph.initializer if not used[tensor.name]]:
        graph.initializer.remove(tensor)
