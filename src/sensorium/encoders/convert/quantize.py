"""A tower in 8 bits: its matrix products and convolutions over whole numbers, with scales fixed beforehand.

The scales of activations are those of ordinary inputs, once and for all: were they taken from a batch, the vector of a
row would depend on its batch-mates. Weights have a scale for each output channel. Needs `onnx`.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from sensorium.core.progress import Progress, Silent
from sensorium.encoders.convert.observe import Inputs, Observed, Reach, observe, opened, session
from sensorium.encoders.convert.products import DEEP, PRODUCTS, in_eight_bits, products
from sensorium.encoders.convert.smooth import EVEN, smooth
from sensorium.encoders.onnx import CLIPPED, REACH

# Between convolutions all stays in whole numbers; between products of a transformer it does not, since the stream that
# its blocks add to needs more than 8 bits.
CONVOLUTIONAL = ("Conv", "Add", "Relu", "Clip", "MaxPool", "GlobalAveragePool", *PRODUCTS)
# Shares of the sample whose ranges are covered; the best is kept. A few odd pictures reach ten times as far as others,
# and a scale made for them would leave the others with 4 bits: what lies beyond is clipped.
COVERED = (1.0, 0.97, 0.95, 0.93, 0.91)
# With even channels the best of these shares of how much of the unevenness the weights take over, and then whether
# covering less of the sample is better still: the real MiniLM went from a mean cosine of 0.994 (overlap 0.96) to 0.999
# (0.98), the real ViT-Ti from 0.937 (0.80) to 0.998 (0.95).
SMOOTHED, COVERED_SMOOTHED = (0.9, 0.8, 0.65), (0.95,)
TRIALS = 1 + len(SMOOTHED) + len(COVERED) - 1  # at most
EVEN_PAYS = 1e-3  # of mean cosine: what evening out must win, since it costs an operation before each product
ENOUGH = 0.9997  # mean cosine beyond which no other share is tried: each takes seconds for a large tower
# The output `REACH` watches the tensor by which most is won, and must not send more rows than this to the tower itself.
GUARDED_SHARE, GUARD_PAYS = 0.1, 2e-4  # the latter is of cosine
# What goes into a product is watched before it is rounded, and may go so far beyond its scale: some channels of
# transformers are large in every row, near the end of their scale, and with other texts than the sample's a guard
# without slack sent more than half of them to the float tower, for next to nothing.
SLACK = 1.25
_NEAREST = 10
_AXES_ARE_INPUTS = 18  # the opset from which they are, of reductions
_TOP = int(np.iinfo(np.uint8).max)

Ends = Mapping[str, tuple[float, float]]


def quantize(
    tower: Path, out: Path, sample: Sequence[Inputs], progress: Progress | None = None, what: str = "trying scales"
) -> None:
    """Write the 8-bit form of an ONNX tower; `sample` are inputs of one ordinary row each, a hundred or more.

    Where a few rows reach beyond their scales, it has the output `REACH`. `progress` counts the scales that are tried,
    as `what`; fewer than it expects, once they are good enough.
    """
    news = progress or Silent()
    news.start(what, TRIALS)
    try:
        with TemporaryDirectory(dir=out.parent) as folder, _quietly():
            plain = _optimised(tower, Path(folder) / "plain.onnx")
            news.advance(0)  # by now it is known whether this takes long
            best = _best(_Trials(plain, Path(folder), sample, news))
            onnx.save(_guarded(best, sample[0]), str(out))
    finally:
        news.finish()


@dataclass(frozen=True)
class _Tried:
    """A form, what is to be watched in it, how good it is, and the float model and the ranges that it is made from."""

    score: float
    form: onnx.ModelProto
    guard: str | None
    base: onnx.ModelProto
    reached: Mapping[str, Reach]


def _guarded(tried: _Tried, any_row: Inputs) -> onnx.ModelProto:
    """The form with its guard; without, where the tensor that it would watch has not a row for each row."""
    if tried.guard is None:
        return tried.form
    form = onnx.ModelProto()
    form.CopyFrom(tried.form)
    _watch(form, tried.guard)
    two = {name: np.concatenate([values, values]) for name, values in any_row.items()}
    (reach,) = session(form.SerializeToString()).run([REACH], two)
    return form if reach.shape == (2,) else tried.form


class _Trials:
    """Makes forms of one tower, and looks at how good each is on the sample."""

    def __init__(self, plain: onnx.ModelProto, folder: Path, sample: Sequence[Inputs], progress: Progress) -> None:
        self.plain, self.folder, self.sample, self.progress = plain, folder, sample, progress
        self.convolutional = _is_convolutional(plain)
        names = _activations(plain) if self.convolutional else list(products(plain))
        self.seen: Observed = observe(plain, sample, names, by_channel=not self.convolutional)

    def tried(self, base: onnx.ModelProto, reached: Mapping[str, Reach], covered: float) -> _Tried:
        """The form of a base, which is the tower or has the same vectors, with scales for this share of the sample."""
        ends = {name: _range(*reach.ends, covered) for name, reach in reached.items()}
        if self.convolutional:
            form = _all_in_eight_bits(self.folder / "plain.onnx", self.folder / "form.onnx", ends, self.sample[0])
        else:
            form = in_eight_bits(base, ends)
        alike, clipped = self._looked_at(form)
        guard, won = _best_guard(alike, clipped)
        pays = 0.0 if base is self.plain else EVEN_PAYS
        self.progress.advance()
        return _Tried(float(alike.mean()) + won - pays, form, guard, base, reached)

    def evened(self, share: float) -> _Tried | None:
        """The form of the tower with even channels; None when it has none that could be evened out."""
        even, reached = onnx.ModelProto(), dict(self.seen.reached)
        even.CopyFrom(self.plain)
        factors = smooth(even, {name: reach.far for name, reach in reached.items()}, share)
        reached |= {f"{x}{EVEN}": reached[x].times(by) for x, by in factors.items()}
        return self.tried(even, reached, COVERED[0]) if factors else None

    def _looked_at(self, form: onnx.ModelProto) -> tuple[NDArray[np.float64], dict[str, NDArray[np.bool_]]]:
        """How much each row is like the tower's own (n,), and by activation whether it is clipped in the row (n,).

        Looked at in the graph as it is: what is clipped early no longer reaches far later on.
        """
        looked = _looked_at_as(form)
        kind = onnx.TensorProto.UINT8 if self.convolutional else onnx.TensorProto.FLOAT
        run = session(opened(form, list(looked), kind))
        vectors, clipped = [], {end.watched: np.zeros(len(self.sample), np.bool_) for end in looked.values()}
        for row, inputs in enumerate(self.sample):
            made, *found = run.run([form.graph.output[0].name, *looked], dict(inputs))
            vectors.append(made)
            for values, end in zip(found, looked.values(), strict=True):
                clipped[end.watched][row] = values.max() >= end.top or values.min() <= end.bottom
        return cosines(np.concatenate(vectors), self.seen.vectors), clipped


def _best(trials: _Trials) -> _Tried:
    """The best form: which channels to even out first, then how much of the sample to cover, while it gets better."""
    seen = trials.seen.reached
    best = trials.tried(trials.plain, seen, COVERED[0])
    if trials.convolutional:
        return max([best, *(trials.tried(trials.plain, seen, covered) for covered in COVERED[1:])], key=_score)
    last = -1.0
    for share in SMOOTHED:
        if best.score >= ENOUGH or (even := trials.evened(share)) is None:
            break
        best = max(best, even, key=_score)
        if even.score <= last:
            break
        last = even.score
    for covered in COVERED[1:] if best.base is trials.plain else COVERED_SMOOTHED:
        if best.score >= ENOUGH or (found := trials.tried(best.base, best.reached, covered)).score <= best.score:
            break
        best = found
    return best


def _score(tried: _Tried) -> float:
    return tried.score


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


def agreement(
    form: Path, tower: Path, rows: Sequence[Inputs], own: NDArray[np.float32] | None = None,
    progress: Progress | None = None,
) -> Agreement:  # fmt: skip
    """How much an 8-bit form, guarded if it has a guard, is like its tower, over inputs of one row each.

    `own` are the tower's vectors of the rows, where they are known. `progress`, which has been started, counts them.
    """
    if own is None:
        original = session(str(tower))
        own = np.concatenate([original.run(None, dict(inputs))[0] for inputs in rows])
    run, vectors = session(str(form)), own.copy()
    names = [output.name for output in run.get_outputs()]
    for row, inputs in enumerate(rows):
        found = dict(zip(names, run.run(names, dict(inputs)), strict=True))
        if REACH not in found or found[REACH][0] < CLIPPED:  # else the tower itself encodes it
            vectors[row] = found[names[0]][0]
        (progress or Silent()).advance()
    return Agreement.of(vectors, own)


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


def _optimised(tower: Path, at: Path) -> onnx.ModelProto:
    """The tower as ONNX Runtime simplifies it for any machine, written to `at` too."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(at)
    alike = ["ConstantSharing"]  # tensors that are alike by chance must not share a scale later on
    try:
        ort.InferenceSession(str(tower), options, providers=["CPUExecutionProvider"], disabled_optimizers=alike)
    except Exception as error:
        if shutil.disk_usage(at.parent).free < tower.stat().st_size:  # which ONNX Runtime does not say
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(at)) from error
        raise
    return onnx.load(str(at))


