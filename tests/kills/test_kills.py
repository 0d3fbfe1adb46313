"""Nothing lost, nothing twice: a process that adds 5,000 items is killed 20 times, and all is as if it never was."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium import File, Library, Like
from sensorium.testing.bundles import tiny_bundle
from sensorium.testing.files import TOPICS, Files
from sensorium.testing.naive import live_rows, space_of, table_of

CHILD = Path(__file__).with_name("child.py")
TEXTS, PICTURES, SOUNDS = 4_300, 740, 10
WRITER, TABLE = "sensorium.store.commit:Writer", "sensorium.store.table_writer:TableWriter"
LANCE, SNAPSHOTS = "lance:LanceDataset", "sensorium.library.snapshots"


def at(where: str, nth: int, when: str = "before", **more: Any) -> dict[str, Any]:
    return {"moment": {"where": where, "nth": nth, "after": when == "after", **more}}


# The moments at which the first additions die: by the call that they never leave, or None for a moment of chance.
ADDING = [
    at("os:replace", 1, about="library.json"),
    at(f"{WRITER}.write_vectors", 2, "after"),
    at(f"{WRITER}.write_parts", 2, "after"),
    None,
    at(f"{WRITER}.write_items", 2, "after"),
    at("sensorium.store.table_writer:write_fragments", 5, "after"),
    at(f"{LANCE}.commit", 4),
    None,
    at(f"{LANCE}.commit", 6, "after"),
    at("sensorium.indexes.files:replaced", 1, early=True),
    at("os:replace", 1, about="current", early=True),
    None,
    at(f"{TABLE}.tidy", 1, "after"),
    at("sensorium.store.durable:FolderSync.flush", 7),
]
# Then files have changed, moved and gone; these die while the library is brought up to date, and compacted.
CHANGING = [
    at(f"{WRITER}.write_items", 2),
    at(f"{WRITER}.update_items", 2),
    at(f"{SNAPSHOTS}:write_snapshot", 1, "after"),
    {**at("lance.dataset:DatasetOptimizer.compact_files", 2, "after"), "compact": True},
    {**at(f"{LANCE}.cleanup_old_versions", 3), "compact": True},
    {**at("os:replace", 1, about="current"), "compact": True},
]


def make(files: Files) -> None:
    """Texts and small pictures and sounds, in folders of some hundred."""
    for n in range(TEXTS):
        files.text(f"texts{n // 500}/{n:04}.txt", f"Story {n}: {TOPICS[n % 5]}, told {n * n % 97} times.")
    for n in range(PICTURES):
        files.picture(f"pictures/{n:04}.png", n, side=8)
    for n in range(SOUNDS):
        files.sound(f"sounds/{n:04}.wav", n, seconds=0.3)


def change(files: Files) -> None:
    """New content, new names, copies and gaps."""
    for n in range(0, 400, 2):
        files.text(f"texts1/{n + 500:04}.txt", f"Changed {n}: {TOPICS[n % 3]}.")
    (files.folder / "texts2").rename(files.folder / "texts2 moved")
    for n in range(100):
        (files.folder / f"pictures/{n * 3:04}.png").unlink()
    for n in range(30):
        shutil.copy(files.folder / f"texts3/{n + 1500:04}.txt", files.at(f"copies/{n}.txt"))
    files.bytes("broken.png", b"\x89PNG\r\n\x1a\n")


@dataclass
class Ordeal:
    """A library that is killed over and over."""

    path: Path
    folder: Path
    model: Path
    chance: random.Random
    found: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def start(self, **plan: Any) -> subprocess.Popen[str]:
        """A process with a plan."""
        plan = {"library": str(self.path), "model": str(self.model), **plan}
        command = [sys.executable, str(CHILD), json.dumps(plan)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def killed(self, number: int, moment: dict[str, Any] | None, batch: int) -> None:
        """One round: look at what the kill before has left, go on adding, die."""
        dies_looking = bool(moment and moment["moment"].get("early"))
        apart = dies_looking or number % 4 == 3  # now and then the writer finds what was left as it was left
        if apart:
            self.look_at_a_copy()
        look = dies_looking or not apart
        child = self.start(folder=str(self.folder), batch=batch, look=look, **(moment or {}))
        try:
            if moment is None:
                for line in child.stdout or ():
                    self.note(line)
                    if "adding" in line:
                        time.sleep(self.chance.uniform(0.05, 0.6))
                        child.kill()
                        break
            out, errors = child.communicate(timeout=120)
        finally:
            child.kill()
        for line in out.splitlines():
            self.note(line)
        assert child.returncode == -signal.SIGKILL, f"round {number} was not killed at {moment}: {out} {errors}"
        assert not errors, errors

    def note(self, line: str) -> None:
        """What a search said."""
        said = json.loads(line)
        if "found" in said:
            self.found.append(said["found"])
            self.notes += said["notes"]
            assert all(Path(path).is_relative_to(self.folder) for path in said["paths"])

    def look_at_a_copy(self) -> None:
        """A search in a fresh process, in a copy of the library."""
        copy = Ordeal(self.path.with_name("copy.library"), self.folder, self.model, self.chance)
        shutil.copytree(self.path, copy.path)
        child = copy.start(look=True)
        out, errors = child.communicate(timeout=120)
        assert child.returncode == 0, errors
        self.note(out)
        shutil.rmtree(copy.path)

    def undisturbed(self) -> None:
        """A run to the end."""
        with Library(self.path, model=str(self.model)) as library:
            library.add(self.folder)


def said(library: Library) -> list[dict[str, Any]]:
    """The items, without what is drawn or timed anew with each write."""
    rows = library.items().to_pylist()
    return [{name: value for name, value in row.items() if name not in ("revision", "added_at")} for row in rows]


def answers(library: Library, folder: Path) -> list[list[tuple[float, int]]]:
    """(score, item) of some searches, ties by item."""
    terms = [
        "bread rises slowly",
        "Changed 44: a red bicycle",
        Like(17),
        Like(1700),
        File(folder / "pictures/0001.png"),
    ]
    found = [library.search(term, k=400, kinds=kinds) for term in terms for kinds in ("text", "image")]
    return [sorted((-round(hit.score, 4), hit.item) for hit in hits)[:200] for hits in found]


def assert_same(ordeal: Ordeal, whole: Library) -> None:
    """The library that was killed holds and answers what the other does, and nothing more lies in it."""
    with Library(ordeal.path, create=False) as library:
        assert said(library) == said(whole)
        rows, right = live_rows(library.path, missing=True), live_rows(whole.path, missing=True)
        assert [(r.item, r.place, r.text, r.modality) for r in rows] == [
            (r.item, r.place, r.text, r.modality) for r in right
        ]
        one, other = (np.array([row.vector for row in some]) for some in (rows, right))
        cosines = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
        assert cosines.min() > 0.9999
        assert answers(library, ordeal.folder) == answers(whole, ordeal.folder)
        for table in ("parts", f"vectors/{space_of(library.path)}"):
            assert len(table_of(library.path, table)) == len(rows), f"dead rows in {table}"
        assert table_of(library.path, "skipped") == table_of(whole.path, "skipped")
        present = [row["path"] for row in said(library) if row["state"] == "present"]
        assert len(present) == len(set(present)) and all(Path(path).exists() for path in present)
        left = [path.name for path in library.path.rglob("*") if path.suffix in (".tmp", ".partial")]
        assert not left
        assert len(list(library.path.glob("indexes/*/*.snapshot"))) == 1


def prefix(ordeal: Ordeal, whole: Library) -> int:
    """How many items are in, which must be the first ones that an undisturbed run gives."""
    if not (ordeal.path / "items.lance").exists():
        return 0
    with Library(ordeal.path, create=False) as library:
        items = said(library)
    assert items == said(whole)[: len(items)]
    return len(items)


def test_5000_items_survive_20_kills(tmp_path):
    model, files = tiny_bundle(tmp_path / "model"), Files(tmp_path / "things")
    make(files)
    ordeal = Ordeal(tmp_path / "killed.library", files.folder, model, random.Random(11))
    with Library(tmp_path / "whole.library", model=str(model)) as whole:
        assert whole.add(files.folder).added == TEXTS + PICTURES + SOUNDS >= 5000
        reached = [0]
        for number, moment in enumerate(ADDING):
            ordeal.killed(number, moment, batch=100)
            reached.append(prefix(ordeal, whole))
        assert reached == sorted(reached) and 1000 < reached[-1] < TEXTS
        ordeal.undisturbed()
        assert_same(ordeal, whole)

        change(files)
        report = whole.add(files.folder)
        assert (report.updated, report.moved, report.missing, report.added) == (200, 500, 100, 30)
        for number, moment in enumerate(CHANGING, start=len(ADDING)):
            ordeal.killed(number, moment, batch=64)
        ordeal.look_at_a_copy()
        ordeal.undisturbed()
        assert_same(ordeal, whole)
        assert len(ADDING) + len(CHANGING) == 20 and len(ordeal.found) == 21
        assert ordeal.found[:2] == [0, 0] and set(ordeal.found[2:]) == {10}
        assert not ordeal.notes, ordeal.notes


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_what_a_killed_removal_has_taken_out_is_never_found_again(tmp_path, nth):
    """Killed after the item rows, after the parts, after the vectors."""
    model, files = tiny_bundle(tmp_path / "model"), Files(tmp_path / "things")
    for n in range(20):
        files.text(f"{'secret' if n < 5 else 'open'}/{n:04}.txt", f"Story {n}: {TOPICS[n % 5]}.")
    ordeal = Ordeal(tmp_path / "l", files.folder, model, random.Random(1))
    ordeal.undisturbed()
    child = ordeal.start(remove=str(files.folder / "secret"), **at(f"{TABLE}.delete", nth, "after"))
    child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL
    with Library(ordeal.path, create=False) as library:
        hits = library.search(f"Story 2: {TOPICS[2]}.", k=50)
        assert len(hits) == 15 == library.items().num_rows and not any("secret" in hit.path for hit in hits)
        assert library.add(files.folder / "open").unchanged == 15
        rows = live_rows(library.path)
        assert len(rows) == 15 == len(table_of(library.path, "parts"))
        assert len(table_of(library.path, f"vectors/{space_of(library.path)}")) == 15
        assert library.add(files.folder).added == 5
        assert library.items()["id"].to_pylist() == [*range(1, 16), *range(21, 26)]


INTERRUPTED = """
import sys
from sensorium import Library
from sensorium.library import add as add_file, filling
filling.BATCH_ITEMS = 16
honest = add_file._Run.commit
def commit(run):
    honest(run)
    print("committed", flush=True)
