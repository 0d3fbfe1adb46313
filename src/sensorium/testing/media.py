"""Small files built on the spot, for the tests of readers and of all that reads."""

from __future__ import annotations

import io
import wave

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def wav(samples: NDArray[np.floating], rate: int = 16000) -> bytes:
    """A 16-bit WAV file of `samples` in [-1, 1], (n,) or (n, channels)."""
    columns = samples[:, None] if samples.ndim == 1 else samples
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(columns.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.rint(np.clip(columns, -1, 1) * 32767).astype("<i2").tobytes())
    return written.getvalue()


def tone(hertz: float = 440.0, seconds: float = 2.0, rate: int = 16000, loudness: float = 0.5) -> NDArray[np.float32]:
    """A sine of `seconds`, float32 (n,)."""
    times = np.arange(round(seconds * rate)) / rate
    return (loudness * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def picture(width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """A picture without symmetry, uint8 (height, width, 3): red grows rightwards, green downwards; a blue corner."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width).astype(np.uint8)[None, :]
    pixels[..., 1] = np.linspace(0, 255, height).astype(np.uint8)[:, None]
    pixels[: height // 3, : width // 4, 2] = 255
    return pixels


def encoded(image: Image.Image | NDArray[np.uint8], form: str = "PNG", **options: object) -> bytes:
    """`image` as a file of Pillow's format `form`."""
    whole = image if isinstance(image, Image.Image) else Image.fromarray(image)
    written = io.BytesIO()
    whole.save(written, form, **options)
    return written.getvalue()
