"""Starts a fuzzing process, watches its time and memory, notes what it dies of, and starts it again."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from fuzzing import HOME
from fuzzing.confirm import confirm
from fuzzing.findings import PATIENCE, found, note_deadly, record
from fuzzing.window import Window

MOST = 1 << 30  # bytes of a process
_LOOK = 0.2
_START = 60.0


@dataclass
class Tally:
    """What a run came to."""

    seconds: float = 0.0
    executions: int = 0
    findings: int = 0
    slowest: float = 0.0
    peak: int = 0
    engine: str = "plain"
    ends: list[str] = field(default_factory=list)


def engine_here() -> str:
    """atheris where it is installed, else plain."""
    return "atheris" if importlib.util.find_spec("atheris") else "plain"


def fuzz(reader: str, seconds: float, engine: str, report: Callable[[Tally], None]) -> Tally:
    """Fuzz one reader; `report` is told of the tally every few seconds."""
    tally, began = Tally(engine=engine), time.monotonic()

    def said() -> Tally:
        tally.seconds, tally.findings = round(time.monotonic() - began, 1), len(found(reader))
        return tally

    with tempfile.TemporaryDirectory() as folder:
        while (left := seconds - (time.monotonic() - began)) > 1:
            _one_process(reader, left, tally, Path(folder), lambda: report(said()))
    said()
    confirm(reader)
    tally.findings = len(found(reader))
    return tally


def _one_process(reader: str, left: float, tally: Tally, folder: Path, report: Callable[[], None]) -> None:
    """One process, until it ends by itself, dies, or is ended for its time or memory."""
    at, words = folder / "window", folder / "words"
    window, before = Window(at, create=True), tally.executions
    seed = int(time.time()) & 0xFFFFFF
    plan = {"reader": reader, "window": str(at), "seconds": left, "seed": seed, "engine": tally.engine}
    paths = [str(HOME), str(HOME.parent / "badinput"), *filter(None, [os.environ.get("PYTHONPATH")])]
    surroundings = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": "1",
        "PYTHONFAULTHANDLER": "1",
    }
    with words.open("wb") as said:
        command = [sys.executable, "-m", "fuzzing.child", json.dumps(plan)]
        child = subprocess.Popen(
            command, stdout=said, stderr=said, env=surroundings, cwd=folder, start_new_session=True
        )
        try:
            why = _watch(child, window, tally, time.monotonic() + left + _START, report)
            _count(tally, window, before)
            name, data = window.present
        finally:
            _end(child, abort=True)
    if why or (child.returncode and data):
        end = why or _end_of(child.returncode)
        tally.ends.append(end.splitlines()[0])
        note_deadly(reader, data)
        tail = words.read_bytes()[-6000:].decode("utf-8", "replace")
        record(reader, name, data, f"{end}\n{tail}", window.running)
    elif child.returncode:
        raise RuntimeError(
            f"the fuzzing process of {reader} itself failed:\n{words.read_text('utf-8', 'replace')[-3000:]}"
        )
    report()


def _watch(
    child: subprocess.Popen[bytes], window: Window, tally: Tally, last: float, report: Callable[[], None]
) -> str:
    """Why the process must be ended, "" when it has ended."""
    process, reported, before = psutil.Process(child.pid), time.monotonic(), tally.executions
    while child.poll() is None:
        time.sleep(_LOOK)
        if window.running > PATIENCE:
            return f"hangs for {PATIENCE:g} s"
        try:
            size = process.memory_info().rss
        except psutil.NoSuchProcess:
            break
        tally.peak = max(tally.peak, size)
        if size > MOST:
            return f"takes {size >> 20} MiB"
        if time.monotonic() > last:
            return ""
        if time.monotonic() - reported > 10:
            reported = time.monotonic()
            _count(tally, window, before)
            report()
    return ""


def _count(tally: Tally, window: Window, before: int) -> None:
    slowest, ended = window.totals
    tally.executions, tally.slowest = before + ended, max(tally.slowest, round(slowest, 2))


def _end(child: subprocess.Popen[bytes], *, abort: bool) -> None:
    if child.poll() is None and abort:
        os.kill(child.pid, signal.SIGABRT)  # faulthandler then says where it was
        try:
            child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            child.kill()
    child.wait()


def _end_of(status: int) -> str:
    return f"died of {signal.Signals(-status).name}" if status < 0 else f"ended with exit code {status}"
