"""At which rank the right answer is of queries that have none among their first ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sensorium.core.types import Metric
from sensorium.evaluate.answers import Space
from sensorium.evaluate.directions import Question
from sensorium.indexes.metric import unit

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Scales = Mapping[int, tuple[float, float]]

MOST = 256  # queries that are looked at, evenly picked
_CELLS = 1 << 22  # scores at a time


def late_ranks(question: Question, space: Space, metric: Metric, scales: Scales, missed: Ints) -> dict[int, int]:
    """The rank of the first right answer among all of the gallery, by the query's place in the question.

    `missed` (m,) are places of queries; of many, `MOST` are looked at. `scales` put the cosines of several modalities
    on one scale. Scores are float32 products, so that ranks of near ties may be off by the ties.
    """
    chosen = missed[:: -(-len(missed) // MOST)] if len(missed) else missed
    gallery = question.gallery
    vectors = space.of(gallery)
    answers = unit(vectors) if metric == "cosine" else vectors
    squares = np.einsum("nd,nd->n", vectors, vectors) if metric == "l2" else None
    mean, deviation = _scales(space.modalities(gallery), scales)
    found: dict[int, int] = {}
    step = max(1, _CELLS // max(1, len(gallery)))
    for start in range(0, len(chosen), step):
        places = chosen[start : start + step]
        rows = question.queries[places]
        queries = space.of(rows)
        scores = (unit(queries) if metric == "cosine" else queries) @ answers.T
        scores = (scores - mean) / deviation if squares is None else 2 * scores - squares
        for place, row, own, line in zip(places, rows, question.own[places], scores, strict=True):
            if own >= 0:
                line[np.searchsorted(gallery, own)] = -np.inf
            found[int(place)] = 1 + int((line > line[np.searchsorted(gallery, _right(question, row))].max()).sum())
    return found


def _right(question: Question, row: int) -> Ints:
    """The right answers of a query."""
    truth = question.truth
    return truth.ids[np.searchsorted(truth.query_ids, row) : np.searchsorted(truth.query_ids, row, "right")]


def _scales(codes: Ints, scales: Scales) -> tuple[Floats, Floats]:
    """Mean and deviation of unrelated cosines of each answer, (N,)."""
    pairs = np.array([scales.get(int(code), (0.0, 1.0)) for code in range(int(codes.max(initial=0)) + 1)], np.float32)
    return pairs[codes, 0], pairs[codes, 1]
