"""Small good sounds of every format, and odd ones."""

from __future__ import annotations

import io
import struct
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from sensorium.testing.media import tone, wav


def encoded(samples: NDArray[np.float32], rate: int, form: str, codec: str, **tags: str) -> bytes:
    """Mono `samples` (n,) as a file that FFmpeg writes."""
    out = io.BytesIO()
    with av.open(out, "w", form, options={"fflags": "+bitexact"}) as container:
        container.metadata.update(tags)
        stream = container.add_stream(codec, rate=rate, layout="mono")
        step = stream.codec_context.frame_size or 1024
        for start in range(0, len(samples), step):
            piece = samples[start : start + step]
            frame = av.AudioFrame.from_ndarray(piece[None, :], "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            container.mux(stream.encode(_as_wanted(frame, stream)))
        container.mux(stream.encode(None))
    return out.getvalue()


def _as_wanted(frame: av.AudioFrame, stream: av.AudioStream) -> av.AudioFrame:
    wanted = stream.codec_context.format.name
    if wanted == frame.format.name:
        return frame
    (changed,) = av.AudioResampler(wanted, "mono", frame.sample_rate).resample(frame)
    return changed


def good_sounds() -> dict[str, bytes]:
    """Name -> file; every one can be read."""
    low, high = tone(330, 1.2, 16000), tone(440, 1.2, 48000)
    tags = {"title": "A tone", "artist": "Nobody"}
    return {
        "tone.wav": wav(low[:8000]),
        "stereo.wav": wav(np.stack([tone(300, 0.3), tone(500, 0.3)], axis=1)),
        "tone.flac": encoded(low, 16000, "flac", "flac", **tags),
        "tone.mp3": encoded(low, 16000, "mp3", "libmp3lame", **tags),
        "tone.opus": encoded(high, 48000, "ogg", "libopus", **tags),
        "vorbis.ogg": encoded(np.repeat(low, 2), 16000, "ogg", "flac", **tags),
        "tone.m4a": encoded(low, 16000, "ipod", "aac", **tags),
        "tone.aiff": encoded(low[:4000], 16000, "aiff", "pcm_s16be"),
        "tone.mka": encoded(high, 48000, "matroska", "libopus"),
    }


def riff(
    data: bytes, *, form: int = 1, channels: int = 1, rate: int = 16000, bits: int = 16, said: int | None = None
) -> bytes:  # fmt: skip
    """A WAV file with a header that may be wrong in any of its fields; `said` is the length it claims."""
    block = channels * bits // 8
    header = struct.pack("<HHIIHH", form, channels, rate, rate * block & 0xFFFFFFFF, block & 0xFFFF, bits)
    size = len(data) if said is None else said
    chunks = b"WAVEfmt " + struct.pack("<I", len(header)) + header + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", min(len(chunks), 0xFFFFFFFF)) + chunks


def odd_sounds() -> dict[str, bytes]:
    """Name -> file: sounds that are allowed and rare, or wrong."""
    floats = tone(440, 1.0).astype("<f4")
    broken = floats.copy()
    broken[100:200], broken[300], broken[301], broken[5000:] = np.nan, np.inf, -np.inf, 1e30
    pcm = (tone(440, 0.5) * 20000).astype("<i2")
    return {
        "nans.wav": riff(broken.tobytes(), form=3, bits=32),
        "only-nans.wav": riff(np.full(8000, np.nan, "<f4").tobytes(), form=3, bits=32),
        "huge-floats.wav": riff(np.full(8000, 3e38, "<f4").tobytes(), form=3, bits=32),
        "doubles.wav": riff(np.full(4000, 1e300, "<f8").tobytes(), form=3, bits=64),
        "one-sample.wav": riff(pcm[:1].tobytes()),
        "no-sample.wav": riff(b""),
        "half-sample.wav": riff(b"\x01"),
        "eight-channels.wav": riff(np.repeat(pcm[:1600, None], 8, axis=1).tobytes(), channels=8),
        "many-channels.wav": riff(bytes(65535 * 2), channels=65535),
        "no-channels.wav": riff(pcm.tobytes(), channels=0),
        "no-rate.wav": riff(pcm.tobytes(), rate=0),
        "one-hertz.wav": riff(pcm.tobytes(), rate=1),
        "fastest.wav": riff(pcm.tobytes(), rate=0xFFFFFFFF),
        "no-bits.wav": riff(pcm.tobytes(), bits=0),
        "odd-bits.wav": riff(pcm.tobytes(), bits=45),
        "claims-4-gb.wav": riff(pcm.tobytes(), said=0xFFFFFFF0),
        "unknown-form.wav": riff(pcm.tobytes(), form=0x7777),
        "huge-id3.mp3": b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(5000),
        "chained.opus": encoded(tone(300, 0.5, 48000), 48000, "ogg", "libopus")
        + encoded(tone(500, 0.5, 24000), 24000, "ogg", "libopus"),
        "no-frames.flac": b"fLaC\x80\0\0\x22" + bytes(34),
        "endless-comment.ogg": b"OggS\0\x02" + bytes(20) + b"\x01\xff" + b"\x01vorbis" + b"\xff" * 400,
    }
