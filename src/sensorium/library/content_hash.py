"""What a file's content is known by: 128 bits that no two contents share, in hex."""

from __future__ import annotations

import hashlib
from concurrent.futures import CancelledError
from threading import Event
from typing import Protocol

_BYTES = 16
_AT_ONCE = 1 << 18  # bytes


class _Hash(Protocol):
    def update(self, data: memoryview) -> object: ...
    def hexdigest(self) -> str: ...


def content_hash(path: str, hashed_with: str, stop: Event) -> str:
    """The hash of a file's content by `hashed_with`, as a library's settings name it.

    Raises OSError when the file cannot be read, CancelledError when told to stop.
    """
    hasher, buffer = _hasher(hashed_with), memoryview(bytearray(_AT_ONCE))
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - hot, and paths are strings here
        while size := file.readinto(buffer):
            if stop.is_set():
                raise CancelledError
            hasher.update(buffer[:size])
    return hasher.hexdigest()[: 2 * _BYTES]


def _hasher(name: str) -> _Hash:
    if name == "blake2b":  # as of format 1
        return hashlib.blake2b(digest_size=_BYTES)
    from blake3 import blake3

    hasher: _Hash = blake3()  # six times as fast as BLAKE2b; any part of its digest is as good as a shorter one
    return hasher
