"""What a fuzzing process is at, in memory that its parent sees: also when it dies or hangs over it."""

from __future__ import annotations

import mmap
import struct
import time
from pathlib import Path

from fuzzing.targets import LARGEST

_HEAD = struct.Struct("<QdII")  # inputs begun, when the last began (0: it has ended), bytes of its name and of itself
_NAME = 64
_TOTALS = struct.Struct("<dQ")  # the slowest so far in seconds, inputs ended
_SIZE = _HEAD.size + _TOTALS.size + _NAME + LARGEST


class Window:
    """One process writes, the other reads; `path` is the file between them."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        if create:
            path.write_bytes(bytes(_SIZE))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _SIZE)
        self._begun = 0

    def begin(self, name: str, data: bytes) -> None:
        """Say what is read now."""
        self._begun += 1
        at, label = _HEAD.size + _TOTALS.size, name.encode()[:_NAME]
        self._memory[at : at + len(label)] = label
        self._memory[at + _NAME : at + _NAME + len(data)] = data
        _HEAD.pack_into(self._memory, 0, self._begun, time.monotonic(), len(label), len(data))

    def end(self, seconds: float) -> None:
        """Say that it is done."""
        slowest, ended = _TOTALS.unpack_from(self._memory, _HEAD.size)
        _TOTALS.pack_into(self._memory, _HEAD.size, max(slowest, seconds), ended + 1)
        _HEAD.pack_into(self._memory, 0, self._begun, 0.0, 0, 0)

    @property
    def running(self) -> float:
        """For how many seconds the present input has been read; 0 when none is."""
        _, since, _, _ = _HEAD.unpack_from(self._memory)
        return time.monotonic() - since if since else 0.0

    @property
    def present(self) -> tuple[str, bytes]:
        """(name, input) that is being read; ("", b"") when none is."""
        _, since, label, size = _HEAD.unpack_from(self._memory)
        at = _HEAD.size + _TOTALS.size
        if not since:
            return "", b""
        return self._memory[at : at + label].decode("utf-8", "replace"), self._memory[at + _NAME : at + _NAME + size]

    @property
    def totals(self) -> tuple[float, int]:
        """(seconds of the slowest, how many ended)."""
        slowest, ended = _TOTALS.unpack_from(self._memory, _HEAD.size)
        return slowest, ended
