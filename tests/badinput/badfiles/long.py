"""Files that are really long: three hours of sound, two of film, a gigabyte of text; made in seconds."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import av

from badfiles.bombs import many_frames, sparse, zero_png
from badfiles.films import film
from badfiles.sounds import encoded
from sensorium.testing.media import tone

_WORDS = b"the harbour was quiet and the keeper climbed the stairs again "


def repeated(data: bytes, form: str, seconds: float, path: Path) -> None:
    """A film or sound played over and over until `seconds` are full: its packets are copied, with later times."""
    with av.open(io.BytesIO(data)) as container:
        streams = [stream for stream in container.streams if stream.type in ("audio", "video")]
        packets = [packet for packet in container.demux(streams) if packet.dts is not None]
        length = max(float((packet.pts + packet.duration) * packet.time_base) for packet in packets)
        with av.open(path, "w", form) as out:
            places = {stream.index: out.add_stream_from_template(stream) for stream in streams}
            for turn in range(-(-round(seconds) // max(1, round(length)))):
                for packet in packets:
                    copy = av.Packet(bytes(packet))
                    later = round(turn * length / packet.time_base)
                    copy.pts, copy.dts, copy.duration = packet.pts + later, packet.dts + later, packet.duration
                    copy.time_base, copy.is_keyframe = packet.time_base, packet.is_keyframe
                    copy.stream = places[packet.stream.index]
                    out.mux(copy)


def three_hours_of_sound(path: Path) -> None:
    """Opus, a minute of a tone over and over."""
    repeated(encoded(tone(440, 60, 48000), 48000, "ogg", "libopus"), "ogg", 3 * 3600, path)


def three_hours_of_samples(path: Path) -> None:
    """8-bit WAV at 8 kHz, 86 MB, nearly all of it silence."""
    from badfiles.sounds import riff

    size = 3 * 3600 * 8000
    sparse(path, 44 + size, riff(b"", rate=8000, bits=8, said=size), b"\x80\xff" * 4000)


def two_hours_of_film(path: Path) -> None:
    """H.264 of 64 x 64 pixels with sound, 25 pictures a second, a cut every ten seconds."""
    repeated(film("matroska", "libx264", "libopus", seconds=20, side=64, fps=25), "matroska", 2 * 3600, path)


def gigabyte_of_zeros(path: Path) -> None:
    """A single line between two words, which takes no room on the disk."""
    sparse(path, 1 << 30, _WORDS, _WORDS)


def gigabyte_of_words(path: Path) -> None:
    """A single line."""
    block = _WORDS * 20_000
    with path.open("wb") as file:
        while file.tell() < 1 << 30:
            file.write(block)


def gigabyte_of_table(path: Path) -> None:
    """A table whose second row never ends."""
    gigabyte_of_words(path)
    with path.open("r+b") as file:
        file.write(b'a,b\n1,"')


def gigabyte_of_lines(path: Path) -> None:
    """JSON lines without an end."""
    block = b'{"name": "keeper", "place": "harbour"}\n' * 30_000
    with path.open("wb") as file:
        while file.tell() < 1 << 30:
            file.write(block)


def gigabyte_of_markup(path: Path) -> None:
    """An XML document, or by its name a page, of a gigabyte."""
    begin, end = (
        (b"<html><body>", b"</body></html>") if path.suffix == ".html" else (b'<?xml version="1.0"?><d>', b"</d>")
    )
    block = b"<section><title>Harbour</title><p>" + _WORDS + b"</p></section>"
    with path.open("wb") as file:
        file.write(begin)
        while file.tell() < 1 << 30:
            file.write(block * 5_000)
        file.write(end)


def million_frames(path: Path) -> None:
    """A GIF, 23 MB."""
    path.write_bytes(many_frames(1_000_000))


def fifty_thousand_pixels(path: Path) -> None:
    """A whole RGB PNG of 2.5 gigapixels, 7 MB."""
    path.write_bytes(zero_png(50_000, 50_000, colour=2))


def largest_picture(path: Path) -> None:
    """A whole RGB PNG just below the limit in pixels: 600 MB decoded."""
    path.write_bytes(zero_png(14_100, 14_100, colour=2))


LONG: dict[str, Callable[[Path], None]] = {
    "three-hours.opus": three_hours_of_sound,
    "three-hours.wav": three_hours_of_samples,
    "two-hours.mkv": two_hours_of_film,
    "zeros.txt": gigabyte_of_zeros,
    "words.txt": gigabyte_of_words,
    "endless.csv": gigabyte_of_table,
    "lines.jsonl": gigabyte_of_lines,
    "large.xml": gigabyte_of_markup,
    "large.html": gigabyte_of_markup,
    "million.gif": million_frames,
    "50000x50000.png": fifty_thousand_pixels,
    "largest.png": largest_picture,
}
