"""What is asked: a sum of terms, each a text, a file, an item already there, or a vector, with a weight."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorium.core.errors import BadQuery, SourceMissing

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS = "rows:"
"""What the paths of tables' rows begin with: see `row_paths`."""

_WEIGHT = re.compile(r"^(\d+(?:\.\d+)?|\.\d+):(?=.)", re.DOTALL)
_URL = re.compile(r"^[a-z][a-z0-9+.-]+:/+", re.IGNORECASE)  # one slash is what a Path makes of two
_PATH_LIKE = re.compile(r"^(~|\.{1,2})?[/\\]|^~$")
_ENDINGS = "jpe?g png webp gif bmp tiff? wav mp3 flac ogg opus m4a aac txt md rst pdf html? xml mp4 mov mkv"
_ENDING = re.compile(rf"^\S+\.({'|'.join(_ENDINGS.split())})$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence or a few words."""

    text: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise BadQuery("the query is empty: say what to look for, as in: sensorium search 'a dog on a beach'")
        _check_weight(self.weight)


@dataclass(frozen=True, slots=True)
class File:
    """A file of any kind that is read (a path), or its bytes."""

    source: str | os.PathLike[str] | bytes
    weight: float = 1.0

    def __post_init__(self) -> None:
        _check_weight(self.weight)


@dataclass(frozen=True, slots=True)
class Like:
    """An item of the library, by id: more like this."""

    item: int
    weight: float = 1.0

    def __post_init__(self) -> None:
        _check_weight(self.weight)


@dataclass(frozen=True, slots=True, eq=False)
class Vector:
    """A vector (d,) of the library's space."""

    vector: NDArray[Any]
    weight: float = 1.0

    def __post_init__(self) -> None:
        _check_weight(self.weight)


Term = Text | File | Like | Vector


def _check_weight(weight: float) -> None:
    if not math.isfinite(weight):
        raise BadQuery(f"the weight of a term is {weight}: give a number, below 0 for what should be far away")


def absolute(path: str | os.PathLike[str]) -> str:
    """The path from the root, without `~`, `.` and `..`; links are not followed: an item is what the user named."""
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 - Path.resolve would follow links


def named(path: str | os.PathLike[str]) -> str:
    """What a person names: a row or a table of rows as it is, anything else as a path from the root."""
    said = os.fspath(path)
    return said.rstrip("/") if said.startswith(ROWS) else absolute(said)


def local_path(text: str | os.PathLike[str]) -> Path:
    """An absolute path on this machine; SourceMissing for URLs and for what does not exist or may not be looked at."""
    said = os.fspath(text)
    if _URL.match(said):
        url = re.sub(":/+", "://", said, count=1)
        raise SourceMissing(f"{url} is not a file on this machine: nothing is fetched; download it and give its path")
    path = Path(absolute(said))
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SourceMissing(f"{said} does not exist: check the path (looked in {Path.cwd()})") from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SourceMissing(f"{said} cannot be looked at ({why}): check the path and its permissions") from error
    return path


def is_word(text: str) -> bool:
    """Whether a term is words by its looks, and a file only if one of that name is there."""
    return not (_URL.match(text) or _PATH_LIKE.match(text) or _ENDING.match(text) or _WEIGHT.match(text) or "/" in text)


def parse_term(text: str, *, negative: bool = False) -> Text | File:
    """One term of the command line's grammar: `[WEIGHT:]WORDS-OR-PATH`.

    What exists on the disk, or looks like a path, is a file; all else is text. A path that does not exist is an
    error, never a text.
    """
    match = _WEIGHT.match(text)
    weight, body = (float(match[1]), text[match.end() :].strip()) if match else (1.0, text)
    weight = -weight if negative else weight
    if weight == 0:
        raise BadQuery(f"the weight of {text!r} is zero: leave the term out, or give it another weight")
    if _URL.match(body) or _PATH_LIKE.match(body) or _ENDING.match(body):
        return File(local_path(body), weight)
    if os.path.isfile(body):  # noqa: PTH113 - unlike Path.is_file, it takes any text for an answer
        return File(Path(body), weight)
    return Text(body, weight)
