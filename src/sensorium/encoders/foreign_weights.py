"""Whether an ONNX file has its weights in other files, which no hash of a bundle covers. Reads lengths, no weights.

Written by hand, so that neither `onnx` nor `protobuf` is needed to search. Field numbers are those of onnx.proto, the
coding that of https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

# From a kind of message to the fields that may lead to a tensor, and what is in them.
_LEADS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_EXTERNAL_DATA = 13  # of a tensor: where it lies, in pairs of key and value
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5


def has_foreign_weights(path: Path) -> bool:
    """Whether any tensor of an ONNX file lies elsewhere. False for what is no ONNX file: ONNX Runtime refuses that."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _has(data, "model", 0, len(data))
            except (IndexError, ValueError, RecursionError):
                return False


def _has(data: mmap.mmap, kind: str, start: int, end: int) -> bool:
    for field, begin, stop in _fields(data, start, end):
        if kind == "tensor":
            if field == _EXTERNAL_DATA:
                return True
        elif (inner := _LEADS[kind].get(field)) and _has(data, inner, begin, stop):
            return True
    return False


def _fields(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The fields of a message that are messages or bytes: number, where the content starts, where it ends."""
    while start < end:
        tag, start = _number(data, start)
        field, coding = tag >> 3, tag & 7
        if coding == _BYTES:
            length, start = _number(data, start)
            if start + length > end:
                raise ValueError("a field reaches beyond its message")
            yield field, start, start + length
            start += length
        elif coding == _VARINT:
            _, start = _number(data, start)
        elif coding in (_EIGHT_BYTES, _FOUR_BYTES):
            start += 8 if coding == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"no such coding: {coding}")


def _number(data: mmap.mmap, start: int) -> tuple[int, int]:
    """A varint, and where it ends."""
    number = shift = 0
    while True:
        byte = data[start]
        number |= (byte & 0x7F) << shift
        start, shift = start + 1, shift + 7
        if byte < 0x80:
            return number, start
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
