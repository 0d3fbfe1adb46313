"""Sounds become windows of mono sound at one rate, whatever they were."""

from __future__ import annotations

import io
import struct
import wave

import av
import numpy as np
import pytest

from sensorium.core.errors import Unreadable
from sensorium.core.types import Place
from sensorium.readers.audio import holds_only_sound, reader, windows
from sensorium.readers.registry import Limits, Source, read
from sensorium.readers.tags import iso_date, tags_of
from sensorium.testing.media import encoded, picture, tone, wav
from sensorium.testing.readers import WatchedSource


def joined(parts):
    return np.concatenate([part.content.samples for part in parts])


def compressed(samples, codec, form, rate=48000, **metadata):
    """`samples` (n,) as a file of FFmpeg's format `form`."""
    written = io.BytesIO()
    with av.open(written, "w", format=form) as container:
        container.metadata.update(metadata)
        stream = container.add_stream(codec, rate=rate)
        stream.layout = "mono"
        stream.bit_rate = 128_000
        resample = av.AudioResampler(stream.codec_context.format.name, "mono", rate)
        whole = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="fltp", layout="mono")
        whole.sample_rate = rate
        for frame in (*resample.resample(whole), *resample.resample(None), None):
            container.mux(stream.encode(frame))
    return written.getvalue()


