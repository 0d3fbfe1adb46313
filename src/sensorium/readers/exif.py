"""What a picture says about itself in EXIF: how it was held, when, where and with what it was taken."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from sensorium.readers.damage import DAMAGE

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
_OFFSET = re.compile(r"[+-]\d\d:\d\d")
_DEEPEST, _HIGHEST = -11_000, 100_000  # metres; what lies outside was never measured by a camera


def turn_of(picture: Image.Image) -> Image.Transpose | None:
    """The turn that makes the picture upright; None when it is already, or does not say."""
    if picture.format == "TIFF":
        return None  # Pillow turns these itself as they are loaded
    try:
        return turn(picture.getexif())
    except DAMAGE:  # damaged EXIF is no reason to lose the picture
        return None


def turn(exif: Image.Exif) -> Image.Transpose | None:
    """The turn that `exif` asks for."""
    return _UPRIGHT.get(exif.get(Base.Orientation, 1))


def attributes_of(picture: Image.Image) -> dict[str, Any]:
    """What a loaded picture says of itself: as `exif_attributes`, and `title`, `description`, `author`, `keywords`.

    Where its EXIF cannot be read, the rest.
    """
    try:
        exif = picture.getexif()
    except DAMAGE:
        exif = Image.Exif()
    said = exif_attributes(exif) if exif else {}
    if exif or picture.info:
        from sensorium.readers.captions import captions_of

        said.update(captions_of(picture, exif))
    return said


def exif_attributes(exif: Image.Exif) -> dict[str, Any]:
    """`taken` (ISO 8601, with its offset where stated), `camera`, `lens`, `latitude`, `longitude`, `altitude`.

    Degrees, north and east positive, and metres above the sea. What is not said, or damaged, is left out.
    """
    detail, place = _directory(exif, IFD.Exif), _directory(exif, IFD.GPSInfo)
    said = {
        "taken": _taken(exif, detail),
        "camera": _camera(exif),
        "lens": words(detail.get(Base.LensModel)),
        "latitude": _degrees(place.get(GPS.GPSLatitude), place.get(GPS.GPSLatitudeRef), "NS", 90),
        "longitude": _degrees(place.get(GPS.GPSLongitude), place.get(GPS.GPSLongitudeRef), "EW", 180),
        "altitude": _altitude(place.get(GPS.GPSAltitude), place.get(GPS.GPSAltitudeRef)),
    }
    return {name: value for name, value in said.items() if value not in ("", None)}


def words(value: object, longest: int = 200) -> str:
    """A text of EXIF on one line: up to its first NUL, and as UTF-8 if it is that. "" for all else."""
    if not isinstance(value, str):
        return ""
    with suppress(ValueError):  # the standard says ASCII, Pillow Latin-1, and many writers UTF-8
        value = value.encode("latin-1").decode("utf-8")
    return " ".join(value.split("\0")[0].split())[:longest]


def _directory(exif: Image.Exif, which: IFD) -> Mapping[int, Any]:
    try:
        return exif.get_ifd(which)
    except DAMAGE:
        return {}


def _taken(exif: Image.Exif, detail: Mapping[int, Any]) -> str:
    when = words(detail.get(Base.DateTimeOriginal)) or words(exif.get(Base.DateTime))
    try:
        moment = datetime.strptime(when, "%Y:%m:%d %H:%M:%S")
    except ValueError:  # absent, "0000:00:00 00:00:00", or in the maker's own style
        return ""
    offset = words(detail.get(Base.OffsetTimeOriginal))
    return moment.isoformat() + (offset if _OFFSET.fullmatch(offset) else "")


def _camera(exif: Image.Exif) -> str:
    make, model = words(exif.get(Base.Make)), words(exif.get(Base.Model))
    return model if model.lower().startswith(make.lower()) else f"{make} {model}".strip()


def _degrees(value: Any, reference: Any, signs: str, most: int) -> float | None:
    """Degrees, minutes and seconds as one number; negative in the hemisphere that `signs` names second."""
    side = words(reference)[:1].upper()
    if side not in signs or not side:
        return None
    try:
        degrees, minutes, seconds = (float(each) for each in value)
    except DAMAGE:
        return None
    found = degrees + minutes / 60 + seconds / 3600
    if not 0 <= found <= most:  # also what is not a number: nought by nought is how cameras write "unknown"
        return None
    return round(-found if side == signs[1] else found, 6)


def _altitude(value: Any, reference: Any) -> float | None:
    try:
        metres = float(value)
    except DAMAGE:
        return None
    below = reference in (1, b"\x01", "\x01")
    metres = -metres if below else metres
    return round(metres, 2) if math.isfinite(metres) and _DEEPEST < metres < _HIGHEST else None
