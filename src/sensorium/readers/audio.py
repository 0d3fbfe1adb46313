"""Sounds: whatever FFmpeg decodes, a window at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NoReturn

import av
import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import Unreadable
from sensorium.core.types import Audio, Part, Place
from sensorium.readers.contract import Limits, Source
from sensorium.readers.damage import DAMAGE, reason, unreadable
from sensorium.readers.embedded import picture
from sensorium.readers.tags import tags_of
from sensorium.readers.unknown_codecs import no_decoder

_TROUBLE = (av.error.FFmpegError, *DAMAGE)
_SHORTEST_WINDOW = 1.0
_SHORT = 4096  # samples: far more than the resampler's filter is long
# From seismographs to bit streams. What a damaged header says outside it would take minutes and gigabytes to resample.
_RATES = range(100, 6_000_001)


class AudioReader:
    """Consecutive windows of mono sound; the first one carries the file's tags."""

    kind = "audio"

    def accepts(self, media_type: str) -> bool:
        """Sound of any format; FFmpeg says which it knows."""
        return media_type.startswith("audio/")

    def read(self, source: Source, limits: Limits) -> Iterator[Part]:
        """Audio parts of `limits.window_seconds` at `limits.audio_rate`, with `Place(seconds=(start, end))`.

        Channels are averaged. A rest of less than a second is left out, unless it is all there is. Of a damaged
        stream come the windows that could be decoded. The first part's attributes are `seconds` (where the file says)
        and the tags title, artist, album, genre, description, date and track; its preview
        is the cover. Raises `Unreadable` when no sound can be decoded.
        """
        with unreadable("damaged sound", *_TROUBLE), opened(source) as container:
            stream = container.streams.best("audio")
            if stream is None or stream.codec_context is None:
                raise Unreadable(_why_silent(container))
            attributes, preview = _attributes(container, stream), _cover(source, container, limits)
            rate = limits.audio_rate
            size, shortest = round(limits.window_seconds * rate), round(_SHORTEST_WINDOW * rate)
            start = 0
            for window in windows(_samples(container, stream, rate), size, shortest):
                samples = np.clip(np.nan_to_num(window, copy=False), np.float32(-1), np.float32(1))
                place = Place(seconds=(round(start / rate, 3), round((start + len(samples)) / rate, 3)))
                yield Part("audio", Audio(samples, rate), place, attributes, preview)
                start, attributes, preview = start + len(samples), {}, None


def holds_only_sound(source: Source) -> bool:
    """Whether a film container holds sound and no film (a cover picture is no film). False when it cannot be opened."""
    try:
        with unreadable("damaged", *_TROUBLE), opened(source) as container:
            film = any(not s.disposition & s.disposition.attached_pic for s in container.streams.video)
            return bool(container.streams.audio) and not film
    except Unreadable:
        return False


def windows(chunks: Iterator[NDArray[np.float32]], size: int, shortest: int) -> Iterator[NDArray[np.float32]]:
    """`chunks` (n,) of any length as windows (size,); the last is shorter, and left out if below `shortest`.

    A sound that is shorter than `shortest` altogether is one window.
    """
    held: list[NDArray[np.float32]] = []
    length, given = 0, 0
    for chunk in chunks:
        held.append(chunk)
        length += len(chunk)
        while length >= size:
            joined = np.concatenate(held)
            yield joined[:size].copy()
            given += 1
            held, length = [joined[size:]], length - size
    if length and (length >= shortest or not given):
        yield np.concatenate(held)


class _Nameless:
    """A stream without a name, so that FFmpeg judges by content alone."""

    def __init__(self, stream: BinaryIO) -> None:
        self.read, self.seek, self.tell = stream.read, stream.seek, stream.tell