def _all_in_eight_bits(plain: Path, out: Path, ends: Ends, any_row: Inputs) -> onnx.ModelProto:
    """A tower of convolutions with everything between them in whole numbers."""
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    quantize_static(
        str(plain), str(out), _Rows([any_row]), quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, calibrate_method=CalibrationMethod.MinMax,
        op_types_to_quantize=list(CONVOLUTIONAL),
        extra_options={
            "OpTypesToExcludeOutputQuantization": list(PRODUCTS),
            "TensorQuantOverrides": {
                name: [{"rmin": np.float32(low), "rmax": np.float32(high)}] for name, (low, high) in ends.items()
            },
        },
    )  # fmt: skip
    return onnx.load(str(out))


def _activations(plain: onnx.ModelProto) -> list[str]:
    """Every activation of a tower of convolutions that may be quantised."""
    model = onnx.shape_inference.infer_shapes(plain)
    numbers = {v.name for v in model.graph.value_info if v.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}
    own = [value.name for value in model.graph.input if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT]
    fixed = {tensor.name for tensor in model.graph.initializer}
    nodes = [node for node in model.graph.node if node.op_type in CONVOLUTIONAL]
    return [*sorted({name for node in nodes for name in (*node.input, *node.output)} & numbers - fixed), *own]


