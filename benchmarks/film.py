"""Composes films of pictures and sounds with known cuts: `python benchmarks/film.py FILM SECONDS PICTURES SOUNDS`."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from sensorium.readers.registry import Limits, Source, read
from sensorium.testing.media import Form, Scene, film

FULL_HD = Form(size=(1920, 1080), fps=30, bit_rate=6_000_000, threads=2, options={"preset": "veryfast"})
_SEEN = 1.3  # the picture is so many times larger than what the camera sees of it


@dataclass(frozen=True)
class Shot:
    """What is seen and heard in a composed film, from `start` to `end` in seconds."""

    start: float
    end: float
    picture: Path
    sound: Path | None


def compose(
    to: Path, seconds: float, pictures: Sequence[Path], sounds: Sequence[Path] = (), *, form: Form = FULL_HD,
    lengths: tuple[float, float] = (3.0, 8.0), seed: int = 0,
) -> list[Shot]:  # fmt: skip
    """Write a film of at least `seconds` to `to`; its shots, each of a random length between `lengths`.

    In a third of the shots the camera stands still, in half of them it pans, in the others it zooms as well. Pictures
    and sounds are taken in turn. It takes about as long as the film lasts, on two cores.
    """
    chance = random.Random(seed)
    shots: list[Shot] = []
    at = 0.0
    while at < seconds:
        length = chance.uniform(*lengths)
        sound = sounds[len(shots) % len(sounds)] if sounds else None
        shots.append(Shot(at, at + length, pictures[len(shots) % len(pictures)], sound))
        at += length
    film(_scenes(shots, form, chance), form, to=str(to))
    return shots


def _scenes(shots: Sequence[Shot], form: Form, chance: random.Random) -> Iterator[Scene]:
    width, height = (round(side * _SEEN) for side in form.size)
    grain = np.random.default_rng(0).normal(0, 2, (height, width, 1))
    for shot in shots:
        with Image.open(shot.picture) as opened:
            large = np.asarray(opened.convert("RGB").resize((width, height), Image.Resampling.BICUBIC))
        seen = np.clip(large + grain, 0, 255).astype(np.uint8)
        here, there = ((chance.random(), chance.random()) for _ in range(2))
        move = chance.random()
        zoom = (_SEEN, _SEEN) if move < 0.85 else (_SEEN, 1.1)
        heard = _sound(shot.sound) if shot.sound else None
        yield Scene(seen, shot.end - shot.start, heard, (here, here if move < 0.33 else there), zoom)


def _sound(path: Path) -> np.ndarray:
    """Samples (n,) at 16 kHz."""
    return np.concatenate([part.content.samples for part in read(Source.from_path(path), Limits())[1]])


def main() -> None:
    """Write a film of the pictures and sounds of two folders, and print its shots."""
    to, seconds, pictures, sounds = sys.argv[1:]
    files = [sorted(path for path in Path(folder).iterdir() if path.is_file()) for folder in (pictures, sounds)]
    for shot in compose(Path(to), float(seconds), files[0], files[1]):
        print(f"{shot.start:9.3f} {shot.end:9.3f}  {shot.picture.name}  {shot.sound.name if shot.sound else ''}")


if __name__ == "__main__":
    main()
