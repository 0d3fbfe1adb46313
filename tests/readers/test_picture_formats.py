"""Pictures of every format: bitmaps, what FFmpeg decodes, camera's raw files, HEIC, and what is in them."""

from __future__ import annotations

import re
import struct
import sys
import time
from contextlib import suppress
from fractions import Fraction
from typing import ClassVar

import av
import numpy as np
import pytest
from PIL import Image

from sensorium.core.errors import Unreadable
from sensorium.readers import image
from sensorium.readers.image import reader
from sensorium.testing.media import encoded, picture
from sensorium.testing.readers import ReaderContract


@pytest.mark.parametrize(
    ("form", "name"),
    [("TGA", "a.tga"), ("ICO", "a.bin"), ("DDS", "a.bin"), ("PCX", "a.bin"), ("SGI", "a.bin"),
     ("QOI", "a.bin"), ("BLP", "a.bin"), ("MPO", "a.bin"), ("JPEG2000", "a.bin")],
)  # fmt: skip
def test_less_common_formats_are_read_too(pixels_of, form, name):
    scene = Image.fromarray(picture(64, 64))
    if form == "BLP":
        scene = scene.quantize(256)
    shown = pixels_of(encoded(scene, form), name=name)
    assert shown.shape == (64, 64, 3)
    assert np.abs(shown - picture(64, 64)).mean() < (6 if form in ("BLP", "MPO") else 1)


@pytest.mark.filterwarnings("ignore:IM image format is deprecated")
def test_formats_that_pillow_will_drop_are_read_as_long_as_it_has_them(pixels_of, parts_of, monkeypatch):
    file = encoded(picture(), "IM")
    assert (pixels_of(file, name="a.im") == picture()).all()
    monkeypatch.setitem(sys.modules, "PIL.ImImagePlugin", None)
    image._plugin.cache_clear()
    with pytest.raises(Unreadable, match="this version of Pillow does not decode IM"):
        parts_of(file, "a.im")


def test_of_icons_the_largest_is_read(pixels_of):
    scene = Image.fromarray(picture(64, 64)).resize((128, 128))
    assert pixels_of(encoded(scene, "ICNS")).shape == (256, 256, 3)
    assert pixels_of(encoded(scene, "ICO", sizes=[(16, 16), (64, 64), (32, 32)])).shape == (64, 64, 3)


@pytest.mark.parametrize("form", ["XBM", "MSP", "PPM"])
def test_formats_of_two_colours_are_read_too(pixels_of, form):
    marks = Image.fromarray(np.random.default_rng(1).random((32, 48)) > 0.5)
    shown = pixels_of(encoded(marks, form))
    assert (shown[..., 0] == np.asarray(marks) * 255).all()


def test_an_x_pixmap_is_read_too(pixels_of):
    file = b"""/* XPM */\nstatic char *x[] = {\n"4 2 2 1",\n"a c #ff0000",\n"b c #0000ff",\n"aabb",\n"bbaa"\n};\n"""
    assert pixels_of(file)[:, :, 0].tolist() == [[255, 255, 0, 0], [0, 0, 255, 255]]


def by_ffmpeg(codec, pixels, form):
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = pixels.shape[1], pixels.shape[0], form
    context.time_base = Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(pixels, format=form)
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


@pytest.mark.parametrize(("codec", "form"), [("dpx", "rgb24"), ("xwd", "bgr24"), ("pam", "rgb24"), ("jpegls", "rgb24")])
def test_formats_of_ffmpeg_are_read_too(pixels_of, codec, form):
    scene = picture()
    file = by_ffmpeg(codec, scene[..., ::-1].copy() if form == "bgr24" else scene, form)
    assert np.abs(pixels_of(file) - scene).max() <= 1


