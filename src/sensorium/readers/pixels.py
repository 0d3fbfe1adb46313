"""From a decoded picture to its part: not too large, upright, no larger than is of use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from sensorium.core.errors import Unreadable
from sensorium.core.types import Part, Place
from sensorium.readers.contract import Limits

LEAST_SEEN = 0.03  # of a damaged picture's rows; less than that shows nothing
_SIDEWAYS = frozenset(
    {Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270, Image.Transpose.TRANSPOSE, Image.Transpose.TRANSVERSE}
)


class Refused(Unreadable):
    """Not read whatever decodes it, such as for more pixels than the limits allow: no other decoder need try."""


def check_size(size: tuple[int, int], limits: Limits) -> None:
    """Raises `Refused` for a picture of `size` (width, height) that the limits do not allow."""
    width, height = size
    if width * height > limits.max_pixels:
        raise Refused(f"{width} x {height} pixels: no more than {limits.max_pixels} are decoded")


def part_of(
    rgb: Image.Image,
    limits: Limits,
    *,
    size: tuple[int, int],
    turn: Image.Transpose | None = None,
    place: Place = Place(),  # noqa: B008 - frozen
    attributes: Mapping[str, Any] | None = None,
) -> Part:
    """The image part of `rgb`, turned by `turn`; both sides are at least twice `limits.image_side` if they were.

    `size` is (width, height) of the original as it is stored; `width` and `height` of the part's attributes are those
    of the upright one.
    """
    small = reduced(rgb, 2 * limits.image_side)
    upright = small if turn is None else small.transpose(turn)
    width, height = size[::-1] if turn in _SIDEWAYS else size
    return Part("image", np.asarray(upright), place, {"width": width, "height": height, **(attributes or {})})


def reduced(picture: Image.Image, wanted: int) -> Image.Image:
    """`picture` at a whole fraction of its size, by means of squares of pixels, neither side below `wanted`."""
    factor = min(picture.size) // wanted
    return picture.reduce(factor) if factor >= 2 else picture
