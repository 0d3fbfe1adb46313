"""Farbfeld, the picture format of suckless.org: a mark, two sizes, and 16-bit RGBA, all big-endian."""

from __future__ import annotations

import numpy as np
from PIL import Image

from sensorium.core.errors import Unreadable
from sensorium.readers.colour import to_rgb
from sensorium.readers.contract import Limits, Source
from sensorium.readers.damage import unreadable
from sensorium.readers.pixels import check_size

_HEADER = 16


def decode(source: Source, limits: Limits) -> Image.Image:
    """The picture in RGB. Raises `Unreadable` when it is cut short, and `Refused`."""
    with unreadable("cannot be decoded as farbfeld"), source.open() as stream:
        header = stream.read(_HEADER)
        width, height = (int.from_bytes(header[at : at + 4], "big") for at in (8, 12))
        check_size((width, height), limits)
        if not width * height or source.size < _HEADER + width * height * 8:
            raise Unreadable("a damaged farbfeld picture: it is cut short")
        data = stream.read(width * height * 8)
    values = np.frombuffer(data, ">u2").reshape(height, width, 4)
    return to_rgb(Image.fromarray((values >> 8).astype(np.uint8), "RGBA"))
