"""Ordinary texts and pictures for when none are given: scales of 8-bit forms and calibration are made from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.types import Part

WHO = (
    "a dog", "two children", "an old man", "a woman in a red coat", "three cats", "a fisherman", "the orchestra",
    "a small bird", "a cyclist", "my neighbour", "a group of tourists", "the goalkeeper", "a street musician",
    "a horse", "the mayor of the town", "a baby elephant", "some students", "a nurse", "the engineer",
    "a pack of wolves",
)  # fmt: skip
DOES = (
    "runs along the beach", "waits for the bus", "is sleeping on the sofa", "reads a letter by the window",
    "is painting the fence", "jumps over a puddle", "looks at the mountains", "plays the violin", "crosses the bridge",
    "eats an apple", "is repairing an old radio", "dances in the rain", "climbs a steep wall",
    "sells flowers at the market", "carries a heavy box upstairs", "watches the sunset", "talks about the weather",
    "stands in the snow",
)  # fmt: skip
WHEN = (
    "", "early in the morning", "at night", "in the middle of the city", "while it is raining", "during the festival",
    "near the harbour", "in front of a stone church", "on a warm afternoon in July", "behind the railway station",
)  # fmt: skip
FACTS = (
    "The committee approved the budget for the coming year after a long debate, with 42 votes against 17.",
    "Boil the potatoes for twenty minutes, drain them, then add butter, salt and a little nutmeg.",
    "The engine would not start because the battery had been left connected over the winter.",
    "Interest rates rose by 0.25 % in March, which made mortgages noticeably more expensive.",
    "Light takes about eight minutes to travel from the Sun to the Earth.",
    "def area(radius): return 3.14159 * radius ** 2",
    "Dear Ms Hall, thank you for your order no. 88-1203; it was sent this morning and should arrive on Friday.",
    "Photosynthesis turns carbon dioxide and water into sugar and oxygen with the energy of sunlight.",
    "ERROR 2024-05-01 12:00:03 could not connect to the database: timeout after 30 s",
    "The patient complained of a sore throat and a slight fever, and was told to rest and drink plenty of water.",
    "In 1889 the tower was the tallest building in the world, and many of the city's artists hated it.",
    "How do I change the password of my account when I no longer have the old phone?",
)
PICTURE_SIDE = 256


def sample_texts(count: int = 160, seed: int = 0) -> list[Part]:
    """Captions, sentences, questions and a few paragraphs, of one to a hundred tokens; the same for a seed."""
    random = np.random.default_rng(seed)

    def one(words: tuple[str, ...]) -> str:
        return words[int(random.integers(len(words)))]

    made = []
    for row in range(count):
        sentence = f"{one(WHO)} {one(DOES)} {one(WHEN)}".strip()
        match row % 5:
            case 0:
                text = f"a photo of {one(WHO)}"
            case 1:
                text = sentence
            case 2:
                text = f"{one(FACTS)} {sentence[0].upper()}{sentence[1:]}."
            case 3:
                text = " ".join(one(FACTS) for _ in range(int(random.integers(2, 5))))
            case _:
                text = f"{one(WHO).split()[-1]} {one(DOES).split()[-1]}"
        made.append(Part("text", text))
    return made


def sample_pictures(count: int = 128, seed: int = 0) -> list[Part]:
    """Pictures with the spectrum of photographs and with shapes of plain colour before them, uint8 (256, 256, 3)."""
    random = np.random.default_rng(seed)
    return [Part("image", _picture(random)) for _ in range(count)]


def _picture(random: np.random.Generator) -> NDArray[np.uint8]:
    side = PICTURE_SIDE
    rows, columns = np.mgrid[:side, :side] / side
    ground = _texture(random, random.uniform(0.8, 2.0))
    light = rows * random.normal(0, 0.3) + columns * random.normal(0, 0.3)
    picture = random.uniform(0.2, 0.8, 3) + random.uniform(0.05, 0.25) * ground + light[..., None]
    for _ in range(int(random.integers(0, 7))):
        colour: Any = random.uniform(0, 1, 3) + random.uniform(0, 0.15) * _texture(random, 1.5)
        y, x, h, w = random.uniform(0, 1, 2).tolist() + random.uniform(0.05, 0.4, 2).tolist()
        if random.random() < 0.5:
            inside = ((rows - y) / h) ** 2 + ((columns - x) / w) ** 2 < 1
        else:
            inside = (abs(rows - y) < h) & (abs(columns - x) < w)
        picture = np.where(inside[..., None], colour, picture)
    return np.asarray((picture.clip(0, 1) * 255).astype(np.uint8))


def _texture(random: np.random.Generator, fall: float) -> NDArray[np.float64]:
    """Noise whose amplitude falls with frequency, as in photographs; three channels that mostly agree."""
    side = PICTURE_SIDE
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    frequency[0, 0] = 1
    shape = (*frequency.shape, 2)
    noise = [random.normal(size=shape) for _ in range(4)]
    channels = [noise[0] + 0.3 * own for own in noise[1:]]
    waves = np.stack(
        [np.fft.irfft2((c[..., 0] + 1j * c[..., 1]) / frequency**fall, (side, side)) for c in channels], -1
    )
    return np.asarray(waves / waves.std())
