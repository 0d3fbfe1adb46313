"""Pictures: upright, no larger than is of use, first frames, what they say about themselves."""

from __future__ import annotations

import io
import re
import struct
import sys
import time
import zlib
from contextlib import suppress
from fractions import Fraction
from typing import ClassVar

import av
import numpy as np
import pytest
from PIL import ExifTags, Image

from sensorium.core.errors import Unreadable
from sensorium.readers import image
from sensorium.readers.image import reader
from sensorium.readers.registry import Limits, Source
from sensorium.testing.media import encoded, picture
from sensorium.testing.readers import ReaderContract

# How the camera stores the scene R (height h, width w) under each orientation, from the EXIF specification: which
# side of the scene is row 0 and which is column 0.
STORED = {
    1: lambda r, i, j: r[i, j],
    2: lambda r, i, j: r[i, -1 - j],
    3: lambda r, i, j: r[-1 - i, -1 - j],
    4: lambda r, i, j: r[-1 - i, j],
    5: lambda r, i, j: r[j, i],
    6: lambda r, i, j: r[j, -1 - i],
    7: lambda r, i, j: r[-1 - j, -1 - i],
    8: lambda r, i, j: r[-1 - j, i],
}


def stored(scene, orientation):
    """The scene as the camera stores it, a pixel at a time."""
    height, width = scene.shape[:2] if orientation < 5 else scene.shape[1::-1]
    rows = [[STORED[orientation](scene, i, j) for j in range(width)] for i in range(height)]
    return np.array(rows, np.uint8)


def exif(**tags):
    found = Image.Exif()
    for name, value in tags.items():
        found[ExifTags.Base[name]] = value
    return found


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "JPEG", "AVIF"])
def test_every_orientation_is_turned_upright(parts_of, form, orientation):
    scene = picture(40, 24)
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}, "AVIF": {"quality": 98}}
    file = encoded(stored(scene, orientation), form, exif=exif(Orientation=orientation), **options.get(form, {}))
    (part,) = parts_of(file)
    assert part.content.shape == scene.shape
    assert (part.attributes["width"], part.attributes["height"]) == (40, 24)
    error = np.abs(part.content.astype(int) - scene)
    assert error.mean() < (3 if form in ("JPEG", "AVIF") else 1e-9)


@pytest.mark.parametrize("name", ["Landscape_2.jpg", "Landscape_6.jpg", "Portrait_3.jpg", "Portrait_7.jpg"])
def test_real_pictures_stand_upright(pixels_of, media, name):
    folder = media / "images/exif_orientation"
    shape = (300, 450, 3) if name.startswith("Landscape") else (450, 300, 3)
    assert pixels_of(folder / name).shape == shape
    twin = "Landscape_1.jpg" if name.startswith("Landscape") else "Portrait_3.jpg"
    assert np.abs(pixels_of(folder / name) - pixels_of(folder / twin)).mean() < 20


def test_the_same_picture_is_upright_in_every_orientation(pixels_of, media):
    pictures = [pixels_of(media / "images/libvips" / f"{n}.jpg") for n in (1, 2, 3, 4, 5, 7, 8)]
    smallest = [np.asarray(Image.fromarray(p.astype(np.uint8)).resize((24, 32), 4)).astype(int) for p in pictures]
    # They differ by the digit painted on each.
    assert max(np.abs(p - smallest[0]).mean() for p in smallest) < 4


@pytest.mark.parametrize("side", [128, 224])
@pytest.mark.parametrize(("width", "height"), [(2048, 1536), (512, 512), (511, 513), (4096, 300), (300, 4096)])
def test_large_jpegs_come_smaller_but_never_below_twice_the_side(parts_of, width, height, side):
    small = picture(64, 48)
    large = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    (part,) = parts_of(encoded(large, "JPEG", quality=90), image_side=side)
    rows, columns = part.content.shape[:2]
    assert min(2 * side, width, height) <= min(rows, columns) <= max(4 * side, min(2 * side, width, height))
    assert part.attributes == {"width": width, "height": height}
    shown = np.asarray(Image.fromarray(part.content).resize((64, 48), Image.Resampling.BOX)).astype(int)
    assert np.abs(shown - small).mean() < 6


def test_large_pictures_of_other_formats_come_smaller_too(parts_of):
    pixels = picture(1200, 900)
    (part,) = parts_of(encoded(pixels, "PNG", compress_level=1))
    assert part.content.shape == (300, 400, 3)
    assert (part.attributes["width"], part.attributes["height"]) == (1200, 900)
    means = pixels.reshape(300, 3, 400, 3, 3).mean(axis=(1, 3))
    assert np.abs(part.content - means).max() <= 1


