"""The searches of the demo: what is asked, in what, and the right answer where there is one."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sensorium.demo.pictures import Photograph
from sensorium.library.query import File, Text

if TYPE_CHECKING:
    from sensorium.demo.gather import Gathered
    from sensorium.library.query import Term


@dataclass(frozen=True, slots=True)
class Clue:
    """One term of a search, and what a person sees of it: words, a file, or a file's bytes."""

    term: Term
    kind: str
    source: str | Path | bytes


class Asked(Protocol):
    """A term before the samples are gathered."""

    def clue(self, gathered: Gathered) -> Clue | None:
        """The term over these samples; None when what it is made of is not there."""


@dataclass(frozen=True, slots=True)
class Words:
    """A sentence."""

    text: str
    weight: float = 1.0

    def clue(self, gathered: Gathered) -> Clue | None:
        """Always there."""
        return Clue(Text(self.text, self.weight), "text", self.text)


@dataclass(frozen=True, slots=True)
class Whole:
    """A sample itself."""

    kind: str
    about: str
    weight: float = 1.0

    def clue(self, gathered: Gathered) -> Clue | None:
        """The sample's file."""
        path = gathered.path(self.kind, self.about)
        return None if path is None else Clue(File(path, self.weight), self.kind, path)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a sample picture, turned: `box` is (left, top, right, bottom) in shares, `turn` in degrees."""

    about: str
    box: tuple[float, float, float, float]
    turn: float = 0.0
    mirrored: bool = False

    def clue(self, gathered: Gathered) -> Clue | None:
        """The piece as a JPEG file."""
        path = gathered.path("image", self.about)
        if path is None:
            return None
        jpeg = self._cut(path)
        return Clue(File(jpeg), "image", jpeg)

    def _cut(self, path: Path) -> bytes:
        from PIL import Image, ImageOps

        with Image.open(path) as picture:
            (width, height), (left, top, right, bottom) = picture.size, self.box
            edges = (round(left * width), round(top * height), round(right * width), round(bottom * height))
            piece = picture.convert("RGB").crop(edges)
        turned = piece.rotate(self.turn, Image.Resampling.BICUBIC, fillcolor=(128, 128, 128))
        file = io.BytesIO()
        (ImageOps.mirror(turned) if self.mirrored else turned).save(file, "JPEG", quality=90)
        return file.getvalue()


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A photograph that is not among the samples."""

    photograph: Photograph

    def clue(self, gathered: Gathered) -> Clue | None:
        """The photograph's file."""
        path = self.photograph.find()
        return None if path is None else Clue(File(path), "image", path)


@dataclass(frozen=True, slots=True)
class Take:
    """A sample's sound performed anew: no sample of it is the same."""

    about: str
    take: int = 1

    def clue(self, gathered: Gathered) -> Clue | None:
        """The performance as a WAV file."""
        from sensorium.demo.sounds import SOUNDS

        wav = next(sound for sound in SOUNDS if sound.about == self.about).wav(self.take)
        return Clue(File(wav), "audio", wav)


@dataclass(frozen=True, slots=True)
class DemoQuery:
    """One search. `expects` names what right answers show, any of them; empty where nobody can know."""

    pair: str
    says: str
    asked: tuple[Asked, ...]
    kinds: tuple[str, ...]
    expects: tuple[str, ...] = ()

    def clues(self, gathered: Gathered) -> tuple[Clue, ...] | None:
        """What to search for; None when something is missing: a part of the query, or every right answer."""
        if self.expects and not self.right(gathered):
            return None
        clues = tuple(clue for asked in self.asked if (clue := asked.clue(gathered)) is not None)
        return clues if len(clues) == len(self.asked) else None

    def right(self, gathered: Gathered) -> tuple[Path, ...]:
        """The files that are right answers."""
        found = (gathered.path(kind, about) for kind in self.kinds for about in self.expects)
        return tuple(path for path in found if path is not None)


def _say(target: str, text: str, *expects: str) -> DemoQuery:
    return DemoQuery(f"text->{target}", text, (Words(text),), (target,), expects)


def _show(says: str, asked: Asked, target: str, *expects: str) -> DemoQuery:
    return DemoQuery(f"image->{target}", says, (asked,), (target,), expects)


def _play(says: str, asked: Asked, target: str, *expects: str) -> DemoQuery:
    return DemoQuery(f"audio->{target}", says, (asked,), (target,), expects)


_OTHER_EYE = Photograph("a motorcycle from half a step to the right", "skimage", "data/motorcycle_right.png")

