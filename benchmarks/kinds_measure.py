"""Asks a library of a `Plan`'s items: recall beside that of their parts as plain files, moments, pairs of kinds."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kinds_plan import KINDS, Made
from kinds_write import places
from sensorium import Library, Like
from sensorium.core.types import Hit

K = 10
DISTRACTORS = 20
DRAWS = 20  # of distractors for a query
NEAR = 1.0  # seconds
MOST_PARTS = 6  # of an item: so many files at most stand before the next item


@dataclass(frozen=True)
class Query:
    """A text, and the subject that it asks for."""

    text: str
    subject: str


@dataclass
class Recall:
    """Query by query: the share of the right items among the first ten, of the items and of their parts as files.

    `files` is the same for right files among the first ten files. `moments` says of each right item that was found
    whether the place that its hit names is the right one, `chance` how often a part of it drawn by lot would be.
    """

    items: list[float] = field(default_factory=list)
    parts: list[float] = field(default_factory=list)
    files: list[float] = field(default_factory=list)
    moments: list[bool] = field(default_factory=list)
    chance: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """Recall in %, its ratio with an interval, moments in %."""
        low, high = _interval(self.items, self.parts)
        ratio = statistics.fmean(self.items) / statistics.fmean(self.parts)
        return {
            "queries": len(self.items),
            "recall": _percent(self.items), "parts_recall": _percent(self.parts), "files_recall": _percent(self.files),
            "ratio": round(100 * ratio, 1), "ratio_low": round(100 * low, 1), "ratio_high": round(100 * high, 1),
            "found": len(self.moments), "moment": _percent(self.moments), "moment_by_lot": _percent(self.chance),
        }  # fmt: skip


def _percent(values: Sequence[float]) -> float:
    return round(100 * statistics.fmean(values), 1)


def _interval(items: Sequence[float], parts: Sequence[float]) -> tuple[float, float]:
    """The 95 % bootstrap interval of the ratio of two means over the same queries."""
    pairs = np.array([items, parts])  # (2, queries)
    drawn = np.random.default_rng(0).integers(0, pairs.shape[1], (2000, pairs.shape[1]))
    above, below = pairs[:, drawn].mean(2)
    low, high = np.percentile(above / np.maximum(below, 1e-9), (2.5, 97.5))
    return float(low), float(high)


def ask_items(library: Library, made: dict[Path, Made], kind: str, queries: Iterable[Query]) -> Recall:
    """Look for items of a kind by texts: fills `items`, `moments` and `chance`."""
    found = Recall()
    of_kind = [item for item in made.values() if item.kind == kind]
    for query in queries:
        right = {item.name for item in of_kind if query.subject in item.subjects}
        hits = library.search(query.text, k=K, kinds=kind)
        found.items.append(_share((made[Path(hit.path)].name for hit in hits), right))
        for hit in hits:
            item = made[Path(hit.path)]
            if item.name in right:
                found.moments.append(is_right_place(hit, item, query.subject))
                found.chance.append(sum(bit.subject == query.subject for bit in item.bits) / len(item.bits))
    return found


def ask_files(
    plain: Library, pieces: dict[Path, tuple[Made, int]], kind: str, queries: Iterable[Query], found: Recall
) -> Recall:
    """Look for the pieces of items of a kind as files, with the same texts: `found` with `parts` and `files`."""
    of_kind = {path: piece for path, piece in pieces.items() if piece[0].kind == kind}
    for query in queries:
        right_files = [item.name for item, at in of_kind.values() if item.bits[at].subject == query.subject]
        hits = plain.search(query.text, k=K * MOST_PARTS, under=next(iter(of_kind)).parent)
        files = [of_kind[Path(hit.path)] for hit in hits]
        items = list(dict.fromkeys(item.name for item, _ in files))[:K]
        found.parts.append(_share(items, set(right_files)))
        first = sum(item.bits[at].subject == query.subject for item, at in files[:K])
        found.files.append(first / min(K, len(right_files)))
    return found


def _share(names: Iterable[str], right: set[str]) -> float:
    return len(right.intersection(names)) / min(K, len(right))


def is_right_place(hit: Hit, item: Made, subject: str) -> bool:
    """Whether the section that a hit names is about the subject; in a film, whether the seconds are, within `NEAR`."""
    if item.kind == "video":
        spans = [bit.seconds for bit in item.bits if bit.subject == subject]
        named = hit.place.seconds
        return named is not None and any(max(abs(a - b) for a, b in zip(named, s, strict=True)) <= NEAR for s in spans)
    section = str(hit.place) if item.kind == "pdf" else hit.place.section or ""
    names = [
        name for bit, names in zip(item.bits, places(item), strict=True) if bit.subject == subject for name in names
    ]
    return any(section == name or section.startswith(f"{name}/") for name in names)


@dataclass(frozen=True)
class Ranked:
    """For a query item: how many of the distractors rank before the right item, and how many there are."""

    asked: str
    before: int
    distractors: int

    def ranks(self, chance: random.Random) -> list[int]:
        """The right item's rank among it and `DISTRACTORS` of the distractors, for `DRAWS` drawings."""
        worse = [False] * (self.distractors - self.before) + [True] * self.before
        return [1 + sum(chance.sample(worse, DISTRACTORS)) for _ in range(DRAWS)]


