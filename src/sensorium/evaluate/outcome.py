"""A run's figures with intervals and chance levels, its hardest queries, and the modality x modality matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sensorium.core.types import Run
from sensorium.evaluate.dataset import Dataset, Sample
from sensorium.evaluate.directions import Question
from sensorium.evaluate.results import ALL, Cell, Figure, Found, Hardest, Measured, Seen, ways
from sensorium.metrics.intervals import bootstrap
from sensorium.metrics.names import measure
from sensorium.metrics.ranking import first_rank
from sensorium.metrics.space import expected, share_of_modalities
from sensorium.metrics.truth import judge

CUT = 10  # of the measures that are there whatever k is asked for, and of shares
WORST, SHOWN = 10, 5  # queries a direction, and answers or right ones of each
FROM_FIRST = ("R", "MRR", "median_rank")  # follow from the rank of the first right answer


@dataclass(frozen=True, slots=True)
class Rules:
    """Which figures, and how their intervals are drawn."""

    ks: tuple[int, ...]
    measures: tuple[str, ...] = ()
    confidence: float = 0.95
    resamples: int = 2000
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """What `Measured` says of a run's answers, by the same names."""

    figures: dict[str, Figure]
    first: NDArray[np.int32]
    values: dict[str, NDArray[np.float32]]
    share: dict[str, float]
    expected: dict[str, float]
    notes: tuple[str, ...]


def figures_of(question: Question, run: Run, dataset: Dataset, rules: Rules) -> Figures:
    """Every measure of a run, a figure each; those with a k that is larger than the gallery are left out and said."""
    sizes = question.sizes
    judged = replace(judge(run, question.truth), size=question.size if np.ptp(sizes) == 0 else sizes)
    figures, values = dict[str, Figure](), dict[str, NDArray[np.float32]]()
    beyond: list[str] = []
    for name in names(rules, several=bool(judged.right.max() > 1)):
        one = measure(name)
        if (one.k or 1) > question.size:
            beyond.append(name)
            continue
        found = one.of(judged)
        interval = bootstrap(
            found, question.groups, statistic=one.statistic, confidence=rules.confidence, resamples=rules.resamples,
            seed=rules.seed,
        )  # fmt: skip
        figures[one.name] = Figure(interval.value, interval.low, interval.high, one.chance(judged))
        if one.formula.name not in FROM_FIRST or (one.k and one.formula.name != "R"):
            values[one.name] = found.astype(np.float32)
    notes = list(judged.notes)
    if beyond:
        notes.append(f"{', '.join(beyond)}: left out, since there are only {question.size:,} answers to find")
    first = first_rank(judged)
    share, usual = _shares(question, run, dataset)
    ranks = np.where(np.isfinite(first), first, 0).astype(np.int32)
    return Figures(figures, ranks, values, share, usual, tuple(notes))


def names(rules: Rules, *, several: bool) -> list[str]:
    """The measures of a run in order; with one right answer a query, recall@k is R@k and is not said twice."""
    ks = sorted(set(rules.ks))
    found = [f"R@{k}" for k in ks]
    if several:
        found += [f"recall@{k}" for k in ks] + [f"P@{CUT}"]
    found += ["MRR", f"mAP@{CUT}", f"nDCG@{CUT}", "median_rank"]
    return list(dict.fromkeys([*found, *(measure(name).name for name in rules.measures)]))


def matrix_of(runs: Sequence[Measured], ks: Sequence[int]) -> tuple[Cell, ...]:
    """R@10 of who asks by who answers, or R@k of the k nearest to ten that all runs have."""
    direct = [run for run in runs if not run.direction.endswith(ALL)]
    shared = [k for k in ks if all(f"R@{k}" in run.figures for run in direct)]
    if not direct or not shared:
        return ()
    name = f"R@{min(shared, key=lambda k: (abs(k - CUT), k))}"
    return tuple(
        Cell(run.model, run.metric, run.index, name, source, target, run.figures[name])
        for run in direct
        for source, target in [ways(run.direction)]
        if target is not None
    )


def hardest_of(
    measured: Measured, question: Question, run: Run, dataset: Dataset, late: Mapping[int, int]
) -> list[Hardest]:
    """The queries with the latest right answers, one of a group, latest first.

    `late` has the ranks of those that are not among the answers, by their place; of many, a part.
    """
    ranks = {at: int(rank) for at, rank in enumerate(measured.first) if rank > 1} | dict(late)
    chosen, groups = list[int](), set[int]()
    for at in sorted(ranks, key=lambda at: -ranks[at]):
        group = at if question.groups is None else int(question.groups[at])
        if group not in groups:
            groups.add(group)
            chosen.append(at)
        if len(chosen) == WORST:
            break
    return [_hard(measured, question, run, dataset, at, ranks[at]) for at in chosen]


def _hard(measured: Measured, question: Question, run: Run, dataset: Dataset, at: int, rank: int) -> Hardest:
    row, truth = int(question.queries[at]), question.truth
    right = truth.ids[np.searchsorted(truth.query_ids, row) : np.searchsorted(truth.query_ids, row, "right")]
    count = run.ids.shape[1] if run.counts is None else int(run.counts[at])
    found = [
        Found(seen(dataset.samples[answer]), round(float(score), 6), bool(np.isin(answer, right)))
        for answer, score in list(zip(run.ids[at], run.scores[at], strict=True))[: min(count, SHOWN)]
    ]
    return Hardest(
        measured.model, measured.metric, measured.index, measured.direction, rank,
        seen(dataset.samples[row]), tuple(seen(dataset.samples[answer]) for answer in right[:SHOWN]), tuple(found),
    )  # fmt: skip


def seen(sample: Sample) -> Seen:
    """A sample for people."""
    text = sample.source if isinstance(sample.source, str) else ""
    path = "" if isinstance(sample.source, str) else str(sample.source)
    return Seen(sample.key, sample.modality, text, path, sample.label)


def _shares(question: Question, run: Run, dataset: Dataset) -> tuple[dict[str, float], dict[str, float]]:
    """Each modality's mean share among the first ten, and in the gallery; nothing where one modality answers alone."""
    if not question.direction.endswith(ALL):
        return {}, {}
    modalities = [dataset.samples[row].modality for row in question.gallery]
    shares = share_of_modalities(run, question.gallery, modalities, min(CUT, run.ids.shape[1]))
    return {name: float(np.nanmean(share)) for name, share in shares.items()}, expected(modalities)
