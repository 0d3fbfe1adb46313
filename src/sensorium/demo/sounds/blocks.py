"""What every sound is built of: noise with a spectrum, curves, events, voices, rooms. Arrays are float64 (n,)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

RATE = 32_000
SECONDS = 5.0
LENGTH = int(RATE * SECONDS)

Wave: TypeAlias = NDArray[np.float64]
Random: TypeAlias = np.random.Generator


def times(seconds: float = SECONDS) -> Wave:
    """The moment of each sample, in seconds."""
    t: Wave = np.arange(int(seconds * RATE)) / RATE
    return t


def curve(seconds: float, *points: tuple[float, float]) -> Wave:
    """Straight lines through (moment, value) points."""
    moments, values = zip(*points, strict=True)
    line: Wave = np.interp(times(seconds), moments, values)
    return line


def decay(seconds: float, fall: float, rise: float = 0.001) -> Wave:
    """An envelope that rises in `rise` seconds and falls to 1/e in `fall` seconds."""
    t = times(seconds)
    envelope: Wave = np.exp(-t / fall) * (1 - np.exp(-t / rise))
    return envelope


def filtered(wave: Wave, gain: Callable[[Wave], Wave]) -> Wave:
    """The wave with `gain(frequencies in Hz)` on its spectrum."""
    shaped = np.fft.rfft(wave) * gain(np.asarray(np.fft.rfftfreq(len(wave), 1 / RATE), np.float64))
    return np.asarray(np.fft.irfft(shaped, len(wave)), np.float64)


def even(wave: Wave) -> Wave:
    """The wave at a loudness of 1: its standard deviation."""
    scaled: Wave = wave / wave.std()
    return scaled


def band(low: float, high: float, slope: float = 2.0) -> Callable[[Wave], Wave]:
    """A gain that passes low..high Hz and falls with the given power of the frequency outside."""
    return lambda f: 1 / (1 + (low / np.maximum(f, 1.0)) ** slope) / (1 + (f / high) ** slope)


def peaks(*resonances: tuple[float, float, float]) -> Callable[[Wave], Wave]:
    """A gain of resonances, each (centre in Hz, width in Hz, height)."""
    return lambda f: np.sum([h / np.sqrt(1 + ((f - c) / w) ** 2) for c, w, h in resonances], axis=0)


def noise(rng: Random, seconds: float, gain: Callable[[Wave], Wave]) -> Wave:
    """Gaussian noise with a spectrum, of standard deviation 1."""
    return even(filtered(rng.standard_normal(int(seconds * RATE)), gain))


def levels(*points: tuple[float, float]) -> Callable[[Wave], Wave]:
    """A gain through (Hz, dB) points, straight on a logarithmic frequency axis, level beyond the ends."""
    hertz, decibels = zip(*points, strict=True)
    return lambda f: 10 ** (np.interp(np.log(np.maximum(f, 1.0)), np.log(hertz), decibels) / 20)


# What a quiet place sounds like: power that falls with the frequency.
HUSH = levels((30, -12), (60, 0), (200, -4), (500, -10), (1_000, -18), (4_000, -32), (12_000, -42))


def slow(rng: Random, seconds: float, rate: float, low: float = 0.0, high: float = 1.0) -> Wave:
    """A random walk between `low` and `high` that changes about `rate` times a second."""
    knots = rng.uniform(low, high, int(seconds * rate) + 4)
    moments = np.arange(len(knots)) / rate
    walk: Wave = np.interp(times(seconds), moments, knots)
    return walk


def placed(events: Iterable[tuple[float, Wave]], seconds: float = SECONDS) -> Wave:
    """The sum of short waves that begin at given moments; what sticks out at the end is cut."""
    whole = np.zeros(int(seconds * RATE))
    for moment, wave in events:
        start = int(moment * RATE)
        piece = wave[: max(len(whole) - start, 0)]
        whole[start : start + len(piece)] += piece
    return whole


def moments(rng: Random, rate: float, seconds: float = SECONDS) -> Wave:
    """Moments of random events, `rate` a second."""
    return rng.uniform(0, seconds, rng.poisson(rate * seconds))


def steps(rng: Random, gap: float, jitter: float = 0.0, start: float = 0.1, end: float = SECONDS) -> Wave:
    """Moments `gap` seconds apart, each off by up to `jitter` seconds."""
    regular = np.arange(start, end, gap)
    return np.maximum(regular + rng.uniform(-jitter, jitter, len(regular)), 0.0)


def tone(pitch: Wave, strengths: Sequence[float] = (1.0,)) -> Wave:
    """Harmonics of a gliding pitch (Hz a sample); those above 15 kHz are left out."""
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    parts = [s * np.sin(k * phase) * (k * pitch < 15_000) for k, s in enumerate(strengths, 1)]
    return np.asarray(np.sum(parts, axis=0), np.float64)


def strike(modes: Sequence[tuple[float, float, float]], seconds: float, rise: float = 0.0005) -> Wave:
    """A struck body: decaying partials, each (Hz, strength, seconds to 1/e)."""
    count = int(seconds * RATE)
    ring = np.zeros(count)
    for hertz, strength, fall in modes:
        ring += strength * _partial(hertz, fall, count)
    return np.asarray(ring * (1 - np.exp(-times(seconds) / rise)), np.float64)


def _partial(hertz: float, fall: float, count: int) -> Wave:
    """A decaying sine (count,), as products of two short powers: ten times as fast as a sine a sample."""
    step, block = (-1 / fall + 2j * np.pi * hertz) / RATE, 512
    fine = np.exp(step * np.arange(block))
    coarse = np.exp(step * block * np.arange(-(-count // block)))
    return np.asarray((coarse[:, None] * fine).imag.ravel()[:count], np.float64)


def voice(
    pitch: Wave, formants: Sequence[tuple[Wave, float, float]], *, tilt: float = 1.0, top: float = 9_000.0
) -> Wave:
    """Vocal cords and a throat: harmonics of `pitch`, shaped by moving formants (centre Hz a sample, width, height).

    `tilt` is the power of the frequency by which the cords' harmonics fall.
    """
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    whole = np.zeros(len(pitch))
    for k in range(1, int(top / pitch.min()) + 1):
        f = k * pitch
        throat = np.sum([h / (1 + ((f - c) / w) ** 2) for c, w, h in formants], axis=0)
        whole += throat * k**-tilt * np.sin(k * phase) * (f < top)
    return whole


def room(rng: Random, wave: Wave, tail: float, share: float) -> Wave:
    """The wave in a room that echoes for `tail` seconds (to 1/e); `share` is the echo's part of the energy."""
    t = np.arange(int(tail * 4 * RATE)) / RATE
    echo = filtered(rng.standard_normal(len(t)) * np.exp(-t / tail), band(100, 5_000))
    size = len(wave) + len(echo)
    wet = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(echo, size), size)[: len(wave)]
    loudness = np.sqrt(np.mean(wave**2)) / max(float(np.sqrt(np.mean(wet**2))), 1e-12)
    mixed: Wave = (1 - share) * wave + share * loudness * wet
    return mixed