QUERIES: tuple[DemoQuery, ...] = (
    _say("image", "a cat with green eyes", "a cat"),
    _say("image", "a woman in an orange suit", "an astronaut"),
    _say("image", "a red motorcycle in a garage", "a motorcycle"),
    _say("image", "a rocket launch", "a rocket"),
    _say("image", "a man taking a picture with a camera on a tripod", "a cameraman"),
    _say("image", "a brick wall", "bricks"),
    _say("image", "a page of a book", "a printed page"),
    _say("image", "an orange flower", "a flower"),
    _say("text", "how do I mend a flat tyre?", "bicycle"),
    _say("text", "a recipe for soup with tomatoes", "soup"),
    _say("text", "papers that I owe the government", "taxes"),
    _say("text", "insects that make honey", "bees"),
    _say("text", "renaming photo files with Python", "rename_photos"),
    _say("text", "my tooth hurts", "dentist"),
    _say("text", "learning to play the violin", "violin"),
    _say("audio", "a cat meowing", "a meowing cat"),
    _say("audio", "rain falling on the ground", "heavy rain", "light rain"),
    _say("audio", "church bells are ringing", "church bells", "deep church bells"),
    _say("audio", "an ambulance with its siren on", "a siren"),
    _say("audio", "birds singing in the morning", "birdsong"),
    _say("audio", "someone knocks on the door", "a knock at the door"),
    _say("audio", "waves break on the beach", "sea waves", "quick surf"),
    _say("audio", "a baby crying", "a crying baby"),
    _say("audio", "dogs barking", "a large dog", "a small dog"),
    _show("the photograph of a cat", Whole("image", "a cat"), "text", "cats"),
    _show("the photograph of a motorcycle", Whole("image", "a motorcycle"), "text", "motorcycle"),
    _show("the photograph of a Chinese temple", Whole("image", "a Chinese temple"), "text", "temple"),
    _show("the same motorcycle, from half a step to the right", Elsewhere(_OTHER_EYE), "image", "a motorcycle"),
    _show("the cat's face, tilted, mirrored", Piece("a cat", (0.15, 0.0, 0.9, 0.95), 15, True), "image", "a cat"),
    _show("a corner of the coffee picture", Piece("a cup of coffee", (0.3, 0.0, 1.0, 0.9)), "image", "a cup of coffee"),
    _show("the temple's roofs", Piece("a Chinese temple", (0.0, 0.05, 0.7, 0.9), 0, True), "image", "a Chinese temple"),
    _show("the flower, cut out and tilted", Piece("a flower", (0.2, 0.1, 0.85, 1.0), -20), "image", "a flower"),
    _show("the astronaut's face", Piece("an astronaut", (0.2, 0.0, 0.75, 0.6)), "image", "an astronaut"),
    _show("the drawn tree, mirrored", Piece("a drawn tree", (0.05, 0.0, 0.95, 0.95), 0, True), "image", "a drawn tree"),
    _show(
        "the drawn face, tilted",
        Piece("a drawn smiling face", (0.0, 0.0, 1.0, 1.0), 20),
        "image",
        "a drawn smiling face",
    ),
    _show("the photograph of a motorcycle", Whole("image", "a motorcycle"), "audio", "a motorcycle", "a car's engine"),
    _show("the photograph of a rocket", Whole("image", "a rocket"), "audio", "thunder", "a jet passing over"),
    _play("another shower of rain", Take("heavy rain"), "audio", "heavy rain", "light rain"),
    _play("another peal of church bells", Take("church bells"), "audio", "church bells", "deep church bells"),
    _play("another dog", Take("a small dog"), "audio", "a small dog", "a large dog"),
    _play("another siren", Take("a siren"), "audio", "a siren"),
    _play("other crickets", Take("crickets at night"), "audio", "crickets at night"),
    _play("another piano", Take("a piano"), "audio", "a piano"),
    _play("a motorcycle's engine", Whole("audio", "a motorcycle"), "image", "a motorcycle"),
    _play("a car's engine", Whole("audio", "a car's engine"), "image", "a motorcycle"),
    _play("a jet that passes over", Whole("audio", "a jet passing over"), "image", "a rocket"),
    _play("a meow", Whole("audio", "a meowing cat"), "text", "cats"),
    _play("church bells", Whole("audio", "church bells"), "text", "bells"),
    _play("waves", Whole("audio", "sea waves"), "text", "sea"),
    _play("a clock that ticks", Whole("audio", "a slow clock"), "text", "clock"),
    _play("thunder", Whole("audio", "thunder"), "text", "storm"),
    _play("birdsong", Whole("audio", "birdsong"), "text", "birds"),
    _play("a train", Whole("audio", "a train on its rails"), "text", "train"),
    DemoQuery(
        "text+audio->image",
        "a photograph of what makes this sound",
        (Words("a photo of an animal"), Whole("audio", "a meowing cat")),
        ("image",),
        ("a cat",),
    ),
    DemoQuery(
        "text-text->audio",
        "water, without rain",
        (Words("water"), Words("rain", -0.5)),
        ("audio",),
        ("water drops", "sea waves", "quick surf"),
    ),
    DemoQuery(
        "text+audio->text",
        "bad weather, and the sound of a storm",
        (Words("bad weather"), Whole("audio", "thunder", 0.5)),
        ("text",),
        ("storm",),
    ),
)