add_file._Run.commit = commit
Library(sys.argv[1], model=sys.argv[2]).add(sys.argv[3])
"""


def test_ctrl_c_ends_a_real_process_and_the_next_run_goes_on(tmp_path):
    model, files = tiny_bundle(tmp_path / "model"), Files(tmp_path / "things")
    for n in range(600):
        files.text(f"{n:04}.txt", f"Story {n}: {TOPICS[n % 5]}.")
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path / "l"), str(model), str(files.folder)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout and child.stdout.readline() == "committed\n"
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert child.returncode in (1, -signal.SIGINT, 130) and "KeyboardInterrupt" in errors
    with Library(tmp_path / "l", create=False) as library:
        ids = library.items()["id"].to_pylist()
        assert 16 <= len(ids) < 600 and ids == list(range(1, len(ids) + 1))
        assert library.search(f"Story 3: {TOPICS[3]}.", k=1)[0].path.endswith("0003.txt")
        report = library.add(files.folder)
        assert (report.unchanged, report.added) == (len(ids), 600 - len(ids))
        assert [Path(path).name for path in library.items()["path"].to_pylist()] == [f"{n:04}.txt" for n in range(600)]


READER = """
import json, sys, time
from sensorium import Library
library, end, seen, slowest = Library(sys.argv[1], create=False), time.monotonic() + 120, [], 0.0
fresh = sys.argv[2] == "fresh"
while time.monotonic() < end:
    started = time.monotonic()
    if fresh:
        library = Library(sys.argv[1], create=False)
    hits = library.search("Story 1: bread", k=2000)
    slowest = max(slowest, time.monotonic() - started)
    paths = [hit.path for hit in hits]
    assert len(set(paths)) == len(paths), "an item twice"
    assert not [path for path in paths if "/secret/" in path], "a removed item"
    seen.append(len(hits))
    if len(seen) == 1:
        print("reading", flush=True)
    if any(path.endswith("last.txt") for path in paths):
        break
