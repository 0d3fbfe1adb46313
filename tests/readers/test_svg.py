"""Drawings: their words, and the picture of them; nothing in them reaches out of the file."""

from __future__ import annotations

import base64
import gzip
import io
import sys
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from sensorium.core.errors import Unreadable
from sensorium.readers import xml
from sensorium.readers.registry import Limits, Source
from sensorium.testing.readers import ReaderContract

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
FLAG = HEAD + (
    'viewBox="0 0 300 200" xml:lang="en"><title>A flag</title><desc>Red over blue</desc><rect width="300" height="100" '
    'fill="red"/><rect y="100" width="300" height="100" fill="blue"/><text x="9" y="50" font-size="9">Ahoy '
    "<tspan>there</tspan></text></svg>"
)


@pytest.fixture
def drawn():
    """The parts of a drawing, without going through the registry."""

    def parts(svg, name="a.svg", **limits):
        data = svg.encode() if isinstance(svg, str) else svg
        return list(xml.reader.read(Source.from_bytes(data, name), Limits(**limits)))

    return parts


class TestDrawings(ReaderContract):
    reader = xml.reader
    samples: ClassVar = {"flag.svg": FLAG.encode(), "flag.svgz": gzip.compress(FLAG.encode(), mtime=0)}


def test_words_and_picture(parts_of):
    text, image = parts_of(FLAG.encode(), "flag.svg")
    assert text.content == "A flag\nRed over blue\nAhoy there"
    assert text.attributes == {"title": "A flag", "description": "Red over blue", "language": "en"}
    assert image.attributes == {"alt": "A flag"}
    assert image.content.shape == (342, 512, 3)
    assert image.content[150, 500].tolist() == [255, 0, 0]
    assert image.content[300, 500].tolist() == [0, 0, 255]


def test_what_is_not_drawn_is_white(drawn):
    (image,) = drawn(HEAD + 'viewBox="0 0 10 10"><rect width="5" height="5"/></svg>')
    assert image.content[-1, -1].tolist() == [255, 255, 255]
    assert image.content[0, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ('viewBox="0 0 10 20" width="100%" height="100%"', (512, 256, 3)),
        ('width="100000" height="50000"', (256, 512, 3)),
        ('width="100000000" height="1"', None),
        ("", None),
    ],
)
def test_its_size_is_ours_whatever_it_says(drawn, size, shape):
    marks = '<rect width="100000" height="30000" fill="red"/><rect x="1" y="1" width="2" height="2" fill="blue"/>'
    for part in drawn(f"{HEAD}{size}><title>words</title>{marks}</svg>"):
        if part.modality == "image":
            assert max(part.content.shape) <= 512
            assert shape is None or abs(part.content.shape[0] - shape[0]) <= 1


def test_larger_encoders_get_larger_pictures(drawn):
    assert drawn(FLAG, image_side=384)[1].content.shape == (512, 768, 3)
    assert max(drawn(FLAG, max_pixels=10_000)[1].content.shape) <= 100


def test_compressed_drawings_are_read(parts_of):
    plain = parts_of(FLAG.encode(), "flag.svg")
    packed = parts_of(gzip.compress(FLAG.encode()), "flag.svgz")
    assert [p.attributes for p in packed] == [p.attributes for p in plain]
    assert (packed[1].content == plain[1].content).all()


def test_a_compressed_drawing_that_grows_without_end_is_refused(drawn):
    bomb = gzip.compress(FLAG.encode() + b" " * 2_000_000)
    with pytest.raises(Unreadable, match="a packed drawing of more than 1000000 bytes"):
        drawn(bomb, "a.svgz", max_text_bytes=1_000_000)


@pytest.mark.parametrize("element", ["image", "feImage", "use"])
def test_other_files_are_not_opened(tmp_path, monkeypatch, drawn, element):
    Image.new("RGB", (64, 64), "red").save(tmp_path / "red.png")
    (tmp_path / "red.svg").write_text(HEAD + 'viewBox="0 0 9 9"><rect id="r" width="9" height="9" fill="red"/></svg>')
    monkeypatch.chdir(tmp_path)
    inner = base64.b64encode(f'{HEAD}viewBox="0 0 9 9"><image width="9" height="9" href="red.png"/></svg>'.encode())
    for href in (
        "red.png", "./red.png", tmp_path / "red.png", (tmp_path / "red.png").as_uri(), "red.svg", "red.svg#r",
        "data:image/svg+xml;base64," + inner.decode(), "data:image/svg+xml,%3Csvg/%3E",
    ):  # fmt: skip
        for name in ("href", "xlink:href"):
            tag = f'<{element} width="64" height="64" {name}="{href}"/>'
            body = f'<filter id="f">{tag}</filter><rect width="64" height="64" fill="none" filter="url(#f)"/>'
            svg = HEAD + f'width="64" height="64">{body if element == "feImage" else tag}</svg>'
            with pytest.raises(Unreadable, match="which are not opened"):
                drawn(svg)


def test_bitmaps_in_the_file_itself_are_drawn(drawn):
    stream = io.BytesIO()
    Image.new("RGB", (40, 40), "red").save(stream, "PNG")
    coded = base64.b64encode(stream.getvalue()).decode()
    (image,) = drawn(
        HEAD + f'viewBox="0 0 9 9"><image width="5" height="9" href="data:image/png;base64,{coded}"/></svg>'
    )
    assert image.content[250, 100].tolist() == [255, 0, 0]


