"""What a picture says about itself in EXIF: how it was held, when and with what it was taken."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from PIL import Image
from PIL.ExifTags import IFD, Base

from sensorium.readers.damage import DAMAGE

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
_OFFSET = re.compile(r"[+-]\d\d:\d\d")


def turn_of(picture: Image.Image) -> Image.Transpose | None:
    """The turn that makes the picture upright; None when it is already, or does not say."""
    if picture.format == "TIFF":
        return None  # Pillow turns these itself as they are loaded
    try:
        return _UPRIGHT.get(picture.getexif().get(Base.Orientation, 1))
    except DAMAGE:  # damaged EXIF is no reason to lose the picture
        return None


def attributes_of(picture: Image.Image) -> dict[str, str]:
    """`taken` (ISO 8601, with its offset where stated) and `camera`, as far as the picture says so."""
    try:
        exif = picture.getexif()
        if not exif:
            return {}
        detail = exif.get_ifd(IFD.Exif)
    except DAMAGE:
        return {}
    said = {"taken": _taken(exif, detail), "camera": _camera(exif)}
    return {name: value for name, value in said.items() if value}


def _taken(exif: Image.Exif, detail: dict[int, Any]) -> str:
    when = _words(detail.get(Base.DateTimeOriginal)) or _words(exif.get(Base.DateTime))
    try:
        moment = datetime.strptime(when, "%Y:%m:%d %H:%M:%S")
    except ValueError:  # absent, "0000:00:00 00:00:00", or in the maker's own style
        return ""
    offset = _words(detail.get(Base.OffsetTimeOriginal))
    return moment.isoformat() + (offset if _OFFSET.fullmatch(offset) else "")


def _camera(exif: Image.Exif) -> str:
    make, model = _words(exif.get(Base.Make)), _words(exif.get(Base.Model))
    return model if model.lower().startswith(make.lower()) else f"{make} {model}".strip()


def _words(value: object) -> str:
    return " ".join(value.split("\0")[0].split())[:200] if isinstance(value, str) else ""
