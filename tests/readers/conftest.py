"""Where the real files are, and reading in one line."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for what several tests share, such as `filmed`

from sensorium.readers.registry import Limits, Source, read

DATA = Path(os.environ.get("SENSORIUM_DATA", "../shared/data"))


@pytest.fixture
def media():
    folder = DATA / "media"
    if not folder.is_dir():
        pytest.skip("needs the data folder: set SENSORIUM_DATA")
    return folder


@pytest.fixture
def parts_of():
    """All parts of bytes or of a file."""

    def parts(what, name="-", **limits):
        source = Source.from_bytes(what, name) if isinstance(what, bytes) else Source.from_path(what)
        return list(read(source, Limits(**limits))[1])

    return parts


@pytest.fixture
def pixels_of(parts_of):
    """The pixels of a picture, as signed numbers that can be subtracted."""

    def pixels(what, name="-", **limits):
        (part,) = parts_of(what, name, **limits)
        assert part.modality == "image"
        return part.content.astype(int)

    return pixels
