"""What a power cut leaves: the last good version is opened with a note, and the next writer repairs."""

from __future__ import annotations

from pathlib import Path

import lance
import pytest

from sensorium.core.errors import LibraryDamaged
from sensorium.store.commit import Writer
from sensorium.store.durable import write_json
from sensorium.store.lock import Lock
from sensorium.store.manifests import versions
from sensorium.store.tables import Store
from sensorium.testing.batches import SPACE, make_batch


@pytest.fixture
def three(store: Store, writer: Writer, lock: Lock) -> Store:
    """A library of the items a, b and c, written one after the other; nobody writes now."""
    for name in "abc":
        writer.commit(make_batch(writer, [name]))
    lock.release()
    return store


def newest_manifest(path: Path, table: str) -> Path:
    return versions(path / f"{table}.lance")[0][1]


def titles(store: Store) -> list[str]:
    found: list[str] = store.items()["title"].to_pylist()
    return found


@pytest.mark.parametrize("left", ["nothing", "zeros", "half"])
def test_an_items_manifest_that_was_cut_short(three: Store, left: str) -> None:
    manifest = newest_manifest(three.path, "items")
    whole = manifest.read_bytes()
    manifest.write_bytes({"nothing": b"", "zeros": bytes(len(whole)), "half": whole[: len(whole) // 2]}[left])

    store = Store.open(three.path)
    assert titles(store) == ["a", "b"] and store.live(SPACE).items.tolist() == [1, 1, 2, 2]
    assert len(store.notes) == 1 and "items.lance: its newest version was cut short" in store.notes[0]

    with Lock(three.path) as lock:
        writer = Writer(store, lock)
        assert "has been dropped" in store.notes[-1]
        assert writer.next_id() == 3
    with Lock(three.path) as lock:
        writer = Writer(three, lock)
        writer.commit(make_batch(writer, ["c again"]))
    store = Store.open(three.path)
    assert titles(store) == ["a", "b", "c again"] and store.notes == []
    assert store.live(SPACE).items.tolist() == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("table", ["parts", f"vectors/{SPACE}"])
def test_another_tables_manifest_that_was_cut_short(three: Store, table: str) -> None:
    """It was being written for an item that is not in yet: nothing that counts is lost."""
    with Lock(three.path) as lock:
        writer = Writer(three, lock)
        batch = make_batch(writer, ["d"])
        writer.write_vectors(batch)
        writer.write_parts(batch)
    newest_manifest(three.path, table).write_bytes(b"")
    store = Store.open(three.path)
    assert titles(store) == ["a", "b", "c"] and store.live(SPACE).items.tolist() == [1, 1, 2, 2, 3, 3]
    with Lock(three.path) as lock:
        writer = Writer(store, lock)
        writer.commit(make_batch(writer, ["d"]))
    store = Store.open(three.path)
    assert titles(store) == ["a", "b", "c", "d"] and store.notes == []
    assert store.live(SPACE).parts.tolist() == list(range(1, 9))


@pytest.mark.parametrize("left", [b"", b"LANC", None])
def test_a_data_file_that_was_cut_short(three: Store, left: bytes | None) -> None:
    newest = lance.dataset(str(three.path / "items.lance")).get_fragments()[-1].metadata.files[0].path
    file = three.path / "items.lance" / "data" / newest
    file.unlink() if left is None else file.write_bytes(left)
    store = Store.open(three.path)
    assert titles(store) == ["a", "b"] and len(store.notes) == 1


def test_a_deletion_file_that_was_cut_short(three: Store) -> None:
    with Lock(three.path) as lock:
        writer = Writer(three, lock)
        writer.commit(make_batch(writer, ["x", "y"]))
        writer.remove([4])
    for deletions in (three.path / "items.lance" / "_deletions").iterdir():
        deletions.write_bytes(b"")
    store = Store.open(three.path)
    assert titles(store) == ["a", "b", "c", "x", "y"] and len(store.notes) == 1


def test_a_wrong_hint_does_no_harm(three: Store) -> None:
    for text in ("", '{"version":99}', '{"version":1}'):
        (three.path / "items.lance" / "_versions" / "latest_version_hint.json").write_text(text)
        assert titles(Store.open(three.path)) == ["a", "b", "c"]


def test_a_table_without_any_good_version_is_said_to_be_damaged(three: Store) -> None:
    manifests = [manifest for _, manifest in versions(three.path / "items.lance")]
    for manifest in manifests:
        manifest.write_bytes(b"")
    with pytest.raises(LibraryDamaged, match=r"items\.lance.*backup"):
        Store.open(three.path).items()
    with Lock(three.path) as lock, pytest.raises(LibraryDamaged, match=r"items\.lance.*backup"):
        Writer(three, lock)
    assert all(manifest.exists() for manifest in manifests)


def test_what_lance_cannot_understand_is_damage_and_is_left_alone(three: Store) -> None:
    """It may as well come from a newer Lance: no older version is opened in its place."""
    manifest = newest_manifest(three.path, "items")
    manifest.write_bytes(b"something else" * 9 + b"LANC")
    with pytest.raises(LibraryDamaged, match=r"items\.lance.*backup") as said:
        Store.open(three.path).items()
    assert "\n" not in str(said.value)
    with Lock(three.path) as lock, pytest.raises(LibraryDamaged, match=r"items\.lance.*backup"):
        Writer(three, lock)
    assert manifest.exists()


@pytest.mark.parametrize("table", ["items", "parts"])
def test_data_that_rotted_is_said_to_be_damaged(three: Store, table: str) -> None:
    for file in (three.path / f"{table}.lance" / "data").iterdir():
        file.write_bytes(bytes(file.stat().st_size - 4) + b"LANC")
    with pytest.raises(LibraryDamaged, match=r"some\.library.*backup"):
        Store.open(three.path).live(SPACE)
    with Lock(three.path) as lock, pytest.raises(LibraryDamaged, match=rf"{table}\.lance.*backup"):
        Writer(three, lock)


def test_a_table_whose_making_was_cut_short_is_made_again(store: Store, lock: Lock) -> None:
    (store.path / "items.lance" / "data").mkdir(parents=True)
    (store.path / "items.lance" / "data" / "stray.lance").touch()
    writer = Writer(store, lock)
    writer.commit(make_batch(writer, ["a"]))
    assert titles(store) == ["a"]


def test_a_json_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    assert write_json(path, {"a": 1}, replace=False)
    assert not write_json(path, {"a": 2}, replace=False)
    old = path.read_text()

    def fail(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        write_json(path, {"a": 3})
    assert path.read_text() == old and '"a": 1' in old


def test_what_killed_writers_left_beside_library_json_is_cleared(store: Store, lock: Lock) -> None:
    left = store.path / "library.json.123.tmp"
    left.write_text("{")
    Writer(store, lock)
    assert not left.exists() and (store.path / "library.json").exists()
