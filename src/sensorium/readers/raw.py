"""Cameras' raw files: the JPEG preview that the camera put into them."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from PIL import Image
from PIL.ExifTags import Base

from sensorium.core.types import Part
from sensorium.readers.contract import Limits, Source
from sensorium.readers.damage import DAMAGE, unreadable
from sensorium.readers.exif import exif_attributes, turn
from sensorium.readers.pixels import Refused

NO_PREVIEW = "a camera's raw file without a preview: develop it to JPEG or TIFF"
_SMALLEST_SIDE = 256  # smaller ones are thumbnails of a file manager
_LARGEST_PREVIEW = 64 << 20
_MOST_DIRECTORIES = 32
_SUB_DIRECTORIES, _PANASONIC_JPEG = 330, 0x2E
_JPEG_COMPRESSIONS = (6, 7, 99)
_CR3_SEARCHED = 1 << 20


def preview(source: Source, limits: Limits) -> Part:
    """The image part of the largest preview in a raw file; what it says of itself is the raw file's.

    Raises `Refused` when there is none of a useful size.
    """
    with unreadable("a damaged raw file of a camera"), source.open() as stream:
        exif = _exif(stream)
        for start, length in _previews(stream):
            stream.seek(start)
            if part := _decoded(stream.read(min(length, source.size)), exif, limits):
                return part
    raise Refused(NO_PREVIEW)


def _decoded(data: bytes, exif: Image.Exif, limits: Limits) -> Part | None:
    from sensorium.readers.image import decoded, opened_by_pillow

    try:
        picture = opened_by_pillow(io.BytesIO(data), "image/jpeg")
        if min(picture.size) < _SMALLEST_SIDE:
            return None
        # A preview that does not say how it was held, was held like the whole.
        if Base.Orientation not in picture.getexif() and turn(exif) is not None:
            picture.getexif()[Base.Orientation] = exif[Base.Orientation]
        part = decoded(picture, limits)
    except DAMAGE:  # some raw data are JPEGs of a kind that only developers decode
        return None
    return Part("image", part.content, part.place, {**part.attributes, **exif_attributes(exif)})


def _previews(stream: BinaryIO) -> Iterator[tuple[int, int]]:
    """(start, length) of what may be JPEGs, longest first."""
    stream.seek(0)
    head = stream.read(_CR3_SEARCHED)
    if head.startswith(b"FUJIFILMCCD-RAW"):
        found = [struct.unpack(">II", head[84:92])]
    elif head[4:8] == b"ftyp":
        found = list(_canon_boxes(head))
    else:
        found = [place for directory in _directories(stream) for place in _jpegs(directory)]
    yield from sorted({(s, n) for s, n in found if 0 < n <= _LARGEST_PREVIEW}, key=lambda place: -place[1])


def _canon_boxes(head: bytes) -> Iterator[tuple[int, int]]:
    """CR3: the box PRVW holds a number of bytes and then a JPEG of 1,620 x 1,080."""
    at = head.find(b"PRVW")
    start = head.find(b"\xff\xd8\xff", at, at + 64) if at >= 0 else -1
    if start >= 4:
        yield start, int.from_bytes(head[start - 4 : start], "big")


def _exif(stream: BinaryIO) -> Image.Exif:
    exif = Image.Exif()
    stream.seek(0)
    head = stream.read(8)
    if head[:2] in (b"II", b"MM"):
        exif.endian = "<" if head[:2] == b"II" else ">"
        try:
            exif.load_from_fp(stream, struct.unpack(f"{exif.endian}I", head[4:8])[0])
        except DAMAGE:
            return Image.Exif()
    return exif


def _jpegs(directory: dict[int, Any]) -> Iterator[tuple[int, int]]:
    start, length = directory.get(Base.JpegIFOffset), directory.get(Base.JpegIFByteCount)
    if start and length:
        yield start[0], length[0]
    if _PANASONIC_JPEG in directory:
        yield directory[_PANASONIC_JPEG][:2]
    starts, lengths = directory.get(Base.StripOffsets, ()), directory.get(Base.StripByteCounts, ())
    if len(starts) == len(lengths) == 1 and directory.get(Base.Compression, (0,))[0] in _JPEG_COMPRESSIONS:
        yield starts[0], lengths[0]


def _directories(stream: BinaryIO) -> Iterator[dict[int, Any]]:
    """The directories of a TIFF and those below them: whole numbers by tag."""
    stream.seek(0)
    head = stream.read(8)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None:
        return
    waiting: list[int] = [struct.unpack(f"{order}I", head[4:8])[0]]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_DIRECTORIES:
        at = waiting.pop(0)
        if at in seen or not at:
            continue
        seen.add(at)
        directory, following = _directory(stream, at, order)
        waiting += [following, *directory.get(_SUB_DIRECTORIES, ())]
        yield directory


def _directory(stream: BinaryIO, at: int, order: str) -> tuple[dict[int, Any], int]:
    stream.seek(at)
    count = struct.unpack(f"{order}H", stream.read(2).ljust(2, b"\0"))[0]
    entries = stream.read(count * 12 + 4)
    found: dict[int, Any] = {}
    for each in range(0, min(count * 12, len(entries) - 11), 12):
        tag, kind, number = struct.unpack(f"{order}HHI", entries[each : each + 8])
        if tag == _PANASONIC_JPEG and kind == 7:
            found[tag] = (*struct.unpack(f"{order}I", entries[each + 8 : each + 12]), number)
        elif kind in (3, 4, 13) and 0 < number <= 64:
            found[tag] = _numbers(stream, entries[each + 8 : each + 12], f"{order}{number}{'H' if kind == 3 else 'I'}")
    return found, struct.unpack(f"{order}I", entries[count * 12 :].ljust(4, b"\0")[:4])[0]


def _numbers(stream: BinaryIO, value: bytes, form: str) -> tuple[int, ...]:
    size = struct.calcsize(form)
    if size > 4:
        stream.seek(struct.unpack(f"{form[0]}I", value)[0])
        value = stream.read(size)
    return struct.unpack(form, value[:size].ljust(size, b"\0"))