def hertz_of(samples, rate=16000):
    """The loudest frequency."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.argmax(spectrum) * rate / len(samples)


def test_a_sound_becomes_consecutive_windows_with_their_seconds(parts_of):
    samples = tone(440, 12.5)
    parts = parts_of(wav(samples))
    assert [part.place for part in parts] == [Place(seconds=(0, 5)), Place(seconds=(5, 10)), Place(seconds=(10, 12.5))]
    assert [str(part.place) for part in parts] == ["0:00-0:05", "0:05-0:10", "0:10-0:12.5"]
    assert [len(part.content.samples) for part in parts] == [80000, 80000, 40000]
    assert all(part.modality == "audio" and part.content.rate == 16000 for part in parts)
    assert np.abs(joined(parts) - samples).max() < 1e-4


@pytest.mark.parametrize(("seconds", "expected"), [(5.5, 1), (5.99, 1), (6, 2), (6.5, 2), (0.3, 1), (0.999, 1), (5, 1)])
def test_a_rest_below_a_second_is_left_out_unless_it_is_all(parts_of, seconds, expected):
    parts = parts_of(wav(tone(seconds=seconds)))
    assert len(parts) == expected
    assert parts[-1].place.seconds[1] == pytest.approx(seconds if seconds < 5 or expected == 2 else 5)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 96000])
def test_every_rate_becomes_the_one_asked_for(parts_of, rate):
    samples = joined(parts_of(wav(tone(440, 3, rate), rate)))
    assert len(samples) == pytest.approx(48000, abs=2)
    assert np.abs(samples - tone(440, 3)[: len(samples)])[200:-200].max() < 2e-3


def test_what_is_too_high_for_the_rate_is_filtered_and_does_not_come_back_as_another_tone(parts_of):
    assert np.abs(joined(parts_of(wav(tone(15000, 2, 44100), 44100)))[200:-200]).max() < 0.01


def test_the_rate_and_the_window_are_asked_for(parts_of):
    parts = parts_of(wav(tone(440, 10, 44100), 44100), audio_rate=32000, window_seconds=4.0)
    assert [part.place.seconds for part in parts] == [(0, 4), (4, 8), (8, 10)]
    assert all(part.content.rate == 32000 for part in parts)
    assert hertz_of(parts[0].content.samples, 32000) == pytest.approx(440, abs=1)


@pytest.mark.parametrize("channels", [2, 3, 6])
def test_channels_are_averaged(parts_of, channels):
    each = np.stack([tone(200 * (n + 1), 1.5, loudness=0.9) for n in range(channels)], axis=1)
    assert np.abs(joined(parts_of(wav(each))) - each.mean(axis=1)).max() < 1e-3


def test_two_loud_channels_do_not_clip(parts_of):
    both = np.stack([tone(440, 1, loudness=0.99)] * 2, axis=1)
    assert np.abs(joined(parts_of(wav(both, 16000))) - both[:, 0]).max() < 1e-3


@pytest.mark.parametrize(
    ("codec", "form"),
    [("libmp3lame", "mp3"), ("flac", "flac"), ("libopus", "ogg"), ("aac", "mp4"), ("aac", "adts"), ("libvorbis", "ogg"),
     ("pcm_s24be", "aiff"), ("pcm_f32le", "wav"), ("pcm_mulaw", "wav"), ("alac", "ipod"), ("wmav2", "asf"),
     ("ac3", "ac3"), ("wavpack", "wv"), ("libopus", "matroska")],
)  # fmt: skip
def test_common_formats_sound_as_they_should(parts_of, codec, form):
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no encoder {codec}")
    parts = parts_of(compressed(tone(1000, 6.5, 48000), codec, form))
    assert len(parts) == 2
    assert sum(len(part.content.samples) for part in parts) / 16000 == pytest.approx(6.5, abs=0.15)
    for part in parts:
        assert hertz_of(part.content.samples) == pytest.approx(1000, abs=2)
        assert np.abs(part.content.samples[4000:-4000]).max() == pytest.approx(0.5, abs=0.06)


def test_tags_and_length_come_with_the_first_part(parts_of):
    file = compressed(tone(440, 6.5, 48000), "flac", "flac", title=" A  tune", ARTIST="Nobody", album="", comment="no")
    parts = parts_of(file)
    assert parts[0].attributes == {"title": "A tune", "artist": "Nobody", "seconds": pytest.approx(6.5, abs=0.01)}
    assert parts[1].attributes == {}


def test_tags_of_real_files(parts_of, media):
    (part, *_) = parts_of(media / "audio/audioread__test-1.mp3")
    assert part.attributes["title"] == "Simply Juvenile"
    assert part.attributes["artist"] == "AbBaby"
    assert parts_of(media / "audio/music-metadata__testcase.opus")[0].attributes["date"] == "2023"


@pytest.mark.parametrize(
    ("codec", "form"), [("flac", "flac"), ("libmp3lame", "mp3"), ("libopus", "ogg"), ("aac", "ipod")]
)
def test_tags_are_the_same_in_every_format(parts_of, codec, form):
    said = {
        "title": "A tune",
        "artist": "Nobody",
        "album": "Nothing",
        "genre": "Folk",
        "date": "2004-05-01",
        "track": "3/12",
    }
    found = dict(parts_of(compressed(tone(440, 1.5, 48000), codec, form, **said))[0].attributes)
    assert found.pop("seconds") == pytest.approx(1.5, abs=0.1)
    assert found == {**said, "track": 3}


@pytest.mark.parametrize(
    ("said", "expected"),
    [("2004", "2004"), ("2004-05", "2004-05"), ("2004-05-01", "2004-05-01"), ("20040501", "2004-05-01"),
     ("2004/05/01", "2004-05-01"), ("2004-05-01T07:30:00Z", "2004-05-01T07:30:00"), ("May 2004", "2004"), ("", ""),
     ("2004-05-01 07:30", "2004-05-01T07:30"), ("2004-13-01", "2004"), ("soon", ""), ("0000", ""), ("12345", "")],
)  # fmt: skip
def test_dates_are_iso_8601(said, expected):
    assert iso_date(said) == expected


def test_a_track_is_a_number_or_nothing():
    for said, expected in (("7", 7), ("07", 7), ("3/12", 3), (" 4", 4), ("A1", None), ("", None), ("123456", None)):
        assert tags_of({"TRACK": said}).get("track") == expected


def with_cover(file, pixels, kind=3):
    """A FLAC with a picture: its block goes after the one that comes first."""
    data = encoded(pixels, "PNG")
    block = struct.pack(">II", kind, 9) + b"image/png" + struct.pack(">IIIIII", 0, 64, 48, 24, 0, len(data)) + data
    rest = bytes([file[4] & 0x7F]) + file[5:42]
    last = file[4] & 0x80
    return file[:4] + rest + bytes([6 | last]) + len(block).to_bytes(3, "big") + block + file[42:]


def test_a_cover_is_the_preview_of_the_first_part_and_no_part(parts_of):
    plain = compressed(tone(440, 12, 48000), "flac", "flac")
    parts = parts_of(with_cover(plain, picture()))
    assert [part.modality for part in parts] == ["audio"] * 3
    assert (parts[0].preview == picture()).all()
    assert parts[1].preview is None
    broken = with_cover(plain, picture()).replace(b"IHDR", b"IHDX")
    assert [part.preview for part in parts_of(broken)] == [None] * 3


def test_covers_of_real_files(parts_of, media):
    for name in ("file-type__fixture-id3v2.flac", "file-type__fixture-id3v2.aac"):
        first = parts_of(media / "audio" / name)[0]
        assert first.preview.shape == (325, 325, 3)
        assert first.attributes["track"] == 2


def test_a_stream_cut_short_gives_the_windows_before_the_cut(parts_of):
    for codec, form in (("flac", "flac"), ("libmp3lame", "mp3"), ("libopus", "ogg"), ("pcm_s16le", "wav")):
        file = compressed(np.random.default_rng(0).normal(0, 0.1, 48000 * 12), codec, form)
        parts = parts_of(file[: len(file) * 6 // 10])
        assert [part.place.seconds for part in parts][:1] == [(0, 5)]
        assert 6.5 < parts[-1].place.seconds[1] < 8


def test_a_damaged_middle_does_not_end_the_sound(parts_of):
    file = bytearray(compressed(tone(440, 12, 48000), "libmp3lame", "mp3"))
    middle = len(file) // 2
    file[middle : middle + 2000] = bytes(range(250)) * 8
    assert parts_of(bytes(file))[-1].place.seconds[1] > 10


def test_numbers_that_are_no_sound_are_silence_and_too_loud_is_loudest(parts_of):
    samples = np.tile(np.array([0.5, np.nan, np.inf, -np.inf, 3.0, -3.0], "<f4"), 4000)
    plain = wav(np.zeros(24000))
    at = plain.index(b"fmt ") + 8
    form = (3).to_bytes(2, "little") + plain[at + 2 : at + 8] + (64000).to_bytes(4, "little") + bytes([4, 0, 32, 0])
    data = samples.tobytes()
    body = b"WAVEfmt \x10\0\0\0" + form + b"data" + len(data).to_bytes(4, "little") + data
    found = joined(parts_of(b"RIFF" + len(body).to_bytes(4, "little") + body))
    assert found[:6].tolist() == [0.5, 0, 1, -1, 1, -1]


def test_it_reads_as_it_goes():
    source = WatchedSource("-", wav(np.zeros(16000 * 200)))  # 6 MB
    parts = reader.read(source, Limits())
    next(parts)
    assert max(stream.tell() for stream in source.streams) < source.size / 10
    parts.close()
    assert all(stream.closed for stream in source.streams)


@pytest.mark.parametrize("rate", [0, 1, 900_000_000])
def test_absurd_rates_are_refused_at_once(parts_of, rate):
    file = bytearray(wav(tone(seconds=1)))
    at = file.index(b"fmt ") + 12
    file[at : at + 4] = rate.to_bytes(4, "little")
    with pytest.raises(Unreadable):
        parts_of(bytes(file))


def test_a_playlist_opens_no_other_file(tmp_path):
    (tmp_path / "private.wav").write_bytes(wav(tone()))
    lists = (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://{tmp_path}/private.wav\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{tmp_path}/private.wav'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
    )
    for text in lists:
        with pytest.raises(Unreadable):
            list(reader.read(Source.from_bytes(text.encode(), f"{tmp_path}/list.m3u8"), Limits()))
        assert read(Source.from_bytes(text.encode()))[0] == "text"


def test_a_file_without_sound_is_unreadable(parts_of):
    with pytest.raises(Unreadable):
        parts_of(wav(np.zeros(0)))
    with pytest.raises(Unreadable):
        parts_of(b"ID3\4\0\0\0\0\0\0" + bytes(300))
    assert not holds_only_sound(Source.from_bytes(b"nothing of the sort"))


def test_a_sound_that_no_decoder_knows_says_so_with_the_name_of_its_codec(parts_of):
    named = compressed(tone(), "pcm_alaw", "mov")
    nameless = bytearray(wav(tone()))
    at = nameless.index(b"fmt ") + 8
    nameless[at : at + 2] = (0x7777).to_bytes(2, "little")
    for file, why in ((named.replace(b"alaw", b"zzz9"), " (zzz9)"), (bytes(nameless), "")):
        with pytest.raises(Unreadable) as caught:
            parts_of(file)
        assert caught.value.why == f"no sound could be decoded: FFmpeg has no decoder for its codec{why}"


@pytest.mark.parametrize("sizes", [[3, 3, 3, 3], [12], [1] * 12, [5, 0, 7]])
def test_windows_are_cut_the_same_from_chunks_of_any_size(sizes):
    whole = np.arange(sum(sizes), dtype=np.float32)
    chunks = np.split(whole, np.cumsum(sizes)[:-1])
    assert [w.tolist() for w in windows(iter(chunks), 5, 2)] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]
    assert [len(w) for w in windows(iter(chunks), 5, 3)] == [5, 5]
    assert [len(w) for w in windows(iter(chunks), 20, 15)] == [12]
    assert list(windows(iter([]), 5, 2)) == []


def test_a_wave_file_of_eight_bits(parts_of):
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setparams((1, 1, 16000, 0, "NONE", ""))
        file.writeframes((tone(300) * 127 + 128).astype(np.uint8).tobytes())
    assert np.abs(joined(parts_of(written.getvalue())) - tone(300)).max() < 0.02
