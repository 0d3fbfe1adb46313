"""What a space does to modalities: how far they lie apart, and which of them answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import BadTruth
from sensorium.core.types import Run
from sensorium.metrics.ranking import within_depth
from sensorium.metrics.truth import Floats, Ints

_ROWS = 4096


def modality_gap(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """How far the centres of two modalities lie apart: |mean of first/|first| - mean of second/|second||.

    `first` (n, d) and `second` (m, d) are vectors of two modalities, of any length; they are brought to length 1, so
    that the gap is from 0 (one centre) to 2 (opposite points). Liang et al., "Mind the gap: understanding the modality
    gap in multi-modal contrastive representation learning", NeurIPS 2022, section 4. Raises BadTruth for an empty
    modality, different dimensions, and vectors without a direction.
    """
    a, b = _centre(first), _centre(second)
    if a.shape != b.shape:
        raise BadTruth(f"vectors of {len(a)} and of {len(b)} numbers lie in no common space: use one model for both")
    return float(np.linalg.norm(a - b))


def _centre(vectors: NDArray[np.floating]) -> Floats:
    vectors = np.asarray(vectors)
    if vectors.ndim != 2 or not vectors.size:
        raise BadTruth(f"vectors of shape {vectors.shape}: a gap is measured between two sets of vectors, (n, d) each")
    total = np.zeros(vectors.shape[1])
    for start in range(0, len(vectors), _ROWS):
        rows = vectors[start : start + _ROWS].astype(np.float64)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        if not (np.isfinite(lengths).all() and lengths.all()):
            raise BadTruth("a vector is zero or not finite: it has no direction; leave it out")
        total += (rows / lengths).sum(axis=0)
    return total / len(vectors)


def share_of_modalities(run: Run, ids: Ints, modalities: Sequence[str], k: int) -> dict[str, Floats]:
    """Of each modality, its share among the first k answers, float64 (q,) in the order of the run.

    `ids` int64 (N,) are the gallery's, `modalities` (N,) what each is. A query with fewer answers than k divides by
    what it has; one with none has no share: nan. By chance a modality's share of the gallery (`expected`). A space with
    a modality gap answers with one modality for a small k. Raises BadTruth for answers that are not in the gallery, and
    for a k beyond the run.
    """
    within_depth(k, run.ids.shape[1])
    ids = np.asarray(ids, np.int64)
    if len(ids) != len(modalities):
        raise BadTruth(f"{len(ids)} ids and {len(modalities)} modalities: give as many of each")
    names, codes = np.unique(np.asarray(modalities, dtype=np.str_), return_inverse=True)
    order = np.argsort(ids, kind="stable")
    ids, codes = ids[order], codes[order]
    answers = np.full(len(run.ids), k) if run.counts is None else np.minimum(run.counts, k)
    given = np.arange(k) < answers[:, None]
    rows, found = np.nonzero(given)[0], run.ids[:, :k][given]
    at = np.minimum(np.searchsorted(ids, found), max(0, len(ids) - 1))
    if len(found) and (not len(ids) or (ids[at] != found).any()):
        raise BadTruth(
            "an answer of the run is not in the gallery: give the ids and modalities of all that can be found"
        )
    cells = np.bincount(rows * len(names) + codes[at], minlength=len(answers) * len(names))
    counts = cells.reshape(len(answers), len(names)).astype(np.float64)
    with np.errstate(invalid="ignore"):
        shares = counts / answers[:, None]
    return {str(name): shares[:, at] for at, name in enumerate(names)}


def expected(modalities: Sequence[str]) -> dict[str, float]:
    """Each modality's share of the gallery: what `share_of_modalities` is on average under a random order."""
    names, counts = np.unique(np.asarray(modalities, dtype=np.str_), return_counts=True)
    return {str(name): float(count) / len(modalities) for name, count in zip(names, counts, strict=True)}
