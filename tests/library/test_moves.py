"""Files that move, copy, swap and come back: an item is its content at a path, and keeps its id."""

from __future__ import annotations

import hashlib
import json
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from blake3 import blake3

from sensorium import Library
from sensorium.store.tables import Store
from sensorium.testing.files import TOPICS
from sensorium.testing.naive import live_rows


@pytest.fixture
def five(library, files):
    """Items 1 to 5: the files a.txt to e.txt with the five topics; returns their times too."""
    for name, topic in zip("abcde", TOPICS, strict=True):
        files.text(f"{name}.txt", topic)
    library.add(files.folder)
    return files.folder


def held(library):
    """id -> (file name, state, texts that count), for all items."""
    texts = {}
    for row in live_rows(library.path, missing=True):
        texts.setdefault(row.item, []).append(row.text)
    rows = library.items().to_pylist()
    return {row["id"]: (Path(row["path"]).name, row["state"], *texts[row["id"]]) for row in rows}


def as_before(library):
    return held(library) == {n: (f"{'_abcde'[n]}.txt", "present", TOPICS[n - 1]) for n in range(1, 6)}


def move(folder, source, target):
    """As `mv` does: the time goes with the file."""
    (folder / target).parent.mkdir(exist_ok=True)
    (folder / source).rename(folder / target)


def test_a_moved_file_keeps_its_id_and_is_not_embedded_again(library, five, monkeypatch):
    from sensorium.library import filling

    move(five, "b.txt", "sub/renamed.txt")
    monkeypatch.setattr(filling, "encode_rows", None)
    report = library.add(five)
    assert (report.moved, report.added, report.missing, report.unchanged) == (1, 0, 0, 4)
    assert held(library)[2] == ("renamed.txt", "present", TOPICS[1])
    hit = library.search(TOPICS[1], k=1)[0]
    assert (hit.item, hit.path, hit.title) == (2, str(five / "sub/renamed.txt"), TOPICS[1])


def test_the_title_of_a_moved_picture_is_its_new_name(library, files):
    files.picture("old.png", 1)
    library.add(files.folder)
    move(files.folder, "old.png", "new.png")
    library.add(files.folder)
    assert library.items()["title"].to_pylist() == ["new.png"]


def test_a_whole_folder_that_moves_keeps_all_ids(library, files):
    files.fill(texts=4, pictures=3, sounds=0, long=False)
    library.add(files.folder)
    before = {Path(i["path"]).name: i["id"] for i in library.items().to_pylist()}
    (files.folder / "texts").rename(files.folder / "zzz")
    report = library.add(files.folder)
    assert (report.moved, report.unchanged) == (4, 3)
    assert {Path(i["path"]).name: i["id"] for i in library.items().to_pylist()} == before
    assert all(Path(i["path"]).exists() for i in library.items().to_pylist())


def test_only_the_new_place_need_be_added(library, five, tmp_path):
    move(five, "c.txt", "../elsewhere.txt")
    assert library.add(tmp_path / "elsewhere.txt").moved == 1
    assert held(library)[3] == ("elsewhere.txt", "present", TOPICS[2])
    assert library.add(five).unchanged == 4


def test_a_copy_is_a_new_item_and_takes_over_when_the_first_is_gone(library, five):
    shutil.copy(five / "a.txt", five / "copy.txt")
    assert library.add(five).added == 1
    (five / "a.txt").unlink()
    assert library.add(five).missing == 1
    shutil.copy(five / "copy.txt", five / "third.txt")
    report = library.add(five)
    assert (report.moved, report.added) == (1, 0)
    assert held(library)[1] == ("third.txt", "present", TOPICS[0]) and held(library)[6][0] == "copy.txt"


def test_two_copies_that_both_move_keep_both_ids(library, five):
    shutil.copy(five / "a.txt", five / "copy.txt")
    library.add(five)
    move(five, "a.txt", "x/1.txt")
    move(five, "copy.txt", "x/2.txt")
    assert library.add(five).moved == 2
    assert held(library)[1][0] == "1.txt" and held(library)[6][0] == "2.txt" and len(held(library)) == 6


def test_one_gone_and_two_new_copies_are_one_move_and_one_addition(library, five):
    move(five, "a.txt", "x/1.txt")
    shutil.copy(five / "x/1.txt", five / "x/2.txt")
    report = library.add(five)
    assert (report.moved, report.added, report.unchanged) == (1, 1, 4)
    assert held(library)[1][0] == "1.txt" and held(library)[6][0] == "2.txt"


def test_a_file_moved_over_another_keeps_its_id_and_the_other_is_missing(library, five):
    content = (five / "d.txt").read_bytes()
    move(five, "a.txt", "d.txt")
    report = library.add(five)
    assert (report.moved, report.missing, report.unchanged) == (1, 1, 3)
    assert held(library)[1] == ("d.txt", "present", TOPICS[0])
    assert held(library)[4] == ("d.txt", "missing", TOPICS[3])
    assert sorted(hit.item for hit in library.search("anything")) == [1, 2, 3, 5]
    assert library.add(five).unchanged == 4
    (five / "back.txt").write_bytes(content)
    assert library.add(five).moved == 1
    assert held(library)[4] == ("back.txt", "present", TOPICS[3]) and len(held(library)) == 5


