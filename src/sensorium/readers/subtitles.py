"""Subtitles: those in a film's container, and those beside it under its name."""

from __future__ import annotations

import os
import re
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sensorium.core.errors import Unreadable
from sensorium.readers.charset import decode
from sensorium.readers.contract import Source
from sensorium.readers.passages import lines_of, passages

_TEXTUAL = frozenset({"subrip", "srt", "text", "webvtt", "mov_text", "ass", "ssa"})
SPAN = 12.0  # seconds that a passage lasts at most: it should name a moment
_PAUSE = 2.0
_MOST_BYTES = 8 << 20
_MOST_FILES = 16
_SUFFIX = re.compile(
    r"(?:\.(?P<language>[a-z]{2,3}(?:[-_][a-z]{2,4})?))?(?:\.(?:forced|sdh|cc|hi|default))*\.(?:srt|vtt|ass|ssa)",
    re.IGNORECASE,
)
_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[.,:](\d{1,3})"
_ARROW = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}")
_TAGS = re.compile(r"</?[A-Za-z0-9][^<>\n]{0,200}>|\{\\[^{}]*\}|\{[a-zA-Z]:[^{}]*\}")
_BREAK = re.compile(r"\\[Nn]|\\h|\r|\n|\u2028")
_ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&nbsp;": " ", "&lrm;": "", "&rlm;": ""}
_DRAWING = re.compile(r"\{[^}]*\\p[1-9]")


class Cue(NamedTuple):
    """What is said from `start` to `end` (seconds), in a `language` ("" where unknown)."""

    start: float
    end: float
    text: str
    language: str = ""


def plain(marked: str) -> str:
    """A subtitle without its tags, on one line."""
    if _DRAWING.search(marked):
        return ""
    text = _TAGS.sub("", _BREAK.sub(" ", marked))
    for entity, character in _ENTITIES.items():
        text = text.replace(entity, character)
    return " ".join(text.replace("\0", " ").split())


def is_text(stream: Any) -> bool:
    """Whether a stream is of subtitles that are texts, not pictures of texts."""
    return stream.codec_context is not None and stream.codec_context.codec.canonical_name in _TEXTUAL


def cue_of(packet: Any, time: float) -> Cue | None:
    """The subtitle in a packet of one of the codecs that hold text; None when it is blank or damaged."""
    codec = packet.stream.codec_context.codec.canonical_name
    data = bytes(packet)
    if codec == "mov_text":
        data = data[2 : 2 + int.from_bytes(data[:2], "big")]
    try:
        text = decode(data)
    except Unreadable:
        return None
    if codec in ("ass", "ssa"):
        text = text.split(",", 8)[-1]
    lasts = float(packet.duration * packet.time_base) if packet.duration and packet.time_base else 0.0
    said = plain(text)
    language = language_of(packet.stream)
    return Cue(time, time + (lasts if 0 < lasts < 60 else 3.0), said, language) if said else None


def language_of(stream: Any) -> str:
    """The language that a stream says it is in; "" when it does not."""
    said = str(stream.metadata.get("language", "")).strip()
    return "" if said.lower() in ("", "und", "unk", "mis", "zxx", "mul") or len(said) > 35 else said


def beside(source: Source) -> list[Cue]:
    """The subtitles of the files beside a film, called as it is: film.srt, film.en.srt, film.vtt, film.ass.

    Regular files in its own folder only; those that are damaged or of more than 8 MB are left out.
    """
    if source.data is not None:
        return []
    path = Path(source.path)
    cues: list[Cue] = []
    try:
        names = sorted(entry.name for entry in os.scandir(path.parent) if entry.name.startswith(path.stem))
    except OSError:
        return []
    matches = [(name, found) for name in names if (found := _SUFFIX.fullmatch(name, len(path.stem)))]
    for name, found in matches[:_MOST_FILES]:
        text = _text_of(path.parent / name)
        cues += [cue._replace(language=(found["language"] or "").lower()) for cue in parse(text)]
    return sorted(cues)


