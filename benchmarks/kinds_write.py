"""Writes the items of a `Plan`: pages, XML documents, films and plain files, each alike whenever it is written."""

from __future__ import annotations

import io
import re
import wave
from base64 import b64encode
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any
from zlib import crc32

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kinds_books import write_docx, write_epub, write_pdf
from kinds_plan import Bit, Made

WIDTH, HEIGHT, FPS, RATE = 320, 240, 10, 32000
CROPPED = 0.85  # of each side is left
ZOOMED = 0.12  # of each side has left the picture at the end of a shot that moves


def write(made: Made, folder: Path) -> Path:
    """Write an item into `folder` and return its path."""
    path = folder / f"{made.name}{_ENDINGS[made.kind]}"
    _WRITERS[made.kind](made, path)
    return path


def write_parts(made: Made, folder: Path) -> list[Path]:
    """Write each piece of an item as a text, a picture or a sound of its own, and return their paths."""
    paths = []
    for at, bit in enumerate(made.bits, 1):
        path = folder / f"{made.name}-{at}{'.wav' if bit.modality == 'audio' else _ENDINGS[bit.modality]}"
        _write_bit(bit, path)
        paths.append(path)
    return paths


def places(made: Made) -> list[tuple[str, ...]]:
    """What a place may call each section of a page or an XML document: its anchor, or its path and all below it."""
    names = _PLACES[made.kind] if made.kind in _PLACES else _dialect(made).places
    slugs = ("-".join(re.findall(r"[a-z0-9]+", bit.heading.lower())) for bit in made.bits)
    return [tuple(name.format(at=at, slug=slug) for name in names) for at, slug in enumerate(slugs, 1)]


def _write_bit(bit: Bit, path: Path) -> None:
    if bit.modality == "text":
        path.write_text(f"{bit.heading}\n\n{bit.text}\n" if bit.heading else f"{bit.text}\n", encoding="utf-8")
    elif bit.modality == "image":
        path.write_bytes(_picture(bit))
    else:
        _write_wave(_heard(bit), path)


def _write_alone(made: Made, path: Path) -> None:
    """A text, a picture or a sound that is an item itself; sounds are copied as they are."""
    bit = made.bits[0]
    if bit.modality == "audio" and bit.file is not None:
        path.write_bytes(bit.file.read_bytes())
    else:
        _write_bit(Bit(bit.modality, bit.text, bit.file, cropped=bit.cropped), path)


def _pixels(bit: Bit) -> Image.Image:
    assert bit.file is not None
    with Image.open(bit.file) as opened:
        picture = opened.convert("RGB")
    if bit.cropped:
        picture = picture.crop((0, 0, round(CROPPED * picture.width), round(CROPPED * picture.height)))
    return picture


def _picture(bit: Bit) -> bytes:
    """A JPEG."""
    out = io.BytesIO()
    _pixels(bit).save(out, "JPEG", quality=90)
    return out.getvalue()


def _data_url(bit: Bit) -> str:
    return f"data:image/jpeg;base64,{b64encode(_picture(bit)).decode()}"


