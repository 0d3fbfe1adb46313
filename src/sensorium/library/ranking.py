"""From parts to items, and from the items of several modalities and spaces to one list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.core.types import MODALITIES, Modality

if TYPE_CHECKING:
    from sensorium.encoders.scores import Relevance
    from sensorium.indexes.contract import Index
    from sensorium.library.rows import LiveView

Ids = NDArray[np.int64]
Scale = dict[int | None, tuple[float, float]]
Found = tuple[int, float, int]  # part, score, item

NEIGHBORHOOD = 20  # items: how near a query's vector is to its best ones is what is usual for it
SHARPNESS = 2.0  # of the soft maximum over a query's vectors
SAMPLE = 512  # rows: what is usual in a space whose bundle does not say
LEAST_DEVIATION = 0.01


class Scaled(NamedTuple):
    """An item as one query vector found it: its score on the common scale, its best part there, in which space.

    `query` is the vector's row; `code` the part's modality, None where it was not looked for by modality.
    """

    scaled: float
    item: int
    part: int
    score: float
    space: int
    query: int
    code: int | None


@dataclass(frozen=True)
class Asked:
    """One space that is asked: by `vectors` (n, d), each with a scale for every modality that is known.

    A scale is (mean, deviation) of unrelated cosines by modality code. `mask` says which live parts may be found, None
    for all. `modalities` are those of the vectors, None where nobody can tell; `meanings` what the bundle says of the
    relevance of "query-answer" pairs, and `wording` how much the query asks for, when it is a text.
    """

    view: LiveView
    index: Index
    vectors: NDArray[np.float32]
    scales: list[Scale]
    mask: NDArray[np.bool_] | None
    modalities: Sequence[Modality | None] = ()
    meanings: Mapping[str, Relevance] = field(default_factory=dict)
    wording: str = "text"

    @cached_property
    def counts(self) -> Ids:
        """How many parts of each modality may be found."""
        modality = self.view.modality if self.mask is None else self.view.modality[self.mask]
        return np.bincount(modality, minlength=len(MODALITIES))

    def best(self, k: int, allow: Ids | None) -> list[list[Found]]:
        """For each vector the best part of the k best items; asks for more parts until k items are found."""
        most = len(self.view.parts) if allow is None else len(allow)
        wide = min(4 * k, max(most, 1))
        while True:
            found = [self._items(*each) for each in self.index.search(self.vectors, wide, allow=allow)]
            if wide >= most or all(len(items) >= k for items in found):
                return [items[:k] for items in found]
            wide = min(4 * wide, most)

    def codes(self) -> list[int]:
        """The modalities of the parts that may be found."""
        return [code for code, count in enumerate(self.counts.tolist()) if count]

    def code_of(self, one: Scaled) -> int:
        """The modality of the part that was found."""
        if one.code is not None:
            return one.code
        if len(codes := self.codes()) == 1:
            return codes[0]
        rows, row = self.view.row_of(one.part)
        return int(rows.arrays["modality"][row])

    def of(self, code: int | None) -> Ids | None:
        """The parts of a modality that may be found, None when these are all there are."""
        view, mask = self.view, self.mask
        chosen = mask if code is None else view.modality == code if mask is None else (view.modality == code) & mask
        return None if chosen is None else view.parts[chosen]

    def usual(self, vector: NDArray[np.float32], code: int) -> tuple[float, float]:
        """Mean and deviation of the cosines of a vector to parts of a modality, evenly picked: most are unrelated."""
        cosines = []
        for rows in (self.view.base.arrays, self.view.extra.arrays):
            at = np.flatnonzero(rows["modality"] == code)
            at = at[:: max(1, len(at) // SAMPLE)]
            cosines.append(rows["vectors"][at] @ vector / np.maximum(rows["norms"][at] * np.linalg.norm(vector), 1e-12))
        found = np.concatenate(cosines)
        return float(found.mean()), max(float(found.std()), LEAST_DEVIATION)

    def _items(self, ids: Ids, scores: NDArray[np.float32]) -> list[Found]:
        best: dict[int, Found] = {}
        for part, score, item in zip(*(c.tolist() for c in (ids, scores, self.view.items_of(ids))), strict=True):
            best.setdefault(item, (part, score, item))
        return list(best.values())


def best_items(asked: Sequence[Asked], k: int) -> list[Scaled]:
    """The k best items or more, best first, each by its best part: of each modality there are the k best.

    When a query or the hits mix modalities or spaces, cosines are put on one scale by the bundles' calibration before
    they are ranked: a text is always nearer to a text than a picture is. Of several query vectors in a space, those to
    which an item stands out count; of several spaces the one in which it is the least likely by chance.
    """
    alone = all(len(one.vectors) == 1 for one in asked)
    wide = k if alone else max(k, NEIGHBORHOOD)
    lists = [found for at, one in enumerate(asked) for found in _found(one, at, wide, alone, len(asked) > 1)]
    if alone:
        return _first_of_each([one for each in lists for one in each])
    return _together([_outstanding(each) for each in lists])


def _found(asked: Asked, space: int, k: int, alone: bool, several: bool) -> list[list[Scaled]]:
    """What each vector found in a space, on the common scale where there is something to compare."""
    codes: list[int | None] = [*asked.codes()]
    scales = asked.scales
    if several:
        scales = [
            {code: scale.get(code) or asked.usual(vector, code) for code in asked.codes()}
            for vector, scale in zip(asked.vectors, scales, strict=True)
        ]
    elif (alone and len(codes) < 2) or any(code not in scale for scale in scales for code in codes):
        codes, scales = [None], [{} for _ in scales]
    found: list[list[Scaled]] = [[] for _ in scales]
    for code in codes:
        answers = asked.best(k, asked.of(code))
        for query, (all_of_one, scale, items) in enumerate(zip(found, scales, answers, strict=True)):
            mean, deviation = scale.get(code, (0.0, 1.0))
            all_of_one += [
                Scaled((score - mean) / deviation, item, part, score, space, query, code) for part, score, item in items
            ]
    return found


def _outstanding(found: list[Scaled]) -> list[Scaled]:
    """What one vector found, each item once, best first, its scores less the mean of the best ones.

    A vector that is near to many items (a heading that every page has) says little about any of them. This is the half
    of CSLS that looks at the query (Conneau et al. 2018, Word translation without parallel data, 2.3).
    """
    best = _first_of_each(found)
    scores = [one.scaled for one in best[:NEIGHBORHOOD]]
    usual = sum(scores) / max(len(scores), 1)
    return [one._replace(scaled=one.scaled - usual) for one in best]


def _together(found: list[list[Scaled]]) -> list[Scaled]:
    """The items that several vectors found, best first, by a soft maximum of their scores.

    The maximum alone is best where a query is about many things, the mean where all of it is about one.
    """
    totals: dict[int, float] = {}
    for one in (one for each in found for one in each):
        totals[one.item] = float(np.logaddexp(totals.get(one.item, -np.inf), SHARPNESS * one.scaled))
    best = _first_of_each([one for each in found for one in each])
    best.sort(key=lambda one: -totals[one.item])
    return best


def _first_of_each(found: list[Scaled]) -> list[Scaled]:
    """The best of each item, best first."""
    best: dict[int, Scaled] = {}
    for one in sorted(found, key=lambda one: -one.scaled):
        best.setdefault(one.item, one)
    return list(best.values())
