from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sensorium.store.commit import Writer
from sensorium.store.lock import Lock
from sensorium.store.tables import Store
from sensorium.testing.batches import make_library


@pytest.fixture(autouse=True)
def no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test cuts the power, and on a busy disk each fsync takes milliseconds."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_library(tmp_path / "some.library")


@pytest.fixture
def lock(store: Store) -> Iterator[Lock]:
    with Lock(store.path, "sensorium add") as held:
        yield held


@pytest.fixture
def writer(store: Store, lock: Lock) -> Writer:
    return Writer(store, lock)


@pytest.fixture
def spawn() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts Python on a script with arguments, its output in a pipe; whatever is left is killed at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", script, *map(str, arguments)]
        child = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        started.append(child)
        return child

    yield start
    for child in started:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()
