"""Engines, signals and other machines."""

from __future__ import annotations

import numpy as np

from sensorium.demo.sounds.blocks import (
    HUSH,
    RATE,
    SECONDS,
    Random,
    Wave,
    curve,
    decay,
    even,
    filtered,
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
)


def _firing(rng: Random, rate: Wave, unevenness: float) -> Wave:
    """The exhaust of a piston engine: a burst at each firing, `rate` a second, none quite like the last."""
    count = np.floor(np.cumsum(rate) / RATE).astype(int)
    starts = np.flatnonzero(np.diff(count)) / RATE
    events = []
    for i, moment in enumerate(starts):
        size = (1.0 if i % 2 else 1.0 - unevenness) * rng.uniform(0.8, 1.2)
        body = strike([(70, 1.0, 0.02), (125, 0.7, 0.014), (240, 0.4, 0.008)], 0.09)
        events.append(
            (moment + rng.uniform(0, 0.002), size * (body + 0.35 * rng.standard_normal(len(body)) * decay(0.09, 0.009)))
        )
    return placed(events)


def motorcycle(rng: Random, idle: float) -> Wave:
    """A motorcycle that idles at `idle` firings a second and is revved twice."""
    speed = curve(SECONDS, (0, 1), (1.2, 1), (1.7, 1.75), (2.3, 1.3), (3.0, 1.1), (3.4, 2.1), (4.2, 1.5), (5, 1))
    exhaust = filtered(_firing(rng, idle * speed, 0.27), peaks((90, 60, 1.0), (225, 250, 0.8), (2_500, 1_200, 0.5)))
    breath = noise(rng, SECONDS, levels((60, 0), (250, -6), (2_000, -12), (8_000, -30)))
    return (even(exhaust) + 0.056 * breath) * (0.5 + idle * speed / 90)


def engine(rng: Random) -> Wave:
    """A car's engine that runs."""
    rate = 60 + 6 * slow(rng, SECONDS, 4)
    exhaust = filtered(_firing(rng, rate, 0.05), levels((30, 4), (90, 0), (250, -6), (2_000, -8), (6_000, -18)))
    breath = noise(rng, SECONDS, levels((60, 0), (250, -8), (500, -6), (2_000, -10), (4_000, -18), (10_000, -32)))
    tappets = 1 + 0.57 * np.sign(np.sin(np.pi * np.cumsum(rate) / RATE))
    return even(exhaust) + 0.44 * breath * tappets


def helicopter(rng: Random) -> Wave:
    """A helicopter: the slap of the blades over the rush of the rotor."""
    rate = 16 + 0.3 * slow(rng, SECONDS, 1)
    beat = np.cumsum(rate) / RATE % 1
    slap = np.exp(-3.2 * beat) * np.minimum(beat * 25, 1)
    low = noise(
        rng, SECONDS, levels((30, -2), (100, 0), (400, -4), (900, -11), (2_000, -20), (4_000, -34), (10_000, -50))
    )
    air = noise(rng, SECONDS, levels((100, -20), (500, -4), (1_500, 0), (3_000, -8), (8_000, -20)))
    turbine = noise(rng, SECONDS, peaks((3_000, 100, 1.0), (600, 40, 0.7)))
    hum = tone(8 * rate, (0.3, 0.18, 0.15, 0.12))
    return (low + hum) * (0.33 + slap) + 0.09 * air * (0.5 + slap) + 0.04 * turbine


def train(rng: Random) -> Wave:
    """A train on jointed rails: a rumble, the clack of wheels in pairs, and a squeal."""
    rumble = noise(
        rng, SECONDS, levels((30, -2), (100, 0), (400, -6), (750, -17), (1_200, -18), (2_500, -29), (10_000, -51))
    )
    clacks = []
    for begin in np.arange(0.1, SECONDS, 1.08):
        for late in (0.0, 0.15, 0.43, 0.58):
            clack = noise(rng, 0.2, levels((60, 0), (300, 0), (800, -4), (2_000, -12), (5_000, -22))) * decay(
                0.2, 0.034, 0.004
            )
            clacks.append((begin + late, clack * rng.uniform(0.7, 1.1)))
    squeal = noise(rng, SECONDS, peaks((2_300, 40, 1.0), (3_100, 60, 0.6))) * slow(rng, SECONDS, 2) ** 3
    return rumble * slow(rng, SECONDS, 13, 0.64, 1.0) + 2 * placed(clacks) + 0.1 * squeal


def jet(rng: Random) -> Wave:
    """A jet that passes overhead: a roar that swells and falls in pitch."""
    body = noise(rng, SECONDS, levels((30, -6), (80, 0), (500, 2), (900, -4), (1_600, -6), (3_000, -22), (8_000, -36)))
    near = curve(SECONDS, (0, 0.1), (2.6, 1), (5, 0.64))
    pitch = 129 * curve(SECONDS, (0, 1.1), (2, 1.06), (3.2, 0.92), (5, 0.88))
    whine = noise(rng, SECONDS, peaks((2_600, 40, 1.0)))
    return near * (
        slow(rng, SECONDS, 3, 0.45, 1.0) * body + 0.26 * tone(pitch, (1, 0.7, 0.5, 0.4, 0.3, 0.2)) + 0.14 * whine
    )


