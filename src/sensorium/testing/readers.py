"""The contract that every reader keeps, for the tests of those who write one.

class TestMyReader(ReaderContract):
    reader = my_package.reader
    samples = {"a.ext": b"...", "b.ext": b"..."}
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np

from sensorium.core.errors import Unreadable
from sensorium.core.types import MODALITIES, Audio, Part, Place
from sensorium.readers.contract import Limits, Reader, Source
from sensorium.readers.sniff import EMPTY, UNKNOWN, sniff

DAMAGED_COPIES = 24
SLOWEST_SECONDS = 10.0


class WatchedSource(Source):
    """A source in memory that remembers the streams it gave out."""

    def __init__(self, path: str, data: bytes | None = None) -> None:
        super().__init__(path, data)
        self.streams: list[BinaryIO] = []

    def open(self) -> BinaryIO:
        """A fresh stream, kept in `streams`."""
        self.streams.append(super().open())
        return self.streams[-1]


class ReaderContract:
    """Subclass it as `TestSomething`, with the `reader` and `samples`: good files, small ones, by name."""

    reader: Reader
    samples: Mapping[str, bytes]
    limits: Limits = Limits()

    def test_accepts_what_the_samples_are_and_nothing_unknown(self) -> None:
        """Its kind is a word; what nobody knows is left to others."""
        check_accepts(self.reader, self.samples)

    def test_gives_parts_that_can_be_embedded_and_stored(self) -> None:
        """Content fit for its modality; places and attributes that survive JSON."""
        for name, data in self.samples.items():
            check_parts(_read(self.reader, name, data, self.limits), self.limits)

    def test_reads_the_same_again_and_in_many_threads(self) -> None:
        """Readings share no state."""
        for name, data in self.samples.items():
            check_repeatable(self.reader, name, data, self.limits)

    def test_opens_late_and_closes_what_it_opened(self) -> None:
        """Also when not all parts are asked for."""
        for name, data in self.samples.items():
            check_closes(self.reader, name, data, self.limits)

    def test_answers_damaged_copies_with_parts_or_unreadable(self) -> None:
        """And with nothing else, in reasonable time."""
        for name, data in self.samples.items():
            check_damaged(self.reader, name, data, self.limits)


def check_accepts(reader: Reader, samples: Mapping[str, bytes]) -> None:
    """Its kind is a word; it accepts what the samples are, and not what nobody knows."""
    assert reader.kind.isidentifier() and reader.kind.islower(), f"a kind is a lower-case word, not {reader.kind!r}"
    for name, data in samples.items():
        media_type = sniff(Source.from_bytes(data, name))
        assert reader.accepts(media_type) is True, f"{name} is {media_type}, which the reader does not accept"
    for media_type in (UNKNOWN, EMPTY, "x-none/x-nothing"):
        assert reader.accepts(media_type) is False, f"the reader accepts {media_type}"


def check_parts(parts: Sequence[Part], limits: Limits) -> None:
    """There are parts; each has content fit for its modality, a place and attributes that survive JSON."""
    assert parts, "a good file gave no part"
    for part in parts:
        assert part.modality in MODALITIES, f"modality {part.modality!r}"
        _CONTENT[part.modality](part.content, limits)
        assert Place.from_json(json.loads(json.dumps(part.place.to_json()))) == part.place, f"place {part.place!r}"
        attributes = dict(part.attributes)
        assert json.loads(json.dumps(attributes, allow_nan=False)) == attributes, f"attributes {attributes!r}"


def check_repeatable(reader: Reader, name: str, data: bytes, limits: Limits) -> None:
    """The same bytes give the same parts: twice, side by side, and in several threads."""
    expected = [_plain(part) for part in _read(reader, name, data, limits)]
    one, other = (reader.read(Source.from_bytes(data, name), limits) for _ in range(2))
    side_by_side = [(_plain(a), _plain(b)) for a, b in zip(one, other, strict=True)]
    assert side_by_side == [(part, part) for part in expected], f"{name}: two readings at once disturb each other"
    with ThreadPoolExecutor(4) as pool:
        readings = list(pool.map(lambda _: [_plain(p) for p in _read(reader, name, data, limits)], range(8)))
    assert all(reading == expected for reading in readings), f"{name}: threads read different parts"


def check_closes(reader: Reader, name: str, data: bytes, limits: Limits) -> None:
    """Nothing is opened before the first part is asked for, and nothing stays open after the last, or on closing."""
    for wanted in (0, 1, None):
        source = WatchedSource(name, data)
        parts = reader.read(source, limits)
        assert not source.streams, f"{name}: opened before a part was asked for"
        for _ in zip(range(wanted if wanted is not None else 1 << 60), parts):  # noqa: B905 - cut on purpose
            pass
        if close := getattr(parts, "close", None):
            close()
        assert all(stream.closed for stream in source.streams), f"{name}: a stream was left open"


def check_damaged(reader: Reader, name: str, data: bytes, limits: Limits) -> None:
    """Cut and altered copies, and none at all, give parts or a short one-line `Unreadable`, in reasonable time."""
    small = replace(limits, max_pixels=min(limits.max_pixels, 1 << 24))
    for copy in _damaged(data):
        start = time.perf_counter()
        try:
            if parts := _read(reader, name, copy, small):
                check_parts(parts, small)
        except Unreadable as error:
            assert error.why and len(error.why) < 250 and "\n" not in error.why, f"{name}: {error.why!r}"
        taken = time.perf_counter() - start
        assert taken < SLOWEST_SECONDS, f"{name}: {taken:.1f} s for a damaged copy of {len(copy)} bytes"


def _read(reader: Reader, name: str, data: bytes, limits: Limits) -> list[Part]:
    return list(reader.read(Source.from_bytes(data, name), limits))


def _damaged(data: bytes) -> Iterator[bytes]:
    chance = random.Random(len(data))
    yield b""
    for copy in range(DAMAGED_COPIES):
        bad = bytearray(data)
        if copy % 2:
            del bad[chance.randrange(len(bad) + 1) :]
        else:
            for _ in range(1 + copy):
                bad[chance.randrange(len(bad))] = chance.randrange(256)
        yield bytes(bad)


def _check_text(content: Any, limits: Limits) -> None:
    assert isinstance(content, str) and content.strip(), "a text part is blank"
    content.encode("utf-8")


def _check_image(content: Any, limits: Limits) -> None:
    assert isinstance(content, np.ndarray) and content.dtype == np.uint8, "pixels are uint8"
    assert content.ndim == 3 and content.shape[2] == 3 and content.size, f"pixels of shape {content.shape}"


def _check_audio(content: Any, limits: Limits) -> None:
    assert isinstance(content, Audio) and content.rate == limits.audio_rate, "sound is Audio at the rate asked for"
    samples = content.samples
    assert samples.dtype == np.float32 and samples.ndim == 1, f"samples {samples.dtype} {samples.shape}"
    assert len(samples), "a window without samples"
    assert np.isfinite(samples).all() and np.abs(samples).max() <= 1, "samples lie in [-1, 1]"


_CONTENT = {"text": _check_text, "image": _check_image, "audio": _check_audio}


def _plain(part: Part) -> tuple[Any, ...]:
    content = part.content
    if isinstance(content, Audio):
        content = (content.rate, content.samples.tobytes())
    elif isinstance(content, np.ndarray):
        content = (content.shape, content.tobytes())
    return part.modality, content, part.place, dict(part.attributes)
