"""Packets, moments and frames of a film whose file may be damaged anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import av
from av.format import Flags

from sensorium.readers.damage import reason
from sensorium.readers.unknown_codecs import no_decoder

DAMAGED = (av.error.FFmpegError, ValueError, OSError)
_MOST_ERRORS = 16
_JUMP = 10.0  # seconds: a stream that was spliced, or whose stamps ran over
_LATEST = 1e6  # seconds: eleven days
_LONGEST = 60.0  # seconds that one frame is shown; more is damage


class Clock:
    """Seconds from a film's beginning, from the stamps of its packets and frames. `end` is when the last one ends."""

    def __init__(self, container: Any, fps: float) -> None:
        self.start = container.start_time / av.time_base if container.start_time is not None else None
        self.jumps = bool(container.format.flags & Flags.ts_discont.value)
        self.frame = 1 / fps
        declared = (container.duration or 0) / av.time_base
        self.latest = min(_LATEST, 2 * declared + 3600) if declared > 0 else _LATEST
        self.now = self.end = 0.0
        self._scales: dict[int, float] = {}  # seconds of a stamp's unit, by stream: fractions are slow

    def __call__(self, packet: Any) -> float:
        """When a packet is shown; what has no stamp, or an absurd one, comes a frame after the last."""
        scale = self._scales.get(packet.stream_index)
        if scale is None:
            scale = self._scales[packet.stream_index] = float(packet.time_base or 0)
        stamp = packet.pts if packet.pts is not None else packet.dts
        self.now = self._time(None if stamp is None or not scale else stamp * scale)
        lasts = (packet.duration or 0) * scale
        self.end = max(self.end, self.now + (lasts if 0 < lasts < _LONGEST else self.frame))
        return self.now

    def _time(self, seconds: float | None) -> float:
        if seconds is None:
            return self.now + self.frame
        if self.start is None:
            self.start = seconds
        if self.jumps and abs(seconds - self.start - self.now) > _JUMP:
            self.start = seconds - self.now - self.frame
        if not -_JUMP < seconds - self.start < self.latest:
            return self.now + self.frame
        return max(0.0, seconds - self.start)

    def of(self, frame: Any, otherwise: float) -> float:
        """When a frame is shown that was decoded of packets already seen; `otherwise` where it does not say.

        All packets seen must be of one stream.
        """
        # The last frames that a decoder gives do not say themselves in what their stamps count.
        if frame.pts is None or len(self._scales) != 1:
            return otherwise
        seconds = frame.pts * next(iter(self._scales.values())) - (self.start or 0.0)
        return max(0.0, seconds) if -_JUMP < seconds < self.latest else otherwise


def best_of(container: Any, kind: str) -> Any | None:
    """The stream of a kind, "video" or "audio", that FFmpeg would play; None when there is none that can be decoded."""
    try:
        found = container.streams.best(kind)
    except LookupError:  # of a damaged file PyAV counts other streams than FFmpeg
        return None
    return found if found is not None and found.codec_context is not None else None


def films_in(container: Any) -> list[Any]:
    """The streams of pictures that move, decodable or not: the picture of a cover is none."""
    return [s for s in container.streams.video if not s.disposition & s.disposition.attached_pic]


def why_unseen(container: Any, decoder: Decoder | None, tally: Tally) -> str:
    """Why nothing of a film was seen, once all of its packets have passed."""
    if decoder is None:
        films = films_in(container)
        return no_decoder(container, films[0]) if films else "there is no film in it"
    if decoder.trouble:
        return decoder.trouble
    if not tally.count:
        return "no frame is found in it"
    return "none of its frames is whole" if tally.hidden < tally.count else "its edit list leaves all of its frames out"


def packets_of(container: Any, streams: Iterable[Any]) -> Iterator[Any]:
    """The packets of the streams, as they stand in the file; what is damaged between them is left out."""
    chosen = list(streams)
    for _ in range(_MOST_ERRORS):
        try:
            yield from (packet for packet in container.demux(chosen) if packet.size)
            return
        except MemoryError:
            raise
        except DAMAGED:
            continue


class Tally:
    """Packets as they pass by: how many, and how many that the file itself says are not to be shown."""

    def __init__(self, packets: Iterator[Any]) -> None:
        self._packets = packets
        self.count = self.hidden = 0

    def __iter__(self) -> Iterator[Any]:
        for packet in self._packets:
            self.count += 1
            self.hidden += packet.is_discard
            yield packet


class Decoder:
    """A film's decoder. `trouble` is what it said last about a packet that it could not decode."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self.trouble = ""

    def still(self, packet: Any) -> Any | None:
        """The frame of a key frame's packet alone; None when there is none."""
        frames = [*self._decoded(packet), *self._decoded(None)]
        self.context.flush_buffers()
        return next((frame for frame in frames if not frame.is_corrupt), None)

    def frames(self, packets: Iterable[Any], *, some: bool = False) -> Iterator[Any]:
        """The frames of packets that begin with a key frame's; `some`: without those that no other depends on."""
        self.context.skip_frame = "NONREF" if some else "DEFAULT"
        try:
            for packet in chain(packets, (None,)):
                yield from (frame for frame in self._decoded(packet) if not frame.is_corrupt)
        finally:
            self.context.skip_frame = "DEFAULT"
            self.context.flush_buffers()

    def _decoded(self, packet: Any | None) -> list[Any]:
        try:
            found: list[Any] = self.context.decode(packet)
        except MemoryError:
            raise
        except DAMAGED as error:
            self.trouble = reason(error)
            return []
        return found
