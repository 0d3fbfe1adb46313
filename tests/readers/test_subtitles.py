"""Subtitles become passages with their seconds, whatever wrote them."""

from __future__ import annotations

import os

import pytest

from sensorium.readers.registry import Source
from sensorium.readers.subtitles import SPAN, Cue, Passages, beside, parse, plain

SRT = """1
00:00:01,500 --> 00:00:03,000
<i>Where</i> are we?

2
00:00:03,200 --> 00:00:05,000 X1:40 X2:600
- By the sea.
- {\\an8}Oh.

3
01:00:00,000 --> 01:00:02,250
Bye &amp; thanks
"""
VTT = """WEBVTT - some film

STYLE
::cue { color: red }

NOTE 00:01.000 --> 00:02.000 is no cue of its own here

intro
00:01.500 --> 00:03.000 line:0 align:start
<v Roger>Where <c.loud>are</c> we?</v>

00:00:03.200 --> 00:00:05.000
By the sea.<00:04.000>
"""
ASS = """[Script Info]
Title: x

[V4+ Styles]
Format: Name, Fontname
Style: Default,Arial

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,not shown
Dialogue: 0,0:00:01.50,0:00:03.00,Default,,0,0,0,,{\\i1}Where{\\i0} are we,\\Nthen?
Dialogue: 0,0:00:03.20,0:00:05.00,Default,,0,0,0,,{\\p1}m 0 0 l 100 0 100 100{\\p0}
"""


def test_subrip():
    assert list(parse(SRT)) == [
        Cue(1.5, 3, "Where are we?"), Cue(3.2, 5, "- By the sea. - Oh."), Cue(3600, 3602.25, "Bye & thanks"),
    ]  # fmt: skip


def test_webvtt():
    said = list(parse(VTT))
    assert said[-2:] == [Cue(1.5, 3, "Where are we?"), Cue(3.2, 5, "By the sea.")]


def test_substation_alpha():
    assert list(parse(ASS)) == [Cue(1.5, 3, "Where are we, then?")]


@pytest.mark.parametrize("text", ["", "no times", "1\n00:00:01,000 -> 00:00:02,000\nx", "[Events]\nDialogue: x", "-->"])
def test_what_is_none_gives_nothing(text):
    assert list(parse(text)) == []


def test_cues_without_a_blank_line_between_them():
    text = "1\n00:00:01,000 --> 00:00:02,000\nOne\n2\n00:00:03,000 --> 00:00:04,000\nTwo"
    assert [cue.text for cue in parse(text)] == ["One", "Two"]


def test_a_cue_that_ends_before_it_begins_lasts_a_moment():
    assert list(parse("00:00:05,000 --> 00:00:01,000\nx")) == [Cue(5, 5.1, "x")]


@pytest.mark.parametrize(
    ("marked", "shown"),
    [("a\\Nb", "a b"), ("<font color=\"#ff0\">Hi</font>", "Hi"), ("{\\an8}{\\pos(1,2)}Up", "Up"), ("{Y:i}old", "old"),
     ("3 < 4 & 5 > 4", "3 < 4 & 5 > 4"), ("&lt;b&gt;", "<b>"), ("{a note}", "{a note}"), ("text\0", "text")],
)  # fmt: skip
def test_tags_are_stripped(marked, shown):
    assert plain(marked) == shown


def passages(cues, size=60):
    return [(cue.start, cue.end, cue.text) for cue in Passages(size, cues).begun_by(float("inf"))]


def test_what_follows_closely_is_joined_and_what_does_not_is_not():
    cues = [Cue(0, 1, "One"), Cue(1.5, 2, "two,"), Cue(3, 4, "three."), Cue(9, 10, "Later.")]
    assert passages(cues) == [(0, 4, "One two, three."), (9, 10, "Later.")]


def test_passages_are_no_longer_than_wanted_in_characters_and_seconds():
    cues = [Cue(n, n + 1, f"Line number {n}.") for n in range(40)]
    found = passages(cues)
    assert all(len(text) <= 60 and end - start <= SPAN for start, end, text in found)
    assert " ".join(text for _, _, text in found) == " ".join(cue.text for cue in cues)
    (only,) = {text for _, _, text in passages([Cue(0, 1, "x " * 20)])}
    assert only == ("x " * 20).strip()
    assert all(len(text) <= 60 for _, _, text in passages([Cue(0, 1, "word " * 100)]))


def test_a_cue_that_is_repeated_for_an_effect_is_said_once():
    assert passages([Cue(0, 1, "Hello"), Cue(1, 2, "Hello"), Cue(2, 3, "Hello")]) == [(0, 3, "Hello")]


def test_languages_are_kept_apart_and_only_what_has_begun_is_given():
    held = Passages(60, [Cue(0, 1, "Yes", "en"), Cue(0, 1, "Ja", "de"), Cue(30, 31, "No", "en")])
    assert [(cue.text, cue.language) for cue in held.begun_by(10)] == [("Yes", "en"), ("Ja", "de")]
    held.add(Cue(32, 33, "never", "en"))
    assert [cue.text for cue in held.begun_by(40)] == ["No never"]


def test_files_beside_the_film(tmp_path):
    cue = "1\n00:00:0{},000 --> 00:00:0{},900\n{}\n"
    named = {"film.srt": "plain", "film.en.srt": "English", "film.de.forced.SRT": "German", "film.pt-BR.vtt": "Brazil",
             "film2.srt": "other", "film.txt": "text", "film.long name.srt": "named", "afilm.srt": "other"}  # fmt: skip
    for at, (name, text) in enumerate(named.items()):
        (tmp_path / name).write_text(cue.format(at, at, text))
    (tmp_path / "film.mp4").write_bytes(b"film")
    found = {(cue.text, cue.language) for cue in beside(Source.from_path(tmp_path / "film.mp4"))}
    assert found == {("plain", ""), ("English", "en"), ("German", "de"), ("Brazil", "pt-br")}
    assert beside(Source.from_bytes(b"film", str(tmp_path / "film.mp4"))) == []


def test_odd_encodings_and_what_is_no_regular_file(tmp_path):
    words = "1\n00:00:01,000 --> 00:00:02,000\n«Où est le garçon?», demanda-t-elle à son frère aîné.\n"
    (tmp_path / "a.srt").write_bytes(words.encode("cp1252"))
    (tmp_path / "a.vtt").write_bytes(words.encode("utf-16"))
    secret = tmp_path / "elsewhere"
    secret.write_text("1\n00:00:01,000 --> 00:00:02,000\nsecret\n")
    (tmp_path / "a.en.srt").symlink_to(secret)
    os.mkfifo(tmp_path / "a.fr.srt")
    (tmp_path / "a.it.srt").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "a.es.srt").mkdir()
    found = beside(Source.from_path(tmp_path / "a.mkv"))
    assert {cue.text for cue in found} == {"«Où est le garçon?», demanda-t-elle à son frère aîné."}
    assert len(found) == 2


@pytest.mark.data
def test_real_files(media):
    folder = media.parent / "documents/video"
    for name, least in (("mediaelement-files__mediaelement.srt", 5), ("moviepy__subtitles-unicode.srt", 1)):
        found = list(parse((folder / name).read_text(encoding="utf-8")))
        assert len(found) >= least
        assert all(cue.text and cue.end > cue.start for cue in found)
