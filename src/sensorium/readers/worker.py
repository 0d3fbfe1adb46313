"""A worker process: reads one file after the other, and may die over any of them.

It is started by `sensorium.readers.workers` as `python -c ...`, gets jobs on standard input and answers on standard
output, both in the messages of `sensorium.readers.wire`. A job: `path` or `data` and `name`, `limits`, `memory`
(bytes), `make` (see `_maker`). Its answers carry any of `kind`, `rows`, and at last `end`, `why` (the file cannot be
read) or `error` (nothing can: the model fails).
"""

from __future__ import annotations

import gc
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from sensorium.core.errors import SensoriumError, Unreadable
from sensorium.core.types import Part
from sensorium.readers.confinement import leave_network, limit_cpu, limit_memory, refuse_connections
from sensorium.readers.contract import Limits, Source
from sensorium.readers.damage import TOO_LARGE, reason
from sensorium.readers.registry import read
from sensorium.readers.wire import pack, unpack

IDLE_SECONDS = 30.0  # without a job
ROWS, ROW_BYTES, ROW_SECONDS = 32, 1 << 21, 0.5  # an answer is sent when it holds so much, or is so old
# Several threads of a decoder compute at once.
_CPU_PER_SECOND = 4

Make = Callable[[Part], Mapping[str, Any] | None]


def main() -> None:
    """Answer jobs until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that gave the job, which ends this one
    jobs, answers = _pipes()
    leave_network()
    refuse_connections()
    waiting: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_listen, args=(jobs, waiting), daemon=True).start()
    _get_ready()
    with suppress(queue.Empty, BrokenPipeError):
        while True:
            _answer(waiting.get(timeout=IDLE_SECONDS), answers)


def _get_ready() -> None:
    """What most files need is imported before the first comes, and no longer looked through for garbage."""
    from sensorium.readers import image, text  # noqa: F401

    gc.collect()
    gc.freeze()


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for ourselves alone: a decoder that prints must not end up in the answers."""
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    return jobs, answers


def _listen(jobs: BinaryIO, waiting: queue.Queue[dict[str, Any]]) -> None:
    """Hand over each job; when the process that gives them is gone, end at once, whatever a decoder is at."""

    def exactly(count: int) -> bytearray:
        data = bytearray(jobs.read(count))
        if len(data) < count:
            os._exit(0)
        return data

    while True:
        waiting.put(unpack(exactly))


def _answer(job: dict[str, Any], answers: BinaryIO) -> None:
    def send(message: dict[str, Any]) -> None:
        for buffer in pack(message):
            view = memoryview(buffer)
            while view:
                view = view[answers.write(view) :]

    try:
        limits = Limits(**job["limits"])
        limit_memory(job["memory"])
        limit_cpu(limits.max_seconds * _CPU_PER_SECOND)
        for message in _messages(job, limits):
            send(message)
    except Unreadable as error:
        send({"why": error.why})
    except MemoryError:
        send({"why": TOO_LARGE})
    except BrokenPipeError:
        raise
    except _MakeFailed as error:
        cause = error.__cause__
        name = type(cause).__name__ if isinstance(cause, SensoriumError) else ""
        send({"error": {"class": name, "said": str(cause) if name else f"{type(cause).__name__}: {cause}"}})
    except Exception as error:  # noqa: BLE001 - a mistake of a reader, perhaps of a plug-in, is no reason to stop
        send({"why": f"its reader failed, which is a mistake of the reader: {type(error).__name__}: {reason(error)}"})


def _messages(job: dict[str, Any], limits: Limits) -> Iterator[dict[str, Any]]:
    """Rows as they come, several at a time; a small file is one message."""
    source = Source.from_path(job["path"]) if "path" in job else Source.from_bytes(job["data"], job["name"])
    make = _maker(job["make"]["function"], tuple(sorted(job["make"]["arguments"].items())))
    kind, parts = read(source, limits)
    message: dict[str, Any] = {"kind": kind, "rows": []}
    size, since = 0, time.monotonic()
    for part in parts:
        if (row := _made(make, part)) is not None:
            message["rows"].append(row)
            size += sum(map(_bytes, row.values()))
        if len(message["rows"]) >= ROWS or size >= ROW_BYTES or time.monotonic() - since > ROW_SECONDS:
            yield message
            message, size, since = {"rows": []}, 0, time.monotonic()
    yield {**message, "end": True}


def _bytes(value: Any) -> int:
    """What an array, or a list of arrays, takes; nothing else of a row is large."""
    return sum(map(_bytes, value)) if isinstance(value, list) else getattr(value, "nbytes", 0)


class _MakeFailed(Exception):
    """What makes rows failed, and will with every file; the cause says why."""


def _made(make: Make, part: Part) -> Mapping[str, Any] | None:
    if not isinstance(part, Part):
        raise TypeError(f"it gave a {type(part).__name__} for a part")
    try:
        return make(part)
    except (ValueError, MemoryError):  # a part that is not what a part should be, or too large
        raise
    except Exception as error:
        raise _MakeFailed from error


@lru_cache(maxsize=4)
def _maker(function: str, arguments: tuple[tuple[str, Any], ...]) -> Make:
    """What makes a row of a part: `module:function` called with the arguments."""
    module, _, name = function.partition(":")
    try:
        make: Make = getattr(import_module(module), name)(**dict(arguments))
    except Exception as error:
        raise _MakeFailed from error
    return make


def start(paths: list[str], folder: str) -> None:
    """What `python -c` calls: with the import paths and the working folder of the process that gives the jobs."""
    sys.path[:] = paths
    with suppress(OSError):
        os.chdir(Path(folder))
    main()
