"""The ranking measures are those of trec_eval, as `ir_measures` runs it: 1,000 random runs, odd ones on purpose.

trec_eval orders answers itself, by score and then by document name backwards; for us the order that the run has counts.
So runs are given to both in trec_eval's order. `RR@k`, which trec_eval lacks, `ir_measures` orders by score and then by
document name forwards: it is given places as scores. Both know no duplicates: of those, the first is given.
"""

from __future__ import annotations

import ir_measures
import numpy as np
import pytest
from ir_measures import AP, RR, P, Qrel, R, ScoredDoc, Success, nDCG

from sensorium.core.types import Run
from sensorium.metrics.names import measure
from sensorium.metrics.truth import Truth, judge

RUNS = 1000
THEIRS = {
    "R@{}": lambda k: Success @ k, "recall@{}": lambda k: R @ k, "P@{}": lambda k: P @ k, "MRR": lambda k: RR,
    "MRR@{}": lambda k: RR @ k, "mAP@{}": lambda k: AP @ k, "mAP": lambda k: AP, "nDCG@{}": lambda k: nDCG @ k,
}  # fmt: skip


def random_run(rng):
    """(queries, rows of (id, score) as trec_eval orders them, right answers by query)."""
    size = int(rng.integers(12, 60))
    queries = rng.permutation(40)[: rng.integers(2, 9)]
    rows = {}
    for query in queries[: max(1, len(queries) - int(rng.integers(0, 3)))]:  # the truth has some that the run lacks
        ids = rng.integers(0, size, rng.integers(0, 21))  # with duplicates
        ties = rng.integers(0, 6, size).astype(float) if rng.random() < 0.7 else rng.random(size)
        rows[int(query)] = sorted(((int(i), float(ties[i])) for i in ids), key=lambda pair: (pair[1], str(pair[0])))[
            ::-1
        ]
    right = {}
    for query in queries[int(rng.integers(0, 2)) :]:  # and the run some that the truth lacks
        found = rng.permutation(size)[: rng.integers(1, min(size, 25))]
        right[int(query)] = {int(i): int(rng.integers(0, 4)) for i in found}
        right[int(query)][int(found[0])] = 1
    return size, rows, right


def both(size, rows, right, k):
    """Ours and theirs: {measure: {query: value}}."""
    depth = 20
    ids = np.array([[i for i, _ in row] + [0] * (depth - len(row)) for row in rows.values()], np.int64)
    counts = np.array([len(row) for row in rows.values()], np.int64)
    run = Run(np.array(list(rows)), ids.reshape(-1, depth), np.zeros(ids.shape, np.float32), counts)
    triples = np.array([(q, i, g) for q, answers in right.items() for i, g in answers.items()])
    judged = judge(run, Truth.of(triples[:, 0], triples[:, 1], triples[:, 2], np.arange(size)))
    ours = {
        name.format(k): dict(zip(map(str, judged.query_ids), measure(name.format(k)).of(judged), strict=True))
        for name in THEIRS
    }
    named = {str(of(k)): name.format(k) for name, of in THEIRS.items()}
    qrels = [Qrel(str(q), str(i), int(g)) for q, i, g in triples]
    theirs = {name: {} for name in ours}
    for tied in (True, False):
        docs = [
            ScoredDoc(str(q), str(i), score if tied else -float(place))
            for q, row in rows.items()
            for place, (i, score) in enumerate(dict(row).items())
        ]
        wanted = [of(k) for name, of in THEIRS.items() if (name != "MRR@{}") == tied]
        for found in ir_measures.iter_calc(wanted, qrels, docs):
            theirs[named[str(found.measure)]][found.query_id] = found.value
    return ours, theirs


def test_a_thousand_random_runs_agree_to_1e_9():
    rng = np.random.default_rng(14)
    compared, between, worst = 0, 0, 0.0
    seen = {"duplicates": 0, "ties": 0, "missing": 0, "unjudged": 0}
    runs = 0
    while runs < RUNS:
        size, rows, right = random_run(rng)
        if not rows.keys() & right.keys():
            continue  # `judge` refuses a run without any judged query: test_truth.py
        runs += 1
        ours, theirs = both(size, rows, right, int(rng.integers(1, min(20, size) + 1)))
        seen["duplicates"] += any(len({i for i, _ in row}) < len(row) for row in rows.values())
        seen["ties"] += any(len({s for _, s in row}) < len({i for i, _ in row}) for row in rows.values())
        seen["missing"] += bool(right.keys() - rows.keys())
        seen["unjudged"] += bool(rows.keys() - right.keys())
        for name, values in ours.items():
            assert theirs[name].keys() == values.keys(), name
            for query, value in values.items():
                worst = max(worst, abs(value - theirs[name][query]))
                compared += 1
                between += 0 < value < 1
    assert worst <= 1e-9
    assert compared > 30_000 and between > 10_000  # values that could have differed
    assert min(seen.values()) > 300, seen


def test_where_ties_are_defined_differently():
    """trec_eval puts the greater name first among equal scores; here the order of the run counts."""
    right = {1: {5: 1}}
    for order, ours_at_1 in (([(5, 1.0), (7, 1.0)], 1.0), ([(7, 1.0), (5, 1.0)], 0.0)):
        ours, theirs = both(10, {1: order}, right, 1)
        assert ours["R@1"]["1"] == ours_at_1 and theirs["R@1"]["1"] == 0.0
    docs = [ScoredDoc("1", "5", 1.0), ScoredDoc("1", "7", 1.0)]  # its own measures disagree on ties
    assert ir_measures.calc_aggregate([RR @ 1, P @ 1], [Qrel("1", "5", 1)], docs) == {RR @ 1: 1.0, P @ 1: 0.0}


def test_where_duplicates_are_defined_differently():
    """trec_eval keeps the score of the last duplicate; here the first counts. Rank 1 for us, rank 2 for it."""
    docs = [ScoredDoc("1", "5", 3.0), ScoredDoc("1", "7", 2.0), ScoredDoc("1", "5", 1.0)]
    assert ir_measures.calc_aggregate([RR], [Qrel("1", "5", 1)], docs)[RR] == 0.5
    run = Run(np.array([1]), np.array([[5, 7, 5]]), np.zeros((1, 3), np.float32))
    assert measure("MRR").of(judge(run, Truth.of([1], [5]))).tolist() == [1.0]


@pytest.mark.parametrize("grade", [1, 3])
def test_a_right_answer_beyond_the_first_k_is_one_that_was_missed_for_both(grade):
    rows = {1: [(n, 20.0 - n) for n in range(20)]}
    ours, theirs = both(30, rows, {1: {12: grade, 2: 1}}, 10)
    for name in ours:
        assert ours[name]["1"] == pytest.approx(theirs[name]["1"], abs=1e-12)
