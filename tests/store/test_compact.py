"""After removing and compacting, no byte of what was removed is in any file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensorium.store.commit import Writer
from sensorium.store.tables import Store
from sensorium.testing.batches import SPACE, make_batch, preview_of, text_of, vector_of


def files_with(library: Path, sought: bytes) -> list[str]:
    return [
        str(path.relative_to(library)) for path in library.rglob("*") if path.is_file() and sought in path.read_bytes()
    ]


def traces(name: str) -> dict[str, bytes]:
    """What the library holds of an item, as bytes on the disk."""
    text = text_of(name, 1)
    return {
        "text": text.encode(),
        "path": f"/made/{name}".encode(),
        "vector": vector_of(text).astype(np.float16).tobytes(),
        "preview": preview_of(text, 40),
    }


@pytest.mark.parametrize("count", [3, 300])
def test_no_byte_of_a_removed_item_is_left(store: Store, writer: Writer, count: int) -> None:
    for batch in range(3):
        writer.commit(make_batch(writer, [f"item-{batch}-{n}." for n in range(count)]))
    writer.record_skipped([{"path": "/secret/file", "size": 1, "mtime": 1.0, "why": "not read"}])
    last = 2 * count + 2
    gone, kept = traces("item-2-1."), traces("item-2-2.")
    for what, sought in {**gone, "skipped": b"/secret/file"}.items():
        assert files_with(store.path, sought), f"{what} is not stored in the clear: the scan proves nothing"
    held = set(store.path.rglob("data/*.lance"))
    writer.remove([last])
    writer.forget_skipped(["/secret/file"])
    writer.compact()
    for what, sought in {**gone, "skipped": b"/secret/file"}.items():
        assert not files_with(store.path, sought), what
    # Long columns of text are compressed, and a scan is blind to them: so no file that held the item may be left.
    assert not held & set(store.path.rglob("data/*.lance"))
    for what in ("vector", "preview"):
        assert files_with(store.path, kept[what]), what
    store.refresh()
    assert last not in store.live_ids(SPACE).items and len(store.live(SPACE).parts) == 6 * count - 2


def test_no_byte_of_an_older_revision_is_left(store: Store, writer: Writer) -> None:
    writer.commit(make_batch(writer, ["before", "other"]))
    old = traces("before")
    writer.commit(make_batch(writer, ["after"], ids={"after": 1}))
    writer.compact()
    assert {what: files_with(store.path, sought) for what, sought in old.items()} == {what: [] for what in old}


def test_compacting_clears_stray_files_and_keeps_what_counts(store: Store, writer: Writer) -> None:
    writer.commit(make_batch(writer, ["a", "b"]))
    before = store.live(SPACE)
    strays = [
        store.path / "items.lance" / "data" / ("0" * 50 + ".lance"),
        store.path / f"vectors/{SPACE}.lance" / "_transactions" / "7-aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa.txn",
        store.path / "parts.lance" / "_versions" / "18446744073709551600.manifest#1",
    ]
    for stray in strays:
        stray.parent.mkdir(exist_ok=True)
        stray.write_bytes(b"left by a killed run")
    writer.compact()
    assert [stray for stray in strays if stray.exists()] == []
    writer.compact()
    store.refresh()
    after = store.live(SPACE)
    assert after.texts == before.texts and after.parts.tolist() == before.parts.tolist()
    np.testing.assert_array_equal(after.vectors, before.vectors)
