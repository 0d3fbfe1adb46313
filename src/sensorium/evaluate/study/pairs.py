"""What the study looks at: sets of (picture, caption) pairs, sampled from a data set as the study sampled MS-COCO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import BadData

if TYPE_CHECKING:
    from sensorium.evaluate.dataset import Dataset, Sample

Ints = NDArray[np.int64]
Vectors = NDArray[np.float32]

TRAIN = ("train", "training")
TEST = ("test", "testing", "val", "valid", "validation", "dev")  # the first of these that there is
REST = "rest"
LEAST = 10  # pairs, below which there is nothing to see


@dataclass(frozen=True, slots=True, eq=False)
class PairSet:
    """Pairs of one split: caption i is said of picture `own[i]`, int64 (n,) ascending, a row of `pictures` (m, d).

    `captions` are float32 (n, d), `texts` and `files` what they were made of: n texts, m paths. `there` is how many
    pairs the split has, of which n were sampled.
    """

    name: str
    pictures: Vectors
    captions: Vectors
    own: Ints
    texts: tuple[str, ...]
    files: tuple[Path, ...]
    there: int

    def to_json(self) -> dict[str, int]:
        """How many of what."""
        return {"pairs": len(self.own), "pairs_there": self.there, "pictures": len(self.pictures)}


@dataclass(frozen=True, slots=True)
class Drawn:
    """The pairs of a split before they are embedded: rows of the data set's samples, (picture, caption) each."""

    name: str
    rows: tuple[tuple[int, int], ...]
    there: int

    @property
    def needed(self) -> set[int]:
        """Rows of all samples in it."""
        return {row for pair in self.rows for row in pair}


def draw(dataset: Dataset, most: int, seed: int = 0) -> list[Drawn]:
    """Up to `most` pairs of each split of study A: `train`, then `test` (or what stands for it, as `val` of MS-COCO).

    What other splits there are is drawn as `rest`: it is searched, and asks nothing. A data set without splits gives
    one set. Which pairs are drawn depends on the samples and the seed alone. Raises BadData for data that are no pairs
    of pictures and texts, and for a split with fewer than 10.
    """
    pairs = _pairs(dataset.samples)
    by_split: dict[str, list[tuple[int, int]]] = {}
    for picture, caption in pairs:
        by_split.setdefault(dataset.samples[picture].split.strip().lower(), []).append((picture, caption))
    chosen = [next((name for name in names if name in by_split), None) for names in (TRAIN, TEST)]
    names = [name for name in chosen if name is not None] or sorted(by_split)
    if not names:
        raise BadData(
            f"{dataset.source} has no pairs of a picture and a text: give captions, as of MS-COCO or Flickr8k"
        )
    drawn = [_drawn(name, by_split.pop(name), most, seed) for name in names]
    few = next((one for one in drawn if len(one.rows) < LEAST), None)
    if few is not None:
        count = "1 pair" if len(few.rows) == 1 else f"{len(few.rows)} pairs"
        raise BadData(f"{dataset.source}: {few.name or 'it'} has {count}: the study needs at least {LEAST}, add some")
    rest = sorted(pair for pairs in by_split.values() for pair in pairs)
    return [*drawn, *([_drawn(REST, rest, most, seed)] if len(rest) >= LEAST else [])]


def pair_set(drawn: Drawn, samples: Sequence[Sample], rows: Ints, vectors: Vectors) -> PairSet:
    """The pairs with their vectors; `rows` (n,) ascending say of which samples `vectors` are.

    Pairs of which a side has no vector are left out. Raises BadData when too few are left.
    """
    at = {int(row): place for place, row in enumerate(rows)}
    pairs = [(picture, caption) for picture, caption in drawn.rows if picture in at and caption in at]
    if len(pairs) < LEAST:
        raise BadData(
            f"of {len(drawn.rows):,} pairs of {drawn.name or 'the data'} {len(pairs)} could be embedded, and the study "
            f"needs {LEAST}: `sensorium evaluate` lists the files that cannot be read, and why"
        )
    pictures = sorted({picture for picture, _ in pairs})
    place = {row: number for number, row in enumerate(pictures)}
    return PairSet(
        drawn.name or "whole",
        vectors[[at[row] for row in pictures]], vectors[[at[caption] for _, caption in pairs]],
        np.array([place[picture] for picture, _ in pairs], np.int64),
        tuple(str(samples[caption].source) for _, caption in pairs),
        tuple(Path(samples[row].source) for row in pictures), drawn.there,
    )  # fmt: skip


def together(sets: Sequence[PairSet], name: str) -> PairSet:
    """Several sets as one, in their order."""
    starts = np.cumsum([0, *(len(one.pictures) for one in sets)])
    return PairSet(
        name,
        np.concatenate([one.pictures for one in sets]), np.concatenate([one.captions for one in sets]),
        np.concatenate([one.own + start for one, start in zip(sets, starts[:-1], strict=True)]),
        tuple(text for one in sets for text in one.texts), tuple(file for one in sets for file in one.files),
        sum(one.there for one in sets),
    )  # fmt: skip


def _drawn(name: str, pairs: Sequence[tuple[int, int]], most: int, seed: int) -> Drawn:
    if len(pairs) <= most:
        return Drawn(name, tuple(pairs), len(pairs))
    chosen = np.sort(np.random.default_rng(seed).choice(len(pairs), most, replace=False))
    return Drawn(name, tuple(pairs[at] for at in chosen), len(pairs))


def _pairs(samples: Sequence[Sample]) -> list[tuple[int, int]]:
    """(picture, caption) of all captions by row, those of a picture together.

    Of several pictures of a group the first has the captions.
    """
    pictures: Mapping[str, int] = {
        sample.group: row
        for row, sample in reversed(list(enumerate(samples)))
        if sample.modality == "image" and sample.group
    }
    return sorted(
        (pictures[sample.group], row)
        for row, sample in enumerate(samples)
        if sample.modality == "text" and isinstance(sample.source, str) and sample.group in pictures
    )
