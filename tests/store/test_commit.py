"""What a writer leaves behind."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pytest

from sensorium.core.errors import LibraryLocked, SpaceMismatch
from sensorium.store.commit import Batch, Writer, new_revision
from sensorium.store.lock import Lock
from sensorium.store.schemas import vectors_table
from sensorium.store.tables import Store
from sensorium.testing.batches import SPACE, make_batch, make_library, text_of, vector_of


def texts(store: Store) -> dict[int, list[str]]:
    """The texts of each item that count."""
    store.refresh()
    live, found = store.live(SPACE), {}
    for item, text in zip(live.items.tolist(), live.texts, strict=True):
        found.setdefault(item, []).append(text)
    return found


def rows_on_disk(store: Store, name: str) -> int:
    count: int = lance.dataset(str(store.path / f"{name}.lance")).count_rows()
    return count


def test_a_changed_item_keeps_its_id_and_loses_its_old_parts(store: Store, writer: Writer) -> None:
    writer.commit(make_batch(writer, ["a", "b"]))
    writer.commit(make_batch(writer, ["c", "b, changed"], ids={"b, changed": 2}, parts=1))
    assert texts(store) == {1: ["a, part 0", "a, part 1"], 2: ["b, changed, part 0"], 3: ["c, part 0"]}
    assert store.items()["title"].to_pylist() == ["a", "b, changed", "c"]
    assert store.previews([3, 4]) == {}
    assert rows_on_disk(store, "parts") == 6
    assert writer.sweep() == 4
    assert rows_on_disk(store, "parts") == rows_on_disk(store, f"vectors/{SPACE}") == 4


def test_rows_without_their_item_row_do_not_count_and_are_swept(store: Store, lock: Lock, writer: Writer) -> None:
    writer.commit(make_batch(writer, ["a"]))
    half = make_batch(writer, ["b", "a, changed"], ids={"a, changed": 1})
    writer.write_vectors(half)
    writer.write_parts(half)
    assert texts(store) == {1: ["a, part 0", "a, part 1"]} and rows_on_disk(store, "parts") == 6
    again = Writer(store, lock)
    assert rows_on_disk(store, "parts") == rows_on_disk(store, f"vectors/{SPACE}") == 2
    assert again.next_id() == 2 and again.next_part_id() == 3
    assert texts(store) == {1: ["a, part 0", "a, part 1"]}


def test_writing_needs_the_lock(store: Store) -> None:
    with pytest.raises(LibraryLocked, match="acquire"):
        Writer(store, Lock(store.path))


def test_ids_are_never_given_twice(store: Store, lock: Lock) -> None:
    """Whatever is added, changed, emptied, removed, swept, compacted and reopened, in any order."""
    rng = random.Random(5)
    writer, alive, ever_items, ever_parts = Writer(store, lock), set[int](), set[int](), set[int]()
    for step in range(60):
        action = rng.choice(["add", "add", "change", "empty", "remove", "remove last", "compact", "reopen"])
        if action == "add":
            batch = make_batch(writer, [f"{step}.{n}" for n in range(rng.randint(1, 3))], parts=rng.randint(0, 2))
            new = set(batch.items["id"].to_pylist())
            assert not new & ever_items
            ever_items, alive = ever_items | new, alive | new
        elif action in ("change", "empty") and alive:
            chosen = rng.choice([min(alive), max(alive)])
            batch = make_batch(writer, ["x"], ids={"x": chosen}, parts=0 if action == "empty" else 2)
        elif action.startswith("remove") and alive:
            gone = {max(alive) if action == "remove last" else rng.choice(sorted(alive))}
            assert writer.remove(gone) == 1
            alive -= gone
            continue
        else:
            writer.compact()
            writer = Writer(store, lock) if action == "reopen" else writer
            continue
        parts = set(batch.parts["id"].to_pylist())
        assert not parts & ever_parts
        ever_parts |= parts
        writer.commit(batch)
    store.refresh()
    assert set(store.items()["id"].to_pylist()) == alive
    assert len(ever_items) > 15 and len(ever_parts) > 30


def test_removing_takes_items_with_all_that_is_theirs(store: Store, writer: Writer) -> None:
    writer.commit(make_batch(writer, ["a", "b", "c"]))
    assert writer.remove([2, 2, 77]) == 1 and writer.remove([77]) == writer.remove([]) == 0
    assert sorted(texts(store)) == [1, 3]
    assert rows_on_disk(store, "parts") == rows_on_disk(store, f"vectors/{SPACE}") == 4


def test_items_change_in_place(store: Store, writer: Writer) -> None:
    writer.commit(make_batch(writer, ["a", "b", "c"]))
    before = store.items().to_pylist()
    rows = pa.table(
        {"id": [3, 1, 99], "state": ["missing", "present", "missing"], "path": ["/made/c", "/moved/a", "/no"]}
    )
    writer.update_items(rows)
    store.refresh()
    expected = [{**before[0], "path": "/moved/a"}, before[1], {**before[2], "state": "missing"}]
    assert store.items().to_pylist() == expected
    assert sorted(texts(store)) == [1, 2, 3]


def test_what_could_not_be_read_is_kept_once_a_path(store: Store, writer: Writer) -> None:
    odd = '/it\'s "odd"/ñ\n.txt'
    writer.record_skipped({"path": path, "size": 5, "mtime": 1.5, "why": "empty"} for path in ["/a", "/b", odd])
    writer.record_skipped([{"path": "/b", "size": 6, "mtime": 2.5, "why": "torn"}])
    writer.forget_skipped([odd, "/never"])
    writer.record_skipped([])
    assert store.skipped().sort_by("path").to_pylist() == [
        {"path": "/a", "size": 5, "mtime": 1.5, "why": "empty"},
        {"path": "/b", "size": 6, "mtime": 2.5, "why": "torn"},
    ]


def test_vectors_keep_their_lengths_in_both_widths(tmp_path: Path) -> None:
    store = make_library(tmp_path / "l")
    store.add_space("wide", "made", 3, "float32", default=False)
    with Lock(store.path) as lock:
        writer = Writer(store, lock)
        batch = make_batch(writer, ["a"], parts=1)
        exact = np.array([[1e5, -1 / 3, 1e-9]], np.float32)
        keys = [np.array(batch.parts[name]) for name in ("id", "item", "revision")]
        writer.commit(
            Batch(batch.items, batch.parts, {"wide": vectors_table(*keys, exact, "float32"), **batch.vectors})
        )
    np.testing.assert_array_equal(store.live("wide").vectors, exact)
    np.testing.assert_array_equal(store.live(SPACE).vectors, [vector_of(text_of("a", 0))])


def test_a_vector_that_float16_cannot_hold_is_refused() -> None:
    one = np.array([1])
    for bad in (70_000.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="not finite as float16"):
            vectors_table(one, one, one, np.array([[1.0, bad]]))


def test_an_unknown_space_is_refused(writer: Writer) -> None:
    batch = make_batch(writer, ["a"])
    with pytest.raises(SpaceMismatch, match="no space other"):
        writer.commit(Batch(batch.items, batch.parts, {"other": batch.vectors[SPACE]}))


def test_a_space_can_be_filled_later(store: Store, lock: Lock, writer: Writer) -> None:
    batch = make_batch(writer, ["a", "b"])
    writer.commit(Batch(batch.items, batch.parts))
    assert store.live(SPACE).parts.tolist() == []
    empty = Batch(batch.items.slice(0, 0), batch.parts.slice(0, 0), batch.vectors)
    Writer(store, lock).write_vectors(empty)
    assert sorted(texts(store)) == [1, 2]


def test_revisions_are_drawn_not_counted() -> None:
    drawn = {new_revision() for _ in range(1000)}
    assert len(drawn) == 1000 and max(drawn) > 1 << 61 and min(drawn) >= 0


def test_8091_items_leave_few_files_and_small_manifests(store: Store, writer: Writer) -> None:
    for start in range(0, 8091, 256):
        writer.commit(make_batch(writer, [str(n) for n in range(start, min(8091, start + 256))], parts=1))
    manifests = sum(path.stat().st_size for path in store.path.rglob("_versions/*"))
    files = len(list(store.path.rglob("data/*.lance")))
    assert manifests < 1_000_000 and files < 3 * 32
    assert store.live_ids(SPACE).parts.tolist() == list(range(1, 8092))
    writer.compact()
    assert len(list(store.path.rglob("data/*.lance"))) == 3
    assert sum(path.stat().st_size for path in store.path.rglob("_versions/*")) < 10_000


def test_a_foreign_tool_that_writes_meanwhile_is_borne(store: Store, writer: Writer) -> None:
    writer.commit(make_batch(writer, ["a", "b", "c"]))
    writer.commit(make_batch(writer, ["d"]))
    for name in ("items", "parts", f"vectors/{SPACE}"):
        lance.dataset(str(store.path / f"{name}.lance")).delete(f"{'id' if name == 'items' else 'item'} = 1")
    writer.compact()
    writer.commit(make_batch(writer, ["e"]))
    assert sorted(texts(store)) == [2, 3, 4, 5]


def test_data_are_on_the_disk_before_a_manifest_names_them(
    store: Store, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lance never syncs; the order is what a power cut must find."""
    writer.commit(make_batch(writer, ["a"]))
    synced: set[int] = set()
    real_sync, real_commit = os.fsync, lance.LanceDataset.commit
    commits: list[str] = []

    def sync(handle: int) -> None:
        synced.add(os.fstat(handle).st_ino)
        real_sync(handle)

    def unsynced(pattern: str) -> set[Path]:
        return {path for path in store.path.rglob(pattern) if path not in before and path.stat().st_ino not in synced}

    def commit(base: Any, *rest: Any, **named: Any) -> Any:
        commits.append(base.uri)
        assert not unsynced("data/*") and not unsynced("_deletions/*")
        return real_commit(base, *rest, **named)

    before = set(store.path.rglob("*"))
    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(lance.LanceDataset, "commit", commit)
    writer.commit(make_batch(writer, ["b", "a, changed"], ids={"a, changed": 1}))
    writer.update_items(pa.table({"id": [2], "state": ["missing"]}))
    assert len(commits) == 4
    writer.remove([2])
    assert not unsynced("*.manifest") and not unsynced("data/*") and not unsynced("_deletions/*")
    changed = {path.parent for path in store.path.rglob("*.manifest") if path not in before}
    assert len(changed) == 3 and {folder.stat().st_ino for folder in changed} <= synced
