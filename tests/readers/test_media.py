"""Every real file that another program opens is read, every other is refused in one line; nothing else, and soon."""

from __future__ import annotations

import json
import sys
import warnings
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from sensorium.core.errors import Unreadable
from sensorium.readers.registry import Limits, Source, read
from sensorium.testing.readers import check_parts

# Pillow warns about damaged EXIF and TIFF tags and goes on.
pytestmark = [pytest.mark.data, pytest.mark.filterwarnings("ignore::UserWarning:PIL")]
BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
# Of these the program that opens them shows a strip of noise, less than a tenth of the picture.
NOTHING_TO_SEE = {
    f"metadata_extractor/{name}" for name in (
        "5bc61724b33e34a6188a817f9f2f8138.jpg", "acb1fac4e618f636d415f62496e8b70e.jpg",
        "e6d9eca2c7405e13cfb850b7d0ef7476.jpg",
    )
}  # fmt: skip


LARGE_TWINS = "plum-blossom-large"  # the same as "plum-blossom-small", sixteen times as long to decode


@cache
def sweep(folder):
    """(kind or None, why, first part's attributes) by file name."""
    told = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name.startswith(LARGE_TWINS):
            continue
        name = path.relative_to(folder).as_posix()
        try:
            kind, parts = read(Source.from_path(path))
            found = list(parts)
            check_parts(found, Limits())
            json.dumps(dict(found[0].attributes))
            told[name] = (kind, "", found[0].attributes)
        except Unreadable as error:
            assert error.why and "\n" not in error.why and str(folder) not in error.why and len(error.why) < 250
            told[name] = (None, error.why, {})
    return told


@pytest.fixture
def mainstream(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import mainstream

    yield mainstream
    sys.modules.pop("mainstream")


def test_every_picture_that_another_program_opens_is_read(media, mainstream):
    told = sweep(media / "images")
    counts = Counter(kind for kind, _, _ in told.values())
    assert len(told) > 600
    assert counts["image"] > 500
    assert counts["audio"] == 0
    asked = [media / "images" / name for name, (kind, _, _) in told.items() if kind is None]
    asked = [path for path in asked if path.suffix.lower() not in (".svg", ".pdf", ".html")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = {p: [n for n, opens in mainstream.programs(p) if opens(p)] for p in asked}
    missed = {path.relative_to(media / "images").as_posix() for path, programs in opened.items() if programs}
    assert missed <= NOTHING_TO_SEE, missed


def test_of_pictures_that_are_whole_none_is_called_damaged(media):
    told = sweep(media / "images")
    whole = {
        n: said for n, (_, _, said) in told.items() if n.startswith(("exif_orientation/", "avif_link-u/", "sharp/"))
    }
    assert len(whole) > 60
    assert not {name for name, said in whole.items() if "damaged" in said}


def test_every_sound_is_read_or_refused_in_one_line(media):
    told = sweep(media / "audio")
    assert len(told) > 50
    refused = {name for name, (kind, _, _) in told.items() if kind is None}
    # Files cut to their first kilobytes, or to a handful of samples, and depths of 45 and 53 bits.
    assert len(refused) <= 17, refused
    assert all(kind in ("audio", None) for kind, _, _ in told.values())


def test_photos_and_sounds_of_the_data_sets_are_all_read(media, parts_of):
    data = media.parent
    for folder, kind in (("flickr8k/images", "image"), ("esc50/audio", "audio"), ("urbansound", "audio")):
        files = [p for p in sorted((data / folder).rglob("*")) if p.suffix in (".webp", ".opus", ".ogg", ".jpg")][::200]
        assert files
        for path in files:
            parts = parts_of(path)
            assert all(part.modality == kind for part in parts)
            if kind == "image":
                assert parts[0].content.shape == (192, 192, 3)
                assert np.ptp(parts[0].content) > 30
