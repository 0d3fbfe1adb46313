"""Older libraries are brought up to date by numbered steps; newer ones are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sensorium.core.errors import LibraryDamaged, LibraryLocked, LibraryMissing, LibraryTooNew
from sensorium.store.library_json import FORMAT, read_format
from sensorium.store.lock import Lock
from sensorium.store.migrate import STEPS, migrate


def settings(path: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((path / "library.json").read_text())
    return said


@pytest.fixture
def old(tmp_path: Path) -> Path:
    (tmp_path / "library.json").write_text('{"format": 3, "colour": "red"}')
    return tmp_path


def paint(path: Path) -> None:
    (path / "library.json").write_text(json.dumps({**settings(path), "colour": "blue"}))


def mark(path: Path) -> None:
    (path / "marked").write_text(settings(path)["colour"])


def test_steps_run_in_order_from_the_librarys_own_format(old: Path) -> None:
    never = {2: lambda path: pytest.fail("the library is past that step")}
    assert migrate(old, steps={**never, 4: mark, 3: paint}, target=5)
    assert settings(old) == {"format": 5, "colour": "blue"} and (old / "marked").read_text() == "blue"
    assert not migrate(old, steps={4: mark}, target=5)


def test_a_step_that_was_cut_short_runs_again_and_those_before_it_do_not(old: Path) -> None:
    def fail(path: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        migrate(old, steps={3: paint, 4: fail}, target=5)
    assert read_format(old) == 4
    assert migrate(old, steps={4: mark}, target=5)
    assert (old / "marked").read_text() == "blue" and read_format(old) == 5


def test_a_newer_library_is_refused_with_both_numbers(old: Path) -> None:
    with pytest.raises(LibraryTooNew, match=r"format 3 .* format 2; install a newer one"):
        migrate(old, steps={}, target=2)


def test_a_missing_step_is_said(old: Path) -> None:
    with pytest.raises(LibraryDamaged, match="from format 4 to 5"):
        migrate(old, steps={3: paint}, target=6)


def test_migrating_needs_the_lock(old: Path) -> None:
    with Lock(old), pytest.raises(LibraryLocked):
        migrate(old, steps={3: paint}, target=4, wait=0)
    assert read_format(old) == 3


def test_every_format_before_this_one_has_its_step(tmp_path: Path) -> None:
    assert sorted(STEPS) == list(range(1, FORMAT))
    with pytest.raises(LibraryMissing):
        migrate(tmp_path)
