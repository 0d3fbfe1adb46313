"""How large the sheets of an .xls are, told before they are loaded: a damaged one may claim millions of columns.

The container is [MS-CFB], the records in it are [MS-XLS]; only what is needed to count is read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from sensorium.core.errors import Unreadable

_FREE = 0xFFFFFFFA  # this and above are no sectors
_SMALL = 4096
_BEGINNINGS = (0x809, 0x409, 0x209, 0x009)  # of the four versions of the format
_EOF, _LOCKED, _SHEET, _DIMENSIONS = 0x0A, 0x2F, 0x85, 0x200
_CELLS = frozenset({0x203, 0x27E, 0xFD, 0x204, 0x06, 0x205, 0x206, 0x406, 0x201, 0x0D6})
_SEVERAL = frozenset({0xBD, 0xBE})  # MULRK, MULBLANK: the last column stands at the end


def cells_claimed(data: bytes) -> int:
    """How many cells the sheets span together, corner to corner.

    Raises `Unreadable` when it is locked, struct.error or ValueError when it is damaged.
    """
    book = _stream(data, ("workbook", "book")) if data.startswith(b"\xd0\xcf\x11\xe0") else data
    starts = []
    for kind, body in _records(book, 0):
        if kind == _LOCKED:
            raise Unreadable("a workbook that is locked with a password: remove the password")
        if kind == _SHEET and len(body) >= 4:
            starts.append(int.from_bytes(body[:4], "little"))
    return sum(_area(book, start) for start in dict.fromkeys(starts))


def _area(book: bytes, start: int) -> int:
    """The cells between the corners of what a sheet holds, or says that it holds."""
    rows: list[int] = []
    columns: list[int] = []
    said = 0
    for kind, body in _records(book, start):
        if kind == _DIMENSIONS and len(body) >= 10:
            form = "<IIHH" if len(body) >= 12 else "<HHHH"
            top, bottom, left, right = struct.unpack_from(form, body)
            if bottom < top or right < left:
                raise ValueError("a sheet ends before it begins")
            said = max(said, (bottom - top) * (right - left))
        elif (kind in _CELLS or kind in _SEVERAL) and len(body) >= 6:
            row, column = struct.unpack_from("<HH", body)
            rows.append(row)
            columns += [column, struct.unpack("<H", body[-2:])[0]] if kind in _SEVERAL else [column]
    spanned = (max(rows) - min(rows) + 1) * (max(columns) - min(columns) + 1) if rows else 0
    return max(said, spanned)


def _records(book: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """The records from `at` to the end of its substream. Raises ValueError when none begins there."""
    if int.from_bytes(book[at : at + 2], "little") not in _BEGINNINGS:
        raise ValueError("a part of it begins in the middle of nothing")
    while at + 4 <= len(book):
        kind, length = struct.unpack_from("<HH", book, at)
        yield kind, book[at + 4 : at + 4 + length]
        if kind == _EOF:
            return
        at += 4 + length


def _stream(data: bytes, names: tuple[str, ...]) -> bytes:
    """The bytes of the first stream of one of these names. Raises ValueError when there is none."""
    sector, small = (1 << shift for shift in struct.unpack_from("<HH", data, 30))
    if sector not in (512, 4096) or small >= sector:
        raise ValueError("its container has sectors of no known size")
    if max(struct.unpack_from("<I", data, at)[0] for at in (44, 64, 72)) * sector > len(data):
        raise ValueError("its container claims more tables than it can hold")
    fats, directory = struct.unpack_from("<II", data, 44)
    table = _table(data, sector, fats)
    entries = _chain(data, table, directory, sector, sector)
    root, found = entries[:128], b""
    for at in range(0, len(entries) - 127, 128):
        entry = entries[at : at + 128]
        name = entry[: max(0, min(64, int.from_bytes(entry[64:66], "little")) - 2)].decode("utf-16-le", "replace")
        if (at == 0 or entry[66] in (1, 2, 5)) and struct.unpack_from("<I", entry, 120)[0] > len(data):
            raise ValueError("a piece of its container claims to be larger than the whole")
        found = found or (entry if entry[66] == 2 and name.lower() in names else b"")
    if not found:
        raise ValueError("there is no workbook in its container")
    start, size = struct.unpack_from("<II", found, 116)
    if size >= _SMALL:
        return _whole(_chain(data, table, start, sector, sector), size)
    minis = _chain(data, table, struct.unpack_from("<I", data, 60)[0], sector, sector)
    begin, length = struct.unpack_from("<II", root, 116)
    held = _whole(_chain(data, table, begin, sector, sector), length)
    return _whole(_chain(held, struct.unpack(f"<{len(minis) // 4}I", minis), start, small, 0), size)


def _whole(stream: bytes, size: int) -> bytes:
    if len(stream) < size:
        raise ValueError("a piece of its container is cut short")
    return stream[:size]


def _table(data: bytes, sector: int, count: int) -> tuple[int, ...]:
    """Which sector follows which."""
    places = list(struct.unpack_from("<109I", data, 76))
    more, seen = struct.unpack_from("<I", data, 68)[0], set[int]()
    while more < _FREE and more not in seen and (more + 2) * sector <= len(data):
        seen.add(more)
        *following, more_next = struct.unpack_from(f"<{sector // 4}I", data, (more + 1) * sector)
        places += following
        more = more_next
    blocks = [data[(at + 1) * sector : (at + 2) * sector] for at in places[:count] if at < _FREE]
    joined = b"".join(block for block in blocks if len(block) == sector)
    return struct.unpack(f"<{len(joined) // 4}I", joined)


def _chain(data: bytes, table: tuple[int, ...], at: int, size: int, first: int) -> bytes:
    """The sectors of a chain, one after the other; where it goes round in circles it ends."""
    pieces, seen = [], set[int]()
    while at < _FREE and at < len(table) and at not in seen:
        seen.add(at)
        pieces.append(data[first + at * size : first + (at + 1) * size])
        at = table[at]
    return b"".join(pieces)