@pytest.mark.parametrize("codec", ["exr", "hdr"])
def test_light_is_shown_as_a_screen_would(pixels_of, codec):
    light = np.zeros((8, 40, 3), np.float32)
    light[..., 0] = np.linspace(0, 1, 40)
    light[..., 1] = 0.5
    shown = pixels_of(by_ffmpeg(codec, light, "gbrpf32le"))
    # sRGB's curve, IEC 61966-2-1: 0.5 of the light is 188 of 255, 0.2140 of it is 128.
    assert abs(shown[4, 20, 1] - 188) <= 1
    near = int(np.argmin(np.abs(light[0, :, 0] - 0.214)))
    assert abs(shown[4, near, 0] - 128) <= 4
    bright = pixels_of(by_ffmpeg(codec, light * 100, "gbrpf32le"))
    rising = bright[4, :, 0]
    assert (np.diff(rising) >= 0).all()
    assert rising[-1] - rising[5] > 60  # a hundred times too bright, and still not all white


def test_farbfeld_is_read_too(pixels_of, parts_of):
    pixels = [[65535, 0, 0, 65535], [0, 65535, 0, 0]]
    file = b"farbfeld" + struct.pack(">II", 2, 1) + np.array(pixels, ">u2").tobytes()
    assert pixels_of(file).tolist() == [[[255, 0, 0], [255, 255, 255]]]
    with pytest.raises(Unreadable, match="cut short"):
        parts_of(file[:-1])
    with pytest.raises(Unreadable, match="pixels"):
        parts_of(b"farbfeld" + struct.pack(">II", 60_000, 60_000) + bytes(64))


def bmp(header, bits, packing=0, masks=(), rows=b"", palette=b"", size=(3, 2)):
    """A bitmap of 3 x 2 pixels, by the layout in Microsoft's documents."""
    info = struct.pack("<IiiHHIIiiII", header, *size, 1, bits, packing, len(rows), 2835, 2835, 0, 0)
    body = (info + b"".join(struct.pack("<I", mask) for mask in masks)).ljust(header, b"\0")
    start = 14 + len(body) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + body + palette + rows


def test_bitmaps_of_any_masks_are_read(pixels_of):
    # Two bits of red, three of green, one of blue: 2 of 3 is 170, 5 of 7 is 182.
    values = [[0b11_000_0, 0b00_111_0, 0b00_000_1], [0b10_101_0, 0, 0b11_111_1]]
    rows = b"".join(struct.pack("<3H2x", *row) for row in reversed(values))
    expected = [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[170, 182, 0], [0, 0, 0], [255, 255, 255]]]
    assert pixels_of(bmp(40, 16, 3, (0b110000, 0b001110, 0b1), rows)).tolist() == expected


def test_a_bitmap_of_two_bits_has_four_colours(pixels_of):
    palette = bytes([0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 9, 9, 9, 0])
    rows = bytes([0b00_01_10_00, 0, 0, 0, 0b11_10_01_00, 0, 0, 0])
    found = pixels_of(bmp(40, 2, 0, (), rows, palette)).tolist()
    assert found == [[[9, 9, 9], [0, 0, 255], [0, 255, 0]], [[255, 0, 0], [0, 255, 0], [0, 0, 255]]]


def test_a_bitmap_of_24_bit_runs_is_read(pixels_of):
    # Three times blue, end of line; one red and, as they are, green and blue with a byte of padding none; the end.
    rows = bytes([3, 255, 0, 0, 0, 0, 1, 0, 0, 255, 2, 0, 255, 0, 0, 1])
    found = pixels_of(bmp(64, 24, 4, (), rows)).tolist()
    assert found == [[[255, 0, 0], [0, 255, 0], [0, 255, 0]], [[0, 0, 255]] * 3]


def test_run_lengths_are_unpacked(pixels_of):
    """Microsoft's own example of 8 bits a pixel, the lines filled up with the colour 0."""
    palette = b"".join(bytes([n, n, n, 0]) for n in range(256))
    rows = bytes.fromhex("0304 0506 0003 455667 00 0278 0002 0501 0278 0000 091E 0001".replace(" ", ""))
    file = bmp(40, 8, 1, (), rows, palette, size=(17, 2))
    lower = [4] * 3 + [6] * 5 + [0x45, 0x56, 0x67] + [0x78] * 2 + [255] * 4
    upper = [255] * 18 + [0x78] * 2  # moved on by five to the right and one up, which is the next line
    found = pixels_of(file)[..., 0].tolist()
    assert found[1] == lower
    assert found[0] == upper[:17]


