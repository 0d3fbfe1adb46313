"""Readers in other processes never stop while a writer appends, changes, removes and compacts."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

import numpy as np
import pytest

from sensorium.store.commit import Writer
from sensorium.store.tables import Store
from sensorium.testing.batches import SPACE, make_batch

Spawn = Callable[..., "subprocess.Popen[str]"]

READ = """
import sys, time
from pathlib import Path
import numpy as np
from sensorium.store.tables import Store
from sensorium.testing.batches import SPACE, preview_of, vector_of

path, refreshing = Path(sys.argv[1]), sys.argv[2] == "refreshing"
store = Store.open(path)
print("go", flush=True)
while not (path.parent / "stop").exists():
    if refreshing:
        store.refresh()
    live = store.live(SPACE)
    titles = dict(zip(live.table["id"].to_pylist(), live.table["title"].to_pylist()))
    assert len(set(titles.values())) == len(titles), titles
    parts = {}
    for item, text, vector in zip(live.items.tolist(), live.texts, live.vectors):
        name = text.rpartition(", part")[0]
        assert titles[item] == name, (item, name, titles.get(item))
        assert np.array_equal(vector, vector_of(text))
        parts[item] = parts.get(item, 0) + 1
    assert parts == dict.fromkeys(titles, 2), (parts, titles)
    some = live.parts[:3].tolist()
    for part, preview in store.previews(some).items():
        assert live.parts.tolist().index(part) < 3 and preview == preview_of(live.texts[some.index(part)], 40)
    assert set(store.rows(SPACE, live.parts[-5:]).parts.tolist()) <= set(live.parts.tolist())
    assert store.items("size > 1e3", ["id"]).num_rows >= 5
    with (path.parent / sys.argv[3]).open("a") as done:
        done.write("x")
print(store.notes)
"""


@pytest.mark.parametrize("way", ["refreshing", "staying"])
def test_readers_go_on_while_a_writer_works(way: str, store: Store, writer: Writer, spawn: Spawn) -> None:
    """A reader that never refreshes goes on as well: it is taken to the newest version when its own is gone."""
    writer.commit(make_batch(writer, [f"a{n}" for n in range(10)]))
    readers = [spawn(READ, store.path, way, name) for name in ("first", "second")]
    for reader in readers:
        assert reader.stdout is not None and reader.stdout.readline() == "go\n"

    def reads() -> int:
        done = [store.path.parent / name for name in ("first", "second")]
        return min(path.stat().st_size if path.exists() else 0 for path in done)

    start, number = time.monotonic(), 0
    while number < 12 or (reads() < 8 and time.monotonic() < start + 30):
        number += 1
        writer.commit(make_batch(writer, [f"b{number}", f"a3 {number}"], ids={f"a3 {number}": 4}))
        if number > 5:
            writer.remove([number + 5])
        if number % 3 == 0:
            writer.compact()
    (store.path.parent / "stop").touch()
    for reader in readers:
        assert reader.wait(30) == 0, reader.communicate()[0]
        assert reader.communicate()[0] == "[]\n"
    assert reads() >= 8


def test_a_reader_of_a_version_that_was_compacted_away_reads_the_newest(store: Store, writer: Writer) -> None:
    writer.commit(make_batch(writer, ["a", "b"]))
    assert store.items().num_rows == 2
    writer.remove([1])
    writer.commit(make_batch(writer, ["c"]))
    writer.compact()
    assert store.items()["id"].to_pylist() == [2, 3]
    assert store.live(SPACE).items.tolist() == [2, 2, 3, 3] and store.version == store.token()
    assert store.rows(SPACE, np.array([1, 5])).parts.tolist() == [5]
