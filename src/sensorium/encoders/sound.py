"""Sound to log-mel spectrogram: what an audio tower sees. numpy only; training computes its inputs with it too."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensorium.core.types import Audio

# Frames that are transformed at once. Few: what is reckoned stays in the cache, and BLAS does not share such small
# products among threads, which wait for each other on busy cores: one large product took 0.7 to 20 ms of theirs.
BLOCK = 32
# Slaney's mel scale: straight up to 1000 Hz (15 mels), from there a factor of 6.4 every 27 mels.
_SLANEY_BEND, _SLANEY_STEP = 1000.0, np.log(6.4) / 27.0


@dataclass(frozen=True, slots=True)
class AudioSettings:
    """The preprocessing of an audio tower: `rate`, `low` and `high` in Hz, `fft`, `window` and `hop` in samples.

    `scale` of mels (`htk`, `slaney`); `norm` of the triangles: height 1 (`none`) or equal area (`slaney`); `level`:
    ln(energy + floor), or `db`: 10 log10(max(energy, floor)). A sound shorter than `seconds` is followed by `zero`s,
    or said again as often as it fits whole, and zeros then (`repeat`).
    """

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
    scale: str = "htk"
    norm: str = "none"
    level: str = "ln"
    fill: str = "zero"

    def __post_init__(self) -> None:
        if not 0 < self.window <= self.fft or min(self.rate, self.hop, self.bins) < 1 or self.seconds <= 0:
            raise ValueError("rate, seconds, hop and bins must be above 0, and window within fft")
        if not 0 <= self.low < self.high <= self.rate / 2:
            raise ValueError("low and high must be frequencies with 0 <= low < high <= rate / 2")
        if self.floor <= 0 or self.std == 0:
            raise ValueError("floor must be above 0 and std not 0")
        if self.samples <= self.fft // 2:
            raise ValueError("seconds must be longer than half an fft")
        for name, known in (
            ("scale", ("htk", "slaney")), ("norm", ("none", "slaney")), ("level", ("ln", "db")),
            ("fill", ("zero", "repeat")),
        ):  # fmt: skip
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be {' or '.join(known)}, not {getattr(self, name)!r}")

    @property
    def samples(self) -> int:
        """How many samples the tower looks at."""
        return round(self.seconds * self.rate)

    @property
    def frames(self) -> int:
        """How many columns the spectrogram has."""
        return 1 + (self.samples + 2 * (self.fft // 2) - self.fft) // self.hop


def mel(hertz: NDArray[np.float64], scale: str = "htk") -> NDArray[np.float64]:
    """Frequencies in Hz on the mel scale of HTK, 2595 log10(1 + f / 700), or of Slaney's Auditory Toolbox."""
    if scale == "htk":
        return 2595.0 * np.log10(1.0 + hertz / 700.0)
    above = 15.0 + np.log(np.maximum(hertz, _SLANEY_BEND) / _SLANEY_BEND) / _SLANEY_STEP
    return np.where(hertz < _SLANEY_BEND, 3.0 * hertz / 200.0, above)


def hertz(mels: NDArray[np.float64], scale: str = "htk") -> NDArray[np.float64]:
    """The inverse of `mel`."""
    if scale == "htk":
        return np.asarray(700.0 * (10.0 ** (mels / 2595.0) - 1.0))
    above = _SLANEY_BEND * np.exp(_SLANEY_STEP * (np.maximum(mels, 15.0) - 15.0))
    return np.where(mels < 15.0, 200.0 * mels / 3.0, above)


