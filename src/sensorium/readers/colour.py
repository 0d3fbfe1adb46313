"""Any of Pillow's modes to RGB as a person would see it: alpha over white, deep greys scaled, inks mixed."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageCms, ImageFile

from sensorium.readers.damage import DAMAGE

_DEEPEST = 65535
_SHALLOW = {"L;2": 85, "L;4": 17}
_SCREEN_GAMMA, _SAME_GAMMA = 2.2, 0.05  # by less than this it is not corrected, as in libpng
_DAMAGE: tuple[type[Exception], ...] = (*DAMAGE, ImageCms.PyCMSError)


def scale_key(picture: ImageFile.ImageFile) -> None:
    """Make the transparent grey of a PNG of 2 or 4 bits, not yet loaded, one of 8 bits, as its pixels will be."""
    key = picture.info.get("transparency")
    raw = picture.tile[0].args if picture.tile else None
    if isinstance(key, int) and raw in _SHALLOW:
        picture.info["transparency"] = key * _SHALLOW[raw]


def to_rgb(picture: Image.Image) -> Image.Image:
    """`picture`, loaded, of any mode, as mode RGB in sRGB."""
    rgb = _to_rgb(picture)
    gamma = picture.info.get("gamma")
    if picture.format != "PNG" or not isinstance(gamma, float) or not {"icc_profile", "srgb"}.isdisjoint(picture.info):
        return rgb
    exponent = 1 / (_SCREEN_GAMMA * gamma) if gamma > 0 else 1.0
    if abs(exponent - 1) < _SAME_GAMMA:
        return rgb
    return rgb.point([round(255 * (value / 255) ** exponent) for value in range(256)] * 3)


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16"):
        return _deep_grey(picture)
    if picture.mode in ("I", "F"):
        return Image.fromarray(_stretched(np.asarray(picture), whole_range=picture.format == "PPM")).convert("RGB")
    if picture.mode == "CMYK":
        return _from_inks(picture)
    if picture.has_transparency_data:
        rgb = _over_white(picture)
    else:
        rgb = picture if picture.mode == "RGB" else picture.convert("RGB")  # which would copy it
    return _through_profile(rgb, picture.info.get("icc_profile")) or rgb


def _over_white(picture: Image.Image) -> Image.Image:
    rgba = (picture.convert("LA") if picture.mode == "La" else picture).convert("RGBA")
    white = Image.new("RGB", rgba.size, (255, 255, 255))
    white.paste(rgba, mask=rgba.getchannel("A"))
    return white


def _deep_grey(picture: Image.Image) -> Image.Image:
    values = np.asarray(picture)
    white = _DEEPEST
    if picture.format in ("TIFF", "JPEG2000"):
        # These come from sensors of 9 to 12 bits too, and do not say so: at full range they would all be black.
        bits = int(values.max()).bit_length()
        white = (1 << max(bits, 8)) - 1 if bits <= 12 else _DEEPEST
    grey = ((values.astype(np.uint32) * 255 + white // 2) // white).astype(np.uint8)
    clear = picture.info.get("transparency")
    if isinstance(clear, int):
        grey[values == clear] = 255
    return Image.fromarray(grey).convert("RGB")


def _stretched(values: NDArray[Any], *, whole_range: bool) -> NDArray[np.uint8]:
    """32-bit greys to 8 bits.

    Only a `whole_range` of 0-65535 and floats in 0-1 state their black and white; all others (heights, X-rays,
    radiance) are stretched from their least to their greatest value.
    """
    numbers = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(numbers.min()), float(numbers.max())
    if whole_range:
        low, high = 0.0, float(_DEEPEST)
    elif values.dtype.kind == "f" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    scaled = (numbers - low) * (255.0 / (high - low)) if high > low else np.zeros_like(numbers)
    return np.rint(scaled).astype(np.uint8)


def _from_inks(picture: Image.Image) -> Image.Image:
    # Photoshop stores CMYK JPEGs inverted and marks them so; Pillow takes all CMYK JPEGs to be like that.
    if picture.format == "JPEG" and "adobe" not in picture.info:
        picture = _like(ImageChops.invert(picture), picture)
    return _through_profile(picture, picture.info.get("icc_profile")) or picture.convert("RGB")


def _like(picture: Image.Image, original: Image.Image) -> Image.Image:
    picture.info = original.info
    return picture


def _through_profile(picture: Image.Image, profile: object) -> Image.Image | None:
    """`picture` (RGB or CMYK) by its colour profile in sRGB; None when it has none or needs none."""
    if not isinstance(profile, bytes) or not profile:
        return None
    transform = _transform(profile, picture.mode)
    if transform is None:
        return None
    try:
        return transform.apply(picture)
    except _DAMAGE:
        return None


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    try:
        found = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if found.profile.xcolor_space.strip() != mode or "srgb" in ImageCms.getProfileDescription(found).lower():
            return None
        return ImageCms.buildTransform(found, ImageCms.createProfile("sRGB"), mode, "RGB")
    except _DAMAGE:  # a damaged profile: the bare numbers are the best there is
        return None
