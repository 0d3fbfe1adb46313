"""Pictures inside documents, read as the picture files that they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sensorium.core.errors import Unreadable
from sensorium.core.types import Part, Place
from sensorium.readers.contract import Limits, Source

SMALLEST_SIDE = 32  # smaller ones are bullets, icons and counters


def picture(data: bytes, limits: Limits, place: Place, attributes: Mapping[str, Any]) -> Part | None:
    """The image part that `data` holds, at `place`, with `attributes`; None for what is tiny, broken or no picture."""
    from sensorium.readers.image import reader  # what has no pictures does without Pillow
    from sensorium.readers.sniff import glimpse

    source = Source.from_bytes(data)
    try:
        if not reader.accepts(glimpse(source)):
            return None
        part = next(iter(reader.read(source, limits)))
    except Unreadable:  # the document is no worse for it
        return None
    if min(part.attributes["width"], part.attributes["height"]) < SMALLEST_SIDE:
        return None
    return Part("image", part.content, place, dict(attributes))
