"""Changes that know a little of the formats: below checksums and compression, with the formats' own words."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Sequence
from zipfile import BadZipFile, ZipFile

from badfiles.mutants import cuts, flips, inside, numbers, pieces

_WAYS = (flips, flips, numbers, numbers, pieces, cuts)
_TORN = (
    ValueError,
    LookupError,
    OSError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    BadZipFile,
    zlib.error,
    struct.error,
)
_UNPACKED = 2 << 20
_PACKED = (b"PK\3\4", b"\x89PNG", b"\x1f\x8b")


class Mutation:
    """Changes inputs at random; `words` and pieces of `others` are put into them."""

    def __init__(self, words: Sequence[bytes], others: Sequence[bytes]) -> None:
        self.words, self.others = words, list(others)

    def __call__(self, data: bytes, largest: int, chance: random.Random) -> bytes:
        """One changed input, never empty, of at most `largest` bytes."""
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            data = (self._once(data, chance) or data)[: 4 * largest]
        return data[:largest] or b"\0"

    def _once(self, data: bytes, chance: random.Random) -> bytes:
        if len(data) < 2:
            return data + chance.randbytes(4)
        if data.startswith(_PACKED) and chance.random() < 0.7 and _unpacks_small(data):
            return self._below(data, chance)
        draw = chance.random()
        if draw < 0.35:
            return self._worded(data, chance)
        if draw < 0.5:
            return self._spliced(data, chance)
        way = chance.choice(_WAYS)
        return chance.choice(list(way(data, chance)))[1]

    def _below(self, data: bytes, chance: random.Random) -> bytes:
        try:
            return inside_once(data, chance, self)
        except _TORN:  # what is damaged already cannot be unpacked
            return chance.choice(list(flips(data, chance)))[1]

    def _worded(self, data: bytes, chance: random.Random) -> bytes:
        if not self.words:
            return self._spliced(data, chance)
        word, at = chance.choice(self.words), chance.randrange(len(data))
        if chance.random() < 0.5 and (near := data.find(chance.choice(self.words))) >= 0:
            at = near
        over = len(word) if chance.random() < 0.5 else 0
        return data[:at] + word * chance.choice((1, 1, 1, 2, 30)) + data[at + over :]

    def _spliced(self, data: bytes, chance: random.Random) -> bytes:
        other = chance.choice(self.others)
        begin, at = chance.randrange(len(other)), chance.randrange(len(data))
        piece = other[begin : begin + chance.choice((4, 16, 64, 512, 4096))]
        return data[:at] + piece + data[at + (len(piece) if chance.random() < 0.5 else 0) :]


def _unpacks_small(data: bytes) -> bool:
    """Whether no bomb is in it: what goes into it would be unpacked here."""
    try:
        if data.startswith(b"PK"):
            with ZipFile(io.BytesIO(data)) as archive:
                return sum(info.file_size for info in archive.infolist()) < _UNPACKED
        if data.startswith(b"\x1f\x8b"):
            return len(zlib.decompressobj(31).decompress(data, _UNPACKED)) < _UNPACKED
    except _TORN:
        return False
    return True


def inside_once(data: bytes, chance: random.Random, mutation: Mutation) -> bytes:
    """A change of one member of a zip, one chunk of a PNG, or of what gzip holds."""
    found = inside(data, chance, lambda inner: mutation(inner, 1 << 20, chance), times=1)
    return next(found)[1]
