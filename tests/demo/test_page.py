"""The page: one file that needs nothing else, well formed, with the right answers marked."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sensorium.demo import run
from sensorium.demo.page import write_page
from sensorium.demo.pictures import WITHOUT_PHOTOGRAPHS
from sensorium.demo.queries import DemoQuery, Take, Whole, Words

VOID = {"meta", "img", "br", "path"}
QUERIES = (
    DemoQuery("text+audio->text", "sum", (Words("a", 2.0), Whole("audio", "wind", -0.5)), ("text",), ("storm",)),
    DemoQuery("audio->audio", "another alarm", (Take("an alarm clock"),), ("audio",), ("an alarm clock",)),
    DemoQuery("text->text", "rain & <b>storm</b>", (Words("rain & <b>storm</b>"),), ("text",), ("soup",)),
    DemoQuery("text->audio", "a siren", (Words("a siren"),), ("audio",)),
)  # fmt: skip


class Seen(HTMLParser):
    """Tags, attributes and text; fails on tags that do not match."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def result(gathered, scripted):
    library = scripted([gathered.path("text", "storm"), gathered.path("audio", "an alarm clock")])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "gather", lambda folder, progress: gathered)
        patch.setattr(run, "QUERIES", QUERIES)
        return run.run_demo(gathered.folder, library)


@pytest.fixture(scope="module")
def page(result, tmp_path_factory):
    return write_page(result, tmp_path_factory.mktemp("page") / "deep/page.html").read_text(encoding="utf-8")


@pytest.fixture
def short(result):
    """The result with its cheapest answer only: texts."""
    return replace(result, answers=tuple(a for a in result.answers if a.query.pair == "text->text"))


def test_it_is_written_where_asked(short, tmp_path):
    path = write_page(short, tmp_path / "a.html")
    assert path == tmp_path / "a.html" and path.is_absolute() and path.stat().st_size < 3_000_000


def test_it_needs_nothing_else(page):
    for _, attrs in Seen(page).tags:
        for name in ("src", "href", "srcset", "poster"):
            assert attrs.get(name, "#").startswith(("data:", "#"))
    assert not re.search(r"https?:|url\(|@import|<script|<link", re.sub(r"data:[^\"]*", "", page))


def test_there_is_an_article_for_each_search_in_the_section_of_its_pair(page):
    seen = Seen(page)
    assert len(seen.all("article")) == len(QUERIES)
    sections = [attrs["id"] for attrs in seen.all("section")]
    assert sections == ["text--text", "text--audio", "audio--audio", "text-audio--text"]
    assert [attrs["href"] for attrs in seen.all("a")] == [f"#{name}" for name in sections]
    assert "words → texts" in seen.text and "words + sound → texts" in seen.text


def test_right_answers_are_marked_and_a_miss_is_said(page):
    assert page.count("✓ the right answer") == page.count('<li class="right">') == 2
    assert page.count("the right one is not in the top 3") == 1
    assert "2 of 3" in Seen(page).text


def test_sounds_can_be_played_and_say_what_they_are(page):
    players = Seen(page).all("audio")
    assert len(players) == 2 * run.SHOWN + 2
    assert all(player["src"].startswith("data:audio/") and "controls" in player for player in players)
    assert "an alarm clock" in Seen(page).text


def test_pictures_are_inside_and_described(gathered, library, monkeypatch, tmp_path):
    monkeypatch.setattr(run, "gather", lambda folder, progress: gathered)
    monkeypatch.setattr(run, "QUERIES", (DemoQuery("text->image", "any", (Words("any"),), ("image",)),))
    seen = Seen(write_page(run.run_demo(gathered.folder, library), tmp_path / "a.html").read_text(encoding="utf-8"))
    images = seen.all("img")
    assert len(images) == run.SHOWN
    assert all(i["src"].startswith("data:image/webp;base64,") and i["alt"] for i in images)


def test_what_people_wrote_is_text_and_never_markup(page):
    assert "<b>storm</b>" not in page and "“rain & <b>storm</b>”" in Seen(page).text


def test_scores_weights_times_and_figures_are_shown(page, gathered):
    text = Seen(page).text
    assert "0.900" in text and "query 12 ms · search 0.4 ms" in text
    assert "× 2" in text and "× -0.5" in text
    assert "1.5 s" in text and f"to add {len(gathered.samples)} of them" in text


def test_headings_in_passages_lose_their_marks(page):
    assert "When the sky turns green Count the seconds" in Seen(page).text


def test_it_follows_the_readers_light_or_dark_and_a_narrow_screen(page):
    assert "prefers-color-scheme: dark" in page and "max-width: 720px" in page
    assert any(attrs.get("name") == "viewport" for attrs in Seen(page).all("meta"))


def test_the_note_about_drawings_is_shown(short, tmp_path):
    page = write_page(replace(short, note=WITHOUT_PHOTOGRAPHS), tmp_path / "a.html").read_text(encoding="utf-8")
    assert 'pip install "sensorium[demo]"' in Seen(page).text


def test_an_own_folder_has_no_marks_and_odd_names_do_no_harm(tmp_path, library):
    folder = tmp_path / "my <things>"
    folder.mkdir()
    for name in ('a"<i>.txt', "b.txt", "broken.png", "broken.wav"):
        (folder / name).write_bytes(b"some words & <more>")
    page = write_page(run.run_demo(folder, library, own=True), tmp_path / "a.html").read_text(encoding="utf-8")
    seen = Seen(page)
    assert "✓" not in page and "in the top" not in page and seen.all("i")
    assert all(attrs.keys() <= {"style"} for attrs in seen.all("i"))
    assert 'a"<i>.txt' in seen.text and "my <things>" in seen.text
    assert "no preview" in seen.text and "cannot be played here" in seen.text


def test_a_search_that_finds_nothing_says_so(result, tmp_path):
    empty = replace(result.answers[0], hits=(), shows=())
    page = write_page(replace(result, answers=(empty,)), tmp_path / "a.html").read_text(encoding="utf-8")
    assert "Nothing found." in Seen(page).text


def test_scores_below_zero_draw_an_empty_bar(result, tmp_path):
    low = replace(result.answers[0], hits=tuple(replace(hit, score=hit.score - 5) for hit in result.answers[0].hits))
    page = write_page(replace(result, answers=(low,)), tmp_path / "a.html").read_text(encoding="utf-8")
    assert page.count("--share:0%") == run.SHOWN


def test_a_second_run_says_that_nothing_has_changed(short, tmp_path):
    report = replace(short.report, added=0, unchanged=95, seconds=0.05)
    text = Seen(write_page(replace(short, report=report), tmp_path / "a.html").read_text(encoding="utf-8")).text
    assert "to see that nothing has changed" in text and Path(tmp_path / "a.html").is_file()
