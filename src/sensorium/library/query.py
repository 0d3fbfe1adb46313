"""What is asked: a sum of terms, each a text, a file, an item already there, or a vector, with a weight."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorium.core.errors import BadQuery, SourceMissing

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WEIGHT = re.compile(r"^(\d+(?:\.\d+)?|\.\d+):(?=.)", re.DOTALL)
_URL = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_PATH_LIKE = re.compile(r"^(~|\.{1,2})?[/\\]|^~$")
_ENDING = re.compile(r"^\S+\.(jpe?g|png|webp|gif|bmp|tiff?|wav|mp3|flac|ogg|opus|m4a|aac|txt|md|rst|pdf|html?|xml|mp4|mov|mkv)$", re.I)


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence or a few words."""

    text: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise BadQuery("the query is empty: say what to look for, as in: sensorium search 'a dog on a beach'")


@dataclass(frozen=True, slots=True)
class File:
    """A file of any kind that is read (a path), or its bytes."""

    source: str | os.PathLike[str] | bytes
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Like:
    """An item of the library, by id: more like this."""

    item: int
    weight: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Vector:
    """A vector (d,) of the library's space."""

    vector: NDArray[Any]
    weight: float = 1.0


Term = Text | File | Like | Vector


def local_path(text: str | os.PathLike[str]) -> Path:
    """A path on this machine, with `~` expanded; SourceMissing for URLs and for what does not exist."""
    said = os.fspath(text)
    if _URL.match(said):
        raise SourceMissing(f"{said} is not a file on this machine: Sensorium never fetches; download it, then give its path")
    path = Path(said).expanduser()
    if not path.exists():
        raise SourceMissing(f"{said} does not exist: check the path (looked in {Path.cwd()})")
    return path


def parse_term(text: str, *, negative: bool = False) -> Text | File:
    """One term of the command line's grammar: `[WEIGHT:]WORDS-OR-PATH`.

    What exists on the disk, or looks like a path, is a file; all else is text. A path that does not exist is an error, never a text.
    """
    match = _WEIGHT.match(text)
    weight, body = (float(match[1]), text[match.end() :].strip()) if match else (1.0, text)
    weight = -weight if negative else weight
    if weight == 0:
        raise BadQuery(f"the weight of {text!r} is zero: leave the term out, or give it another weight")
    if _URL.match(body) or _PATH_LIKE.match(body) or _ENDING.match(body):
        return File(local_path(body), weight)
    if len(body) < 256 and "\0" not in body and Path(body).is_file():
        return File(Path(body), weight)
    return Text(body, weight)
