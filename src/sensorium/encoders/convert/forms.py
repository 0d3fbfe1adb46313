"""What is measured on ordinary rows when a tower has been converted: its 8-bit form, and calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.progress import Progress
from sensorium.core.types import Modality, Part
from sensorium.encoders.bundle import EightBits, Tower
from sensorium.encoders.convert.samples import sample_pictures, sample_texts
from sensorium.encoders.convert.sounds import sample_sounds
from sensorium.encoders.onnx import inputs_of
from sensorium.encoders.sound import AudioSettings
from sensorium.encoders.tokens import TextSettings

Inputs = dict[str, NDArray[Any]]
# Of the sample, every other row makes the scales of an 8-bit form, the others tell how well it agrees.
FEWEST = 32  # rows below which an 8-bit form is not tried


def sampled(tower: Tower, given: Sequence[Part]) -> tuple[list[Part], bool]:
    """The parts of a tower's modality among those given, and whether there are any; else Sensorium's own."""
    if own := [part for part in given if part.modality == tower.modality]:
        return own, True
    match tower.settings:
        case AudioSettings(rate=rate):
            return sample_sounds(rate), False
        case TextSettings():
            return sample_texts(), False
        case _:
            return sample_pictures(), False


def first_windows(tower: Tower, prepared: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """Prepared parts that a tower takes in one row each: of texts in several windows, the first."""
    longest = tower.settings.max_tokens if isinstance(tower.settings, TextSettings) else None
    return [one[:longest] for one in prepared]


def single_rows(tower: Tower, prepared: Sequence[NDArray[Any]]) -> list[Inputs]:
    """What the tower takes of prepared parts in one window, one row each."""
    return [dict(zip(tower.inputs, inputs_of(tower, [one]), strict=True)) for one in prepared]


def with_eight_bits(
    folder: Path, tower: Tower, rows: Sequence[Inputs], vectors: NDArray[np.float32], progress: Progress
) -> dict[str, Any] | None:
    """Writes the 8-bit form of a tower beside it; what a description says of it. None, and no file, if it is bad.

    `vectors` are the tower's own of the rows.
    """
    from sensorium.encoders.convert.quantize import agreement, quantize

    if len(rows) < FEWEST:
        return None
    form = folder / f"{tower.modality}.int8.onnx"
    quantize(folder / tower.file, form, rows[::2], progress, f"{tower.modality} tower: trying scales of 8 bits")
    progress.start(f"{tower.modality} tower: comparing its 8-bit form", len(rows[1::2]))
    found = agreement(form, folder / tower.file, rows[1::2], vectors[1::2], progress)
    progress.finish()
    if EightBits(form.name, found.cosine, found.overlap).good:
        return {"file": form.name, "cosine": found.cosine, "overlap": found.overlap}
    form.unlink()
    return None


def calibrations(vectors: Mapping[Modality, NDArray[np.float32]]) -> dict[str, dict[str, float]]:
    """Mean and deviation of the cosine of unrelated pairs, for each pair of modalities: "query-answer"."""
    unit = {m: v / np.linalg.norm(v, axis=1, keepdims=True) for m, v in vectors.items()}
    found = {}
    for query, a in unit.items():
        for answer, b in unit.items():
            cosines = a @ b.T
            kept = cosines[~np.eye(len(a), dtype=bool)] if query == answer else cosines.ravel()
            if kept.size:
                found[f"{query}-{answer}"] = {
                    "mean": round(float(kept.mean()), 4), "std": round(max(float(kept.std()), 1e-3), 4),
                }  # fmt: skip
    return found