def test_bitmaps_that_are_far_too_large_are_left_out(drawn):
    stream = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(stream, "PNG")
    coded = base64.b64encode(stream.getvalue()).decode()
    assert len(coded) < 1_000_000
    mark = '<rect x="8" width="1" height="9"/>'
    (image,) = drawn(
        HEAD + f'viewBox="0 0 9 9"><image width="5" height="9" href="data:image/png;base64,{coded}"/>{mark}</svg>'
    )
    assert image.content[250, 100].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    "costly",
    [
        '<filter id="f"><feTurbulence baseFrequency="0.5" numOctaves="1000000000"/></filter>',
        '<filter id="f"><feGaussianBlur stdDeviation="1e9"/></filter>',
        '<filter id="f"><feMorphology operator="dilate" radius="100000 100000"/></filter>',
        '<g id="g0"><rect width="4" height="4"/></g>'
        + "".join(f'<g id="g{n}">' + f'<use href="#g{n - 1}"/>' * 10 + "</g>" for n in range(1, 9))
        + '<use href="#g8"/>',
        "<g>" * 5000 + "</g>" * 5000,
        "<g>" * 200 + "<path d='M0 0L9 9'/>" + "</g>" * 200,
        "".join(f'<g id="g{n}" opacity=".9"><use href="#g{n + 1}"/></g>' for n in range(3000)) + '<use href="#g0"/>',
        "".join(f'<mask id="m{n}"><path d="M0 0L9 9" mask="url(#m{n + 1})"/></mask>' for n in range(3000))
        + '<path d="M0 0L9 9" mask="url(#m0)"/>',
        "<style>"
        + "".join(f".c{n}{{fill:url(#p{n})}}" for n in range(500))
        + "</style>"
        + "".join(
            f'<pattern id="p{n}" width="1" height="1"><path d="M0 0L9 9" class="c{n + 1}"/></pattern>'
            for n in range(500)
        )
        + '<path d="M0 0L9 9" class="c0"/>',
        "".join(
            f'<pattern id="p{n}" width="1" height="1">'
            + f'<path d="M0 0L9 9" fill="url(#p{n + 1})"/>' * 9
            + "</pattern>"
            for n in range(12)
        )
        + '<path d="M0 0L9 9" fill="url(#p0)"/>',
        '<g id="a"><use href="#a"/></g><use href="#a"/>',
        '<filter id="f">' + '<feTurbulence baseFrequency="0.9" numOctaves="8"/>' * 300 + "</filter>",
        '<filter id="f"><feGaussianBlur stdDeviation="5"/></filter>' + '<path d="M0 0L9 9" filter="url(#f)"/>' * 3000,
        '<g transform="scale(1e30)"><circle r="5" stroke="red"/></g>',
        '<pattern id="f" width="1e-9" height="1e-9"><rect width="1e-9" height="1e-9"/></pattern>',
    ],
    ids=[
        "octaves",
        "blur",
        "morphology",
        "copies of copies",
        "depth",
        "groups",
        "uses",
        "masks",
        "styles",
        "patterns",
        "circle",
        "turbulence",
        "shadows",
        "beyond all numbers",
        "pattern",
    ],
)
def test_what_would_take_for_ever_ends_soon(drawn, costly):
    svg = (
        HEAD + f'width="64" height="64"><title>words</title>{costly}<rect width="9" height="9" filter="url(#f)"/></svg>'
    )
    assert drawn(svg)[0].content == "words"


def test_without_the_extra_there_are_words_only(drawn, monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    (text,) = drawn(FLAG)
    assert text.content.startswith("A flag")
    with pytest.raises(Unreadable, match=r"SVG pictures need the extra svg: pip install 'sensorium\[svg\]'"):
        drawn(HEAD + 'viewBox="0 0 9 9"><rect width="5" height="5"/></svg>')


def test_a_drawing_of_nothing_is_refused(drawn):
    with pytest.raises(Unreadable, match="without anything to see"):
        drawn(HEAD + 'viewBox="0 0 9 9"></svg>')


@pytest.mark.data
def test_a_real_page_drawn_in_svg(media, parts_of):
    parts = parts_of(media.parent / "documents/xml/epub3-samples__pageNum-11.svg")
    assert parts[0].attributes == {"title": "Sous le Vent, page 11", "description": "Début du récit."}
    assert "quand le maître accrochait les grandes cartes" in parts[0].content
    assert parts[-1].content.shape == (512, 325, 3)
    assert 200 < np.mean(parts[-1].content) < 255


def test_a_slip_of_the_renderer_is_a_reason(drawn):
    with pytest.raises(Unreadable, match="that the renderer cannot draw"):
        drawn(HEAD + 'viewBox="0 0 9 9"><g transform="scale(1e30)"><circle r="5" stroke="red"/></g></svg>')


def test_very_long_labels_are_cut_in_the_picture_alone(drawn):
    parts = drawn(HEAD + f'viewBox="0 0 9 9"><text>{"word " * 20_000}</text></svg>')
    assert sum(len(part.content) for part in parts if part.modality == "text") > 90_000
