"""Films that are turned, stretched, interlaced, damaged, locked: what is shown of them, or why nothing is."""

from __future__ import annotations

import io
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from filmed import SILENT, cut_from, likeness, spans

from sensorium.core.errors import Unreadable
from sensorium.readers.registry import Limits, Source, read
from sensorium.readers.sniff import sniff
from sensorium.readers.video import reader
from sensorium.testing.media import Form, Scene, film, patchwork, tone, wav

# a, b, c, d of the matrix in 16.16 (ISO 14496-12: x' = ax + cy, y' = bx + dy), and what a player shows then.
MATRICES = {
    (1, 0, 0, 1): lambda p: p,
    (0, 1, -1, 0): lambda p: np.rot90(p, -1),
    (-1, 0, 0, -1): lambda p: np.rot90(p, 2),
    (0, -1, 1, 0): lambda p: np.rot90(p, 1),
    (-1, 0, 0, 1): lambda p: p[:, ::-1],
    (1, 0, 0, -1): lambda p: p[::-1],
}


@pytest.mark.parametrize("matrix", MATRICES)
def test_films_stand_upright(parts_of, matrix):
    file = bytearray(film(cut_from([1]), SILENT))
    at = file.index(b"tkhd") + 4 + 40  # version 0: the matrix comes after 40 bytes
    a, b, c, d = (value << 16 for value in matrix)
    file[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    (part,) = parts_of(bytes(file))
    shown = MATRICES[matrix](patchwork(0))
    assert part.content.shape == shown.shape
    assert (part.attributes["height"], part.attributes["width"]) == shown.shape[:2]
    assert np.abs(part.content.astype(int) - shown).mean() < 8


def test_pixels_become_square(parts_of):
    def wide(stream):
        stream.codec_context.sample_aspect_ratio = 2

    (part,) = parts_of(film(cut_from([1]), Form(sound="", changes=wide)))
    assert part.content.shape == (120, 320, 3)
    assert (part.attributes["width"], part.attributes["height"]) == (320, 120)
    assert likeness(part.content, 0) < 8


def test_large_films_come_smaller_but_never_below_twice_the_side(parts_of):
    (part,) = parts_of(film([Scene(patchwork(0, 1280, 720), 0.4)], Form(sound="", size=(1280, 720), fps=10)))
    assert part.content.shape == (256, 455, 3)
    assert (part.attributes["width"], part.attributes["height"]) == (1280, 720)


def pq(picture):
    """A picture as HDR10 (y, cb, cr): white at 203 nits (BT.2408), BT.2020 primaries, SMPTE ST 2084."""
    levels = picture / 255
    light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    light = light @ np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]).T
    power = (light * 203 / 10000) ** 0.1593017578125
    red, green, blue = np.moveaxis(((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375, -1, 0)
    luma = 0.2627 * red + 0.678 * green + 0.0593 * blue
    return 64 + 876 * luma, 512 + 896 * (blue - luma) / 1.8814, 512 + 896 * (red - luma) / 1.4746


def hlg(picture):
    """The same in HLG: scene light from that of a screen of 1000 nits, BT.2020 primaries, ARIB STD-B67."""
    levels = picture / 255
    light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4) * 203 / 1000
    light = light @ np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]).T
    luma = light @ [0.2627, 0.678, 0.0593]
    scene = light * (luma ** (-1 / 6))[..., None]
    curve = np.where(
        scene <= 1 / 12, np.sqrt(3 * scene), 0.17883277 * np.log(np.maximum(12 * scene, 1) - 0.28466892) + 0.55991073
    )
    red, green, blue = np.moveaxis(curve, -1, 0)
    luma = 0.2627 * red + 0.678 * green + 0.0593 * blue
    return 64 + 876 * luma, 512 + 896 * (blue - luma) / 1.8814, 512 + 896 * (red - luma) / 1.4746


