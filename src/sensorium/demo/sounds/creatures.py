"""Animals and people."""

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
    noise,
    peaks,
    placed,
    room,
    slow,
    steps,
    strike,
    times,
    tone,
    voice,
)


def meow(rng: Random, pitch: float) -> Wave:
    """A cat that meows twice: the mouth opens and closes over a pitch that rises and falls."""
    events = []
    for begin, length, height in ((0.4, 0.74, 1.0), (2.4, 0.9, 1.06)):
        melody = pitch * height * curve(length, (0, 0.7), (0.25 * length, 1.1), (0.6 * length, 1.0), (length, 0.6))
        opening = curve(length, (0, 0), (0.35 * length, 1), (0.6 * length, 0.8), (length, 0.1))
        formants = [
            (750 + 610 * opening, 210.0, 1.0),
            (1_955 - 100 * opening, 315.0, 0.9),
            (3_900 + 0 * opening, 500.0, 0.4),
        ]
        loud = curve(length, (0, 0), (0.12 * length, 0.6), (0.35 * length, 1), (0.7 * length, 0.7), (length, 0))
        events.append((begin, loud * (voice(melody, formants) + 0.02 * noise(rng, length, band(1_500, 6_000)))))
    return room(rng, placed(events), 0.1, 0.2) + 0.01 * noise(rng, SECONDS, HUSH)


def bark(rng: Random, pitch: float) -> Wave:
    """A dog: short rough barks, in twos."""
    events = []
    for begin in (0.3, 0.75, 1.9, 2.3, 3.4, 3.85):
        length = rng.uniform(0.16, 0.22)
        melody = pitch * curve(length, (0, 0.75), (0.25 * length, 1.25), (length, 0.7)) * rng.uniform(0.95, 1.05)
        melody = melody * (1 + 0.12 * noise(rng, length, band(40, 200)))
        opening = curve(length, (0, 0.2), (0.35 * length, 1.0), (length, 0.2))
        formants = [
            (500 + 500 * opening, 200.0, 1.0),
            (1_300 + 500 * opening, 300.0, 0.8),
            (2_900 + 0 * opening, 600.0, 0.35),
        ]
        loud = curve(length, (0, 0), (0.12 * length, 1), (0.5 * length, 0.75), (length, 0))
        throat = voice(np.maximum(melody, 120), formants, tilt=0.5) + 0.35 * noise(
            rng, length, peaks((900, 500, 1.0), (1_900, 700, 0.7))
        )
        events.append((begin, loud * throat * rng.uniform(0.8, 1.0)))
    return room(rng, placed(events), 0.12, 0.25) + 0.004 * noise(rng, SECONDS, HUSH)


def baby(rng: Random) -> Wave:
    """A crying baby: long wails with a gasp between."""
    events = []
    for begin, length in ((0.15, 1.15), (1.6, 1.05), (2.95, 1.3), (4.45, 0.5)):
        melody = 440 * curve(length, (0, 0.8), (0.2 * length, 1.15), (0.7 * length, 1.1), (length, 0.75))
        melody = melody * (1 + 0.012 * np.sin(2 * np.pi * 7 * times(length)) + 0.012 * slow(rng, length, 30, -1, 1))
        still = np.ones(len(melody))
        formants = [
            (1_100 * still, 250.0, 1.0),
            (1_900 * still, 300.0, 0.8),
            (3_400 * still, 400.0, 0.8),
            (5_000 * still, 600.0, 0.3),
        ]
        loud = curve(length, (0, 0), (0.1 * length, 0.8), (0.4 * length, 1), (0.85 * length, 0.8), (length, 0))
        events.append((begin, loud * voice(melody, formants, tilt=0.3)))
        gasp = noise(rng, 0.22, peaks((1_500, 600, 1.0), (3_200, 900, 0.7))) * curve(0.22, (0, 0), (0.15, 1), (0.22, 0))
        events.append((begin + length + 0.03, 0.12 * gasp))
    return room(rng, placed(events), 0.12, 0.2) + 0.003 * noise(rng, SECONDS, HUSH)


def snoring(rng: Random) -> Wave:
    """Snoring: rough air in, soft air out."""
    events = []
    for begin in (0.2, 2.7):
        length = 1.25
        flaps = curve(length, (0, 90), (length, 43)) * (1 + 0.15 * slow(rng, length, 25, -1, 1))
        flutter = np.exp(-8 * (np.cumsum(flaps) / RATE % 1))
        rough = noise(
            rng, length, levels((30, -4), (80, 0), (250, -2), (600, -6), (1_000, -18), (2_500, -20), (8_000, -28))
        )
        inward = rough * (0.1 + flutter) * curve(length, (0, 0), (0.3, 0.6), (1.0, 1), (length, 0))
        outward = noise(rng, 0.9, levels((100, -20), (500, -4), (2_000, 0), (6_000, -8))) * curve(
            0.9, (0, 0), (0.2, 1), (0.9, 0)
        )
        events += [(begin, inward), (begin + length + 0.15, 0.09 * outward)]
    return placed(events) + 0.01 * noise(rng, SECONDS, HUSH)


