"""A tower in 8 bits: its matrix products and convolutions over whole numbers, with scales fixed beforehand.

The scales of activations are those of ordinary inputs, once and for all: were they taken from a batch, the vector of a
row would depend on its batch-mates. Weights have a scale for each output channel. Needs `onnx`.
"""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from sensorium.encoders.convert.smooth import smooth
from sensorium.encoders.onnx import CLIPPED, REACH

Inputs = Mapping[str, NDArray[Any]]

PRODUCTS = ("Gemm", "MatMul")
# Between convolutions all stays in whole numbers; between products of a transformer it does not, since the stream that
# its blocks add to needs more than 8 bits.
CONVOLUTIONAL = ("Conv", "Add", "Relu", "Clip", "MaxPool", "GlobalAveragePool", *PRODUCTS)
# Shares of the sample whose ranges are covered; the best is kept. A few odd pictures reach ten times as far as others,
# and a scale made for them would leave the others with 4 bits: what lies beyond is clipped.
COVERED = (1.0, 0.97, 0.95, 0.93, 0.91)
# With even channels the best of these shares of the sample, and of how much of the unevenness the weights take over:
# the real MiniLM went from a mean cosine of 0.989 (overlap 0.91) to 0.999 (0.98), the real ViT-Ti from 0.915 (0.77)
# to 0.993 (0.92).
COVERED_SMOOTHED, SMOOTHED = (1.0, 0.95), (0.8, 0.65)
EVEN_PAYS = 1e-3  # of mean cosine: what evening out must win, since it costs an operation before each product
ENOUGH = 0.9997  # mean cosine beyond which no other share is tried: each takes a minute for a large tower
# The output `REACH` watches the tensor by which most is won, and must not send more rows than this to the tower itself.
GUARDED_SHARE, GUARD_PAYS = 0.1, 2e-4  # the latter is of cosine
_NEAREST = 10
_AXES_ARE_INPUTS = 18  # the opset from which they are, of reductions


def quantize(tower: Path, out: Path, sample: Sequence[Inputs]) -> None:
    """Write the 8-bit form of an ONNX tower; `sample` are inputs of one ordinary row each, a hundred or more.

    Where a few rows reach beyond their scales, it has the output `REACH`.
    """
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with TemporaryDirectory() as folder, _quietly():
        plain = Path(folder) / "plain.onnx"
        quant_pre_process(str(tower), str(plain), skip_symbolic_shape=True)
        wanted = _vectors(plain, sample)
        forms = []
        for number, (base, ends) in enumerate(_attempts(plain, sample)):
            form = Path(folder) / f"{number}.onnx"
            _write(base, form, ends, sample[0])
            alike = cosines(_vectors(form, sample), wanted)
            guard, won = _best_guard(form, sample, alike)
            pays = 0.0 if base == plain else EVEN_PAYS
            forms.append((float(alike.mean()) + won - pays, form, guard))
            if forms[-1][0] >= ENOUGH and not _is_convolutional(onnx.load(str(plain))):
                break
        _, form, guard = max(forms, key=lambda found: found[0])
        model = onnx.load(str(form))
        if guard is not None:
            _watch(model, guard)
        onnx.save(model, str(out))


def _attempts(plain: Path, sample: Sequence[Inputs]) -> Iterator[tuple[Path, dict[str, tuple[float, float]]]]:
    """Float towers with the same vectors, and the range of every activation that may be quantised, best guess first."""

    def ends(covered: float) -> dict[str, tuple[float, float]]:
        return {name: _range(*reach, covered) for name, reach in reached.items()}

    reached = _extremes(plain, sample)
    yield plain, ends(COVERED[0])
    if not _is_convolutional(onnx.load(str(plain))):
        for share in SMOOTHED:
            even = plain.with_name(f"even{share}.onnx")
            shutil.copyfile(plain, even)
            if smooth(even, sample, share):
                reached = _extremes(even, sample)
                for covered in COVERED_SMOOTHED:
                    yield even, ends(covered)
        reached = _extremes(plain, sample)
    for covered in COVERED[1:]:
        yield plain, ends(covered)


