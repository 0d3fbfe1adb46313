"""A shrunk tower is a much smaller file whose weights are off by half a step of their channel at most."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from small_towers import (
    SIDE,
    conv_tower,
    each,
    needs_int8,
    node,
    numbers,
    outputs,
    pictures,
    product_tower,
    run,
    save,
)

from sensorium.encoders.convert.quantize import cosines, quantize
from sensorium.encoders.convert.weights import SMALL, in_whole_numbers, shrink
from sensorium.encoders.onnx import REACH

IN, OUT = 64, 40
# Channels of very different size: rounded along another axis, the small ones would be nothing but zeros.
SIZES = np.logspace(-2, 2, OUT)


def test_whole_numbers_by_hand():
    weights = np.array([[1.27, -0.5, 0.004], [0.0, 0.0, 0.0], [-254, 127, 3]], np.float32)

    whole, scale = in_whole_numbers(weights, 0)

    assert whole.dtype == np.int8 and scale.dtype == np.float32
    np.testing.assert_array_equal(whole, [[127, -50, 0], [0, 0, 0], [-127, 64, 2]])  # 63.5 and 1.5: to the even one
    np.testing.assert_allclose(scale, [[0.01], [1], [2]], rtol=1e-6)


def test_whole_numbers_along_the_last_axis_by_hand():
    whole, scale = in_whole_numbers(np.array([[127, 0.5], [-63, 0.25]], np.float32), -1)

    np.testing.assert_array_equal(whole, [[127, 127], [-63, 64]])
    np.testing.assert_allclose(scale, [[1, 0.5 / 127]], rtol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_whole_numbers_are_off_by_half_a_scale_at_most(axis):
    random = np.random.default_rng(axis + 1)
    weights = (random.normal(size=(5, 7, 9)) * np.logspace(-3, 3, 7)[:, None]).astype(np.float32)

    whole, scale = in_whole_numbers(weights, axis)

    assert scale.shape == tuple(n if i == axis % 3 else 1 for i, n in enumerate(weights.shape))
    assert (np.abs(whole * scale - weights) <= scale * 0.5001).all()
    others = tuple(i for i in range(3) if i != axis % 3)
    assert (np.abs(whole.astype(int)).max(axis=others) == 127).all()


def test_the_weights_that_are_given_stay_as_they_are():
    weights = np.ones((3, 4), np.float32)
    in_whole_numbers(weights, 0)

    assert (weights == 1).all()


def rounded(weights, axis):
    """Slowly: each channel in steps of its largest weight's 127th."""
    result = np.array(weights, np.float64)
    for channel in np.moveaxis(result, axis, 0):  # views
        step = np.abs(channel).max() / 127
        for at in np.ndindex(channel.shape):
            channel[at] = round(channel[at] / step) * step
    return result


def weights_of(*shape, axis):
    """Random weights whose channels along an axis have `SIZES`."""
    random = np.random.default_rng(3)
    sized = np.moveaxis(random.normal(size=shape), axis, -1) * SIZES
    return np.moveaxis(sized, -1, axis).astype(np.float32)


class Case:
    """A tower of one operator, and what it makes of ROWS with given weights, in float64."""

    def __init__(self, operator, weights, axis, naive, *, shape=("n", IN), out=OUT, **attributes):
        self.operator, self.weights, self.axis, self.naive = operator, weights, axis, naive
        self.shape, self.out, self.attributes = list(shape), out, attributes

    def write(self, path, inputs=("x", "weights")):
        nodes = [node(self.operator, list(inputs), ["vectors"], **self.attributes)]
        return save(path, nodes, self.shape, {"weights": self.weights}, self.out)


ROWS = np.random.default_rng(4).normal(size=(20, IN)).astype(np.float32)
CASES: dict[str, Any] = {
    "MatMul": Case("MatMul", weights_of(IN, OUT, axis=1), 1, lambda x, w: x @ w),
    "Gemm": Case("Gemm", weights_of(IN, OUT, axis=1), 1, lambda x, w: x @ w),
    "Gemm, not turned": Case("Gemm", weights_of(IN, OUT, axis=1), 1, lambda x, w: x @ w, transB=0),
    "Gemm, turned": Case("Gemm", weights_of(OUT, IN, axis=0), 0, lambda x, w: x @ w.T, transB=1),
}


