"""Small good films of every container, and odd ones."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from badfiles.pictures import fields
from sensorium.testing.media import tone

RATE = 16000
SRT = "1\n00:00:00,000 --> 00:00:01,000\nThe door opens.\n\n2\n00:00:01,000 --> 00:00:02,000\nSomeone laughs.\n"


def film(
    form: str, codec: str, sound: str = "", *, seconds: float = 2.0, side: int = 48, fps: int = 8, varying: bool = False
) -> bytes:  # fmt: skip
    """Two shots, cut in the middle; `varying`: every frame lasts longer than the one before it."""
    out = io.BytesIO()
    with av.open(out, "w", form, options={"fflags": "+bitexact"}) as container:
        container.metadata["title"] = "Two shots"
        streams = [_add_film(container, codec, fps, side)]
        if sound:
            streams.append(container.add_stream(sound, rate=48000 if sound == "libopus" else RATE, layout="mono"))
        for frame in _frames(round(seconds * fps), side, fps, varying):
            container.mux(streams[0].encode(frame))
        container.mux(streams[0].encode(None))
        if sound:
            for heard in _heard(streams[1], seconds):
                container.mux(streams[1].encode(heard))
            container.mux(streams[1].encode(None))
    return out.getvalue()


def _add_film(container: av.container.OutputContainer, codec: str, fps: int, side: int) -> av.VideoStream:
    quick = {"libx264": {"preset": "ultrafast"}, "libvpx": {"deadline": "realtime", "cpu-used": "16"}}
    stream = container.add_stream(codec, rate=fps, options=quick.get(codec, {}))
    stream.width = stream.height = side
    stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    stream.codec_context.time_base = Fraction(1, fps)
    stream.thread_count = 1
    return stream


def _frames(count: int, side: int, fps: int, varying: bool) -> Iterator[av.VideoFrame]:
    for number in range(count):
        pixels = np.array(fields(number * 2 // max(count, 1), side))
        pixels[number % side, :8] = 255
        frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
        frame.pts, frame.time_base = number * (number + 1) // 2 if varying else number, Fraction(1, fps)
        yield frame


def _heard(stream: av.AudioStream, seconds: float) -> Iterator[av.AudioFrame]:
    context = stream.codec_context
    rate, step = context.sample_rate, context.frame_size or 1024
    samples = tone(440, seconds, rate)
    for start in range(0, len(samples) - step, step):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + step], "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        resampled = av.AudioResampler(context.format.name, "mono", rate).resample(frame)
        yield from resampled


def with_subtitles() -> bytes:
    """A Matroska film whose subtitles are a stream of its own."""
    out = io.BytesIO()
    silent, words = av.open(io.BytesIO(film("matroska", "mpeg4"))), av.open(io.BytesIO(SRT.encode()), format="srt")
    with silent, words, av.open(out, "w", "matroska", options={"fflags": "+bitexact"}) as container:
        pairs = [(each, container.add_stream_from_template(each.streams[0])) for each in (silent, words)]
        for read, written in pairs:
            for packet in read.demux(read.streams[0]):
                if packet.dts is not None:
                    packet.stream = written
                    container.mux(packet)
    return out.getvalue()


def good_films() -> dict[str, bytes]:
    """Name -> file; every one can be read."""
    return {
        "shots.mp4": film("mp4", "libx264", "aac"),
        "mute.mp4": film("mp4", "mpeg4"),
        "shots.mkv": film("matroska", "libx264", "libopus"),
        "spoken.mkv": with_subtitles(),
        "shots.webm": film("webm", "libvpx", "libopus"),
        "shots.avi": film("avi", "mjpeg", "pcm_s16le", side=32),
        "shots.mov": film("mov", "mjpeg", side=32),
        "shots.ts": film("mpegts", "mpeg4", "aac"),
        "varying.mp4": film("mp4", "mpeg4", varying=True),
    }


def box(name: bytes, *inside: bytes) -> bytes:
    """A box of an ISO media file."""
    content = b"".join(inside)
    return struct.pack(">I", len(content) + 8) + name + content


def odd_films() -> dict[str, bytes]:
    """Name -> file: legal and strange, or wrong."""
    whole = film("mp4", "libx264", "aac")
    damaged = bytearray(film("matroska", "libx264", "libopus"))
    for at in range(len(damaged) // 3, len(damaged), 97):
        damaged[at] ^= 0x55
    nested = b""
    for _ in range(2000):
        nested = box(b"moov", nested)
    return {
        "damaged-frames.mkv": bytes(damaged),
        "one-frame.mp4": film("mp4", "mpeg4", seconds=0.125),
        "endless-duration.mp4": _with_durations(whole, 0xFFFFFFFE),
        "no-timescale.mp4": _with_timescale(whole, 0),
        "odd-edits.mp4": _with_edits(whole),
        "nested-boxes.mp4": box(b"ftyp", b"isom\0\0\0\0isom") + nested,
        "other-file.mp4": whole.replace(b"url \0\0\0\1", b"url \0\0\0\0"),
        "huge-box.mp4": box(b"ftyp", b"isom\0\0\0\0isom") + b"\0\0\0\1moov" + b"\x7f" + b"\xff" * 7 + bytes(200),
        "cyclic.mkv": cyclic_matroska(),
        "endless-sizes.mkv": b"\x1aE\xdf\xa3\x84B\x82\x88m"
        + b"\x18S\x80g\x01"
        + b"\xff" * 7
        + b"\x1fC\xb6u\x01"
        + b"\xff" * 7,
        "no-frames.avi": film("avi", "mjpeg", side=32)[:2048],
    }


def _with_durations(whole: bytes, units: int) -> bytes:
    changed = bytearray(whole)
    for name, offset in ((b"mvhd", 20), (b"mdhd", 20), (b"tkhd", 24)):
        for at in _all(whole, name):
            struct.pack_into(">I", changed, at + offset, units)
    return bytes(changed)


def _with_timescale(whole: bytes, units: int) -> bytes:
    changed = bytearray(whole)
    for name in (b"mvhd", b"mdhd"):
        for at in _all(whole, name):
            struct.pack_into(">I", changed, at + 16, units)
    return bytes(changed)


def _with_edits(whole: bytes) -> bytes:
    """Its edit lists begin far away and never end."""
    changed = bytearray(whole)
    for at in _all(whole, b"elst"):
        struct.pack_into(">II", changed, at + 12, 0x7FFFFFFF, 0x7FFFFFF0)
    return bytes(changed)


def _all(data: bytes, name: bytes) -> Iterator[int]:
    at = data.find(name)
    while at >= 0:
        yield at
        at = data.find(name, at + 4)


def element(name: int, content: bytes) -> bytes:
    """An EBML element."""
    return bytes.fromhex(f"{name:x}") + (len(content) | 1 << 28).to_bytes(4, "big") + content


def cyclic_matroska() -> bytes:
    """Its table of contents names itself, and its chapters other files and each other."""
    head = element(0x1A45DFA3, element(0x4282, b"matroska"))
    entry = element(0x4DBB, element(0x53AB, b"\x11\x4d\x9b\x74") + element(0x53AC, b"\0"))
    seeks = element(0x114D9B74, entry * 50)
    linked = element(
        0x1549A966, element(0x73A4, b"A" * 16) + element(0x3CB923, b"A" * 16) + element(0x3EB923, b"A" * 16)
    )
    chapter = element(0xB6, element(0x73C4, b"\1") + element(0x91, b"\0") + element(0x6E67, b"A" * 16))
    chapters = element(0x1043A770, element(0x45B9, element(0x45DD, b"\1") + chapter * 20))
    return head + element(0x18538067, seeks + linked + chapters + seeks)


def playlists(port: int, secret: str) -> dict[str, bytes]:
    """Name -> file: files that tell a player to open other files and addresses."""
    url = f"http://127.0.0.1:{port}/film"
    hls = f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{url}.ts\n#EXTINF:5,\nfile://{secret}\n#EXT-X-ENDLIST\n"
    concat = f"ffconcat version 1.0\nfile '{secret}'\nfile '{url}.mp4'\n"
    sdp = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    sdp += f"m=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    mpd = (
        f'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet><Representation id="1">'
        f"<BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>"
    )
    return {
        "list.m3u8": hls.encode(),
        "list.mp4": hls.encode(),
        "list.mkv": hls.encode(),
        "list.ffconcat": concat.encode(),
        "list.avi": concat.encode(),
        "list.sdp": sdp.encode(),
        "list.mpd": mpd.encode(),
        "mpd.mp4": mpd.encode(),
        "list.pls": f"[playlist]\nFile1={url}\nNumberOfEntries=1\n".encode(),
        "list.xspf": f'<?xml version="1.0"?><playlist xmlns="http://xspf.org/ns/0/"><trackList><track><location>{url}'
        "</location></track></trackList></playlist>".encode(),
        "ref.mov": box(b"ftyp", b"qt  \0\0\0\0qt  ")
        + box(
            b"moov",
            box(
                b"rmra",
                box(b"rmda", box(b"rdrf", bytes(4) + b"url " + struct.pack(">I", len(url) + 1), url.encode() + b"\0")),
            ),
        ),
        "cover.asx": f'<asx version="3"><entry><ref href="{url}"/></entry></asx>'.encode(),
    }
