"""`remove` and `compact`: what was removed is never found, and in the end its bytes are nowhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sensorium import Library, Like
from sensorium.core.errors import BadQuery, LibraryEmpty, LibraryFull, SourceMissing
from sensorium.library import snapshots
from sensorium.testing.naive import live_rows, space_of, table_of


@pytest.fixture
def filled(library, files):
    files.fill(texts=10, pictures=4, sounds=2, long=False)
    library.add(files.folder)
    return library


def ids(library):
    return library.items()["id"].to_pylist()


def test_items_go_by_path_folder_and_id_and_files_stay(filled, files, monkeypatch):
    monkeypatch.chdir(files.folder)
    one = filled.search("Story 3", k=1, under="texts/t03.txt")[0].item
    assert filled.remove("texts/t03.txt", files.folder / "pictures", "./sounds/s00.wav", one) == 6
    left = filled.items().to_pylist()
    assert len(left) == 10 and not any("pictures" in item["path"] for item in left)
    assert len(list(files.folder.rglob("*.*"))) == 16
    assert {hit.item for hit in filled.search("x", k=50)} == {item["id"] for item in left}
    with pytest.raises(BadQuery, match=f"no item {one} in the library"):
        filled.search(Like(one))


def test_removed_items_come_back_as_new_ones_when_they_are_added_again(filled, files):
    filled.remove(files.folder / "texts")
    highest = 16
    assert filled.add(files.folder).added == 10
    assert min(id for id in ids(filled) if id not in range(7)) == highest + 1 and len(ids(filled)) == 16


def test_items_whose_file_is_gone_can_be_removed(filled, files):
    (files.folder / "texts/t03.txt").unlink()
    filled.add(files.folder)
    assert filled.status().missing == 1
    assert filled.remove(files.folder / "texts/t03.txt") == 1
    assert filled.status().missing == 0


def test_an_item_that_shares_its_path_with_another_goes_with_the_folder(filled, files):
    (files.folder / "texts/t03.txt").rename(files.folder / "texts/t04.txt")
    filled.add(files.folder)
    assert filled.remove(files.folder / "texts") == 10
    assert not any("texts" in item["path"] for item in filled.items().to_pylist())


def test_skipped_files_below_a_removed_folder_are_forgotten_with_it(filled, files):
    files.bytes("bad/one.png", b"\x89PNG\r\n\x1a\n")
    filled.add(files.folder)
    assert filled.remove(files.folder / "bad") == 0
    assert table_of(filled.path, "skipped") == []


@pytest.mark.parametrize("what", ["/no/where", "things", 4711, Path("x.txt")])
def test_what_is_not_in_the_library_is_said_and_nothing_is_removed(filled, what):
    with pytest.raises(SourceMissing, match="is not in the library"):
        filled.remove(1, what)
    assert len(ids(filled)) == 16


def test_an_emptied_library_says_that_it_is_empty(filled, files):
    assert filled.remove(files.folder) == 16
    for library in (filled, Library(filled.path, create=False)):
        with pytest.raises(LibraryEmpty, match="is empty: add something first"):
            library.search("x")
    assert filled.add(files.folder).added == 16
    assert min(ids(filled)) == 17


def traces(library, texts, vectors):
    """Which files of the library hold a piece of these texts or vectors (any four numbers in a row), and what."""
    needles = {text.encode(): text for text in texts}
    for vector in vectors:
        for shown in (vector, vector / np.linalg.norm(vector.astype(np.float64))):
            for kind in (np.float16, np.float32, np.float64):
                numbers = shown.astype(kind)
                needles |= {numbers[at : at + 4].tobytes(): f"{kind.__name__}" for at in range(len(numbers) - 3)}
    found = {}
    for path in library.path.rglob("*"):
        if path.is_file() and "bundles" not in path.parts:
            content = path.read_bytes()
            hits = {said for needle, said in needles.items() if needle in content}
            if hits:
                found[str(path.relative_to(library.path))] = hits
    return found


def test_after_remove_and_compact_no_byte_of_it_is_left_in_any_file(library, files):
    secrets = [f"secret number {n} of the Velvet Harbour" for n in range(6)]
    files.fill(texts=10, pictures=6, sounds=2, long=False)
    for n, secret in enumerate(secrets):
        files.text(f"secret/{n}.txt", secret)
    files.picture("secret/p.png", 77), files.sound("secret/s.wav", 77)
    library.add(files.folder)
    files.text("secret/0.txt", "secret number 9 of the Velvet Harbour")
    library.add(files.folder)
    for metric in ("cosine", "dot", "l2"):
        library.search("x", index="ivf:3,3", metric=metric)
    rows = live_rows(library.path)
    hidden = [row for row in rows if "/secret/" in row.path]
    kept = [row for row in rows if "/secret/" not in row.path]
    vectors = [row.vector for row in hidden]
    before = traces(library, ["Velvet Harbour"], vectors)
    assert {"Velvet Harbour", "float32", "float16"} <= set().union(*before.values())
    assert any(name.endswith(".ivf") for name in before) and any(name.endswith(".snapshot") for name in before)
    right = [hit for hit in library.search("x", k=50) if "/secret/" not in hit.path]

    assert library.remove(files.folder / "secret") == 8
    assert all("/secret/" not in hit.path for hit in library.search("secret number 3 of the Velvet Harbour", k=50))
    library.compact()

    assert traces(library, [*secrets, "Velvet Harbour", "/secret/"], vectors) == {}
    assert [(r.part, r.text) for r in live_rows(library.path)] == [(r.part, r.text) for r in kept]
    # how likely a hit is to be relevant depends on how many were searched
    found = [replace(hit, relevance=None) for hit in library.search("x", k=50)]
    assert found == [replace(hit, relevance=None) for hit in right]
    for name in ("items", "parts", f"vectors/{space_of(library.path)}"):
        folder = library.path / f"{name}.lance"
        assert len(list((folder / "_versions").glob("*.manifest"))) == 1, name
        assert len(list((folder / "data").iterdir())) == 1, name
    texts = json.dumps([row["text"] for row in table_of(library.path, "parts")])
    assert "Velvet" not in texts


def test_what_a_change_left_behind_goes_with_compaction_too(library, files):
    files.text("a.txt", "the first words were Velvet Harbour"), files.text("b.txt", "other words")
    library.add(files.folder)
    old = live_rows(library.path)[0].vector
    files.text("a.txt", "quite different words now")
    library.add(files.folder)
    library.compact()
    assert traces(library, ["Velvet"], [old]) == {}


def test_compaction_without_room_for_a_new_index_leaves_no_old_one(filled, files, monkeypatch):
    import errno

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    filled.remove(1)
    monkeypatch.setattr(snapshots, "write_snapshot", full)
    with pytest.raises(LibraryFull):
        filled.compact()
    assert not list(filled.path.glob("indexes/*/*"))
    hits = filled.search("x", k=50)
    assert len(hits) == 15 and "the index could not be written" in hits.notes[0]


def test_compaction_of_a_large_library_leaves_the_same_answers(filled):
    right = list(filled.search("the sea", k=50))
    for _ in range(3):
        filled.compact()
    assert list(filled.search("the sea", k=50)) == right == list(Library(filled.path).search("the sea", k=50))
