"""Figures 4 to 6 of study A: kNN against ANN (Faiss IVF), time and accuracy in four directions, and speed over n."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sensorium.core.machine import available_cores
from sensorium.evaluate.study.pairs import PairSet
from sensorium.indexes.contract import Index
from sensorium.indexes.exact import ExactIndex
from sensorium.indexes.ivf import LISTS, PROBES, IvfIndex
from sensorium.metrics.intervals import bootstrap

Ints = NDArray[np.int64]
Vectors = NDArray[np.float32]

K = 10
ASKED = 1_000  # queries of a batch
SINGLE, WARMING = 200, 10  # queries one at a time, after some that warm up
ROUNDS = 3  # of a batch, of which the fastest counts
MOST = 330_000  # vectors of the speed curve
NOISE = 0.5  # length of the noise that is added beyond the real vectors, in their own lengths: a cosine of 0.89
DIRECTIONS = ("t2i", "i2t", "t2t", "i2i")


@dataclass(frozen=True, slots=True, eq=False)
class Asking:
    """Queries of a direction: rows (q,) of their own matrix, and the vectors that answer. `among`: queries are there.

    `right` says for (query rows (q,), answers (q, k)) which are right, bool (q, k); None where nothing is known.
    """

    direction: str
    queries: Vectors
    rows: Ints
    gallery: Vectors
    among: bool
    right: Callable[[Ints, Ints], NDArray[np.bool_]] | None


def compare(gallery: PairSet, first: int, seed: int = 0) -> dict[str, Any]:
    """Exact search (kNN) and IVF (ANN) in four directions, as plain JSON.

    Queries are sampled from the gallery's pictures from `first` on and their captions: those of the test set.
    """
    return {
        "k": K, "lists": LISTS, "probes": PROBES, "metric": "cosine", "dimension": int(gallery.captions.shape[1]),
        "threads": available_cores(),
        "directions": {asking.direction: _compared(asking, gallery, seed) for asking in _askings(gallery, first, seed)},
        "gpu": gpu(gallery, seed),
    }  # fmt: skip


def speed(gallery: PairSet, seed: int = 0) -> dict[str, Any]:
    """Time a query over n: captions ask captions, real ones as far as they go, then with noise added."""
    real = len(gallery.captions)
    rng = np.random.default_rng(seed)
    queries = gallery.captions[rng.choice(real, min(real, SINGLE + WARMING), replace=False)]
    vectors = _grown(gallery.captions[rng.permutation(real)], rng)
    rows = []
    for n in _sizes(real):
        some, ids = vectors[:n], np.arange(n)
        row: dict[str, Any] = {"n": n, "real": n <= real}
        for name, index in (("exact", ExactIndex(ids, some, "cosine")), ("ivf", IvfIndex.build(ids, some, "cosine"))):
            row[name] = _times(partial(index.search, k=K), queries)
        dimension = vectors.shape[1]
        row["cost"] = {"exact": exact_cost(n, dimension, K), "ivf": ivf_cost(n, dimension, K)}
        rows.append(row)
    return {"k": K, "lists": LISTS, "probes": PROBES, "noise": NOISE, "real": real, "rows": rows}


def exact_cost(n: int, dimension: int, k: int) -> float:
    """Steps of kNN as study A counts them: n d + k log n."""
    return n * dimension + k * math.log(n)


def ivf_cost(n: int, dimension: int, k: int, lists: int = LISTS, probes: int = PROBES) -> float:
    """Steps of IVF with m lists and t probes as study A counts them: (t/m) n d + m d + t log m + k log(t n / m)."""
    looked_at = probes / lists * n
    return looked_at * dimension + lists * dimension + probes * math.log(lists) + k * math.log(max(2.0, looked_at))


def gpu(gallery: PairSet, seed: int = 0) -> dict[str, Any] | None:
    """Milliseconds a query of Faiss's exact search on its first GPU and on the processor; None where there is no GPU.

    The package faiss-cpu knows no GPU: put faiss-gpu in its place.
    """
    import faiss

    count = getattr(faiss, "get_num_gpus", None)
    if count is None or not hasattr(faiss, "StandardGpuResources") or count() < 1:
        return None
    rng = np.random.default_rng(seed)
    result = {}
    for name, asking, answering in (
        ("t2i", gallery.captions, gallery.pictures), ("i2t", gallery.pictures, gallery.captions),
        ("t2t", gallery.captions, gallery.captions), ("i2i", gallery.pictures, gallery.pictures),
    ):  # fmt: skip
        flat = faiss.IndexFlatIP(answering.shape[1])
        flat.add(np.ascontiguousarray(answering))
        there = faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, flat)
        queries = asking[rng.choice(len(asking), min(len(asking), ASKED), replace=False)]
        result[name] = {
            "cpu": _times(partial(flat.search, k=K), queries),
            "gpu": _times(partial(there.search, k=K), queries),
        }
    return result


def _askings(gallery: PairSet, first: int, seed: int) -> list[Asking]:
    own, pictures = gallery.own, len(gallery.pictures)
    rng = np.random.default_rng(seed)

    def some(rows: Ints) -> Ints:
        return np.sort(rng.choice(rows, min(len(rows), ASKED), replace=False))

    texts, images = some(np.flatnonzero(own >= first)), some(np.arange(first, pictures))
    c, p = gallery.captions, gallery.pictures
    return [
        Asking("t2i", c[texts], texts, p, False, lambda asked, found: found == own[asked][:, None]),
        Asking("i2t", p[images], images, c, False, lambda asked, found: own[found] == asked[:, None]),
        Asking("t2t", c[texts], texts, c, True, lambda asked, found: own[found] == own[asked][:, None]),
        Asking("i2i", p[images], images, p, True, None),
    ]


def _compared(asking: Asking, gallery: PairSet, seed: int) -> dict[str, Any]:
    """Both indexes over one gallery: building and searching seconds, and what was found."""
    ids = np.arange(len(asking.gallery))
    result: dict[str, Any] = {"queries": len(asking.rows), "n": len(ids)}
    answers: dict[str, Ints] = {}
    clusters = gallery.own[asking.rows] if asking.direction[0] == "t" else None
    built: dict[str, Callable[[], Index]] = {
        "exact": lambda: ExactIndex(ids, asking.gallery, "cosine"),
        "ivf": lambda: IvfIndex.build(ids, asking.gallery, "cosine", seed=seed),
    }
    for name, build in built.items():
        began = perf_counter()
        index = build()
        seconds = perf_counter() - began
        times = _times(partial(index.search, k=K + asking.among), asking.queries)
        answers[name] = _answers(index, asking)
        result[name] = {"build_seconds": round(seconds, 4), **times}
        if isinstance(index, IvfIndex):
            result[name]["note"] = index.note
        if asking.right is not None:
            hits = asking.right(asking.rows, answers[name]) & (answers[name] >= 0)
            result[name]["R@10"] = _figure(hits.any(axis=1).astype(np.float64), clusters, seed)
    same = (answers["ivf"][:, :, None] == answers["exact"][:, None, :]) & (answers["ivf"] >= 0)[:, :, None]
    there = np.maximum((answers["exact"] >= 0).sum(axis=1), 1)
    result["found_by_both"] = _figure(same.any(axis=2).sum(axis=1) / there, clusters, seed)
    dimension = asking.gallery.shape[1]
    costs = exact_cost(len(ids), dimension, K), ivf_cost(len(ids), dimension, K)
    result["cost"] = {"exact": costs[0], "ivf": costs[1]}
    return result


def _answers(index: Index, asking: Asking) -> Ints:
    """The first K answers to each query, the query itself left out, (q, K); -1 where there are no more."""
    found = index.search(asking.queries, K + asking.among)
    ids = np.where(np.arange(found.ids.shape[1]) < found.counts[:, None], found.ids, -1)
    if asking.among:
        ids = np.where(ids == asking.rows[:, None], -1, ids)
        order = np.argsort(ids < 0, axis=1, kind="stable")
        ids = np.take_along_axis(ids, order, axis=1)[:, :K]
    return ids


def _times(search: Callable[[Vectors], object], queries: Vectors) -> dict[str, float]:
    """Milliseconds a query: one at a time (median and 95th percentile) and in a batch (the fastest of three)."""
    one_by_one = []
    for at in range(min(len(queries), SINGLE + WARMING)):
        asked = queries[at : at + 1]
        began = perf_counter()
        search(asked)
        one_by_one.append(perf_counter() - began)
    measured = one_by_one[WARMING:] or one_by_one
    batches = []
    for _ in range(ROUNDS):
        began = perf_counter()
        search(queries)
        batches.append(perf_counter() - began)
    return {
        "single_ms": round(1e3 * float(np.median(measured)), 4),
        "single_p95_ms": round(1e3 * float(np.percentile(measured, 95)), 4),
        "batch_ms": round(1e3 * min(batches) / len(queries), 4), "batch": len(queries),
    }  # fmt: skip


def _figure(values: ArrayLike, clusters: Ints | None, seed: int) -> dict[str, float]:
    found = bootstrap(values, clusters, seed=seed)
    return {"value": round(found.value, 5), "low": round(found.low, 5), "high": round(found.high, 5)}


def _sizes(real: int) -> Sequence[int]:
    """1,000 and its doubles below the number of real vectors, that number, and its doubles."""
    small = [1_000 * 2**power for power in range(20) if 1_000 * 2**power < min(real, MOST)]
    large = [real * 2**power for power in range(20) if real * 2**power <= MOST]
    return [*small, *(large or [MOST])]


def _grown(vectors: Vectors, rng: np.random.Generator) -> Vectors:
    """The vectors, and after them copies with noise, as many as the largest size needs."""
    want, dimension = _sizes(len(vectors))[-1], vectors.shape[1]
    parts = [vectors[:want]]
    while (have := sum(map(len, parts))) < want:
        some = vectors[: want - have]
        noise = rng.standard_normal(some.shape, np.float32) * np.float32(NOISE / math.sqrt(dimension))
        parts.append(some + noise * np.linalg.norm(some, axis=1, keepdims=True))
    return np.concatenate(parts)
