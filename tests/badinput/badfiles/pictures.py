"""Small good pictures of every format."""

from __future__ import annotations

import gzip
import io

import numpy as np
from PIL import Image, PngImagePlugin

SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="80" height="60"><title>A small house</title>
<desc>Red walls under a blue roof.</desc><rect x="20" y="30" width="40" height="28" fill="#c33"/>
<path d="M15 30 L40 8 L65 30 Z" fill="#36c"/><text x="22" y="50" font-size="9">number 7</text></svg>"""


def fields(seed: int = 0, side: int = 48) -> Image.Image:
    """4 x 4 coloured fields."""
    colours = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return Image.fromarray(colours).resize((side, side), Image.Resampling.NEAREST)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    """A picture as a file of Pillow's format `form`."""
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def animation(form: str, frames: int = 4) -> bytes:
    """A picture that moves."""
    first, *others = (fields(seed) for seed in range(frames))
    return saved(first, form, save_all=True, append_images=others, duration=200)


def _described_png() -> bytes:
    said = PngImagePlugin.PngInfo()
    said.add_text("Title", "fields of colour")
    said.add_itxt("Description", "sixteen fields", zip=True)
    return saved(fields(), "PNG", pnginfo=said)


def _photo() -> bytes:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112], exif[0x0132] = "Maker", "Model 1", 6, "2021:05:06 07:08:09"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 30.0, 0.0), 3: "E", 4: (11.0, 15.0, 0.0)})
    return saved(fields(), "JPEG", exif=exif, quality=70)


def _heic() -> bytes | None:
    try:
        import pillow_heif
    except ImportError:  # an extra
        return None
    out = io.BytesIO()
    pillow_heif.from_pillow(fields()).save(out, format="HEIF")
    return out.getvalue()


def good_pictures() -> dict[str, bytes]:
    """Name -> file; every one can be read, but for TGA and ICO, which have no reader."""
    files = {
        "photo.jpg": _photo(),
        "progressive.jpg": saved(fields(1), "JPEG", progressive=True),
        "inks.jpg": saved(fields(1).convert("CMYK"), "JPEG"),
        "fields.png": _described_png(),
        "palette.png": saved(fields(2).quantize(16), "PNG", transparency=3),
        "deep.png": saved(Image.fromarray(np.arange(48 * 48, dtype=np.uint16).reshape(48, 48) * 28), "PNG"),
        "fields.gif": saved(fields(), "GIF"),
        "fields.webp": saved(fields(), "WEBP"),
        "lossless.webp": saved(fields(3), "WEBP", lossless=True),
        "fields.avif": saved(fields(), "AVIF", speed=10),
        "fields.tiff": saved(fields(), "TIFF", compression="tiff_lzw"),
        "deflated.tiff": saved(fields(4), "TIFF", compression="tiff_adobe_deflate"),
        "fields.bmp": saved(fields(), "BMP"),
        "fields.tga": saved(fields(), "TGA"),
        "fields.ico": saved(fields(), "ICO", sizes=[(48, 48)]),
        "fields.jp2": saved(fields(), "JPEG2000"),
        "fields.ppm": saved(fields(side=16), "PPM"),
        "house.svg": SVG.encode(),
        "house.svgz": gzip.compress(SVG.encode(), mtime=0),
        "moving.gif": animation("GIF"),
        "moving.webp": animation("WEBP"),
        "moving.png": animation("PNG"),
    }
    heic = _heic()
    return files | ({"fields.heic": heic} if heic else {})
