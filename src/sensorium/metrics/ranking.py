"""How good the ranking of each query is: from `Judged` to a number a query, float64 (q,).

N is the size of the gallery, R the number of right answers of a query, rel(i) 1 when the answer of rank i is right and
else 0, g(i) its grade (0 when it is wrong). Ranks count from 1. A query that the run lacks is one without answers: its
value is 0 (its first rank infinite), and it counts in every mean. What random ranking expects is in `chance`.
"""

from __future__ import annotations

import numpy as np

from sensorium.core.errors import BadMeasure, BadTruth
from sensorium.metrics.truth import Bools, Floats, Ints, Judged


def within(judged: Judged, k: int) -> int:
    """`k`, when the run can tell about the first k. Raises BadMeasure for k below 1, BadTruth for one too large."""
    if judged.size is not None and k > (least := int(np.min(judged.size))):
        raise BadTruth(f"k is {k:,} and there are {least:,} things to find: ask for a k of at most that")
    return within_depth(k, judged.depth)


def within_depth(k: int, depth: int) -> int:
    """`k`, when it is from 1 to the run's depth. Raises as `within`."""
    if k < 1:
        raise BadMeasure(f"k is {k}: ask for the first 1 or more")
    if k > depth:
        raise BadTruth(f"k is {k:,} and the run has the first {depth:,} answers: search deeper, or lower k")
    return k


def first_rank(judged: Judged) -> Floats:
    """The rank of the first right answer; infinite when none was found.

    Its median is the "median rank" (MedR) of the retrieval of pictures and sentences: Karpathy and Fei-Fei, "Deep
    Visual-Semantic Alignments for Generating Image Descriptions", CVPR 2015, section 4.2. Lower is better.
    """
    ranks = np.full(len(judged.query_ids), np.inf)
    first = np.ones(len(judged.rows), np.bool_)
    first[1:] = judged.rows[1:] != judged.rows[:-1]
    ranks[judged.rows[first]] = judged.ranks[first]
    return ranks


def hit(judged: Judged, k: int) -> Floats:
    """1 when a right answer is among the first k, else 0.

    Its mean is what is called R@k where pictures find sentences (Karpathy and Fei-Fei, CVPR 2015: "Recall@K"),
    success@k in TREC, and the "precision rate" of studies of CLIP; with one right answer a query it is also `recall`.
    """
    return (first_rank(judged) <= within(judged, k)).astype(np.float64)


def recall(judged: Judged, k: int) -> Floats:
    """The share of the right answers that are among the first k: sum over i <= k of rel(i), over R.

    Manning, Raghavan and Schütze, "Introduction to Information Retrieval", 2008, section 8.3. Above k right answers it
    cannot reach 1: at most k/R.
    """
    return _found(judged, within(judged, k)) / judged.right


def precision(judged: Judged, k: int) -> Floats:
    """The share of the first k that is right: sum over i <= k of rel(i), over k, also where fewer than k were answered.

    Manning, Raghavan and Schütze 2008, section 8.4. Below k right answers it cannot reach 1: at most R/k.
    """
    return _found(judged, within(judged, k)) / k


def reciprocal_rank(judged: Judged, k: int | None = None) -> Floats:
    """1 over the rank of the first right answer; 0 when it is not among the first k, or not in the run (k None).

    Its mean is MRR: Voorhees, "The TREC-8 Question Answering Track Report", 1999.
    """
    ranks = first_rank(judged)
    ranks[ranks > (judged.depth if k is None else within(judged, k))] = np.inf
    return 1.0 / ranks


def average_precision(judged: Judged, k: int | None = None) -> Floats:
    """The mean over the right answers of the precision at the rank of each, 0 for those that are not in the first k.

    (1/R) sum over i <= k of rel(i) P@i, with k the run's depth when None. Its mean is mAP@k, with R as in trec_eval
    (`map_cut`): Voorhees and Harman, "TREC: Experiment and Evaluation in Information Retrieval", 2005, section 3.2.1.
    Some papers divide by min(R, k): theirs is larger where R > k.
    """
    cut = judged.depth if k is None else within(judged, k)
    inside = judged.ranks <= cut
    rows, ranks = judged.rows[inside], judged.ranks[inside]
    return _sums(judged, rows, (_place(rows) + 1) / ranks) / judged.right


def ndcg(judged: Judged, k: int) -> Floats:
    """DCG@k over that of the best possible order: DCG@k = sum over i <= k of g(i) / log2(i + 1).

    The gain is the grade itself, as in trec_eval (`ndcg_cut`): Järvelin and Kekäläinen, "Cumulated gain-based
    evaluation of IR techniques", TOIS 2002, with the discount of every rank. Some papers take 2^g - 1 as the gain.
    """
    inside = judged.ranks <= within(judged, k)
    rows, ranks = judged.rows[inside], judged.ranks[inside]
    return _sums(judged, rows, judged.grades[inside] / np.log2(ranks + 1)) / best_dcg(judged, k)


def best_dcg(judged: Judged, k: int) -> Floats:
    """DCG@k of the order by grade: all right answers first, the best of them in front."""
    rows = np.repeat(np.arange(len(judged.right)), judged.right)
    ranks = _place(rows) + 1
    inside = ranks <= k
    return _sums(judged, rows[inside], judged.ideal[inside] / np.log2(ranks[inside] + 1))


def _found(judged: Judged, k: int) -> Floats:
    """How many right answers are among the first k."""
    return _sums(judged, judged.rows[judged.ranks <= k])


def _sums(judged: Judged, rows: Ints, values: Floats | None = None) -> Floats:
    """The values of each row, added up; without values, how many there are."""
    return np.bincount(rows, values, minlength=len(judged.query_ids)).astype(np.float64)


def _place(rows: Ints) -> Ints:
    """The place of each entry within its row, from 0; rows ascend."""
    starts: Bools = np.ones(len(rows), np.bool_)
    starts[1:] = rows[1:] != rows[:-1]
    at = np.flatnonzero(starts)
    return np.arange(len(rows)) - np.repeat(at, np.diff(np.append(at, len(rows))))
