"""Evening out channels leaves a tower's vectors as they are, and its 8-bit form is nearer to it."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from small_towers import OUT, WIDTH, each, needs_int8, node, numbers, product_tower, run, save

from sensorium.encoders.convert.observe import observe
from sensorium.encoders.convert.products import products
from sensorium.encoders.convert.quantize import agreement, quantize
from sensorium.encoders.convert.smooth import EVEN, smooth


def uneven_tower(path, transposed=False):
    """A few channels of the inner activation reach a hundred times as far as the others, as in real transformers."""
    random = np.random.default_rng(3)
    far = np.where(np.arange(64) % 16 == 0, 100.0, 1.0)
    second = random.normal(size=(64, OUT)) / far[:, None] / 8
    weights = {
        "first": (random.normal(size=(WIDTH, 64)) / WIDTH**0.5 * far).astype(np.float32),
        "second": (second.T.copy() if transposed else second).astype(np.float32),
        "bias": random.normal(size=OUT).astype(np.float32),
        "third": random.normal(size=(64, OUT)).astype(np.float32) / far[:, None].astype(np.float32),
    }
    nodes = [
        node("MatMul", ["x", "first"], ["a"]),
        node("Relu", ["a"], ["b"]),
        node("Gemm", ["b", "second", "bias"], ["c"], **({"transB": 1} if transposed else {})),
        node("MatMul", ["b", "third"], ["d"]),
        node("Add", ["c", "d"], ["vectors"]),
    ]
    return save(path, nodes, ["n", WIDTH], weights, OUT)


def evened(tower, rows, share):
    """Even a tower out in place; its products whose input changed, and how far each input goes, as it was told."""
    model = onnx.load(str(tower))
    seen = observe(model, each(rows), list(products(model)), by_channel=True)
    factors = smooth(model, {name: reach.far for name, reach in seen.reached.items()}, share)
    onnx.save(model, str(tower))
    changed = [node for node in model.graph.node if node.input[0] in {f"{x}{EVEN}" for x in factors}]
    return changed, {f"{x}{EVEN}": seen.reached[x].times(by) for x, by in factors.items()}


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_vectors_stay(tmp_path, transposed, share):
    tower, rows = uneven_tower(tmp_path / "t.onnx", transposed), numbers(40, 1)
    before = run(tower, rows)

    assert len(evened(tower, rows, share)[0]) == 2

    np.testing.assert_allclose(run(tower, rows), before, rtol=1e-4, atol=1e-4)
    onnx.checker.check_model(onnx.load(str(tower)))


def test_channels_come_nearer_to_each_other(tmp_path):
    tower, rows = uneven_tower(tmp_path / "t.onnx"), numbers(60, 1)
    _, reached = evened(tower, rows, 0.8)
    model = onnx.load(str(tower))
    model.graph.output.append(onnx.helper.make_tensor_value_info("b.even", onnx.TensorProto.FLOAT, None))
    model.graph.output.append(onnx.helper.make_tensor_value_info("b", onnx.TensorProto.FLOAT, None))
    onnx.save(model, str(tmp_path / "open.onnx"))

    def spread(name):
        far = np.abs(run(tmp_path / "open.onnx", rows, name)).max(axis=0)
        return far.max() / far.min()

    assert spread("b") > 80 > 10 > spread("b.even")
    values = run(tmp_path / "open.onnx", rows, "b.even")  # what is reckoned is what is there
    np.testing.assert_allclose(reached["b.even"].low, values, rtol=1e-6)
    np.testing.assert_allclose(reached["b.even"].high, values, rtol=1e-6)
    np.testing.assert_allclose(reached["b.even"].ends, [values.min(axis=1), values.max(axis=1)], rtol=1e-6)


def test_what_goes_into_a_tower_is_left_alone(tmp_path):
    tower = product_tower(tmp_path / "t.onnx")

    changed, reached = evened(tower, numbers(20, 0), 0.8)
    assert len(changed) == len(reached) == 1


@needs_int8
def test_an_uneven_tower_has_a_good_form(tmp_path):
    tower = uneven_tower(tmp_path / "t.onnx")
    quantize(tower, tmp_path / "f.onnx", each(numbers(80, 1)))

    found = agreement(tmp_path / "f.onnx", tower, each(numbers(60, 2)))

    assert found.cosine > 0.999
    assert found.overlap > 0.95
