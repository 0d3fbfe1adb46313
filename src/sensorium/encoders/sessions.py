"""The towers in memory: ONNX Runtime sessions, opened when they are first used and let go when nobody uses them."""

from __future__ import annotations

import weakref
from threading import Condition, RLock, Thread
from time import monotonic
from typing import TYPE_CHECKING

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as faults

from sensorium.encoders.preparer import blame

if TYPE_CHECKING:
    from sensorium.encoders.bundle import Bundle, Tower

ort.disable_telemetry_events()  # where it was imported, and so begun, before Sensorium could say so (see __init__)
OUTPUT = "vectors"
IDLE_SECONDS = 600.0  # after which a tower that nobody used is let go
GPU, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"

FAULTS = (
    faults.EPFail, faults.Fail, faults.InvalidArgument, faults.InvalidGraph, faults.InvalidProtobuf, faults.ModelLoaded,
    faults.NoModel, faults.NoSuchFile, faults.NotImplemented, faults.RuntimeException, RuntimeError,
)  # fmt: skip


class Sessions:
    """The loaded files of one bundle. Safe to use from several threads at once."""

    def __init__(self, bundle: Bundle, idle_seconds: float = IDLE_SECONDS) -> None:
        """Nothing is loaded yet."""
        self.bundle, self.idle_seconds = bundle, idle_seconds
        self._open: dict[tuple[str, int], ort.InferenceSession] = {}  # by file and threads
        self._used: dict[tuple[str, int], float] = {}
        self._lock = RLock()

    @property
    def files(self) -> frozenset[str]:
        """The files that are in memory."""
        return frozenset(file for file, _ in tuple(self._open))

    def __contains__(self, key: tuple[str, int]) -> bool:
        """Whether a file is open to run on so many threads."""
        return key in self._open

    def get(self, tower: Tower, file: str, threads: int) -> ort.InferenceSession:
        """One form of a tower, to run on so many threads. Raises BundleDamaged when it cannot be loaded."""
        key = (file, threads)
        with self._lock:
            if key not in self._open:
                self._open[key] = opened(self.bundle, tower, file, threads)
            self._used[key] = monotonic()
            session = self._open[key]
        _WATCH.over(self)
        return session

    def let_go(self, idle: float = 0.0) -> None:
        """Forget what was not used for `idle` seconds; whoever is running it keeps it until the run is over."""
        with self._lock:
            now = monotonic()
            for key in [key for key, used in self._used.items() if now - used >= idle]:
                del self._open[key], self._used[key]

    def due(self) -> float | None:
        """When something may be let go, by the monotonic clock; None while nothing is loaded."""
        with self._lock:
            return min(self._used.values()) + self.idle_seconds if self._used else None


class _Watch:
    """One thread for all bundles of a process that have something loaded; it keeps none of them alive."""

    def __init__(self) -> None:
        self._watched: weakref.WeakSet[Sessions] = weakref.WeakSet()
        self._changed = Condition()
        self._news = False  # something was used since the thread last looked
        self._thread: Thread | None = None

    def over(self, sessions: Sessions) -> None:
        """Let go of its towers in time."""
        with self._changed:
            self._news = True
            known, running = sessions in self._watched, self._thread is not None and self._thread.is_alive()
            self._watched.add(sessions)
            if not running:  # as in a process that was forked
                self._thread = Thread(target=self._run, name="idle towers", daemon=True)
                self._thread.start()
            elif not known:
                self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._news = False
            soonest = self._soonest()  # outside the lock: a bundle that is loading a tower says nothing until it has
            with self._changed:
                if soonest is None and not self._news:
                    self._thread = None
                    return
                if soonest is not None:
                    self._changed.wait(max(0.01, soonest - monotonic()))
            self._let_go()

    def _soonest(self) -> float | None:
        return min((due for sessions in self._all() if (due := sessions.due()) is not None), default=None)

    def _let_go(self) -> None:
        for sessions in self._all():
            sessions.let_go(sessions.idle_seconds)

    def _all(self) -> list[Sessions]:
        with self._changed:
            return list(self._watched)


_WATCH = _Watch()


def opened(bundle: Bundle, tower: Tower, file: str, threads: int) -> ort.InferenceSession:
    """A session of one of a bundle's files, which must take and give what the tower is described with.

    Raises BundleDamaged.
    """
    path = bundle.checked(file)
    try:
        session = ort.InferenceSession(path, session_options(threads), providers=providers())
    except FAULTS as error:
        blame(bundle, file, f"cannot be loaded by ONNX Runtime {ort.__version__}", error)
    inputs, outputs = sorted(i.name for i in session.get_inputs()), {o.name: o for o in session.get_outputs()}
    if inputs != sorted(tower.inputs):
        described = ", ".join(sorted(tower.inputs))
        blame(bundle, file, f"takes {', '.join(inputs)}, but is described with {described}")
    width = outputs[OUTPUT].shape[-1] if OUTPUT in outputs and outputs[OUTPUT].shape else None
    if width is None or (isinstance(width, int) and width != bundle.dimension):
        but = f", but one of {width}" if isinstance(width, int) else ""
        blame(bundle, file, f"has no output {OUTPUT!r} of {bundle.dimension} numbers{but}")
    return session


def providers() -> list[str]:
    """What towers run on: a GPU where ONNX Runtime has been installed for one, and the CPU."""
    return [GPU, CPU] if GPU in ort.get_available_providers() else [CPU]


def session_options(threads: int) -> ort.SessionOptions:
    """How towers run: on `threads` threads that sleep when idle, one operator after the other, always alike."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    # Spinning threads would take the cores from the threads that decode the next pictures.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.use_deterministic_compute = True
    options.log_severity_level = 4  # what fails is raised; warnings about a graph are its maker's
    return options
