"""Files that are whole or absent, whenever the process dies, and checksums that tell.

A writer holds an advisory lock (flock) on each file it has begun. The system drops it when the process ends, however it
ends, so a file that nobody holds and nothing names is a leftover, and one that is held belongs to a living writer.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_CHUNK = 1 << 22
_SAMPLES, _SAMPLE_BYTES = 32, 4096


def claim(folder: Path, stem: str, suffix: str) -> tuple[Path, IO[bytes]]:
    """A new empty file `<stem><random><suffix>` in `folder`, open for writing and locked by this process."""
    while True:
        path = folder / f"{stem}{secrets.token_hex(8)}{suffix}"
        file = path.open("xb")
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return path, file
        file.close()  # a sweeper took it for a leftover between the two calls


@contextmanager
def abandoned(path: Path) -> Iterator[bool]:
    """Whether no living process writes `path`; held by this one inside the block. A missing file is abandoned."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield True
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


@contextmanager
def replaced(target: Path) -> Iterator[IO[bytes]]:
    """A file to write, which becomes `target` at the end of the block in one step, on disk for certain.

    When the block raises, `target` is as it was. What killed writers of the same target left behind is removed first.
    """
    for leftover in target.parent.glob(f"{target.name}.*.tmp"):
        with abandoned(leftover) as nobody:
            if nobody:
                leftover.unlink(missing_ok=True)
    path, file = claim(target.parent, f"{target.name}.", ".tmp")
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            path.replace(target)
        sync_folder(target.parent)
    finally:
        path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Puts the names in `folder` on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def checksum(data: memoryview) -> int:
    """CRC-32 of all bytes."""
    return _crc(data[start : start + _CHUNK] for start in range(0, len(data), _CHUNK))


def sampled(data: memoryview) -> int:
    """CRC-32 of 32 blocks of 4 KiB spread evenly, from the first bytes to the last; of all bytes up to 128 KiB."""
    if len(data) <= _SAMPLES * _SAMPLE_BYTES:
        return checksum(data)
    last = len(data) - _SAMPLE_BYTES
    starts = (last * i // (_SAMPLES - 1) for i in range(_SAMPLES))
    return _crc(data[start : start + _SAMPLE_BYTES] for start in starts)


def _crc(pieces: Iterable[memoryview]) -> int:
    value = 0
    for piece in pieces:
        value = zlib.crc32(piece, value)
    return value
