"""Everything bad at once in one folder, added by one command: it ends, counts all, finds the good, and stays small."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from badfiles.adding import add_outside
from badfiles.corpus import ATTACKS, KINDS, SECRET, UNREAD, all_good, good, lay
from badfiles.mutants import mutants
from badfiles.places import ODD_NAMES, forbidden, odd_names, odd_places
from badfiles.plugin import FILES, install, write_files
from badfiles.trial import complaint_about

from sensorium.testing.bundles import tiny_bundle

MOST = 1_500_000_000
EVERY = 32  # of the damaged copies, which `test_reading` reads all
PEARL = "At the bottom of three hundred folders lies a pearl."
CRAB = f"Odd name number {[b'crab' in name for name in ODD_NAMES].index(True)}: a lantern in the fog."


@pytest.fixture
def plan(tmp_path):
    model = tiny_bundle(tmp_path / "models/tiny")
    return {"library": str(tmp_path / "some.library"), "model": str(model)}


def regular_files(folder: Path) -> list[str]:
    """What `add` should account for: files, and links to files, not under a hidden name or a linked folder."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            try:
                regular = stat.S_ISREG(Path(place, name).stat().st_mode)
            except OSError:
                continue
            if regular and not name.startswith("."):
                found.append(f"{place}/{name}")
    return found


def shown(path: str) -> str:
    """A path as text: bytes that are none are told by their numbers."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def fill(folder: Path) -> None:
    """Good files, and some damaged copies of them."""
    (folder / "good").mkdir()
    for name, data in all_good().items():
        (folder / "good" / name).write_bytes(data)
    (folder / "damaged").mkdir()
    for kind in KINDS:
        for number, (name, data) in enumerate(mutants(good(kind), all_good(), 1)):
            if number % EVERY == 0:
                (folder / "damaged" / f"{kind}-{number}-{name}").write_bytes(data)


def test_a_folder_of_everything_bad_is_added_in_one_run(trap, plan):
    folder = trap.ground.folder
    fill(folder)
    for group in ATTACKS:
        lay(trap.ground, group)
    odd_names(folder / "names")
    kept = odd_places(folder / "places")
    if os.geteuid():
        forbidden(folder / "forbidden")
    expected = regular_files(folder)
    limits = {"max_parts": 60, "stall_seconds": 20.0}
    given = {**plan, "folders": [str(folder)], "limits": limits, "searches": [PEARL, CRAB, SECRET]}
    ended = add_outside(given, patience=500)
    for each in kept:
        each.close()

    report, skipped = ended.said["report"], ended.skipped
    assert report["added"] + len(report["skipped"]) == len(expected)
    assert not (report["updated"] or report["moved"] or report["missing"])
    assert set(skipped) <= {shown(path) for path in expected}
    assert not [why for why in skipped.values() if complaint_about(why)]
    unread = {
        name: skipped[str(folder / "good" / name)] for name in all_good() if str(folder / "good" / name) in skipped
    }
    assert not {name: why for name, why in unread.items() if name not in UNREAD and "pip install" not in why}
    pearl, crab, secret = ended.said["hits"]
    assert pearl[0].endswith("down.txt") and crab[0].endswith("crab.txt")
    assert not any("secret" in path for path in secret)
    assert ended.peak < MOST, f"{ended.peak / 1e9:.2f} GB"
    assert not ended.said["zombies"] and not ended.left
    assert trap.asked == []


EXPECTED = {
    "kill": "died", "segv": "died", "abort": "died", "leave": "died", "late": "died", "hang": "gave nothing for",
    "sleep": "gave nothing for", "eat": "memory", "eat-outside": "memory", "raise": "mistake of the reader",
    "exit": "", "nonsense": "mistake of the reader",
}  # fmt: skip


def test_a_reader_that_breaks_costs_only_its_file(plan, tmp_path):
    folder = tmp_path / "things"
    write_files(folder)
    limits = {"stall_seconds": 5.0, "max_parts": 200}
    searches = [f"What comes after {way} is read as ever." for way in FILES] + ["The broken reader survived print."]
    given = {**plan, "folders": [str(folder)], "limits": limits, "searches": searches}
    ended = add_outside(given, patience=300, paths=(install(tmp_path / "packages"),))
    skipped = {Path(path).stem: why for path, why in ended.skipped.items()}
    assert set(EXPECTED) <= set(skipped) <= {*EXPECTED, "flood"}, skipped
    for way, words in EXPECTED.items():
        assert words in skipped[way], (way, skipped[way])
    for way, paths in zip(FILES, ended.said["hits"], strict=False):
        assert paths[0].endswith(f"/{way}-after.txt")
    assert ended.said["hits"][-1][0].endswith("print.ps")
    assert ended.said["report"]["added"] == 2 * len(FILES) - len(skipped)
    assert ended.peak < MOST, f"{ended.peak / 1e9:.2f} GB"
    assert not ended.said["zombies"] and not ended.left


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_tried_again(plan, tmp_path):
    folder = tmp_path / "things/forbidden"
    forbidden(folder)
    given = {**plan, "folders": [str(folder)]}
    ended = add_outside(given, patience=60)
    assert list(ended.skipped) == [str(folder / "forbidden.txt")]
    assert "ermission denied" in ended.skipped[str(folder / "forbidden.txt")]
    (folder / "forbidden.txt").chmod(0o600)
    (folder / "closed").chmod(0o700)
    assert add_outside(given, patience=60).said["report"]["added"] == 2
