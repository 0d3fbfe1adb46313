"""Pictures: upright, no larger than is of use, first frames, what they say about themselves."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import ExifTags, Image

from sensorium.core.errors import Unreadable
from sensorium.readers.image import reader
from sensorium.readers.registry import Limits, Source
from sensorium.testing.media import encoded, picture

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


def test_the_stream_is_closed_when_decoding_fails(tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(encoded(picture())[:50])
    with pytest.raises(Unreadable):
        list(reader.read(Source.from_path(bad), Limits()))
    bad.unlink()  # and no ResourceWarning, which would be an error here
