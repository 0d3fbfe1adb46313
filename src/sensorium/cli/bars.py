"""Progress bars on a terminal: rate, time left, skipped count. Nothing is drawn for short work or into a pipe."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Self, TextIO

from sensorium.core.types import clock

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PATIENCE = 1.0
"""Seconds before a task may draw a bar, and the seconds that must then be left of it."""


class Bars:
    """A `core.progress.Progress` that draws on `stream` (standard error) when that is a terminal.

    A context manager: whatever ends the work, Ctrl-C too, the bar is taken away and the cursor comes back.
    """

    def __init__(self, stream: TextIO | None = None, *, patience: float = PATIENCE) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._wanted = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._patience = patience
        self._lock = threading.Lock()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._reset("", None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def start(self, what: str, total: int | None) -> None:
        """A task begins; a bar of the one before it goes away."""
        with self._lock:
            self._take_away()
            self._reset(what, total)

    def advance(self, done: int = 1, *, skipped: int = 0) -> None:
        """Count, and draw once the task has shown that it is a long one."""
        with self._lock:
            self._done += done
            self._skipped += skipped
            if self._wanted and (self._bar is not None or self._is_long()):
                self._draw()

    def finish(self) -> None:
        """The task is over; its bar goes away."""
        with self._lock:
            self._take_away()
            self._reset("", None)

    @property
    def shown(self) -> bool:
        """Whether a bar is on the screen now."""
        return self._bar is not None

    def _reset(self, what: str, total: int | None) -> None:
        self._what, self._total = what, total
        self._done = self._skipped = 0
        self._began = time.monotonic()

    def _is_long(self) -> bool:
        if time.monotonic() - self._began < self._patience:
            return False
        left = self._seconds_left()
        return left is None or left > self._patience

    def _rate(self) -> float:
        return self._done / max(time.monotonic() - self._began, 1e-9)

    def _seconds_left(self) -> float | None:
        if self._total is None or not self._done:
            return None
        return max(self._total - self._done, 0) / self._rate()

    def _draw(self) -> None:
        if self._bar is None:
            self._bar, self._task = _drawn(self._stream, self._what, self._total)
        if self._task is not None:
            self._bar.update(self._task, completed=self._done, said=self.said())

    def said(self) -> str:
        """The words behind the bar: `1,200/8,091  210/s  0:32 left  3 skipped`."""
        words = [f"{self._done:,}" if self._total is None else f"{self._done:,}/{self._total:,}"]
        rate = self._rate()
        words.append(f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s")
        left = self._seconds_left()
        if left is not None:
            words.append(f"{clock(round(left))} left")
        if self._skipped:
            words.append(f"{self._skipped:,} skipped")
        return "  ".join(words)

    def _take_away(self) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._bar = self._task = None


def _drawn(stream: TextIO, what: str, total: int | None) -> tuple[Progress, TaskID]:
    # rich takes 60 ms to import, which only long work should pay
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"))
    bar = Progress(*columns, console=Console(file=stream), transient=True)
    bar.start()
    return bar, bar.add_task(what, total=total, said="")
