"""Worker processes that are started beforehand are the ones that read; none is started in vain or left over."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from sensorium.readers import workers
from sensorium.readers.contract import Limits, Source
from sensorium.readers.workers import Make, Workers, end_idle_workers, warm_up

MAKER = """
import os

def process():
    return lambda part: {"by": os.getpid(), "text": part.content}
"""


@pytest.fixture(autouse=True)
def only_these(tmp_path, monkeypatch):
    """No process waits before or after; those that start know who made a row."""
    (tmp_path / "makers_that_sign.py").write_text(MAKER)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(os, "cpu_count", lambda: 4)  # so many are kept
    end_idle_workers()
    yield
    end_idle_workers()


def running():
    """The worker processes of this process."""
    return {child.pid for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE}


def readers(count):
    """The processes that read so many files, all begun before the first is done with."""
    limits, made = Limits(), Make("makers_that_sign:process")
    with Workers(0, made) as pool:
        begun = [pool.read(Source.from_bytes(f"file {i}".encode(), f"{i}.txt"), limits)[1] for i in range(count)]
        rows = [list(rows) for rows in begun]
    assert [row["text"] for (row,) in rows] == [f"file {i}" for i in range(count)]
    return [row["by"] for (row,) in rows]


def test_the_next_files_are_read_by_the_processes_that_wait():
    before = running()
    warm_up(1)
    warm = running() - before

    assert len(warm) == 1
    assert set(readers(1)) == set(readers(1)) == warm
    assert running() - before == warm


def test_so_many_processes_wait_as_were_asked_for():
    before = running()
    warm_up(3)

    assert len(running() - before) == len(workers._IDLE) == 3


def test_those_that_wait_already_count():
    before = running()
    warm_up(2)
    warm = running()
    for _ in range(3):
        warm_up(2)
    warm_up(1)

    assert running() == warm and len(warm - before) == 2


@pytest.mark.parametrize("count", [0, -3])
def test_none_asked_for_none_started(count):
    before = running()
    warm_up(count)

    assert running() == before


def test_no_more_than_one_for_each_core_stay():
    before = running()
    warm_up(9)

    assert len(running() - before) == len(workers._IDLE) == 4


def test_it_does_not_wait_until_they_are_ready(monkeypatch, tmp_path):
    """Here a process gets ready only once it is let."""
    leave, ready = tmp_path / "leave", tmp_path / "ready"
    wait = (
        f"import pathlib, time\nfor _ in range(500):\n if pathlib.Path({str(leave)!r}).exists(): break\n"
        f" time.sleep(0.02)\npathlib.Path({str(ready)!r}).touch()\n"
    )
    monkeypatch.setattr(workers, "_START", wait + workers._START)
    warm_up(1)
    assert not ready.exists()

    leave.touch()
    assert len(readers(1)) == 1 and ready.exists()


def test_a_process_that_died_while_it_waited_reads_nothing():
    warm_up(1)
    (worker,) = workers._IDLE
    worker.process.kill()
    worker.process.wait()

    assert readers(1) != [worker.process.pid]


def test_those_that_died_while_they_waited_are_replaced():
    warm_up(1)
    (worker,) = workers._IDLE
    worker.process.kill()
    worker.process.wait()
    before = running()
    warm_up(1)

    assert len(running() - before) == 1


def test_they_end_with_the_process_that_started_them():
    """Which exits without having read anything."""
    code = (
        "from sensorium.readers import workers; workers.warm_up(1); "
        "print(*[worker.process.pid for worker in workers._IDLE])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    pids = [int(pid) for pid in done.stdout.split()]

    assert done.stderr == "" and len(pids) == 1
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=10)
    assert not alive
