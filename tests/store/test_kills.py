"""SIGKILL at any moment leaves each item old or new, and the next run ends where an undisturbed one does."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sensorium.store.commit import Writer
from sensorium.store.lock import Lock
from sensorium.store.tables import Store
from sensorium.testing.batches import SPACE, make_batch, make_library

Spawn = Callable[..., "subprocess.Popen[str]"]

# Adds what is missing of n0..n<count>, as "add" would: known by path, changed by a title that lacks the mark.
ADD = """
import os, signal, sys
from pathlib import Path
from sensorium.store.commit import Writer
from sensorium.store.lock import Lock
from sensorium.store.tables import Store
from sensorium.testing.batches import make_batch

os.fsync = lambda handle: None  # what a kill leaves is in the kernel: only a power cut needs the disk

def die(*_): os.kill(os.getpid(), signal.SIGKILL)

path, count, size, seam, at = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5])
with Lock(path).acquire(wait=10) as lock:
    store = Store.open(path)
    writer = Writer(store, lock)
    print("go", flush=True)
    known = dict(zip(*store.items(columns=["title", "id"]).to_pydict().values()))
    for number, start in enumerate(range(0, count, size)):
        wanted = [f"n{n}" for n in range(start, min(count, start + size)) if f"n{n}" not in known]
        old = {name: known[f"old {name}"] for name in wanted if f"old {name}" in known}
        if number == at and hasattr(writer, seam):
            setattr(writer, seam, die)
        if wanted:
            writer.commit(make_batch(writer, wanted, ids=old, parts=1))
        if number % 4 == 3:
            writer.compact()
            if seam == "compacted" and number >= at:
                die()
print("done", flush=True)
"""

SEAMS = ["write_vectors", "write_parts", "write_items", "_tidy_when_due", "compacted"]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with eight items that the next run changes, one in each of its batches."""
    store = make_library(tmp_path_factory.mktemp("begun") / "some.library")
    with Lock(store.path) as lock:
        writer = Writer(store, lock)
        writer.commit(make_batch(writer, [f"old n{n}" for n in range(0, 80, 10)], parts=1))
    return store.path


@pytest.fixture(scope="module")
def undisturbed(begun: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("undisturbed") / "some.library"
    shutil.copytree(begun, path)
    store = Store.open(path)
    with Lock(path) as lock:
        writer = Writer(store, lock)
        names = [f"n{n}" for n in range(80)]
        ids = {f"n{n}": n // 10 + 1 for n in range(0, 80, 10)}
        for start in range(0, 80, 10):
            writer.commit(make_batch(writer, names[start : start + 10], ids=ids, parts=1))
    return path


def found(path: Path) -> tuple[list[tuple[int, str]], list[tuple[int, str]], list[list[float]]]:
    """(item, title), (item, text) and the vectors, as a search would see them."""
    store = Store.open(path)
    live = store.live(SPACE)
    order = sorted(range(len(live.parts)), key=lambda at: live.items[at])
    items = [(row["id"], row["title"]) for row in store.items(columns=["id", "title"]).to_pylist()]
    return items, [(int(live.items[at]), live.texts[at]) for at in order], live.vectors[order].tolist()


def check_whole(path: Path) -> None:
    """Every item is the old or the new one, with just its own part; no id is there twice."""
    items, texts, _ = found(path)
    assert len({item for item, _ in items}) == len(items) and len({title for _, title in items}) == len(items)
    assert texts == [(item, f"{title}, part 0") for item, title in items]
    assert {item for item, _ in items} >= set(range(1, 9))


@pytest.mark.parametrize("seam", SEAMS)
def test_killed_between_the_writes_and_run_again(
    seam: str, begun: Path, undisturbed: Path, tmp_path: Path, spawn: Spawn
) -> None:
    path = tmp_path / "some.library"
    shutil.copytree(begun, path)
    child = spawn(ADD, path, 80, 10, seam, 2)
    assert child.wait(60) == -signal.SIGKILL, child.communicate()[0]
    check_whole(path)
    titles = {title for _, title in found(path)[0]}
    new, old = {f"n{n}" for n in range(20, 30)}, {"old n20"}
    # Only the item rows count, and only once they are written.
    written = seam in ("_tidy_when_due", "compacted")
    assert titles & (new | old) == (new if written else old) and titles >= {f"n{n}" for n in range(20)}
    child = spawn(ADD, path, 80, 10, "none", -1)
    assert child.wait(60) == 0, child.communicate()[0]
    assert found(path) == found(undisturbed)


def test_killed_anywhere_and_run_again(begun: Path, undisturbed: Path, tmp_path: Path, spawn: Spawn) -> None:
    """Among six seeded moments some fall into the writes, some into compaction."""
    rng, path = random.Random(11), tmp_path / "some.library"
    shutil.copytree(begun, path)
    killed = 0
    for _ in range(6):
        child = spawn(ADD, path, 80, 2, "none", -1)
        assert child.stdout is not None and child.stdout.readline() == "go\n", child.communicate()[0]
        time.sleep(rng.uniform(0.0, 0.4))
        child.kill()
        killed += child.wait() == -signal.SIGKILL
        check_whole(path)
    assert killed >= 3
    child = spawn(ADD, path, 80, 10, "none", -1)
    assert child.wait(60) == 0, child.communicate()[0]
    assert found(path) == found(undisturbed)


def test_killed_while_removing_leaves_each_item_there_or_gone(begun: Path, tmp_path: Path, spawn: Spawn) -> None:
    path = tmp_path / "some.library"
    shutil.copytree(begun, path)
    script = ADD.split("    print(")[0] + "    writer.sweep = die\n    writer.remove([7, 8])\n"
    assert spawn(script, path, 0, 1, "none", 0).wait(60) == -signal.SIGKILL
    assert [item for item, _ in found(path)[0]] == list(range(1, 7))
    with Lock(path) as lock:
        writer = Writer(Store.open(path), lock)
        assert writer.next_id() == 9 and writer.next_part_id() == 9
        assert writer.sweep() == 0
