"""A tower as ONNX, and the proof that ONNX Runtime gives the vectors that torch gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray

from sensorium.encoders.convert.draft import Draft

OUTPUT = "vectors"
OPSET = 17
TOLERANCE = 1e-4  # of vectors of length 1


def export(draft: Draft, out: Path) -> int:
    """Write a tower as an ONNX file; returns the length of its vectors."""
    network = draft.network.eval()
    axes = {name: dict(axes) for name, axes in draft.axes.items()}
    with torch.inference_mode():
        torch.onnx.export(
            network, tuple(draft.example.values()), str(out), input_names=list(draft.example), output_names=[OUTPUT],
            dynamic_axes={**axes, OUTPUT: {0: "n"}}, opset_version=OPSET, dynamo=False,
        )  # fmt: skip
        width = int(network(*draft.example.values()).shape[-1])
    model = onnx.load(str(out))
    shape = model.graph.output[0].type.tensor_type.shape
    del shape.dim[:]
    shape.dim.add().dim_param = "n"
    shape.dim.add().dim_value = width
    onnx.save(model, str(out))
    return width


def difference(draft: Draft, tower: Path, rows: Sequence[Mapping[str, NDArray[Any]]]) -> float:
    """The largest difference between numbers of torch's and ONNX Runtime's vectors of length 1, over these inputs.

    nan when a vector is zero or not finite.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(str(tower), options, providers=["CPUExecutionProvider"])
    worst = 0.0
    for inputs in rows:
        with torch.inference_mode():
            wanted = draft.network(*(torch.from_numpy(inputs[name]) for name in draft.example)).numpy()
        got = session.run([OUTPUT], dict(inputs))[0]
        worst = float(np.maximum(worst, np.abs(_unit(got) - _unit(wanted)).max()))  # which nan stays in
    return worst


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(invalid="ignore"):
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
