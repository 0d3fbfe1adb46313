"""Right answers, and where a run has them: all that the ranking metrics look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import BadTruth
from sensorium.core.types import Run

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_CELLS = 1 << 21  # answers that are looked at together
_FEW = 16  # right answers of a query up to which each is compared with all answers of a block


@dataclass(frozen=True, slots=True)
class Truth:
    """The right answers of queries, a pair a row, by query and then by id: `query_ids`, `ids` int64 (n,), grades (n,).

    Grades are float64 above 0. `gallery`, int64 (N,) ascending, are the ids of all that could have been answered; None
    when that is not known. `notes` say what was merged or left out, a line each.
    """

    query_ids: Ints
    ids: Ints
    grades: Floats
    gallery: Ints | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, query_ids: Ints, ids: Ints, grades: Floats | None = None, gallery: Ints | None = None
    ) -> Truth:  # fmt: skip
        """From pairs in any order; all grades are 1 unless said.

        Pairs that come twice count once, with the highest grade; pairs with a grade of 0 or less are left out: both are
        said in `notes`. Raises BadTruth for arrays that do not fit together, grades that are not finite, and right
        answers that are not in the gallery.
        """
        query_ids, ids = np.asarray(query_ids, np.int64).ravel(), np.asarray(ids, np.int64).ravel()
        given = np.ones(len(ids)) if grades is None else np.asarray(grades, np.float64).ravel()
        if not len(query_ids) == len(ids) == len(given):
            raise BadTruth(
                f"{len(query_ids)} queries, {len(ids)} right answers and {len(given)} grades: give as many of each"
            )
        if not np.isfinite(given).all():
            raise BadTruth("a grade is not a finite number: grades say how right an answer is, 1 for plainly right")
        notes = []
        if left_out := int((given <= 0).sum()):
            notes.append(f"{left_out:,} pairs with a grade of 0 or less are not right answers: left out")
        kept = given > 0
        query_ids, ids, given = query_ids[kept], ids[kept], given[kept]
        order = np.lexsort((-given, ids, query_ids))
        query_ids, ids, given = query_ids[order], ids[order], given[order]
        first = np.ones(len(ids), np.bool_)
        first[1:] = (query_ids[1:] != query_ids[:-1]) | (ids[1:] != ids[:-1])
        if twice := int((~first).sum()):
            notes.append(f"{twice:,} pairs came more than once: counted once, with the highest grade")
        query_ids, ids, given = query_ids[first], ids[first], given[first]
        if gallery is not None:
            gallery = np.unique(np.asarray(gallery, np.int64))
            unknown = np.setdiff1d(ids, gallery)
            if len(unknown):
                raise BadTruth(
                    f"{len(unknown):,} right answers are not among what is searched (the first: {unknown[0]}): "
                    "leave them out, or add them"
                )
        return cls(query_ids, ids, given, gallery, tuple(notes))


@dataclass(frozen=True, slots=True)
class Judged:
    """A run against the truth: a row for each query that has a right answer, in ascending order of `query_ids` (q,).

    `right` (q,), how many right answers each has; `answers` (q,), how many were given (0 for a query that the run
    lacks). Of each right answer that was found, by row and then by rank: `rows` (h,), `ranks` (h,) from 1, `grades`
    (h,). `ideal` are the grades of all right answers, best first, row after row. `depth` is the k of the run, `size`
    the N of the gallery or None. `notes` say what was left out, a line each.
    """

    query_ids: Ints
    right: Ints
    answers: Ints
    rows: Ints
    ranks: Ints
    grades: Floats
    ideal: Floats
    depth: int
    size: int | None
    notes: tuple[str, ...] = ()


def judge(run: Run, truth: Truth) -> Judged:
    """Where the right answers are among those of a run.

    A query of the run without a right answer is left out, and one of the truth that the run lacks counts as answered by
    nothing; both are said in `notes`. Of an answer that a row has twice the first counts, and the others move up. The
    order of a row counts, not its scores: ties are as the run has them. Raises BadTruth when no query has a right
    answer, and when a query comes twice.
    """
    raise NotImplementedError  # owner A
