"""A model on trial: what is found out about a bundle before a library relies on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sensorium.core.types import Audio, Modality, Part
from sensorium.encoders.bundle import BUILT_IN
from sensorium.encoders.onnx import OnnxEncoder

if TYPE_CHECKING:
    from sensorium.encoders.bundle import Bundle

SIDE = 64  # pixels


def prove(*bundles: Bundle) -> None:
    """Compare every file with its hash, and have each tower, and each good 8-bit form, encode something.

    Nothing stays loaded. A built-in bundle has been tried before it was packed. Raises BundleDamaged.
    """
    for bundle in bundles:
        _prove(bundle)


def _prove(bundle: Bundle) -> None:
    for name in bundle.files:
        bundle.checked(name)
    if bundle.folder.parent == BUILT_IN:
        return
    forms = any(tower.int8 is not None and tower.int8.good for tower in bundle.towers.values())
    for precision in ("float32", "int8") if forms else ("float32",):
        encoder = OnnxEncoder(bundle, precision=precision)
        for modality in bundle.modalities:
            encoder.encode([_example(modality, encoder.limits().get("audio_rate", 0))])
            encoder.unload()


def _example(modality: Modality, rate: int) -> Part:
    """A sentence, a picture of many colours, a second of noise at `rate` Hz."""
    random = np.random.default_rng(0)
    match modality:
        case "text":
            return Part("text", "a dog runs along the beach")
        case "image":
            return Part("image", random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))
        case _:
            return Part("audio", Audio(random.uniform(-0.5, 0.5, rate).astype(np.float32), rate))
