"""The rest of study A: the confusion matrix of a batch, captions found for pictures, and the map of the space."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.types import Modality
from sensorium.evaluate.directions import PLURALS
from sensorium.evaluate.study.accuracy import ranks
from sensorium.evaluate.study.pairs import PairSet
from sensorium.indexes.metric import unit
from sensorium.metrics.intervals import bootstrap
from sensorium.metrics.space import modality_gap

if TYPE_CHECKING:
    from sensorium.evaluate.dataset import Dataset, Sample
    from sensorium.evaluate.vectors import Embedded

Vectors = NDArray[np.float32]

BATCH = 32  # pairs
EXAMPLES = 12  # pictures whose captions are shown


def batch(one: PairSet, seed: int = 0) -> tuple[dict[str, Any], NDArray[np.float32]]:
    """A batch of pairs, each of another picture: cosine (n, n) of captions (rows) and pictures (columns).

    The JSON has the share of rows and of columns whose maximum is on the diagonal, in that batch and over as many
    disjoint batches as the set has.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(one.pictures))
    starts = np.flatnonzero(np.append(True, one.own[1:] != one.own[:-1]))  # pairs of a picture lie together
    captions = np.array([rng.integers(a, b) for a, b in itertools.pairwise([*starts, len(one.own)])])
    size = min(BATCH, len(order))
    rows, columns = [], []
    first = np.empty((0, 0), np.float32)
    texts, pictures = unit(one.captions), unit(one.pictures)
    for start in range(0, len(order) - size + 1, size):
        some = order[start : start + size]
        similar = texts[captions[some]] @ pictures[some].T
        first = similar if not start else first
        rows.append(similar.argmax(axis=1) == np.arange(size))
        columns.append(similar.argmax(axis=0) == np.arange(size))
    return {
        "pairs": size, "set": one.name, "batches": len(rows), "chance": round(1 / size, 5),
        "rows": round(float(rows[0].mean()), 5), "columns": round(float(columns[0].mean()), 5),
        "rows_of_all": _figure(rows, seed), "columns_of_all": _figure(columns, seed),
        "diagonal": round(float(np.diag(first).mean()), 5),
        "off_diagonal": round(float(first[~np.eye(size, dtype=bool)].mean()), 5),
    }, first  # fmt: skip


def captions(one: PairSet, seed: int = 0) -> tuple[list[dict[str, Any]], list[Path]]:
    """The study's Table 1: pictures drawn by chance, as JSON and as paths, with two captions each.

    "standard" is the first that the data set has, "ours" the nearest to the picture of all captions of the set.
    """
    chosen = np.sort(np.random.default_rng(seed).choice(len(one.pictures), min(EXAMPLES, len(one.pictures)), False))
    texts = unit(one.captions)
    shown = []
    for picture in chosen:
        own = np.flatnonzero(one.own == picture)
        nearest = int(np.argmax(texts @ unit(one.pictures[picture][None])[0]))
        found = ranks(one.pictures, one.captions, np.full(len(own), picture), own, "cosine")
        shown.append({
            "picture": one.files[picture].name, "standard": one.texts[own[0]], "ours": one.texts[nearest],
            "right": bool(one.own[nearest] == picture), "rank_of_standard": int(found[0]),
            "rank_of_first_own": int(found.min()), "captions": len(texts),
        })  # fmt: skip
    return shown, [one.files[picture] for picture in chosen]


def gap_of(one: PairSet) -> float:
    """The modality gap between a set's captions and pictures."""
    return round(modality_gap(one.captions, one.pictures), 4)


def gaps(vectors: Vectors, modalities: Sequence[Modality]) -> dict[str, float]:
    """The modality gap of each two modalities that there are, by names such as `text-image`."""
    of = np.asarray(modalities)
    there = list(dict.fromkeys(modalities))
    return {
        f"{a}-{b}": round(modality_gap(vectors[of == a], vectors[of == b]), 4)
        for a, b in itertools.combinations(there, 2)
    }  # fmt: skip


def _figure(values: Sequence[NDArray[np.bool_]], seed: int) -> dict[str, float]:
    joined = np.concatenate(values).astype(np.float64)
    found = bootstrap(joined, seed=seed)
    return {"value": round(found.value, 5), "low": round(found.low, 5), "high": round(found.high, 5)}


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """Points (n, 2) of a map, what to call each by `class` and by `modality`, and what is said of it as JSON."""

    points: NDArray[np.float32]
    labels: Mapping[str, tuple[str, ...]]
    said: Mapping[str, Any]


def mapped(datasets: Sequence[Dataset], encode: Callable[[Sequence[Sample]], Embedded], seed: int = 0) -> Map:
    """A map of pictures, sounds and class texts in one space; a class goes by its label. Raises as `encode`."""
    from sensorium.evaluate.figures.maps import layout

    samples, names = _all_of(datasets)
    found = encode(samples)
    kept = [samples[row] for row in found.rows]
    modalities = [sample.modality for sample in kept]
    counts = Counter(PLURALS[modality] for modality in modalities)
    about = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    labels = {
        "class": tuple(sample.label.replace("_", " ") or "without a class" for sample in kept),
        "modality": tuple(PLURALS[modality] for modality in modalities),
    }
    if len(set(labels["class"])) < 2:
        del labels["class"]
    said = {
        "data": names,
        "about": about,
        "points": dict(counts),
        "by": list(labels),
        "gaps": gaps(found.vectors, modalities),
    }
    return Map(layout(unit(found.vectors), seed=seed), labels, said)


def _all_of(datasets: Sequence[Dataset]) -> tuple[list[Sample], list[str]]:
    """The samples of all, each text once."""
    samples: list[Sample] = []
    texts: set[str] = set()
    for dataset in datasets:
        for sample in dataset.samples:
            if isinstance(sample.source, str):
                if sample.source in texts:
                    continue
                texts.add(sample.source)
            samples.append(sample)
    return samples, [dataset.name for dataset in datasets]
