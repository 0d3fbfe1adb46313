"""What a score means: from a cosine to the probability that the hit is relevant.

A bundle says it for the pairs of modalities for which it was learnt from queries with known answers, half of which had
none in the library (`Relevance`). For other pairs the map of an ordinary pair stands in: how many deviations above the
unrelated a right answer lies is much the same from pair to pair, what the cosines themselves are is not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sensorium.core.errors import BadQuery
from sensorium.core.types import MODALITIES, Modality
from sensorium.encoders.scores import Calibration, Relevance

if TYPE_CHECKING:
    from sensorium.library.ranking import Asked, Scaled

# By how much a query asks for. Fitted on all pairs of the starter whose answers were known of files that its training
# never saw: `python benchmarks/relevance.py fit` prints them. Whatever is no short text is asked as a text is.
ORDINARY = {
    "text": Relevance(z=0.749, log_parts=-0.761, bias=-0.53),
    "phrase": Relevance(z=1.324, log_parts=-0.579, bias=-2.656),
    "word": Relevance(z=1.968, log_parts=-0.679, bias=-2.837),
}
_COPY = 1 - 1e-6  # the cosine of a part with itself, as float32 has it


def deviations(cosine: float, unrelated: Calibration) -> float:
    """How many deviations a cosine lies above the unrelated, on Fisher's scale (atanh): a copy is beyond all doubt.

    Fisher, "On the probable error of a coefficient of correlation", Metron 1921: equal steps of atanh weigh the same
    wherever they are, those of the cosine do not.
    """
    return (_fisher(cosine) - _fisher(unrelated.mean)) / unrelated.std


def probability(cosine: float, unrelated: Calibration, meaning: Relevance, pairs: int) -> float:
    """The probability, from 0 to 1, that an answer is relevant that was found among so many `pairs` of parts."""
    slope, per_log, bias = meaning
    logit = slope * deviations(cosine, unrelated) + per_log * math.log(max(pairs, 1)) + bias
    return 1 / (1 + math.exp(-logit)) if logit > -500 else 0.0


def relevance(asked: Asked, one: Scaled) -> float | None:
    """How likely an item that was found is relevant; None where the bundle has no calibration for it."""
    query = asked.modalities[one.query]
    code = asked.code_of(one)
    scale = asked.scales[one.query].get(code)
    if scale is None or query is None:
        return None
    meaning = meaning_of(asked.meanings, query, MODALITIES[code], asked.wording)
    return probability(one.score, Calibration(*scale), meaning, len(asked.vectors) * int(asked.counts[code]))


def meaning_of(known: Mapping[str, Relevance], query: Modality, answer: Modality, wording: str = "text") -> Relevance:
    """The map of a pair, for a text of this wording (`library.wording`), where one is known; or else the ordinary one.

    A bundle that has one for texts and none for short ones has learnt it from both.
    """
    if query == "text" and (own := known.get(f"{wording}-{answer}")) is not None:
        return own
    return known.get(f"{query}-{answer}") or ORDINARY[wording if query == "text" else "text"]


def must_be_known(asked: Sequence[Asked], models: Sequence[str]) -> None:
    """Raises BadQuery when there is something among what is searched of which no relevance is known."""
    for one, model in zip(asked, models, strict=True):
        for query, scale in zip(one.modalities, one.scales, strict=True):
            if query is None:
                raise BadQuery(
                    "how likely an answer to a vector is relevant is not known, nor what it is a vector of: ask with "
                    "words, a file or an item, or leave out min_relevance"
                )
            unknown = [MODALITIES[code] for code in one.codes() if code not in scale]
            if unknown:
                raise BadQuery(
                    f"model {model!r} does not say what its scores of {unknown[0]} for {query} mean (its bundle has no "
                    "calibration for them): leave out min_relevance, or narrow the search to other kinds"
                )


def _fisher(cosine: float) -> float:
    return math.atanh(max(-_COPY, min(cosine, _COPY)))