@pytest.mark.parametrize(("coded", "transfer"), [(pq, 16), (hlg, 18)])
def test_high_dynamic_range_is_shown_as_on_an_ordinary_screen(coded, transfer):
    from sensorium.readers.frames import Developer

    shown = patchwork(2) * 0.7 + 25
    frame = av.VideoFrame(160, 120, "yuv444p10le")
    for plane, values in zip(frame.planes, coded(shown), strict=True):
        padded = np.pad(np.rint(values).astype("<u2"), ((0, 0), (0, plane.line_size // 2 - 160)))
        plane.update(padded.tobytes())
    frame.colorspace, frame.color_trc, frame.color_primaries, frame.color_range = 9, transfer, 9, 1
    assert np.abs(Developer(Limits()).picture(frame) - shown).mean() < 3


def test_of_interlaced_frames_one_field_is_shown(monkeypatch):
    from sensorium.readers.frames import Developer

    comb = np.zeros((480, 720, 3), np.uint8)
    comb[::2, 100:300] = 255  # something bright has moved between the two fields
    comb[1::2, 400:600] = 255

    class Interlaced:
        def __init__(self, frame):
            self.frame, self.interlaced_frame = frame, True

        def __getattr__(self, name):
            return getattr(self.frame, name)

    developer = Developer(Limits())
    monkeypatch.setattr(developer, "_scaled", lambda by, frame, width, height: np.asarray(
        frame.frame.reformat(width, height, "rgb24").to_ndarray()))  # fmt: skip
    shown = developer.picture(Interlaced(av.VideoFrame.from_ndarray(comb, format="rgb24")))
    assert shown.shape == (256, 384, 3)
    assert shown[128, 100].min() > 200 and shown[128, 270].max() < 50


def test_ten_bits(parts_of):
    (part,) = parts_of(film(cut_from([1]), Form(sound="", pixels="yuv420p10le")))
    assert likeness(part.content, 0) < 8


def test_frames_of_any_length(parts_of):
    """A slide for twenty seconds, then film, then a slide."""
    written = io.BytesIO()
    with av.open(written, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for at, seed in ((0, 0), (20_000, 1), (20_040, 1), (20_080, 1), (20_120, 1), (23_000, 2), (40_000, 2)):
            frame = av.VideoFrame.from_ndarray(patchwork(seed), format="rgb24")
            frame.pts, frame.time_base = at, stream.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    parts = parts_of(written.getvalue())
    assert [start for start, _ in spans(parts)] == pytest.approx([0, 20, 23], abs=0.5)
    assert [likeness(part.content, n) < 8 for n, part in enumerate(parts)] == [True] * 3


def test_a_damaged_stretch_does_not_end_the_film(parts_of):
    lengths = [3, 3, 3, 3, 3]
    file = bytearray(film(cut_from(lengths), Form("matroska", sound="", bit_rate=400_000)))
    third = len(file) * 2 // 5
    file[third : third + len(file) // 12] = bytes(range(256)) * (len(file) // 12 // 256 + 1)
    parts = parts_of(bytes(file))
    found = {min(range(5), key=lambda seed: likeness(part.content, seed)) for part in parts}
    assert {0, 4} <= found and len(found) >= 3
    assert spans(parts)[-1][1] == pytest.approx(15, abs=1)


def test_half_a_film_gives_its_half(parts_of):
    for container in ("matroska", "mpegts", "flv"):
        codec = "flv" if container == "flv" else "libx264"
        file = film(cut_from([3, 3, 3, 3]), Form(container, codec, sound=""))
        parts = parts_of(file[: len(file) // 2])
        assert len(parts) >= 2
        assert likeness(parts[0].content, 0) < 8


def test_a_film_whose_file_lies_about_its_length(parts_of):
    file = bytearray(film(cut_from([2, 2, 2]), SILENT))
    for box in (b"mvhd", b"mdhd", b"tkhd"):
        at = file.index(box) + 4 + {b"mvhd": 16, b"mdhd": 16, b"tkhd": 20}[box]
        file[at : at + 4] = (1).to_bytes(4, "big")
    parts = parts_of(bytes(file))
    assert spans(parts)[-1][0] == pytest.approx(4, abs=0.1)


def test_an_encrypted_film_says_so(tmp_path):
    key = "00112233445566778899aabbccddeeff"
    options = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": key, "encryption_kid": key}
    with av.open(tmp_path / "locked.mp4", "w", options=options) as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(patchwork(1), format="rgb24")))
        container.mux(stream.encode(None))
    with pytest.raises(Unreadable, match="encrypted"):
        list(read(Source.from_path(tmp_path / "locked.mp4"))[1])


def test_too_many_pixels_are_refused(parts_of):
    with pytest.raises(Unreadable, match="160 x 120 pixels"):
        parts_of(film(cut_from([1]), SILENT), max_pixels=10_000)


def test_pictures_that_cannot_be_decoded_leave_the_sound(parts_of):
    file = film(cut_from([2], sound=tone(440, 2)), Form("matroska", "mpeg4"))
    assert file.count(b"V_MPEG4/ISO/ASP") == 1
    parts = parts_of(file.replace(b"V_MPEG4/ISO/ASP", b"V_MPEG4/ISO/XXX"))
    assert {part.modality for part in parts} == {"audio"}
    assert parts[0].attributes["seconds"] == pytest.approx(2, abs=0.1)


def test_garbage_between_boxes_is_unreadable_in_one_line(parts_of):
    file = film(cut_from([1]), SILENT)
    with pytest.raises(Unreadable) as caught:
        parts_of(file[: file.index(b"mdat") + 40])
    assert "\n" not in caught.value.why and len(caught.value.why) < 200


def edited_away(file):
    """A film whose edit list begins far behind its last frame."""
    changed, at = bytearray(file), file.index(b"elst")
    changed[at + 12 : at + 20] = struct.pack(">II", 0x7FFFFFFF, 0x7FFFFFF0)
    return bytes(changed)


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        (lambda file: file.replace(b"avc1", b"zz z"), "FFmpeg has no decoder for its codec (zz z)"),
        (lambda file: file.replace(b"avc1", b"EVC1"), "FFmpeg has no decoder for its codec (evc, EVC1)"),
        (lambda file: file.replace(b"avc1", b"\0\1\2\3"), "FFmpeg has no decoder for its codec"),
        (edited_away, "its edit list leaves all of its frames out"),
        (lambda file: file[: file.index(b"moov") - 4] + b"\0\0\0\x08moov", "there is no film in it"),
    ],
    ids=["tag", "codec and tag", "no name", "edit list", "no stream"],
)
def test_a_film_of_which_nothing_is_seen_says_why(parts_of, spoilt, why):
    level = av.logging.get_level()
    with pytest.raises(Unreadable) as caught:
        parts_of(spoilt(film(cut_from([1]), SILENT)))
    assert caught.value.why == f"no picture could be decoded: {why}"
    assert av.logging.get_level() == level


def test_a_cover_picture_is_no_film(tmp_path, media):
    cover = (media / "audio/tinytag__test2.m4a").read_bytes()
    assert sniff(Source.from_bytes(cover)) == "audio/mp4"
    assert not reader.accepts("audio/mp4")


def test_a_film_that_refers_to_another_file_does_not_open_it(tmp_path):
    (tmp_path / "private.mp4").write_bytes(film(cut_from([1]), SILENT))
    whole = (tmp_path / "private.mp4").read_bytes()
    at = whole.index(b"url ")
    # Of version 0, not self-contained, and with the place of its media.
    place = f"file://{tmp_path}/private.mp4\0".encode()
    entry = struct.pack(">I4sI", 12 + len(place), b"url ", 0) + place
    moved = whole[: at - 4] + entry + whole[at + 8 :]
    with pytest.raises(Unreadable):
        list(reader.read(Source.from_bytes(moved[: moved.index(b"mdat")], str(tmp_path / "a.mov")), Limits()))


def test_a_wav_file_is_no_film():
    with pytest.raises(Unreadable):
        list(reader.read(Source.from_bytes(b"\0\0\0\x18ftypisom" + wav(tone())[:100]), Limits()))
