"""Pictures: upright, in RGB, no larger than is of use."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import Any, BinaryIO

from PIL import Image, ImageFile

from sensorium.core.errors import Unreadable
from sensorium.core.types import Part, Place
from sensorium.readers.colour import scale_key, to_rgb
from sensorium.readers.contract import Limits, Source
from sensorium.readers.damage import DAMAGE, reason, unreadable
from sensorium.readers.exif import attributes_of, turn_of
from sensorium.readers.picture_marks import in_runs
from sensorium.readers.pixels import Refused, check_size, part_of
from sensorium.readers.reasons import called
from sensorium.readers.sniff import sniff

BMP, TIFF = "image/bmp", "image/tiff"
_BMP_HEADER = 64
# The plug-in of the sniffed type is called itself: `Image.open` would try all formats that Pillow knows, and judge
# a picture's size by a limit of its own.
_PLUGINS = {
    "image/jpeg": "JpegImagePlugin.JpegImageFile", "image/png": "PngImagePlugin.PngImageFile",
    "image/webp": "WebPImagePlugin.WebPImageFile", "image/gif": "GifImagePlugin.GifImageFile",
    BMP: "BmpImagePlugin.BmpImageFile", TIFF: "TiffImagePlugin.TiffImageFile",
    "image/avif": "AvifImagePlugin.AvifImageFile", "image/jp2": "Jpeg2KImagePlugin.Jpeg2KImageFile",
    "image/x-portable-anymap": "PpmImagePlugin.PpmImageFile", "image/x-tga": "TgaImagePlugin.TgaImageFile",
    "image/x-icon": "IcoImagePlugin.IcoImageFile", "image/x-cursor": "CurImagePlugin.CurImageFile",
    "image/icns": "IcnsImagePlugin.IcnsImageFile", "image/vnd-ms.dds": "DdsImagePlugin.DdsImageFile",
    "image/x-pcx": "PcxImagePlugin.PcxImageFile", "image/x-dcx": "DcxImagePlugin.DcxImageFile",
    "image/x-sgi": "SgiImagePlugin.SgiImageFile", "image/vnd.adobe.photoshop": "PsdImagePlugin.PsdImageFile",
    "image/x-fli": "FliImagePlugin.FliImageFile", "image/x-xbitmap": "XbmImagePlugin.XbmImageFile",
    "image/x-xpixmap": "XpmImagePlugin.XpmImageFile", "image/x-blp": "BlpImagePlugin.BlpImageFile",
    "image/x-ftex": "FtexImagePlugin.FtexImageFile", "image/x-im": "ImImagePlugin.ImImageFile",
    "image/x-imt": "ImtImagePlugin.ImtImageFile", "image/x-msp": "MspImagePlugin.MspImageFile",
    "image/x-sun-raster": "SunImagePlugin.SunImageFile", "image/qoi": "QoiImagePlugin.QoiImageFile",
    "image/fits": "FitsImagePlugin.FitsImageFile", "image/x-pixar": "PixarImagePlugin.PixarImageFile",
    "image/x-xv-thumbnail": "XVThumbImagePlugin.XVThumbImageFile", "image/x-gimp-gbr": "GbrImagePlugin.GbrImageFile",
    "image/x-mcidas": "McIdasImagePlugin.McIdasImageFile", "image/x-photo-cd": "PcdImagePlugin.PcdImageFile",
    "image/x-spider": "SpiderImagePlugin.SpiderImageFile", "image/x-quake-wal": "WalImageFile.WalImageFile",
}  # fmt: skip
_HEIF = frozenset({"image/heic", "image/heif"})
_RAW = frozenset({"image/x-canon-cr2", "image/x-canon-cr3", "image/x-fuji-raf", "image/x-panasonic-rw2"})
# What Pillow has no plug-in for.
_OTHERS = frozenset({
    "image/x-exr", "image/vnd.radiance", "image/x-portable-arbitrarymap", "image/x-portable-floatmap", "image/x-dpx",
    "image/x-xwindowdump", "image/x-pict", "image/vnd.wap.wbmp", "image/jls", "image/x-ilbm", "image/x-farbfeld",
})  # fmt: skip
_SUBFILE_TYPE, _SUB_IFDS, _DNG_VERSION = 254, 330, 50706
_TROUBLE: tuple[type[Exception], ...] = (*DAMAGE, Unreadable, Image.DecompressionBombError)
_THUMBNAIL_OR_MASK = 1 | 4  # bits of a page's subfile type


class ImageReader:
    """One part, the picture; of a TIFF of many pages one part a page, of an animation the first frame."""

    kind = "image"

    def accepts(self, media_type: str) -> bool:
        """The picture formats that Pillow or FFmpeg decode, and HEIC."""
        return media_type in _PLUGINS or media_type in _HEIF or media_type in _RAW or media_type in _OTHERS

    def read(self, source: Source, limits: Limits) -> Iterator[Part]:
        """Image parts: RGB uint8 (height, width, 3), both sides at least twice `limits.image_side` if they were.

        The first one's attributes are `width` and `height` of the upright original, and where known `taken`, `camera`,
        `lens`, `latitude`, `longitude`, `altitude`, `title`, `description`, `author` and `keywords`. Of a damaged
        picture it is what can be seen, with the reason as `damaged`; of a camera's raw file the embedded preview.
        Raises `Unreadable` for what is damaged beyond that and for pictures of more than `limits.max_pixels`.
        """
        media_type = sniff(source)
        if media_type == TIFF:
            yield from _tiff(source, limits)
        elif media_type in _RAW:
            yield _preview(source, limits)
        else:
            yield _picture(source, media_type, limits)


def decoded(picture: ImageFile.ImageFile, limits: Limits, place: Place = Place()) -> Part:  # noqa: B008 - frozen
    """The part of a picture that a plug-in has opened. Raises what the plug-in raises, and `Refused`."""
    size = prepared(picture, limits)
    picture.load()  # before EXIF and texts are asked for: those of a PNG may stand behind its pixels
    turn, attributes = turn_of(picture), attributes_of(picture)
    return part_of(to_rgb(picture), limits, size=size, turn=turn, place=place, attributes=attributes)


def prepared(picture: ImageFile.ImageFile, limits: Limits) -> tuple[int, int]:
    """Width and height of a picture that is about to be loaded, and as little of it as is wanted.

    Raises `Refused`.
    """
    size = picture.size
    check_size(size, limits)
    if picture.format == "JPEG":
        wanted = 2 * limits.image_side
        picture.draft(None, (wanted, wanted))  # decoded at 1/2, 1/4 or 1/8, both sides still at least as wanted
    elif picture.format == "PNG":
        scale_key(picture)
    return size


def opened_by_pillow(stream: BinaryIO, media_type: str) -> ImageFile.ImageFile:
    """The picture, not yet decoded. Raises what the plug-in raises, and `Unreadable` where it is not installed."""
    return _plugin(media_type)(stream, "")


def _picture(source: Source, media_type: str, limits: Limits) -> Part:
    error = None
    if media_type not in _OTHERS and not (media_type == BMP and in_runs(source.head(_BMP_HEADER))):
        try:
            with _opened(source, media_type) as picture:
                return decoded(picture, limits)
        except Refused:
            raise
        except Unreadable as found:
            error = found
    from sensorium.readers.salvage import by_another  # most pictures do without

    return by_another(source, media_type, limits, error)


@contextmanager
def _opened(source: Source, media_type: str) -> Iterator[ImageFile.ImageFile]:
    with unreadable(f"cannot be decoded as {called(media_type)}"), source.open() as stream:
        try:
            yield opened_by_pillow(stream, media_type)
        except Image.DecompressionBombError as error:  # a picture within a picture, by Pillow's own limit
            raise Refused("it says that it has far more pixels than are decoded") from error


def _tiff(source: Source, limits: Limits) -> Iterator[Part]:
    with closing(_pages(source, limits)) as pages:
        try:
            first = next(pages)
        except Refused:
            raise
        except Unreadable as error:
            from sensorium.readers.salvage import by_another

            yield by_another(source, TIFF, limits, error)
            return
        second = next(pages, None)
        if second is None:
            yield replace(first, place=Place())
            return
        yield first
        yield second
        yield from pages


def _pages(source: Source, limits: Limits) -> Generator[Part]:
    """The pages that can be decoded; the last part says of the others why not. Raises `Unreadable` for the first."""
    with _opened(source, TIFF) as picture:
        if _is_raw(picture):
            yield _preview(source, limits)
            return
        held = decoded(picture, limits, Place(page=1))
        lost = ""
        for page in range(2, limits.max_parts + 2):
            try:
                picture.seek(page - 1)
                if _tags(picture).get(_SUBFILE_TYPE, 0) & _THUMBNAIL_OR_MASK:
                    continue
                part = decoded(picture, limits, Place(page=page))
            except EOFError:
                break
            except _TROUBLE as error:
                lost = lost or f"page {page} cannot be decoded: {reason(error)}"
                continue
            yield held
            held = replace(part, attributes={"width": part.attributes["width"], "height": part.attributes["height"]})
        yield replace(held, attributes={**held.attributes, "damaged": lost}) if lost else held


def _is_raw(picture: ImageFile.ImageFile) -> bool:
    """Camera raw files are TIFFs whose first picture is a thumbnail."""
    tags = _tags(picture)
    return _DNG_VERSION in tags or (tags.get(_SUBFILE_TYPE, 0) == 1 and _SUB_IFDS in tags)


def _tags(picture: ImageFile.ImageFile) -> Mapping[int, Any]:
    found: Mapping[int, Any] = getattr(picture, "tag_v2", {})
    return found


def _preview(source: Source, limits: Limits) -> Part:
    from sensorium.readers.raw import preview

    return preview(source, limits)


@cache
def _plugin(media_type: str) -> Callable[[BinaryIO, str], ImageFile.ImageFile]:
    if media_type in _HEIF:
        from sensorium.readers.heif import plugin as heif

        return heif()
    module, _, name = _PLUGINS[media_type].partition(".")
    try:
        plugin: Callable[[BinaryIO, str], ImageFile.ImageFile] = getattr(import_module(f"PIL.{module}"), name)
    except (ImportError, AttributeError) as error:  # Pillow drops old formats now and then
        raise Unreadable(f"this version of Pillow does not decode {called(media_type)}") from error
    return plugin


reader = ImageReader()
