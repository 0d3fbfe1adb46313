"""prepare_pixels and normalized against Pillow's resize and school arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sensorium.encoders.pixels import ImageSettings, normalized, prepare_pixels

CLIP = {"mean": (0.4815, 0.4578, 0.4082), "std": (0.2686, 0.2613, 0.2758)}
SHAPES = [(1, 1), (1, 7), (7, 1), (31, 47), (64, 64), (65, 63), (200, 300), (333, 97)]


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def seen(pixels: np.ndarray, settings: ImageSettings) -> np.ndarray:
    """By a tower, among others."""
    prepared = prepare_pixels(pixels, settings)
    assert prepared.shape == (settings.side, settings.side, 3) and prepared.dtype == np.uint8
    return normalized([255 - prepared, prepared], settings)[1]


def naive_arithmetic(small: Image.Image, settings: ImageSettings) -> np.ndarray:
    side = settings.side
    assert small.size == (side, side)
    result = np.zeros((3, side, side))
    for y in range(side):
        for x in range(side):
            for channel, value in enumerate(small.getpixel((x, y))):
                result[channel, y, x] = (value / 255 - settings.mean[channel]) / settings.std[channel]
    return result


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ["bicubic", "bilinear", "lanczos", "box", "nearest"])
def test_squash_is_resize_then_arithmetic(shape, name):
    pixels = picture(*shape)
    settings = ImageSettings(side=24, filter=name, **CLIP)

    got = seen(pixels, settings)

    small = Image.fromarray(pixels).resize((24, 24), getattr(Image.Resampling, name.upper()))
    assert got.dtype == np.float32
    assert got.flags.c_contiguous
    np.testing.assert_allclose(got, naive_arithmetic(small, settings), atol=1e-5)


@pytest.mark.parametrize("shape", [(31, 47), (48, 30), (24, 24), (24, 191), (5, 8), (100, 101)], ids=str)
def test_crop_is_resize_of_the_shorter_side_then_the_middle(shape):
    pixels = picture(*shape)
    settings = ImageSettings(side=24, resize="crop")

    got = seen(pixels, settings)

    height, width = shape
    scaled = (24 * width // min(shape), 24 * height // min(shape))
    large = Image.fromarray(pixels).resize(scaled, Image.Resampling.BICUBIC)
    left, top = round((scaled[0] - 24) / 2), round((scaled[1] - 24) / 2)
    np.testing.assert_allclose(got, naive_arithmetic(large.crop((left, top, left + 24, top + 24)), settings), atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 40_000), (40_000, 2), (1, 60_000)], ids=str)
def test_cropping_a_line_takes_its_middle_and_no_gigabytes(shape):
    pixels = np.zeros((*shape, 3), dtype=np.uint8)
    middle = max(shape) // 2
    pixels[middle - 20 : middle + 20] = 255  # for the column
    pixels[:, middle - 20 : middle + 20] = 255  # for the lines
    settings = ImageSettings(side=32, resize="crop")

    np.testing.assert_allclose(seen(pixels, settings), 1.0, atol=1e-6)


def test_black_is_minus_one_and_white_is_one():
    pixels = np.zeros((10, 20, 3), dtype=np.uint8)
    pixels[..., 1] = 255

    got = seen(pixels, ImageSettings(side=8))

    np.testing.assert_allclose(got[0], -1, atol=1e-6)
    np.testing.assert_allclose(got[1], 1, atol=1e-6)


def test_pixels_that_are_a_view_or_read_only_are_taken():
    pixels = picture(50, 60)
    view = pixels[::-1, ::2]
    view.setflags(write=False)

    np.testing.assert_array_equal(
        prepare_pixels(view, ImageSettings(side=16)), prepare_pixels(view.copy(), ImageSettings(side=16))
    )


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)],
    ids=["grey", "alpha", "float", "empty"],
)
def test_what_is_not_rgb_is_refused(wrong):
    with pytest.raises(ValueError, match="RGB"):
        prepare_pixels(wrong, ImageSettings())


@pytest.mark.parametrize(
    "wrong", [{"side": 0}, {"resize": "pad"}, {"filter": "magic"}, {"std": (1.0, 0.0, 1.0)}], ids=str
)
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError):
        ImageSettings(**wrong)


@pytest.mark.parametrize("shape", [(40, 57), (57, 40), (36, 36), (101, 64), (20, 33)])
@pytest.mark.parametrize("centre", ["round", "floor"])
def test_the_shorter_side_may_become_longer_than_the_towers(shape, centre):
    pixels = picture(*shape)

    got = prepare_pixels(pixels, ImageSettings(side=28, resize="crop", shorter=32, centre=centre))

    height, width = (32 * length // min(shape) for length in shape)
    whole = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))
    top, left = ((n - 28) // 2 if centre == "floor" else round((n - 28) / 2) for n in (height, width))
    np.testing.assert_array_equal(got, whole[top : top + 28, left : left + 28])


def test_the_two_ways_to_find_the_centre_differ_where_three_pixels_too_many_are_cut():
    pixels = picture(28, 31)
    floor, even = (
        prepare_pixels(pixels, ImageSettings(side=28, resize="crop", centre=centre)) for centre in ("floor", "round")
    )

    np.testing.assert_array_equal(floor, pixels[:, 1:29])
    np.testing.assert_array_equal(even, pixels[:, 2:30])


@pytest.mark.parametrize("wrong", [{"shorter": 256}, {"shorter": 64, "resize": "crop"}, {"centre": "left"}], ids=str)
def test_shorter_sides_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError):
        ImageSettings(**wrong)
