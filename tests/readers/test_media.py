"""Every real file of the decoders' own test suites is read, or refused in one line; nothing else, and soon."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from sensorium.core.errors import Unreadable
from sensorium.readers.registry import Limits, Source, read
from sensorium.testing.readers import check_parts

# Pillow warns about damaged EXIF and TIFF tags and goes on.
pytestmark = [pytest.mark.data, pytest.mark.filterwarnings("ignore::UserWarning:PIL")]


def sweep(folder):
    """(kind or None, why) by file name."""
    told = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        try:
            kind, parts = read(Source.from_path(path))
            found = list(parts)
            check_parts(found, Limits())
            json.dumps(dict(found[0].attributes))
            told[path.relative_to(folder).as_posix()] = (kind, "")
        except Unreadable as error:
            assert error.why and "\n" not in error.why and str(folder) not in error.why and len(error.why) < 250
            told[path.relative_to(folder).as_posix()] = (None, error.why)
    return told


def test_every_picture_is_read_or_refused_in_one_line(media):
    told = sweep(media / "images")
    counts = Counter(kind for kind, _ in told.values())
    assert len(told) > 600
    assert counts["image"] > 400
    assert counts["audio"] == 0
    # What is damaged on purpose, and what Pillow has no decoder for, by the suite that it comes from.
    refused = {name for name, (kind, _) in told.items() if kind is None}
    common = {n for n in refused if n.endswith((".jpg", ".jpeg", ".png", ".gif", ".webp"))}
    assert common <= {
        "libvips/truncated.jpg", "libvips/truncated.gif", "sharp/corrupt-header.jpg",
        *(n for n in common if n.startswith("metadata_extractor/")),
    }, common  # fmt: skip
    assert all("HEIC" in told[n][1] or "empty" in told[n][1] for n in refused if n.endswith((".heic", ".heif")))


def test_every_sound_is_read_or_refused_in_one_line(media):
    told = sweep(media / "audio")
    assert len(told) > 50
    refused = {name for name, (kind, _) in told.items() if kind is None}
    # Files cut to their first kilobytes, or to a handful of samples, and depths of 45 and 53 bits.
    assert len(refused) <= 17, refused
    assert all(kind in ("audio", None) for kind, _ in told.values())


def test_documents_that_come_later_are_refused_by_their_type(media):
    told = sweep(media.parent / "documents")
    for name, (kind, why) in told.items():
        if name.startswith(("html/", "xml/", "epub/", "pdf/")):
            assert kind is None, name
            assert why.startswith("not a kind of file that is read: "), (name, why)
    assert {name for name, (kind, _) in told.items() if kind == "audio"} == {"video/mediabunny__ac3.mkv"}
    assert not any(kind == "image" for kind, _ in told.values())


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
