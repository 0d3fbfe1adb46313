"""Pictures: upright, in RGB, no larger than is of use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile

from sensorium.core.errors import Unreadable
from sensorium.core.types import Part
from sensorium.readers.colour import to_rgb
from sensorium.readers.contract import Limits, Source
from sensorium.readers.damage import unreadable
from sensorium.readers.exif import attributes_of, turn_of
from sensorium.readers.sniff import sniff

# The plug-in of the sniffed type is called itself: `Image.open` would try all formats that Pillow knows, and judge
# a picture's size by a limit of its own.
_PLUGINS = {
    "image/jpeg": "JpegImagePlugin.JpegImageFile", "image/png": "PngImagePlugin.PngImageFile",
    "image/webp": "WebPImagePlugin.WebPImageFile", "image/gif": "GifImagePlugin.GifImageFile",
    "image/bmp": "BmpImagePlugin.BmpImageFile", "image/tiff": "TiffImagePlugin.TiffImageFile",
    "image/avif": "AvifImagePlugin.AvifImageFile", "image/jp2": "Jpeg2KImagePlugin.Jpeg2KImageFile",
    "image/x-portable-anymap": "PpmImagePlugin.PpmImageFile",
}  # fmt: skip
_HEIF = frozenset({"image/heic", "image/heif"})
_SUBFILE_TYPE, _SUB_IFDS, _DNG_VERSION = 254, 330, 50706


class ImageReader:
    """One part: the picture, of an animation its first frame."""

    kind = "image"

    def accepts(self, media_type: str) -> bool:
        """The common picture formats."""
        return media_type in _PLUGINS or media_type in _HEIF

    def read(self, source: Source, limits: Limits) -> Iterator[Part]:
        """One image part: RGB uint8 (height, width, 3), both sides at least twice `limits.image_side` if they were.

        Its attributes are `width` and `height` of the upright original, and where known `taken` and `camera`.
        Raises `Unreadable` for damaged pictures and for those of more than `limits.max_pixels`.
        """
        media_type = sniff(source)
        if media_type in _HEIF:
            raise Unreadable("HEIC pictures are not decoded: save it as JPEG")
        with (
            unreadable(f"{_name(media_type)} that cannot be decoded", Image.DecompressionBombError),
            source.open() as stream,
        ):
            part = _decoded(_plugin(media_type)(stream, ""), limits)
        yield part


def _decoded(picture: ImageFile.ImageFile, limits: Limits) -> Part:
    width, height = picture.size
    if width * height > limits.max_pixels:
        raise Unreadable(f"{width} x {height} pixels: no more than {limits.max_pixels} are decoded")
    _refuse_raw(picture)
    attributes, turn = attributes_of(picture), turn_of(picture)
    wanted = 2 * limits.image_side
    picture.draft(None, (wanted, wanted))  # JPEG: decoded at 1/2, 1/4 or 1/8, both sides still at least as wanted
    picture.load()
    small = _reduced(to_rgb(picture), wanted)
    upright = small if turn is None else small.transpose(turn)
    if turn is not None and turn >= Image.Transpose.ROTATE_90 and turn != Image.Transpose.ROTATE_180:
        width, height = height, width
    return Part("image", np.asarray(upright), attributes={"width": width, "height": height, **attributes})


def _name(media_type: str) -> str:
    return "a " + media_type.removeprefix("image/").removeprefix("x-").upper()


def _reduced(picture: Image.Image, wanted: int) -> Image.Image:
    factor = min(picture.size) // wanted
    return picture.reduce(factor) if factor >= 2 else picture


def _refuse_raw(picture: ImageFile.ImageFile) -> None:
    """Camera raw files are TIFFs whose first picture is a thumbnail."""
    tags = getattr(picture, "tag_v2", {})
    if _DNG_VERSION in tags or (tags.get(_SUBFILE_TYPE, 0) == 1 and _SUB_IFDS in tags):
        raise Unreadable("a camera's raw file: develop it to JPEG or TIFF")


@cache
def _plugin(media_type: str) -> Callable[[BinaryIO, str], ImageFile.ImageFile]:
    module, _, name = _PLUGINS[media_type].partition(".")
    plugin: Callable[[BinaryIO, str], ImageFile.ImageFile] = getattr(import_module(f"PIL.{module}"), name)
    return plugin


reader = ImageReader()
