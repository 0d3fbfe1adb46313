"""The towers of a bundle, run by ONNX Runtime on the CPU. A tower is loaded when its modality is first used."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as faults

from sensorium.encoders.bundle import Bundle, Tower
from sensorium.encoders.preparer import Preparer, blame
from sensorium.encoders.tokens import TextSettings, pad

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensorium.core.types import Modality, Part
    from sensorium.encoders.encoder import Prepared, Wanted

OUTPUT = "vectors"
# Rows of one run. Few: a convolutional tower at 128 x 128 took 4.0 ms a picture at 8, 4.8 at 16, 5.8 at 32 (medians of
# one run each on two busy cores, so the order is what counts); probably larger maps leave the caches.
BATCH: dict[Modality, int] = {"text": 32, "image": 8, "audio": 8}
# A text is padded to the next multiple, whatever its batch-mates, so that its vector cannot depend on them.
LENGTH_STEP = 8

_FAULTS = (
    faults.EPFail, faults.Fail, faults.InvalidArgument, faults.InvalidGraph, faults.InvalidProtobuf, faults.ModelLoaded,
    faults.NoModel, faults.NoSuchFile, faults.NotImplemented, faults.RuntimeException, RuntimeError,
)  # fmt: skip


class OnnxEncoder:
    """An `Encoder` made of a bundle. Safe to use from several threads at once."""

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        """Nothing is loaded yet. `threads` a run may use: all cores that this process has, unless said."""
        self.bundle = bundle
        self.preparer = Preparer(bundle)
        self.threads = threads or available_cores()
        self._sessions: dict[Modality, ort.InferenceSession] = {}
        self._lock = Lock()

    @property
    def space(self) -> str:
        """The bundle's space."""
        return self.bundle.space

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return self.bundle.dimension

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """What the bundle has towers for."""
        return self.bundle.modalities

    @property
    def loaded(self) -> tuple[Modality, ...]:
        """The modalities whose towers are in memory."""
        return tuple(m for m in self.modalities if m in self._sessions)

    def limits(self) -> Wanted:
        """What a reader should deliver: `Limits(**encoder.limits())`."""
        return self.preparer.limits()

    def load(self, *modalities: Modality) -> None:
        """Load towers before they are needed. Raises BadQuery for a modality without a tower, and BundleDamaged."""
        for modality in modalities:
            self._session(modality)
            if modality == "text":
                self.preparer.tokenizer(self.preparer.tower(modality))

    def prepare(self, part: Part) -> Prepared:
        """The part as its tower sees it: token ids, pixels or log-mel. Thread-safe. Raises as `Preparer.prepare`."""
        return self.preparer.prepare(part)

    def embed(self, modality: Modality, prepared: Sequence[Prepared]) -> NDArray[np.float32]:
        """Vectors of prepared parts, float32 (n, dimension): not normalised, finite, not zero.

        Raises BadQuery for a modality without a tower, and BundleDamaged when the tower cannot be loaded or fails.
        """
        tower, session = self.preparer.tower(modality), self._session(modality)
        vectors = np.empty((len(prepared), self.dimension), dtype=np.float32)
        for rows, inputs in _batches(tower, prepared):
            try:
                vectors[rows] = session.run([OUTPUT], dict(zip(tower.inputs, inputs, strict=True)))[0]
            except (*_FAULTS, ValueError) as error:
                blame(self.bundle, tower, "fails", error)
        if not (np.isfinite(vectors).all() and vectors.any(axis=1).all()):
            blame(self.bundle, tower, "gives vectors that are zero or not finite")
        return vectors

    def encode(self, parts: Sequence[Part]) -> NDArray[np.float32]:
        """Vectors of parts of one modality, float32 (n, dimension). Raises as `prepare` and `embed`."""
        modalities = {part.modality for part in parts}
        if len(modalities) > 1:
            raise ValueError(f"parts of one modality at a time, not {', '.join(sorted(modalities))}")
        if not parts:
            return np.empty((0, self.dimension), dtype=np.float32)
        return self.embed(modalities.pop(), [self.prepare(part) for part in parts])

    def _session(self, modality: Modality) -> ort.InferenceSession:
        tower = self.preparer.tower(modality)
        if modality not in self._sessions:
            with self._lock:
                if modality not in self._sessions:
                    self._sessions[modality] = self._opened(tower)
        return self._sessions[modality]

    def _opened(self, tower: Tower) -> ort.InferenceSession:
        path = self.bundle.checked(tower.file)
        try:
            session = ort.InferenceSession(path, session_options(self.threads), providers=["CPUExecutionProvider"])
        except _FAULTS as error:
            blame(self.bundle, tower, f"cannot be loaded by ONNX Runtime {ort.__version__}", error)
        inputs, outputs = sorted(i.name for i in session.get_inputs()), {o.name: o for o in session.get_outputs()}
        if inputs != sorted(tower.inputs):
            described = ", ".join(sorted(tower.inputs))
            blame(self.bundle, tower, f"takes {', '.join(inputs)}, but is described with {described}")
        width = outputs[OUTPUT].shape[-1] if OUTPUT in outputs and outputs[OUTPUT].shape else None
        if width is None or (isinstance(width, int) and width != self.dimension):
            blame(self.bundle, tower, f"has no output {OUTPUT!r} of {self.dimension} numbers")
        return session


def available_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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


def _batches(tower: Tower, prepared: Sequence[Prepared]) -> Iterator[tuple[list[int], tuple[Prepared, ...]]]:
    """(rows, inputs) of each run: texts of one padded length together, at most `BATCH` rows at once."""
    most = BATCH[tower.modality]
    if not isinstance(tower.settings, TextSettings):
        for start in range(0, len(prepared), most):
            rows = list(range(start, min(start + most, len(prepared))))
            yield rows, (np.stack([prepared[row] for row in rows]),)
        return
    lengths: dict[int, list[int]] = {}
    for row, tokens in enumerate(prepared):
        length = min(-(-len(tokens) // LENGTH_STEP) * LENGTH_STEP, tower.settings.max_tokens)
        lengths.setdefault(length, []).append(row)
    for length, rows in sorted(lengths.items()):
        for start in range(0, len(rows), most):
            some = rows[start : start + most]
            yield some, pad([prepared[row] for row in some], length)
