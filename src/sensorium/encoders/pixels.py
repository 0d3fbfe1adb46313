"""Pictures to the pixels that an image tower sees. Pillow is imported with the first picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image, Resampling

FILTERS = ("bicubic", "bilinear", "lanczos", "box", "nearest")
# Beyond this shape, a picture is cut to its middle before "crop" resizes it: a 10,000 x 1 line would become gigabytes.
LONGEST_SHAPE = 8


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """The preprocessing of an image tower: `side` x `side` pixels, then (x / 255 - mean) / std by channel.

    "crop" makes the shorter side `shorter` pixels (0: `side`) and cuts the centre out. Where as much cannot be cut off
    on both sides, `centre` is "round" as in torchvision (to even numbers), or "floor" as in transformers.
    """

    side: int = 128
    resize: Literal["squash", "crop"] = "squash"
    filter: str = "bicubic"
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    shorter: int = 0
    centre: str = "round"

    def __post_init__(self) -> None:
        if self.side < 1:
            raise ValueError("side must be above 0")
        if self.shorter and (self.shorter < self.side or self.resize != "crop"):
            raise ValueError("shorter must be 0, or not below side where resize is crop")
        if self.centre not in ("round", "floor"):
            raise ValueError(f"centre must be round or floor, not {self.centre!r}")
        if self.resize not in ("squash", "crop"):
            raise ValueError(f"resize must be squash or crop, not {self.resize!r}")
        if self.filter not in FILTERS:
            raise ValueError(f"filter must be one of {', '.join(FILTERS)}, not {self.filter!r}")
        if len(self.mean) != 3 or len(self.std) != 3 or not all(self.std):
            raise ValueError("mean and std must be three numbers each, std without 0")


def prepare_pixels(pixels: NDArray[np.uint8], settings: ImageSettings) -> NDArray[np.uint8]:
    """What the tower sees of RGB `pixels`, uint8 (height, width, 3): uint8 (side, side, 3), for `normalized`.

    Raises ValueError for an array of another shape or dtype, or without pixels.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
        raise ValueError(f"pixels must be RGB uint8 (height, width, 3), not {pixels.dtype} {pixels.shape}")
    return np.asarray(_resized(pixels, settings))


def normalized(prepared: Sequence[NDArray[np.uint8]], settings: ImageSettings) -> NDArray[np.float32]:
    """What a tower takes of `prepared` pictures, uint8 (side, side, 3) each: float32 (n, 3, side, side)."""
    scale, shift = _arithmetic(settings)
    result = np.empty((len(prepared), 3, settings.side, settings.side), dtype=np.float32)
    for row, pixels in enumerate(prepared):
        np.multiply(pixels.transpose(2, 0, 1), scale, out=result[row])
    result += shift
    return result


@lru_cache(maxsize=8)
def _arithmetic(settings: ImageSettings) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(x / 255 - mean) / std as one multiplication and one addition: two float32 (3, 1, 1)."""
    mean, std = np.array(settings.mean), np.array(settings.std)
    scale, shift = 1 / (255 * std), -mean / std
    return scale.astype(np.float32)[:, None, None], shift.astype(np.float32)[:, None, None]


def _resized(pixels: NDArray[np.uint8], settings: ImageSettings) -> Image:
    from PIL import Image

    side, resample = settings.side, Image.Resampling[settings.filter.upper()]
    if settings.resize == "crop":
        return _cropped(Image.fromarray(_middle(pixels)), settings, resample)
    return Image.fromarray(pixels).resize((side, side), resample)


def _cropped(picture: Image, settings: ImageSettings, resample: Resampling) -> Image:
    """The shorter side becomes `shorter` pixels, then the centre is cut out."""
    width, height = picture.size
    side, smallest = settings.side, min(width, height)
    shorter = settings.shorter or side
    picture = picture.resize((shorter * width // smallest, shorter * height // smallest), resample)
    off = [
        (length - side) // 2 if settings.centre == "floor" else round((length - side) / 2) for length in picture.size
    ]
    return picture.crop((off[0], off[1], off[0] + side, off[1] + side))


def _middle(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture, its longer side cut symmetrically to at most `LONGEST_SHAPE` times the shorter."""
    height, width = pixels.shape[:2]
    longest = LONGEST_SHAPE * min(height, width)
    top, left = max(0, (height - longest) // 2), max(0, (width - longest) // 2)
    return np.ascontiguousarray(pixels[top : height - top, left : width - left])