def birds(rng: Random, low: float) -> Wave:
    """Birdsong: quick phrases of whistled sweeps, from three birds, the lowest at `low` Hz."""
    events: list[tuple[float, Wave]] = []
    for bird, size in enumerate((1.0, 0.5, 0.3)):
        base, moment = low * (1 + 0.35 * bird), rng.uniform(0.1, 0.9)
        while moment < SECONDS - 0.5:
            start, end, length = base * rng.uniform(0.8, 1.3), base * rng.uniform(0.8, 1.5), rng.uniform(0.045, 0.15)
            sweep = curve(length, (0, start), (0.6 * length, end), (length, start))
            loud = np.sin(np.pi * np.linspace(0, 1, len(sweep))) ** 0.7
            events += [(moment + late * (length + 0.03), size * loud * tone(sweep, (1, 0.06))) for late in (0, 1)]
            moment += 3 * (length + 0.03) + rng.uniform(0.1, 0.7)
    return room(rng, placed(events), 0.1, 0.46) + 0.06 * noise(rng, SECONDS, HUSH)


def crickets(rng: Random) -> Wave:
    """Crickets at night: trains of pulses at 4 to 5 kHz."""
    t, whole = times(), np.zeros(int(SECONDS * RATE))
    for pitch, chirps, size in ((4_350, 2.6, 1.0), (4_780, 2.2, 0.6), (4_550, 3.1, 0.4)):
        late = rng.uniform(0, 1)
        on = ((t * chirps + late) % 1) < 0.45
        pulses = np.maximum(np.sin(2 * np.pi * 34 * t), 0) ** 1.5
        whole += size * on * pulses * np.sin(2 * np.pi * pitch * t)
    return whole + 0.03 * noise(rng, SECONDS, band(3_500, 6_000)) + 0.015 * noise(rng, SECONDS, HUSH)


def footsteps(rng: Random) -> Wave:
    """Steps on a path: heel, grit, then sole."""
    events = []
    for moment in steps(rng, 0.69, 0.03, start=0.2):
        heel = noise(rng, 0.25, levels((50, 0), (300, -6), (900, -20), (2_000, -34), (5_000, -48))) * decay(
            0.25, 0.033, 0.003
        )
        sole = noise(rng, 0.25, levels((100, -6), (800, 0), (2_500, -4), (6_000, -14))) * decay(0.25, 0.04, 0.015)
        size = rng.uniform(0.6, 1.0)
        events += [
            (moment, size * heel),
            (moment + rng.uniform(0.08, 0.13), 0.08 * size * sole),
            (moment + 0.03, 0.4 * sole),
        ]
    return room(rng, placed(events), 0.03, 0.3) + 0.03 * noise(rng, SECONDS, HUSH)


def knocking(rng: Random, times_each: int) -> Wave:
    """Knuckles on a wooden door, twice `times_each` knocks."""
    events = []
    for moment in [begin + 0.235 * late for begin in (0.4, 2.6) for late in range(times_each)]:
        modes = [(80, 1.0, 0.045), (160, 0.8, 0.027), (259, 0.55, 0.018), (448, 0.3, 0.011), (744, 0.15, 0.006)]
        body = strike([(f * rng.uniform(0.97, 1.03), s, fall) for f, s, fall in modes], 0.3)
        tap = rng.standard_normal(len(body)) * decay(0.3, 0.002, 0.0002)
        thud = noise(rng, 0.3, levels((60, 0), (400, -2), (1_500, -10), (5_000, -24))) * decay(0.3, 0.012, 0.0005)
        events.append((moment, rng.uniform(0.8, 1.0) * (body + 0.37 * tap + 0.96 * thud)))
    return room(rng, placed(events), 0.03, 0.27) + 0.007 * noise(rng, SECONDS, HUSH)


def applause(rng: Random, people: int) -> Wave:
    """`people` who clap, each at a pace of their own."""
    events = []
    for _ in range(people):
        near = rng.uniform(0.36, 1.0)
        for moment in steps(rng, rng.uniform(0.2, 0.3), 0.02, rng.uniform(0, 0.3)):
            palm = 1_330 * rng.uniform(0.6, 1.6)
            clap = noise(rng, 0.06, peaks((palm, 350, 1.0), (palm * 2.3, 900, 0.5), (5_000, 3_000, 0.15)))
            events.append((moment, near * clap * decay(0.06, 0.009 * rng.uniform(0.6, 1.5), 0.0003)))
    return room(rng, placed(events), 0.66, 0.05) + 0.011 * noise(rng, SECONDS, HUSH)


def heartbeat(rng: Random) -> Wave:
    """A heart: two dull beats, seventy times a minute."""
    first = strike([(48, 1.0, 0.05), (72, 0.6, 0.035), (110, 0.2, 0.02)], 0.3, 0.006)
    second = strike([(60, 0.7, 0.04), (95, 0.4, 0.025), (140, 0.15, 0.015)], 0.3, 0.005)
    events = [(m + late, beat) for m in steps(rng, 0.86, 0.01) for late, beat in ((0.0, first), (0.31, second))]
    return placed(events) + 0.01 * noise(rng, SECONDS, band(20, 200))


def horseshoes(rng: Random) -> Wave:
    """A horse that trots on a paved road."""
    events = []
    for i, moment in enumerate(steps(rng, 0.216, 0.012, start=0.15)):
        pitch = 1_060 * rng.uniform(0.85, 1.15) * (1.15 if i % 2 else 1.0)
        hoof = noise(rng, 0.15, peaks((pitch, 116, 1.0), (2.1 * pitch, 174, 0.6), (4 * pitch, 348, 0.37)))
        events.append((moment, hoof * decay(0.15, 0.025, 0.0005) * rng.uniform(0.6, 1.0)))
    return room(rng, placed(events), 0.03, 0.3) + 0.08 * noise(rng, SECONDS, HUSH)
