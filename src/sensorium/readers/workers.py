"""Files are read in processes of their own: a decoder that dies, hangs or eats memory costs one file, not the run."""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any

from sensorium.core import errors
from sensorium.core.errors import Unreadable
from sensorium.readers.contract import Limits, Source
from sensorium.readers.wire import pack, unpack

Row = dict[str, Any]

FILES_EACH = 5_000  # a worker is replaced after so many: what decoders leak goes with it
_LAST = frozenset({"end", "why", "error"})  # what an answer carries that is the last one
_PIPE_BYTES = 1 << 20
# One thread each; and memory of the size of a picture is kept for the next one (glibc): else it is given back and taken
# again page by page, which costs 4 % of the time of a photograph.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20), "MALLOC_TOP_PAD_": str(4 << 20),
}  # fmt: skip
_START = (
    "import json, sys; given = json.loads(sys.argv[1]); sys.path[:] = given['paths']; "
    "from sensorium.readers.worker import start; start(**given)"
)


class Died(Exception):
    """The worker process ended in the middle of a job; the message says how."""


class Stalled(Exception):
    """The worker did not answer in time."""


@dataclass(frozen=True)
class Make:
    """What makes a row of a part, in the worker: `function` is "module:name", called with `arguments` (JSON)."""

    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


class Workers:
    """Processes that read files, one for each file that is being read, with `memory` bytes for its data (0: no limit).

    Use it as a context manager. Safe to use from several threads; a file's rows are taken by one of them.
    """

    def __init__(self, memory: int, make: Make) -> None:
        """Nothing is started yet."""
        self.memory, self.make = memory, make
        self._busy: set[_Worker] = set()
        self._lock = Lock()
        self._closed = False

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End what is still being read."""
        with self._lock:
            self._closed, busy = True, list(self._busy)
        for worker in busy:
            worker.kill()

    def read(self, source: Source, limits: Limits) -> tuple[str, Iterator[Row]]:
        """(kind, rows) as `registry.read` has parts, each part made into a row, as they come.

        The worker is busy until the last row is taken, or the rows are let go. Raises `Unreadable`, at once or from the
        rows: also when the file took a worker's life, time or memory; and what `make` raises.
        """
        messages = self._messages(source, limits)
        first = next(messages)
        return first["kind"], chain(first["rows"], (row for message in messages for row in message["rows"]))

    def _messages(self, source: Source, limits: Limits) -> Iterator[Mapping[str, Any]]:
        job = self._job(source, limits)
        try:
            try:
                first, rest = self._begun(job, limits)
            except Died:  # perhaps over an earlier file, which had left it in disorder: once more, with a new one
                first, rest = self._begun(job, limits, fresh=True)
            yield first
            yield from rest
        except Died as error:
            why = "it is damaged, made to do harm, or needs more memory (--memory)"
            raise Unreadable(f"its decoder died over it ({error}): {why}") from error
        except Stalled as error:
            raise Unreadable(str(error)) from error

    def _begun(
        self, job: Mapping[str, Any], limits: Limits, *, fresh: bool = False
    ) -> tuple[Mapping[str, Any], Iterator[Mapping[str, Any]]]:
        answers = self._answers(job, limits, fresh=fresh)
        return next(answers), answers

    def _answers(self, job: Mapping[str, Any], limits: Limits, *, fresh: bool) -> Iterator[Mapping[str, Any]]:
        worker = _taken(fresh=fresh)
        with self._lock:
            self._busy.add(worker)
        message: Mapping[str, Any] = {}
        try:
            worker.ask(job)
            clock = _Clock(limits)
            while not (message := worker.answer(clock)).keys() & _LAST:
                yield message
        finally:
            with self._lock:
                self._busy.discard(worker)
                well = bool(message.keys() & _LAST) and not self._closed
            worker.put_back() if well else worker.kill()
        if "why" in message:
            raise Unreadable(str(message["why"]))
        if "error" in message:
            raise _raised(message["error"])
        yield message

    def _job(self, source: Source, limits: Limits) -> dict[str, Any]:
        data = source.data
        what = {"path": source.path} if data is None else {"data": data, "name": source.path}
        return {**what, "limits": asdict(limits), "memory": self.memory, "make": asdict(self.make)}


def _raised(error: Mapping[str, str]) -> Exception:
    """What failed in the worker, and would with every file: as the same error when it is one of Sensorium's."""
    kind = getattr(errors, error["class"], None) if error["class"] else None
    if isinstance(kind, type) and issubclass(kind, errors.SensoriumError):
        return kind(error["said"])
    return RuntimeError(f"the worker process failed: {error['said']}")


