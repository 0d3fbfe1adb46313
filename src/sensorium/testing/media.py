"""Small files built on the spot, for the tests of readers and of all that reads."""

from __future__ import annotations

import io
import math
import wave
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image


def wav(samples: NDArray[np.floating], rate: int = 16000) -> bytes:
    """A 16-bit WAV file of `samples` in [-1, 1], (n,) or (n, channels)."""
    columns = samples[:, None] if samples.ndim == 1 else samples
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(columns.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.rint(np.clip(columns, -1, 1) * 32767).astype("<i2").tobytes())
    return written.getvalue()


def tone(hertz: float = 440.0, seconds: float = 2.0, rate: int = 16000, loudness: float = 0.5) -> NDArray[np.float32]:
    """A sine of `seconds`, float32 (n,)."""
    times = np.arange(round(seconds * rate)) / rate
    return (loudness * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def picture(width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """A picture without symmetry, uint8 (height, width, 3): red grows rightwards, green downwards; a blue corner."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width).astype(np.uint8)[None, :]
    pixels[..., 1] = np.linspace(0, 255, height).astype(np.uint8)[:, None]
    pixels[: height // 3, : width // 4, 2] = 255
    return pixels


def patchwork(seed: int, width: int = 160, height: int = 120) -> NDArray[np.uint8]:
    """Soft patches of random colours, uint8 (height, width, 3): another picture with each `seed`, as photos differ."""
    patches = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(patches).resize((width, height), Image.Resampling.BICUBIC))


def encoded(image: Image.Image | NDArray[np.uint8], form: str = "PNG", **options: object) -> bytes:
    """`image` as a file of Pillow's format `form`."""
    whole = image if isinstance(image, Image.Image) else Image.fromarray(image)
    written = io.BytesIO()
    whole.save(written, form, **options)
    return written.getvalue()


@dataclass(frozen=True)
class Scene:
    """A stretch of a film: `seconds` of a picture uint8 (h, w, 3) and of a sound float32 (n,) at 16 kHz, or silence.

    With a `pan` the camera sees a part of the picture and moves across it: (from, to), each (x, y) from 0 to 1. With a
    `zoom` it sees a part that many times smaller at the start and at the end. `fade` are seconds in which the picture
    comes out of the one before it (out of black for the first).
    """

    picture: NDArray[np.uint8]
    seconds: float
    sound: NDArray[np.floating] | None = None
    pan: tuple[tuple[float, float], tuple[float, float]] = ((0.5, 0.5), (0.5, 0.5))
    zoom: tuple[float, float] = (1.0, 1.0)
    fade: float = 0.0


@dataclass(frozen=True)
class Spoken:
    """A subtitle: its text from `start` to `end`, in seconds."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Form:
    """How a film is written: container, codecs, their options (as FFmpeg names them), size and rate.

    `sound` "" leaves the sound out, `subtitles` is "subrip", "mov_text", "webvtt" or "ass"; `tags` are those of the
    container. `changes` is called with the video stream before anything is written.
    """

    container: str = "mp4"
    codec: str = "libx264"
    sound: str = "aac"
    subtitles: str = ""
    size: tuple[int, int] = (160, 120)
    fps: int = 25
    options: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    bit_rate: int = 0
    pixels: str = "yuv420p"
    threads: int = 1
    changes: Callable[[Any], None] = lambda stream: None


def film(scenes: Iterable[Scene], form: Form = Form(), spoken: Sequence[Spoken] = (), to: str = "") -> bytes:
    """A film of `scenes`, cut at their borders; written to the file `to`, or returned when that is "".

    A scene begins at the first frame at or after the sum of the seconds before it.
    """
    written = io.BytesIO()
    with av.open(to or written, "w", format=form.container) as container:
        container.metadata.update(form.tags)
        streams: list[Any] = [_Pictures(container, form)]
        streams += [_Sounds(container, form)] if form.sound else []
        streams += [_Words(container, form, spoken)] if form.subtitles else []
        for scene in scenes:
            for stream in streams:
                stream.write(scene)
        for stream in streams:
            stream.end()
    return written.getvalue()


class _Pictures:
    def __init__(self, container: Any, form: Form) -> None:
        self.container, self.form = container, form
        self.stream = container.add_stream(form.codec, rate=form.fps)
        self.stream.width, self.stream.height = form.size
        self.stream.pix_fmt, self.stream.options = form.pixels, dict(form.options)
        self.stream.thread_type, self.stream.codec_context.thread_count = "FRAME", form.threads
        if form.bit_rate:
            self.stream.bit_rate = form.bit_rate
        form.changes(self.stream)
        self.count, self.seconds = 0, 0.0
        self.last: NDArray[np.uint8] = np.zeros((form.size[1], form.size[0], 3), np.uint8)

    def write(self, scene: Scene) -> None:
        width, height = self.form.size
        self.seconds += scene.seconds
        frames = math.ceil(self.seconds * self.form.fps - 1e-6) - self.count
        before = self.last
        moves = scene.pan[0] != scene.pan[1] or scene.zoom[0] != scene.zoom[1]
        picture = Image.fromarray(scene.picture)
        seen = None
        for at in range(frames):
            if seen is None or moves:
                seen = np.asarray(_through(picture, scene, at / max(1, frames - 1), (width, height)))
            share = min(1.0, at / (scene.fade * self.form.fps)) if scene.fade else 1.0
            mixed = seen if share == 1 else np.rint(before + share * (seen.astype(np.float32) - before))
            self.last = mixed.astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(self.last, format="rgb24")
            frame.pts, frame.time_base = self.count, Fraction(1, self.form.fps)
            self.container.mux(self.stream.encode(frame))
            self.count += 1

    def end(self) -> None:
        self.container.mux(self.stream.encode(None))


def _through(picture: Image.Image, scene: Scene, share: float, size: tuple[int, int]) -> Image.Image:
    """What the camera sees of the picture after that `share` of its scene."""
    zoom = scene.zoom[0] + share * (scene.zoom[1] - scene.zoom[0])
    width, height = picture.width / zoom, picture.height / zoom
    x, y = (start + share * (end - start) for start, end in zip(*scene.pan, strict=True))
    left, top = x * (picture.width - width), y * (picture.height - height)
    if zoom != 1 and scene.zoom[0] == scene.zoom[1] and round(width) == size[0] and round(height) == size[1]:
        left, top = round(left), round(top)  # as many pixels as are wanted: cut out, which is much faster
        return picture.crop((left, top, left + size[0], top + size[1]))
    return picture.resize(size, Image.Resampling.BILINEAR, box=(left, top, left + width, top + height))


class _Sounds:
    RATE = 16000

    def __init__(self, container: Any, form: Form) -> None:
        self.container = container
        self.stream = container.add_stream(form.sound, rate=48000)
        self.stream.layout = "mono"
        self.resample = av.AudioResampler(self.stream.codec_context.format.name, "mono", 48000).resample
        self.count, self.seconds = 0, 0.0

    def write(self, scene: Scene) -> None:
        self.seconds += scene.seconds
        samples = np.zeros(round(self.seconds * self.RATE) - self.count, np.float32)
        if scene.sound is not None:
            sound = scene.sound[: len(samples)]
            samples[: len(sound)] = sound
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = self.RATE, self.count, Fraction(1, self.RATE)
        self.count += len(samples)
        self.encode(frame)

    def encode(self, frame: Any) -> None:
        for ready in self.resample(frame):
            self.container.mux(self.stream.encode(ready))

    def end(self) -> None:
        self.encode(None)
        self.container.mux(self.stream.encode(None))


class _Words:
    def __init__(self, container: Any, form: Form, spoken: Sequence[Spoken]) -> None:
        self.container, self.codec, self.waiting = container, form.subtitles, list(spoken)
        self.stream = container.add_stream(form.subtitles)
        self.stream.time_base = Fraction(1, 1000)
        self.stream.codec_context.subtitle_header = _STYLES
        self.seconds = 0.0

    def write(self, scene: Scene) -> None:
        self.seconds += scene.seconds
        while self.waiting and self.waiting[0].start < self.seconds:
            self.mux(self.waiting.pop(0))

    def mux(self, said: Spoken) -> None:
        words = said.text.encode()
        if self.codec == "mov_text":
            words = len(words).to_bytes(2, "big") + words
        if self.codec == "ass":
            words = b"0,0,Default,,0,0,0,," + words.replace(b"\n", b"\\N")
        packet = av.Packet(words)
        packet.stream, packet.time_base = self.stream, Fraction(1, 1000)
        packet.pts = packet.dts = round(said.start * 1000)
        packet.duration = round((said.end - said.start) * 1000)
        self.container.mux(packet)

    def end(self) -> None:
        for said in self.waiting:
            self.mux(said)


_STYLES = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname
Style: Default,Arial

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
