"""Messages between a process and its workers: JSON, with arrays and bytes beside it.

No pickles: what comes from a process that decodes hostile files is data, and never code.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

_HEAD = struct.Struct("<II")  # bytes of JSON, number of blobs
_SIZE = struct.Struct("<Q")
_BLOB = "\0"  # the only key of an object that stands for a blob: [number] or [number, dtype, shape]
LARGEST = 1 << 30  # bytes of a message: more is a mistake, or an attack


def pack(value: Any) -> list[bytes | memoryview]:
    """`value` (JSON types, and arrays and bytes anywhere in it) as buffers to write one after the other."""
    blobs: list[bytes | memoryview] = []

    def aside(found: Any) -> Any:
        if isinstance(found, bytes):
            blobs.append(found)
            return {_BLOB: [len(blobs) - 1]}
        if isinstance(found, np.ndarray):
            blobs.append(np.ascontiguousarray(found).reshape(-1).view(np.uint8).data)
            return {_BLOB: [len(blobs) - 1, found.dtype.str, list(found.shape)]}
        if isinstance(found, np.generic):
            return found.item()
        raise TypeError(f"{type(found).__name__} cannot be sent")

    text = json.dumps(value, default=aside).encode()
    sizes = b"".join(_SIZE.pack(len(blob)) for blob in blobs)
    return [_HEAD.pack(len(text), len(blobs)) + sizes + text, *blobs]


def unpack(read: Callable[[int], bytearray]) -> Any:
    """The next message; `read` gives exactly so many bytes. Raises ValueError when it is none."""
    length, count = _HEAD.unpack(read(_HEAD.size))
    sizes = [size for (size,) in _SIZE.iter_unpack(read(_SIZE.size * count))] if count < LARGEST // _SIZE.size else []
    if len(sizes) != count or length + sum(sizes) > LARGEST:
        raise ValueError("a message of a worker is larger than any should be")
    text = read(length)
    blobs = [read(size) for size in sizes]

    def put_back(found: dict[str, Any]) -> Any:
        if _BLOB not in found:
            return found
        number, *form = found[_BLOB]
        if not form:
            return bytes(blobs[number])
        return np.frombuffer(blobs[number], form[0]).reshape(form[1])

    try:
        return json.loads(text.decode(), object_hook=put_back)
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"a message of a worker makes no sense ({error})") from error