def test_names_that_shift_by_one_keep_their_ids(library, five):
    """b becomes a new name, a becomes b, ..., as when a camera's pictures are renumbered upwards."""
    for source, target in ("ef", "de", "cd", "bc", "ab"):
        move(five, f"{source}.txt", f"{target}.txt")
    report = library.add(five)
    assert (report.moved, report.added, report.updated, report.missing) == (5, 0, 0, 0)
    assert held(library) == {n: (f"{'_bcdef'[n]}.txt", "present", TOPICS[n - 1]) for n in range(1, 6)}
    assert library.add(five).unchanged == 5


def test_names_that_shift_down_keep_their_ids(library, five):
    """The first is removed, and each takes the name of the one before."""
    for source, target in ("ba", "cb", "dc", "ed"):
        move(five, f"{source}.txt", f"{target}.txt")
    report = library.add(five)
    assert (report.moved, report.added, report.updated, report.missing) == (4, 0, 0, 1)
    moved = {n: (f"{'__abcd'[n]}.txt", "present", TOPICS[n - 1]) for n in range(2, 6)}
    assert held(library) == {1: ("a.txt", "missing", TOPICS[0]), **moved}
    assert library.add(five).unchanged == 4


@pytest.mark.parametrize("names", ["ab", "ba", "abc", "cba", "bdaec"])
def test_files_that_swap_or_rotate_names_keep_their_ids(library, five, names):
    """Each file takes the name of the next, the last that of the first."""
    move(five, f"{names[-1]}.txt", "tmp.txt")
    for source, target in reversed(list(pairwise(names))):
        move(five, f"{source}.txt", f"{target}.txt")
    move(five, "tmp.txt", f"{names[0]}.txt")
    report = library.add(five)
    assert (report.moved, report.added, report.updated, report.missing) == (len(names), 0, 0, 0)
    goes = dict(zip(names, names[1:] + names[0], strict=True))
    expected = {n: (f"{goes.get('_abcde'[n], '_abcde'[n])}.txt", "present", TOPICS[n - 1]) for n in range(1, 6)}
    assert held(library) == expected
    assert library.add(five).unchanged == 5


def test_a_file_that_changes_after_a_copy_of_it_was_made_keeps_its_id(library, five, files):
    shutil.copy(five / "a.txt", five / "a, as it was.txt")
    files.text("a.txt", "something else entirely")
    report = library.add(five)
    assert (report.added, report.updated, report.moved, report.unchanged) == (1, 1, 0, 4)
    assert held(library)[1] == ("a.txt", "present", "something else entirely")
    assert held(library)[6] == ("a, as it was.txt", "present", TOPICS[0])


def test_content_that_returns_to_a_path_that_changed_hands_is_its_first_item_again(library, five):
    first = (five / "d.txt").read_bytes()
    move(five, "a.txt", "d.txt")
    library.add(five)
    move(five, "d.txt", "a.txt")
    (five / "d.txt").write_bytes(first)
    library.add(five)
    assert as_before(library)


def test_after_any_mess_a_library_holds_what_is_on_the_disk(library, five, files):
    """Random renames, copies, changes and removals: every present file is found under its own words, once."""
    import numpy as np

    random = np.random.default_rng(4)
    for step in range(8):
        there = sorted(five.rglob("*.txt"))
        for _ in range(3):
            source = there[random.integers(len(there))]
            target = five / f"{'abcdefgh'[random.integers(8)]}.txt"
            match random.integers(4):
                case 0 if source.exists():
                    source.rename(target)
                case 1 if source.exists() and source != target:
                    shutil.copy(source, target)
                case 2:
                    files.text(target.name, f"{TOPICS[random.integers(5)]} {step % 3}")
                case 3 if source.exists() and len(list(five.rglob("*.txt"))) > 2:
                    source.unlink()
        report = library.add(five)
        present = {name: text for name, state, text in held(library).values() if state == "present"}
        assert present == {path.name: path.read_text() for path in five.rglob("*.txt")}, step
        assert sum(state == "present" for _, state, _ in held(library).values()) == len(present)
        assert library.add(five).unchanged == len(present) and not report.skipped
        paths = [hit.path for hit in library.search("anything", k=50)]
        assert sorted(paths) == sorted(str(path) for path in five.rglob("*.txt"))


def test_a_library_of_format_1_keeps_the_hash_its_items_are_known_by(files, bundle, tmp_path):
    old, moved = tmp_path / "old.library", files.text("a.txt", TOPICS[0])
    Store.open(old, create=True)
    said = json.loads((old / "library.json").read_text())
    del said["hashed_with"]
    (old / "library.json").write_text(json.dumps({**said, "format": 1}))
    with Library(old, model=str(bundle)) as library:
        library.add(files.folder)
        assert library.items()["hash"].to_pylist() == [hashlib.blake2b(moved.read_bytes(), digest_size=16).hexdigest()]
        move(files.folder, "a.txt", "b.txt")
        assert library.add(files.folder).moved == 1


def test_other_libraries_know_their_items_by_blake3(library, files):
    path = files.text("a.txt", TOPICS[0])
    library.add(files.folder)
    assert library.items()["hash"].to_pylist() == [blake3(path.read_bytes()).hexdigest(length=16)]
