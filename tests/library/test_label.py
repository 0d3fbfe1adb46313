"""Attributes that are given to items: found by `where`, kept while the content is the same, all of them or none."""

from __future__ import annotations

import json
import math
import shutil
import signal
import subprocess
import sys

import pytest

from sensorium import Library
from sensorium.core.errors import BadQuery, LibraryLocked, SourceMissing
from sensorium.store.attributes import GIVEN
from sensorium.store.lock import Lock
from sensorium.testing.bundles import tiny_bundle
from sensorium.testing.naive import live_rows, table_of


@pytest.fixture
def filled(library, files):
    files.fill(texts=6, pictures=4, sounds=2, long=False)
    library.add(files.folder)
    return library


def named(library, name):
    """The id of the item whose path ends so."""
    (found,) = [item["id"] for item in library.items().to_pylist() if item["path"].endswith(name)]
    return found


def labels(library, where="label is not null"):
    """File name -> label."""
    items = library.items(where).to_pylist()
    return {item["path"].rpartition("/")[2]: json.loads(item["attributes"]).get("label") for item in items}


def test_what_was_given_is_found_by_where_beside_what_files_say_of_themselves(filled):
    one, two = named(filled, "p00.png"), named(filled, "p01.png")
    said = {one: {"label": "dog", "label_probability": 0.9}, two: {"label": 'it\'s a "cat"', "label_probability": 0.4}}
    before = filled.items().to_pylist()
    assert filled.label(said) == 2
    assert labels(filled, "label = 'dog' and width = 24") == {"p00.png": "dog"}
    assert labels(filled, "label_probability < 0.5") == {"p01.png": 'it\'s a "cat"'}
    assert {hit.item for hit in filled.search("x", k=50, where="label = 'dog'")} == {one}
    assert len(labels(filled, "label is null")) == 10
    after = filled.items().to_pylist()
    assert [{**row, "attributes": None} for row in after] == [{**row, "attributes": None} for row in before]
    own = {row["id"]: json.loads(row["attributes"]) for row in before}
    for row in after:
        given = json.loads(row["attributes"])
        assert {name: value for name, value in given.items() if name in own[row["id"]]} == own[row["id"]]
        assert given.keys() - own[row["id"]].keys() == ({*said[row["id"]], GIVEN} if row["id"] in said else set())


def test_what_was_given_is_changed_and_taken_away(filled):
    one = named(filled, "p00.png")
    bare = filled.items(f"id = {one}")["attributes"][0].as_py()
    filled.label({one: {"label": "dog", "seen": True, "times": 3}})
    filled.label({one: {"label": "cat", "seen": None}})
    given = json.loads(filled.items(f"id = {one}")["attributes"][0].as_py())
    assert (given["label"], given["times"], sorted(given[GIVEN])) == ("cat", 3, ["label", "times"])
    assert "seen" not in given
    filled.label({one: {"label": None, "times": None, "never": None}})
    assert json.loads(filled.items(f"id = {one}")["attributes"][0].as_py()) == json.loads(bare)


def test_labels_outlive_add_moves_gaps_reindex_and_compaction(filled, files, tmp_path):
    items = filled.items().to_pylist()
    filled.label({item["id"]: {"label": f"label {item['id']}"} for item in items})
    right = {item["id"]: f"label {item['id']}" for item in items}

    def given():
        return {
            row["id"]: json.loads(row["attributes"])["label"] for row in filled.items("label is not null").to_pylist()
        }

    filled.add(files.folder)
    assert given() == right
    files.stamp(files.folder / "texts/t00.txt")  # touched
    (files.folder / "pictures").rename(files.folder / "moved")
    assert filled.add(files.folder).moved == 4
    assert given() == right
    (files.folder / "moved/p01.png").rename(tmp_path / "away.png")
    filled.add(files.folder)
    second = tiny_bundle(tmp_path / "second", 16, 5, name="second")
    report = filled.reindex(str(second), beside=True)  # one item is out of reach, and a gap from now on
    assert len(report.skipped) == 1 and given() == right
    shutil.move(tmp_path / "away.png", files.folder / "moved/p01.png")
    filled.add(files.folder)
    assert not filled.session.gaps() and given() == right
    filled.compact()
    assert given() == right and len(live_rows(filled.path, space=filled.session.spaces[0])) == 12


