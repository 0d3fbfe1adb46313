"""A tower in 8 bits gives nearly the tower's vectors, row by row, and says which rows it is no good for."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from small_towers import (
    OUT,
    WIDTH,
    Array,
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

from sensorium.encoders.convert.quantize import Agreement, agreement, cosines, quantize
from sensorium.encoders.onnx import CLIPPED, REACH

SAMPLE, FAR, TIMES = 100, 4, 10
KINDS: dict[str, Any] = {"convolutions": (conv_tower, pictures), "products": (product_tower, numbers)}


class Made(NamedTuple):
    """A tower, its 8-bit form, what the scales are from, and rows that it has not seen."""

    tower: Path
    form: Path
    sample: Array
    ordinary: Array
    far: Array


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The form of a kind of tower, made from ordinary rows and `far` that are ten times as large."""
    known: dict[tuple[str, int], Made] = {}

    def make(kind: str, far: int) -> Made:
        if (kind, far) not in known:
            folder = tmp_path_factory.mktemp("towers")
            tower, rows = KINDS[kind]
            sample = rows(SAMPLE, 1)
            sample[:far] *= TIMES
            found = Made(tower(folder / "t.onnx"), folder / "f.onnx", sample, rows(60, 2), TIMES * rows(6, 3))
            quantize(found.tower, found.form, each(sample))
            known[kind, far] = found
        return known[kind, far]

    return make


both_kinds = pytest.mark.parametrize("kind", KINDS)
with_far_rows_or_not = pytest.mark.parametrize("far", [0, FAR])


def naive_cosine(one, other):
    dot = sum(float(a) * float(b) for a, b in zip(one, other, strict=True))
    return dot / sum(float(a) ** 2 for a in one) ** 0.5 / sum(float(b) ** 2 for b in other) ** 0.5


@needs_int8
@both_kinds
@with_far_rows_or_not
def test_ordinary_rows_keep_their_vectors(made, kind, far):
    """Also when a few rows of the sample were ten times as large: they do not take the bits of the others."""
    found = made(kind, far)
    alike = [naive_cosine(*pair) for pair in zip(*(run(f, found.ordinary) for f in found[:2]), strict=True)]

    # One that reaches a little beyond is clipped, and then the tower itself encodes it; few do.
    if far:
        reaches = run(found.form, found.ordinary, REACH)
        assert np.mean(reaches >= CLIPPED) <= 0.15
        alike = [cosine for cosine, reach in zip(alike, reaches, strict=True) if reach < CLIPPED]
    assert min(alike) > 0.995 and np.mean(alike) > 0.9995


@needs_int8
@both_kinds
@with_far_rows_or_not
def test_a_rows_vector_does_not_depend_on_its_batch_mates(made, kind, far):
    found = made(kind, far)
    rows = np.concatenate([found.ordinary[:9], found.far[:1], found.ordinary[9:12]])
    alone = np.concatenate([run(found.form, row["x"]) for row in each(rows)])

    np.testing.assert_allclose(run(found.form, rows), alone, atol=1e-5)
    np.testing.assert_allclose(run(found.form, rows[:9]), alone[:9], atol=1e-5)
    np.testing.assert_allclose(run(found.form, rows[::-1].copy()), alone[::-1], atol=1e-5)


@needs_int8
@both_kinds
def test_rows_that_reach_far_are_told_and_ordinary_ones_are_not(made, kind):
    found = made(kind, FAR)
    rows = np.concatenate([found.ordinary, found.far])
    reaches = run(found.form, rows, REACH)
    alone = np.concatenate([run(found.form, row["x"], REACH) for row in each(rows)])

    assert outputs(found.form) == ["vectors", REACH]
    assert reaches.shape == (len(rows),)
    assert (reaches[len(found.ordinary) :] >= CLIPPED).all()
    assert np.median(reaches[: len(found.ordinary)]) < 0.9
    np.testing.assert_allclose(reaches, alone, atol=1e-6)
    # without being told, they would have got something else
    assert cosines(run(found.form, found.far), run(found.tower, found.far)).max() < 0.99


@needs_int8
@both_kinds
def test_no_more_than_a_tenth_of_the_sample_is_sent_to_the_tower_itself(made, kind):
    found = made(kind, FAR)
    reaches = run(found.form, found.sample, REACH) >= CLIPPED

    assert reaches[:FAR].all() and reaches.mean() <= 0.1


@needs_int8
@both_kinds
def test_where_no_row_reaches_far_nothing_is_watched(made, kind):
    assert outputs(made(kind, 0).form) == ["vectors"]


@needs_int8
@pytest.mark.parametrize("opset", [13, 17])  # before 18, the axes of a reduction were no input
@pytest.mark.parametrize("tower", [conv_tower, product_tower])
def test_towers_of_older_opsets_are_watched_too(tmp_path, tower, opset):
    rows = numbers if tower is product_tower else pictures
    sample = rows(SAMPLE, 1)
    sample[:FAR] *= TIMES
    quantize(tower(tmp_path / "t.onnx", opset=opset), tmp_path / "f.onnx", each(sample))

    assert (run(tmp_path / "f.onnx", TIMES * rows(3, 3), REACH) >= CLIPPED).all()


