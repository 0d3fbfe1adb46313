"""Pictures that the first decoder gave up: what another makes of them, and what of them can be seen at all."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sensorium.core.errors import Unreadable
from sensorium.core.types import Part
from sensorium.readers.colour import to_rgb
from sensorium.readers.contract import Limits, Source
from sensorium.readers.damage import DAMAGE, reason, unreadable
from sensorium.readers.exif import attributes_of, turn_of
from sensorium.readers.pixels import LEAST_SEEN, Refused, part_of
from sensorium.readers.reasons import called

_PNG_MARK = b"\x89PNG\r\n\x1a\n"
_LARGEST_MENDED = 64 << 20

Attempt = Callable[[Source, str, Limits, Unreadable | None], Part]


def by_another(source: Source, media_type: str, limits: Limits, error: Unreadable | None) -> Part:
    """The part of a picture that was not decoded because of `error`, or never tried (None).

    Raises that error, or the first of another decoder, when no decoder shows enough of it.
    """
    for attempt in _ATTEMPTS.get(media_type, _ANY):
        try:
            return attempt(source, media_type, limits, error)
        except Refused:
            raise
        except Unreadable as again:
            error = error or again
    raise error or Unreadable(f"cannot be decoded as {called(media_type)}")


def instead_of_moving(source: Source, media_type: str, limits: Limits, error: Unreadable) -> Part:
    """The part of an animated picture of which no frame is shown because of `error`: the still picture in it.

    That is what viewers show that know no animations, and need not be one of the frames. Raises as `by_another`.
    """
    from sensorium.readers.image import decoded, opened_by_pillow

    try:
        with unreadable("no still picture", Image.DecompressionBombError), source.open() as stream:
            part = decoded(opened_by_pillow(stream, media_type), limits)
    except Refused:
        raise
    except Unreadable:  # of what can be seen of it in another way, `error` says what is wrong
        return by_another(source, media_type, limits, error)
    return replace(part, attributes={**part.attributes, "damaged": error.why})


def seen(rgb: Image.Image, why: str) -> Image.Image:
    """What there is of a picture whose decoding ended early: without the rows that were never reached.

    Those are of one colour, at the bottom, or where it is stored upside down at the top. Raises `Unreadable(why)`
    when hardly any are left.
    """
    pixels = np.asarray(rgb)
    blank = _blank(pixels, pixels[-1, -1])
    last = len(blank) - int(np.argmin(blank[::-1])) if not blank.all() else 0
    first = 0
    if last == len(blank):
        blank = _blank(pixels, pixels[0, 0])
        first = int(np.argmin(blank))
    if last - first < max(1, LEAST_SEEN * len(blank)):
        raise Unreadable(why)
    return rgb.crop((0, first, rgb.width, last))


def _blank(pixels: NDArray[np.uint8], colour: NDArray[np.uint8]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (pixels == colour).all(axis=(1, 2))
    return found


def _partly(source: Source, media_type: str, limits: Limits, error: Unreadable | None) -> Part:
    """Pillow again, and whatever it had decoded when it failed."""
    from sensorium.readers.image import opened_by_pillow, prepared

    trouble = unreadable(f"cannot be decoded as {called(media_type)}", Image.DecompressionBombError)
    with trouble, source.open() as stream:
        picture = opened_by_pillow(_MENDED.get(media_type, _as_it_is)(stream, source.size), media_type)
        size, whole, why = prepared(picture, limits), False, error.why if error else ""
        try:
            picture.load()
        except DAMAGE as found:
            why = reason(found)
            whole = not picture.tile and not isinstance(found, OSError)  # the trouble is behind the pixels
            picture.tile = []  # nothing more to decode: from here on the picture is what there is
            picture.load()
        turn, attributes = turn_of(picture), {**attributes_of(picture), "damaged": why}
        rgb = to_rgb(picture)
        if not whole:
            rgb = seen(rgb, f"a damaged {called(media_type)}, of which nothing can be seen: {why}")
    return part_of(rgb, limits, size=size, turn=turn, attributes=attributes)


def _by_ffmpeg(source: Source, media_type: str, limits: Limits, error: Unreadable | None) -> Part:
    from sensorium.readers.raster import decode

    rgb, size = decode(source, media_type, limits)
    attributes = {}
    if error is not None and media_type in _MENDED:  # Pillow knows all there is of these: the file is at fault
        attributes["damaged"] = error.why
        rgb = seen(rgb, error.why)
    return part_of(rgb, limits, size=size, attributes=attributes)


def _by_bitmap(source: Source, media_type: str, limits: Limits, error: Unreadable | None) -> Part:
    from sensorium.readers.bitmap import decode

    rgb, attributes = decode(source, limits)
    return part_of(rgb, limits, size=rgb.size, attributes=attributes)


def _by_farbfeld(source: Source, media_type: str, limits: Limits, error: Unreadable | None) -> Part:
    from sensorium.readers.farbfeld import decode

    rgb = decode(source, limits)
    return part_of(rgb, limits, size=rgb.size)


def _by_preview(source: Source, media_type: str, limits: Limits, error: Unreadable | None) -> Part:
    from sensorium.readers.raw import preview

    try:
        return preview(source, limits)
    except Refused as none:  # it was no raw file
        raise error or none from none


def _as_it_is(stream: BinaryIO, size: int) -> BinaryIO:
    return stream


class _Ended(io.BufferedIOBase):
    """A JPEG that is cut short, with an end: without one, libjpeg waits for the rest and gives nothing of it."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.ended = stream, False
        self.seek, self.tell = stream.seek, stream.tell  # type: ignore[method-assign]

    def read(self, size: int | None = -1, /) -> bytes:
        found = self.stream.read(-1 if size is None else size)
        if found or self.ended or not size:
            return found
        self.ended = True
        return b"\xff\xd9"