@pytest.mark.parametrize(("bits", "packing"), [(8, 1), (32, 2), (4, 1), (24, 4)])
def test_a_damaged_bitmap_of_great_width_takes_no_time(parts_of, bits, packing):
    file = bmp(64 if packing == 4 else 40, bits, packing, (), bytes(4000), bytes(1024), size=(1_000_000, 20))
    started = time.perf_counter()
    with suppress(Unreadable):
        parts_of(file, max_pixels=1 << 27, image_side=8)
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    "name", ["rgb24rle24.bmp", "pal2.bmp", "rgba32-1010102.bmp", "rgb16-231.bmp", "pal8os2v2-16.bmp"]
)
def test_all_bitmaps_of_one_scene_are_alike(pixels_of, media, name):
    """BMP Suite holds the same drawing in every kind of bitmap."""
    path = next((media / "images").rglob(name))
    scene = pixels_of(next((media / "images").rglob("rgb24.bmp")))
    shown = pixels_of(path)
    tolerance = {"pal2.bmp": 70, "pal8os2v2-16.bmp": 25, "rgb16-231.bmp": 40}.get(name, 14)
    assert shown.shape == scene.shape
    assert np.abs(shown.mean(axis=2) - scene.mean(axis=2)).mean() < tolerance


def raw_with(preview, *, place="sub", orientation=6, make="NIKON CORPORATION"):
    """A camera's raw file: a TIFF with a thumbnail, and the preview in a directory below it."""

    def entry(tag, kind, value, count=1):
        return struct.pack("<HHI", tag, kind, count) + (
            struct.pack("<I", value) if kind == 4 else struct.pack("<HH", value, 0)
        )

    first, below = 8, 400
    name = make.encode() + b"\0"
    entries = [
        entry(254, 4, 1),
        entry(256, 4, 8),
        entry(257, 4, 8),
        entry(258, 3, 8),
        entry(259, 3, 1),
        entry(262, 3, 1),
        struct.pack("<HHII", 271, 2, len(name), 300),
        entry(273, 4, 350),
        entry(274, 3, orientation),
        entry(277, 3, 1),
        entry(278, 4, 8),
        entry(279, 4, 16),
        entry(330, 4, below),
    ]
    jpeg = [entry(513, 4, 500), entry(514, 4, len(preview))]
    if place == "strip":
        jpeg = [entry(259, 3, 7), entry(273, 4, 500), entry(279, 4, len(preview))]
    file = bytearray(500)
    file[:8] = b"II*\0" + struct.pack("<I", first)
    file[first : first + 2 + 12 * len(entries)] = struct.pack("<H", len(entries)) + b"".join(entries)
    file[300 : 300 + len(name)] = name
    file[below : below + 2 + 12 * len(jpeg)] = struct.pack("<H", len(jpeg)) + b"".join(jpeg)
    return bytes(file) + preview


@pytest.mark.parametrize("place", ["sub", "strip"])
def test_of_a_cameras_raw_file_the_preview_is_read(parts_of, place):
    shot = Image.fromarray(picture()).resize((640, 480), Image.Resampling.BICUBIC)
    (part,) = parts_of(raw_with(encoded(shot, "JPEG", quality=95), place=place), "a.nef")
    assert part.attributes["camera"] == "NIKON CORPORATION"
    assert (part.attributes["width"], part.attributes["height"]) == (480, 640)  # orientation 6: held upright
    upright = np.rot90(picture(), -1)
    shown = np.asarray(Image.fromarray(part.content).resize((48, 64), Image.Resampling.BOX)).astype(int)
    assert np.abs(shown - upright).mean() < 4