@needs_int8
def test_rows_that_reach_far_below_are_told_too(made):
    found = made("products", FAR)

    assert (run(found.form, -np.abs(found.far), REACH) >= CLIPPED).all()


@needs_int8
def test_whole_numbers_that_fit_are_exact_and_what_lies_beyond_is_clipped(tmp_path):
    """Rows from 0 to 255, and a matrix with 127 in each column: both scales are 1."""
    random = np.random.default_rng(0)
    matrix = random.integers(-126, 128, (8, 4)).astype(np.float32)
    matrix[0] = 127
    nodes = [node("Relu", ["x"], ["above"]), node("MatMul", ["above", "matrix"], ["vectors"])]
    tower = save(tmp_path / "t.onnx", nodes, ["n", 8], {"matrix": matrix}, 4)
    sample = random.integers(0, 256, (40, 8)).astype(np.float32)
    sample[:, 1], sample[:, 2] = 0, 255
    quantize(tower, tmp_path / "f.onnx", each(sample))
    rows = random.integers(0, 256, (20, 8)).astype(np.float32)
    beyond = rows.copy()
    beyond[:, 3], rows[:, 3] = 1000, 255
    beyond[:, 4], rows[:, 4] = -7, 0

    np.testing.assert_array_equal(run(tmp_path / "f.onnx", rows), rows @ matrix)
    np.testing.assert_array_equal(run(tmp_path / "f.onnx", beyond), rows @ matrix)


@needs_int8
def test_the_tower_stays_as_it_is_and_nothing_is_said(tmp_path, capfd):
    tower = product_tower(tmp_path / "t.onnx")
    before, level = tower.read_bytes(), logging.getLogger().level
    quantize(tower, tmp_path / "f.onnx", each(numbers(SAMPLE, 1)))

    assert tower.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.onnx", "t.onnx"]
    assert logging.getLogger().level == level
    assert capfd.readouterr() == ("", "")


@needs_int8
@both_kinds
def test_products_are_of_whole_numbers(made, kind):
    """Each product and convolution takes what was made 8 bits: activations unsigned, weights signed."""
    graph = onnx.load(str(made(kind, 0).form)).graph
    maker = {name: made_by for made_by in graph.node for name in made_by.output}
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    products = [found for found in graph.node if found.op_type in ("Conv", "Gemm", "MatMul")]
    scales = [weights[maker[product.input[1]].input[1]].size for product in products]

    assert scales == ([16, 16, 16, 16] if kind == "convolutions" else [64, 16])  # one for each channel
    for product in products:
        assert [maker[name].op_type for name in product.input[:2]] == ["DequantizeLinear"] * 2
        assert weights[maker[product.input[0]].input[2]].dtype == np.uint8
        assert weights[maker[product.input[1]].input[0]].dtype == np.int8


@needs_int8
def test_sums_of_matrices_are_run_in_whole_numbers(made, tmp_path):
    """ONNX Runtime would make a Gemm of float32 of a product of two matrices and a sum."""
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "as_it_runs.onnx")
    options.log_severity_level = 4
    ort.InferenceSession(str(made("products", 0).form), options, providers=["CPUExecutionProvider"])

    kinds = [node.op_type for node in onnx.load(str(tmp_path / "as_it_runs.onnx")).graph.node]

    assert "Gemm" not in kinds and "MatMul" not in kinds


def attention_tower(path):
    """A row times a matrix, its result by itself turned, and a product with a bias: (n, WIDTH)."""
    random = np.random.default_rng(0)
    weights = {
        "first": random.normal(size=(WIDTH, 64)) / WIDTH**0.5, "axis": np.array([1]), "bias": random.normal(size=OUT),
        "second": random.normal(size=(OUT, 64)) / 8,
    }  # fmt: skip
    weights = {name: w.astype(np.float32 if name != "axis" else np.int64) for name, w in weights.items()}
    nodes = [
        node("MatMul", ["x", "first"], ["a"]),
        node("Unsqueeze", ["a", "axis"], ["row"]),
        node("Transpose", ["row"], ["column"], perm=[0, 2, 1]),
        node("MatMul", ["column", "row"], ["square"]),
        node("Softmax", ["square"], ["shares"]),
        node("MatMul", ["row", "shares"], ["mixed"]),
        node("Squeeze", ["mixed", "axis"], ["flat"]),
        node("Gemm", ["flat", "second", "bias"], ["vectors"], transB=1),
    ]
    return save(path, nodes, ["n", WIDTH], weights, OUT)


@needs_int8
def test_products_of_two_activations_and_biases_stay_as_they_are(tmp_path):
    tower, rows = attention_tower(tmp_path / "t.onnx"), numbers(SAMPLE, 1)
    quantize(tower, tmp_path / "f.onnx", each(rows))
    graph = onnx.load(str(tmp_path / "f.onnx")).graph
    maker = {name: made_by.op_type for made_by in graph.node for name in made_by.output}
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}

    made_of = [[maker.get(name) for name in found.input] for found in graph.node if found.op_type == "MatMul"]
    assert [set(kinds) == {"DequantizeLinear"} for kinds in made_of] == [True, False, False, True]
    assert not any("DequantizeLinear" in kinds for kinds in made_of[1:3])
    assert weights["bias"].dtype == np.float32 and not {"first", "second"} & set(weights)
    assert cosines(run(tmp_path / "f.onnx", rows), run(tower, rows)).min() > 0.999


