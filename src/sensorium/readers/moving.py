"""Animated pictures, frame by frame, through Pillow."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from sensorium.readers.animation import STILL, durations
from sensorium.readers.colour import to_rgb
from sensorium.readers.contract import Limits, Source
from sensorium.readers.damage import DAMAGE, unreadable
from sensorium.readers.exif import turn_of
from sensorium.readers.frames import look_of
from sensorium.readers.image import opened_by_pillow
from sensorium.readers.pixels import check_size, reduced
from sensorium.readers.reel import SIGHT, Glance, Watch

MOST_FRAMES = 3000
_MOST_MENDED = 64 << 20  # bytes
_MOST_PIXELS = 1_000_000_000  # of all frames together: some seconds
_DAMAGE: tuple[type[Exception], ...] = (*DAMAGE, Image.DecompressionBombError)


def whole_frames(data: bytes) -> bytes:
    """A WebP file that was cut off, without the chunk in which it was."""
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > len(data):
            break
        at += 8 + size + size % 2
    return data[:4] + (at - 8).to_bytes(4, "little") + data[8:12] + data[12:at]


class Animation:
    """An animated picture: `attributes` once its first frame is read, `end` the seconds of what was read so far."""

    def __init__(self, source: Source, media_type: str, limits: Limits) -> None:
        self.source, self.media_type, self.limits = source, media_type, limits
        self.attributes: dict[str, Any] = {}
        self.end = 0.0

    def glances(self) -> Iterator[Glance]:
        """A glance at every cut, and every half second or so between them.

        Frames behind a damaged one are left out. Raises `Unreadable` when the first one is damaged, and for one of more
        than `limits.max_pixels`.
        """
        lasts = durations(self.source, self.media_type, MOST_FRAMES + 1)
        watch, shown = Watch(), -math.inf
        with self._opened() as picture:
            self._tell(picture, lasts)
            frames = min(MOST_FRAMES, max(1, _MOST_PIXELS // max(1, picture.width * picture.height)))
            for at, frame in enumerate(self._frames(picture, frames)):
                look, time = look_of(frame), self.end
                is_cut = watch.cut(look)
                if is_cut or time - shown >= SIGHT:
                    yield Glance(time, look, np.asarray(frame), time if is_cut else None)
                    shown = time
                self.end += lasts[at] if at < len(lasts) else 0.1

    @contextmanager
    def _opened(self) -> Iterator[ImageFile.ImageFile]:
        trouble = unreadable("an animated picture that cannot be decoded", *_DAMAGE)
        still = STILL[self.media_type]
        with trouble, self.source.open() as stream:
            try:
                picture = opened_by_pillow(stream, still)
            except _DAMAGE:
                if still != "image/webp":
                    raise
                stream.seek(0)  # libwebp wants all frames or none
                picture = opened_by_pillow(io.BytesIO(whole_frames(stream.read(_MOST_MENDED))), still)
            yield picture

    def _tell(self, picture: ImageFile.ImageFile, lasts: list[float]) -> None:
        check_size(picture.size, self.limits)
        width, height = picture.size
        self.attributes = {"width": width, "height": height, "codec": self.media_type.removeprefix("video/")}
        if 0 < len(lasts) <= MOST_FRAMES:
            self.attributes |= {"seconds": round(sum(lasts), 3), "fps": round(len(lasts) / sum(lasts), 3)}

    def _frames(self, picture: ImageFile.ImageFile, most: int) -> Iterator[Image.Image]:
        turn = turn_of(picture)
        hidden = bool(getattr(picture, "default_image", False))  # of a PNG, for viewers that know no animations
        for at in range(hidden, most + hidden):
            try:
                picture.seek(at)
                picture.load()
                frame = reduced(to_rgb(picture), 2 * self.limits.image_side)
            except EOFError:
                return
            except _DAMAGE as error:
                if at == hidden or isinstance(error, MemoryError):
                    raise
                return
            yield frame if turn is None else frame.transpose(turn)
