"""Fills a folder with samples, without the network: pictures, sounds and texts under names that give nothing away."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath

from sensorium.core.paths import absolute
from sensorium.core.progress import Progress, Silent
from sensorium.demo.pictures import DRAWINGS, PHOTOGRAPHS, WITHOUT_PHOTOGRAPHS, photographs_installed

_STAMP = ".made-from"


@dataclass(frozen=True, slots=True)
class Sample:
    """One file of the sample folder: its kind, what it shows, where it lies."""

    kind: str
    about: str
    path: Path


@dataclass(frozen=True, slots=True)
class Gathered:
    """The sample folder, filled. `note` says what is missing and what would bring it, or is empty."""

    folder: Path
    samples: tuple[Sample, ...]
    note: str = ""

    @property
    def paths(self) -> list[Path]:
        """The files, pictures first, then sounds and texts."""
        return [sample.path for sample in self.samples]

    def path(self, kind: str, about: str) -> Path | None:
        """The sample of a kind that shows this, if there is one."""
        return next((s.path for s in self.samples if (s.kind, s.about) == (kind, about)), None)

    def about(self, path: str | Path) -> str:
        """What a file of the folder shows; empty for a file that is no sample."""
        return next((s.about for s in self.samples if s.path == Path(path)), "")


@dataclass(frozen=True, slots=True)
class _Recipe:
    """A file to come: its name in the folder, and how its bytes are made."""

    kind: str
    about: str
    name: str
    content: Callable[[], bytes]
    lasting: bool = False  # costly to make, and the same as long as the code that makes it


def gather(folder: str | Path, progress: Progress | None = None) -> Gathered:
    """Fill `folder` with pictures/, sounds/ and texts/; files that are right already are left alone.

    Without the packages of the extra `demo` the pictures are drawings, and `note` says so.
    """
    folder, news = absolute(folder), progress or Silent()
    recipes, note = _recipes()
    fresh = _stamp(folder) == _code_digest()
    news.start("samples", len(recipes))
    for recipe in recipes:
        _put(folder / recipe.name, recipe.content, keep=recipe.lasting and fresh)
        news.advance()
    if (folder / _STAMP).is_file():
        _clear_stale(folder, {recipe.name for recipe in recipes})
    (folder / _STAMP).write_text(_code_digest(), encoding="ascii")
    news.finish()
    return Gathered(folder, tuple(Sample(r.kind, r.about, folder / r.name) for r in recipes), note)


def _recipes() -> tuple[list[_Recipe], str]:
    pictures = list(_photographs())
    note = "" if photographs_installed() else WITHOUT_PHOTOGRAPHS
    return [*(pictures or _drawings()), *_sounds(), *_texts()], note


def _photographs() -> Iterator[_Recipe]:
    for number, photograph in enumerate(PHOTOGRAPHS, 1):
        path = photograph.find()
        if path is not None:
            yield _Recipe("image", photograph.about, f"pictures/picture-{number:02d}{path.suffix}", path.read_bytes)


def _drawings() -> Iterator[_Recipe]:
    for number, drawing in enumerate(DRAWINGS, 1):
        yield _Recipe("image", drawing.about, f"pictures/drawing-{number:02d}.png", drawing.png)


def _sounds() -> Iterator[_Recipe]:
    from sensorium.demo.sounds import SOUNDS

    for number, sound in enumerate(SOUNDS, 1):
        yield _Recipe("audio", sound.about, f"sounds/sound-{number:02d}.wav", sound.wav, lasting=True)


def _texts() -> Iterator[_Recipe]:
    texts = resources.files("sensorium.demo").joinpath("texts")
    entries = sorted((entry for entry in texts.iterdir() if entry.is_file()), key=lambda entry: entry.name)
    for number, entry in enumerate(entries, 1):
        name = PurePosixPath(entry.name)
        yield _Recipe("text", name.stem, f"texts/text-{number:02d}{name.suffix}", entry.read_bytes)


def _put(path: Path, content: Callable[[], bytes], *, keep: bool) -> None:
    """Write a file unless it is right already, so that its time stamp stays and it is not embedded again."""
    if keep and path.is_file():
        return
    made = content()
    if path.is_file() and path.read_bytes() == made:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}")
    beside.write_bytes(made)
    beside.replace(path)


def _clear_stale(folder: Path, names: set[str]) -> None:
    """Remove samples of an earlier run that are none any more: drawings, once there are photographs.

    Only in a folder that was filled before, so that nobody's own pictures are ever taken for samples.
    """
    for pattern in ("pictures/picture-*", "pictures/drawing-*", "sounds/sound-*", "texts/text-*"):
        for path in folder.glob(pattern):
            if path.relative_to(folder).as_posix() not in names:
                path.unlink()


def _code_digest() -> str:
    """Changes whenever the code that makes the sounds does."""
    code = sorted(resources.files("sensorium.demo.sounds").iterdir(), key=lambda entry: entry.name)
    return f"{zlib.crc32(b''.join(entry.read_bytes() for entry in code if entry.name.endswith('.py'))):08x}"


def _stamp(folder: Path) -> str:
    stamp = folder / _STAMP
    return stamp.read_text(encoding="ascii", errors="replace") if stamp.is_file() else ""
