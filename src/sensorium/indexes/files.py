"""Snapshots: named arrays and a JSON header in one file, swapped atomically, memory-mapped, checked.

    indexes/<space>/current                        the name of the generation that holds, and a newline
    indexes/<space>/g-<16 hex>.snapshot            magic, checksum and length of the head, the head, the arrays
    indexes/<space>/g-<16 hex>.<anything>          other caches made from that generation (`Snapshot.beside`)

A generation is written beside the old one and synced; then `current` is replaced; then the old one is deleted. A
reader that holds an old generation keeps its mapping. A snapshot is a cache: whatever is wrong with it is
`IndexDamaged`, and the caller builds it anew from the store.
"""

from __future__ import annotations

import json
import mmap
import os
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sensorium.indexes.durable import abandoned, checksum, claim, replaced, sampled, sync_folder

POINTER = "current"
_MAGIC = b"SENSIDX1"
_PREFIX = struct.Struct("<8sIQ")  # magic, CRC-32 of the head, bytes of the head
_ALIGNMENT = 64
_CHUNK = 1 << 22
_NAME = re.compile(r"g-[0-9a-f]{16}\.snapshot")
_PART = re.compile(r"g-[0-9a-f]{16}\.")
_STEM = len("g-") + 16
_KINDS = "biuf"