def test_of_a_fujifilm_the_preview_is_read(parts_of):
    jpeg = encoded(Image.new("RGB", (320, 256), "red"), "JPEG")
    header = b"FUJIFILMCCD-RAW 0201FF129502".ljust(84, b"\0") + struct.pack(">II", 148, len(jpeg))
    (part,) = parts_of(header.ljust(148, b"\0") + jpeg)
    assert np.abs(part.content.astype(int) - [255, 0, 0]).max() < 4


def test_a_canon_cr3_shows_its_preview(parts_of):
    jpeg = encoded(Image.new("RGB", (320, 256), "blue"), "JPEG")
    preview = struct.pack(">I4sIHHHHI", len(jpeg) + 24, b"PRVW", 0, 1, 320, 256, 1, len(jpeg)) + jpeg
    (part,) = parts_of(b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(64) + preview)
    assert np.abs(part.content.astype(int) - [0, 0, 255]).max() < 4


def test_a_raw_file_without_a_useful_preview_is_refused_rather_than_read_as_its_thumbnail(parts_of):
    for file in (
        encoded(picture(), "TIFF", tiffinfo={50706: bytes([1, 4, 0, 0])}),
        raw_with(encoded(picture(), "JPEG")),
    ):
        with pytest.raises(Unreadable, match="camera's raw file without a preview"):
            parts_of(file)


def heic_scene(media):
    return media / "images/pillow_heif"


@pytest.mark.parametrize("name", ["RGB_8", "RGB_10", "RGB_12", "RGBA_8", "RGBA_12", "L_8"])
def test_heic_pictures_are_read_with_their_extra(pixels_of, media, name):
    pytest.importorskip("pillow_heif")
    shown = pixels_of(heic_scene(media) / f"{name}__29x100.heif")
    original = pixels_of(heic_scene(media) / f"{name.split('_')[0]}_{'8' if name.endswith('_8') else '16'}__29x100.png")
    assert shown.shape == (100, 29, 3)
    assert np.abs(shown - original).mean() < 8


def test_without_the_extra_heic_says_what_to_do(parts_of, media, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    image._plugin.cache_clear()
    with pytest.raises(Unreadable, match=re.escape("need the extra heic: pip install 'sensorium[heic]'")):
        parts_of(heic_scene(media) / "RGB_8__128x128.heif")


@pytest.mark.parametrize("name", ["alpha-full", "alpha-limited", "alpha-full.monochrome"])
@pytest.mark.parametrize("depth", ["profile0.10bpc.yuv420", "profile2.8bpc.yuv422"])
def test_transparent_avifs_that_pillow_refuses_look_like_their_png(pixels_of, media, depth, name):
    folder = media / "images/avif_link-u"
    original = pixels_of(folder / "plum-blossom-small.png")
    if "monochrome" in name:
        original = (original @ [0.2126, 0.7152, 0.0722])[..., None]
    assert np.abs(pixels_of(folder / f"plum-blossom-small.{depth}.{name}.avif") - original).mean() < 2


def pages():
    shades = [Image.fromarray(np.roll(picture(), n, axis=1)) for n in range(3)]
    return encoded(shades[0], "TIFF", save_all=True, append_images=shades[1:])


class TestMoreFormats(ReaderContract):
    reader = reader
    samples: ClassVar = {
        "a.tga": encoded(picture(), "TGA"), "a.ico": encoded(picture(64, 64), "ICO"), "a.tif": pages(),
        "a.ff": b"farbfeld" + struct.pack(">II", 8, 8) + bytes(range(256)) * 2, "a.qoi": encoded(picture(), "QOI"),
        "a.exr": by_ffmpeg("exr", np.full((8, 8, 3), 0.5, np.float32), "gbrpf32le"), "a.pcx": encoded(picture(), "PCX"),
        "a.nef": raw_with(encoded(Image.fromarray(picture()).resize((400, 300)), "JPEG")),
        "a.bmp": bmp(64, 24, 4, (), bytes([3, 255, 0, 0, 0, 0, 3, 0, 0, 255, 0, 1])),
        "b.bmp": bmp(40, 16, 3, (0b110000, 0b001110, 0b1), bytes(range(16))), "a.sgi": encoded(picture(), "SGI"),
    }  # fmt: skip
