"""Films become pictures of their shots, the sound under each and what is said, each with its seconds."""

from __future__ import annotations

from itertools import pairwise

import av
import numpy as np
import pytest
from filmed import SILENT, cut_from, likeness, of, spans
from PIL import Image

from sensorium.readers.registry import Limits, Source, read
from sensorium.readers.video import reader
from sensorium.testing.media import Form, Scene, Spoken, encoded, film, patchwork, tone
from sensorium.testing.readers import ReaderContract, WatchedSource

BLACK = np.zeros((12, 16, 3), np.uint8)
LONG_GROUPS = {"x264-params": "keyint=500:scenecut=0"}


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


def test_it_reads_as_it_goes():
    scenes = [Scene(np.random.default_rng(n).integers(0, 256, (120, 160, 3), np.uint8), 2) for n in range(10)]
    source = WatchedSource("-", film(scenes, Form("matroska", sound="", options={"crf": "5"})))
    parts = reader.read(source, Limits())
    next(parts)
    assert 0 < min(stream.tell() for stream in source.streams if not stream.closed) < source.size / 2
    parts.close()
    assert all(stream.closed for stream in source.streams)


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
