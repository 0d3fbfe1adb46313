"""What the set of `kinds.py` holds, before anything is written: which item is about what, and where in it that stands.

Subjects are scenes (a flickr8k picture and its captions) and sources (a class of sounds, with pictures of what makes
them and sentences about it). Everything is there on two sides with different words, pictures and recordings, so that
an item of one side can be asked for its counterpart on the other.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from pathlib import Path

from kinds_texts import HEADINGS, SAME, SOURCES, prose
from sensorium.core.types import Modality

KINDS = ("text", "image", "audio", "video", "html", "xml")
BOUND = ("epub", "office", "pdf")  # the pages once more, as books, letters and prints
GROUPS = 100  # two scenes each, on two sides: 200 pages, 200 documents and 200 films
UNRELATED = 4  # sections of a page beside those that are about a subject
QUERY_CAPTION = 4  # of a scene's five; 0 and 1 are written on the two sides
SPLITS = {"test": ("test", "test"), "dev": ("dev", "train")}  # of the pictures, of the sounds


@dataclass(frozen=True)
class Bit:
    """A piece of an item: the text, or the file of its picture or sound, and the subject it is about ("" for none).

    `cropped` pictures are the same scene seen a little closer. `seconds` is when a film shows or sounds it.
    """

    modality: Modality
    text: str = ""
    file: Path | None = None
    subject: str = ""
    heading: str = ""
    cropped: bool = False
    seconds: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Made:
    """An item of the set. `asked` is the subject that it stands for as a query; `side` is -1 where it has none."""

    kind: str
    name: str
    side: int
    asked: str
    bits: tuple[Bit, ...]

    @property
    def subjects(self) -> set[str]:
        """All that it is about."""
        return {bit.subject for bit in self.bits} - {""}

    @property
    def title(self) -> str:
        """What a page is called, after its first section that has nothing to do with what it is asked for."""
        return f"{next(bit.heading for bit in self.bits if not bit.subject)} and other notes"

    @property
    def family(self) -> str:
        """What it stands for as a query: a scene or a source."""
        return self.asked.partition(":")[0]

    @property
    def folder(self) -> str:
        """The folder that it is written into: those of a family and side are answers to those of the other side."""
        return f"{self.family}-{'ab'[self.side] if self.side >= 0 else 'more'}/{self.kind}"


@dataclass(frozen=True)
class Media:
    """The files to compose with: scenes with their captions, sounds and pictures by label, in fixed order."""

    scenes: dict[Path, list[str]]
    sounds: dict[str, list[Path]]
    pictures: dict[str, list[Path]]

    @classmethod
    def of(cls, root: Path, split: str) -> Media:
        """The files of one split (`test`, or `dev`) of the data folder."""
        photos, heard = SPLITS[split]
        chosen = {row["image"] for row in _rows(root / "flickr8k/splits.csv") if row["split"] == photos}
        scenes: dict[Path, list[str]] = {}
        for row in _rows(root / "flickr8k/captions.csv"):
            if row["image"] in chosen:
                scenes.setdefault(root / "flickr8k/images" / row["image"], []).append(row["caption"].strip())
        sounds: dict[str, dict[str, list[Path]]] = {}
        for name in ("esc50", "urbansound"):
            for row in (row for row in _rows(root / name / "labels.csv") if row["split"] == heard):
                label = row["label"].replace("_", " ")
                recordings = sounds.setdefault(SAME.get(label, label), {})
                recordings.setdefault(row["source"], []).append(root / name / "audio" / row["file"])
        pictures: dict[str, list[Path]] = {}
        for row in (row for row in _rows(root / "esc50_pictures/labels.csv") if row["split"] == heard):
            pictures.setdefault(row["label"].replace("_", " "), []).append(root / "esc50_pictures" / row["file"])
        return cls(scenes, {label: _in_turn(each) for label, each in sounds.items()}, pictures)

    @property
    def sources(self) -> list[str]:
        """The labels with two recordings and two pictures."""
        return sorted(s for s in SOURCES if min(len(self.sounds.get(s, [])), len(self.pictures.get(s, []))) > 1)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _in_turn(recordings: dict[str, list[Path]]) -> list[Path]:
    """A clip of each recording, then the rest: the first two are of different ones where there are two."""
    clips = [(turn, path) for paths in recordings.values() for turn, path in enumerate(paths)]
    return [path for _, path in sorted(clips, key=lambda clip: clip[0])]


class Plan:
    """Items of every kind out of `media`; the same for the same `seed`."""

    def __init__(self, media: Media, groups: int = GROUPS, seed: int = 12) -> None:
        self.media, self.seed = media, seed
        self.random = random.Random(seed)
        self.prose = prose()
        names = list(media.scenes)
        self.random.shuffle(names)
        self.pairs = list(zip(names[: 2 * groups : 2], names[1 : 2 * groups : 2], strict=True))
        self.others = names[2 * groups :]
        self.clips = [(label, path) for label in sorted(media.sounds) for path in media.sounds[label]]
        neutral = sorted(set(media.sounds) - set(media.sources))
        self.neutral = [[clip for clip in self.clips if clip[0] in neutral[side::2]] for side in (0, 1)]
        self.number = count(1)

    @cached_property
    def items(self) -> list[Made]:
        """All of them, in a fixed order."""
        made = [item for group, pair in enumerate(self.pairs) for item in self._scenes(group, pair)]
        made += [item for at, source in enumerate(self.media.sources) for item in self._source(at, source)]
        made += list(self._sounds())
        pages = [item for item in made if item.kind == "html"]
        return made + [self._made(kind, page.side, page.asked, page.bits) for kind in BOUND for page in pages]

    def captions(self) -> dict[str, str]:
        """Scene -> a caption that asks for it, and stands nowhere in the set."""
        scenes = [scene for pair in self.pairs for scene in pair]
        return {_scene(scene): self.media.scenes[scene][QUERY_CAPTION] for scene in scenes}

    def _scenes(self, group: int, pair: tuple[Path, Path]) -> Iterator[Made]:
        """The items about a pair of scenes: one side tells of the first and shows the second, the other does not."""
        asked = _scene(pair[group % 2])
        for side in (0, 1):
            told, shown = pair if side == 0 else pair[::-1]
            for scene in pair:
                yield self._made("text", side, _scene(scene), [self._caption(scene, side)])
                yield self._made("image", side, _scene(scene), [_picture(scene, side)])
            yield self._made("html", side, asked, self._among([self._caption(told, side), _picture(shown, side)], side))
            yield self._made("xml", side, asked, self._among([self._caption(shown, side), _picture(told, side)], side))
            shots = [(_picture(scene, side), self._sound(self.clips)) for scene in pair]
            yield self._made("video", side, asked, self._film([*shots, self._unrelated_shot(self.clips, side)]))

    def _source(self, at: int, source: str) -> Iterator[Made]:
        """The items about a source of sound: a page tells of it on one side, and shows it on the other."""
        for side in (0, 1):
            subject = f"source:{source}"
            told = Bit("text", SOURCES[source][side], subject=subject)
            shown = Bit("image", file=self.media.pictures[source][side], subject=subject)
            heard = Bit("audio", file=self.media.sounds[source][side], subject=subject)
            yield self._made("text", side, subject, [told])
            yield self._made("image", side, subject, [shown])
            yield self._made("audio", side, subject, [heard])
            tells = (at + side) % 2 == 0
            yield self._made("html", side, subject, self._among([told if tells else shown], side))
            yield self._made("xml", side, subject, self._among([shown if tells else told], side))
            shots = [(shown, heard), *(self._unrelated_shot(self.neutral[side], side) for _ in range(2))]
            yield self._made("video", side, subject, self._film(shots))

    def _sounds(self) -> Iterator[Made]:
        """The sounds that stand for no source."""
        taken = {path for source in self.media.sources for path in self.media.sounds[source][:2]}
        for label, path in self.clips:
            if path not in taken:
                yield self._made("audio", -1, f"source:{label}", [Bit("audio", file=path, subject=f"source:{label}")])

    def _made(self, kind: str, side: int, asked: str, bits: Sequence[Bit]) -> Made:
        return Made(kind, f"{kind}-{next(self.number):05d}", side, asked, tuple(bits))

    def _caption(self, scene: Path, side: int) -> Bit:
        return Bit("text", self.media.scenes[scene][side], subject=_scene(scene))

    def _among(self, bits: list[Bit], side: int) -> list[Bit]:
        """The bits in an order of chance with sections that have nothing to do with them."""
        drawn = self.random.sample(self.prose[side], UNRELATED)
        headed = [replace(bit, heading=self.random.choice(HEADINGS[side])) for bit in bits]
        mixed = [*headed, *(Bit("text", text, heading=heading) for heading, text in drawn)]
        self.random.shuffle(mixed)
        return mixed

    def _sound(self, among: Sequence[tuple[str, Path]]) -> Bit:
        label, path = self.random.choice(among)
        return Bit("audio", file=path, subject=f"source:{label}")

    def _unrelated_shot(self, among: Sequence[tuple[str, Path]], side: int) -> tuple[Bit, Bit]:
        scene = self.random.choice(self.others[side::2])
        return _picture(scene, 0), self._sound(among)

    def _film(self, shots: list[tuple[Bit, Bit]]) -> list[Bit]:
        """Pictures and sounds one after the other, 2 to 4 seconds each."""
        self.random.shuffle(shots)
        bits, start = [], 0.0
        for shot in shots:
            end = start + self.random.choice((2.0, 2.5, 3.0, 3.5, 4.0))
            bits += [
                Bit(b.modality, file=b.file, subject=b.subject, cropped=b.cropped, seconds=(start, end)) for b in shot
            ]
            start = end
        return bits


def _scene(path: Path) -> str:
    return f"scene:{path.stem}"


def _picture(scene: Path, side: int) -> Bit:
    return Bit("image", file=scene, subject=_scene(scene), cropped=side == 1)
