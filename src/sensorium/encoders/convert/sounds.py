"""Ordinary sounds for when none are given: scales of 8-bit forms and calibration are made from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensorium.core.types import Audio, Part

SECONDS = (2.0, 12.0)  # the shortest and the longest

Wave = NDArray[np.float64]


def sample_sounds(rate: int, count: int = 64, seed: int = 0) -> list[Part]:
    """Voices, instruments, engines, knocks and weather, mixed, loud and soft; the same for the same seed.

    Synthetic, of 2 to 12 s at `rate` Hz. They fill the range of spectrograms as recordings do: harmonics and silence,
    hiss that falls with frequency, sudden starts and slow swells.
    """
    random = np.random.default_rng(seed)
    return [Part("audio", Audio(_sound(random, rate, row), rate)) for row in range(count)]


def _sound(random: np.random.Generator, rate: int, row: int) -> NDArray[np.float32]:
    length = round(random.uniform(*SECONDS) * 10) * rate // 10  # tenths of seconds: FFTs of odd lengths are slow
    makers = (_voice, _notes, _knocks, _weather)
    sound = makers[row % len(makers)](random, rate, length)
    if random.random() < 0.4:
        other = makers[int(random.integers(len(makers)))](random, rate, length)
        sound = sound + 10 ** random.uniform(-1.5, 0) * other
    room = _hiss(random, rate, length, random.uniform(0.3, 1.5)) * 10 ** random.uniform(-4.5, -1.5)
    sound = sound / (np.abs(sound).max() + 1e-9) + room
    loudest = 10 ** random.uniform(-1.5, 0) / np.abs(sound).max()
    return np.asarray((sound * loudest).astype(np.float32))


def _hiss(random: np.random.Generator, rate: int, length: int, fall: float) -> Wave:
    """Noise whose amplitude falls with frequency above 50 Hz."""
    spectrum = np.fft.rfft(random.normal(size=length))
    spectrum /= np.maximum(np.fft.rfftfreq(length, 1 / rate) / 50, 1) ** fall
    noise = np.fft.irfft(spectrum, length)
    return np.asarray(noise / np.abs(noise).max())


def _swell(random: np.random.Generator, length: int, points: int) -> Wave:
    """Loudness that wanders between silence and full: (length,)."""
    heights = np.clip(random.normal(0.4, 0.5, points), 0, 1)
    return np.interp(np.linspace(0, points - 1, length), np.arange(points), heights)


def _voice(random: np.random.Generator, rate: int, length: int) -> Wave:
    """A gliding pitch with harmonics that two resonances make louder, in syllables."""
    seconds = length / rate
    pitch = random.uniform(80, 400) * 2 ** (_swell(random, length, 3 + int(2 * seconds)) - 0.5)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    resonances, sound = random.uniform(300, 3500, 2), np.zeros(length)
    for harmonic in range(1, 20):
        height = pitch.mean() * harmonic
        if height < rate / 2.5:
            loud = sum(np.exp(-(((height - r) / 400) ** 2)) for r in resonances) + 0.1 / harmonic
            sound += loud * np.sin(harmonic * phase)
    return sound * _swell(random, length, 4 + int(5 * seconds))


def _notes(random: np.random.Generator, rate: int, length: int) -> Wave:
    """Struck strings or bells, one after the other: partials that die away, the high ones first."""
    sound, stretch = np.zeros(length), random.choice([1.0, 1.0, 1.4])
    for start in np.sort(random.integers(0, length, int(random.integers(2, 16)))):
        time = np.arange(min(length - start, 2 * rate)) / rate
        base, dies = 55 * 2 ** random.uniform(0, 5), random.uniform(1, 8)
        for partial in range(1, 7):
            height = base * partial**stretch
            if height < rate / 2.5:
                sound[start : start + len(time)] += (
                    np.sin(2 * np.pi * height * time) * np.exp(-dies * partial * time) / partial
                )
    return sound


def _knocks(random: np.random.Generator, rate: int, length: int) -> Wave:
    """Short bursts of noise at a steady or a random pace: steps, clapping, engines, typing."""
    every = rate / random.choice([1.5, 3, 8, 25, 60])
    hiss, sound = _hiss(random, rate, rate // 4, random.uniform(0, 1)), np.zeros(length)
    burst = hiss * np.exp(-np.arange(len(hiss)) / rate * random.uniform(20, 300))
    for start in np.arange(0, length, every) + random.uniform(0, every / 3, int(np.ceil(length / every))):
        end = min(length, int(start) + len(burst))
        sound[int(start) : end] += random.uniform(0.3, 1) * burst[: max(0, end - int(start))]
    return sound


def _weather(random: np.random.Generator, rate: int, length: int) -> Wave:
    """Wind, rain, waves, crowds: hiss that swells."""
    return _hiss(random, rate, length, random.uniform(0, 1.5)) * (0.1 + _swell(random, length, 8))
