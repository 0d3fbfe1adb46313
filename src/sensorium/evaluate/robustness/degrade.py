"""Pictures and sounds made worse, by a strength in a stated unit: the same content and seed always give the same.

Each degradation is a pure function of the content, the strength and a random generator. `degraded` seeds that from the
content itself, so that every file gets a noise and a cut of its own, and all strengths of one degradation get the same
noise, only more of it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import BadQuery
from sensorium.core.types import Audio, Modality, Part

if TYPE_CHECKING:
    from numpy.random import Generator

Pixels = NDArray[np.uint8]
Samples = NDArray[np.float32]

VERSION = 1  # of what the functions below do: counted up, so that vectors in a cache are not taken for others
GAMMA = 2.2  # from light to the numbers of a picture, as screens and cameras have it, about
FULL_WELL, READ_NOISE = 5000.0, 5.0  # electrons of a small sensor: in its brightest pixel, and of noise without light
TELEPHONE_LOW, TELEPHONE_RATE, MU = 300.0, 8000, 255.0  # Hz, Hz, levels


def blur(pixels: Pixels, strength: float, random: Generator) -> Pixels:
    """A Gaussian of a deviation of `strength` times the shorter side (by three box filters, as Pillow does it)."""
    from PIL import Image, ImageFilter

    picture = Image.fromarray(pixels)
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(strength * min(picture.size))))


def noise(pixels: Pixels, strength: float, random: Generator) -> Pixels:
    """Gaussian noise on every pixel and channel, of a standard deviation of `strength` of 255."""
    spoilt = pixels + np.float32(strength) * random.standard_normal(pixels.shape, np.float32)
    return np.clip(np.rint(spoilt), 0, 255).astype(np.uint8)


def jpeg(pixels: Pixels, strength: float, random: Generator) -> Pixels:
    """Written as a JPEG of the quality `strength` (libjpeg's, 1 to 95; colours at half the resolution), then read."""
    from PIL import Image

    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "JPEG", quality=round(strength), subsampling="4:2:0")
    return np.asarray(Image.open(written))


def low_light(pixels: Pixels, strength: float, random: Generator) -> Pixels:
    """As a camera with the same settings takes it in light of 1 / 2^`strength`: `strength` stops too dark, and noisy.

    The light is (v / 255)^2.2. Of `FULL_WELL` electrons in a white pixel so many fewer arrive, with their shot noise,
    and `READ_NOISE` on top (the sensor model of EMVA standard 1288; shot noise as a Gaussian of the same variance).
    """
    electrons = FULL_WELL * np.power(np.arange(256) / 255, GAMMA).astype(np.float32) / np.float32(2**strength)
    deviation = np.sqrt(electrons + np.float32(READ_NOISE**2))
    caught = electrons[pixels] + deviation[pixels] * random.standard_normal(pixels.shape, np.float32)
    light = np.clip(caught / np.float32(FULL_WELL), 0, 1)
    spoilt: Pixels = np.rint(255 * np.power(light, np.float32(1 / GAMMA))).astype(np.uint8)
    return spoilt


def crop(pixels: Pixels, strength: float, random: Generator) -> Pixels:
    """A piece of the shape of the picture with `strength` of its area, from anywhere in it."""
    height, width = pixels.shape[:2]
    across, down = random.random(2)
    high, wide = (max(1, round(length * strength**0.5)) for length in (height, width))
    top, left = round(down * (height - high)), round(across * (width - wide))
    return np.ascontiguousarray(pixels[top : top + high, left : left + wide])


def white_noise(sound: Audio, strength: float, random: Generator) -> Audio:
    """White noise `strength` dB below the mean power of the sound; made softer where the sum is beyond full scale.

    A silent sound stays silent.
    """
    power = float(np.mean(np.square(sound.samples, dtype=np.float64))) if len(sound.samples) else 0.0
    scale = np.float32((power / 10 ** (strength / 10)) ** 0.5)
    spoilt = sound.samples + scale * random.standard_normal(len(sound.samples), np.float32)
    return Audio(np.asarray(spoilt / max(1.0, _peak(spoilt)), np.float32), sound.rate)


def clipping(sound: Audio, strength: float, random: Generator) -> Audio:
    """Overdriven: its peaks go `strength` dB beyond what can be recorded, and are cut; played at the former peak."""
    most = _peak(sound.samples) * 10 ** (-strength / 20)
    cut = np.clip(sound.samples, -most, most) * 10 ** (strength / 20)
    return Audio(np.asarray(cut, np.float32), sound.rate)