def siren(rng: Random) -> Wave:
    """A wailing siren that sweeps up and down."""
    t = times()
    sweep = 0.5 - 0.5 * np.cos(2 * np.pi * t / 2.4)
    horn = tone(560 + 820 * sweep, (1, 0.5, 0.55, 0.25, 0.3, 0.12, 0.1))
    return room(rng, horn, 0.25, 0.4) + 0.04 * noise(rng, SECONDS, HUSH)


def horn(rng: Random, pitch: float) -> Wave:
    """A car's horn, two notes together, blown three times."""
    events = []
    for begin, length in ((0.3, 0.45), (1.0, 0.4), (1.9, 1.6)):
        steady = np.full(int(length * RATE), 1.0)
        two = sum(tone(steady * f, [1 / (1 + 0.12 * k) for k in range(24)]) for f in (pitch, pitch * 1.26))
        events.append((begin, two * curve(length, (0, 0), (0.015, 1), (length - 0.03, 1), (length, 0))))
    shaped = filtered(placed(events), peaks((1_300, 900, 1.0), (2_600, 1_000, 0.7), (450, 200, 0.5)))
    return room(rng, shaped / shaped.std(), 0.12, 0.25) + 0.05 * noise(rng, SECONDS, HUSH)


def alarm(rng: Random) -> Wave:
    """An alarm clock: groups of four beeps."""
    beep = tone(np.full(int(0.07 * RATE), 2_050.0), (1, 0, 0.35, 0, 0.2)) * curve(
        0.07, (0, 0), (0.003, 1), (0.067, 1), (0.07, 0)
    )
    events = [(begin + late, beep) for begin in np.arange(0.2, SECONDS, 0.95) for late in (0, 0.125, 0.25, 0.375)]
    return room(rng, placed(events), 0.06, 0.2) + 0.002 * noise(rng, SECONDS, HUSH)


def ticking(rng: Random, gap: float) -> Wave:
    """A clock: a tick and a lower tock, `gap` seconds apart."""
    events = []
    for i, moment in enumerate(steps(rng, gap, start=0.15)):
        pitch = 1.0 if i % 2 else 0.8
        body = noise(
            rng,
            0.08,
            peaks((1_900 * pitch, 500, 1.0), (3_300 * pitch, 900, 0.7), (6_000, 1_500, 0.3), (450 * pitch, 150, 0.5)),
        )
        tick = body * decay(0.08, 0.006, 0.0002)
        events += [(moment, tick), (moment + 0.03, 0.4 * tick)]
    return room(rng, placed(events), 0.05, 0.15) + 0.012 * noise(rng, SECONDS, HUSH)


def vacuum(rng: Random) -> Wave:
    """A vacuum cleaner: a whining motor in rushing air."""
    pitch = 359 * (1 + 0.004 * slow(rng, SECONDS, 3, -1, 1))
    whine = tone(pitch, (0.6, 1.0, 0.8, 0.9, 0.5, 0.6, 0.4, 0.4, 0.25, 0.3, 0.2, 0.2))
    air = noise(
        rng, SECONDS, levels((40, -20), (100, -8), (400, 0), (1_500, -8), (2_500, -10), (4_000, -12), (8_000, -14))
    )
    return air * (1 + 0.05 * slow(rng, SECONDS, 30, -1, 1)) + 0.24 * whine + 0.18 * tone(13 * pitch, (1, 0.3))


def typing(rng: Random) -> Wave:
    """Keys of a keyboard, in runs with pauses."""
    events, moment = [], 0.15
    while moment < SECONDS - 0.1:
        thud = strike([(rng.uniform(180, 320), 0.5, 0.012), (rng.uniform(1_500, 2_600), 0.25, 0.006)], 0.05)
        click = noise(rng, 0.05, peaks((rng.uniform(2_200, 4_200), 1_500, 1.0), (6_500, 2_000, 0.5))) * decay(
            0.05, 0.004, 0.0003
        )
        size = rng.uniform(0.5, 1.0)
        events += [(moment, size * (0.6 * thud + 0.6 * click)), (moment + rng.uniform(0.06, 0.09), 0.4 * size * click)]
        moment += rng.uniform(0.09, 0.19) + (rng.uniform(0.2, 0.4) if rng.random() < 0.12 else 0)
    return room(rng, placed(events), 0.04, 0.2) + 0.006 * noise(rng, SECONDS, HUSH)


def clicks(rng: Random) -> Wave:
    """A computer mouse: single and double clicks in a quiet room."""
    events = []
    for moment in (0.4, 1.1, 1.28, 2.2, 3.0, 3.17, 4.2):
        for late, size in ((0.0, 1.0), (0.087, 0.6)):
            snap = noise(rng, 0.05, peaks((1_200, 1_800, 1.0), (4_550, 2_700, 0.8), (350, 200, 1.0))) * decay(
                0.05, 0.001, 0.0001
            )
            events.append((moment + late, size * snap))
    return room(rng, placed(events), 0.02, 0.15) + 0.006 * noise(rng, SECONDS, HUSH)