class _Clock:
    """How long a file may still take; only waiting counts, not what is done with its rows meanwhile."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.left = limits, limits.max_seconds

    def wait(self, pipe: int) -> None:
        """Until there is something to read. Raises Stalled."""
        started, limits = time.monotonic(), self.limits
        if not select.select([pipe], [], [], min(limits.stall_seconds, self.left))[0]:
            if self.left <= limits.stall_seconds:
                raise Stalled(f"took more than {limits.max_seconds:g} s, the most that a file may take")
            raise Stalled(f"gave nothing for {limits.stall_seconds:g} s: it is damaged, or made to take for ever")
        self.left -= time.monotonic() - started


class _Worker:
    """One process."""

    def __init__(self) -> None:
        given = json.dumps({"paths": [path or str(Path.cwd()) for path in sys.path], "folder": str(Path.cwd())})
        self.process = subprocess.Popen(
            [sys.executable, "-c", _START, given], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
            stderr=None if os.environ.get("SENSORIUM_DEBUG") else subprocess.DEVNULL,
            env={**_ENVIRONMENT, **os.environ}, process_group=0,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.pipe, self.owner, self.files = self.process.stdout.fileno(), os.getpid(), 0
        _widen(self.pipe)

    def ask(self, job: Mapping[str, Any]) -> None:
        """Give it a job. Raises Died."""
        assert self.process.stdin is not None
        self.files += 1
        try:
            for buffer in pack(job):
                view = memoryview(buffer)
                while view:
                    view = view[self.process.stdin.write(view) :]
        except (BrokenPipeError, ValueError) as error:
            raise Died(self._end()) from error

    def answer(self, clock: _Clock) -> Mapping[str, Any]:
        """Its next message. Raises Died, Stalled."""

        def exactly(count: int) -> bytearray:
            data = bytearray(count)
            view = memoryview(data)
            while view:
                clock.wait(self.pipe)
                assert self.process.stdout is not None
                got = self.process.stdout.readinto(view)  # type: ignore[attr-defined]
                if not got:
                    raise Died(self._end())
                view = view[got:]
            return data

        try:
            message: Mapping[str, Any] = unpack(exactly)
            if not isinstance(message, dict):
                raise ValueError("it is no message")
        except (ValueError, OSError) as error:
            raise Died(str(error)) from error
        return message

    def put_back(self) -> None:
        """Keep it for the next one who needs a worker."""
        with _IDLE_LOCK:
            _forget_the_dead()
            if self.files < FILES_EACH and len(_IDLE) < (os.cpu_count() or 1):
                _IDLE.append(self)
                return
        self.kill()

    def kill(self) -> None:
        """End it now."""
        with suppress(OSError):
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _end(self) -> str:
        try:
            status = self.process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            return "it closed its pipe"
        if status == -signal.SIGKILL:
            return "killed, most likely for want of memory"
        return signal.Signals(-status).name if -status in signal.valid_signals() else f"exit code {status}"


_IDLE: list[_Worker] = []
_IDLE_LOCK = Lock()


def _forget_the_dead() -> None:
    """Of the processes that wait: some have waited too long. The caller holds the lock."""
    for worker in [idle for idle in _IDLE if idle.process.poll() is not None]:
        _IDLE.remove(worker)
        if worker.owner == os.getpid():
            worker.kill()


def warm_up(count: int) -> None:
    """Start processes before they are needed: they get ready while their owner does."""
    with _IDLE_LOCK:
        _forget_the_dead()
        ready = len(_IDLE)
    for _ in range(min(count, os.cpu_count() or 1) - ready):
        _Worker().put_back()


def _taken(*, fresh: bool) -> _Worker:
    while not fresh:
        with _IDLE_LOCK:
            worker = _IDLE.pop() if _IDLE else None
        if worker is None:
            break
        if worker.owner == os.getpid() and worker.process.poll() is None:
            return worker
        if worker.owner == os.getpid():
            worker.kill()
    return _Worker()


def _widen(pipe: int) -> None:
    """A pipe that holds a picture or two: fewer turns between the processes."""
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):  # the user's pipes may be at their limit
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


@atexit.register
def end_idle_workers() -> None:
    """End the processes that wait for the next job; new ones are started when they are needed."""
    with _IDLE_LOCK:
        workers = [worker for worker in _IDLE if worker.owner == os.getpid()]
        _IDLE.clear()
    for worker in workers:
        worker.kill()
