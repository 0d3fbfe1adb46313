"""Damaged copies of good files: cut, flipped, shuffled, glued, renamed; all follow from a seed."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from gzip import compress

from badfiles.bombs import chunk, unzipped, zipped

_EXTREMES = (
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\x80\0\0\0",
    b"\0\0\0\x80",
    b"\0\1\0\1",
)
_HEAD = 256
_MOST_INFLATED = 4 << 20
Damage = Callable[[bytes], bytes]
SUFFIXES = (
    ".jpg", ".png", ".gif", ".mp3", ".wav", ".mp4", ".mkv", ".html", ".xml", ".svg", ".pdf", ".csv", ".jsonl", ".docx",
    ".epub", ".rtf", ".txt", ".md", ".py", "", ".xls", ".svgz",
)  # fmt: skip


def cuts(data: bytes, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Cut off after the first bytes, within the header, anywhere, and just before the end."""
    size = len(data)
    ends = {1, 2, 4, 12, 64, size // 4, size // 2, size - 1, size - 9, *(chance.randrange(1, size) for _ in range(6))}
    for end in sorted(end for end in ends if 0 < end < size):
        yield f"cut-{end}", data[:end]
    begin = chance.randrange(1, min(size, _HEAD))
    yield f"headless-{begin}", data[begin:]


def flips(data: bytes, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Some bits flipped: in the header, where it hurts most, and everywhere."""
    for number, (count, within) in enumerate(
        ((1, _HEAD), (1, _HEAD), (3, _HEAD), (8, _HEAD), (1, 0), (4, 0), (32, 0), (0, 0))
    ):
        bad, reach = bytearray(data), min(within or len(data), len(data))
        for _ in range(count or max(1, len(data) // 50)):
            bad[chance.randrange(reach)] ^= 1 << chance.randrange(8)
        yield f"flip-{number}", bytes(bad)


def numbers(data: bytes, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Four bytes become the least or the greatest number."""
    for number in range(8):
        bad, at = bytearray(data), chance.randrange(max(1, min(len(data), _HEAD if number % 2 else len(data)) - 3))
        bad[at : at + 4] = chance.choice(_EXTREMES)
        yield f"number-{number}", bytes(bad)


def pieces(data: bytes, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Pieces swapped, doubled, left out, blanked, and repeated many times."""
    count = min(12, len(data))
    for number, change in enumerate((_shuffled, _shuffled, _doubled, _without, _without, _blanked, _noisy, _repeated)):
        size = -(-len(data) // count)
        parts = [data[at : at + size] for at in range(0, len(data), size)]
        change(parts, chance)
        yield f"pieces-{number}", b"".join(parts)


def _shuffled(parts: list[bytes], chance: random.Random) -> None:
    rest = parts[1:]  # the mark at the beginning stays, so that a decoder is reached
    chance.shuffle(rest)
    parts[1:] = rest


def _doubled(parts: list[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(parts))
    parts[at] *= 2


def _without(parts: list[bytes], chance: random.Random) -> None:
    del parts[chance.randrange(1, len(parts)) if len(parts) > 1 else 0]


def _blanked(parts: list[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(parts))
    parts[at] = bytes(len(parts[at]))


def _noisy(parts: list[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(parts))
    parts[at] = chance.randbytes(len(parts[at]))


def _repeated(parts: list[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(parts))
    parts[at] *= 40


def inside(
    data: bytes, chance: random.Random, damage: Damage | None = None, times: int = 12
) -> Iterator[tuple[str, bytes]]:
    """Damage below the checksums: to a zip's member, a PNG's chunk, what gzip has packed; nothing for other files."""
    unpack = next((how for mark, how in _UNPACKED.items() if data.startswith(mark)), None)
    for number in range(times if unpack else 0):
        assert unpack is not None
        yield f"inside-{number}", unpack(data, damage or partial(_damaged, chance=chance), chance)


def _damaged(data: bytes, chance: random.Random) -> bytes:
    way = chance.choice((flips, numbers, pieces, cuts))
    return chance.choice(list(way(data, chance)))[1]


def _in_zip(data: bytes, damage: Damage, chance: random.Random) -> bytes:
    files = unzipped(data)
    name = chance.choice([name for name, content in files.items() if len(content) > 20 and name != "mimetype"])
    return zipped({**files, name: damage(files[name])})


def _in_png(data: bytes, damage: Damage, chance: random.Random) -> bytes:
    at, chunks = 8, []
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    which = chance.choice([n for n, (_, content) in enumerate(chunks) if len(content) > 4])
    name, content = chunks[which]
    chunks[which] = name, zlib.compress(damage(_inflated(content))) if name == b"IDAT" else damage(content)
    return data[:8] + b"".join(chunk(name, content) for name, content in chunks)


def _in_gzip(data: bytes, damage: Damage, chance: random.Random) -> bytes:
    return compress(damage(_inflated(data)), mtime=0)


def _inflated(data: bytes) -> bytes:
    """What zlib or gzip has packed, at most a few megabytes of it: it may be a bomb."""
    return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(data, _MOST_INFLATED)


_UNPACKED = {b"PK\3\4": _in_zip, b"\x89PNG": _in_png, b"\x1f\x8b": _in_gzip}


def mutants(samples: Mapping[str, bytes], others: Mapping[str, bytes], seed: int) -> Iterator[tuple[str, bytes]]:
    """(name, damaged copy): some fifty of each sample; `others` lend their bytes and are glued to them."""
    yield "nothing", b""
    for name, data in samples.items():
        chance = random.Random(f"{seed} {name}")  # one sample more changes none of the others
        stem, dot, suffix = name.rpartition(".")
        ways = (way(data, chance) for way in (cuts, flips, numbers, pieces, inside))
        for label, bad in (pair for way in ways for pair in way):
            yield f"{stem}-{label}{dot}{suffix}", bad
        for number in range(3):
            yield f"{stem}-{suffix}-renamed-{number}{chance.choice(SUFFIXES)}", data
        stranger = others[chance.choice(sorted(others))]
        yield f"{stem}-glued-before{dot}{suffix}", stranger + data
        yield f"{stem}-glued-after{dot}{suffix}", data + stranger
        at = chance.randrange(len(data))
        yield f"{stem}-glued-inside{dot}{suffix}", data[:at] + stranger + data[at:]
        yield f"{stem}-twice{dot}{suffix}", data + data
