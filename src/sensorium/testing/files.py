"""Small files to add: texts, pictures and sounds that follow from a seed."""

from __future__ import annotations

import os
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

RATE = 8000
TOPICS = ("the sea was calm", "bread rises slowly", "thunder over hills", "a red bicycle", "counting old stars")


@dataclass
class Files:
    """A folder that tests put things into; names may have folders in them.

    Every file gets a time of its own, so that no test depends on how fine the disk's clock is.
    """

    folder: Path
    clock: float = 1.6e9

    def at(self, name: str) -> Path:
        """Where a file of this name lies; its folder is made."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def stamp(self, path: Path) -> Path:
        """Give a file the next time."""
        self.clock += 1
        os.utime(path, (self.clock, self.clock))
        return path

    def bytes(self, name: str, content: bytes) -> Path:
        """A file with this content."""
        path = self.at(name)
        path.write_bytes(content)
        return self.stamp(path)

    def text(self, name: str, content: str) -> Path:
        """A text file."""
        return self.bytes(name, content.encode())

    def picture(self, name: str, seed: int, side: int = 24) -> Path:
        """A picture of 4 x 4 coloured fields."""
        fields = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
        path = self.at(name)
        Image.fromarray(fields).resize((side, side), Image.Resampling.NEAREST).save(path)
        return self.stamp(path)

    def sound(self, name: str, seed: int, seconds: float = 1.0) -> Path:
        """Chords of three tones, as WAV, a new one every five seconds."""
        random, samples = np.random.default_rng(seed), np.zeros(int(seconds * RATE))
        for start in range(0, len(samples), 5 * RATE):
            piece = samples[start : start + 5 * RATE]
            time = np.arange(len(piece)) / RATE
            piece += np.sin(2 * np.pi * random.uniform(100, 3500, (3, 1)) * time).sum(0) / 3
        path = self.at(name)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes((samples * 20000).astype("<i2").tobytes())
        return self.stamp(path)

    def fill(self, texts: int = 25, pictures: int = 20, sounds: int = 10, *, long: bool = True) -> None:
        """Texts, pictures and sounds in folders of their own; `long`: a text and a sound of more than 64 parts."""
        for n in range(texts):
            self.text(f"texts/t{n:02}.txt", f"Story {n}: {TOPICS[n % 5]}, as it was told on day {n * n}.\n")
        for n in range(pictures):
            self.picture(f"pictures/p{n:02}.png", n)
        for n in range(sounds):
            self.sound(f"sounds/s{n:02}.wav", n)
        if long:
            letters = np.random.default_rng(8).integers(0, 5, (90, 60))
            chapters = [" ".join(f"{'abcde'[one] * 4}{at}" for one in line) for at, line in enumerate(letters)]
            self.text("texts/long.txt", "\n\n".join(f"{chapter}." for chapter in chapters))
            self.sound("sounds/long.wav", 99, seconds=331.0)