def _text_of(path: Path) -> str:
    """The text of a regular file, "" of anything else: no link is followed, and no pipe waited for."""
    try:
        about = path.lstat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > _MOST_BYTES:
            return ""
        with path.open("rb") as file:
            return decode(file.read(_MOST_BYTES))
    except (OSError, Unreadable):
        return ""


def parse(text: str) -> Iterator[Cue]:
    """The cues of a SubRip, WebVTT or (Advanced) SubStation Alpha file, in the order of the file."""
    if re.search(r"^\[(?:events|script info)\]", text[: 1 << 16], re.IGNORECASE | re.MULTILINE):
        return _scripted(lines_of(text))
    return _timed(lines_of(text))


def _timed(lines: list[str]) -> Iterator[Cue]:
    """SubRip and WebVTT: a line with two times and an arrow, then the text up to a blank line."""
    span: tuple[float, float] | None = None
    said: list[str] = []
    for line in [*lines, ""]:
        found = _ARROW.match(line)
        if found and said and said[-1].strip().isdigit():
            said.pop()  # the number of the cue that begins here: the blank line before it is missing
        if found or not line.strip():
            if span and (text := plain("\n".join(said))):
                yield Cue(*span, text)
            said = []
            span = _span(found[0].split("-->")[0], found[0].split("-->")[1]) if found else None
        elif span:
            said.append(line)


def _scripted(lines: list[str]) -> Iterator[Cue]:
    fields = ["layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text"]
    events = False
    for line in lines:
        name, _, rest = line.partition(":")
        key = name.strip().lower()
        if key.startswith("["):
            events = key == "[events]"
        elif events and key == "format":
            fields = [each.strip().lower() for each in rest.split(",")]
        elif events and key == "dialogue":
            values = dict(zip(fields, rest.split(",", max(0, len(fields) - 1)), strict=False))
            span, text = _span(values.get("start", ""), values.get("end", "")), plain(values.get("text", ""))
            if span and text:
                yield Cue(*span, text)


def _span(start: str, end: str) -> tuple[float, float] | None:
    moments = [_seconds(each) for each in (start, end)]
    first, last = moments
    if first is None or last is None:
        return None
    return first, max(last, first + 0.1)


def _seconds(said: str) -> float | None:
    found = re.fullmatch(_TIME, said.strip())
    if not found:
        return None
    hours, minutes, seconds, fraction = found.groups()
    return float(int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction) / 10 ** len(fraction))


class Passages:
    """Joins the cues of one language that follow each other, to at most `size` characters and `SPAN` seconds."""

    def __init__(self, size: int, cues: Iterable[Cue] = ()) -> None:
        self.size = size
        self._waiting: dict[str, deque[Cue]] = {}
        for cue in cues:
            self.add(cue)

    def add(self, cue: Cue) -> None:
        """A further cue, in the order of time within its language."""
        self._waiting.setdefault(cue.language, deque()).append(cue)

    def begun_by(self, moment: float) -> Iterator[Cue]:
        """The passages that begin before `moment`, taken out; all cues up to `SPAN` seconds later should be there."""
        for waiting in self._waiting.values():
            while waiting and waiting[0].start < moment:
                yield from self._passage(waiting)

    def _passage(self, waiting: deque[Cue]) -> Iterator[Cue]:
        first = waiting.popleft()
        said, end = [first.text], first.end
        while waiting and (cue := waiting[0]).start - end <= _PAUSE and cue.end - first.start <= SPAN:
            again = cue.text == said[-1]  # one cue after the other, for an effect
            if not again and sum(map(len, said)) + len(said) + len(cue.text) > self.size:
                break
            said += [] if again else [cue.text]
            end = max(end, waiting.popleft().end)
        for found in passages(" ".join(said), self.size):
            yield Cue(first.start, end, found.text, first.language)
