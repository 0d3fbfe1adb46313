"""What a shell and a program are told of a query that is longer than the model reads at once, and of precisions."""

from __future__ import annotations

import json

import pytest

from sensorium.testing.bundles import tiny_bundle

LONG = "the sea was calm and very blue-thunder rolled over the hills"  # 60 tokens of a byte, and two around them
BEGIN = 'note: "the sea was calm and very blue..." has 62 tokens, and tiny reads 32 at once: it was '


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model that cuts, as the starter does."""
    return tiny_bundle(tmp_path_factory.mktemp("models") / "tiny", modalities=("text",))


@pytest.fixture
def filled(sensorium_run, model, tmp_path, monkeypatch):
    """A library with two texts; runs the command on it."""
    monkeypatch.setenv("SENSORIUM_LIBRARY", str(tmp_path / "my.library"))
    monkeypatch.setenv("SENSORIUM_MODEL", str(model))
    things = tmp_path / "things"
    things.mkdir()
    (things / "sea.txt").write_text("the sea was calm")
    (things / "bread.txt").write_text("bread rises slowly")
    assert sensorium_run("add", "things").code == 0
    return sensorium_run


READ = [((), 1, 30), (("--long-text", "cut"), 1, 30), (("--long-text", "windows"), 2, None)]


@pytest.mark.parametrize(("option", "windows", "cut"), READ)
def test_json_says_how_the_query_was_read_and_stays_a_line_a_hit(filled, option, windows, cut):
    ran = filled("search", LONG, "--json", *option)
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.code == 0 and len(lines) == 2 and ran.err.count("\n") == 1
    for line in lines:
        (read,) = line["query"]
        assert read == {
            "term": 1, "space": line["space"], "model": "tiny", "tokens": 62, "limit": 32, "windows": windows,
            "cut": cut,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ((), "cut after 30 characters (--long-text windows reads on)"),
        (("--long-text", "cut"), "cut after 30 characters"),
        (("--long-text", "windows"), "read in 2 windows, whose vectors are averaged"),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",), ("--paths",)])
def test_people_are_told_in_one_line_on_standard_error(filled, option, said, form):
    assert filled("search", LONG, *option, *form).err == f"{BEGIN}{said}\n"


def test_of_a_short_query_people_are_told_nothing_and_programs_its_tokens(filled):
    ran = filled("search", "2:the sea", "--without", "bread", "--json")
    assert ran.err == ""
    assert [(one["term"], one["tokens"], one["cut"]) for one in json.loads(ran.out.splitlines()[0])["query"]] == [
        (1, 9, None), (2, 7, None),
    ]  # fmt: skip


def test_a_line_of_the_query_cannot_write_to_the_terminal(filled):
    ran = filled("search", "\x1b[2J" + LONG)
    assert "\x1b" not in ran.err and "\\x1b[2J" in ran.err


@pytest.mark.parametrize("verb", ["search x", "add things", "status", "reindex --back"])
def test_an_unknown_precision_of_the_environment_is_one_line(filled, monkeypatch, verb):
    monkeypatch.setenv("SENSORIUM_PRECISION", "int4")
    ran = filled(*verb.split())
    there = "choose one of auto, float32, int8"
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == f"sensorium: SENSORIUM_PRECISION is 'int4', which there is none of: {there}\n"
