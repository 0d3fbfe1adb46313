"""The towers of a bundle, run by ONNX Runtime on the CPU. A tower is loaded when its modality is first used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from sensorium.core.machine import available_cores, fast_int8
from sensorium.core.types import PRECISIONS
from sensorium.encoders.bundle import Bundle, Tower
from sensorium.encoders.pixels import ImageSettings, normalized
from sensorium.encoders.preparer import Preparer, blame
from sensorium.encoders.sessions import FAULTS, GPU, OUTPUT, Sessions, providers
from sensorium.encoders.tokens import Extent, TextSettings, pad, windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensorium.core.types import Modality, Part
    from sensorium.encoders.encoder import Prepared, Wanted

# A second output of some 8-bit forms: how far a row reaches, 1 being the end of its scales. A row at the end is
# clipped, and the tower itself encodes it.
REACH, CLIPPED = "reach", 0.999
# Rows of one run. Few: a convolutional tower at 128 x 128 took 4.0 ms a picture at 8, 4.8 at 16, 5.8 at 32 (medians of
# one run each on two busy cores, so the order is what counts); probably larger maps leave the caches. Two towers of
# sounds took 1.0 and 28 ms a sound at 4, 1.3 and 41 at 8.
BATCH: dict[Modality, int] = {"text": 16, "image": 8, "audio": 4}
# A text is padded to the next multiple, whatever its batch-mates, so that its vector cannot depend on them.
LENGTH_STEP = 8


class OnnxEncoder:
    """An `Encoder` made of a bundle. Safe to use from several threads at once."""

    def __init__(self, bundle: Bundle, threads: int | None = None, precision: str = "auto") -> None:
        """Nothing is loaded yet. `threads` a run may use: all cores that this process has, unless said.

        `precision`: `float32`, `int8` (for towers with a good 8-bit form), or `auto`: `int8` where there is no GPU and
        the machine is faster with whole numbers. Raises ValueError for any other.
        """
        if precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, not {precision!r}")
        self.bundle = bundle
        self.precision = precision if precision != "auto" else best_precision()
        self.preparer = Preparer(bundle)
        self.threads = threads or available_cores()
        self._sessions = Sessions(bundle)

    @property
    def space(self) -> str:
        """The bundle's space, at this precision."""
        return self.bundle.space_of(self.precision)

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
        files = self._sessions.files
        return tuple(m for m, tower in self.bundle.towers.items() if not files.isdisjoint(tower.files))

    def limits(self) -> Wanted:
        """What a reader should deliver: `Limits(**encoder.limits())`."""
        return self.preparer.limits()

    def load(self, *modalities: Modality) -> None:
        """Load towers before they are needed. Raises BadQuery for a modality without a tower, and BundleDamaged."""
        for modality in modalities:
            tower = self.preparer.tower(modality)
            self._sessions.get(tower, self._form(tower), self.threads)
            if modality == "text":
                self.preparer.tokenizer(tower)

    def unload(self) -> None:
        """Let go of all towers; what is used again is loaded again. Ten minutes of nobody using one do the same."""
        self._sessions.let_go()

    def prepare(self, part: Part, beyond: str | None = None) -> Prepared:
        """The part as its tower sees it: token ids, pixels or log-mel. Thread-safe. Raises as `Preparer.prepare`."""
        return self.preparer.prepare(part, beyond)

    def extent(self, text: str, beyond: str | None = None) -> Extent:
        """How much of a text is read. Raises as `Preparer.extent`."""
        return self.preparer.extent(text, beyond)

    def embed(self, modality: Modality, prepared: Sequence[Prepared]) -> NDArray[np.float32]:
        """Vectors of prepared parts, float32 (n, dimension): not normalised, finite, not zero.

        Raises BadQuery for a modality without a tower, and BundleDamaged when the tower cannot be loaded or fails.
        """
        tower = self.preparer.tower(modality)
        whole, prepared = prepared, _pieces(tower, prepared)
        vectors, clipped = self._run(tower, prepared, self._form(tower))
        if clipped:
            vectors[clipped], _ = self._run(tower, [prepared[row] for row in clipped], tower.file)
        if not (np.isfinite(vectors).all() and vectors.any(axis=1).all()):
            blame(self.bundle, self._form(tower), "gives vectors that are zero or not finite")
        return vectors if len(whole) == len(prepared) else _joined(tower, whole, vectors)

    def _run(
        self, tower: Tower, prepared: Sequence[Prepared], file: str
    ) -> tuple[NDArray[np.float32], list[int]]:  # fmt: skip
        """Vectors by one form of a tower, and the rows for which it does not do. Raises BundleDamaged."""
        runs = list(_runs(tower, prepared))
        clipped: list[int] = []
        # Runs side by side, a core each, take 0.5 to 0.9 of the time of runs that share the cores (two cores: the
        # starter's pictures 0.82, CLIP's 0.71, short texts 0.57 to 0.8). What is open for them serves a single run too:
        # a second copy of the weights costs more than it wins.
        beside = len(runs) >= self.threads > 1
        alone = beside or ((file, 1) in self._sessions and (file, self.threads) not in self._sessions)
        session = self._sessions.get(tower, file, 1 if alone else self.threads)
        there = {output.name for output in session.get_outputs()}
        outputs = [name for name in (OUTPUT, REACH) if name in there]
        vectors = np.empty((len(prepared), self.dimension), dtype=np.float32)

        def run(rows: list[int]) -> None:
            inputs = inputs_of(tower, [prepared[row] for row in rows])
            try:
                found = session.run(outputs, dict(zip(tower.inputs, inputs, strict=True)))
                if found[0].shape != (len(rows), self.dimension):  # which numpy might spread over all rows
                    raise ValueError(f"vectors of the shape {found[0].shape} for {len(rows)} rows")
                vectors[rows] = found[0]
            except (*FAULTS, ValueError) as error:
                blame(self.bundle, file, "fails", error)
            for reaches in found[1:]:
                clipped.extend(row for row, reach in zip(rows, reaches, strict=True) if reach >= CLIPPED)

        list(self._side_by_side.map(run, runs) if beside else map(run, runs))
        return vectors, clipped

    def _form(self, tower: Tower) -> str:
        """The file of a tower at this precision."""
        int8 = tower.int8 if self.precision == "int8" else None
        return int8.file if int8 is not None and int8.good else tower.file

    def encode(self, parts: Sequence[Part], beyond: str | None = None) -> NDArray[np.float32]:
        """Vectors of parts of one modality, float32 (n, dimension).

        Raises as `prepare` and `embed`, and ValueError for parts of several modalities.
        """
        modalities = {part.modality for part in parts}
        if len(modalities) > 1:
            raise ValueError(f"parts of one modality at a time, not {', '.join(sorted(modalities))}")
        if not parts:
            return np.empty((0, self.dimension), dtype=np.float32)
        return self.embed(modalities.pop(), [self.prepare(part, beyond) for part in parts])

    @cached_property
    def _side_by_side(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.threads, thread_name_prefix="encode")


