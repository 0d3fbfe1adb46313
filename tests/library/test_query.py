"""The grammar of terms, and paths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensorium import File, Like, Text, Vector
from sensorium.core.errors import BadQuery, SourceMissing
from sensorium.library.query import absolute, local_path, parse_term


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("dog.jpg", "notes", "a b.txt"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("a dog", Text("a dog")),
        ("2:a dog", Text("a dog", 2.0)),
        ("0.5: a dog", Text("a dog", 0.5)),
        (".25:dog", Text("dog", 0.25)),
        ("1.5:2:1 odds", Text("2:1 odds", 1.5)),
        ("minute 2:30", Text("minute 2:30")),
        (":dog", Text(":dog")),
        ("2:", Text("2:")),
        ("-dog", Text("-dog")),
        ("folder", Text("folder")),
        ("one/two", Text("one/two")),
        ("either.or", Text("either.or")),
        ("x" * 5000, Text("x" * 5000)),
        ("zero\0byte", Text("zero\0byte")),
    ],
)
def test_words_are_a_text_with_an_optional_weight(said, expected):
    assert parse_term(said) == expected


@pytest.mark.parametrize("said", ["dog.jpg", "./dog.jpg", "3:dog.jpg", "{here}/dog.jpg", "notes", "a b.txt"])
def test_what_is_there_is_a_file(said, in_folder):
    term = parse_term(said.format(here=in_folder))
    assert isinstance(term, File)
    assert Path(absolute(term.source)).read_bytes() == b"x"
    assert term.weight == (3 if said.startswith("3:") else 1)


@pytest.mark.parametrize(
    "said", ["cat.jpg", "2:cat.PNG", "./cat", "../nothing", "/no/where", "~/nothing", "./dog.jpg/x"]
)
def test_what_looks_like_a_path_and_is_not_there_is_an_error_never_a_text(said):
    with pytest.raises(SourceMissing, match="does not exist: check the path"):
        parse_term(said)


@pytest.mark.parametrize("said", ["http://a.b/c.jpg", "https://x", "s3://bucket/key", "2:file:///x"])
def test_an_address_is_refused_since_nothing_is_fetched(said):
    with pytest.raises(SourceMissing, match="is not a file on this machine: nothing is fetched"):
        parse_term(said)


def test_without_turns_the_weight_round():
    assert parse_term("2:fruit", negative=True) == Text("fruit", -2.0)
    assert parse_term("dog.jpg", negative=True).weight == -1


@pytest.mark.parametrize("said", ["0:dog", "0.0:dog"])
def test_a_weight_of_zero_is_an_error(said):
    with pytest.raises(BadQuery, match="is zero"):
        parse_term(said)


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -float("inf")])
def test_a_weight_must_be_a_number(weight):
    for make in (lambda: Text("a", weight), lambda: File("a", weight), lambda: Like(1, weight)):
        with pytest.raises(BadQuery, match="the weight of a term is"):
            make()
    with pytest.raises(BadQuery, match="weight"):
        Vector(np.ones(3), weight)


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_an_empty_text_is_no_query(text):
    with pytest.raises(BadQuery, match="the query is empty"):
        Text(text)


def test_paths_become_absolute_without_following_links(in_folder, monkeypatch):
    (in_folder / "link").symlink_to(in_folder / "folder")
    assert absolute("folder/../link/./x") == str(in_folder / "link/x")
    monkeypatch.setenv("HOME", str(in_folder))
    assert local_path("~/dog.jpg") == in_folder / "dog.jpg"
    assert absolute("~nobody-of-this-name/x") == str(in_folder / "~nobody-of-this-name/x")


@pytest.mark.parametrize("name", ["x" * 300, "zero\0byte"])
def test_a_name_that_no_disk_holds_is_said_in_one_line(name):
    with pytest.raises(SourceMissing, match="cannot be looked at"):
        local_path(name)