def thumbnailed(main, thumbnail):
    """A JPEG with another picture as its EXIF thumbnail (image file directory 1)."""
    entries = struct.pack("<HHII", 0x0201, 4, 1, 44) + struct.pack("<HHII", 0x0202, 4, 1, len(thumbnail))
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<HI", 0, 14) + struct.pack("<H", 2) + entries + b"\0\0\0\0"
    segment = b"Exif\0\0" + tiff + thumbnail
    return main[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + main[2:]


def test_the_embedded_thumbnail_is_never_taken(pixels_of):
    red, blue = np.full((800, 800, 3), [255, 0, 0], np.uint8), np.full((120, 160, 3), [0, 0, 255], np.uint8)
    file = thumbnailed(encoded(red, "JPEG"), encoded(blue, "JPEG"))
    assert Image.open(io.BytesIO(file)).getexif().get_ifd(ExifTags.IFD.IFD1)[0x0201] == 44
    assert np.abs(pixels_of(file) - [255, 0, 0]).max() <= 3


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow says so, and goes on
def test_damaged_exif_does_not_lose_the_picture(pixels_of):
    file = bytearray(encoded(picture(), "JPEG", exif=exif(Orientation=1, Make="Canon")))
    at = file.index(b"Exif\0\0") + 6
    for spoil in (slice(at, at + 2), slice(at + 4, at + 12)):
        bad = bytearray(file)
        bad[spoil] = b"\xff" * (spoil.stop - spoil.start)
        assert pixels_of(bytes(bad)).shape == (48, 64, 3)


def test_too_many_pixels_are_refused_before_they_are_decoded(parts_of):
    with pytest.raises(Unreadable, match="30 x 40 pixels: no more than 1000 are decoded"):
        parts_of(encoded(np.zeros((40, 30, 3), np.uint8)), max_pixels=1000)
    bomb = bytearray(encoded(Image.new("1", (8, 8)), "PNG"))
    bomb[16:24] = struct.pack(">II", 60_000, 60_000)  # 3.6 gigapixels, if anybody believed it
    bomb[29:33] = struct.pack(">I", zlib.crc32(bomb[12:29]))
    with pytest.raises(Unreadable, match="60000 x 60000 pixels"):
        parts_of(bytes(bomb))


NOISE = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "TIFF", "TGA", "PCX", "PPM", "SGI", "DDS"])
def test_of_a_file_cut_short_what_is_left_is_read(parts_of, form):
    file = encoded(NOISE, form, **({"quality": 95} if form == "JPEG" else {}))
    whole = parts_of(file, f"a.{form.lower()}")[0].content.astype(int)
    (part,) = parts_of(file[: len(file) * 6 // 10], f"a.{form.lower()}")
    assert part.attributes["damaged"]
    assert (part.attributes["width"], part.attributes["height"]) == (48, 64)
    kept = len(part.content)
    assert part.content.shape[1:] == (48, 3)
    assert 30 <= kept <= 64
    if form != "SGI":  # which stores a colour after the other
        # Some are stored from the bottom up, so that the end that is missing is the top.
        top_down = (part.content[:30] == whole[:30]).all()
        assert top_down or (part.content[-30:] == whole[-30:]).all()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "JPEG2000"])
def test_the_first_bytes_of_a_file_are_unreadable(parts_of, form):
    file = encoded(NOISE, form)
    with pytest.raises(Unreadable) as caught:
        parts_of(file[: len(file) // 50])
    assert "0x" not in caught.value.why


def test_a_progressive_jpeg_cut_short_shows_what_has_come(parts_of):
    scene = Image.fromarray(picture()).resize((512, 384), Image.Resampling.BICUBIC)
    file = encoded(scene, "JPEG", progressive=True, quality=90)
    (part,) = parts_of(file[: len(file) // 2])
    shown = np.asarray(Image.fromarray(part.content).resize((64, 48), Image.Resampling.BOX)).astype(int)
    assert "damaged" in part.attributes
    assert np.abs(shown - picture()).mean() < 12


def chunk(name, data, checksum=None):
    found = zlib.crc32(name + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", found)


def test_a_png_with_a_wrong_checksum_is_read_as_browsers_do(parts_of):
    file = encoded(picture())
    spoilt = file[:33] + chunk(b"zTXt", b"Comment\0\0nonsense", checksum=7) + file[33:]
    (part,) = parts_of(spoilt)
    assert (part.content == picture()).all()
    assert "damaged" in part.attributes
    with pytest.raises(Unreadable, match="PNG"):
        parts_of(file[:8] + chunk(b"IHDR", file[16:29], checksum=7)[:20])


def test_a_healthy_picture_is_not_called_damaged(parts_of):
    for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        assert "damaged" not in parts_of(encoded(picture(), form))[0].attributes


def test_pages_of_a_tiff_are_parts_of_their_own(parts_of):
    pages = [Image.new("RGB", (32 + n, 32), colour) for n, colour in enumerate(("red", "lime", "blue"))]
    file = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:], tiffinfo={270: "three pages"})
    parts = parts_of(file)
    assert [part.place.page for part in parts] == [1, 2, 3]
    assert [part.content[0, 0].tolist() for part in parts] == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert parts[0].attributes == {"width": 32, "height": 32, "description": "three pages"}
    assert parts[2].attributes == {"width": 34, "height": 32}
    (alone,) = parts_of(encoded(pages[0], "TIFF"))
    assert alone.place.page is None


def test_a_page_that_is_damaged_is_left_out_and_said(parts_of):
    pages = [Image.fromarray(NOISE + np.uint8(n)) for n in range(3)]
    file = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    parts = parts_of(file[: len(file) - 5000])
    assert [part.place.page for part in parts] == [1, 2]
    assert parts[-1].attributes["damaged"].startswith("page 3 cannot be decoded")


def test_a_tiff_with_a_small_copy_of_its_picture_is_one_picture(parts_of):
    small = Image.new("RGB", (8, 8), "blue")
    small.encoderinfo = {"tiffinfo": {254: 1}}
    file = encoded(Image.new("RGB", (32, 32), "red"), "TIFF", save_all=True, append_images=[small])
    (part,) = parts_of(file)
    assert part.content.shape == (32, 32, 3)


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


def test_the_stream_is_closed_when_decoding_fails(tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(encoded(picture())[:50])
    with pytest.raises(Unreadable):
        list(reader.read(Source.from_path(bad), Limits()))
    bad.unlink()  # and no ResourceWarning, which would be an error here


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
