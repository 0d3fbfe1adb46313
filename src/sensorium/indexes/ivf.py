"""Inverted lists (Faiss IndexIVFFlat): k-means cells of which a search looks into a few, persisted and memory-mapped.

The lists hold row positions and vectors (normalised ones for cosine); the candidates they give are scored again by
`metric.pair_scores` from the rows themselves, so a pair has the same score here as in exact search.
"""

from __future__ import annotations

import errno
import json
import math
import mmap
import os
import struct
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from sensorium.core.types import Metric, Neighbors
from sensorium.indexes.durable import checksum, replaced, sampled
from sensorium.indexes.files import IndexDamaged
from sensorium.indexes.metric import checked_k, checked_queries, unit
from sensorium.indexes.rows import Rows

LISTS, PROBES = 100, 5
_SAMPLE = 256  # rows a list that k-means sees, as Faiss would draw itself
_BLOCK = 1 << 22  # vector values added at a time
_SPARE = 16  # candidates beyond k, so that ties at the k-th place are seen
_FOOTER = struct.Struct("<IQ8s")  # CRC-32 of the JSON before it, its bytes, magic
_MAGIC = b"SENSIVF1"

Array = NDArray[np.float32]
Positions = NDArray[np.int64]


class IvfIndex:
    """Made by `build` or `load`. `probes` lists are searched, twice as many until k rows are found, or `enough`.

    `lists` is how many there are; `note` says why, when that is not what was asked, else "".
    """

    def __init__(self, rows: Rows, faiss_index: Any, probes: int, note: str = "") -> None:
        self._rows, self._faiss = rows, faiss_index
        self.lists = int(faiss_index.nlist)
        self.probes = _positive("probes", probes)
        self.note = note
        self.enough: int | None = None  # rows for which no more lists are searched; None: as many as are asked for

    @classmethod
    def build(
        cls,
        ids: NDArray[np.int64],
        vectors: Array,
        metric: Metric,
        lists: int = LISTS,
        probes: int = PROBES,
        seed: int = 0,
    ) -> IvfIndex:
        """An index over ids int64 (n,) and vectors float32 (n, d), which are kept, not copied; see `rows.Rows`.

        With fewer rows than lists there are about sqrt(n) lists instead.
        """
        rows = Rows(ids, vectors, metric)
        lists = _positive("lists", lists)
        fitting = lists if len(rows) >= lists else max(1, math.isqrt(len(rows)))
        index = _trained(rows, fitting, seed)
        step = max(1, _BLOCK // max(1, rows.dimension))
        for start in range(0, len(rows), step):
            index.add(_stored(rows.vectors[start : start + step], metric))
        note = "" if fitting == lists else f"{len(rows)} rows are too few for {lists} lists: {fitting} instead"
        return cls(rows, index, probes, note)

    def save(self, path: Path) -> None:
        """Writes the lists to `path`, in one step and on disk for certain. The rows are kept elsewhere (a snapshot)."""
        with replaced(path) as file:
            try:
                faiss.write_index(self._faiss, file.name)
            except RuntimeError as error:
                code = errno.ENOSPC if os.strerror(errno.ENOSPC) in str(error) else errno.EIO
                raise OSError(code, os.strerror(code), str(path)) from error
            file.seek(0, os.SEEK_END)
            file.write(_footer(Path(file.name), self._faiss, self._about()))

    @classmethod
    def load(
        cls, path: Path, ids: NDArray[np.int64], vectors: Array, norms: Array | None = None, *, mmap: bool = True
    ) -> IvfIndex:
        """The index that `save` wrote, for the same rows as it was built from.

        With `mmap` the lists stay in the file and are paged in as they are searched. Raises IndexDamaged when the file
        is missing, altered, or about other rows.
        """
        about = _checked(path)
        rows = Rows(ids, vectors, about["metric"], norms)
        if about["ids"] != _fingerprint(rows) or about["dimension"] != rows.dimension:
            raise IndexDamaged(f"index {path} is about other rows: build it again")
        # IO_FLAG_MMAP_IFC maps the lists in place. IO_FLAG_MMAP would too, but its prefetching threads read every
        # probed list whole: 200,000 x 256 with a narrow filter 19 ms and 223 MB resident, against 1.2 ms and 46 MB.
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC if mmap else 0)
        except RuntimeError as error:
            raise IndexDamaged(f"index {path} cannot be read ({error}): build it again") from error
        return cls(rows, index, about["probes"], about["note"])

    @property
    def metric(self) -> Metric:
        """What the scores mean."""
        return self._rows.metric

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return self._rows.dimension

    @property
    def ids(self) -> NDArray[np.int64]:
        """The ids of all rows."""
        return self._rows.ids

    def search(
        self, queries: Array, k: int, *, allow: NDArray[np.int64] | None = None, probes: int | None = None
    ) -> Neighbors:
        """The k best rows of each query in its `probes` nearest lists; see `contract.Index.search`.

        A query that finds fewer than k (or `enough` of them) goes on with twice as many lists, up to all of them.
        """
        k, queries = checked_k(k), checked_queries(queries, self.dimension, self.metric)
        allowed = None if allow is None else self._rows.positions(allow)
        wanted = min(k, len(self._rows) if allowed is None else len(allowed))
        looked = min(self.lists, self.probes if probes is None else _positive("probes", probes))
        enough = wanted if self.enough is None else min(wanted, self.enough)
        bits = None if allowed is None else _bitmap(allowed, len(self._rows))
        pending = np.arange(len(queries) if wanted else 0)
        found: list[tuple[Positions, Positions]] = [(np.empty(0, np.int64), np.empty(0, np.int64))]
        while len(pending):
            labels = self._candidates(queries[pending], wanted, looked, bits)
            done = ((labels >= 0).sum(axis=1) >= enough) | (looked == self.lists)
            owners, columns = np.nonzero((labels >= 0) & done[:, None])
            found.append((pending[owners], labels[owners, columns]))
            pending, looked = pending[~done], min(2 * looked, self.lists)
        owners, positions = (np.concatenate(column) for column in zip(*found, strict=True))
        return self._rows.ranked(queries, owners, positions, k)

    def _candidates(self, queries: Array, wanted: int, probes: int, bits: NDArray[np.uint8] | None) -> Positions:
        """Positions (q, more than `wanted`), -1 where there are no more: the best, and all that may tie with them."""
        asked = queries if self.metric == "l2" else unit(queries)
        settings = faiss.SearchParametersIVF()
        settings.nprobe = probes
        if bits is not None:
            settings.sel = selector = faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))  # noqa: F841 - keeps it alive
        width = min(wanted + _SPARE, len(self._rows))
        while True:
            scores, labels = self._faiss.search(asked, width, params=settings)
            if labels.size and int(labels.max()) >= len(self._rows):
                raise IndexDamaged("the index names rows that do not exist: build it again")
            if width == len(self._rows) or not self._cut_a_tie(scores, labels, wanted).any():
                return np.asarray(labels, np.int64)
            width = min(4 * width, len(self._rows))

    def _cut_a_tie(self, scores: Array, labels: Positions, wanted: int) -> NDArray[np.bool_]:
        """Whether the last candidate is so near the `wanted`-th that others beyond it may be as good, bool (q,)."""
        last, worst = scores[:, -1], scores[:, wanted - 1]
        rate = (self.dimension + 8) * 2.0**-22
        if self.metric == "cosine":
            slack = np.full(len(scores), rate)
        elif self.metric == "dot":
            slack = rate * self._rows.norms[np.maximum(labels, 0)].max(axis=1)
        else:
            slack = rate * np.abs(last)
        full = labels[:, -1] >= 0
        gap = np.abs(np.subtract(last, worst, where=full, out=np.zeros_like(last)))
        return full & (gap <= slack)

    def _about(self) -> dict[str, Any]:
        return {
            "metric": self.metric, "dimension": self.dimension, "ids": _fingerprint(self._rows),
            "probes": self.probes, "note": self.note,
        }  # fmt: skip


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"{name} is {value}: it must be at least 1")
    return int(value)


