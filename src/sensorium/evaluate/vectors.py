"""Vectors of samples: read in worker processes, encoded in batches, and kept in a cache: a stop loses little."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import Unreadable
from sensorium.core.progress import Progress, Silent
from sensorium.core.types import MODALITIES, Modality, Part, Skipped
from sensorium.evaluate.cache import Cache

if TYPE_CHECKING:
    from sensorium.encoders.onnx import OnnxEncoder
    from sensorium.evaluate.dataset import Sample
    from sensorium.library.intake import Intake
    from sensorium.library.prepared import PartRow
    from sensorium.library.scan import Found

__all__ = ["Cache", "Embedded", "embed"]

Vectors = NDArray[np.float32]

HASHED_WITH = "blake3"
TEXTS_AT_ONCE = 256
PARTS_AT_ONCE = 64
_SHOWN = 60  # characters of a text, to know it by
_CANCELLED = 1e-6  # the length of a mean of unit vectors below which it has no direction


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """The samples that have a vector: `rows` int64 (n,) ascending, `vectors` float32 (n, d), not normalised.

    `failures` say why others have none: a file each, or a line for all samples of a modality without a tower.
    `reused` is how many came from the cache or from a library.
    """

    rows: NDArray[np.int64]
    vectors: Vectors
    failures: tuple[Skipped, ...] = ()
    reused: int = 0


def embed(
    samples: Sequence[Sample], encoder: OnnxEncoder, *, cache: Cache | None = None, progress: Progress | None = None,
    memory: int | None = None,
) -> Embedded:  # fmt: skip
    """Vectors of samples in an encoder's space, made once for each content.

    Files are read as `Library.add` reads them. Of a file with several parts the vector is the mean of those of the
    sample's modality as unit vectors, given their mean length. What `cache` has is not made again, and what is made
    is put there batch by batch: the same call goes on after a stop. Of samples that a library holds, its vectors are
    taken, when it has the encoder's space. `memory` is how many bytes all processes together may take. Raises
    BundleDamaged and BadMemory.
    """
    work = _Work(samples, encoder, cache, progress or Silent())
    work.progress.start("embedding", len(samples))
    try:
        work.from_libraries()
        work.texts()
        for modality in encoder.modalities:
            work.files(modality, memory)
        work.without_tower()
    finally:
        work.progress.finish()
    return work.embedded()


class _Work:
    """The vectors so far: `has` bool (n,) says which samples have one."""

    def __init__(
        self, samples: Sequence[Sample], encoder: OnnxEncoder, cache: Cache | None, progress: Progress
    ) -> None:  # fmt: skip
        from sensorium import __version__

        self.samples, self.encoder, self.cache, self.progress = samples, encoder, cache, progress
        # Vectors of both precisions may share a space, and a newer release may read files in another way.
        self.space = f"{encoder.space} {encoder.precision} {__version__}"
        self.vectors = np.zeros((len(samples), encoder.dimension), np.float32)
        self.has = np.zeros(len(samples), np.bool_)
        self.done = np.zeros(len(samples), np.bool_)
        self.failures: list[Skipped] = []
        self.reused = 0

    def embedded(self) -> Embedded:
        """What there is."""
        rows = np.flatnonzero(self.has).astype(np.int64)
        vectors = self.vectors if len(rows) == len(self.vectors) else self.vectors[rows]
        return Embedded(rows, vectors, tuple(self.failures), self.reused)

    def give(self, rows: Sequence[int], vector: Vectors, *, reused: bool = False) -> None:
        """The vector (d,) of some samples."""
        self.vectors[rows], self.has[rows], self.done[rows] = vector, True, True
        self.reused += len(rows) * reused
        self.progress.advance(len(rows))

    def fail(self, rows: Sequence[int], name: str, why: str) -> None:
        """Some samples have no vector, and why."""
        self.failures.append(Skipped(name, why))
        self.done[rows] = True
        self.progress.advance(len(rows), skipped=len(rows))

    def known(self, contents: Sequence[str]) -> Mapping[str, Vectors]:
        """The vectors of contents that the cache has."""
        return {} if self.cache is None else self.cache.get(self.space, contents)

    def keep(self, vectors: Mapping[str, Vectors]) -> None:
        """Put vectors of contents into the cache."""
        if self.cache is not None:
            self.cache.put(self.space, vectors)

    def from_libraries(self) -> None:
        """What libraries have in this space."""
        held: dict[str, dict[tuple[int, Modality], list[int]]] = {}
        for row, sample in enumerate(self.samples):
            if sample.kept is not None:
                library, item = sample.kept
                held.setdefault(library, {}).setdefault((item, sample.modality), []).append(row)
        for library, wanted in held.items():
            for key, vector in _vectors_in(library, self.encoder.space, wanted.keys()).items():
                self.give(wanted[key], vector, reused=True)

    def texts(self) -> None:
        """The samples that are texts themselves, shortest first, since texts of one length are encoded together."""
        from sensorium.library.prepared import storable

        rows: dict[str, list[int]] = {}
        if "text" in self.encoder.modalities:
            for row, sample in enumerate(self.samples):
                if isinstance(sample.source, str) and not self.done[row]:
                    rows.setdefault(storable(sample.source).strip(), []).append(row)
        if blank := rows.pop("", None):
            self.fail(blank, self.samples[blank[0]].key, "an empty text")
        content = {text: f"text {_digest(text)}" for text in rows}
        known = self.known(list(content.values()))
        for text in rows:
            if (vector := known.get(content[text])) is not None:
                self.give(rows[text], vector, reused=True)
        todo = sorted((text for text in rows if content[text] not in known), key=lambda text: (len(text), text))
        for start in range(0, len(todo), TEXTS_AT_ONCE):
            some = todo[start : start + TEXTS_AT_ONCE]
            made = self.encoder.encode([Part("text", text) for text in some])
            self.keep({content[text]: vector for text, vector in zip(some, made, strict=True)})
            for text, vector in zip(some, made, strict=True):
                self.give(rows[text], vector)

    def files(self, modality: Modality, memory: int | None) -> None:
        """The samples of a modality that are files."""
        from sensorium.core.machine import available_cores
        from sensorium.library.intake import Reading, wanted
        from sensorium.library.memory import Budget
        from sensorium.library.query import ROWS
        from sensorium.readers.contract import Limits

        rows: dict[str, list[int]] = {}
        for row, sample in enumerate(self.samples):
            if not isinstance(sample.source, Path) or sample.modality != modality or self.done[row]:
                continue
            if str(sample.source).startswith(ROWS):
                why = "a row of a table: only a library that has it in this model's space has its vector"
                self.fail([row], str(sample.source), why)
            else:
                rows.setdefault(str(sample.source.absolute()), []).append(row)
        if not (found := self._found(rows)):
            return
        task = _Files(self, modality, rows)
        limits, budget = wanted([self.encoder], Limits()), Budget.of(memory, available_cores())
        with Reading([self.encoder], limits, task.is_known, budget, HASHED_WITH) as reading:
            for intake in reading.intakes(found):
                task.take(intake)
        task.encode()

    def without_tower(self) -> None:
        """One line for all samples of each modality that the model has no tower for."""
        for modality in MODALITIES:
            left = [row for row, one in enumerate(self.samples) if one.modality == modality and not self.done[row]]
            if left and modality not in self.encoder.modalities:
                why = f"the model {self.encoder.bundle.name} has no tower for {modality}"
                self.fail(left, f"{len(left):,} {modality} samples", why)

    def _found(self, rows: Mapping[str, Sequence[int]]) -> list[Found]:
        from sensorium.library.scan import file_at

        found = []
        for path, own in rows.items():
            try:
                one = file_at(path)
            except OSError as error:
                self.fail(own, path, f"cannot be opened: {error.strerror or error}")
                continue
            if one is None:
                self.fail(own, path, "there is no such file")
            else:
                found.append(one)
        return found


class _Files:
    """Files of one modality on their way to vectors; `pending` are those whose parts are read and not encoded."""

    def __init__(self, work: _Work, modality: Modality, rows: Mapping[str, list[int]]) -> None:
        self.work, self.modality, self.rows = work, modality, rows
        self.pending: list[tuple[Intake, list[PartRow]]] = []
        self.there: dict[str, Vectors] = {}  # by content, what the cache had when it was asked

    def is_known(self, _: str, digest: str) -> bool:
        """Whether the cache has a content; called from several threads."""
        content = self._content(digest)
        self.there.update(self.work.known([content]))
        return content in self.there

    def take(self, intake: Intake) -> None:
        """One file: unreadable, known by its content, or to be encoded."""
        path, own = intake.found.path, self.rows[intake.found.path]
        mine = self._mine(intake.rows)
        if intake.gone:
            self.work.fail(own, path, "there is no such file any more")
        elif intake.same:
            self.work.give(own, self.there[self._content(intake.hash)], reused=True)
        elif intake.why:
            self.work.fail(own, path, intake.why)
        elif intake.rest is not None:
            self._take_long(intake, mine, intake.rest)
        elif not mine:
            self.work.fail(own, path, self._nothing(intake))
        else:
            self.pending.append((intake, mine))
            if sum(len(parts) for _, parts in self.pending) >= PARTS_AT_ONCE:
                self.encode()

    def encode(self) -> None:
        """Encode what is pending, together."""
        if not self.pending:
            return
        made = self._encoded([row for _, parts in self.pending for row in parts])
        ends = np.cumsum([len(parts) for _, parts in self.pending])[:-1]
        self._finish([intake for intake, _ in self.pending], np.split(made, ends))
        self.pending = []

    def _take_long(self, intake: Intake, mine: list[PartRow], rest: Generator[PartRow]) -> None:
        """A file of many parts, encoded piece by piece."""
        from sensorium.library.intake import CHUNK

        made = [self._encoded(mine)]
        try:
            while more := list(islice(rest, CHUNK)):
                made.append(self._encoded(self._mine(more)))
        except Unreadable as error:  # damaged beyond its first parts
            self.work.fail(self.rows[intake.found.path], intake.found.path, error.why)
            return
        vectors = np.concatenate(made)
        if len(vectors):
            self._finish([intake], [vectors])
        else:
            self.work.fail(self.rows[intake.found.path], intake.found.path, self._nothing(intake))

    def _finish(self, intakes: Sequence[Intake], parts: Sequence[Vectors]) -> None:
        found: dict[str, Vectors] = {}
        for intake, vectors in zip(intakes, parts, strict=True):
            path, vector = intake.found.path, joined(vectors)
            if vector is None:
                self.work.fail(self.rows[path], path, "the vectors of its parts cancel each other out")
                continue
            found[self._content(intake.hash)] = vector
            self.work.give(self.rows[path], vector)
        self.work.keep(found)

    def _mine(self, rows: Sequence[PartRow]) -> list[PartRow]:
        return [row for row in rows if row.modality == self.modality and row.prepared[0] is not None]

    def _encoded(self, rows: Sequence[PartRow]) -> Vectors:
        ready = [prepared for row in rows if (prepared := row.prepared[0]) is not None]
        if not ready:
            return np.empty((0, self.work.encoder.dimension), np.float32)
        return self.work.encoder.embed(self.modality, ready)

    def _content(self, digest: str) -> str:
        return f"{self.modality} of file {digest}"

    def _nothing(self, intake: Intake) -> str:
        return f"there is no {self.modality} in it ({intake.kind})"


def joined(vectors: Vectors) -> Vectors | None:
    """One vector (d,) for parts (n, d): the mean of them as unit vectors, given their mean length.

    None when they cancel each other out.
    """
    if len(vectors) == 1:
        return np.asarray(vectors[0], np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    mean = (vectors / lengths).mean(0)
    length = float(np.linalg.norm(mean))
    return None if length < _CANCELLED else np.asarray(mean / length * lengths.mean(), np.float32)


def _vectors_in(
    library: str, space: str, wanted: Iterable[tuple[int, Modality]]
) -> dict[tuple[int, Modality], Vectors]:  # fmt: skip
    """By item and modality, what a library has in a space; nothing when it has no such space."""
    from sensorium.store.tables import Store

    store = Store.open(library)
    if space not in store.settings.spaces:
        return {}
    live = store.live(space, columns=["id", "state"])
    order = np.argsort(live.items, kind="stable")
    items = live.items[order]
    found = {}
    for item, modality in wanted:
        at = order[np.searchsorted(items, item) : np.searchsorted(items, item, "right")]
        at = at[live.modalities[at] == MODALITIES.index(modality)]
        vector = joined(live.vectors[at]) if len(at) else None
        if vector is not None:
            found[item, modality] = vector
    return found


def _digest(text: str) -> str:
    from blake3 import blake3

    return str(blake3(text.encode()).hexdigest()[:32])
