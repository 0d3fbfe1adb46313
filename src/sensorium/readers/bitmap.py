"""Windows and OS/2 bitmaps of the kinds that browsers show and Pillow does not.

Layout: [MS-WMF] 2.2.2 and the test suite BMP Suite; any bit masks, 1 to 32 bits, run lengths of 4, 8 and 24 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sensorium.core.errors import Unreadable
from sensorium.readers.colour import to_rgb
from sensorium.readers.contract import Limits, Source
from sensorium.readers.damage import unreadable
from sensorium.readers.pixels import LEAST_SEEN, check_size

_CORE, _OS2_SHORT, _INFO, _OS2 = 12, 16, 40, 64
_SIZES = (_CORE, _OS2_SHORT, _INFO, 52, 56, _OS2, 108, 124)
_RLE8, _RLE4, _MASKS, _RLE24, _MASKS_WITH_ALPHA = 1, 2, 3, 4, 6
_BITS = {  # by packing
    0: (1, 2, 4, 8, 16, 24, 32), _RLE8: (8,), _RLE4: (4,), _RLE24: (24,), _MASKS: (16, 32), _MASKS_WITH_ALPHA: (16, 32),
}  # fmt: skip
_555, _888 = (0x7C00, 0x3E0, 0x1F, 0), (0xFF0000, 0xFF00, 0xFF, 0)
_CUT, _NOTHING = "the file is cut short", "a damaged BMP, cut short before its picture"


@dataclass(frozen=True)
class _Header:
    size: int
    pixels_at: int
    width: int
    height: int
    upside_down: bool  # stored from the bottom up, as nearly all are
    bits: int
    packing: int
    colours: int
    masks: tuple[int, int, int, int]


def decode(source: Source, limits: Limits) -> tuple[Image.Image, dict[str, Any]]:
    """(RGB picture, attributes: `damaged` when the file is cut short). Raises `Unreadable` and `Refused`."""
    with unreadable("cannot be decoded as BMP"), source.open() as stream:
        header = _header(stream.read(14 + max(_SIZES) + 16))
        check_size((header.width, header.height), limits)
        stream.seek(0)
        data = stream.read(min(source.size, header.pixels_at + 8 * header.width * header.height + (1 << 16)))
        rows, whole = _runs(data, header) if header.packing in (_RLE8, _RLE4, _RLE24) else _rows(data, header)
        if header.upside_down:
            rows = rows[::-1]
        rgb = to_rgb(Image.fromarray(np.ascontiguousarray(rows)))
    return rgb, {} if whole else {"damaged": _CUT}


def _header(head: bytes) -> _Header:
    def number(at: int, size: int = 4, signed: bool = False) -> int:
        return int.from_bytes(head[at : at + size], "little", signed=signed)

    size, pixels_at = number(14), number(10)
    if size not in _SIZES:
        raise Unreadable(f"a BMP with a header of {size} bytes, which nobody has defined")
    short = 2 if size == _CORE else 4
    width, height = number(18, short, short == 4), number(18 + short, short, short == 4)
    bits = number(20 + 2 * short, 2)
    packing = number(30) if size >= _INFO else 0
    if packing == _MASKS and size == _OS2 and bits == 1:
        raise Unreadable("a BMP with OS/2's fax compression: save it as PNG")
    if packing == _RLE24 and (size != _OS2 or bits != 24):
        raise Unreadable("a BMP that holds a JPEG for printers: save it as PNG")
    if bits not in _BITS.get(packing, ()):
        raise Unreadable(f"a BMP of {bits} bits a pixel in packing {packing}, which nobody has defined")
    if width <= 0 or not height:
        raise Unreadable(f"a damaged BMP of {width} x {height} pixels")
    masks = _888 if bits == 32 else _555
    if packing in (_MASKS, _MASKS_WITH_ALPHA) and size != _OS2:
        alpha = number(66) if size >= 56 or packing == _MASKS_WITH_ALPHA else 0
        masks = (number(54), number(58), number(62), alpha)
    colours = number(46) if size >= _INFO else 0
    return _Header(size, pixels_at, width, abs(height), height > 0, bits, packing, colours, masks)


def _palette(data: bytes, header: _Header) -> NDArray[np.uint8]:
    """Colours RGB (2 ** bits, 3), white where there are none."""
    each = 3 if header.size == _CORE else 4
    start = 14 + header.size
    if header.size == _INFO and header.packing in (_MASKS, _MASKS_WITH_ALPHA):
        start += 12 if header.packing == _MASKS else 16
    end = min(start + each * (1 << header.bits), max(header.pixels_at, start))
    entries = np.frombuffer(data[start:end][: (end - start) // each * each], np.uint8).reshape(-1, each)
    colours = np.full((1 << header.bits, 3), 255, np.uint8)
    colours[: len(entries)] = entries[:, 2::-1]
    return colours


def _rows(data: bytes, header: _Header) -> tuple[NDArray[np.uint8], bool]:
    """(pixels RGB or RGBA as stored, whether all were there): rows of whole 32-bit words."""
    stride = (header.width * header.bits + 31) // 32 * 4
    wanted = stride * header.height
    stored = data[header.pixels_at : header.pixels_at + wanted]
    whole = len(stored) >= wanted - stride + (header.width * header.bits + 7) // 8  # the last row needs no padding
    if len(stored) < max(1, wanted * LEAST_SEEN):
        raise Unreadable(_NOTHING)
    filled = np.frombuffer(stored.ljust(wanted, b"\xff"), np.uint8).reshape(header.height, stride)
    if header.bits <= 8:
        return _palette(data, header)[_indices(filled, header)], whole
    if header.bits == 24:
        return filled[:, : 3 * header.width].reshape(header.height, header.width, 3)[..., ::-1], whole
    values = filled.view("<u2" if header.bits == 16 else "<u4")[:, : header.width]
    channels = [_channel(values, mask) for mask in header.masks]
    opaque = not channels[3].any()  # there is none, or nobody has filled it in
    return np.stack(channels[:3] if opaque else channels, axis=2), whole


def _indices(filled: NDArray[np.uint8], header: _Header) -> NDArray[np.uint8]:
    each = 8 // header.bits
    shifts = np.arange(each - 1, -1, -1, dtype=np.uint8) * header.bits
    unpacked = (filled[..., None] >> shifts) & ((1 << header.bits) - 1)
    return unpacked.reshape(header.height, -1)[:, : header.width].astype(np.uint8)


def _channel(values: NDArray[Any], mask: int) -> NDArray[np.uint8]:
    """The bits of one colour, however many, as 0-255."""
    if not mask:
        return np.zeros(values.shape, np.uint8)
    shift = (mask & -mask).bit_length() - 1
    most = mask >> shift
    found = (values.astype(np.uint64) & mask) >> shift
    return ((found * 255 + most // 2) // most).astype(np.uint8)


def _runs(data: bytes, header: _Header) -> tuple[NDArray[np.uint8], bool]:
    """Run lengths: (pixels RGBA, transparent where none were set, whether the end was reached)."""
    depth = {_RLE8: 1, _RLE4: 1, _RLE24: 3}[header.packing]
    values = np.zeros((header.height, header.width, depth), np.uint8)
    known = np.zeros((header.height, header.width), bool)
    whole = _unpack(data, header, values, known)
    if not whole and known.any(axis=1).mean() < LEAST_SEEN:
        raise Unreadable(_NOTHING)
    colours = values[..., ::-1] if depth == 3 else _palette(data, header)[values[..., 0] & ((1 << header.bits) - 1)]
    return np.dstack([colours, np.where(known, 255, 0).astype(np.uint8)]), whole


def _unpack(data: bytes, header: _Header, values: NDArray[np.uint8], known: NDArray[np.bool_]) -> bool:
    at, x, y = header.pixels_at, 0, 0
    depth = values.shape[2]
    while at + 2 <= len(data) and y < header.height:
        count, code = data[at], data[at + 1]
        at += 2
        if count:
            at, run = _run(data, at, count, code, header)
        elif code == 0:
            x, y = 0, y + 1
            continue
        elif code == 1:
            return True
        elif code == 2:
            x, y = x + (data[at] if at < len(data) else 0), y + (data[at + 1] if at + 1 < len(data) else 0)
            at += 2
            continue
        else:
            at, run = _literal(data, at, code, header)
        run = run[: max(0, header.width - x)]
        values[y, x : x + len(run)] = run.reshape(-1, depth)
        known[y, x : x + len(run)] = True
        x += len(run)
    return y >= header.height


def _run(data: bytes, at: int, count: int, code: int, header: _Header) -> tuple[int, NDArray[np.uint8]]:
    if header.packing == _RLE24:
        colour = np.frombuffer(bytes([code]) + data[at : at + 2].ljust(2, b"\0"), np.uint8)
        return at + 2, np.tile(colour, (count, 1))
    if header.packing == _RLE8:
        return at, np.full((count, 1), code, np.uint8)
    return at, np.resize(np.array([code >> 4, code & 15], np.uint8), (count, 1))


def _literal(data: bytes, at: int, count: int, header: _Header) -> tuple[int, NDArray[np.uint8]]:
    used = {_RLE8: count, _RLE4: (count + 1) // 2, _RLE24: 3 * count}[header.packing]
    found = np.frombuffer(data[at : at + used], np.uint8)
    following = at + used + used % 2
    if header.packing == _RLE24:
        return following, found[: len(found) // 3 * 3].reshape(-1, 3)
    if header.packing == _RLE4:
        found = np.stack([found >> 4, found & 15], axis=1).reshape(-1)[:count]
    return following, found.reshape(-1, 1)
