"""Weather, water and fire."""

from __future__ import annotations

import numpy as np

from sensorium.demo.sounds.blocks import (
    HUSH,
    RATE,
    SECONDS,
    Random,
    Wave,
    band,
    curve,
    decay,
    levels,
    moments,
    noise,
    peaks,
    placed,
    room,
    slow,
    times,
)


def _drop(rng: Random, low: float, high: float, length: float = 0.05) -> Wave:
    """A drop that falls into water: a bubble whose ringing rises."""
    start = rng.uniform(low, high)
    t = times(length)
    pitch = start * (1 + rng.uniform(1.0, 4.0) * t)
    return np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * decay(length, length / 5, 0.002)


def rain(rng: Random, heavy: float) -> Wave:
    """Rain: `heavy` from 0 (single drops are heard) to 1 (a downpour)."""
    hiss = noise(rng, SECONDS, band(900, 9_000, 1.5)) * (0.25 + 0.75 * heavy)
    hits = np.zeros(len(hiss))
    for moment in moments(rng, 220 + 500 * heavy):
        start, size = int(moment * RATE), min(rng.pareto(2.5), 3.0) + 0.2
        length = min(int(rng.uniform(20, 160)), len(hits) - start)
        hits[start : start + length] += (
            size * rng.standard_normal(length) * np.exp(-np.arange(length) / (length / 3 + 1))
        )
    low = noise(rng, SECONDS, band(120, 700)) * 0.15
    return hiss + 1.2 * hits + low


def wind(rng: Random, howl: float) -> Wave:
    """Wind: gusts of low noise, with a whistle of strength `howl` that wanders."""
    gust = 0.3 + 0.7 * slow(rng, SECONDS, 2.4)
    body = noise(
        rng, SECONDS, levels((30, -4), (80, 0), (500, -9), (900, -19), (1_600, -27), (3_000, -45), (8_000, -59))
    )
    whistle = np.zeros(len(body))
    centre = 415 + 240 * slow(rng, SECONDS, 0.8)
    for _ in range(16):
        wander = np.cumsum(centre * (1 + 0.07 * slow(rng, SECONDS, 12, -1, 1))) / RATE
        whistle += np.sin(2 * np.pi * (wander + rng.uniform()))
    return gust * body + howl * gust**2 * whistle * slow(rng, SECONDS, 6, 0.5, 1.0)


def waves(rng: Random, period: float) -> Wave:
    """The sea: a breaker every `period` seconds, which swells, breaks with a hiss and runs out."""
    surge = np.zeros(int(SECONDS * RATE))
    t = times()
    for begin in np.arange(-0.6 * period, SECONDS, period):
        since = t - begin - rng.uniform(0, 0.3)
        surge += np.where(since > 0, (np.maximum(since, 0) / 0.9) ** 2 * np.exp(-np.maximum(since, 0) / 0.75), 0)
    roar = noise(rng, SECONDS, band(90, 900, 1.5))
    hiss = noise(rng, SECONDS, band(700, 7_000, 1.3))
    far = noise(rng, SECONDS, levels((60, 0), (300, -6), (1_500, -16), (5_000, -34))) * 0.15
    surge = np.asarray(surge / surge.max(), np.float64)
    return far + surge * (roar + 0.7 * hiss * surge)


def thunder(rng: Random) -> Wave:
    """Thunder: a crack, then rolls that die away over far rain."""
    roll = noise(rng, SECONDS, levels((25, -7), (60, 0), (150, 0), (300, -2), (600, -14), (1_200, -18), (4_000, -42)))
    envelope = curve(
        SECONDS, (0, 0.02), (0.4, 0.02), (0.5, 1), (1.1, 0.45), (1.5, 0.8), (2.3, 0.35), (2.8, 0.5), (5, 0.06)
    )
    crack = noise(rng, SECONDS, levels((60, 0), (500, -3), (1_500, -16), (5_000, -36)))
    near = curve(SECONDS, (0, 0), (0.4, 0), (0.42, 1), (0.65, 0.3), (1.4, 0), (5, 0)) * slow(rng, SECONDS, 45, 0.2, 1.0)
    return roll * envelope * (0.26 + 0.74 * slow(rng, SECONDS, 8)) + 0.4 * crack * near + 0.019 * rain(rng, 0.6)


def drops(rng: Random, gap: float) -> Wave:
    """A dripping tap: a drop about every `gap` seconds, in a tiled room."""
    events = [(m + rng.uniform(-0.05, 0.05), _drop(rng, 710, 1_500, 0.05)) for m in np.arange(0.2, SECONDS - 0.2, gap)]
    splashes = [(m + 0.012, 0.14 * _drop(rng, 2_000, 4_000, 0.03)) for m, _ in events]
    return room(rng, placed(events + splashes), 0.1, 0.13) + 0.002 * noise(rng, SECONDS, HUSH)


def fire(rng: Random) -> Wave:
    """A wood fire: a soft roar and the crackle of splitting wood."""
    roar = (
        noise(rng, SECONDS, levels((40, 0), (200, -4), (1_000, -14), (4_000, -26), (10_000, -36)))
        * slow(rng, SECONDS, 5, 0.5, 1.0)
        * 0.12
    )
    cracks = []
    for moment in moments(rng, 26):
        length = rng.uniform(0.002, 0.02)
        snap = noise(rng, length, peaks((rng.uniform(900, 6_000), 1_200, 1.0), (300, 300, 0.3)))
        cracks.append((moment, snap * decay(length, length / 4, 0.0002) * (rng.pareto(1.8) + 0.1)))
    return roar + 0.5 * np.clip(placed(cracks), -4, 4)