@lru_cache(maxsize=64)
def _decoded(file: Path) -> NDArray[np.int16]:
    """A sound as mono samples (n,) at RATE."""
    resampler = av.AudioResampler("s16", "mono", RATE)
    with av.open(str(file)) as container:
        frames = [each for frame in container.decode(audio=0) for each in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def _heard(bit: Bit) -> NDArray[np.int16]:
    """The first seconds of a sound, as many as it is heard in the film; silence after its end."""
    assert bit.file is not None
    samples = np.zeros(round((bit.seconds[1] - bit.seconds[0]) * RATE), np.int16)
    found = _decoded(bit.file)[: len(samples)]
    samples[: len(found)] = found
    return samples


def _write_wave(samples: NDArray[np.int16], path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 16px serif }}</style><script>var sheet = {number};</script></head>
<body><nav><a href="/">Home</a> <a href="/sheets">All sheets</a> <a href="/about">About</a></nav>
<main><h1>{title}</h1>
{sections}
</main><footer>Printed from the archive. <a href="#top">Back to the top</a></footer></body></html>
"""


def _write_page(made: Made, path: Path) -> None:
    """Sections by heading; every other page has its pictures beside it, and its anchors on the sections."""
    drawn = _drawn(made)
    sections = []
    for at, bit in enumerate(made.bits, 1):
        inner = f"<p>{escape(bit.text)}</p>"
        if bit.modality == "image":
            inner = f'<figure><img src="{_page_picture(bit, at, path, beside=drawn % 2 == 1)}" alt=""></figure>'
        if drawn % 4 < 2:
            sections.append(f'<section id="n{at}"><h2>{escape(bit.heading)}</h2>{inner}</section>')
        else:
            sections.append(f'<h2 id="n{at}">{escape(bit.heading)}</h2>\n{inner}')
    path.write_text(_PAGE.format(title=made.title, number=drawn, sections="\n".join(sections)), encoding="utf-8")


def _page_picture(bit: Bit, at: int, path: Path, *, beside: bool) -> str:
    if not beside:
        return _data_url(bit)
    folder = path.with_suffix("")
    folder.mkdir(exist_ok=True)
    (folder / f"figure{at}.jpg").write_bytes(_picture(bit))
    return f"{folder.name}/figure{at}.jpg"


class _Feed:
    """RSS: an entry for each piece."""

    places = ("/rss/channel/item[{at}]",)
    frame = (
        '<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"><channel>'
        "<title>{title}</title><link>https://notes.example/{number}</link>\n{pieces}\n"
        "</channel></rss>\n"
    )

    @staticmethod
    def piece(bit: Bit, at: int) -> str:
        inner = f"<description>{escape(bit.text)}</description>"
        if bit.modality == "image":
            inner = f'<media:content medium="image" url="{_data_url(bit)}"/>'
        return f"<item><title>{escape(bit.heading)}</title>{inner}</item>"


class _Book:
    """DocBook: a section for each piece, with an id."""

    places = ("n{at}", "/article/section[{at}]")
    frame = (
        '<?xml version="1.0" encoding="utf-8"?>\n<article xmlns="http://docbook.org/ns/docbook" version="5.0">'
        "<title>{title}</title>\n{pieces}\n</article>\n"
    )

    @staticmethod
    def piece(bit: Bit, at: int) -> str:
        inner = f"<para>{escape(bit.text)}</para>"
        if bit.modality == "image":
            data = f'<imagedata fileref="{_data_url(bit)}"/>'
            inner = f"<mediaobject><imageobject>{data}</imageobject></mediaobject>"
        return f'<section xml:id="n{at}"><title>{escape(bit.heading)}</title>{inner}</section>'


class _Fiction:
    """FictionBook: a section for each piece, the pictures as base64 at the end."""

    places = ("/FictionBook/body/section[{at}]",)
    frame = (
        '<?xml version="1.0" encoding="utf-8"?>\n<FictionBook xmlns="http://www.gribuser.ru/xml/fictionbook/2.0" '
        'xmlns:l="http://www.w3.org/1999/xlink"><description><title-info><book-title>{title}'
        "</book-title><lang>en</lang></title-info></description>\n<body>\n{pieces}\n</body>\n{binaries}\n</FictionBook>\n"
    )

    @staticmethod
    def piece(bit: Bit, at: int) -> str:
        inner = f'<image l:href="#p{at}"/>' if bit.modality == "image" else f"<p>{escape(bit.text)}</p>"
        return f"<section><title><p>{escape(bit.heading)}</p></title>{inner}</section>"


_DIALECTS: tuple[type[_Feed] | type[_Book] | type[_Fiction], ...] = (_Feed, _Book, _Fiction)


def _dialect(made: Made) -> type[_Feed] | type[_Book] | type[_Fiction]:
    return _DIALECTS[_drawn(made) % len(_DIALECTS)]


def _drawn(made: Made) -> int:
    """A number by chance that is always the same for an item."""
    return crc32(made.name.encode())


def _write_document(made: Made, path: Path) -> None:
    dialect = _dialect(made)
    pieces = "\n".join(dialect.piece(bit, at) for at, bit in enumerate(made.bits, 1))
    shown = [(at, bit) for at, bit in enumerate(made.bits, 1) if bit.modality == "image"]
    binaries = "\n".join(
        f'<binary id="p{at}" content-type="image/jpeg">{b64encode(_picture(bit)).decode()}</binary>'
        for at, bit in shown
    )
    path.write_text(
        dialect.frame.format(title=made.title, number=_drawn(made), pieces=pieces, binaries=binaries), encoding="utf-8"
    )


def _write_film(made: Made, path: Path) -> None:
    """Pictures one after the other, every other one slowly nearing, each with its sound."""
    pictures = [bit for bit in made.bits if bit.modality == "image"]
    sound = np.concatenate([_heard(bit) for bit in made.bits if bit.modality == "audio"])
    with av.open(str(path), "w") as container:
        film: Any = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "20"})
        film.width, film.height, film.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        film.codec_context.thread_count = 1  # more would not write the same bytes each time
        track: Any = container.add_stream("aac", rate=RATE, layout="mono", options={"b": "96k", "aac_coder": "fast"})
        for at, bit in enumerate(pictures):
            for frame in _frames(bit, moves=at % 2 == 1):
                container.mux(film.encode(frame))
        container.mux(film.encode(None))
        for start in range(0, len(sound), 1024):
            frame = av.AudioFrame.from_ndarray(sound[None, start : start + 1024], "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))


def _frames(bit: Bit, *, moves: bool) -> list[av.VideoFrame]:
    picture = _pixels(bit)
    first, last = (round(second * FPS) for second in bit.seconds)
    frames = []
    for number in range(first, last):
        cut = ZOOMED / 2 * (number - first) / (last - first) if moves else 0.0
        box = (cut * picture.width, cut * picture.height, (1 - cut) * picture.width, (1 - cut) * picture.height)
        shown = picture.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR, box) if moves or not frames else None
        frame = (
            av.VideoFrame.from_image(shown) if shown else av.VideoFrame.from_ndarray(frames[0].to_ndarray(), "rgb24")
        )
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        frames.append(frame)
    return frames


def _pictures(made: Made) -> dict[int, bytes]:
    """The JPEGs of an item's pictures by number, from 1."""
    return {at: _picture(bit) for at, bit in enumerate(made.bits, 1) if bit.modality == "image"}


_WRITERS: dict[str, Callable[[Made, Path], None]] = {
    "text": _write_alone, "image": _write_alone, "audio": _write_alone,
    "html": _write_page, "xml": _write_document, "video": _write_film,
    "epub": lambda made, path: write_epub(made, path, _pictures(made)),
    "office": lambda made, path: write_docx(made, path, _pictures(made)),
    "pdf": lambda made, path: write_pdf(made, path, _pictures(made)),
}  # fmt: skip
_ENDINGS = {"text": ".txt", "image": ".jpg", "audio": ".opus", "html": ".html", "xml": ".xml", "video": ".mp4",
            "epub": ".epub", "office": ".docx", "pdf": ".pdf"}  # fmt: skip
_PLACES = {"html": ("n{at}",), "epub": ("chapter.xhtml#n{at}",), "office": ("{slug}",), "pdf": ("page {at}",)}
