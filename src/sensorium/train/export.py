"""From trained towers to a bundle: ONNX with weights in 8 bits, preprocessing as data, calibration, a card."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sensorium.encoders.convert.weights import shrink
from sensorium.train.hearing import FRONT_END
from sensorium.train.networks import AudioTower, ImageTower, TextTower

Axes = Mapping[str, dict[int, str]]


def to_onnx(tower: torch.nn.Module, inputs: Mapping[str, torch.Tensor], axes: Axes, out: Path) -> None:
    """Write a tower with the output `vectors`; its large weights in 8 bits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the TorchScript exporter is deprecated, and gives the plainest graph
        torch.onnx.export(
            tower.eval().float(), tuple(inputs.values()), str(out), input_names=list(inputs),
            output_names=["vectors"], dynamic_axes={**axes, "vectors": {0: "n"}}, opset_version=17, dynamo=False,
        )  # fmt: skip
    shrink(out)


def unrelated(a: NDArray[np.float32], b: NDArray[np.float32], seed: int = 0) -> dict[str, float]:
    """Mean and deviation of the cosine of random pairs of rows of a and b; of two different rows if a is b."""
    rng = np.random.default_rng(seed)
    i, j = rng.integers(len(a), size=20_000), rng.integers(len(b), size=20_000)
    if a is b:
        i, j = i[i != j], j[i != j]
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    cosines = np.einsum("nd,nd->n", a[i], b[j])
    return {"mean": round(float(cosines.mean()), 4), "std": round(float(cosines.std()), 4)}


def export(
    text: TextTower, image: ImageTower, audio: AudioTower, tokenizer: Path, side: int, out: Path
) -> dict[str, Any]:
    """Write the three towers and the tokenizer into `out`; returns the `towers` part of the description."""
    out.mkdir(parents=True, exist_ok=True)
    ids = torch.ones(2, 7, dtype=torch.int64)
    batch = {0: "n"}
    to_onnx(text, {"ids": ids, "mask": ids}, {"ids": {0: "n", 1: "t"}, "mask": {0: "n", 1: "t"}}, out / "text.onnx")
    to_onnx(image, {"pixels": torch.zeros(2, 3, side, side)}, {"pixels": batch}, out / "image.onnx")
    mel = torch.zeros(2, FRONT_END.bins, FRONT_END.frames)
    to_onnx(audio, {"mel": mel}, {"mel": batch}, out / "audio.onnx")
    (out / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    return {
        "text": {"file": "text.onnx", "inputs": ["ids", "mask"], "tokenizer": "tokenizer.json",
                 "max_tokens": text.places.num_embeddings},
        "image": {"file": "image.onnx", "inputs": ["pixels"], "side": side, "resize": "squash", "filter": "bicubic",
                  "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
        "audio": {"file": "audio.onnx", "inputs": ["mel"], **asdict(FRONT_END)},
    }  # fmt: skip