def _best_guard(alike: NDArray[np.float64], clipped: Mapping[str, NDArray[np.bool_]]) -> tuple[str | None, float]:
    """What to watch in an 8-bit graph, if anything pays, and how much that adds to the mean cosine.

    `alike` (n,) says how much each row is like the tower's own, `clipped` by activation whether it is in that row.
    """
    won = {
        name: float((beyond * (1 - alike)).mean()) for name, beyond in clipped.items() if beyond.mean() <= GUARDED_SHARE
    }
    best = max(won, key=lambda name: won[name], default=None)
    return (best, won[best]) if best is not None and won[best] >= GUARD_PAYS else (None, 0.0)


class _Watchable(NamedTuple):
    """An activation of an 8-bit graph: what `REACH` would watch, and how low and high that may go.

    `bottom` and `top` are the same of the tensor that is looked at for it; a lower end of zero is none.
    """

    watched: str
    low: float
    high: float
    bottom: float
    top: float


def _looked_at_as(model: Any) -> dict[str, _Watchable]:
    """The activations of an 8-bit graph, by the tensor in which it is seen whether a row goes too far.

    Between convolutions that is the activation in 8 bits, which it is nowhere else; before a product, what is rounded.
    """
    fixed = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    nodes = [node for node in model.graph.node if node.op_type == "DequantizeLinear" and node.input[0] not in fixed]
    rounded = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    found = {}
    for node in nodes:
        scale, zero = float(fixed[node.input[1]]), int(fixed[node.input[2]])
        low, high = -scale * zero, scale * (_TOP - zero)
        if high <= 0:
            continue
        if _is_convolutional(model):
            found[node.input[0]] = _Watchable(node.output[0], low, high, 0 if low < 0 else -1, _TOP)
        else:
            whole, (low, high) = rounded[node.input[0]].removesuffix(DEEP), (SLACK * low, SLACK * high)
            found[whole] = _Watchable(whole, low, high, low if low < 0 else -np.inf, high)
    return found


def _watch(model: Any, tensor: str) -> None:
    """Add the output `REACH` to an 8-bit graph: how far a tensor goes in each row, 1 being an end of its scale.

    The lower end counts only where it is not zero.
    """
    make, opset = onnx.helper.make_node, next(found.version for found in model.opset_import if found.domain == "")
    axis = {"axes": [1]} if opset < _AXES_ARE_INPUTS else {}
    inputs = ["reach.flat"] if axis else ["reach.flat", "reach.axis"]
    constants = {} if axis else {"reach.axis": np.array([1], np.int64)}
    nodes, sides = [make("Flatten", [tensor], ["reach.flat"], axis=1)], []
    ends = next((end.low, end.high) for end in _looked_at_as(model).values() if end.watched == tensor)
    for operator, end in zip(("ReduceMin", "ReduceMax"), ends, strict=True):
        if end:
            constants[f"reach.{operator}.end"] = np.array(end, np.float32)
            nodes.append(make(operator, inputs, [f"reach.{operator}"], keepdims=0, **axis))
            nodes.append(make("Div", [f"reach.{operator}", f"reach.{operator}.end"], [f"reach.{operator}.share"]))
            sides.append(f"reach.{operator}.share")
    model.graph.node.extend([*nodes, make("Max", sides, [REACH])])
    model.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in constants.items())
    model.graph.output.append(onnx.helper.make_tensor_value_info(REACH, onnx.TensorProto.FLOAT, ["n"]))
    onnx.checker.check_model(model)


def _range(lows: NDArray[np.float32], highs: NDArray[np.float32], covered: float) -> tuple[float, float]:
    """What a scale has to reach from and to; zero is always within."""
    low, high = float(np.quantile(lows, 1 - covered)), float(np.quantile(highs, covered))
    return min(low, 0.0), max(high, 0.0, min(low, 0.0) + 1e-6)


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