@dataclass(frozen=True)
class Agreement:
    """How much two forms of a tower are alike, on rows that its scales were not made from.

    `cosine` is the mean of a row with itself; `overlap` the share of the ten nearest other rows that stay the same.
    """

    cosine: float
    overlap: float

    @classmethod
    def of(cls, form: NDArray[np.float32], original: NDArray[np.float32]) -> Agreement:
        """Of two arrays of vectors (n, d) of the same rows, n above 1; of fewer than 11 all others are the nearest."""
        same = [len(set(a) & set(b)) / len(a) for a, b in zip(_nearest(form), _nearest(original), strict=True)]
        return cls(round(float(cosines(form, original).mean()), 5), round(float(np.mean(same)), 4))


def agreement(form: Path, tower: Path, rows: Sequence[Inputs]) -> Agreement:
    """How much an 8-bit form, guarded if it has a guard, is like its tower, over inputs of one row each."""
    session, wanted = _session(str(form)), _vectors(tower, rows)
    vectors = _vectors(form, rows)
    if REACH in {output.name for output in session.get_outputs()}:
        beyond = [i for i, inputs in enumerate(rows) if session.run([REACH], dict(inputs))[0][0] >= CLIPPED]
        vectors[beyond] = wanted[beyond]
    return Agreement.of(vectors, wanted)


def _nearest(vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = unit @ unit.T
    np.fill_diagonal(scores, -np.inf)
    return np.argsort(-scores, axis=1)[:, : min(_NEAREST, len(unit) - 1)]


def cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    """The cosine of each row with the same row of the other: float64 (n,)."""
    a, b = one.astype(np.float64), other.astype(np.float64)
    return np.asarray((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1))


def _is_convolutional(model: Any) -> bool:
    operators = Counter(node.op_type for node in model.graph.node)
    return operators["Conv"] > sum(operators[name] for name in PRODUCTS)


def _write(plain: Path, out: Path, ranges: Mapping[str, tuple[float, float]], any_row: Inputs) -> None:
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    convolutional = _is_convolutional(onnx.load(str(plain)))
    quantize_static(
        str(plain), str(out), _Rows([any_row]), quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, calibrate_method=CalibrationMethod.MinMax,
        op_types_to_quantize=list(CONVOLUTIONAL if convolutional else PRODUCTS),
        extra_options={
            "MatMulConstBOnly": True, "OpTypesToExcludeOutputQuantization": list(PRODUCTS),
            "TensorQuantOverrides": {
                name: [{"rmin": np.float32(low), "rmax": np.float32(high)}] for name, (low, high) in ranges.items()
            },
        },
    )  # fmt: skip


def _extremes(tower: Path, sample: Sequence[Inputs]) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """(lowest, highest) of each row, float64 (n,) both, of every activation that may be quantised."""
    model = onnx.shape_inference.infer_shapes(onnx.load(str(tower)))
    numbers = {v.name for v in model.graph.value_info if v.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}
    fixed = {tensor.name for tensor in model.graph.initializer}
    nodes = [node for node in model.graph.node if node.op_type in CONVOLUTIONAL]
    names = sorted({name for node in nodes for name in (*node.input, *node.output)} & numbers - fixed)
    own = [value.name for value in model.graph.input if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT]
    del model.graph.output[:]
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    session = _session(model.SerializeToString()) if names else None
    rows = []
    for inputs in sample:
        found = [*(session.run(names, dict(inputs)) if session else ()), *(inputs[name] for name in own)]
        rows.append([(values.min(), values.max()) for values in found])
    reached = np.array(rows, np.float64)  # (n, tensors, 2)
    return {name: (reached[:, i, 0], reached[:, i, 1]) for i, name in enumerate([*names, *own])}


def _best_guard(form: Path, sample: Sequence[Inputs], alike: NDArray[np.float64]) -> tuple[str | None, float]:
    """What to watch in an 8-bit graph, if anything pays, and how much that adds to the mean cosine.

    `alike` (n,) says how much each row is like the tower's own. Looked at in the graph as it is: what is clipped early
    no longer reaches far later on.
    """
    model = onnx.load(str(form))
    ends = {name: (low, high) for name, (low, high) in _ends(model).items() if high > 0}
    if not ends:
        return None, 0.0
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in ends)
    session, names = _session(model.SerializeToString()), list(ends)
    reached = [
        [_reach(values, *ends[name]) for name, values in zip(names, session.run(names, dict(inputs)), strict=True)]
        for inputs in sample
    ]
    beyond = np.array(reached) >= CLIPPED  # (n, tensors)
    won = (beyond * (1 - alike)[:, None]).mean(axis=0)
    won[beyond.mean(axis=0) > GUARDED_SHARE] = 0.0
    best = int(won.argmax())
    return (names[best], float(won[best])) if won[best] >= GUARD_PAYS else (None, 0.0)