def telephone(sound: Audio, strength: float, random: Generator) -> Audio:
    """Only what is between 300 Hz and `strength` Hz, sampled at 8 kHz in 8 bits (mu-law, 255): at 3,400 a telephone.

    As ITU-T G.711 has it, but for the filter, whose edges are sharp.
    """
    length = len(sound.samples)
    if not length:
        return sound
    spectrum = np.fft.rfft(sound.samples)
    heard = np.fft.rfftfreq(length, 1 / sound.rate)
    spectrum[(heard < TELEPHONE_LOW) | (heard > strength)] = 0
    fewer = min(length, max(2, round(length * TELEPHONE_RATE / sound.rate)))
    sent = np.fft.irfft(spectrum[: fewer // 2 + 1], fewer) * (fewer / length)
    levels = np.rint(127 * np.log1p(MU * np.minimum(np.abs(sent), 1)) / np.log1p(MU)) / 127
    received = np.sign(sent) * np.expm1(levels * np.log1p(MU)) / MU
    again = np.fft.irfft(np.fft.rfft(received), length) * (length / fewer)
    return Audio(np.clip(again, -1, 1).astype(np.float32), sound.rate)


@dataclass(frozen=True, slots=True)
class Degradation:
    """A way to make files of a modality worse. `strengths` go from mild to strong and lie within `least` and `most`.

    `unit` says what a strength counts, `says` in a few words what is done.
    """

    name: str
    modality: Modality
    says: str
    unit: str
    strengths: tuple[float, ...]
    least: float
    most: float
    of: Callable[[Any, float, Generator], Any]


DEGRADATIONS = {
    one.name: one
    for one in (
        Degradation("blur", "image", "blurred", "standard deviation, share of the shorter side",
                    (0.005, 0.01, 0.02, 0.04, 0.08), 0, 1, blur),
        Degradation("noise", "image", "noise on every pixel", "standard deviation, of 255",
                    (8, 16, 32, 64, 128), 0, 1000, noise),
        Degradation("jpeg", "image", "compressed as a JPEG", "quality", (50, 20, 10, 5, 2), 1, 95, jpeg),
        Degradation("low_light", "image", "taken in too little light", "stops too dark", (1, 2, 3, 4, 6), 0, 20,
                    low_light),
        Degradation("crop", "image", "a piece of it", "share of the area", (0.75, 0.5, 0.25, 0.1, 0.05), 1e-6, 1,
                    crop),
        Degradation("white_noise", "audio", "white noise over it", "signal to noise in dB", (20, 10, 0, -10), -200, 200,
                    white_noise),
        Degradation("clipping", "audio", "overdriven, its peaks cut", "dB beyond full scale", (10, 20, 30, 40), 0, 200,
                    clipping),
        Degradation("telephone", "audio", "through a telephone, from 300 Hz", "upper end of the band in Hz",
                    (3400, 2400, 1400), TELEPHONE_LOW, TELEPHONE_RATE / 2, telephone),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Condition:
    """A degradation at a strength. Raises BadQuery for one that there is none of."""

    name: str
    strength: float

    def __post_init__(self) -> None:
        known = DEGRADATIONS.get(self.name)
        if known is None:
            raise BadQuery(f"the degradation {self.name!r} is unknown: choose among {', '.join(DEGRADATIONS)}")
        if not known.least <= self.strength <= known.most:
            raise BadQuery(
                f"{self.name} has a strength of {self.strength:g} ({known.unit}): give one from {known.least:g} to "
                f"{known.most:g}"
            )

    @property
    def degradation(self) -> Degradation:
        """What it is a strength of."""
        return DEGRADATIONS[self.name]

    @property
    def modality(self) -> Modality:
        """What it is done to."""
        return self.degradation.modality

    def __str__(self) -> str:
        return f"{self.name} {self.strength:g}"


def standard(*modalities: Modality) -> tuple[Condition, ...]:
    """Every degradation of these modalities (of all, when none is named) at each of its usual strengths."""
    wanted = [one for one in DEGRADATIONS.values() if one.modality in (modalities or (one.modality,))]
    return tuple(Condition(one.name, strength) for one in wanted for strength in one.strengths)


def degraded(part: Part, condition: Condition, seed: int = 0) -> Part:
    """The part, made worse: new content of the same kind; the given one stays as it is.

    Raises BadQuery for a part of another modality than the condition is for.
    """
    if part.modality != condition.modality:
        raise BadQuery(f"{condition.name} is for {condition.modality}, not for {part.modality}: choose another")
    data = part.content.samples if isinstance(part.content, Audio) else part.content
    told = hashlib.blake2b(np.ascontiguousarray(data).data, digest_size=16, salt=condition.name.encode()[:16]).digest()
    random = np.random.default_rng([seed, *np.frombuffer(told, np.uint32).tolist()])
    return replace(part, content=condition.degradation.of(part.content, condition.strength, random))


def _peak(samples: Samples) -> float:
    return float(np.abs(samples).max(initial=0))