def pairs(library: Library, made: dict[Path, Made], ids: dict[Path, int], family: str) -> dict[str, list[Ranked]]:
    """What was found for each query item of a family, by "query kind-answer kind".

    The answers are the items of the other side. Right is the one about what the query item stands for; distractors are
    those that share no subject with the query item.
    """
    found: dict[str, list[Ranked]] = {}
    sides = [[(p, i) for p, i in made.items() if i.family == family and i.side == side] for side in (0, 1)]
    asked = {item.asked for item in made.values() if item.family == family and item.kind == "html"}
    for side, query_items in enumerate(sides):
        for answer in KINDS:
            folder, answers = _answers(sides[1 - side], answer)
            for path, item in query_items:
                if not answers or item.kind not in KINDS or item.asked not in asked or not _is_query(item):
                    continue
                hits = library.search(Like(ids[path]), k=len(answers), kinds=answer, under=folder)
                order = [answers[Path(hit.path)] for hit in hits]
                assert len(order) == len(answers), "an item was not found at all"
                found.setdefault(f"{item.kind}-{answer}", []).append(_ranked(item, order))
    return found


def _answers(side: list[tuple[Path, Made]], kind: str) -> tuple[Path, dict[Path, Made]]:
    answers = {path: item for path, item in side if item.kind == kind}
    return next(iter(answers), Path()).parent, answers


def _is_query(item: Made) -> bool:
    """Every source asks from both sides, a scene from one."""
    return item.family == "source" or sum(map(ord, item.asked)) % 2 == item.side


def _ranked(query: Made, order: Sequence[Made]) -> Ranked:
    right = next(at for at, item in enumerate(order) if query.asked in item.subjects)
    others = [at for at, item in enumerate(order) if not item.subjects & query.subjects]
    return Ranked(query.asked, sum(at < right for at in others), len(others))


def figures_of(found: Sequence[Ranked], chosen: Callable[[Ranked], bool] = lambda _: True) -> dict[str, Any]:
    """Ranks among 21: the share that is first in %, the median and the mean; and how many outrank 20 of all."""
    chance = random.Random(21)
    some = [ranked for ranked in found if chosen(ranked)]
    ranks = [rank for ranked in some for rank in ranked.ranks(chance)]
    beaten = [ranked.distractors - ranked.before >= DISTRACTORS for ranked in some]
    return {
        "queries": len(some), "distractors": min(ranked.distractors for ranked in some),
        "first": _percent([rank == 1 for rank in ranks]), "median_rank": statistics.median_low(ranks),
        "mean_rank": round(statistics.fmean(ranks), 2), "outranks_20": _percent(beaten),
    }  # fmt: skip