@lru_cache(maxsize=8)
def mel_bank(settings: AudioSettings) -> NDArray[np.float32]:
    """Triangles evenly spaced in mel between `low` and `high`: float32 (bins, fft // 2 + 1), read-only."""
    low, high = mel(np.array([settings.low, settings.high]), settings.scale)
    corners = hertz(np.linspace(low, high, settings.bins + 2), settings.scale)
    heard = np.arange(settings.fft // 2 + 1) * (settings.rate / settings.fft)
    left, centre, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    bank = np.minimum((heard - left) / (centre - left), (right - heard) / (right - centre))  # (bins, fft // 2 + 1)
    bank = np.maximum(bank, 0.0)
    if settings.norm == "slaney":
        bank *= 2.0 / (right - left)
    bank = bank.astype(np.float32)
    bank.setflags(write=False)
    return bank


@lru_cache(maxsize=8)
def hann(length: int, kind: str = "float32") -> NDArray[np.floating[Any]]:
    """The periodic Hann window, (length,) of `kind`, read-only."""
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(kind)
    window.setflags(write=False)
    return window


def log_mel(samples: NDArray[np.floating], settings: AudioSettings) -> NDArray[np.float32]:
    """The normalised log-mel spectrogram of mono `samples` (n,) at `settings.rate`: float32 (bins, frames), finite.

    Samples are cut, or filled up, to `seconds`. Frames are centred: the signal is reflected by half an fft at both
    ends. Values outside [-1, 1] are clipped and NaN is silence, so that every input gives finite numbers.
    Raises ValueError when samples are not one-dimensional.
    """
    if samples.ndim != 1:
        raise ValueError(f"samples must be mono, of shape (n,), not {samples.shape}")
    levels = _energies(_filled(samples, settings), settings)
    if settings.level == "db":
        np.maximum(levels, np.float32(settings.floor), out=levels)
        np.log10(levels, out=levels)
        levels *= np.float32(10.0)
    else:
        levels += np.float32(settings.floor)
        np.log(levels, out=levels)
    levels -= np.float32(settings.mean)
    levels /= np.float32(settings.std)
    return levels


def _filled(samples: NDArray[np.floating], settings: AudioSettings) -> NDArray[np.float32]:
    """`seconds` of clipped sound between its own reflections: float32 (samples + 2 (fft // 2),)."""
    half, wanted = settings.fft // 2, settings.samples
    signal = np.zeros(wanted + 2 * half, dtype=np.float32)
    inner, taken = signal[half : half + wanted], samples[:wanted]
    said = inner[: len(taken)]
    np.clip(taken, -1.0, 1.0, out=said, casting="same_kind")
    if np.isnan(said @ said):
        np.nan_to_num(said, copy=False, nan=0.0)
    if settings.fill == "repeat" and len(said):
        times = wanted // len(said)
        inner[: times * len(said)].reshape(times, len(said))[1:] = said
    signal[:half] = inner[half:0:-1]
    signal[half + wanted :] = inner[-2 : -half - 2 : -1]
    return signal


def _energies(signal: NDArray[np.float32], settings: AudioSettings) -> NDArray[np.float32]:
    """What each triangle of the bank hears of each frame: float32 (bins, frames)."""
    bank, frames = mel_bank(settings), np.lib.stride_tricks.sliding_window_view(signal, settings.fft)[:: settings.hop]
    blocks = [slice(start, start + BLOCK) for start in range(0, len(frames), BLOCK)]
    if settings.level == "ln":  # one product, as when the towers that read it were trained: the same to the last bit
        power = np.empty((len(frames), settings.fft // 2 + 1), dtype=np.float32)
        for block in blocks:
            power[block] = _power(frames[block], settings, "float32")
        return np.asarray(bank @ power.T)
    # Decibels show what is 100 dB below the loudest, where a transform in float32 hears its own rounding.
    weights = _heard(settings)
    energies = np.empty((len(frames), settings.bins), dtype=np.float32)
    for block in blocks:
        power = _power(frames[block], settings, "float64", len(weights))
        np.matmul(power.astype(np.float32), weights, out=energies[block])
    return np.ascontiguousarray(energies.T)


@lru_cache(maxsize=8)
def _heard(settings: AudioSettings) -> NDArray[np.float32]:
    """The bank the other way round, without the frequencies above all triangles: float32 (frequencies, bins)."""
    bank = mel_bank(settings)
    return np.ascontiguousarray(bank[:, : int(np.nonzero(bank)[1].max()) + 1].T)


def _power(
    frames: NDArray[np.float32], settings: AudioSettings, kind: str, count: int | None = None
) -> NDArray[np.floating[Any]]:
    """The power of the first `count` frequencies of frames (n, fft), reckoned in `kind`: (n, count)."""
    # The window is centred in the fft; where it stands changes only phases, so its samples alone are transformed.
    skip = (settings.fft - settings.window) // 2
    windowed = frames[:, skip : skip + settings.window] * hann(settings.window, kind)
    spectrum = np.fft.rfft(windowed, n=settings.fft)[:, :count]
    power = np.square(spectrum.real)
    power += np.square(spectrum.imag)
    return power


def prepare_sound(audio: Audio, settings: AudioSettings) -> NDArray[np.float32]:
    """The spectrogram of an audio part: float32 (bins, frames). Raises ValueError when its rate is not the tower's."""
    if audio.rate != settings.rate:
        raise ValueError(f"the audio tower hears {settings.rate} Hz, not {audio.rate} Hz; resample the sound first")
    return log_mel(audio.samples, settings)
