"""High dynamic range as it looks on an ordinary screen: PQ and HLG of BT.2100 to sRGB.

FFmpeg's scaler can do it too, after two seconds of preparation for each film.
"""

from __future__ import annotations

import numpy as np
from av.video.reformatter import ColorTrc
from numpy.typing import NDArray

PQ, HLG = int(ColorTrc.SMPTE2084), int(ColorTrc.ARIB_STD_B67)
_WHITE = 203.0  # cd/m2 of a white sheet (BT.2408)
_KNEE = 0.75  # light of white above which highlights are pressed together
# BT.2020 to BT.709 primaries (BT.2087).
_PRIMARIES = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)  # fmt: skip
_LUMA = np.array([0.2627, 0.6780, 0.0593], np.float32)


def to_ordinary(pixels: NDArray[np.uint16], transfer: int) -> NDArray[np.uint8]:
    """`pixels` (height, width, 3) of 16 bits, coded by `transfer`, PQ or HLG, with BT.2020 primaries, as sRGB."""
    coded = np.asarray(pixels / np.float32(65535), np.float32)
    light = (_of_pq(coded) if transfer == PQ else _of_hlg(coded)) / _WHITE
    light = np.maximum(light @ _PRIMARIES.T, 0)
    most = light.max(axis=-1, keepdims=True)
    pressed = _KNEE + (1 - _KNEE) * (1 - np.exp((_KNEE - most) / (1 - _KNEE)))
    light *= np.where(most > _KNEE, pressed / np.maximum(most, _KNEE), 1)
    levels = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(levels * 255), np.uint8)


def _of_pq(coded: NDArray[np.float32]) -> NDArray[np.float32]:
    """cd/m2 (SMPTE ST 2084)."""
    power = coded ** (1 / 78.84375)
    light = np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)
    return np.asarray(10000 * light ** (1 / 0.1593017578125), np.float32)


def _of_hlg(coded: NDArray[np.float32]) -> NDArray[np.float32]:
    """cd/m2 on a screen of 1000 (ARIB STD-B67, BT.2100)."""
    scene = np.where(coded <= 0.5, coded**2 / 3, (np.exp((coded - 0.55991073) / 0.17883277) + 0.28466892) / 12)
    return np.asarray(1000 * (scene @ _LUMA)[..., None] ** 0.2 * scene, np.float32)