def best_precision() -> str:
    """What `auto` means on this machine: `int8` or `float32`."""
    return "int8" if fast_int8() and GPU not in providers() else "float32"


def _pieces(tower: Tower, prepared: Sequence[Prepared]) -> Sequence[Prepared]:
    """The windows of texts that have several, one after the other; all else as it is."""
    settings = tower.settings
    if not isinstance(settings, TextSettings) or all(len(tokens) <= settings.max_tokens for tokens in prepared):
        return prepared
    return [window for tokens in prepared for window in windows(tokens, settings)]


def _joined(tower: Tower, whole: Sequence[Prepared], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors of texts from those of their windows: the mean of unit vectors, each weighing as its number of tokens."""
    assert isinstance(tower.settings, TextSettings)
    joined, start = np.empty((len(whole), vectors.shape[1]), dtype=np.float32), 0
    for row, tokens in enumerate(whole):
        lengths = [len(window) for window in windows(tokens, tower.settings)]
        own = vectors[start : start + len(lengths)]
        start += len(lengths)
        if len(lengths) > 1:
            own = np.average(own / np.linalg.norm(own, axis=1, keepdims=True), axis=0, weights=lengths)
        joined[row] = own
    return joined


def _runs(tower: Tower, prepared: Sequence[Prepared]) -> Iterator[list[int]]:
    """The rows of each run: texts of one padded length together, at most `BATCH` rows at once."""
    most, lengths = BATCH[tower.modality], dict[int, list[int]]()
    for row, tokens in enumerate(prepared):
        lengths.setdefault(_padded(tower, tokens), []).append(row)
    for _, rows in sorted(lengths.items()):
        yield from (rows[start : start + most] for start in range(0, len(rows), most))


def _padded(tower: Tower, tokens: Prepared) -> int:
    """How long a text is made; 0 for all else."""
    if not isinstance(tower.settings, TextSettings):
        return 0
    return tower.settings.pad_to or min(-(-len(tokens) // LENGTH_STEP) * LENGTH_STEP, tower.settings.max_tokens)


def inputs_of(tower: Tower, prepared: list[Prepared]) -> tuple[Prepared, ...]:
    """What the tower takes of the rows of a run."""
    match tower.settings:
        case TextSettings() as settings:
            return pad(prepared, _padded(tower, prepared[0]), settings.pad_id)[: len(tower.inputs)]
        case ImageSettings() as settings:
            return (normalized(prepared, settings),)
        case _:
            return (np.stack(prepared),)
