"""Every kind of pixel comes out in the colour that a person would see."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from sensorium.readers.colour import to_rgb
from sensorium.testing.media import encoded, picture

RED, WHITE, BLACK = [255, 0, 0], [255, 255, 255], [0, 0, 0]


def squares(mode, *colours):
    """A strip of 16-pixel squares, one for each colour."""
    strip = Image.new(mode, (16 * len(colours), 16))
    for at, colour in enumerate(colours):
        strip.paste(colour, (16 * at, 0, 16 * at + 16, 16))
    return strip


def middles(pixels):
    return pixels[8, 8::16].tolist()


def test_alpha_is_laid_over_white(pixels_of):
    strip = squares("RGBA", (255, 0, 0, 255), (255, 0, 0, 0), (0, 0, 0, 128), (0, 0, 255, 51))
    expected = [RED, WHITE, [127, 127, 127], [204, 204, 255]]
    for form in ("PNG", "TIFF"):
        assert middles(pixels_of(encoded(strip, form))) == expected
    assert middles(pixels_of(encoded(strip, "WEBP", lossless=True, exact=True))) == expected


def test_grey_with_alpha_is_laid_over_white(pixels_of):
    assert middles(pixels_of(encoded(squares("LA", (0, 255), (0, 0), (0, 51), (100, 255))))) == [
        BLACK, WHITE, [204] * 3, [100] * 3,
    ]  # fmt: skip


def test_premultiplied_alpha_is_undone():
    assert middles(np.asarray(to_rgb(squares("RGBA", (200, 100, 0, 128)).convert("RGBa")))) == [[227, 177, 127]]
    assert middles(np.asarray(to_rgb(squares("LA", (200, 128)).convert("La")))) == [[227, 227, 227]]


def test_a_palette_gives_its_colours_and_its_transparency(pixels_of):
    strip = squares("P", 0, 1, 2)
    strip.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    assert middles(pixels_of(encoded(strip))) == [RED, [0, 255, 0], [0, 0, 255]]
    assert middles(pixels_of(encoded(strip, "GIF"))) == [RED, [0, 255, 0], [0, 0, 255]]
    assert middles(pixels_of(encoded(strip, "BMP"))) == [RED, [0, 255, 0], [0, 0, 255]]
    assert middles(pixels_of(encoded(strip, "GIF", transparency=1))) == [RED, WHITE, [0, 0, 255]]
    partly = pixels_of(encoded(strip, "PNG", transparency=bytes([255, 0, 51])))
    assert middles(partly) == [RED, WHITE, [204, 204, 255]]


def test_one_colour_may_be_transparent_without_alpha(pixels_of):
    assert middles(pixels_of(encoded(squares("RGB", (255, 0, 0), (0, 0, 9)), transparency=(0, 0, 9)))) == [RED, WHITE]
    assert middles(pixels_of(encoded(squares("L", 7, 100), transparency=7))) == [WHITE, [100] * 3]


def test_black_and_white_is_black_and_white(pixels_of):
    for form, options in (("PNG", {}), ("TIFF", {"compression": "group4"}), ("BMP", {}), ("PPM", {})):
        assert middles(pixels_of(encoded(squares("1", 0, 1), form, **options))) == [BLACK, WHITE]


INKS = [((255, 0, 0, 0), [0, 255, 255]), ((0, 255, 0, 0), [255, 0, 255]), ((0, 0, 255, 0), [255, 255, 0]),
        ((0, 0, 0, 255), BLACK), ((0, 0, 0, 0), WHITE), ((255, 255, 0, 0), [0, 0, 255])]  # fmt: skip


def test_inks_mix_to_the_colours_they_print(pixels_of):
    strip = squares("CMYK", *(ink for ink, _ in INKS))
    expected = np.array([colour for _, colour in INKS])
    assert (middles(pixels_of(encoded(strip, "TIFF"))) == expected).all()
    adobe = encoded(strip, "JPEG", quality=95)
    assert b"Adobe" in adobe
    assert np.abs(middles(pixels_of(adobe)) - expected).max() <= 4


def test_a_cmyk_jpeg_without_the_adobe_mark_is_not_inverted(pixels_of):
    # Pillow writes inverted inks and the mark. Inverted twice and without the mark: plain inks, as others write them.
    inverted = squares("CMYK", *(tuple(255 - c for c in ink) for ink, _ in INKS))
    marked = encoded(inverted, "JPEG", quality=95)
    at = marked.index(b"\xff\xee")
    plain = marked[:at] + marked[at + 2 + int.from_bytes(marked[at + 2 : at + 4], "big") :]
    assert b"Adobe" not in plain
    assert np.abs(middles(pixels_of(plain)) - np.array([colour for _, colour in INKS])).max() <= 4


RAMP = np.arange(0, 65536, 64, dtype=np.uint16)  # 1,024 greys from black to nearly white


@pytest.mark.parametrize("form", ["PNG", "TIFF", "JPEG2000", "PPM"])
def test_sixteen_bit_greys_are_scaled_not_clipped(pixels_of, form):
    deep = np.tile(RAMP, (8, 1))
    shown = pixels_of(encoded(Image.fromarray(deep), form))
    assert np.abs(shown - (deep / 257)[..., None]).max() <= 1
    assert shown.min() == 0
    assert shown.max() == 255


def test_sixteen_bit_greys_of_either_byte_order_are_the_same(pixels_of):
    deep = np.tile(RAMP, (8, 1))
    big_endian = encoded(Image.frombytes("I;16B", deep.shape[::-1], deep.astype(">u2").tobytes()), "TIFF")
    assert big_endian.startswith(b"MM")
    assert (pixels_of(big_endian) == pixels_of(encoded(Image.fromarray(deep), "TIFF"))).all()


def test_a_sensor_of_twelve_bits_is_not_shown_black(pixels_of):
    twelve = np.tile(np.linspace(0, 4095, 256).astype(np.uint16), (8, 1))
    shown = pixels_of(encoded(Image.fromarray(twelve), "TIFF"))
    assert np.abs(shown - (twelve / 4095 * 255)[..., None]).max() <= 1


def deep_png(values):
    """A PNG of 16 bits a channel: values uint16 (height, width, 2, 3 or 4)."""
    height, width, channels = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    packed = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def test_sixteen_bit_colours_and_alphas_are_scaled_not_clipped(pixels_of):
    deep = np.zeros((4, 1024, 3), np.uint16)
    deep[..., 0], deep[..., 1], deep[..., 2] = RAMP, RAMP[::-1], 32896
    assert np.abs(pixels_of(deep_png(deep)) - deep / 257).max() <= 1
    alpha = np.broadcast_to(RAMP[None, :, None], (4, 1024, 1))
    over_white = (deep * (alpha / 65535) + 65535 * (1 - alpha / 65535)) / 257
    assert np.abs(pixels_of(deep_png(np.concatenate([deep, alpha], axis=2))) - over_white).max() <= 3
    grey = np.concatenate([np.zeros_like(alpha), alpha], axis=2)
    assert np.abs(pixels_of(deep_png(grey)) - (65535 - alpha.astype(int)) / 257).max() <= 2


def test_sixteen_bit_colours_in_tiff_are_scaled(pixels_of, media):
    shown = pixels_of(media / "images/pillow/tiff_16bit_RGB.tiff")
    assert shown.min() < 30
    assert shown.max() > 150
    assert 20 < shown.mean() < 120


def test_a_deep_grey_that_is_transparent_is_white(pixels_of):
    deep = np.tile(np.array([[300, 40000]], np.uint16).repeat(8, 1), (8, 1))
    file = bytearray(encoded(Image.fromarray(deep)))
    key = b"\0\0\0\2tRNS" + (300).to_bytes(2, "big")
    at = file.index(b"IDAT") - 4
    file[at:at] = key + zlib.crc32(key[4:]).to_bytes(4, "big")
    assert pixels_of(bytes(file))[4, [2, 12]].tolist() == [WHITE, [156] * 3]


def test_floats_from_nought_to_one_are_greys_and_others_are_stretched():
    unit = np.array([[0.0, 0.5, 0.75]], np.float32)
    assert np.asarray(to_rgb(Image.fromarray(unit)))[0, :, 0].tolist() == [0, 128, 191]
    heights = np.array([[-100.0, 900.0, np.nan, 400.0]], np.float32)
    assert np.asarray(to_rgb(Image.fromarray(heights)))[0, :, 0].tolist() == [0, 255, 26, 128]
    counts = np.array([[1000, 2000, 3000]], np.int32)
    assert np.asarray(to_rgb(Image.fromarray(counts)))[0, :, 0].tolist() == [0, 128, 255]
    assert np.asarray(to_rgb(Image.fromarray(np.full((2, 2), 7, np.int32)))).max() == 0


@pytest.mark.parametrize("mode", ["HSV", "YCbCr", "RGBX", "LAB"])
def test_other_colour_models_come_back_to_rgb(mode):
    red = Image.new("RGB", (8, 8), (200, 30, 30))
    if mode == "LAB":
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        other = ImageCms.profileToProfile(red, *profiles, outputMode="LAB")
    else:
        other = red.convert(mode)
    assert np.abs(np.asarray(to_rgb(other)).astype(int) - [200, 30, 30]).max() <= 4


def test_a_colour_profile_is_applied(pixels_of, media):
    # A JPEG whose channels are XYB: without its profile the man is green and violet.
    through_profile = pixels_of(media / "images/libvips/sample-xyb.jpg")
    assert np.abs(through_profile - pixels_of(media / "images/libvips/sample.jpg")).mean() < 4


def test_a_profile_that_is_damaged_or_srgb_changes_nothing(pixels_of):
    pixels = picture()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (srgb, b"no profile at all", srgb[:200]):
        assert (pixels_of(encoded(pixels, "PNG", icc_profile=profile)) == pixels).all()


def test_the_original_is_left_as_it_was():
    original = Image.open(io.BytesIO(encoded(squares("CMYK", (255, 0, 0, 0)), "TIFF")))
    original.load()
    before = original.tobytes()
    to_rgb(original)
    assert original.mode == "CMYK"
    assert original.tobytes() == before