print(json.dumps({"seen": seen, "slowest": slowest, "notes": library.search("x").notes}))
"""


def test_readers_never_stop_while_a_writer_adds(tmp_path):
    """Four real processes: a writer, and readers with an open library and with a fresh one for each search."""
    model, files = tiny_bundle(tmp_path / "model"), Files(tmp_path / "things")
    for n in range(5):
        files.text(f"{n:04}.txt", f"Story {n}: {TOPICS[n % 5]}.")
        files.text(f"secret/{n:04}.txt", f"Secret {n}: {TOPICS[n % 5]}.")
    path = tmp_path / "l.library"
    with Library(path, model=str(model)) as library:
        library.add(files.folder)
        library.remove(files.folder / "secret")
    commands = [[sys.executable, "-c", READER, str(path), how] for how in ("open", "fresh", "open")]
    readers = [subprocess.Popen(c, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for c in commands]
    for reader in readers:
        assert reader.stdout and reader.stdout.readline() == "reading\n", reader.stderr and reader.stderr.read()
    shutil.rmtree(files.folder / "secret")
    for n in range(5, 800):
        files.text(f"{n:04}.txt", f"Story {n}: {TOPICS[n % 5]}.")
    ordeal = Ordeal(path, files.folder, model, random.Random(1))
    writer = ordeal.start(folder=str(files.folder), batch=32, compact=True)
    _, errors = writer.communicate(timeout=120)
    assert writer.returncode == 0, errors
    with Library(path) as library:
        library.add(files.text("last.txt", "the last one"))
    for reader in readers:
        out, errors = reader.communicate(timeout=120)
        assert reader.returncode == 0, errors
        found = json.loads(out.splitlines()[-1])
        seen = found["seen"]
        assert seen == sorted(seen) and seen[0] == 5 and seen[-1] == 801
        assert len(set(seen)) > 2, "it saw nothing of what came in between"
        assert found["notes"] == []


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_while_a_search_builds_the_index_leaves_a_library_that_answers(tmp_path, moment):
    model, files = tiny_bundle(tmp_path / "model"), Files(tmp_path / "things")
    for n in range(30):
        files.text(f"{n:04}.txt", f"Story {n}: {TOPICS[n % 5]}.")
    with Library(tmp_path / "l", model=str(model)) as library:
        library.add(files.folder)
        right = list(library.search("story", k=30))
        shutil.rmtree(library.path / "indexes")
    ordeal = Ordeal(tmp_path / "l", files.folder, model, random.Random(1))
    child = ordeal.start(look=True, **at("os:replace", 1, moment, about="current", early=True))
    child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL
    with Library(tmp_path / "l", create=False) as library:
        assert list(library.search("story", k=30)) == right
        assert len(list(library.path.glob("indexes/*/*.snapshot"))) == 1
