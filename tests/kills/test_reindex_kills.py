"""A process that fills a second space is killed over and over: the first answers, nothing is twice or lost."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium import File, Library
from sensorium.testing.bundles import tiny_bundle
from sensorium.testing.files import TOPICS, Files
from sensorium.testing.naive import live_rows, table_of

CHILD = Path(__file__).with_name("child.py")
TEXTS, PICTURES, SOUNDS = 300, 240, 20
WRITER, TABLE = "sensorium.store.commit:Writer", "sensorium.store.table_writer:TableWriter"
LANCE, REINDEX = "lance:LanceDataset", "sensorium.library.reindex"


def at(where: str, nth: int, when: str = "before", **more: Any) -> dict[str, Any]:
    return {"where": where, "nth": nth, "after": when == "after", **more}


# The call that a filling never leaves, in the order of the rounds; None for a moment of chance.
MOMENTS = [
    at("pathlib:Path.rename", 1, about="partial"),
    at("pathlib:Path.rename", 1, "after", about="partial"),
    at("sensorium.store.library_json:write_json", 1),
    at("sensorium.store.library_json:write_json", 1, "after"),
    at(f"{WRITER}.fill", 2),
    at(f"{WRITER}.write_vectors", 2),  # parts without vectors
    at(f"{WRITER}.fill", 2, "after"),
    at(f"{LANCE}.commit", 4),
    at(f"{LANCE}.commit", 3, "after"),
    at("sensorium.store.table_writer:write_fragments", 3, "after"),
    at("sensorium.store.durable:FolderSync.flush", 5),
    at(f"{TABLE}.tidy", 1, "after"),
    None,
    None,
]
# When all is filled: around the new snapshot and the switch.
SWITCHING = [
    at(f"{REINDEX}:settle_space", 1),
    at("os:replace", 1, about="current"),
    at(f"{REINDEX}:settle_space", 1, "after"),
    at("sensorium.store.library_json:write_json", 1),
    at("sensorium.store.library_json:write_json", 1, "after"),
]


@pytest.fixture(scope="module")
def old(tmp_path_factory) -> Path:
    """Sees and reads: the first model."""
    return tiny_bundle(tmp_path_factory.mktemp("models") / "old", 16, 1, ("text", "image", "audio"), "old")


@pytest.fixture(scope="module")
def new(tmp_path_factory) -> Path:
    """The second model."""
    return tiny_bundle(tmp_path_factory.mktemp("models") / "new", 24, 2, ("text", "image", "audio"), "new")


def start(library: Path, **plan: Any) -> subprocess.Popen[str]:
    command = [sys.executable, str(CHILD), json.dumps({"library": str(library), **plan})]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def killed(library: Path, moment: dict[str, Any] | None, chance: random.Random, **plan: Any) -> None:
    """A process that dies at a moment of its plan."""
    child = start(library, batch=12, **plan, **({"moment": moment} if moment else {}))
    try:
        if moment is None:
            assert child.stdout and "reindexing" in child.stdout.readline()
            time.sleep(chance.uniform(0.05, 0.4))
            child.kill()
        out, errors = child.communicate(timeout=120)
    finally:
        child.kill()
    assert child.returncode == -signal.SIGKILL and not errors, f"not killed at {moment}: {out} {errors}"


def looked(library: Path) -> dict[str, Any]:
    """What a search in a fresh process finds."""
    out, errors = start(library, look=True).communicate(timeout=60)
    assert not errors, errors
    return json.loads(out.splitlines()[0])


def rows_of(library: Path, space: str) -> list[tuple[Any, ...]]:
    rows = live_rows(library, space=space)
    return [(row.part, row.item, row.place, row.text, row.modality, row.vector.tobytes()) for row in rows]


def make(files: Files) -> None:
    for n in range(TEXTS):
        files.text(f"texts/{n:04}.txt", f"Story {n}: {TOPICS[n % 5]}, told {n * n % 97} times.")
    for n in range(PICTURES):
        files.picture(f"pictures/{n:04}.png", n, side=8)
    for n in range(SOUNDS):
        files.sound(f"sounds/{n:04}.wav", n, seconds=0.3)


def test_a_space_survives_19_kills_and_the_first_never_notices(tmp_path, old, new):
    files, chance = Files(tmp_path / "things"), random.Random(5)
    make(files)
    path = tmp_path / "killed.library"
    with Library(path, model=str(old)) as library:
        library.add(files.folder)
        first = library.status().spaces[0].space
        right = [hit.path for hit in library.search("story number seven", k=10)]
    rows = rows_of(path, first)
    shutil.copytree(path, tmp_path / "whole.library")
    with Library(tmp_path / "whole.library") as whole:
        report = whole.reindex(str(new))
        assert report.served and report.items == TEXTS + PICTURES + SOUNDS
        after = [hit.path for hit in whole.search("story number seven", k=10)]
    assert after != right
    expected = rows_of(tmp_path / "whole.library", report.space)

    done = [0]
    for number, moment in enumerate([*MOMENTS, *SWITCHING]):
        if number == len(MOMENTS):
            filled_but_for_the_switch(path, new)
        killed(path, moment, chance, reindex=str(new))
        said = looked(path)
        switched = number == len(MOMENTS) + len(SWITCHING) - 1
        assert said["paths"] == (after if switched else right) and not said["notes"], moment
        assert rows_of(path, first) == rows, "the first space is not what it was"
        with Library(path, create=False) as library:
            known = {space.space: space for space in library.status().spaces}
            done.append(len(expected) - known[report.space].left if report.space in known else 0)
    assert done == sorted(done) and len({*done}) > 6, "what was done is lost"

    with Library(path, create=False) as library:
        library.reindex(str(new))
        assert [hit.path for hit in library.search("story number seven", k=10)] == after
        found = rows_of(path, report.space)
        assert [row[1:5] for row in found] == [row[1:5] for row in expected]
        one, other = (np.array([np.frombuffer(row[5], np.float32) for row in some]) for some in (found, expected))
        np.testing.assert_allclose(one, other, atol=2e-3)
        assert [row[0] for row in found] == [row[0] for row in rows], "parts of its own"
        assert len(table_of(path, f"vectors/{report.space}")) == len(expected) == len(table_of(path, "parts"))
        assert not [left for left in path.rglob("*") if left.suffix in (".tmp", ".partial", ".dropped")]
        assert library.use().items == 0
        assert [hit.path for hit in library.search("story number seven", k=10)] == right


def filled_but_for_the_switch(path: Path, new: Path) -> None:
    """All that is left is done, in a process that dies before it looks at what would be lost."""
    killed(path, at(f"{REINDEX}:_lost", 1), random.Random(1), reindex=str(new))
    with Library(path, create=False) as library:
        assert {space.left for space in library.status().spaces} == {0}


@pytest.mark.parametrize(
    "moment",
    [
        at("sensorium.store.library_json:write_json", 1, "after"),
        at("pathlib:Path.rename", 1, "after", about="dropped"),
        at("sensorium.store.library_json:write_json", 2, "after"),
        at("shutil:rmtree", 1, about="dropped"),
        at(f"{WRITER}._sweep_parts", 1),
        at("pathlib:Path.rename", 1, "after", about="partial"),
    ],
    ids=["out of service", "set aside", "unnamed", "not yet deleted", "parts left", "bundle left"],
)
def test_a_killed_drop_leaves_a_library_that_answers_and_can_be_dropped_once_more(tmp_path, old, new, moment):
    files = Files(tmp_path / "things")
    for n in range(10):
        files.text(f"{n}.txt", f"Story {n}: {TOPICS[n % 5]}.")
        files.sound(f"{n}.wav", n, seconds=0.3)
    path, seen = tmp_path / "l", tiny_bundle(tmp_path / "seen", 16, 3, ("text", "image"), "seen")
    with Library(path, models=[str(seen), str(new)]) as library:
        library.add(files.folder)
        right = [(hit.path, hit.score) for hit in Library(path, model=str(seen)).search("story", k=10)]
    killed(path, moment, random.Random(1), drop="new")
    with Library(path, create=False) as library:
        assert [(hit.path, hit.score) for hit in library.search("story", k=10)] == right
        if "new" in {space.model for space in library.status().spaces}:
            library.drop("new")
        assert library.add(files.folder).unchanged == 20
        library.compact()
        assert [(hit.path, hit.score) for hit in library.search("story", k=10)] == right
        assert len(table_of(path, "parts")) == len(live_rows(path, space=library.status().spaces[0].space)) == 10
        assert library.reindex(str(new), beside=True).served and library.reindex(str(new), beside=True).items == 0
        assert not [left for left in path.rglob("*") if left.suffix in (".dropped", ".partial")]


@pytest.mark.parametrize("seed", [1, 2])
def test_an_addition_to_several_spaces_is_in_all_of_them_or_in_none(tmp_path, new, seed):
    """Killed between the spaces, before the parts, before the items, and in the middle of any of it."""
    seen, heard = (tiny_bundle(tmp_path / m, 16, 3, ("text", m), m) for m in ("image", "audio"))
    models, files, path = [str(seen), str(new), str(heard)], Files(tmp_path / "things"), tmp_path / "l"
    for n in range(30):
        files.text(f"{n:02}.txt", f"Story {n}: {TOPICS[n % 5]}.")
        files.picture(f"{n:02}.png", n)
        files.sound(f"{n:02}.wav", n, seconds=0.3)
    with Library(tmp_path / "whole", models=models) as whole:
        whole.add(files.folder)
        spaces = [space.space for space in whole.status().spaces]
        right = [(hit.path, hit.space) for hit in whole.search("Story 7: bread", k=90)]
    early = [
        at("sensorium.store.library_json:write_json", 1),
        at("sensorium.store.library_json:write_json", 1, "after"),
    ]
    chance = random.Random(seed)
    appends = [at(f"{TABLE}.append", 2 * number + chance.randrange(12), "after") for number in range(1, 5)]
    for moment in [*early, *appends, at(f"{WRITER}.write_parts", 2), at(f"{WRITER}.write_items", 1)]:
        killed(path, moment, chance, models=models, folder=str(files.folder))
        with Library(path, models=models) as library:
            items = library.items()["id"].to_pylist()
            if items:
                assert len(library.search("Story", k=90)) == len(items) and not library._session.gaps()
    with Library(path, models=models) as library:
        library.add(files.folder)
        assert [(hit.path, hit.space) for hit in library.search("Story 7: bread", k=90)] == right
        assert [space.space for space in library.status().spaces] == spaces
    for space in spaces:
        found, expected = (live_rows(where, space=space) for where in (path, tmp_path / "whole"))
        assert [(r.item, r.path, r.place) for r in found] == [(r.item, r.path, r.place) for r in expected]
        assert len(table_of(path, f"vectors/{space}")) == len(found), "dead rows"


READER = """
import json, sys, time
from pathlib import Path
from sensorium import Library
end, seen, library = time.monotonic() + 120, [], Library(sys.argv[1], create=False)
fresh = sys.argv[2] == "fresh"
while time.monotonic() < end and not (len(seen) > 1 and Path(sys.argv[3]).exists()):
    if fresh:
        library = Library(sys.argv[1], create=False)
    hits = library.search("Story 1: bread", k=30)
    said = [[hit.space, hit.path] for hit in hits]
    if said != (seen[-1] if seen else None):
        seen.append(said)
        print("reading", flush=True)