def _reach(values: NDArray[np.float32], low: float, high: float) -> float:
    """How far values go, 1 being an end of their scale; the lower end counts only where it is not zero."""
    up = float(values.max()) / high
    return max(up, float(values.min()) / low) if low < 0 else up


def _ends(model: Any) -> dict[str, tuple[float, float]]:
    """The least and the largest value that each activation of an 8-bit graph can have."""
    fixed = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    nodes = [node for node in model.graph.node if node.op_type == "DequantizeLinear" and node.input[0] not in fixed]
    ends = {}
    for node in nodes:
        scale, zero = float(fixed[node.input[1]]), int(fixed[node.input[2]])
        ends[node.output[0]] = (-scale * zero, scale * (np.iinfo(np.uint8).max - zero))
    return ends


def _watch(model: Any, tensor: str) -> None:
    """Add the output `REACH` to an 8-bit graph: what `_reach` says of a tensor, by row."""
    make, opset = onnx.helper.make_node, next(found.version for found in model.opset_import if found.domain == "")
    axis = {"axes": [1]} if opset < _AXES_ARE_INPUTS else {}
    inputs = ["reach.flat"] if axis else ["reach.flat", "reach.axis"]
    constants = {} if axis else {"reach.axis": np.array([1], np.int64)}
    nodes, sides = [make("Flatten", [tensor], ["reach.flat"], axis=1)], []
    for operator, end in zip(("ReduceMin", "ReduceMax"), _ends(model)[tensor], strict=True):
        if end:
            constants[f"reach.{operator}.end"] = np.array(end, np.float32)
            nodes.append(make(operator, inputs, [f"reach.{operator}"], keepdims=0, **axis))
            nodes.append(make("Div", [f"reach.{operator}", f"reach.{operator}.end"], [f"reach.{operator}.share"]))
            sides.append(f"reach.{operator}.share")
    model.graph.node.extend([*nodes, make("Max", sides, [REACH])])
    model.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in constants.items())
    model.graph.output.append(onnx.helper.make_tensor_value_info(REACH, onnx.TensorProto.FLOAT, ["n"]))
    onnx.checker.check_model(model)


def _range(lows: NDArray[np.float64], highs: NDArray[np.float64], covered: float) -> tuple[float, float]:
    """What a scale has to reach from and to; zero is always within."""
    low, high = float(np.quantile(lows, 1 - covered)), float(np.quantile(highs, covered))
    return min(low, 0.0), max(high, 0.0, min(low, 0.0) + 1e-6)


def _vectors(tower: Path, sample: Sequence[Inputs]) -> NDArray[np.float32]:
    session = _session(str(tower))
    return np.concatenate([session.run(None, dict(inputs))[0] for inputs in sample])


def _session(model: str | bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class _Rows:
    """What `quantize_static` asks for: the next inputs, or None."""

    def __init__(self, sample: Sequence[Inputs]) -> None:
        self._rows: Iterator[Inputs] = iter(sample)

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        return dict(row) if (row := next(self._rows, None)) is not None else None


@contextmanager
def _quietly() -> Iterator[None]:
    """Without advice to whoever wrote the tower's graph."""
    logger = logging.getLogger()
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
