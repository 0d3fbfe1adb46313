"""Pictures of every kind, as the readers deliver them, become what the reference processors make of the same pixels."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import small_models as small
import transformers
from PIL import Image

from sensorium.core.types import Part
from sensorium.encoders.convert.convert import convert
from sensorium.encoders.convert.loading import settings_of
from sensorium.encoders.convert.source import Source
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.encoders.pixels import normalized, prepare_pixels
from sensorium.readers.registry import Limits, read
from sensorium.readers.registry import Source as File

PIXEL = 1 / 255
CLIP = transformers.CLIPImageProcessorPil()
PROCESSORS = {
    "CLIP": (CLIP, 224),
    "SigLIP": (transformers.SiglipImageProcessorPil(size={"height": 224, "width": 224}), 224),
    "ViT": (transformers.ViTImageProcessorPil(), 224),
    "DINOv2": (
        transformers.BitImageProcessorPil(size={"shortest_edge": 256}, crop_size={"height": 224, "width": 224}),
        224,
    ),
}


def colours(width=331, height=207):
    return Image.fromarray(small.pictures(3)[5]).resize((width, height), Image.Resampling.BICUBIC)


def saved(image, form, **how):
    file = io.BytesIO()
    image.save(file, form, **how)
    return file.getvalue()


def rotated(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(colours(), "JPEG", exif=exif, quality=90)


def transparent():
    image = colours().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return saved(image, "PNG")


KINDS = {
    **{f"exif {n}": lambda n=n: rotated(n) for n in (1, 2, 3, 5, 6, 8)},
    "palette": lambda: saved(colours().quantize(31), "PNG"),
    "palette with a transparent colour": lambda: saved(colours().quantize(16), "PNG", transparency=3),
    "gif": lambda: saved(colours().quantize(64), "GIF"),
    "alpha": transparent,
    "grey": lambda: saved(colours().convert("L"), "PNG"),
    "grey and alpha": lambda: saved(colours().convert("LA"), "PNG"),
    "black and white": lambda: saved(colours().convert("1"), "PNG"),
    "cmyk": lambda: saved(colours().convert("CMYK"), "JPEG"),
    "webp": lambda: saved(colours(), "WEBP", lossless=True),
    "a line": lambda: saved(colours(700, 100), "PNG"),
    "one pixel": lambda: saved(colours(1, 1), "PNG"),
}


def pixels_of(data, **limits):
    parts = [part for part in read(File.from_bytes(data, "-"), Limits(**limits))[1] if part.modality == "image"]
    return parts[0].content


@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize("kind", KINDS)
def test_pixels_are_within_a_step_of_the_reference(tmp_path, kind, processor):
    own, side = PROCESSORS[processor]
    settings = settings_of(Source(tmp_path, {}, ""), own, side)
    pixels = pixels_of(KINDS[kind](), image_side=side)

    got = normalized([prepare_pixels(pixels, settings)], settings)

    wanted = own(pixels, return_tensors="np", input_data_format="channels_last")["pixel_values"]
    assert np.abs((got - wanted) * np.array(settings.std, np.float32)[:, None, None]).max() < PIXEL


def photographs(count):
    folder = Path(os.environ.get("SENSORIUM_DATA", "../shared/data"))
    found = sorted((folder / "flickr8k/images").glob("*.webp"))[:: 8000 // count][:count]
    weights = folder / "models/vit_tiny_patch16_224.safetensors"
    if not found or not weights.is_file():
        pytest.skip("needs the data folder: set SENSORIUM_DATA")
    return weights, [Image.open(path).convert("RGB") for path in found]


@pytest.mark.data
def test_pictures_decoded_smaller_have_the_vectors_of_whole_ones(tmp_path):
    """The real ViT, photographs of 12 megapixels: readers decode them at an eighth to a half of their size."""
    weights, found = photographs(8)
    bundle = convert(weights, tmp_path / "vit", int8=False, sample=[Part("image", p) for p in small.pictures(1)])
    encoder = OnnxEncoder(bundle, precision="float32")
    side = encoder.limits()["image_side"]
    whole, smaller = [], []
    for image in found:
        data = saved(image.resize((4000, 3000), Image.Resampling.LANCZOS), "JPEG", quality=88)
        whole.append(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
        smaller.append(pixels_of(data, image_side=side))
        assert smaller[-1].shape < (1600, 2100, 3)

    one, other = (small.unit(encoder.encode([Part("image", p) for p in pictures])) for pictures in (whole, smaller))

    assert (one * other).sum(1).min() >= 0.995