@pytest.mark.parametrize("name", CASES)
def test_each_output_of_a_product_has_a_scale_of_its_own(tmp_path, name):
    case = CASES[name]
    tower = case.write(tmp_path / "t.onnx")
    before, size = run(tower, ROWS), tower.stat().st_size
    shrink(tower)
    found = run(tower, ROWS)

    expected = case.naive(ROWS.astype(np.float64), rounded(case.weights, case.axis))
    np.testing.assert_allclose(found / SIZES, expected / SIZES, atol=1e-4)
    assert np.abs((found - before) / SIZES).max() < 0.3  # of numbers of size 8
    assert tower.stat().st_size < 0.4 * size
    assert_stored(tower, "weights", np.int8)


def test_each_map_of_a_convolution_has_a_scale_of_its_own(tmp_path):
    weights = weights_of(OUT, 3, 4, 4, axis=0)
    nodes = [node("Conv", ["x", "weights"], ["maps"]), node("ReduceMax", ["maps", "axes"], ["vectors"], keepdims=0)]
    constants = {"weights": weights, "axes": np.array([2, 3])}
    tower = save(tmp_path / "t.onnx", nodes, ["n", 3, SIDE, SIDE], constants, OUT)
    rows = pictures(6, 0)
    shrink(tower)

    windows = np.lib.stride_tricks.sliding_window_view(rows.astype(np.float64), (4, 4), axis=(2, 3))
    expected = np.einsum("nchwij,ocij->nohw", windows, rounded(weights, 0)).max(axis=(2, 3))
    np.testing.assert_allclose(run(tower, rows) / SIZES, expected / SIZES, atol=1e-4)
    assert_stored(tower, "weights", np.int8)


def test_each_token_of_an_embedding_has_a_scale_of_its_own(tmp_path):
    table = weights_of(OUT, IN, axis=0)
    nodes = [node("Cast", ["x"], ["ids"], to=onnx.TensorProto.INT64), node("Gather", ["table", "ids"], ["vectors"])]
    tower = save(tmp_path / "t.onnx", nodes, ["n"], {"table": table}, IN)
    shrink(tower)

    found = run(tower, np.arange(OUT, dtype=np.float32))
    np.testing.assert_allclose(found / SIZES[:, None], rounded(table, 0) / SIZES[:, None], atol=1e-5)
    assert_stored(tower, "table", np.int8)


def test_a_product_with_a_stack_of_matrices_keeps_its_columns_apart(tmp_path):
    weights = weights_of(3, IN, OUT, axis=2)
    nodes = [node("MatMul", ["x", "weights"], ["three"]), node("ReduceMax", ["three", "axis"], ["vectors"], keepdims=0)]
    constants = {"weights": weights, "axis": np.array([0])}
    tower = save(tmp_path / "t.onnx", nodes, ["n", IN], constants, OUT)
    shrink(tower)

    expected = (ROWS.astype(np.float64) @ rounded(weights, 2)).max(axis=0)
    np.testing.assert_allclose(run(tower, ROWS) / SIZES, expected / SIZES, atol=1e-4)


