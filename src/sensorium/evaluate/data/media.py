"""Files of a data set: what they are by their names, and where they lie."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from sensorium.core.errors import BadData, Unreadable
from sensorium.core.types import Modality

_PICTURES = "jpg jpeg jpe jfif png webp gif bmp tif tiff ppm pgm pnm heic heif avif jp2 tga ico qoi"
_SOUNDS = "wav mp3 flac ogg oga opus m4a aac aif aiff aifc wma amr au mka weba ape wv caf"
_TEXTS = "txt md rst html htm xml xhtml pdf epub docx odt rtf tex"
SUFFIXES: dict[str, Modality] = {
    **{f".{name}": "image" for name in _PICTURES.split()},
    **{f".{name}": "audio" for name in _SOUNDS.split()},
    **{f".{name}": "text" for name in _TEXTS.split()},
}
_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_ROOT = re.compile(r"^(/|[A-Za-z]:/)")
_PART = re.compile(r"fold\d+|(train|dev|val|validation|test|evaluation|development)(20\d\d)?")
_READ_AS: dict[str, Modality] = {"image": "image", "audio": "audio", "text": "text"}


def is_address(name: str) -> bool:
    """Whether it is a file on the web."""
    return _ADDRESS.match(name) is not None


def named(name: str) -> Modality | None:
    """What a file is by the end of its name; None when that says nothing."""
    return SUFFIXES.get(Path(name).suffix.lower())


def modality_of(path: Path) -> Modality | None:
    """What a file is by its name, else by its content; None when it is neither a text, a picture nor a sound."""
    from sensorium.readers.registry import Source, find

    if (known := named(path.name)) is not None:
        return known
    try:
        reader = find(Source.from_path(path))
    except Unreadable:
        return None
    return None if reader is None else _READ_AS.get(reader.kind)


class Folders:
    """Folders that names of files may begin in; the one that the last file was in is tried first.

    `moved`: a path from the root that leads nowhere is looked for by its last parts, the more of them the better.
    """

    def __init__(self, folders: Iterable[Path], *, moved: bool = False) -> None:
        self._folders = [folder for folder in dict.fromkeys(folders) if _is_folder(folder)]
        self._moved = moved
        self._closed: dict[Path, None] = {}

    def first(self, folder: Path) -> Folders:
        """The same, with another folder before all of them."""
        return Folders([folder, *self._folders], moved=self._moved)

    def find(self, name: str) -> Path | None:
        """Where a file of that name lies, None when it lies nowhere."""
        name = name.strip().replace("\\", "/")
        if not name or "\0" in name:
            return None
        return next((path for one in self._spelt(name) if (path := self._there(one)) is not None), None)

    def nothing(self, table: Path, names: Collection[str]) -> BadData:
        """What to raise when none of the names that a table has was found; the first of them is told."""
        closed = "".join(f"; {folder} may not be read" for folder in self._closed)
        first, ask = next(iter(names)), f"as in {table.name}?files=FOLDER"
        if len(names) == 1:
            return BadData(f"{table}: the file that it names was not found ({first}){closed}: say where it lies, {ask}")
        none = f"none of the {len(names):,} files that it names was found (the first: {first})"
        return BadData(f"{table}: {none}{closed}: say where they lie, {ask}")

    def _spelt(self, name: str) -> Iterator[str]:
        """A name as it may stand on the disk: as it is, with accents put otherwise (macOS), its last parts."""
        yield name
        if not name.isascii():
            yield from (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
        if self._moved and _ROOT.match(name):
            parts = name.split("/")
            yield from ("/".join(parts[start:]) for start in range(1, len(parts)))

    def _there(self, name: str) -> Path | None:
        for at, folder in enumerate(self._folders):
            path = folder / name
            try:
                there = path.is_file()
            except PermissionError:
                self._closed[folder] = None
                continue
            except OSError:  # a name that is too long to be one
                return None
            if there:
                if at:
                    self._folders.insert(0, self._folders.pop(at))
                return path
        return None


def beside(path: Path, *names: str) -> Folders:
    """The folder of a file, those of these names in it and in the one above, what is a part of these, and that above.

    A part is a fold (`fold1`), a folder of the same name as the one that it is in, or one that is called like a split.
    """
    here = path if path.is_dir() else path.parent
    named = [folder / name for folder in (here, here.parent) for name in names if _is_folder(folder / name)]
    parts = [part for folder in named for part in _in(folder) if _is_part(part)]
    return Folders([here, *named, *parts, here.parent])


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except PermissionError:  # one that lies in a folder that may not be read: no place for the files of a table
        return False


def _in(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except PermissionError:  # `Folders.nothing` says so, if it mattered
        return []


def _is_part(folder: Path) -> bool:
    return folder.name == folder.parent.name or _PART.fullmatch(folder.name) is not None
