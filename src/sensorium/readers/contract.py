"""What a reader is, what it is given and what it may do: `Source`, `Limits`, `Reader`."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from os import PathLike, fspath, stat_result
from pathlib import Path
from typing import BinaryIO, Protocol

from sensorium.core.errors import Unreadable
from sensorium.core.types import Part

HEAD_BYTES = 4096


@dataclass(frozen=True)
class Limits:
    """What is wanted of a reader, and how much it may take.

    `image_side`: the side in pixels that the encoder wants; large pictures are handed over smaller, never below
    twice this side. `audio_rate`: Hz. `window_seconds`: length of a sound's parts. `passage_characters`: about the
    length of a text's parts. A picture of more than `max_pixels`, a text of more than `max_text_bytes`, or a packed
    file that holds more than `max_unpacked_bytes` is refused; of a file with more than `max_parts` parts the rest is
    left out, and its last part says so. A file may take `max_seconds` in all, and `stall_seconds` without a part.
    """

    image_side: int = 128
    audio_rate: int = 16000
    window_seconds: float = 5.0
    passage_characters: int = 400
    max_pixels: int = 200_000_000
    max_text_bytes: int = 64 << 20
    max_unpacked_bytes: int = 512 << 20
    max_parts: int = 10_000
    max_seconds: float = 3600.0
    stall_seconds: float = 60.0


class Source:
    """A file to read, or bytes that stand for one. Cheap to make: nothing is opened before it is asked for."""

    def __init__(self, path: str, data: bytes | None = None) -> None:
        self.path = path
        self.data = data  # None for a file

    @classmethod
    def from_path(cls, path: str | PathLike[str]) -> Source:
        """The file at `path`; `.path` is absolute."""
        return cls(fspath(Path(path).absolute()))

    @classmethod
    def from_bytes(cls, data: bytes, name: str = "-") -> Source:
        """A file that is all in memory, such as one from standard input; `.path` is `name`."""
        return cls(name, data)

    @property
    def name(self) -> str:
        """The last piece of the path."""
        return Path(self.path).name

    @cached_property
    def size(self) -> int:
        """Bytes. Raises `Unreadable` like `open`."""
        return len(self.data) if self.data is not None else self._regular().st_size

    def open(self) -> BinaryIO:
        """A fresh binary stream, seekable, at 0; the caller closes it. Raises `Unreadable` if there is no such file."""
        if self.data is not None:
            return io.BytesIO(self.data)
        self._regular()
        try:
            return Path(self.path).open("rb")
        except OSError as error:
            raise Unreadable(f"cannot be opened: {error.strerror}") from error

    def head(self, n: int = HEAD_BYTES) -> bytes:
        """The first `n` bytes, fewer if there are fewer. Raises `Unreadable` like `open`."""
        if n <= HEAD_BYTES:
            return self._head[:n]
        return self._first(n)

    @cached_property
    def _head(self) -> bytes:
        return self._first(HEAD_BYTES)

    def _first(self, n: int) -> bytes:
        if self.data is not None:
            return self.data[:n]
        try:
            with self.open() as stream:
                return stream.read(n)
        except OSError as error:
            raise Unreadable(f"cannot be read: {error.strerror}") from error

    def _regular(self) -> stat_result:
        # Opening a pipe waits for its writer, and a device may never end: both are refused unopened.
        try:
            found = Path(self.path).stat()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "not a path"
            raise Unreadable(f"cannot be opened: {why}") from error
        if not stat.S_ISREG(found.st_mode):
            raise Unreadable("not a regular file")
        return found


class Reader(Protocol):
    """Turns the bytes of some media types into parts. A plug-in offers one as a module-level object.

    `kind` is what its items are: "text", "image", "audio" or a new word. The attributes of the first part describe
    the whole item (`title`, `width`, `seconds`, ...); they are plain JSON values.

    A plug-in for a format that `sniff` does not know also has `recognize(head, name) -> str`: from a file's first
    bytes and its name a media type that it accepts, or "".
    """

    kind: str

    def accepts(self, media_type: str) -> bool:
        """Whether `read` can be tried on content of this type (as `sniff` names it). Cheap; opens nothing."""
        ...

    def read(self, source: Source, limits: Limits) -> Iterator[Part]:
        """The parts, in order, made one at a time. Raises `Unreadable` at the first or any later part."""
        ...
