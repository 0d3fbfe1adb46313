"""Right answers are found where they are, whatever is odd about the run or the truth."""

from __future__ import annotations

import numpy as np
import pytest

from sensorium.core.errors import BadTruth
from sensorium.core.types import Run
from sensorium.metrics import truth as module
from sensorium.metrics.truth import Truth, judge


def run_of(rows, depth=None):
    """A run of {query: answers}, shorter rows padded with nonsense."""
    depth = depth or max(map(len, rows.values()))
    ids = np.array([[*row, *[7] * (depth - len(row))] for row in rows.values()], np.int64).reshape(len(rows), depth)
    counts = np.array([len(row) for row in rows.values()], np.int64)
    queries = np.array(list(rows), np.int64)
    return Run(queries, ids, np.zeros(ids.shape, np.float32), None if (counts == depth).all() else counts)


def truth_of(right, gallery=None):
    """A truth of {query: {answer: grade}}."""
    triples = [(query, answer, grade) for query, answers in right.items() for answer, grade in answers.items()]
    queries, ids, grades = zip(*triples, strict=True)
    return Truth.of(queries, ids, grades, gallery)


def judged_by_hand(rows, right):
    """{query: ([(rank, grade) of the right answers], number of answers)}, a row at a time."""
    found = {}
    for query, answers in right.items():
        row = list(dict.fromkeys(rows.get(query, [])))
        ranks = [(rank, answers[one]) for rank, one in enumerate(row, start=1) if one in answers]
        found[query] = (ranks, len(row))
    return found


def as_dict(judged):
    """The same of a `Judged`."""
    found = {}
    for row, query in enumerate(judged.query_ids):
        of_row = judged.rows == row
        ranks = zip(judged.ranks[of_row].tolist(), judged.grades[of_row].tolist(), strict=True)
        found[int(query)] = (list(ranks), int(judged.answers[row]))
    return found


def test_ranks_grades_and_counts_of_a_small_run():
    judged = judge(run_of({4: [9, 8, 7], 2: [5, 6, 1]}), truth_of({2: {1: 1, 3: 2}, 4: {9: 3}}, np.arange(20)))
    assert judged.query_ids.tolist() == [2, 4] and judged.right.tolist() == [2, 1]
    assert (judged.rows.tolist(), judged.ranks.tolist(), judged.grades.tolist()) == ([0, 1], [3, 1], [1, 3])
    assert judged.ideal.tolist() == [2, 1, 3] and judged.depth == 3 and judged.size == 20
    assert judged.answers.tolist() == [3, 3] and judged.notes == ()


def test_of_an_answer_that_comes_again_the_first_counts_and_the_others_move_up():
    judged = judge(run_of({1: [5, 5, 6, 6, 9]}), truth_of({1: {6: 1, 9: 1}}))
    assert judged.ranks.tolist() == [2, 3] and judged.answers.tolist() == [3]
    assert judged.notes == ("2 answers came again in their row: the first counts, and the others move up",)


def test_what_is_beyond_the_count_is_no_answer():
    judged = judge(run_of({1: [5, 6], 2: [], 3: [7, 1, 2, 4]}), truth_of({1: {7: 1}, 2: {7: 1}, 3: {4: 1}}, range(8)))
    assert judged.rows.tolist() == [2] and judged.ranks.tolist() == [4]
    assert judged.answers.tolist() == [2, 0, 4] and judged.notes == ()


def test_queries_without_right_answers_or_without_answers_are_said():
    judged = judge(run_of({1: [5], 3: [5]}), truth_of({1: {5: 1}, 8: {5: 1}, 9: {5: 1}}))
    assert judged.query_ids.tolist() == [1, 8, 9] and judged.answers.tolist() == [1, 0, 0]
    assert judged.notes == (
        "1 queries of the run have no right answer: left out",
        "2 queries with right answers are not in the run: each counts as answered by nothing",
    )


