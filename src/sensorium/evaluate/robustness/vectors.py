"""Vectors of files that were made worse, in several ways at once: each file is read once, in a worker process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import BadQuery, Unreadable
from sensorium.core.progress import Progress, Silent
from sensorium.core.types import Modality, Part, Skipped
from sensorium.evaluate.robustness.degrade import VERSION, Condition, degraded
from sensorium.evaluate.vectors import HASHED_WITH, joined

if TYPE_CHECKING:
    from sensorium.encoders.onnx import OnnxEncoder
    from sensorium.evaluate.cache import Cache
    from sensorium.evaluate.dataset import Sample
    from sensorium.readers.contract import Limits
    from sensorium.readers.workers import Workers

Vectors = NDArray[np.float32]

PREPARED_AT_ONCE = 64  # parts in all their conditions that are held, by each thread


@dataclass(frozen=True, slots=True, eq=False)
class Degraded:
    """Samples made worse: `rows` int64 (n,) ascending, of the samples, `vectors` float32 (conditions, n, d)."""

    rows: NDArray[np.int64]
    vectors: Vectors
    failures: tuple[Skipped, ...] = ()


def degraded_vectors(
    samples: Sequence[Sample], encoder: OnnxEncoder, conditions: Sequence[Condition], *, seed: int = 0,
    cache: Cache | None = None, progress: Progress | None = None, memory: int | None = None,
) -> Degraded:  # fmt: skip
    """Vectors of the samples that are files of the conditions' modality, under each condition.

    As `vectors.embed` makes them: of a file with several parts, each made worse, the mean of unit vectors. What `cache`
    has of a file under all conditions is not made again. Raises BadQuery for conditions of several modalities or none,
    BundleDamaged and BadMemory.
    """
    modalities = {condition.modality for condition in conditions}
    if len(modalities) != 1:
        raise BadQuery(f"conditions of one modality at a time, not {', '.join(sorted(modalities)) or 'none'}")
    modality = modalities.pop()
    rows: dict[str, list[int]] = {}
    for row, sample in enumerate(samples):
        if sample.modality == modality and isinstance(sample.source, Path):
            rows.setdefault(str(sample.source.absolute()), []).append(row)
    vectors = np.zeros((len(conditions), len(samples), encoder.dimension), np.float32)
    has, failures, progress = np.zeros(len(samples), np.bool_), [], progress or Silent()
    progress.start(f"{modality} made worse", len(rows))
    try:
        for path, found in _Files(encoder, modality, conditions, seed, cache).all(list(rows), memory):
            if isinstance(found, str):
                failures.append(Skipped(path, found))
            else:
                vectors[:, rows[path]], has[rows[path]] = found[:, None], True
            progress.advance(skipped=int(isinstance(found, str)))
    finally:
        progress.finish()
    kept = np.flatnonzero(has).astype(np.int64)
    return Degraded(kept, vectors[:, kept], tuple(failures))


class _Files:
    """Files of one modality, from paths to vectors (conditions, d) or the reason why there are none."""

    def __init__(
        self, encoder: OnnxEncoder, modality: Modality, conditions: Sequence[Condition], seed: int, cache: Cache | None
    ) -> None:
        from sensorium import __version__

        self.encoder, self.modality, self.conditions, self.cache = encoder, modality, conditions, cache
        self.space = f"{encoder.space} {encoder.precision} {__version__}"
        self.keys = [f"{condition} by {VERSION}.{seed}, {modality} of file " for condition in conditions]
        self.arguments = {
            "bundle": str(encoder.bundle.folder), "seed": seed,
            "conditions": json.dumps([asdict(condition) for condition in conditions]),
        }  # fmt: skip
        self.stop = Event()

    def all(self, paths: Sequence[str], memory: int | None) -> Iterator[tuple[str, Vectors | str]]:
        """Each path with what became of it, in their order."""
        from sensorium.core.machine import available_cores
        from sensorium.library.intake import wanted
        from sensorium.library.memory import Budget
        from sensorium.readers.contract import Limits
        from sensorium.readers.workers import Make, Workers

        if not paths:
            return
        budget, limits = Budget.of(memory, available_cores()), wanted([self.encoder], Limits())
        make = Make(f"{row_maker.__module__}:{row_maker.__name__}", self.arguments)
        with Workers(budget.worker_bytes, make) as workers, ThreadPoolExecutor(budget.workers, "degrade") as pool:
            try:
                made = pool.map(lambda path: self._of(path, workers, limits), paths)
                yield from zip(paths, made, strict=True)
            finally:
                self.stop.set()
                workers.close()
                pool.shutdown(wait=False, cancel_futures=True)

    def _of(self, path: str, workers: Workers, limits: Limits) -> Vectors | str:
        from sensorium.library.content_hash import content_hash
        from sensorium.readers.contract import Source

        if self.stop.is_set():
            raise CancelledError
        try:
            digest = content_hash(path, HASHED_WITH, self.stop)
            contents = [key + digest for key in self.keys]
            known = {} if self.cache is None else self.cache.get(self.space, contents)
            if len(known) == len(set(contents)):
                return np.stack([known[content] for content in contents])
            _, rows = workers.read(Source.from_path(path), limits)
            made = self._encoded(rows)
        except Unreadable as error:
            return error.why
        except OSError as error:
            return f"cannot be opened: {error.strerror or error}"
        if made is None:
            return f"there is no {self.modality} in it"
        each = [joined(parts) for parts in made]
        whole = [vector for vector in each if vector is not None]
        if len(whole) < len(each):
            return "the vectors of its parts cancel each other out"
        if self.cache is not None:
            self.cache.put(self.space, dict(zip(contents, whole, strict=True)))
        return np.stack(whole)

    def _encoded(self, rows: Iterator[dict[str, Any]]) -> Vectors | None:
        """Vectors of all parts, float32 (conditions, parts, d); None when there is no part."""
        count, made = len(self.conditions), []
        while some := list(islice(rows, max(1, PREPARED_AT_ONCE // count))):
            ready = [prepared for row in some for prepared in row["prepared"]]
            vectors = self.encoder.embed(self.modality, ready)
            made.append(vectors.reshape(len(some), count, -1).transpose(1, 0, 2))
        return np.concatenate(made, axis=1) if made else None


def row_maker(bundle: str, conditions: str, seed: int) -> Callable[[Part], dict[str, Any] | None]:
    """What makes a part, made worse under each of the conditions (JSON), ready for a bundle's tower.

    Called in a worker process, by its name. Raises BundleDamaged.
    """
    from sensorium.encoders.bundle import Bundle
    from sensorium.encoders.preparer import Preparer
    from sensorium.library.prepared import prepared

    preparer = Preparer(Bundle.open(bundle))
    asked = [Condition(**condition) for condition in json.loads(conditions)]

    def row(part: Part) -> dict[str, Any] | None:
        if part.modality != asked[0].modality:
            return None
        return {"prepared": [prepared(preparer, degraded(part, condition, seed)) for condition in asked]}

    return row