@needs_int8
def test_weights_that_two_products_share_are_stored_once(tmp_path):
    matrix = np.random.default_rng(0).normal(size=(WIDTH, WIDTH)).astype(np.float32) / WIDTH**0.5
    nodes = [
        node("MatMul", ["x", "matrix"], ["a"]), node("Relu", ["a"], ["b"]),
        node("Gemm", ["b", "matrix"], ["vectors"], transB=1),
    ]  # fmt: skip
    tower, rows = save(tmp_path / "t.onnx", nodes, ["n", WIDTH], {"matrix": matrix}, WIDTH), numbers(SAMPLE, 1)
    quantize(tower, tmp_path / "f.onnx", each(rows))

    assert cosines(run(tmp_path / "f.onnx", rows), run(tower, rows)).min() > 0.999


@needs_int8
@pytest.mark.parametrize("unusual", [{"alpha": 0.5}, {"beta": 2.0}, {"transA": 1}])
def test_what_is_more_than_a_product_and_a_sum_stays_as_it_is(tmp_path, unusual):
    random = np.random.default_rng(0)
    width = 1 if "transA" in unusual else WIDTH
    weights = {"matrix": random.normal(size=(width, OUT)), "bias": random.normal(size=OUT)}
    nodes = [node("Gemm", ["x", "matrix", "bias"], ["vectors"], **unusual)]
    weights = {name: value.astype(np.float32) for name, value in weights.items()}
    tower = save(tmp_path / "t.onnx", nodes, ["n", WIDTH], weights, OUT)
    rows = numbers(SAMPLE, 1)
    quantize(tower, tmp_path / "f.onnx", each(rows))

    for row in each(rows)[:5]:
        np.testing.assert_array_equal(run(tmp_path / "f.onnx", row["x"]), run(tower, row["x"]))


def test_cosines_of_pairs():
    one = np.array([[3, 4], [1, 0], [2, 0], [1e-20, 0]], np.float32)
    other = np.array([[4, 3], [0, 5], [-9, 0], [1e-20, 1e-20]], np.float32)

    np.testing.assert_allclose(cosines(one, other), [0.96, 0, -1, 0.5**0.5], atol=1e-7)


def turned(*degrees):
    """Vectors of these angles, of various lengths."""
    angles = np.radians(degrees)
    return (np.stack([np.cos(angles), np.sin(angles)], 1) * np.arange(1, len(angles) + 1)[:, None]).astype(np.float32)


def test_agreement_of_the_same_vectors_is_whole():
    rows = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)

    assert Agreement.of(rows, rows) == Agreement.of(3 * rows, rows) == Agreement(1.0, 1.0)


def test_agreement_worked_by_hand():
    """Twelve rows, ten degrees apart; ten of the eleven others are near, so that each has one that is not.

    With the first and the last exchanged, the ten between lose one of their ten; those two lose none.
    """
    original = turned(*range(0, 120, 10))
    form = turned(110, *range(10, 110, 10), 0)

    found = Agreement.of(form, original)

    assert found.overlap == round((10 * 0.9 + 2 * 1.0) / 12, 4)
    assert found.cosine == round((10 + 2 * float(np.cos(np.radians(110)))) / 12, 5)


def test_agreement_is_that_of_a_slow_search():
    random = np.random.default_rng(5)
    original = random.normal(size=(30, 6)).astype(np.float32)
    form = (original + 0.3 * random.normal(size=(30, 6))).astype(np.float32)

    def nearest(rows, i):
        others = sorted((-naive_cosine(rows[i], rows[j]), j) for j in range(30) if j != i)
        return {j for _, j in others[:10]}

    overlap = np.mean([len(nearest(form, i) & nearest(original, i)) / 10 for i in range(30)])
    cosine = np.mean([naive_cosine(form[i], original[i]) for i in range(30)])

    found = Agreement.of(form, original)
    assert 0.5 < overlap < 1
    assert (found.cosine, found.overlap) == (pytest.approx(cosine, abs=1e-5), pytest.approx(overlap, abs=1e-4))


@needs_int8
@both_kinds
def test_agreement_counts_rows_that_the_tower_encodes_as_the_towers_own(made, kind):
    found = made(kind, FAR)
    rows = np.concatenate([found.ordinary, found.far])
    own, vectors = run(found.tower, rows), run(found.form, rows)
    beyond = run(found.form, rows, REACH) >= CLIPPED

    used = np.where(beyond[:, None], own, vectors)

    assert agreement(found.form, found.tower, each(rows)) == Agreement.of(used, own)
    assert agreement(found.form, found.tower, each(rows)).cosine > Agreement.of(vectors, own).cosine
    assert agreement(found.tower, found.tower, each(rows)) == Agreement(1.0, 1.0)
