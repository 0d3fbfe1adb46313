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


def test_camera_raw_files_are_refused_rather_than_read_as_their_thumbnail(parts_of):
    raw = encoded(picture(), "TIFF", tiffinfo={50706: bytes([1, 4, 0, 0])})
    with pytest.raises(Unreadable, match="camera's raw file"):
        parts_of(raw)


def test_the_first_frame_stands_for_an_animation(parts_of):
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "green", "blue")]
    for form in ("GIF", "PNG", "WEBP", "TIFF", "AVIF"):
        file = encoded(frames[0], form, save_all=True, append_images=frames[1:])
        (part,) = parts_of(file)
        assert np.abs(part.content.astype(int) - [255, 0, 0]).max() <= 4


def test_it_says_when_and_with_what_it_was_taken(parts_of):
    data = exif(Make="Canon", Model="Canon EOS 5D", DateTime="2020:01:01 00:00:00")
    data.get_ifd(ExifTags.IFD.Exif).update({36867: "2019:07:04 18:30:05", 36881: "+02:00"})
    (part,) = parts_of(encoded(picture(), "JPEG", exif=data))
    assert part.attributes == {
        "width": 64, "height": 48, "taken": "2019-07-04T18:30:05+02:00", "camera": "Canon EOS 5D",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tags", "expected"),
    [({"DateTime": "0000:00:00 00:00:00"}, {}), ({"DateTime": "yesterday"}, {}),
     ({"Make": "NIKON\0junk", "Model": "E995 "}, {"camera": "NIKON E995"}), ({"Make": "Apple"}, {"camera": "Apple"})],
)  # fmt: skip
def test_odd_exif_is_left_out(parts_of, tags, expected):
    (part,) = parts_of(encoded(picture(), "JPEG", exif=exif(**tags)))
    assert {k: v for k, v in part.attributes.items() if k not in ("width", "height")} == expected


def test_real_cameras_are_recognised(parts_of, media):
    (part,) = parts_of(media / "images/exif-samples/Canon_DIGITAL_IXUS_400.jpg")
    assert part.attributes["camera"] == "Canon DIGITAL IXUS 400"
    assert part.attributes["taken"] == "2004-08-27T13:52:55"


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


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000"])
def test_half_a_file_is_unreadable(parts_of, form):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    file = encoded(noise, form)
    with pytest.raises(Unreadable) as caught:
        parts_of(file[: len(file) // 2])
    assert "0x" not in caught.value.why


def test_heic_says_what_to_do(parts_of, media):
    with pytest.raises(Unreadable, match="save it as JPEG"):
        parts_of(media / "images/pillow_heif/RGB_8__128x128.heif")


def test_the_stream_is_closed_when_decoding_fails(tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(encoded(picture())[:100])
    with pytest.raises(Unreadable):
        list(reader.read(Source.from_path(bad), Limits()))
    bad.unlink()  # and no ResourceWarning, which would be an error here