def _stored(vectors: Array, metric: Metric) -> Array:
    """What the lists hold of these rows."""
    return unit(vectors) if metric == "cosine" else np.ascontiguousarray(vectors)


def _trained(rows: Rows, lists: int, seed: int) -> Any:
    """An empty IndexIVFFlat whose lists are the k-means cells of the rows, or of a seeded sample of them."""
    kind = faiss.METRIC_L2 if rows.metric == "l2" else faiss.METRIC_INNER_PRODUCT
    flat = faiss.IndexFlatL2(rows.dimension) if rows.metric == "l2" else faiss.IndexFlatIP(rows.dimension)
    index = faiss.IndexIVFFlat(flat, rows.dimension, lists, kind)
    index.cp.seed = seed
    index.cp.spherical = rows.metric != "l2"
    index.cp.min_points_per_centroid = 1  # else Faiss prints a warning on small libraries
    index.cp.max_points_per_centroid = _SAMPLE
    chosen = np.sort(np.random.default_rng(seed).permutation(len(rows))[: lists * _SAMPLE])
    sample = _stored(rows.vectors[chosen], rows.metric)
    index.train(sample if len(sample) else np.zeros((1, rows.dimension), np.float32))
    return index


def _bitmap(positions: Positions, rows: int) -> NDArray[np.uint8]:
    flags = np.zeros(rows, np.bool_)
    flags[positions] = True
    return np.packbits(flags, bitorder="little")


def _fingerprint(rows: Rows) -> int:
    return checksum(np.ascontiguousarray(rows.ids).view(np.uint8).data)


def _footer(path: Path, index: Any, about: dict[str, Any]) -> bytes:
    """What follows Faiss's bytes in the file: about the rows, and checksums of what lies before.

    All that tells Faiss how to read the lists lies before them and is checked whole, since wrong sizes there would
    not raise but crash; of the lists themselves, a sample.
    """
    view = _mapped(path)
    size, lists = len(view), int(index.ntotal) * (4 * int(index.d) + 8)
    sums = {"head": checksum(view[: size - lists]), "sample": sampled(view)}
    body = json.dumps({**about, **sums, "size": size, "lists": lists}).encode()
    return body + _FOOTER.pack(checksum(memoryview(body)), len(body), _MAGIC)


def _mapped(path: Path) -> memoryview:
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _checked(path: Path) -> dict[str, Any]:
    """The footer's JSON, once the file was found to match it."""
    try:
        return _verified(_mapped(path))
    except (OSError, ValueError, struct.error) as error:
        raise IndexDamaged(f"index {path} cannot be read ({error}): build it again") from error


def _verified(view: memoryview) -> dict[str, Any]:
    if len(view) < _FOOTER.size:
        raise ValueError("too short")
    crc, length, magic = _FOOTER.unpack(view[-_FOOTER.size :])
    size = len(view) - _FOOTER.size - length
    if magic != _MAGIC or size < 0 or checksum(view[size : size + length]) != crc:
        raise ValueError("its end does not match its checksum")
    about: dict[str, Any] = json.loads(bytes(view[size : size + length]))
    whole = view[:size]
    if about["size"] != size or checksum(whole[: size - about["lists"]]) != about["head"]:
        raise ValueError("its head does not match its checksum")
    if sampled(whole) != about["sample"]:
        raise ValueError("its lists do not match their checksum")
    return about
