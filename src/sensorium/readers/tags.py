"""What the tags of sounds and films say: ID3, Vorbis comments, MP4 and all others that FFmpeg knows, in our words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

_TEXTS = ("title", "artist", "album", "genre", "description")
_LONGEST = 2000
_DATE = re.compile(r"(\d{4})(?:[-/.]?(\d\d)(?:[-/.]?(\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)\S*)?)?)?(?!\d)")
_YEAR = re.compile(r"(?<!\d)(?:1[5-9]|20)\d\d(?!\d)")
_TRACK = re.compile(r"\s*(\d{1,4})(?!\d)")


def tags_of(*metadata: Mapping[str, str]) -> dict[str, Any]:
    """`title`, `artist`, `album`, `genre`, `description` (texts), `date` (ISO 8601), `track` (a number).

    As far as `metadata`, tags by name, say so; of several the later ones count.
    """
    said = {name.lower(): value for tags in metadata for name, value in tags.items()}
    found: dict[str, Any] = {name: text for name in _TEXTS if (text := " ".join(said.get(name, "").split())[:_LONGEST])}
    if when := iso_date(said.get("date", "")):
        found["date"] = when
    if number := _TRACK.match(said.get("track", "")):
        found["track"] = int(number[1])
    return found


def iso_date(said: str) -> str:
    """A date as people and programs write it ("20040501", "2004/05", "May 2004") in ISO 8601; "" when it is none."""
    found = _DATE.match(said.strip())
    if found is None:
        alone = _YEAR.search(said)
        return alone[0] if alone else ""
    year, month, day, time = found.groups()
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:  # 2004-13, 0000, or the first digits of something else
        return year if _YEAR.fullmatch(year) else ""
    return "-".join(each for each in (year, month, day) if each) + (f"T{time}" if time else "")
