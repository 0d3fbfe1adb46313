"""Pictures and sounds made small: they decode again, upright, and from where they should begin."""

from __future__ import annotations

import io
import wave
from base64 import b64decode

import av
import numpy as np
import pytest
from PIL import Image

from sensorium.demo import media


def content(uri, media_type):
    head, _, body = uri.partition(";base64,")
    assert head == f"data:{media_type}"
    return io.BytesIO(b64decode(body))


def decoded(uri):
    with av.open(content(uri, "audio/mpeg")) as file:
        rate = file.streams.audio[0].rate
        return np.concatenate([f.to_ndarray()[0] for f in file.decode(audio=0)]), rate


def tones(*hertz, rate=16_000, channels=1):
    """A WAV file with a second of each tone."""
    t = np.arange(rate) / rate
    samples = np.concatenate([np.sin(2 * np.pi * f * t) for f in hertz])
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.repeat((samples * 20_000).astype("<i2"), channels).tobytes())
    return file.getvalue()


def pitch(samples, rate):
    return np.abs(np.fft.rfft(samples)).argmax() * rate / len(samples)


def test_a_large_picture_becomes_small_and_keeps_its_shape(tmp_path):
    Image.new("RGB", (1600, 800), "teal").save(tmp_path / "a.jpg")
    with Image.open(content(media.picture_uri(tmp_path / "a.jpg"), "image/webp")) as picture:
        assert picture.size == (320, 160)


def test_a_small_picture_is_not_blown_up():
    file = io.BytesIO()
    Image.new("L", (14, 25), 80).save(file, "PNG")
    with Image.open(content(media.picture_uri(file.getvalue()), "image/webp")) as picture:
        assert picture.size == (14, 25)


def test_a_camera_on_its_side_gives_an_upright_picture(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (100, 40), "red").save(tmp_path / "a.jpg", exif=exif)
    with Image.open(content(media.picture_uri(tmp_path / "a.jpg"), "image/webp")) as picture:
        assert picture.size == (40, 100)


def test_what_is_transparent_becomes_white(tmp_path):
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(tmp_path / "a.png")
    with Image.open(content(media.picture_uri(tmp_path / "a.png"), "image/webp")) as picture:
        assert picture.getpixel((25, 25)) == (255, 255, 255)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_sound_plays_again_at_its_pitch(channels):
    uri, heights = media.sound(tones(440, 440, channels=channels))
    samples, rate = decoded(uri)
    assert len(samples) / rate == pytest.approx(2, abs=0.15)
    assert pitch(samples, rate) == pytest.approx(440, abs=2)
    assert len(heights) == 56 and all(0.9 < h <= 1 for h in heights[:-1])
    assert len(uri) < 20_000


def test_a_stretch_begins_where_it_should_and_ends(tmp_path):
    (tmp_path / "a.wav").write_bytes(tones(300, 600, 900, 1_200))
    samples, rate = decoded(media.sound(tmp_path / "a.wav", 2.0, 1.0)[0])
    assert pitch(samples, rate) == pytest.approx(900, abs=3)
    assert len(samples) / rate == pytest.approx(1, abs=0.2)


def test_bars_follow_the_loudness():
    quiet_then_loud = np.concatenate([np.full(24_000, 0.01), np.full(24_000, 1.0)])
    samples = (quiet_then_loud * np.sin(np.arange(48_000)) * 20_000).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(24_000)
        out.writeframes(samples.tobytes())
    _, heights = media.sound(file.getvalue())
    assert max(heights[:26]) < 0.2 and min(heights[30:]) > 0.9


def test_silence_is_drawn_flat():
    _, heights = media.sound(tones(0))
    assert set(heights) == {0.0}


def test_without_an_mp3_encoder_it_is_a_wav_file(monkeypatch):
    monkeypatch.setattr(media.av, "codecs_available", frozenset({"pcm_s16le"}))
    uri, _ = media.sound(tones(500))
    with wave.open(content(uri, "audio/wav")) as file:
        assert file.getframerate() == 24_000 and file.getnframes() == pytest.approx(24_000, abs=100)


@pytest.mark.parametrize(
    "junk", [b"", b"no media at all " * 50, b"RIFF\x00\x00\x00\x00WAVE", b"\xff\xd8\xff\xe0" + b"\0" * 40]
)
def test_what_cannot_be_read_is_none(junk, tmp_path):
    (tmp_path / "a").write_bytes(junk)
    assert media.picture_uri(junk) is None and media.sound(junk) is None
    assert media.picture_uri(tmp_path / "a") is None and media.sound(tmp_path / "a") is None


def test_what_is_gone_is_none(tmp_path):
    assert media.picture_uri(tmp_path / "gone.png") is None and media.sound(tmp_path / "gone.wav") is None


def test_a_picture_has_no_sound(tmp_path):
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    assert media.sound(tmp_path / "a.png") is None