print(json.dumps({"seen": seen, "notes": library.search("x").notes}))
"""


def test_readers_see_one_space_and_then_the_other_and_nothing_between(tmp_path, old, new):
    """Real processes: one that fills a space, readers with an open library and with a fresh one for each search."""
    files = Files(tmp_path / "things")
    make(files)
    path, stop = tmp_path / "l.library", tmp_path / "stop"
    with Library(path, model=str(old)) as library:
        library.add(files.folder)
        right = [hit.path for hit in library.search("Story 1: bread", k=30)]
    commands = [[sys.executable, "-c", READER, str(path), how, str(stop)] for how in ("open", "fresh")]
    readers = [subprocess.Popen(c, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for c in commands]
    for reader in readers:
        assert reader.stdout and reader.stdout.readline() == "reading\n", reader.stderr and reader.stderr.read()
    _, errors = start(path, batch=12, reindex=str(new)).communicate(timeout=120)
    assert not errors, errors
    stop.touch()
    with Library(path, create=False) as library:
        after = [hit.path for hit in library.search("Story 1: bread", k=30)]
        picture = files.folder / "pictures/0007.png"
        assert library.search(File(picture), k=1)[0].path == str(picture)
    for reader in readers:
        out, errors = reader.communicate(timeout=120)
        assert reader.returncode == 0, errors
        found = json.loads(out.splitlines()[-1])
        assert [[path for _, path in hits] for hits in found["seen"]] == [right, after], "something between"
        assert all(len({space for space, _ in hits}) == 1 for hits in found["seen"]) and found["notes"] == []
