"""Sounds made of arithmetic: no recording is shipped. `SOUNDS` lists them, `wav` writes one."""

from __future__ import annotations

import io
import wave
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sensorium.demo.sounds import creatures, machines, music, weather
from sensorium.demo.sounds.blocks import RATE, Random, Wave


@dataclass(frozen=True, slots=True)
class Sound:
    """One sound of the demo: what is heard, and how it is made."""

    about: str
    make: Callable[[Random], Wave]

    def wav(self, take: int = 0) -> bytes:
        """A 16-bit mono WAV file of 5 s at 32 kHz; another `take` is another performance of the same thing."""
        made = self.make(np.random.default_rng([zlib.crc32(self.about.encode()), take]))
        made -= made.mean()
        samples = np.round(made * (0.8 * 32_767 / np.abs(made).max())).astype("<i2")
        file = io.BytesIO()
        with wave.open(file, "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(RATE)
            out.writeframes(samples.tobytes())
        return file.getvalue()


SOUNDS: tuple[Sound, ...] = (
    Sound("heavy rain", lambda rng: weather.rain(rng, 0.9)),
    Sound("light rain", lambda rng: weather.rain(rng, 0.65)),
    Sound("wind", lambda rng: weather.wind(rng, 0.34)),
    Sound("howling wind", lambda rng: weather.wind(rng, 0.5)),
    Sound("sea waves", lambda rng: weather.waves(rng, 3.0)),
    Sound("quick surf", lambda rng: weather.waves(rng, 2.3)),
    Sound("thunder", weather.thunder),
    Sound("water drops", lambda rng: weather.drops(rng, 0.3)),
    Sound("a crackling fire", weather.fire),
    Sound("a motorcycle", lambda rng: machines.motorcycle(rng, 29)),
    Sound("a car's engine", machines.engine),
    Sound("a helicopter", machines.helicopter),
    Sound("a jet passing over", machines.jet),
    Sound("a train on its rails", machines.train),
    Sound("a siren", machines.siren),
    Sound("a car's horn", lambda rng: machines.horn(rng, 400)),
    Sound("an alarm clock", machines.alarm),
    Sound("a slow clock", lambda rng: machines.ticking(rng, 0.5)),
    Sound("a quick clock", lambda rng: machines.ticking(rng, 0.25)),
    Sound("a vacuum cleaner", machines.vacuum),
    Sound("typing on a keyboard", machines.typing),
    Sound("mouse clicks", machines.clicks),
    Sound("a meowing cat", lambda rng: creatures.meow(rng, 540)),
    Sound("a large dog", lambda rng: creatures.bark(rng, 400)),
    Sound("a small dog", lambda rng: creatures.bark(rng, 600)),
    Sound("a crying baby", creatures.baby),
    Sound("snoring", creatures.snoring),
    Sound("birdsong", lambda rng: creatures.birds(rng, 2_270)),
    Sound("crickets at night", creatures.crickets),
    Sound("footsteps", creatures.footsteps),
    Sound("a knock at the door", lambda rng: creatures.knocking(rng, 3)),
    Sound("applause", lambda rng: creatures.applause(rng, 12)),
    Sound("a heartbeat", creatures.heartbeat),
    Sound("a trotting horse", creatures.horseshoes),
    Sound("church bells", lambda rng: music.bells(rng, 730, 1.2)),
    Sound("deep church bells", lambda rng: music.bells(rng, 520, 1.6)),
    Sound("a piano", music.piano),
    Sound("a guitar", music.guitar),
    Sound("breaking glass", music.glass),
    Sound("falling coins", music.coins),
)
