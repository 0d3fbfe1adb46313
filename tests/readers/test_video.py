"""Films become pictures of their shots, the sound under each and what is said, each with its seconds."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from PIL import Image

from sensorium.core.errors import Unreadable
from sensorium.readers.registry import Limits, Source, read
from sensorium.readers.sniff import sniff
from sensorium.readers.video import reader
from sensorium.testing.media import Form, Scene, Spoken, encoded, film, patchwork, tone, wav
from sensorium.testing.readers import ReaderContract, WatchedSource

BLACK = np.zeros((12, 16, 3), np.uint8)
SILENT = Form(sound="")
LONG_GROUPS = {"x264-params": "keyint=500:scenecut=0"}


def cut_from(lengths, first=0, **more):
    """Scenes of unlike pictures, so many seconds long."""
    return [Scene(patchwork(first + n), seconds, **more) for n, seconds in enumerate(lengths)]


def of(parts, modality):
    return [part for part in parts if part.modality == modality]


def spans(parts, modality="image"):
    return [part.place.seconds for part in of(parts, modality)]


def likeness(pixels, seed):
    """Mean difference, 0 to 255, from what was filmed."""
    height, width = pixels.shape[:2]
    return np.abs(pixels.astype(int) - np.asarray(Image.fromarray(patchwork(seed)).resize((width, height)))).mean()


def hertz_of(audio):
    spectrum = np.abs(np.fft.rfft(audio.samples * np.hanning(len(audio.samples))))
    return np.argmax(spectrum) * audio.rate / len(audio.samples)


SPEAKING = film(
    [Scene(patchwork(n), 1.6, tone(300 * (n + 1), 1.6)) for n in range(2)],
    Form(container="matroska", subtitles="subrip", size=(96, 72), fps=10),
    [Spoken(0.2, 1.2, "Where are we?"), Spoken(1.8, 2.9, "By the sea.")],
)


class TestContract(ReaderContract):
    reader = reader
    samples = {  # noqa: RUF012 - as the contract has it
        "a.mp4": film(cut_from([1.2, 1.3], sound=tone(440, 1.3)), Form(size=(96, 72), fps=10)),
        "b.mkv": SPEAKING,
        "c.avi": film(cut_from([1.0, 1.0]), Form("avi", "mpeg4", "", size=(96, 72), fps=10)),
        "d.gif": encoded(
            Image.fromarray(patchwork(0, 48, 36)), "GIF", save_all=True, duration=400,
            append_images=[Image.fromarray(patchwork(n, 48, 36)) for n in range(1, 4)],
        ),
    }  # fmt: skip


FORMATS = [
    ("mp4", "libx264", {}), ("mp4", "libx264", {"x264-params": "keyint=25:scenecut=0"}),
    ("mov", "libx265", {"x265-params": "log-level=none"}), ("avi", "mpeg4", {}), ("mpeg", "mpeg2video", {}),
    ("webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}), ("mpegts", "libx264", {}), ("flv", "flv", {}),
    ("asf", "msmpeg4", {}), ("matroska", "libx264", {"x264-params": "intra-refresh=1:keyint=40"}),
]  # fmt: skip


@pytest.mark.parametrize(("container", "codec", "options"), FORMATS)
def test_shots_begin_where_the_film_was_cut(parts_of, container, codec, options):
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no encoder {codec}")
    lengths = [2.6, 1.8, 3.2, 2.2]
    parts = parts_of(film(cut_from(lengths), Form(container, codec, "", options=options, bit_rate=800_000)))
    assert [part.modality for part in parts] == ["image"] * 4
    starts = [start for start, _ in spans(parts)]
    assert starts == pytest.approx([0, 2.6, 4.4, 7.6], abs=0.5)
    assert [end for _, end in spans(parts)] == pytest.approx([*starts[1:], 9.8], abs=0.1)
    for seed, part in enumerate(parts):
        assert part.content.shape == (120, 160, 3)
        assert likeness(part.content, seed) < 8
    assert (parts[0].attributes["width"], parts[0].attributes["height"]) == (160, 120)


def test_cameras_that_write_key_frames_only(parts_of):
    form = Form("avi", "mjpeg", "", pixels="yuvj420p", fps=12)
    parts = parts_of(film(cut_from([2.0, 3.0, 1.5]), form))
    assert [start for start, _ in spans(parts)] == pytest.approx([0, 2, 5], abs=0.3)


def test_cuts_between_rare_key_frames_are_found_with_the_pictures_between_them(parts_of):
    lengths = [2.2, 1.4, 2.7, 0.9, 3.1, 1.7, 2.5]
    parts = parts_of(film(cut_from(lengths), Form(sound="", options=LONG_GROUPS)))
    assert [start for start, _ in spans(parts)] == pytest.approx(np.cumsum([0, *lengths[:-1]]), abs=0.2)
    assert max(likeness(part.content, seed) for seed, part in enumerate(parts)) < 8


@pytest.mark.parametrize("options", [{}, LONG_GROUPS, {"x264-params": "keyint=25:scenecut=0"}])
def test_a_camera_that_moves_does_not_cut(parts_of, options):
    wide = patchwork(3, 400, 300)
    scenes = [Scene(wide, 6, pan=((0.3, 0.2), (0.6, 0.5)), zoom=(1.6, 1.6)), *cut_from([3], first=7)]
    assert len(parts_of(film(scenes, Form(sound="", options=options)))) == 2


@pytest.mark.parametrize("options", [{}, {"x264-params": "keyint=50:scenecut=0"}])
def test_pictures_that_fade_into_each_other_are_shots_of_their_own(parts_of, options):
    parts = parts_of(film(cut_from([4, 5, 5], fade=1.2), Form(sound="", options=options)))
    starts = [start for start, _ in spans(parts)]
    for n, middle in enumerate([4.6, 9.6], start=1):
        near = [part for part in parts if abs(part.place.seconds[0] - middle) < 1.2]
        assert near
        assert likeness(near[-1].content, n) < 30
    assert len(starts) <= 4


def test_what_is_black_gives_no_picture_and_the_first_part_is_one(parts_of):
    scenes = [
        Scene(BLACK, 2, tone(500, 1.8)),
        *cut_from([2]),
        Scene(BLACK, 2),
        *cut_from([2], first=5),
        Scene(BLACK, 1),
    ]
    parts = parts_of(film(scenes, Form(options={"x264-params": "keyint=25:scenecut=0"})))
    assert spans(parts) == [(2, 4), (6, 8)]
    assert parts[0].modality == "image" and parts[0].attributes["seconds"] == pytest.approx(9, abs=0.1)
    assert [part.modality for part in parts] == ["image", "audio", "image"]
    assert parts[1].place.seconds == pytest.approx((0, 2), abs=0.05)
    assert parts[1].attributes == {}


def test_the_frame_that_tells_most_is_taken_of_a_shot_that_comes_out_of_black(parts_of):
    (part,) = parts_of(film([Scene(patchwork(4), 5, fade=1.5)], SILENT))
    assert likeness(part.content, 4) < 8


def test_a_film_in_which_nothing_is_to_be_seen_has_a_part_all_the_same(parts_of):
    (part,) = parts_of(film([Scene(BLACK, 3)], SILENT))
    assert part.place.seconds == pytest.approx((0, 3), abs=0.1)
    assert part.content.max() < 30


def test_a_still_gives_one_picture_however_long_and_a_long_shot_one_every_ten_seconds(parts_of):
    small = Form(sound="", size=(64, 48), fps=5)
    (still,) = parts_of(film([Scene(patchwork(1), 45)], small))
    assert still.place.seconds == pytest.approx((0, 45), abs=0.1)
    across = Scene(patchwork(1, 400, 120), 45, pan=((0.0, 0.5), (1.0, 0.5)), zoom=(1.9, 1.9))
    pieces = spans(parts_of(film([across], small)))
    assert 4 <= len(pieces) <= 6
    assert all(end == start for (_, end), (start, _) in pairwise(pieces))
    assert all(8 <= end - start <= 17 for start, end in pieces)


def test_the_sound_under_a_shot_is_cut_with_it_and_shows_its_picture(parts_of):
    scenes = [Scene(patchwork(n), seconds, tone(300 + 200 * n, seconds)) for n, seconds in enumerate([7, 2, 11, 5.4])]
    parts = parts_of(film(scenes))
    expected = [(0, 5), (5, 7), (7, 9), (9, 14), (14, 19), (19, 20), (20, 22.7), (22.7, 25.4)]
    windows = of(parts, "audio")
    assert np.array(spans(parts, "audio")) == pytest.approx(np.array(expected), abs=0.06)
    for window in windows:
        shot = next(n for n, end in enumerate([7, 9, 20, 26]) if window.place.seconds[0] < end - 0.06)
        assert window.content.rate == 16000
        assert hertz_of(window.content) == pytest.approx(300 + 200 * shot, abs=5)
        assert likeness(window.preview, shot) < 8
    assert [part.place.seconds[0] for part in parts] == sorted(part.place.seconds[0] for part in parts)
    assert all(part.preview is None for part in of(parts, "image"))


def test_sound_under_very_short_shots_is_joined(parts_of):
    scenes = [Scene(patchwork(n), 0.6, tone(440, 0.6)) for n in range(6)]
    lengths = [end - start for start, end in spans(parts_of(film(scenes)), "audio")]
    assert sum(lengths) == pytest.approx(3.6, abs=0.7) and min(lengths) > 1


def test_sound_that_goes_on_after_the_pictures_and_silence(parts_of):
    parts = parts_of(film([*cut_from([3], sound=tone(440, 1)), *cut_from([3], first=4)]))
    assert spans(parts, "audio") == [pytest.approx((0, 3), abs=0.1)]  # nothing is heard in the second shot
    without = film(cut_from([1.0], sound=tone(440, 1)), Form("matroska"))
    assert spans(parts_of(without), "audio") == [pytest.approx((0, 1), abs=0.1)]


@pytest.mark.parametrize(
    ("container", "codec"), [("matroska", "subrip"), ("matroska", "ass"), ("matroska", "webvtt"), ("mp4", "mov_text")]
)
def test_subtitles_in_the_film_have_their_seconds_and_its_picture(parts_of, container, codec):
    spoken = [Spoken(1, 2.5, "Look, <i>there</i>!" if codec != "ass" else "Look, {\\i1}there{\\i0}!"),
              Spoken(2.6, 4, "A ship."), Spoken(7, 9, "It is\nsinking.")]  # fmt: skip
    parts = parts_of(film(cut_from([5, 5]), Form(container, sound="", subtitles=codec), spoken))
    texts = of(parts, "text")
    assert [part.content for part in texts] == ["Look, there! A ship.", "It is sinking."]
    assert spans(parts, "text") == [(1, 4), (7, 9)]
    assert [likeness(part.preview, n) < 8 for n, part in enumerate(texts)] == [True, True]
    assert [part.modality for part in parts] == ["image", "text", "image", "text"]


def test_subtitles_beside_the_film(tmp_path):
    (tmp_path / "film.mp4").write_bytes(film(cut_from([4, 4]), SILENT))
    (tmp_path / "film.en.srt").write_text("1\n00:00:05,000 --> 00:00:06,500\nOver there!\n")
    (tmp_path / "other.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nNot this one\n")
    parts = list(read(Source.from_path(tmp_path / "film.mp4"))[1])
    (text,) = of(parts, "text")
    assert (text.content, text.place.seconds, text.attributes) == ("Over there!", (5, 6.5), {"language": "en"})
    assert likeness(text.preview, 1) < 8
    in_memory = Source.from_bytes((tmp_path / "film.mp4").read_bytes(), str(tmp_path / "film.mp4"))
    assert not of(list(reader.read(in_memory, Limits())), "text")


def test_the_first_part_says_what_the_film_says_of_itself(parts_of):
    tags = {"title": " A  day ", "artist": "Nobody", "date": "2019", "genre": "Drama", "comment": "shot at noon",
            "creation_time": "2019-07-04T18:30:05.000000Z", "location": "+48.2082+016.3738+171.5/"}  # fmt: skip
    parts = parts_of(film(cut_from([2, 2], sound=tone(seconds=2)), Form("mov", tags=tags)))
    assert parts[0].attributes == {
        "seconds": pytest.approx(4, abs=0.1), "width": 160, "height": 120, "fps": 25.0, "codec": "h264",
        "title": "A day", "artist": "Nobody", "date": "2019", "genre": "Drama", "description": "shot at noon",
        "taken": "2019-07-04T18:30:05Z", "latitude": 48.2082, "longitude": 16.3738, "altitude": 171.5,
    }  # fmt: skip
    assert all(not part.attributes for part in parts[1:])


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


def test_a_cover_picture_is_no_film(tmp_path, media):
    cover = (media / "audio/tinytag__test2.m4a").read_bytes()
    assert sniff(Source.from_bytes(cover)) == "audio/mp4"
    assert not reader.accepts("audio/mp4")


def test_it_reads_as_it_goes():
    scenes = [Scene(np.random.default_rng(n).integers(0, 256, (120, 160, 3), np.uint8), 2) for n in range(10)]
    source = WatchedSource("-", film(scenes, Form("matroska", sound="", options={"crf": "5"})))
    parts = reader.read(source, Limits())
    next(parts)
    assert 0 < min(stream.tell() for stream in source.streams if not stream.closed) < source.size / 2
    parts.close()
    assert all(stream.closed for stream in source.streams)


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


@pytest.mark.data
def test_real_films_are_all_read(media):
    folder = media.parent / "documents/video"
    films = [path for path in sorted(folder.iterdir()) if path.suffix != ".srt"]
    assert len(films) > 15
    for path in films:
        kind, parts = read(Source.from_path(path))
        found = list(parts)
        if path.name == "mediabunny__ac3.mkv":
            assert kind == "audio"
            continue
        assert kind == "video" and found[0].modality == "image", path.name
        assert found[0].attributes["width"] > 40 and found[0].attributes["codec"]
        assert np.ptp(found[0].content) > 60 or path.name == "decord__unordered.mov"  # which is all white
        starts = [start for start, _ in spans(found)]
        assert starts == sorted(starts)


@pytest.mark.data
def test_real_films_stand_upright(parts_of, media):
    folder = media.parent / "documents/video"
    shapes = [parts_of(folder / f"decord__video_{turn}.mov")[0].content.shape for turn in (0, 90, 180)]
    assert shapes == [(256, 454, 3), (454, 256, 3), (256, 454, 3)]
