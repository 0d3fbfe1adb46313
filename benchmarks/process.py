"""Runs a command as a user would, in a process of its own, and says what it took."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
SENSORIUM = Path(sys.executable).parent / "sensorium"


@dataclass(frozen=True)
class Ran:
    """Wall-clock seconds, peak resident memory in MB (of the whole tree of processes), exit status, standard output."""

    seconds: float
    peak_mb: float
    status: int
    out: str


def run(*command: str | Path, env: dict[str, str] | None = None) -> Ran:
    """Run a command to its end; its standard error goes through."""
    started = time.perf_counter()
    with subprocess.Popen(
        [str(c) for c in command], stdout=subprocess.PIPE, env={**os.environ, **(env or {})}
    ) as process:
        assert process.stdout is not None
        watch = _Watch(process.pid)
        out = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    return Ran(seconds, max(usage.ru_maxrss / 1024, watch.peak_mb()), process.returncode, out)


class _Watch(threading.Thread):
    """Adds up the resident memory of a process and its children, 20 times a second; pages they share count twice."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.process, self.peak, self.over = psutil.Process(pid), 0, threading.Event()
        self.start()

    def run(self) -> None:
        while not self.over.wait(0.05):
            total = 0
            with contextlib.suppress(psutil.Error):
                for process in (self.process, *self.process.children(recursive=True)):
                    with contextlib.suppress(psutil.Error):
                        total += process.memory_info().rss
            self.peak = max(self.peak, total)

    def peak_mb(self) -> float:
        self.over.set()
        self.join()
        return self.peak / 2**20


def commit() -> str:
    """The commit that is measured, with a plus when the tree differs from it."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return said.stdout.strip() or "unknown"


def write(name: str, figures: dict[str, Any]) -> None:
    """Write `benchmarks/NAME.json` with when, where and what was measured, and print it."""
    about = {"measured": datetime.now(UTC).strftime("%Y-%m-%d"), "commit": commit(), "cores": os.cpu_count(),
             "processor": platform.machine(), "python": platform.python_version()}  # fmt: skip
    text = json.dumps({**about, **figures}, indent=1)
    (ROOT / "benchmarks" / f"{name}.json").write_text(text + "\n")
    print(text)
