"""Sound to log-mel spectrogram: what an audio tower sees. numpy only; training computes its inputs with it too."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensorium.core.types import Audio


@dataclass(frozen=True, slots=True)
class AudioSettings:
    """The preprocessing of an audio tower: `rate`, `low` and `high` in Hz, `fft`, `window` and `hop` in samples."""

    rate: int = 16000
    seconds: float = 5.0
    fft: int = 512
    window: int = 400
    hop: int = 160
    bins: int = 64
    low: float = 50.0
    high: float = 8000.0
    floor: float = 1e-5
    mean: float = -4.0
    std: float = 4.0

    def __post_init__(self) -> None:
        if not 0 < self.window <= self.fft or min(self.rate, self.hop, self.bins) < 1 or self.seconds <= 0:
            raise ValueError("rate, seconds, hop and bins must be above 0, and window within fft")
        if not 0 <= self.low < self.high <= self.rate / 2:
            raise ValueError("low and high must be frequencies with 0 <= low < high <= rate / 2")
        if self.floor <= 0 or self.std == 0:
            raise ValueError("floor must be above 0 and std not 0")
        if self.samples <= self.fft // 2:
            raise ValueError("seconds must be longer than half an fft")

    @property
    def samples(self) -> int:
        """How many samples the tower looks at."""
        return round(self.seconds * self.rate)

    @property
    def frames(self) -> int:
        """How many columns the spectrogram has."""
        return 1 + (self.samples + 2 * (self.fft // 2) - self.fft) // self.hop


def mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Frequencies in Hz on the HTK mel scale: 2595 log10(1 + f / 700)."""
    return 2595.0 * np.log10(1.0 + hertz / 700.0)


@lru_cache(maxsize=8)
def mel_bank(settings: AudioSettings) -> NDArray[np.float32]:
    """Triangles of height 1, evenly spaced in mel between `low` and `high`: float32 (bins, fft // 2 + 1), read-only."""
    low, high = mel(np.array([settings.low, settings.high]))
    corners = 700.0 * (10.0 ** (np.linspace(low, high, settings.bins + 2) / 2595.0) - 1.0)
    hertz = np.arange(settings.fft // 2 + 1) * (settings.rate / settings.fft)
    left, centre, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    bank = np.minimum((hertz - left) / (centre - left), (right - hertz) / (right - centre))  # (bins, fft // 2 + 1)
    bank = np.maximum(bank, 0.0).astype(np.float32)
    bank.setflags(write=False)
    return bank


@lru_cache(maxsize=8)
def hann(length: int) -> NDArray[np.float32]:
    """The periodic Hann window, float32 (length,), read-only."""
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)
    window.setflags(write=False)
    return window


def log_mel(samples: NDArray[np.floating], settings: AudioSettings) -> NDArray[np.float32]:
    """The normalised log-mel spectrogram of mono `samples` (n,) at `settings.rate`: float32 (bins, frames), finite.

    Samples are cut, or padded with zeros, to `seconds`. Frames are centred: the signal is reflected by half an fft at
    both ends. Values outside [-1, 1] are clipped and NaN is silence, so that every input gives finite numbers.
    Raises ValueError when samples are not one-dimensional.
    """
    if samples.ndim != 1:
        raise ValueError(f"samples must be mono, of shape (n,), not {samples.shape}")
    half, skip = settings.fft // 2, (settings.fft - settings.window) // 2
    signal = np.zeros(settings.samples + 2 * half, dtype=np.float32)
    inner = signal[half : half + settings.samples]
    taken = samples[: settings.samples]
    np.clip(taken, -1.0, 1.0, out=inner[: len(taken)], casting="same_kind")
    np.nan_to_num(inner, copy=False, nan=0.0)
    signal[:half] = inner[half:0:-1]
    signal[half + settings.samples :] = inner[-2 : -half - 2 : -1]
    # The window is centred in the fft; where it stands changes only phases, so its samples alone are transformed.
    frames = np.lib.stride_tricks.sliding_window_view(signal, settings.fft)[:: settings.hop]  # (frames, fft)
    spectrum = np.fft.rfft(frames[:, skip : skip + settings.window] * hann(settings.window), n=settings.fft)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32, copy=False)  # (frames, fft // 2 + 1)
    levels = mel_bank(settings) @ power.T  # (bins, frames)
    levels += np.float32(settings.floor)
    np.log(levels, out=levels)
    levels -= np.float32(settings.mean)
    levels /= np.float32(settings.std)
    return levels


def prepare_sound(audio: Audio, settings: AudioSettings) -> NDArray[np.float32]:
    """The spectrogram of an audio part: float32 (bins, frames). Raises ValueError when its rate is not the tower's."""
    if audio.rate != settings.rate:
        raise ValueError(f"the audio tower hears {settings.rate} Hz, not {audio.rate} Hz; resample the sound first")
    return log_mel(audio.samples, settings)
