"""Pictures that move: GIF, WebP, PNG and AVIF with more than one frame."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice, repeat
from typing import BinaryIO

from sensorium.core.errors import Unreadable
from sensorium.readers.contract import Source

ANIMATED = {
    "image/gif": "video/gif", "image/webp": "video/webp", "image/png": "video/apng", "image/avif": "video/avif",
}  # fmt: skip
STILL = {moving: still for still, moving in ANIMATED.items()}
_MOST_BYTES = 64 << 20  # that are looked through for a second frame
_MOST_BLOCKS = 1 << 18
_MOST_BOXES, _MOST_OF_A_BOX, _LARGEST_BOX = 1000, 1 << 20, 1 << 40
_INSTANT = 0.015  # seconds: frames that ask to be shown for less are shown for a tenth of a second, as browsers do


def is_animated(source: Source, media_type: str) -> bool:
    """Whether a picture of one of the types in `ANIMATED` has a second frame; told without decoding one."""
    try:
        return len(durations(source, ANIMATED[media_type], 2)) == 2
    except Unreadable:
        return False


def durations(source: Source, media_type: str, most: int) -> list[float]:
    """Seconds that the first frames, `most` at most, are shown; as far as the file is whole. No frame is decoded."""
    found: list[float] = []
    with source.open() as stream, suppress(OSError, ValueError, IndexError):
        for seconds in islice(_DURATIONS[media_type](stream), most):
            found.append(seconds)  # noqa: PERF402 - those before an error count
    return found


def _gif(stream: BinaryIO) -> Iterator[float]:
    """Seconds of the frames of a GIF (GIF89a specification), as far as it is whole."""
    head = stream.read(13)
    stream.seek(_table(head[10]), 1)
    delay = 0.0
    for _ in range(_MOST_BLOCKS):
        mark = stream.read(1)
        if mark == b"!":
            label = stream.read(1)
            data = _sub_blocks(stream, keep=label == b"\xf9")
            if label == b"\xf9" and len(data) >= 4:
                delay = int.from_bytes(data[1:3], "little") / 100
        elif mark == b",":
            descriptor = stream.read(9)
            stream.seek(_table(descriptor[8]) + 1, 1)
            _sub_blocks(stream)
            yield _shown(delay)
            delay = 0.0
        else:
            return


def _table(flags: int) -> int:
    """Bytes of the colour table that a descriptor announces."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _sub_blocks(stream: BinaryIO, *, keep: bool = False) -> bytes:
    data = b""
    while stream.tell() < _MOST_BYTES:
        size = stream.read(1)[0]
        if not size:
            return data
        block = stream.read(size)
        data += block if keep else b""
    raise ValueError("no end within what is looked through")


def _webp(stream: BinaryIO) -> Iterator[float]:
    stream.seek(12)
    for _ in range(_MOST_BLOCKS):
        head = stream.read(8)
        if len(head) < 8:
            return
        size = int.from_bytes(head[4:], "little")
        taken = 0
        if head[:4] == b"ANMF":
            taken = len(frame := stream.read(16))
            yield _shown(int.from_bytes(frame[12:15], "little") / 1000)
        stream.seek(size + size % 2 - taken, 1)


def _apng(stream: BinaryIO) -> Iterator[float]:
    stream.seek(8)
    frames = False
    for _ in range(_MOST_BLOCKS):
        head = stream.read(8)
        if len(head) < 8 or head[4:] == b"IEND" or (head[4:] == b"IDAT" and not frames):
            return
        size, taken = int.from_bytes(head[:4], "big"), 0
        if head[4:] in (b"acTL", b"fcTL"):
            taken = len(data := stream.read(min(size, 26)))
            frames = frames or head[4:] == b"acTL"
            if head[4:] == b"fcTL":
                over, under = int.from_bytes(data[20:22], "big"), int.from_bytes(data[22:24], "big")
                yield _shown(over / (under or 100))
        stream.seek(size - taken + 4, 1)


def _avif(stream: BinaryIO) -> Iterator[float]:
    """Seconds of the frames of an image sequence's first track (ISO 14496-12)."""
    media = io.BytesIO(_box(stream, [b"moov", b"trak", b"mdia"]))
    head, table = _box(media, [b"mdhd"]), _box(media, [b"minf", b"stbl", b"stts"])
    at = 20 if head[:1] == b"\1" else 12  # of version 1, whose dates take twice the bytes
    scale = int.from_bytes(head[at : at + 4], "big") or 1000
    for run in range(8, 8 + 8 * min(int.from_bytes(table[4:8], "big"), _MOST_BLOCKS), 8):
        count, lasts = (int.from_bytes(table[i : i + 4], "big") for i in (run, run + 4))
        yield from repeat(_shown(lasts / scale), count)


def _box(stream: BinaryIO, path: list[bytes]) -> bytes:
    """The first megabyte of the box at `path`; b"" when there is none."""
    stream.seek(0)
    for _ in range(_MOST_BOXES):
        head = stream.read(8)
        if len(head) < 8:
            return b""
        size, taken = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, taken = int.from_bytes(stream.read(8), "big"), 16
        if head[4:] == path[0]:
            content = stream.read(min(size - taken, _MOST_OF_A_BOX) if size else _MOST_OF_A_BOX)
            return content if len(path) == 1 else _box(io.BytesIO(content), path[1:])
        if not taken <= size <= _LARGEST_BOX:
            return b""
        stream.seek(size - taken, 1)
    return b""


def _shown(seconds: float) -> float:
    return seconds if seconds >= _INSTANT else 0.1


_DURATIONS: dict[str, Callable[[BinaryIO], Iterator[float]]] = {
    "video/gif": _gif, "video/webp": _webp, "video/apng": _apng, "video/avif": _avif,
}  # fmt: skip
