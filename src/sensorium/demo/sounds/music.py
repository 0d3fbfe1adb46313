"""Things that ring: bells, strings, glass, coins."""

from __future__ import annotations

import math

import numpy as np

from sensorium.demo.sounds.blocks import (
    HUSH,
    SECONDS,
    Random,
    Wave,
    band,
    decay,
    filtered,
    noise,
    peaks,
    placed,
    room,
    strike,
)  # fmt: skip

# A church bell's partials against its strike note: hum, prime, tierce, quint, nominal and above (Fletcher & Rossing).
_BELL = (
    (0.5, 0.35, 4.0),
    (1.0, 0.6, 2.4),
    (1.2, 0.9, 2.0),
    (1.5, 0.5, 1.4),
    (2.0, 1.0, 1.8),
    (2.5, 0.6, 1.0),
    (2.66, 0.6, 1.0),
    (3.0, 0.8, 0.9),
    (4.0, 0.7, 0.7),
    (5.3, 0.45, 0.45),
    (6.8, 0.25, 0.3),
    (8.3, 0.12, 0.2),
)


def _bell(rng: Random, note: float, seconds: float) -> Wave:
    strength = {0.5: 0.37, 1.0: 0.37, 1.2: 1.0, 1.5: 1.0, 2.0: 1.0}
    modes = [(note * f, s * strength.get(f, 1.26), fall * 1.1) for f, s, fall in _BELL]
    # Each partial is a pair, since no bell is quite round: they beat.
    pairs = [(f * (1 + off), 0.5 * s, fall) for f, s, fall in modes for off in (0.0, rng.uniform(0.001, 0.003))]
    blow = noise(rng, seconds, band(1_000, 6_000)) * decay(seconds, 0.012)
    return strike(pairs, seconds, 0.002) + 0.8 * blow


def bells(rng: Random, note: float, gap: float) -> Wave:
    """Church bells that ring in turn, `gap` seconds apart, around `note` Hz."""
    begins = np.arange(0.1, SECONDS - 0.3, gap)
    notes = [note * f for f in (1.0, 1.077, 0.79, 1.12)]
    events = [
        (b + rng.uniform(0, 0.06), rng.uniform(0.6, 1) * _bell(rng, notes[i % 4], SECONDS - b))
        for i, b in enumerate(begins)
    ]
    return room(rng, placed(events), 0.28, 0.67)


def _string(pitch: float, seconds: float, dull: float, fall: float) -> Wave:
    """A plucked or struck string: partials that are a little sharp; the higher, the sooner gone."""
    count = int(min(9_000 / pitch, 20))
    modes = [
        (k * pitch * math.sqrt(1 + 0.0002 * k * k), math.sin(math.pi * k / 7.3) / k**dull, fall / (1 + 0.25 * k))
        for k in range(1, count)
    ]
    return strike(modes, seconds, 0.0015)


def piano(rng: Random) -> Wave:
    """A few bars on a piano."""
    melody = [(0.1 + 0.4 * i, key) for i, key in enumerate((60, 64, 67, 72, 71, 67, 64, 65, 69, 67))]
    bass = [(0.1, 48), (1.7, 55), (2.9, 53), (3.7, 48)]
    events = []
    for begin, key in melody + bass:
        pitch, length = 440 * 2 ** ((key - 69) / 12), min(1.6, SECONDS - begin)
        note = _string(pitch * 0.9995, length, 1.5, 1.3) + _string(pitch * 1.0005, length, 1.5, 1.3)
        events += [(begin, note), (begin, 0.15 * noise(rng, 0.08, band(80, 600)) * decay(0.08, 0.015))]
    return room(rng, placed(events), 0.4, 0.25) + 0.003 * noise(rng, SECONDS, HUSH)


def guitar(rng: Random) -> Wave:
    """Broken chords on an acoustic guitar."""
    chords = ((40, 47, 52, 55, 59, 64), (45, 52, 57, 60, 64), (43, 47, 50, 55, 59, 67))
    events = []
    for i, key in enumerate(key for chord in chords for key in chord):
        pluck = _string(440 * 2 ** ((key - 69) / 12), 1.5, 0.9, 0.9)
        events.append((0.1 + 0.26 * i, pluck + 0.06 * noise(rng, 1.5, band(800, 6_000)) * decay(1.5, 0.006)))
    body = filtered(placed(events), lambda f: 0.6 + peaks((110, 30, 1.0), (210, 50, 0.8), (420, 120, 0.4))(f))
    return room(rng, body, 0.2, 0.2) + 0.01 * noise(rng, SECONDS, HUSH)


def glass(rng: Random) -> Wave:
    """A window that breaks: a blow, then splinters that fall."""
    events = [(0.4, 2.0 * noise(rng, 0.5, band(1_500, 13_000)) * decay(0.5, 0.06, 0.0005))]
    for _ in range(110):
        moment = 0.4 + rng.exponential(0.32)
        pitch = rng.uniform(2_200, 9_500)
        modes = [
            (pitch * f, s, rng.uniform(0.01, 0.06))
            for f, s in ((1.0, 1.0), (1.73, 0.6), (2.41, 0.4))
            if pitch * f < 15_000
        ]
        events.append((moment, rng.uniform(0.05, 0.6) * strike(modes, 0.25)))
    return room(rng, placed(events), 0.15, 0.2) + 0.002 * noise(rng, SECONDS, HUSH)


def coins(rng: Random) -> Wave:
    """Coins that fall on a table, bounce and settle."""
    partials, events = ((0.7, 0.4), (1.0, 1.0), (1.58, 0.8), (2.2, 0.6), (2.9, 0.4)), []
    for begin in np.linspace(0.2, 3.8, 12):
        pitch, gap, size, moment = 4_675 * rng.uniform(0.8, 1.25), rng.uniform(0.1, 0.24), 1.0, begin
        while gap > 0.012:
            modes = [(pitch * f * rng.uniform(0.98, 1.02), s, 0.016 * rng.uniform(0.5, 1.5)) for f, s in partials]
            ring = strike([mode for mode in modes if mode[0] < 15_000], 0.12)
            events.append((moment, size * (ring + 0.89 * rng.standard_normal(len(ring)) * decay(0.12, 0.002))))
            moment, gap, size = moment + gap, gap * 0.81, size * 0.75
    return room(rng, placed(events), 0.17, 0.2) + 0.028 * noise(rng, SECONDS, HUSH)
