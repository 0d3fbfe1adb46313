"""Right answers, and where a run has them: all that the ranking metrics look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import BadTruth
from sensorium.core.types import Run

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_CELLS = 1 << 18  # answers that are looked at together: what fits a cache
_SPAN = 1 << 26  # ids from the least to the greatest, up to which a table by id is used
_BITS = 62  # of an id and a column in one number


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
    the N of the gallery, int64 (q,) where queries have different ones, or None. `notes` say what was left out, a line
    each.
    """

    query_ids: Ints
    right: Ints
    answers: Ints
    rows: Ints
    ranks: Ints
    grades: Floats
    ideal: Floats
    depth: int
    size: int | Ints | None
    notes: tuple[str, ...] = ()


def judge(run: Run, truth: Truth) -> Judged:
    """Where the right answers are among those of a run.

    A query of the run without a right answer is left out, and one of the truth that the run lacks counts as answered by
    nothing; both are said in `notes`, after those of the truth. Of an answer that a row has twice the first counts, and
    the others move up. The order of a row counts, not its scores: ties are as the run has them. Raises BadTruth when no
    query of the run has a right answer, when a query comes twice, and for an answer that is not in the gallery.
    """
    _check(run)
    starts = np.flatnonzero(np.diff(truth.query_ids, prepend=truth.query_ids[:1] - 1))
    queries, right = truth.query_ids[starts], np.diff(starts, append=len(truth.query_ids))
    order = np.argsort(run.query_ids, kind="stable")
    known, at = _positions(run.query_ids[order], queries)
    if not known.any():
        raise BadTruth(
            f"none of the run's {len(run.query_ids):,} queries has a right answer: give the truth of these queries"
        )
    depth = run.ids.shape[1]
    answers = np.zeros(len(queries), np.int64)
    answered, lines = np.flatnonzero(known), order[at[known]]  # rows of Judged, and of the run
    gallery = None if truth.gallery is None else _Gallery(truth.gallery)
    found: list[tuple[Ints, Ints, Ints]] = []
    again = 0
    step = max(1, _CELLS // max(1, depth))
    for start in range(0, len(lines), step):
        rows, block = answered[start : start + step], _block(run, lines[start : start + step])
        if gallery is not None:
            gallery.check(block)
        cells, pairs, repeated = _matches(block, truth, starts[rows], right[rows])
        answers[rows] = block.counts - (0 if repeated is None else repeated.sum(axis=1))
        again += int((block.counts - answers[rows]).sum())
        found.append(_ranked(cells, pairs, repeated, rows, depth))
    rows, ranks, pairs = (np.concatenate(part) for part in zip(*found, strict=True))
    notes = [*truth.notes, *_notes(len(run.query_ids) - len(lines), len(queries) - len(lines), again)]
    size = None if truth.gallery is None else len(truth.gallery)
    alike = (truth.grades == truth.grades[0]).all()
    best = truth.grades if alike else truth.grades[np.lexsort((-truth.grades, truth.query_ids))]
    return Judged(queries, right, answers, rows, ranks, truth.grades[pairs], best, depth, size, tuple(notes))


def _check(run: Run) -> None:
    """Raises BadTruth for a run whose arrays do not fit together, or that has a query twice."""
    if run.ids.ndim != 2 or run.query_ids.shape != run.ids.shape[:1]:
        raise BadTruth(f"a run of {run.query_ids.size} queries with answers {run.ids.shape}: give a row for each query")
    if run.counts is not None:
        fits = run.counts.shape == run.query_ids.shape
        if not fits or ((run.counts < 0) | (run.counts > run.ids.shape[1])).any():
            raise BadTruth(f"counts are not one for each query, from 0 to the run's {run.ids.shape[1]} answers")
    queries, times = np.unique(run.query_ids, return_counts=True)
    if (times > 1).any():
        raise BadTruth(f"query {queries[times > 1][0]} is in the run {times.max()} times: give each query one row")


def _notes(without: int, missing: int, again: int) -> Iterator[str]:
    if without:
        yield f"{without:,} queries of the run have no right answer: left out"
    if missing:
        yield f"{missing:,} queries with right answers are not in the run: each counts as answered by nothing"
    if again:
        yield f"{again:,} answers came again in their row: the first counts, and the others move up"


def _positions(sorted_ids: Ints, ids: Ints) -> tuple[Bools, Ints]:
    """Whether each id is among the sorted ones, and where."""
    at = np.minimum(np.searchsorted(sorted_ids, ids), max(0, len(sorted_ids) - 1))
    return (sorted_ids[at] == ids if len(sorted_ids) else np.zeros(len(ids), np.bool_)), at


@dataclass(frozen=True, slots=True)
class _Block:
    """Rows of a run: ids (b, k), and how many of each row are answers (b,)."""

    ids: Ints
    counts: Ints

    def given(self) -> Bools | None:
        """Which cells are answers, (b, k); None when all are."""
        depth = self.ids.shape[1]
        return np.arange(depth) < self.counts[:, None] if (self.counts < depth).any() else None


def _block(run: Run, lines: Ints) -> _Block:
    """Rows of a run, copied."""
    counts = np.full(len(lines), run.ids.shape[1]) if run.counts is None else run.counts[lines].astype(np.int64)
    return _Block(run.ids[lines].astype(np.int64, copy=False), counts)


class _Gallery:
    """What can be answered, ascending."""

    def __init__(self, ids: Ints) -> None:
        self.ids, self.low, self.high = ids, int(ids[0]), int(ids[-1])
        self.without_gaps = len(ids) == self.high - self.low + 1
        self.table: Bools | None = None
        if not self.without_gaps and self.high - self.low < _SPAN:
            self.table = np.zeros(self.high - self.low + 3, np.bool_)  # with an entry on each side, for ids beyond
            self.table[ids - self.low + 1] = True

    def check(self, block: _Block) -> None:
        """Raises BadTruth for an answer that is not in the gallery."""
        ids, given = block.ids, block.given()
        outside: Bools
        if self.without_gaps:
            outside = (ids < self.low) | (ids > self.high)
        elif self.table is not None:
            outside = ~self.table[np.clip(ids, self.low - 1, self.high + 1) - (self.low - 1)]
        else:
            outside = ~_positions(self.ids, ids)[0]
        if given is not None:
            outside &= given
        if outside.any():
            raise BadTruth(
                f"the run answers with {ids[outside][0]}, which is not in the gallery: "
                "give the gallery of all that is searched"
            )


def _matches(block: _Block, truth: Truth, starts: Ints, right: Ints) -> tuple[Ints, Ints, Bools | None]:
    """Where answers of a block are right: cells of the flattened block, and the pairs of the truth, in any order.

    The right answers of row i are the pairs from starts[i] on, right[i] of them. And which answers came before in their
    row, (b, k); None when there are none. Each row is sorted by id and column, in one number, and the right answers
    are looked up in it: one that comes twice is found where it comes first.
    """
    depth = block.ids.shape[1]
    rows = np.repeat(np.arange(len(starts)), right)
    pairs = np.arange(len(rows)) + np.repeat(starts - np.cumsum(right) + right, right)
    bits = depth.bit_length()
    ids, wanted, inside = _packable(block.ids, truth.ids[pairs], bits)
    keys = (ids << bits) | np.arange(depth)
    if (given := block.given()) is not None:
        keys[~given] = np.iinfo(np.int64).max  # last
    keys.sort(axis=1)
    rows, pairs, wanted = rows[inside], pairs[inside], wanted[inside]
    at = _bisect(keys, rows, wanted << bits)
    there = at < block.counts[rows]
    there[there] = keys[rows[there], at[there]] >> bits == wanted[there]
    rows, pairs, at = rows[there], pairs[there], at[there]
    return rows * depth + (keys[rows, at] & ((1 << bits) - 1)), pairs, _repeated(keys, bits, given)


def _packable(ids: Ints, wanted: Ints, bits: int) -> tuple[Ints, Ints, Bools]:
    """The ids of a block and those looked for, as numbers from 0 that leave `bits` free; and which can be in the block.

    Numbers keep the order of ids.
    """
    low, high = int(ids.min(initial=0)), int(ids.max(initial=0))
    if high - low < 1 << (_BITS - bits):
        return ids - low, wanted - low, (wanted >= low) & (wanted <= high)
    known, inverse = np.unique(ids, return_inverse=True)
    inside, at = _positions(known, wanted)
    return inverse.reshape(ids.shape), at, inside


def _bisect(keys: Ints, rows: Ints, wanted: Ints) -> Ints:
    """How many of the ascending keys of its row are below each number wanted."""
    depth = keys.shape[1]
    flat, base = keys.ravel(), rows * depth
    below = np.zeros(len(rows), np.int64)
    for bit in reversed(range(depth.bit_length())):
        probe = below + (1 << bit)
        less = flat[base + np.minimum(probe, depth) - 1] < wanted
        below = np.where(less & (probe <= depth), probe, below)
    return below


def _repeated(keys: Ints, bits: int, given: Bools | None) -> Bools | None:
    ids = keys >> bits
    same = ids[:, 1:] == ids[:, :-1]
    if given is not None:
        same &= given[:, 1:]
    at = np.flatnonzero(same)
    if not len(at):
        return None
    rows, places = np.divmod(at, same.shape[1])
    repeated = np.zeros(keys.shape, np.bool_)
    repeated[rows, keys[rows, places + 1] & ((1 << bits) - 1)] = True
    return repeated


def _ranked(cells: Ints, pairs: Ints, repeated: Bools | None, rows: Ints, depth: int) -> tuple[Ints, Ints, Ints]:
    """(rows of Judged, ranks, pairs) of the answers at `cells`, in the order of the block; repeated ones count once."""
    order = np.argsort(cells)
    cells, pairs = cells[order], pairs[order]
    ranks = cells % depth + 1
    if repeated is not None:
        ranks -= np.cumsum(repeated, axis=1, dtype=np.int32).ravel()[cells]
    return rows[cells // depth], ranks, pairs
