"""Films: their shots as pictures, the sound under each, and what is said in subtitles."""

from __future__ import annotations

import math
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import Unreadable
from sensorium.core.types import Audio, Part, Place
from sensorium.readers.animation import ANIMATED, STILL
from sensorium.readers.audio import opened
from sensorium.readers.contract import Limits, Source
from sensorium.readers.damage import unreadable
from sensorium.readers.dates import iso_date
from sensorium.readers.footage import Clock, Decoder, Tally, best_of, films_in, packets_of, why_unseen
from sensorium.readers.frames import Developer
from sensorium.readers.moving import Animation
from sensorium.readers.pixels import Refused, check_size
from sensorium.readers.reel import Glance, Reel
from sensorium.readers.shots import Piece, Shots
from sensorium.readers.sniff import sniff
from sensorium.readers.soundtrack import Soundtrack, cut_up
from sensorium.readers.subtitles import SPAN, Passages, beside, language_of

_THREADS = 2
_HUGE = 9_500_000  # pixels: of larger frames (8K) each further thread holds hundreds of megabytes
_BRIEF = 1.0  # seconds: the sound under a shorter shot is joined to the next one's
_MOST_HELD = 64  # parts, until there is a picture to begin with
_TAGS = {"title": "title", "artist": "artist", "author": "author", "genre": "genre", "description": "description",
         "synopsis": "description", "comment": "description", "show": "album", "album": "album"}  # fmt: skip
_TAKEN = ("com.apple.quicktime.creationdate", "creation_time", "date_recorded", "datetimeoriginal")
_WHERE = ("com.apple.quicktime.location.iso6709", "location", "location-eng", "xyz")
_ISO_6709 = re.compile(r"([+-]\d{1,2}(?:\.\d+)?)([+-]\d{1,3}(?:\.\d+)?)([+-]\d+(?:\.\d+)?)?")


class VideoReader:
    """A picture or more of each shot, the windows of sound under it and the passages that are said."""

    kind = "video"

    def accepts(self, media_type: str) -> bool:
        """Films of any format, animated pictures among them; FFmpeg and Pillow say which they know."""
        return media_type.startswith("video/")

    def read(self, source: Source, limits: Limits) -> Iterator[Part]:
        """Parts in the order of time, each with `Place(seconds=(start, end))`.

        Image parts: of every shot its most telling frame, upright and with square pixels, and one more for every ten
        seconds in which something changes; nothing of what is black or stands still. Audio parts: windows of
        `limits.window_seconds` that end where the shot ends. Text parts: the subtitles in the film or beside it. Sound
        and text have the picture of their moment as `preview`.
        The first part is a picture, where there is one, and carries `seconds`, `width` and `height` (upright), `fps`,
        `codec`, and where the film says so title, artist, author, genre, date, taken, latitude, longitude, language.
        Of an animated picture whose frames cannot be decoded it is the still one in it, with the reason as `damaged`.
        Raises `Unreadable` when neither picture nor sound can be decoded.
        """
        media_type = sniff(source)
        yield from _animation(source, media_type, limits) if media_type in ANIMATED.values() else _film(source, limits)


def _film(source: Source, limits: Limits) -> Iterator[Part]:
    trouble = unreadable("a damaged film", av.error.FFmpegError)
    with trouble, opened(source) as container, opened(source) as other:
        stream = _pictures_of(container)
        clock = Clock(container, _fps(stream) or 25.0)
        decoder = Decoder(stream.codec_context) if stream else None
        reel = Reel(decoder, _developer(stream, limits), clock) if decoder else None
        track = Soundtrack(other, limits.audio_rate)
        telling = _Telling(track, Passages(limits.passage_characters, beside(source)), limits)
        tally = Tally(_unlocked(packets_of(container, [stream])) if reel else iter(()))
        glances = reel.glances(iter(tally)) if reel else iter(())
        about = _attributes(container, stream)
        with closing(telling.parts(_pieces(glances, clock))) as parts:
            yield from _first_with(about, reel, parts)
        if not telling.count:
            raise Unreadable(f"no picture could be decoded: {why_unseen(container, decoder, tally)}")


