"""Pictures and sounds made small enough to live inside a page, as data: URIs."""

from __future__ import annotations

import io
import wave
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

if TYPE_CHECKING:
    from av.audio.stream import AudioStream

_SIDE = 320
_RATE = 24_000
_MP3 = "libmp3lame"
_BIT_RATE = 32_000
_BARS = 56
_UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError, av.FFmpegError)


def picture_uri(source: Path | bytes) -> str | None:
    """A picture as WebP, its longer side at most 320 pixels; None when it cannot be read."""
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as picture:
            picture.draft("RGB", (_SIDE, _SIDE))
            upright = ImageOps.exif_transpose(picture).convert("RGBA")
    except _UNREADABLE:
        return None
    upright.thumbnail((_SIDE, _SIDE))
    shown = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright).convert("RGB")
    file = io.BytesIO()
    shown.save(file, "WEBP", quality=78)
    return _uri("image/webp", file.getvalue())


def sound(source: Path | bytes, start: float = 0.0, seconds: float = 5.0) -> tuple[str, list[float]] | None:
    """A stretch of a sound as MP3 (every browser plays it), and the height of 56 bars that draw it, 0 to 1.

    None when it cannot be read. Where FFmpeg was built without an MP3 encoder it is a WAV file.
    """
    try:
        samples = _stretch(source, start, seconds)
    except _UNREADABLE:
        return None
    if not samples.size:
        return None
    pieces = np.array_split(np.abs(samples.astype(np.float64)), min(_BARS, samples.size))
    heights = np.array([piece.max() for piece in pieces])
    heights = np.sqrt(heights / max(heights.max(), 1.0))
    compressed = _MP3 in av.codecs_available
    uri = _uri("audio/mpeg", _mp3(samples)) if compressed else _uri("audio/wav", _wav(samples))
    return uri, heights.round(2).tolist()


def _stretch(source: Path | bytes, start: float, seconds: float) -> NDArray[np.int16]:
    """Mono int16 (n,) at 24 kHz, from `start` on for at most `seconds`."""
    resampler = av.AudioResampler("s16", "mono", _RATE)
    pieces: list[NDArray[np.int16]] = []
    with av.open(io.BytesIO(source) if isinstance(source, bytes) else str(source)) as file:
        if not file.streams.audio:
            return np.zeros(0, np.int16)
        if start > 0:
            file.seek(int(start * 1_000_000))
        for frame in file.decode(audio=0):
            end = (frame.time or 0.0) + frame.samples / frame.sample_rate
            if end <= start:
                continue
            pieces += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
            if end >= start + seconds:
                break
        pieces += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
    return np.concatenate(pieces)[: int(seconds * _RATE)] if pieces else np.zeros(0, np.int16)


def _mp3(samples: NDArray[np.int16]) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as out:
        stream: AudioStream = out.add_stream(_MP3, rate=_RATE, layout="mono")
        stream.bit_rate = _BIT_RATE
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = _RATE
        resampler = av.AudioResampler("s16p", "mono", _RATE, frame_size=stream.codec_context.frame_size or 576)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    return file.getvalue()


def _wav(samples: NDArray[np.int16]) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(_RATE)
        out.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


def _uri(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{b64encode(content).decode('ascii')}"