def test_a_row_of_a_table_keeps_its_label_until_its_content_changes(library):
    rows = [{"words": f"row {n}", "colour": "red", "key": str(n)} for n in range(3)]
    library.add_rows(rows, {"words": "text"}, key="key", name="t")
    library.label({item["id"]: {"label": item["path"][-1]} for item in library.items().to_pylist()})
    rows[1]["words"] = "other"
    library.add_rows(rows, {"words": "text"}, key="key", name="t")
    assert labels(library) == {"0": "0", "2": "2"}
    with pytest.raises(BadQuery, match="'colour' is what rows:t/0 says of itself: choose another name"):
        library.label({1: {"colour": "blue"}})


def test_a_label_goes_with_the_content_that_it_was_given_to(filled, files):
    filled.label({named(filled, name): {"label": "old"} for name in ("t00.txt", "t01.txt")})
    files.text("texts/t00.txt", "quite another text")
    filled.add(files.folder)
    assert labels(filled) == {"t01.txt": "old"}


def test_items_that_have_changed_since_are_left_alone(filled, files):
    revisions = {item["id"]: item["revision"] for item in filled.items().to_pylist()}
    files.text("texts/t00.txt", "quite another text")
    filled.add(files.folder)
    filled.remove(files.folder / "texts/t01.txt")
    said = {item: {"label": "x"} for item in revisions}
    assert filled.label(said, revisions=revisions) == 10
    assert not {"t00.txt", "t01.txt"} & labels(filled).keys()
    with pytest.raises(SourceMissing, match="no item 8 in the library"):
        filled.label(said)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("title", "is a column that every item has"),
        ("a b", "cannot be an attribute's name"),
        ("1st", "cannot be an attribute's name"),
        ("", "cannot be an attribute's name"),
        ("like", "cannot be an attribute's name"),
        ("dataset", "cannot be an attribute's name"),
        ("width", "is what .*p00.png says of itself"),
    ],
)
def test_names_that_cannot_be_are_said_and_nothing_is_written(filled, name, why):
    before = filled.items()
    with pytest.raises(BadQuery, match=why):
        filled.label({1: {"fine": 1}, named(filled, "p00.png"): {name: "x"}})
    assert filled.items().equals(before)


@pytest.mark.parametrize("value", [math.nan, math.inf, ["a"], {"a": 1}])
def test_values_that_no_column_holds_are_refused(filled, value):
    with pytest.raises(BadQuery, match=r"label of item 1 is .*: give a text, a finite number, true or false"):
        filled.label({1: {"label": value}})


def test_one_writer_at_a_time(filled):
    with Lock(filled.path), pytest.raises(LibraryLocked):
        filled.label({1: {"label": "x"}})


CHILD = """
import json, os, signal, sys
import lance
from sensorium import Library
library = Library(sys.argv[1])
library.items()
honest, when = lance.LanceDataset.commit, sys.argv[2]
def deadly(*arguments, **options):
    if when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    honest(*arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)
lance.LanceDataset.commit = staticmethod(deadly)
library.label({int(item): {"label": "new"} for item in json.loads(sys.argv[3])})
"""


@pytest.mark.parametrize(("when", "left"), [("before", "old"), ("after", "new")])
def test_a_kill_leaves_all_labels_or_none(filled, when, left):
    """More items than one SQL list of the store takes would go in one commit, too: see the next test."""
    ids = filled.items()["id"].to_pylist()
    filled.label({item: {"label": "old"} for item in ids})
    command = [sys.executable, "-c", CHILD, str(filled.path), when, json.dumps(ids)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with Library(filled.path) as library:
        assert set(labels(library).values()) == {left} and len(labels(library)) == 12
        assert {hit.item for hit in library.search("x", k=50, where=f"label = '{left}'")} == set(ids)
        library.label({ids[0]: {"label": "last"}})
        assert list(labels(library).values()).count("last") == 1


def test_many_items_are_one_version_of_the_table(filled, monkeypatch):
    from sensorium.store import sweep

    monkeypatch.setattr(sweep, "_CHUNK", 5)
    versions = len(list((filled.path / "items.lance/_versions").glob("*.manifest")))
    ids = filled.items()["id"].to_pylist()
    assert filled.label({item: {"label": f"n{item}"} for item in ids}) == 12
    assert len(list((filled.path / "items.lance/_versions").glob("*.manifest"))) == versions + 1
    found = {row["id"]: json.loads(row["attributes"])["label"] for row in table_of(filled.path, "items")}
    assert found == {item: f"n{item}" for item in ids}
