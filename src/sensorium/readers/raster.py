"""Pictures that FFmpeg decodes: those that Pillow has no plug-in for, and those it gives up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sensorium.core.errors import Unreadable
from sensorium.readers.audio import opened
from sensorium.readers.colour import to_rgb
from sensorium.readers.contract import Limits, Source
from sensorium.readers.damage import DAMAGE, unreadable
from sensorium.readers.pixels import check_size, reduced
from sensorium.readers.reasons import called

_TROUBLE = (av.error.FFmpegError, *DAMAGE)
_CODECS = {
    "image/jpeg": "mjpeg", "image/png": "png", "image/bmp": "bmp", "image/tiff": "tiff", "image/webp": "webp",
    "image/jp2": "jpeg2000", "image/x-tga": "targa", "image/x-pcx": "pcx", "image/x-sgi": "sgi",
    "image/vnd.adobe.photoshop": "psd", "image/vnd-ms.dds": "dds", "image/x-sun-raster": "sunrast",
    "image/qoi": "qoi", "image/fits": "fits", "image/x-xbitmap": "xbm", "image/x-xpixmap": "xpm",
    "image/x-photo-cd": "photocd", "image/x-exr": "exr", "image/vnd.radiance": "hdr",
    "image/x-portable-arbitrarymap": "pam", "image/x-portable-floatmap": "pfm", "image/x-dpx": "dpx",
    "image/x-xwindowdump": "xwd", "image/x-pict": "qdraw", "image/vnd.wap.wbmp": "wbmp", "image/jls": "jpegls",
}  # fmt: skip
_CONTAINERS = frozenset({"image/avif", "image/gif", "image/x-ilbm", "image/x-icon", "image/x-fli"})
_LARGEST_FILE = 256 << 20
_LINEAR = frozenset({"image/x-exr", "image/vnd.radiance", "image/x-portable-floatmap"})
_STUDIO_RANGE = 1  # AVCOL_RANGE_MPEG: black is 16 and white 235
_GREY = 0.18  # the middle grey that an exposure aims at


def decode(source: Source, media_type: str, limits: Limits) -> tuple[Image.Image, tuple[int, int]]:
    """(RGB picture, perhaps already smaller, and the original's width and height), not turned.

    Raises `Unreadable` when FFmpeg cannot decode it, and `Refused`.
    """
    with unreadable(f"cannot be decoded as {called(media_type)}", *_TROUBLE):
        if media_type in _CONTAINERS:
            return _from_container(source, limits)
        if media_type in _CODECS:
            return _by_codec(source, media_type, limits)
    raise Unreadable(f"FFmpeg does not decode {called(media_type)}")


def _by_codec(source: Source, media_type: str, limits: Limits) -> tuple[Image.Image, tuple[int, int]]:
    if source.size > _LARGEST_FILE:
        raise Unreadable(f"a picture of {source.size} bytes: no more than {_LARGEST_FILE} are decoded in this format")
    context = _limited(av.CodecContext.create(_CODECS[media_type], "r"), limits)
    with source.open() as stream:
        packet = av.Packet(stream.read())
    frame = _first([packet, None], context)
    size = (frame.width, frame.height)
    check_size(size, limits)
    if frame.format.name.startswith(("gbrpf32", "gbrapf32", "rgbf32", "rgbaf32", "grayf32", "gbrpf16", "gbrapf16")):
        return _exposed(frame, 2 * limits.image_side, linear=media_type in _LINEAR), size
    return to_rgb(_image(frame)), size


def _limited(context: Any, limits: Limits) -> Any:
    context.options = {"max_pixels": str(limits.max_pixels)}  # by the header, before memory is taken
    context.thread_count = 1
    return context


def _first(packets: Any, context: Any) -> Any:
    for packet in packets:
        for frame in context.decode(packet):
            return frame
    raise Unreadable("no picture in it")


def _image(frame: Any) -> Image.Image:
    alpha = any(component.is_alpha for component in frame.format.components) or frame.format.has_palette
    pixels = frame.to_ndarray(format="rgba" if alpha else "rgb24")
    if frame.format.name.startswith("gray") and frame.color_range == _STUDIO_RANGE:  # FFmpeg widens colours only
        pixels = np.rint((pixels.astype(np.float32) - 16).clip(0, 219) * (255 / 219)).astype(np.uint8)
    return Image.fromarray(pixels)


def _from_container(source: Source, limits: Limits) -> tuple[Image.Image, tuple[int, int]]:
    with opened(source) as container:
        colour, alpha = _streams(container)
        check_size((colour.width, colour.height), limits)
        picture = _image(_still(container, colour, limits))
        if alpha is not None:
            container.seek(0)
            mask = _image(_still(container, alpha, limits)).getchannel("R")  # grey in RGB, at full range
            if mask.size == picture.size:
                picture.putalpha(mask)
    return to_rgb(picture), picture.size


def _still(container: Any, stream: Any, limits: Limits) -> Any:
    _limited(stream.codec_context, limits)
    return _first(container.demux(stream), stream)


def _streams(container: Any) -> tuple[Any, Any]:
    """The streams of the colours and of the transparency (None when there is none).

    In AVIF they are two pictures; the main one is marked as default, the other is grey and of the same size.
    """
    films = list(container.streams.video)
    if not films:
        raise Unreadable("no picture in it")
    main = next((each for each in films if each.disposition & each.disposition.default), films[0])
    others = (each for each in films if each is not main and not each.disposition)
    return main, next((each for each in others if _matches(each, main)), None)


def _matches(mask: Any, main: Any) -> bool:
    same = (mask.width, mask.height) == (main.width, main.height)
    return same and mask.format is not None and mask.format.name.startswith("gray")


def _exposed(frame: Any, wanted: int, *, linear: bool) -> Image.Image:
    """Floating-point pixels as a person would see them; reduced first, as light adds up."""
    planes = [_small(plane, wanted) for plane in _planes(frame)]
    light = np.nan_to_num(np.stack(planes[:3], axis=2), nan=0.0, posinf=0.0, neginf=0.0).clip(0)
    if len(planes) == 4:  # what light there is comes already multiplied by how much of it there is: the rest is white
        light = light + (1 - np.nan_to_num(planes[3]).clip(0, 1))[..., None]
    if linear:
        light = _toned(light)
        light = np.where(light <= 0.0031308, light * 12.92, 1.055 * np.power(light, 1 / 2.4) - 0.055)  # sRGB's curve
    return Image.fromarray(np.rint(light.clip(0, 1) * 255).astype(np.uint8))


def _toned(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Light of any strength in 0-1: as it is when hardly any is above 1, else by Reinhard's operator.

    Reinhard et al. 2002, equations 1 to 4: the log-average becomes middle grey, the brightest white.
    """
    bright = light @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    if np.percentile(bright, 99) <= 1:
        return light.clip(0, 1)
    lit = bright[bright > 1e-6]
    scale = _GREY / float(np.exp(np.log(lit).mean()))
    scaled, white = bright * scale, float(np.percentile(bright, 99.5)) * scale
    shown = scaled * (1 + scaled / (white * white)) / (1 + scaled)
    ratio = np.divide(shown, bright, out=np.zeros_like(bright), where=bright > 0)
    toned: NDArray[np.float32] = (light * ratio[..., None]).clip(0, 1)
    return toned


def _planes(frame: Any) -> Iterator[NDArray[np.float32]]:
    """Red, green, blue and where there is one alpha, float32 (height, width)."""
    alpha = any(component.is_alpha for component in frame.format.components)
    values = frame.to_ndarray(format="gbrapf32le" if alpha else "gbrpf32le")
    yield from np.moveaxis(values, -1, 0)


def _small(plane: NDArray[np.float32], wanted: int) -> NDArray[np.float32]:
    return np.asarray(reduced(Image.fromarray(np.ascontiguousarray(plane, np.float32)), wanted))