def _animation(source: Source, media_type: str, limits: Limits) -> Iterator[Part]:
    animation = Animation(source, media_type, limits)
    telling = _Telling(None, Passages(limits.passage_characters), limits)
    with closing(telling.parts(_pieces(animation.glances(), animation))) as parts:
        try:
            first = next(parts)
        except Refused:
            raise
        except Unreadable as error:  # Pillow cannot; FFmpeg perhaps can
            yield from _rescued(source, media_type, limits, error)
            return
        yield replace(first, attributes=animation.attributes)
        yield from parts


def _rescued(source: Source, media_type: str, limits: Limits, error: Unreadable) -> Iterator[Part]:
    parts = _film(source, limits)
    try:
        first = next(parts)
    except Unreadable:
        from sensorium.readers.salvage import instead_of_moving

        yield instead_of_moving(source, STILL[media_type], limits, error)
        return
    yield first
    yield from parts


def _pieces(glances: Iterator[Glance], clock: Any) -> Iterator[Piece]:
    shots = Shots()
    for glance in glances:
        yield from shots.take(glance)
    yield from shots.end(clock.end)


class _Telling:
    """The parts of a film, piece by piece."""

    def __init__(self, track: Soundtrack | None, words: Passages, limits: Limits) -> None:
        self.track, self.words, self.limits = track, words, limits
        self.heard = 0.0  # seconds up to which the sound has been handed over
        self.picture: NDArray[np.uint8] | None = None
        self.count = 0

    def parts(self, pieces: Iterator[Piece]) -> Generator[Part]:
        """The parts of all pieces, then of what is heard beyond them; the first is a picture if there is one."""
        held: list[Part] = []
        for piece in pieces:
            batch = sorted(self._of(piece), key=_when)
            if self.picture is None and len(held) + len(batch) <= _MOST_HELD:
                held += batch
                continue
            first = [part for part in batch if part.modality == "image"] if held else []
            yield from self._counted([*first, *held, *(part for part in batch if not first or part is not first[0])])
            held = []
        yield from self._counted(held)
        yield from self._counted(self._beyond())

    def _counted(self, parts: Any) -> Iterator[Part]:
        for part in parts:
            self.count += 1
            yield part

    def _of(self, piece: Piece) -> Iterator[Part]:
        if piece.picture is not None:
            self.picture = piece.picture
            yield Part("image", piece.picture, _place(piece.start, piece.end))
        if self.track is not None:
            self.track.read_to(piece.end + SPAN + 1)
            brief = piece.end - self.heard < _BRIEF
            yield from self._sound(piece.end, ends=piece.ends and not brief)
        yield from self._said(piece.end)

    def _sound(self, end: float, *, ends: bool) -> Iterator[Part]:
        assert self.track is not None
        resumes = min(end, self.track.resumes(self.heard))
        if resumes - self.heard > self.limits.window_seconds:
            self.heard = resumes
        for start, until in cut_up(self.heard, end, self.limits.window_seconds, ends=ends):
            self.heard = until
            samples = self.track.between(start, until)
            if samples is not None:
                place = _place(start, start + len(samples) / self.track.rate)
                yield Part("audio", Audio(samples, self.track.rate), place, preview=self.picture)

    def _said(self, end: float) -> Iterator[Part]:
        if self.track is not None:
            while self.track.cues:
                self.words.add(self.track.cues.popleft())
        for cue in self.words.begun_by(end):
            language = {"language": cue.language} if cue.language else {}
            yield Part("text", cue.text, _place(cue.start, cue.end), language, preview=self.picture)

    def _beyond(self) -> Iterator[Part]:
        """What is heard after the last picture; less than a second only if it is all."""
        while self.track is not None and not self.track.ended:
            self.track.read_to(max(self.track.now, self.heard) + SPAN)
            yield from self._sound(self.track.end, ends=False)
            yield from self._said(self.track.end)
        if self.track is not None and (self.track.end - self.heard >= _BRIEF or not self.heard):
            yield from self._sound(self.track.end, ends=True)
        yield from self._said(math.inf)