class IndexDamaged(ValueError):
    """An index file is missing, altered, cut short, or not one at all. Build it again from the store."""


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What `read_snapshot` found: the writer's header, and its arrays as read-only views of a memory map.

    `path` is the generation's file. The arrays stay valid for as long as they are held, whatever happens to the file.
    """

    header: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    path: Path

    def beside(self, name: str) -> Path:
        """Where to keep a further cache of these very rows: it is deleted together with this generation."""
        return self.path.with_name(f"{self.path.stem}.{name}")


def write_snapshot(folder: Path, arrays: Mapping[str, NDArray[Any]], header: Mapping[str, Any]) -> None:
    """Makes `arrays` and `header` (JSON values) the snapshot in `folder`, which is created when missing.

    Killed at any moment, the folder holds the old snapshot or the new one. What killed writers left is removed.
    Writers may run at the same time: the last one to finish holds. Raises TypeError for arrays that are not of
    numbers or headers that JSON cannot hold, and OSError when the disk refuses.
    """
    plain = {name: _plain(name, array) for name, array in arrays.items()}
    head = _head(plain, header)
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    path, file = claim(folder, "g-", ".snapshot")
    try:
        with file:
            _fill(file, head, plain)
            sync_folder(folder)
            with replaced(folder / POINTER) as pointer:
                pointer.write(f"{path.name}\n".encode())
    finally:
        _sweep(folder)


def read_snapshot(folder: Path, *, verify: bool = False) -> Snapshot:
    """The snapshot in `folder`, memory-mapped. Raises IndexDamaged, and nothing else, whatever is wrong.

    The head is checked whole, each array by a sample of its bytes (all of them up to 128 KiB, or with `verify`).
    """
    name = _pointed(folder)
    while True:
        try:
            return _opened(folder / name, verify)
        except FileNotFoundError as error:
            newer = _pointed(folder)
            if newer == name:
                raise IndexDamaged(f"index {folder / name} is missing: build it again") from error
            name = newer  # a writer swapped and deleted between the two steps


def pack_strings(strings: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(blob uint8 (bytes,), offsets int64 (n+1,)): the strings as UTF-8, end to end."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in strings]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def unpack(blob: NDArray[np.uint8], offsets: NDArray[np.int64], i: int) -> str:
    """The i-th string of `pack_strings`, 0 <= i < n. Raises IndexError outside."""
    if not 0 <= i < len(offsets) - 1:
        raise IndexError(f"string {i} of {len(offsets) - 1}")
    return blob[offsets[i] : offsets[i + 1]].tobytes().decode("utf-8", "surrogatepass")


def _plain(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """The array as contiguous little-endian numbers; a view when it is that already."""
    given = np.asarray(array)
    if given.dtype.kind not in _KINDS:
        raise TypeError(f"array {name!r} has the type {given.dtype}: a snapshot holds numbers; see pack_strings")
    return np.ascontiguousarray(given, given.dtype.newbyteorder("<")).reshape(given.shape)


def _bytes(array: NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _head(arrays: Mapping[str, NDArray[Any]], header: Mapping[str, Any]) -> bytes:
    entries, offset = {}, 0
    for name, array in arrays.items():
        data = _bytes(array)
        entries[name] = {
            "dtype": array.dtype.str, "shape": array.shape, "offset": offset,
            "crc": checksum(data), "sample": sampled(data),
        }  # fmt: skip
        offset += _aligned(len(data))
    return json.dumps({"header": dict(header), "arrays": entries, "bytes": offset}).encode()


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _fill(file: IO[bytes], head: bytes, arrays: Mapping[str, NDArray[Any]]) -> None:
    prefix = _PREFIX.pack(_MAGIC, checksum(memoryview(head)), len(head)) + head
    file.write(prefix.ljust(_aligned(len(prefix)), b"\0"))
    for array in arrays.values():
        data = _bytes(array)
        for start in range(0, len(data), _CHUNK):
            file.write(data[start : start + _CHUNK])
        file.write(bytes(_aligned(len(data)) - len(data)))
    file.flush()
    os.fsync(file.fileno())


def _pointed(folder: Path) -> str:
    """The name of the generation that `current` names."""
    pointer = folder / POINTER
    try:
        with pointer.open("rb") as file:
            text = file.read(256).decode("ascii", "replace")
    except OSError as error:
        raise IndexDamaged(f"index {pointer} cannot be read ({error.strerror}): build it again") from error
    if not text.endswith("\n") or not _NAME.fullmatch(text[:-1]):
        raise IndexDamaged(f"index {pointer} names no snapshot: build it again")
    return text[:-1]


def _opened(path: Path, verify: bool) -> Snapshot:
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:  # ValueError: mmap of an empty file
        raise IndexDamaged(f"index {path} cannot be read ({error}): build it again") from error
    try:
        return Snapshot(*_parsed(data, verify), path)
    except _MALFORMED as error:
        raise IndexDamaged(f"index {path} is damaged ({error}): build it again") from error


def _parsed(data: mmap.mmap, verify: bool) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    view = memoryview(data)
    magic, crc, length = _PREFIX.unpack_from(data)
    if magic != _MAGIC:
        raise ValueError("not a snapshot")
    raw = view[_PREFIX.size : _PREFIX.size + length]
    if len(raw) != length or checksum(raw) != crc:
        raise ValueError("its head does not match its checksum")
    head = json.loads(bytes(raw))
    start = _aligned(_PREFIX.size + length)
    if start + head["bytes"] != len(view):
        raise ValueError(f"{len(view)} bytes instead of {start + head['bytes']}")
    return head["header"], {name: _array(data, start, name, entry, verify) for name, entry in head["arrays"].items()}


def _array(data: mmap.mmap, start: int, name: str, entry: Mapping[str, Any], verify: bool) -> NDArray[Any]:
    array: NDArray[Any] = np.ndarray(
        tuple(entry["shape"]), np.dtype(entry["dtype"]), buffer=data, offset=start + entry["offset"]
    )
    content = _bytes(array)
    if sampled(content) != entry["sample"] or (verify and checksum(content) != entry["crc"]):
        raise ValueError(f"array {name!r} does not match its checksum")
    return array


# What parsing raises on bytes that are not a snapshot, or one that was cut short.
_MALFORMED = (ValueError, KeyError, TypeError, struct.error, OverflowError)


def _sweep(folder: Path) -> None:
    """Deletes every generation that is neither the current one nor being written by a living process."""
    stems = {entry.name[:_STEM] for entry in folder.iterdir() if _PART.match(entry.name) and entry.is_file()}
    for stem in stems - {_current_stem(folder)}:
        with abandoned(folder / f"{stem}.snapshot") as nobody:
            # Its writer may have made it current after the list was drawn and before the lock was had.
            if nobody and stem != _current_stem(folder):
                for path in _parts(folder, stem):
                    path.unlink(missing_ok=True)


def _parts(folder: Path, stem: str) -> Iterator[Path]:
    """The files of a generation, its snapshot last, so that an interrupted sweep can be repeated."""
    yield from (path for path in folder.glob(f"{stem}*") if path.suffix != ".snapshot")
    yield folder / f"{stem}.snapshot"


def _current_stem(folder: Path) -> str:
    try:
        return _pointed(folder)[:_STEM]
    except IndexDamaged:
        return ""