def unknown_users():
    """name -> (nodes, weights, what is made of ROWS)."""
    wide = np.random.default_rng(5).normal(size=(IN, IN)).astype(np.float32)
    row = np.random.default_rng(6).normal(size=(1, 20 * IN)).astype(np.float32).reshape(20, IN)
    return {
        "added": ([node("Add", ["x", "weights"], ["vectors"])], row, lambda x, w: x + w),
        "the other side of a product": (
            [node("Transpose", ["x"], ["columns"]), node("MatMul", ["weights", "columns"], ["y"]),
             node("Transpose", ["y"], ["vectors"])],
            wide, lambda x, w: x @ w.T,
        ),
        "the other side of a Gemm": (
            [node("Gemm", ["weights", "x"], ["y"], transB=1), node("Transpose", ["y"], ["vectors"])],
            wide, lambda x, w: x @ w.T,
        ),
        "two users of different kinds": (
            [node("MatMul", ["x", "weights"], ["y"]), node("Gemm", ["y", "weights"], ["vectors"], transB=1)],
            wide, lambda x, w: x @ w @ w.T,
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", unknown_users())
def test_where_channels_are_not_known_numbers_are_of_half_the_size(tmp_path, name):
    nodes, weights, naive = unknown_users()[name]
    tower = save(tmp_path / "t.onnx", nodes, ["n", IN], {"weights": weights}, IN)
    size = tower.stat().st_size
    shrink(tower)

    expected = naive(ROWS.astype(np.float64), weights.astype(np.float16).astype(np.float64))
    np.testing.assert_allclose(run(tower, ROWS), expected, atol=1e-3)
    assert tower.stat().st_size < 0.7 * size
    assert_stored(tower, "weights", np.float16)


def test_numbers_too_large_for_half_the_size_stay_numbers(tmp_path):
    """The mask of a causal transformer, which adds -1e9 to what must not be seen."""
    mask = np.where(np.tri(IN, dtype=bool), 0, -1e9).astype(np.float32)
    tower = save(tmp_path / "t.onnx", [node("Add", ["x", "weights"], ["vectors"])], ["n", IN], {"weights": mask}, IN)
    shrink(tower)

    assert np.isfinite(run(tower, np.zeros((IN, IN), np.float32))).all()


def assert_stored(path, name, dtype):
    """The large weights of this name are kept with this type, and not as float32 besides."""
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(str(path)).graph.initializer}
    large = [value for key, value in stored.items() if key.startswith(name) and value.size >= SMALL]
    assert [value.dtype for value in large] == [dtype]


def test_small_weights_and_whole_numbers_stay_exactly(tmp_path):
    random = np.random.default_rng(7)
    weights = {
        "matrix": random.normal(size=(31, 33)), "bias": random.normal(size=33), "order": random.permutation(2048) % 33,
    }  # fmt: skip
    weights = {name: w.astype(np.float32 if name != "order" else np.int64) for name, w in weights.items()}
    assert weights["matrix"].size == SMALL - 1
    nodes = [
        node("Gemm", ["x", "matrix", "bias"], ["y"]),
        node("Gather", ["y", "order"], ["vectors"], axis=1),
    ]
    tower = save(tmp_path / "t.onnx", nodes, ["n", 31], weights, 2048)
    before = run(tower, ROWS[:, :31])
    shrink(tower)

    np.testing.assert_array_equal(run(tower, ROWS[:, :31]), before)
    after = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(str(tower)).graph.initializer}
    assert after.keys() == weights.keys()
    for name, value in weights.items():
        np.testing.assert_array_equal(after[name], value)


@pytest.mark.parametrize(("make", "rows"), [(conv_tower, pictures), (product_tower, numbers)])
def test_a_whole_tower_gets_much_smaller_and_changes_little(tmp_path, make, rows):
    tower, inputs = make(tmp_path / "t.onnx"), rows(50, 0)
    before, size = run(tower, inputs), tower.stat().st_size
    shrink(tower)

    assert tower.stat().st_size < (0.7 if make is conv_tower else 0.45) * size  # small tensors stay
    assert cosines(run(tower, inputs), before).min() > 0.999


@pytest.mark.parametrize("make", [conv_tower, product_tower])
def test_shrinking_again_changes_nothing(tmp_path, make):
    tower = make(tmp_path / "t.onnx")
    shrink(tower)
    once = tower.read_bytes()
    shrink(tower)

    assert tower.read_bytes() == once


@needs_int8
def test_an_8_bit_form_keeps_its_vectors_and_its_guard(tmp_path):
    tower, form, sample = conv_tower(tmp_path / "t.onnx"), tmp_path / "f.onnx", pictures(100, 1)
    sample[:4] *= 10
    quantize(tower, form, each(sample))
    before, reaches = run(form, sample), run(form, sample, REACH)
    shrink(form)

    assert outputs(form) == ["vectors", REACH]
    np.testing.assert_array_equal(run(form, sample), before)
    np.testing.assert_array_equal(run(form, sample, REACH), reaches)
