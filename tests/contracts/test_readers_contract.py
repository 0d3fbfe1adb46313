"""Every built-in reader passes the suite for plug-in authors, and the suite catches those that should not pass."""

from __future__ import annotations

import io
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from sensorium.core.types import Part
from sensorium.readers import audio, image, text
from sensorium.readers.contract import Limits
from sensorium.testing.media import encoded, picture, tone, wav
from sensorium.testing.readers import (
    ReaderContract,
    check_accepts,
    check_closes,
    check_damaged,
    check_parts,
    check_repeatable,
)

PAGE = "# A title\n\n" + "Some words follow, and more of them. " * 40


FORMS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
class TestImageReader(ReaderContract):
    reader = image.reader
    samples: ClassVar = {
        **{f"a.{form.lower()}": encoded(picture(), form) for form in FORMS},
        "inks.jpg": encoded(Image.fromarray(picture()).convert("CMYK"), "JPEG"),
        "deep.tiff": encoded(Image.fromarray(picture()[..., 0].astype(np.uint16) * 257), "TIFF"),
        "large.jpg": encoded(picture(900, 700), "JPEG"),
    }


class TestTextReader(ReaderContract):
    reader = text.reader
    samples: ClassVar = {
        "a.txt": PAGE.encode(),
        "a.md": PAGE.encode("utf-16"),
        "a.rst": PAGE.encode("utf-8-sig"),
        "a.py": b"x = 1\n" * 200,
        "a": "Die Straße führt über den Fluß zu den schönen Gärten.".encode("latin-1"),
    }


class TestAudioReader(ReaderContract):
    reader = audio.reader
    limits = Limits(window_seconds=1.0)
    samples: ClassVar = {
        "a.wav": wav(tone(seconds=1.5)),
        "b.wav": wav(np.stack([tone(300, 1.2, 44100), tone(500, 1.2, 44100)], axis=1), 44100),
    }


class Flawed:
    """A reader of text with one flaw at a time."""

    kind = "text"

    def __init__(self, flaw):
        self.flaw = flaw
        self.readings = 0

    def accepts(self, media_type):
        return self.flaw == "greedy" or media_type == "text/plain"

    def read(self, source, limits):
        stream = source.open()
        if self.flaw != "leaves it open":
            with stream:
                data = stream.read()
        else:
            data = stream.read()
        self.readings += 1
        if self.flaw == "changes":
            yield Part("text", f"reading {self.readings}")
        if self.flaw == "raises others":
            data.decode("ascii")
        if self.flaw == "hands out bytes":
            yield Part("text", data)
        if self.flaw == "odd attributes":
            yield Part("text", "x", attributes={"when": io.BytesIO})
        yield Part("text", data.decode("latin-1") or "-")


GOOD = "Some words.".encode("latin-1")


def test_a_reader_without_a_flaw_passes():
    fine = Flawed("")
    check_accepts(fine, {"a": GOOD})
    check_parts(list(fine.read(_source(), Limits())), Limits())
    check_repeatable(fine, "a", GOOD, Limits())
    check_closes(fine, "a", GOOD, Limits())


def _source():
    from sensorium.readers.contract import Source

    return Source.from_bytes(GOOD)


@pytest.mark.parametrize(
    ("flaw", "check"),
    [
        ("greedy", lambda r: check_accepts(r, {"a": GOOD})),
        ("hands out bytes", lambda r: check_parts(list(r.read(_source(), Limits())), Limits())),
        ("odd attributes", lambda r: check_parts(list(r.read(_source(), Limits())), Limits())),
        ("changes", lambda r: check_repeatable(r, "a", GOOD, Limits())),
        ("leaves it open", lambda r: check_closes(r, "a", GOOD, Limits())),
        ("raises others", lambda r: check_damaged(r, "a", GOOD, Limits())),
    ],
)
def test_the_suite_finds_each_flaw(flaw, check):
    with pytest.raises((AssertionError, TypeError, UnicodeDecodeError)):
        check(Flawed(flaw))