def _first_with(about: dict[str, Any], reel: Reel | None, parts: Iterator[Part]) -> Iterator[Part]:
    for at, part in enumerate(parts):
        if at:
            yield part
            continue
        if reel and reel.size:
            about |= {"width": reel.size[0], "height": reel.size[1], **_measured(about, reel)}
            about = {name: value for name, value in about.items() if value is not None}
        yield replace(part, attributes={**about, **part.attributes})


def _measured(about: Mapping[str, Any], reel: Reel) -> dict[str, Any]:
    """The film's length where its file does not say it, or says too little; None while it is not known."""
    wrong = reel.clock.end > 1.5 * about.get("seconds", 0.0) + 0.25
    return {"seconds": round(reel.clock.end, 3) if reel.ended else None} if wrong else {}


def _when(part: Part) -> tuple[float, int]:
    assert part.place.seconds is not None
    return part.place.seconds[0], ("image", "audio", "text").index(part.modality)


def _place(start: float, end: float) -> Place:
    return Place(seconds=(round(start, 3), round(max(start, end), 3)))


def _pictures_of(container: Any) -> Any | None:
    """The stream of the film; None when there is none that can be decoded. A cover picture is none."""
    known = [s for s in films_in(container) if s.codec_context is not None]
    best = best_of(container, "video")
    return best if best in known else next(iter(known), None)


def _developer(stream: Any, limits: Limits) -> Developer:
    context = stream.codec_context
    check_size((context.width, context.height), limits)
    context.thread_type = "AUTO"
    context.thread_count = 1 if context.width * context.height > _HUGE else _THREADS
    shape = float(stream.sample_aspect_ratio or 1)
    return Developer(limits, shape if 0.1 < shape < 10 else 1.0)


def _unlocked(packets: Iterator[Any]) -> Iterator[Any]:
    for packet in packets:
        if packet.is_keyframe and packet.has_sidedata("encryption_info"):
            raise Unreadable("an encrypted film: it cannot be played without its key")
        yield packet


def _fps(stream: Any | None) -> float:
    rate = float((stream.average_rate or stream.guessed_rate or 0) if stream else 0)
    return rate if 0.01 < rate < 1000 else 0.0


def _attributes(container: Any, stream: Any | None) -> dict[str, Any]:
    """What the container says about the film."""
    found: dict[str, Any] = {}
    if container.duration and container.duration > 0:
        found["seconds"] = round(container.duration / av.time_base, 3)
    if stream is not None:
        found["codec"] = stream.codec_context.codec.canonical_name
        if fps := _fps(stream):
            found["fps"] = round(fps, 3)
    said = {name.lower(): value for name, value in container.metadata.items() if value.strip()}
    for tag, name in _TAGS.items():
        if tag in said:
            found.setdefault(name, " ".join(said[tag].split())[:1000])
    if date := iso_date(said.get("date")):
        found["date"] = date
    if (taken := iso_date(next((said[tag] for tag in _TAKEN if tag in said), ""))) and taken > "1971":
        found["taken"] = taken
    languages = [language_of(each) for each in (*container.streams.audio, *([stream] if stream else []))]
    if language := next(filter(None, languages), ""):
        found["language"] = language
    return found | _where(said)


def _where(said: Mapping[str, str]) -> dict[str, float]:
    """Latitude, longitude and altitude of ISO 6709, as in "+27.5916+086.5640+8850/"."""
    found = _ISO_6709.match(next((said[tag] for tag in _WHERE if tag in said), ""))
    if not found or abs(float(found[1])) > 90 or abs(float(found[2])) > 180:
        return {}
    where = {"latitude": float(found[1]), "longitude": float(found[2])}
    return where | ({"altitude": float(found[3])} if found[3] else {})


reader = VideoReader()