def _png(stream: BinaryIO, size: int) -> BinaryIO:
    """A PNG without the chunks that are damaged and not needed; the others with sums that fit."""
    if size > _LARGEST_MENDED:
        return stream
    return io.BytesIO(_PNG_MARK + b"".join(_chunks(stream.read(size))))


def _chunks(data: bytes) -> Iterator[bytes]:
    at = len(_PNG_MARK)
    while at + 8 <= len(data):
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body, told = data[at + 8 : at + 8 + length], data[at + 8 + length : at + 12 + length]
        at += 12 + length
        if not name.isalpha():
            return
        found = zlib.crc32(name + body).to_bytes(4, "big")
        needed = not name[0] & 0x20
        if needed or (told == found and len(body) == length):
            yield len(body).to_bytes(4, "big") + name + body + found


_MENDED: dict[str, Callable[[BinaryIO, int], BinaryIO]] = {
    "image/jpeg": lambda stream, size: _Ended(stream),  # type: ignore[dict-item, return-value]
    "image/png": _png, "image/gif": _as_it_is,
}  # fmt: skip
_ANY: tuple[Attempt, ...] = (_by_ffmpeg, _partly)
_ATTEMPTS: dict[str, tuple[Attempt, ...]] = {
    **dict.fromkeys(_MENDED, (_partly, _by_ffmpeg)),
    "image/bmp": (_by_bitmap, _by_ffmpeg), "image/tiff": (_by_ffmpeg, _by_preview, _partly),
    "image/x-farbfeld": (_by_farbfeld,),
    **dict.fromkeys(("image/heic", "image/heif"), ()),
    **dict.fromkeys(("image/x-exr", "image/vnd.radiance", "image/x-portable-arbitrarymap", "image/x-portable-floatmap",
        "image/x-dpx", "image/x-xwindowdump", "image/x-pict", "image/vnd.wap.wbmp", "image/jls", "image/x-ilbm",
        "image/avif", "image/webp"), (_by_ffmpeg,)),
}  # fmt: skip