def test_notes_of_the_truth_stay():
    truth = Truth.of([1, 1, 1], [5, 5, 6], [1, 2, 0])
    assert truth.ids.tolist() == [5] and truth.grades.tolist() == [2]
    assert judge(run_of({1: [5]}), truth).notes == truth.notes
    assert [note.split(":")[0] for note in truth.notes] == [
        "1 pairs with a grade of 0 or less are not right answers", "1 pairs came more than once",
    ]  # fmt: skip


@pytest.mark.parametrize("bits", [0, 62])
@pytest.mark.parametrize("cells", [1, 50, 1 << 18])
@pytest.mark.parametrize("spread", [1, 3, 1 << 40, 1 << 57], ids=["close", "gaps", "far", "farthest"])
def test_any_run_is_judged_as_a_person_would(bits, cells, spread, monkeypatch):
    """In blocks of any size; with ids close together, with gaps, and too far apart to be packed with a column."""
    monkeypatch.setattr(module, "_BITS", max(bits, 6))
    monkeypatch.setattr(module, "_CELLS", cells)
    rng = np.random.default_rng(bits + spread % 97)
    for _ in range(15):
        gallery = np.arange(-20, 20) * spread
        depth = int(rng.integers(1, 25))
        queries = rng.permutation(30)
        rows = {int(q): rng.choice(gallery, rng.integers(0, depth + 1)).tolist() for q in queries[:20]}
        right = {
            int(q): {int(a): float(rng.integers(1, 4)) for a in rng.permutation(gallery)[: rng.integers(1, 40)]}
            for q in queries[10:]
        }
        judged = judge(run_of(rows, depth), truth_of(right, gallery if rng.random() < 0.5 else None))
        assert as_dict(judged) == judged_by_hand(rows, right)
        assert judged.query_ids.tolist() == sorted(right) and judged.right.tolist() == [
            len(right[q]) for q in sorted(right)
        ]
        assert judged.ideal.tolist() == [g for q in sorted(right) for g in sorted(right[q].values(), reverse=True)]
        assert (np.diff(judged.rows) >= 0).all()


def test_runs_are_not_changed():
    run = run_of({1: [5, 5, 6], 2: [7]})
    before = run.ids.copy()
    judge(run, truth_of({1: {6: 1}, 2: {7: 1}}))
    np.testing.assert_array_equal(run.ids, before)


RUN = run_of({1: [5, 6], 2: [7, 8]})
ONE = truth_of({1: {5: 1}})


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Truth.of([1, 2], [5]), "2 queries, 1 right answers"),
        (lambda: Truth.of([1], [5], [np.nan]), "not a finite number"),
        (lambda: Truth.of([1], [5], gallery=[6, 7]), "not among what is searched (the first: 5)"),
        (lambda: judge(RUN, Truth.of([], [])), "none of the run's 2 queries has a right answer"),
        (lambda: judge(RUN, truth_of({3: {5: 1}})), "none of the run's 2 queries has a right answer"),
        (lambda: judge(run_of({}, 3), ONE), "none of the run's 0 queries"),
        (lambda: judge(Run(np.array([1, 1]), RUN.ids, RUN.scores), ONE), "query 1 is in the run 2 times"),
        (lambda: judge(Run(np.array([1]), RUN.ids, RUN.scores), ONE), "a run of 1 queries with answers (2, 2)"),
        (lambda: judge(Run(RUN.query_ids, RUN.ids, RUN.scores, np.array([3, 0])), ONE), "counts are not"),
        (lambda: judge(Run(RUN.query_ids, RUN.ids, RUN.scores, np.array([-1, 0])), ONE), "counts are not"),
        (lambda: judge(RUN, truth_of({1: {5: 1}}, [5, 6, 7, 9])), None),
        (lambda: judge(RUN, truth_of({2: {7: 1}}, [5, 6, 7, 9])), "answers with 8, which is not in the gallery"),
        (lambda: judge(RUN, truth_of({2: {7: 1}}, [5, 6, 7])), "answers with 8, which is not in the gallery"),
    ],
)
def test_bad_truth_is_said_in_one_line(call, said):
    if said is None:  # of queries without right answers nothing is looked at
        call()
        return
    with pytest.raises(BadTruth) as raised:
        call()
    assert said in str(raised.value) and "\n" not in str(raised.value)