def _refuse(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    # Playlists and reference films name other files and addresses: nothing but the file itself is ever opened.
    raise PermissionError("it refers to another file")


@contextmanager
def opened(source: Source) -> Iterator[Any]:
    """FFmpeg's container of `source`: judged by content alone, and no other file is ever opened for it."""
    with (
        source.open() as stream,
        av.open(_Nameless(stream), "r", metadata_errors="replace", io_open=_refuse) as container,
    ):
        yield container


def _attributes(container: Any, stream: Any) -> dict[str, Any]:
    found = tags_of(stream.metadata, container.metadata)
    if container.duration and container.duration > 0:
        found["seconds"] = round(container.duration / av.time_base, 3)
    return found


def _why_silent(container: Any) -> str:
    """Why FFmpeg would play no stream of sound."""
    streams = container.streams.audio
    unknown = next((stream for stream in streams if stream.codec_context is None), None)
    if unknown is not None:
        return f"no sound could be decoded: {no_decoder(container, unknown)}"
    return "damaged sound: its header says too little to decode it" if streams else "no sound in it"


def _cover(source: Source, container: Any, limits: Limits) -> NDArray[np.uint8] | None:
    """The picture that stands for the sound; None when it has none, or a broken one."""
    at = next((s.index for s in container.streams.video if s.disposition & s.disposition.attached_pic), None)
    if at is None:
        return None
    try:
        with opened(source) as again:  # the sound's own packets are still to come
            packet = next((packet for packet in again.demux(again.streams[at]) if packet.size), None)
            data = bytes(packet) if packet is not None else b""
    except _TROUBLE:  # the sound is no worse for it
        return None
    part = picture(data, limits, Place(), {})
    return part.content if part is not None else None


def _samples(container: Any, stream: Any, rate: int) -> Iterator[NDArray[np.float32]]:
    """The stream as mono float32 (n,) at `rate`; packets that cannot be decoded are left out."""
    stream.thread_type = "NONE"
    mix = Mixer(rate)
    packets = container.demux(stream)
    heard, trouble = False, None
    while True:
        try:
            packet = next(packets, None)
            mixed = mix(packet.decode() if packet is not None else [None])
        except _TROUBLE as error:  # the next packet may be sound again; after an error of its own, demux ends
            trouble = error
            continue
        heard = heard or bool(mixed)
        yield from mixed
        if packet is None:
            break
    if not heard:
        raise Unreadable(f"no sound could be decoded{f': {reason(trouble)}' if trouble else ''}")


class Mixer:
    """Frames of any format to mono float32 at one rate. A stream may change its format on the way.

    FFmpeg's resampler gives nothing for a sound that is shorter than its filter: such a one is drawn out in straight
    lines.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.short: list[Any] | None = []  # the frames of a sound that has given nothing yet
        self.form: tuple[str, str, int] | None = None
        self.resample: Callable[[Any], list[Any]] = lambda frame: []

    def __call__(self, frames: list[Any]) -> list[NDArray[np.float32]]:
        """The samples (n,) that are ready after `frames`; a frame None asks for the rest."""
        ready = []
        for frame in frames:
            if frame is not None and self.form != (form := (frame.format.name, frame.layout.name, frame.sample_rate)):
                if frame.sample_rate not in _RATES:
                    raise Unreadable(f"its header says {frame.sample_rate} samples a second")
                ready += self.resample(None)
                self.form = form
                # Packed, not a plane a channel: PyAV crashes over the planes of more than seven.
                self.resample = av.AudioResampler("flt", frame.layout, self.rate).resample
            ready += self.resample(frame)
            if self.short is not None and frame is not None:
                self.short.append(frame)
        if any(frame.samples for frame in ready) or sum(frame.samples for frame in self.short or ()) > _SHORT:
            self.short = None
        if self.short and None in frames:
            return [_drawn_out(self.short, self.rate)]
        # The mean, not FFmpeg's own mixing down, which amplifies by up to 3 dB and then clips.
        return [_mono(frame) for frame in ready if frame.samples]


def _mono(frame: Any) -> NDArray[np.float32]:
    """A packed frame of float32 as the mean of its channels (n,)."""
    samples: NDArray[np.float32] = frame.to_ndarray()[0].reshape(frame.samples, -1)
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float32)


def _drawn_out(frames: list[Any], rate: int) -> NDArray[np.float32]:
    """A few samples as mono float32 (n,) at another rate."""
    first = frames[0]
    alike = [frame for frame in frames if frame.format.name == first.format.name]
    plain = av.AudioResampler("flt", first.layout, first.sample_rate).resample
    mono = np.concatenate([_mono(one) for frame in alike for one in plain(frame)])
    count = max(1, round(len(mono) * rate / first.sample_rate))
    times = np.arange(count) * (first.sample_rate / rate)
    drawn: NDArray[np.float32] = np.interp(times, np.arange(len(mono)), mono).astype(np.float32)
    return drawn


reader = AudioReader()
