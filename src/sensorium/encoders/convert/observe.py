"""What goes on in a float tower on ordinary rows: its vectors, and how far its activations reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

Inputs = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Reach:
    """The lowest and the highest value of an activation in each row, float32 (n, k), by channel; k is 1 for all as one.

    Channels are those along the last axis.
    """

    low: NDArray[np.float32]
    high: NDArray[np.float32]

    @property
    def ends(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(lowest, highest) of each row over all channels, (n,) both."""
        return self.low.min(axis=1), self.high.max(axis=1)

    @property
    def far(self) -> NDArray[np.float32]:
        """How far from zero each channel goes in any row: (k,)."""
        return np.maximum(-self.low.min(axis=0), self.high.max(axis=0))

    def times(self, factors: NDArray[np.float32]) -> Reach:
        """That of the activation when each channel is multiplied by a number above zero."""
        return Reach(self.low * factors, self.high * factors)


@dataclass(frozen=True)
class Observed:
    """The vectors of rows, float32 (n, d), and the `Reach` of activations by name."""

    vectors: NDArray[np.float32]
    reached: Mapping[str, Reach]


def observe(tower: onnx.ModelProto, rows: Sequence[Inputs], names: Sequence[str], *, by_channel: bool) -> Observed:
    """Run a tower on inputs of one row each, and look at the activations called `names`; inputs may be among them."""
    own = {value.name for value in tower.graph.input}
    inner = [name for name in names if name not in own]
    run = session(opened(tower, inner, onnx.TensorProto.FLOAT))
    vectors, seen = [], []
    for row in rows:
        made, *found = run.run([tower.graph.output[0].name, *inner], dict(row))
        vectors.append(made)
        values = dict(zip(inner, found, strict=True))
        seen.append([_ends(values.get(name, row.get(name)), by_channel) for name in names])
    reached = {
        name: Reach(*(np.stack([row[i][end] for row in seen]) for end in (0, 1))) for i, name in enumerate(names)
    }
    return Observed(np.concatenate(vectors), reached)


def _ends(values: Any, by_channel: bool) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if not by_channel:
        return values.min().reshape(1), values.max().reshape(1)
    flat = values.reshape(-1, values.shape[-1])
    return flat.min(axis=0), flat.max(axis=0)


def opened(model: onnx.ModelProto, names: Sequence[str], kind: int) -> bytes:
    """A model, serialised, with the tensors called `names` (of this kind) as outputs behind its own."""
    graph = model.graph
    known, own = {output.name for output in graph.output}, len(graph.output)
    graph.output.extend(onnx.helper.make_tensor_value_info(name, kind, None) for name in names if name not in known)
    try:
        return bytes(model.SerializeToString())
    finally:
        del graph.output[own:]


def session(model: str | bytes) -> ort.InferenceSession:
    """An ONNX file, or a serialised model, ready to run on the CPU; nothing is said about its graph."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
