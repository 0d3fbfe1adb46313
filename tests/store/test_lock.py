"""One writer at a time, in real processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sensorium.core.errors import LibraryLocked, LibraryMissing
from sensorium.store.lock import Holder, Lock, holder, writing_now

Spawn = Callable[..., "subprocess.Popen[str]"]

HOLD = """
import sys, time
from pathlib import Path
from sensorium.store.lock import Lock
with Lock(Path(sys.argv[1]), "sensorium add").acquire(wait=float(sys.argv[3])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""

# The child outlives its parent with the lock's file open, as a worker of a killed `add` would.
ORPHAN = """
import os, sys, time
from pathlib import Path
from sensorium.store.lock import Lock
lock = Lock(Path(sys.argv[1])).acquire()
if not (child := os.fork()):
    time.sleep(60)
print(child, flush=True)
time.sleep(60)
"""


def said(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def test_the_second_writer_is_told_who_the_first_is(tmp_path: Path, spawn: Spawn) -> None:
    child = spawn(HOLD, tmp_path, 60, 0)
    assert said(child) == "held"
    with pytest.raises(LibraryLocked) as refused:
        Lock(tmp_path).acquire()
    wanted = rf"{tmp_path} is being written by process {child.pid} on \S+ since \d\d:\d\d \(sensorium add\); "
    assert re.fullmatch(wanted + "try again later or wait with --wait 60", str(refused.value))
    now = writing_now(tmp_path)
    assert now is not None and now.pid == child.pid


def test_who_waits_gets_the_lock_when_it_is_free(tmp_path: Path, spawn: Spawn) -> None:
    assert said(spawn(HOLD, tmp_path, 0.5, 0)) == "held"
    told: list[str] = []
    with Lock(tmp_path).acquire(wait=20, on_wait=told.append) as lock:
        assert lock.held
    assert len(told) == 1 and "sensorium add" in told[0] and told[0].endswith("; waiting")


def test_waiting_has_an_end(tmp_path: Path, spawn: Spawn) -> None:
    assert said(spawn(HOLD, tmp_path, 60, 0)) == "held"
    start = time.monotonic()
    with pytest.raises(LibraryLocked):
        Lock(tmp_path).acquire(wait=0.4)
    assert 0.4 <= time.monotonic() - start < 5


def test_only_one_of_many_has_it(tmp_path: Path, spawn: Spawn) -> None:
    script = HOLD.replace('print("held", flush=True)', 'open(sys.argv[1] + "/one", "x").close()').replace(
        "time.sleep(float(sys.argv[2]))", 'time.sleep(0.02); Path(sys.argv[1], "one").unlink()'
    )
    children = [spawn(script, tmp_path, 0, 30) for _ in range(4)]
    assert [(child.wait(), child.communicate()[0]) for child in children] == [(0, "")] * 4


def test_a_killed_owner_holds_nothing(tmp_path: Path, spawn: Spawn) -> None:
    child = spawn(HOLD, tmp_path, 60, 0)
    assert said(child) == "held"
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert writing_now(tmp_path) is None and (dead := holder(tmp_path)) is not None and dead.is_dead()
    with Lock(tmp_path).acquire():
        assert (now := holder(tmp_path)) is not None and now.pid == os.getpid()


def test_a_killed_owners_child_does_not_keep_the_lock(tmp_path: Path, spawn: Spawn) -> None:
    parent = spawn(ORPHAN, tmp_path)
    child = int(said(parent))
    with pytest.raises(LibraryLocked):
        Lock(tmp_path).acquire()
    parent.kill()
    parent.wait()
    try:
        with Lock(tmp_path).acquire(), pytest.raises(LibraryLocked):
            Lock(tmp_path).acquire()
    finally:
        os.kill(child, signal.SIGKILL)


def test_within_one_process_too_there_is_one(tmp_path: Path) -> None:
    with Lock(tmp_path) as lock:
        with pytest.raises(LibraryLocked):
            Lock(tmp_path).acquire()
        with pytest.raises(LibraryLocked, match="this very lock"):
            lock.acquire()
    assert not lock.held and holder(tmp_path) is None and writing_now(tmp_path) is None
    lock.release()
    with lock.acquire():
        assert lock.held


def test_looking_who_writes_keeps_no_writer_out(tmp_path: Path, spawn: Spawn) -> None:
    look = "import sys; from pathlib import Path; from sensorium.store.lock import writing_now\n"
    look += "print('go', flush=True)\nwhile True: writing_now(Path(sys.argv[1]))"
    assert said(spawn(look, tmp_path)) == "go"
    for _ in range(300):
        with Lock(tmp_path):
            pass


def test_a_library_that_is_not_there_cannot_be_locked(tmp_path: Path) -> None:
    with pytest.raises(LibraryMissing, match="nowhere"):
        Lock(tmp_path / "nowhere").acquire()


def test_an_owner_elsewhere_is_never_thought_dead() -> None:
    assert not Holder(2**22 + 1, "another-machine", 0.0, "sensorium add").is_dead()
    assert "since 1970-01-0" in str(Holder(1, "another-machine", 50_000.0, "sensorium add"))
