"""The run: what is asked of the library, and how an answer is judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensorium.core.errors import LibraryEmpty, SourceMissing
from sensorium.demo import run
from sensorium.demo.queries import DemoQuery, Whole, Words
from sensorium.library.library import Library
from sensorium.library.query import File, Like, Text

HORN = DemoQuery("text->audio", "a horn", (Words("a horn"),), ("audio",), ("a car's horn", "a siren"))


@pytest.fixture
def ask(monkeypatch, gathered, library):
    """Runs the demo with these queries over the samples gathered already."""
    monkeypatch.setattr(run, "gather", lambda folder, progress: gathered)

    def go(*queries, wanted=()):
        monkeypatch.setattr(run, "QUERIES", queries)
        library.wanted = [gathered.path(*w) for w in wanted]
        return run.run_demo(gathered.folder, library)

    return go


def test_a_right_answer_on_top_is_rank_one(ask, gathered):
    (answer,) = ask(HORN, wanted=[("audio", "a siren")]).answers
    assert (answer.rank, answer.passed) == (1, True)
    assert answer.shows[0] == "a siren" and Path(answer.hits[0].path) == gathered.path("audio", "a siren")
    assert (answer.seconds, answer.encode_seconds) == (0.0004, 0.0125)


@pytest.mark.parametrize(("place", "passed"), [(3, True), (4, False), (9, False)])
def test_a_right_answer_counts_among_the_top_three(ask, place, passed):
    others = ["a piano", "a guitar", "footsteps", "applause", "snoring", "thunder", "wind", "mouse clicks"]
    wanted = [("audio", about) for about in [*others[: place - 1], "a siren", *others[place - 1 :], "a car's horn"]]
    (answer,) = ask(HORN, wanted=wanted).answers
    assert answer.passed is passed
    assert answer.rank == (place if place <= run.SHOWN else None)
    assert len(answer.hits) == len(answer.shows) == run.SHOWN


def test_where_nobody_knows_the_answer_none_is_judged(ask):
    result = ask(HORN, DemoQuery("text->text", "money", (Words("money"),), ("text",)), wanted=[("audio", "a siren")])
    assert [a.passed for a in result.answers] == [True, None]
    assert (result.passed, result.checked) == (1, 1)


def test_the_library_is_asked_in_the_kinds_and_under_the_folder(ask, library, gathered):
    ask(DemoQuery("image+text->text", "", (Whole("audio", "thunder", 0.5), Words("rain")), ("text",)))
    assert library.asked == [
        ((File(gathered.path("audio", "thunder"), 0.5), Text("rain")), ("text",), gathered.folder),
    ]


def test_the_folder_is_counted_by_kind(ask, gathered):
    result = ask(HORN)
    assert sum(result.kinds.values()) == len(gathered.samples) and set(result.kinds) == {"image", "audio", "text"}
    assert result.report.added == len(gathered.samples) and result.seconds > 0


def test_the_samples_are_gathered_first(tmp_path, monkeypatch, library, gathered):
    asked = []
    monkeypatch.setattr(run, "gather", lambda folder, progress: asked.append((folder, progress)) or gathered)
    monkeypatch.setattr(run, "QUERIES", ())
    with pytest.raises(LibraryEmpty):  # the fake gathered elsewhere, so that nothing lies here
        run.run_demo(tmp_path, library, progress="bar")
    assert asked == [(tmp_path, "bar")]


def test_an_own_folder_is_searched_as_it_is(tmp_path, library):
    for name in ("a.png", "b.png", "c.txt", "d.txt", "e.txt"):
        (tmp_path / name).write_bytes(b"words")
    result = run.run_demo(tmp_path, library, own=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png", "c.txt", "d.txt", "e.txt"]
    assert result.kinds == {"image": 2, "text": 3} and result.note == "" and result.checked == 0
    assert {a.query.pair for a in result.answers} == {
        "text->image", "text->text", "image->image", "image->text",
    }  # fmt: skip


def test_more_like_this_never_answers_with_itself(tmp_path, library):
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / name).write_bytes(b"words")
    likes = [a for a in run.run_demo(tmp_path, library, own=True).answers if isinstance(a.clues[0].term, Like)]
    assert len(likes) == 3
    for answer in likes:
        assert answer.clues[0].term.item not in {hit.item for hit in answer.hits} and len(answer.hits) == 2


def test_a_folder_without_anything_to_search_says_so(tmp_path, library):
    with pytest.raises(LibraryEmpty, match=r"nothing in .* can be searched: give a folder"):
        run.run_demo(tmp_path, library, own=True)


@pytest.fixture
def real(tmp_path, monkeypatch):
    """A real library with random towers, in which a file is nearest to itself."""
    pytest.importorskip("onnx", reason="tiny bundles are built with the package onnx")
    from sensorium.testing.bundles import tiny_bundle

    with Library(tmp_path / "demo.library", model=str(tiny_bundle(tmp_path / "bundle"))) as library:
        yield library


def test_the_demo_runs_on_a_real_library(real, gathered, monkeypatch):
    monkeypatch.setattr(run, "gather", lambda folder, progress: gathered)
    itself = [
        DemoQuery("audio->audio", "itself", (Whole("audio", "thunder"),), ("audio",), ("thunder",)),
        DemoQuery("audio->audio", "itself", (Whole("audio", "wind"),), ("audio",), ("wind",)),
        DemoQuery("text+audio->image", "a sum", (Words("storm", 2.0), Whole("audio", "wind", -0.5)), ("image",)),
    ]
    monkeypatch.setattr(run, "QUERIES", itself)
    result = run.run_demo(gathered.folder, real)
    assert (result.passed, result.checked) == (2, 2)
    assert not result.report.skipped and len(result.answers[2].hits) == run.SHOWN
    again = run.run_demo(gathered.folder, real)
    assert again.report.unchanged == len(gathered.samples) and again.report.added == 0


def test_an_own_folder_on_a_real_library(real, gathered):
    result = run.run_demo(gathered.folder / "texts", real, own=True)
    assert set(result.kinds) == {"text"} and {a.query.pair for a in result.answers} == {"text->text"}


def test_an_own_folder_that_does_not_exist_is_an_error(real, tmp_path):
    with pytest.raises(SourceMissing, match="does not exist"):
        run.run_demo(tmp_path / "nowhere", real, own=True)
