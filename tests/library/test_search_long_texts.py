"""A query that is longer than a tower reads at once: what becomes of it, and that it is said."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sensorium import File, Library, Like, Text
from sensorium.core.errors import BadQuery
from sensorium.core.types import Part, TextRead
from sensorium.encoders.bundle import Bundle, write_bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.testing.bundles import MAX_TOKENS, tiny_bundle

INSIDE = MAX_TOKENS - 2  # letters that fit: a token is a byte
FRONT, BACK = "the sea was calm and very blue", "thunder rolled over the hills"
LONG = f"{FRONT}-{BACK}"  # a window is full of its front: blanks around a text of its own would be lost
assert len(FRONT) == INSIDE and len(LONG) <= 2 * INSIDE


def windowing(folder, **more):
    """A model that reads long texts in windows, as CLIP does."""
    tiny_bundle(folder, **more)
    described = json.loads((folder / "bundle.json").read_text())
    described["towers"]["text"]["beyond"] = "window"
    write_bundle(folder, {name: value for name, value in described.items() if name not in ("format", "files")})
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """One that cuts, as the starter does, and one that reads in windows."""
    home = tmp_path_factory.mktemp("models")
    return {
        "cuts": tiny_bundle(home / "cuts", name="cuts", modalities=("text", "image")),
        "windows": windowing(home / "windows", seed=2, name="windows", modalities=("text", "image")),
    }


@pytest.fixture(scope="module")
def place(tmp_path_factory, models):
    """Where a library of both lies."""
    folder = tmp_path_factory.mktemp("things")
    for name, said in (("front", FRONT), ("back", BACK), ("long", LONG), ("other", "bread rises slowly")):
        (folder / f"{name}.txt").write_text(said)
    with Library(folder / "l.library", models=[str(model) for model in models.values()]) as library:
        assert library.add(folder).added == 4
    return folder / "l.library"


@pytest.fixture
def cuts(place, models):
    with Library(place, model=str(models["cuts"])) as library:
        yield library


@pytest.fixture
def windows(place, models):
    with Library(place, model=str(models["windows"])) as library:
        yield library


def unit(vector):
    return vector / np.linalg.norm(vector)


def by_hand(model):
    """The mean of the two windows of LONG as texts of their own, each weighing as its tokens."""
    parts = (LONG[:INSIDE], LONG[INSIDE:])
    vectors = OnnxEncoder(Bundle.open(model), threads=1).encode([Part("text", part) for part in parts])
    return np.average([unit(vector) for vector in vectors], axis=0, weights=[len(part) + 2 for part in parts])


def test_unless_said_the_model_decides(cuts, windows, models):
    np.testing.assert_array_equal(cuts.encode(LONG), cuts.encode(FRONT))
    assert np.abs(windows.encode(LONG) - windows.encode(FRONT)).max() > 0.01
    for library, long_text in ((cuts, "cut"), (windows, "windows")):
        np.testing.assert_array_equal(library.encode(LONG), library.encode(LONG, long_text=long_text))
        assert list(library.search(LONG)) == list(library.search(LONG, long_text=long_text))


def test_in_windows_a_query_is_the_mean_of_what_each_says(cuts, windows, models):
    for name, library in (("cuts", cuts), ("windows", windows)):
        found = library.encode(LONG, long_text="windows")[0]
        np.testing.assert_allclose(found, by_hand(models[name]), atol=1e-5)


def test_a_query_in_windows_finds_what_a_cut_one_does_not(cuts):
    def score(long_text, name):
        return next(hit.score for hit in cuts.search(LONG, long_text=long_text) if hit.path.endswith(name))

    assert score("windows", "back.txt") > score("cut", "back.txt") + 0.05
    assert score("cut", "front.txt") > 0.999


def test_hits_say_how_each_text_was_read_and_a_note_says_it_in_words(cuts):
    (space,) = {hit.space for hit in cuts.search("a dog")}
    whole = len(LONG) + 2

    hits = cuts.search(LONG)
    assert hits.terms == (TextRead(1, space, "cuts", whole, MAX_TOKENS, 1, cut=INSIDE),)
    assert hits.notes == (
        f'"{LONG[:30]}..." has {whole} tokens, and cuts reads 32 at once: it was cut after 30 characters '
        "(--long-text windows reads on)",
    )
    assert cuts.search(LONG, long_text="cut").notes == (hits.notes[0].removesuffix(" (--long-text windows reads on)"),)

    hits = cuts.search(LONG, long_text="windows")
    assert hits.terms == (TextRead(1, space, "cuts", whole, MAX_TOKENS, 2),)
    assert hits.notes == (
        f'"{LONG[:30]}..." has {whole} tokens, and cuts reads 32 at once: it was read in 2 windows, whose vectors are '
        "averaged",
    )


@pytest.mark.parametrize("long_text", [None, "cut", "windows"])
def test_of_a_short_query_there_is_nothing_to_say(cuts, long_text):
    hits = cuts.search("a dog", long_text=long_text)

    assert hits.notes == () and [(one.tokens, one.windows, one.cut) for one in hits.terms] == [(7, 1, None)]


def test_of_a_query_beyond_all_windows_both_are_said(cuts):
    hits = cuts.search("ab " * 2000, long_text="windows")

    assert (hits.terms[0].windows, hits.terms[0].cut) == (32, 32 * INSIDE)
    assert hits.notes[0].endswith(
        "6,001 tokens, and cuts reads 32 at once: it was read in 32 windows, whose vectors are averaged, and cut after "
        "960 characters"
    )


def test_each_text_of_a_sum_is_told_by_its_place_and_files_and_items_are_not(cuts, place):
    item = cuts.search("a dog")[0].item
    terms = [Like(item), Text(LONG, weight=-0.5), File(place.parent / "front.txt"), Text("a dog")]

    hits = cuts.search(*terms)

    assert [(one.term, one.cut) for one in hits.terms] == [(2, INSIDE), (4, None)] and len(hits.notes) == 1
    assert cuts.search(Like(item)).terms == ()


def test_several_spaces_each_say_what_they_did(place):
    with Library(place) as library:
        hits = library.search(LONG)
        spaces = {space.model: space.space for space in library.status().spaces}
        cut = library.search(LONG, long_text="cut")

    assert [(one.model, one.space, one.windows, one.cut) for one in hits.terms] == [
        ("cuts", spaces["cuts"], 1, INSIDE), ("windows", spaces["windows"], 2, None),
    ]  # fmt: skip
    assert ["cuts reads" in note for note in hits.notes] == [True, False] and "windows reads" in hits.notes[1]
    assert [one.windows for one in cut.terms] == [1, 1]


def test_a_space_that_is_not_asked_says_nothing(place):
    with Library(place) as library:
        hits = library.search(LONG, where="size < 0")
        assert (hits, hits.terms, hits.notes) == ([], (), ())


def test_the_option_changes_queries_and_nothing_that_is_stored(cuts, place):
    before = {path: path.stat().st_mtime_ns for path in (place / "vectors").rglob("*")}
    cuts.search(LONG, long_text="windows")

    assert cuts.add(place.parent).unchanged == 4
    assert {path: path.stat().st_mtime_ns for path in (place / "vectors").rglob("*")} == before
    assert cuts.search(FRONT, k=1)[0].score > 0.999


@pytest.mark.parametrize("ask", ["search", "encode"])
def test_anything_else_is_refused_in_one_line(cuts, ask):
    said = r"^long_text is 'drop': choose one of windows, cut, or leave it out$"
    with pytest.raises(BadQuery, match=said):
        getattr(cuts, ask)("a dog", long_text="drop")
