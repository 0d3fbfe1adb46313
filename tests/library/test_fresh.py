"""An open library sees what others write at once, and answers right whatever has become of its index files."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sensorium import Library, Like
from sensorium.core.errors import LibraryDamaged, LibraryEmpty
from sensorium.indexes import files as index_files
from sensorium.indexes.files import read_snapshot, write_snapshot
from sensorium.library import snapshots
from sensorium.testing.naive import assert_hits, best_items, live_rows


@pytest.fixture
def filled(library, files):
    files.fill(texts=12, pictures=8, sounds=2, long=False)
    library.add(files.folder)
    return library


def reopened(library):
    return Library(library.path, create=False)


def snapshot(library):
    (found,) = (library.path / "indexes").glob("*/*.snapshot")
    return found


def answers(library):
    """What a few searches give, over all kinds and indexes."""
    return [
        list(library.search("the sea was calm", k=30)),
        list(library.search(Like(3), k=30, metric="dot")),
        list(library.search("bread", k=4, kinds="text", index="ivf:3,3")),
    ]


@pytest.fixture
def rewrites(monkeypatch):
    """How often a snapshot is written."""
    written, honest = [], snapshots.write_snapshot

    def counting(*arguments):
        written.append(arguments)
        honest(*arguments)

    monkeypatch.setattr(snapshots, "write_snapshot", counting)
    return written


def test_a_plain_search_opens_no_table(filled):
    code = (
        "import sys; from sensorium import Library\n"
        f"hits = Library({str(filled.path)!r}, create=False).search('the sea', kinds='text', under='/')\n"
        "heavy = {'lance', 'pyarrow', 'faiss', 'PIL', 'av', 'typer', 'rich', 'numpy.ma'} & set(sys.modules)\n"
        "assert len(hits) == 10 and not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("large", [False, True])
def test_an_open_library_sees_new_changed_missing_and_removed_items_at_once(filled, files, monkeypatch, large):
    """`large`: as if the snapshot were too large to be rewritten each time, so that the delta is searched beside it."""
    if large:
        monkeypatch.setattr(snapshots, "REWRITE_ALWAYS_BELOW", 0)
        monkeypatch.setattr(snapshots, "REWRITE_SHARE", 10.0)
    reader, writer = reopened(filled), reopened(filled)

    def agree(words):
        for metric in ("cosine", "dot", "l2"):
            (query,) = reader.encode(words)
            hits = reader.search(words, k=50, metric=metric, kinds="text")
            assert_hits(hits, best_items([r for r in live_rows(reader.path) if r.kind == "text"], query, 50, metric))
            ivf = reader.search(words, k=50, metric=metric, kinds="text", index="ivf:4,4")
            assert [(hit.item, hit.score) for hit in ivf] == [(hit.item, hit.score) for hit in hits]
        return hits

    old = snapshot(filled)
    assert len(agree("a new text")) == 12
    path = files.text("new.txt", "a new text about the moon")
    writer.add(path)
    assert agree("a new text about the moon")[0].path == str(path)
    files.text("texts/t00.txt", "something else, about the moon")
    writer.add(files.folder)
    hits = agree("something else, about the moon")
    assert hits[0].text == "something else, about the moon" and len(hits) == 13
    path.unlink()
    writer.add(files.folder)
    assert str(path) not in [hit.path for hit in agree("a new text about the moon")]
    (files.folder / "texts/t03.txt").rename(files.folder / "texts/t99.txt")
    writer.add(files.folder)
    assert any(hit.path.endswith("t99.txt") for hit in agree("the sea"))
    writer.remove(files.folder / "texts/t01.txt", files.folder / "texts/t99.txt")
    assert len(agree("the sea")) == 10
    assert reader.search(Like(9), kinds="image", k=3)[0].modality == "image"
    assert (snapshot(filled) == old) is large
    fresh = reopened(filled)
    assert answers(fresh) == answers(reader) and agree("the sea")
    writer.compact()
    assert answers(reader) == answers(reopened(filled)) and snapshot(filled) != old
    writer.remove(files.folder)
    assert reader.items().num_rows == 0
    with pytest.raises(LibraryEmpty, match="is empty: add something first"):
        reader.search("the sea")


def test_a_library_that_was_empty_when_it_was_opened_sees_the_first_items(library, files):
    reader = reopened(library)
    library.add(files.text("a.txt", "the sea"))
    assert [hit.item for hit in reader.search("the sea")] == [1]


def test_after_a_search_nothing_is_read_again_until_something_changes(filled, files, monkeypatch, rewrites):
    reader = reopened(filled)
    reader.search("x")
    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "read_snapshot", None)
        patch.setattr(snapshots, "Rows", None)
        reader.search("y", k=3)
    assert not rewrites
    filled.add(files.text("z.txt", "z"))
    assert len(rewrites) == 1
    assert len(reader.search("y", k=50)) == 23 and len(rewrites) == 1


def flip(at):
    """Turns the bits of the byte at this share of the file, or of the first before it that is no padding."""

    def change(path):
        data = bytearray(path.read_bytes())
        place = next(n for n in range(int(len(data) * at), -1, -1) if data[n])
        data[place] ^= 0xFF
        path.write_bytes(data)

    return change


def cut(share):
    def change(path):
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    return change


DAMAGE = {
    "first byte": flip(0), "head": flip(0.02), "middle": flip(0.5), "end": flip(0.97), "half": cut(0.5),
    "empty": cut(0), "gone": Path.unlink, "other": lambda path: path.write_bytes(b"x" * 5000),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("pattern", ["*.snapshot", "current", "*.ivf"])
def test_a_damaged_index_file_is_built_again_and_the_answer_is_right(filled, pattern, damage):
    right = answers(filled)
    filled.close()
    (path,) = (filled.path / "indexes").rglob(pattern)
    DAMAGE[damage](path)
    library = reopened(filled)
    first = library.search("the sea was calm", k=30)
    ivf = library.search("bread", k=4, kinds="text", index="ivf:3,3")
    noted = [note for note in (*first.notes, *ivf.notes) if "damaged" in note]
    assert list(first) == right[0] and list(ivf) == right[2]
    told = damage != "gone" or pattern == "*.snapshot"  # what nothing points to was never finished, or asked for
    assert len(noted) == told, noted
    assert all("\n" not in note and "has been built again" in note for note in noted)
    assert answers(reopened(filled)) == right
    assert not library.search("x", index="ivf:3,3").notes


def test_a_snapshot_of_another_layout_or_space_is_not_believed(filled):
    right, folder = answers(filled), snapshot(filled).parent
    whole = read_snapshot(folder)
    fewer = {name: array for name, array in whole.arrays.items() if name != "norms"}
    narrow = {**whole.arrays, "vectors": np.ones((len(whole.arrays["parts"]), 3), np.float32)}
    for arrays, header in (
        (whole.arrays, {**whole.header, "layout": 0}), (whole.arrays, {**whole.header, "space": "another"}),
        (fewer, whole.header), (narrow, whole.header), (whole.arrays, {}),
    ):  # fmt: skip
        write_snapshot(folder, arrays, header)
        library = reopened(filled)
        assert "built again" in library.search("x").notes[0]
        assert answers(library) == right


def test_damage_that_shows_only_while_searching_is_mended_too(filled, monkeypatch):
    """A large snapshot is checked by a sample of its bytes when it is opened."""
    right = answers(filled)
    monkeypatch.setattr(snapshots, "VERIFIED_BELOW", 0)
    monkeypatch.setattr(index_files, "sampled", lambda data: 0)
    library = reopened(filled)
    library.compact()
    data, path = bytearray(snapshot(filled).read_bytes()), snapshot(filled)
    at = data.index(b"Story 4: ")
    data[at : at + 5] = b"\xff" * 5
    path.write_bytes(data)
    library = reopened(filled)
    hits = library.search("Story 4: counting", k=30)
    assert [note for note in hits.notes if "damaged" in note and "built again" in note]
    assert answers(library) == right


def test_a_missing_index_folder_is_no_news(filled):
    right = answers(filled)
    shutil.rmtree(filled.path / "indexes")
    library = reopened(filled)
    assert library.search("x").notes == () and answers(library) == right and snapshot(filled)


def test_a_library_that_cannot_be_written_to_is_searched_all_the_same(mounted, bundle, files):
    disk = mounted("size=16m")
    files.fill(texts=6, pictures=2, sounds=0, long=False)
    with Library(disk.place / "l.library", model=str(bundle)) as library:
        library.add(files.folder)
        right = list(library.search("the sea"))
        (ivf,) = [library.search("the sea", index="ivf:2,2")]
    disk.change("ro")
    with Library(disk.place / "l.library", create=False) as library:
        assert list(library.search("the sea")) == right == list(ivf) and library.status().items == 8
    disk.change("rw")
    for path in (disk.place / "l.library/indexes").rglob("*.*"):
        path.unlink()
    disk.change("ro")
    with Library(disk.place / "l.library", create=False) as library:
        hits = library.search("the sea")
        assert list(hits) == right
        assert "the index could not be written (Read-only file system)" in " ".join(hits.notes)
        assert list(library.search("the sea", index="ivf:2,2")) == right
        assert len(library.search("x", k=50, previews=True)) == 8
        for write in (lambda: library.add(files.folder), lambda: library.remove(1), library.compact):
            with pytest.raises(LibraryDamaged, match=r"cannot be written to \(Read-only file system\)"):
                write()


def test_a_file_that_is_gone_meanwhile_is_still_a_hit_until_the_next_add(filled, files):
    path = files.folder / "texts/t05.txt"
    path.unlink()
    hits = filled.search("Story 5", k=50, previews=True)
    assert str(path) in [hit.path for hit in hits] and "t05" in hits._repr_html_()
    filled.add(files.folder)
    assert str(path) not in [hit.path for hit in filled.search("Story 5", k=50)]


def test_a_reader_that_writes_late_does_not_bring_back_what_was_removed(filled, monkeypatch):
    """A reader builds the snapshot from old rows; before it is written, the rows are removed and compacted away."""
    shutil.rmtree(filled.path / "indexes")
    reader, writer = reopened(filled), reopened(filled)
    honest, rounds = snapshots.write_view, []

    def late(session, view):
        rounds.append(view)
        if len(rounds) == 1:
            with monkeypatch.context() as patch:
                patch.setattr(snapshots, "write_view", honest)
                writer.remove(9)
                writer.compact()
        honest(session, view)

    monkeypatch.setattr(snapshots, "write_view", late)
    hits = reader.search("Story 0: the sea was calm, as it was told on day 0.", k=50)
    assert len(rounds) == 2
    assert 9 not in [hit.item for hit in hits]
    assert sorted(read_snapshot(snapshot(filled).parent).arrays["items"]) == [n for n in range(1, 23) if n != 9]
