"""What a bundle says of its scores: what is usual between unrelated parts, and how likely an answer is relevant."""

from __future__ import annotations

from typing import NamedTuple

from sensorium.core.types import MODALITIES

PAIRS = tuple(f"{query}-{answer}" for query in MODALITIES for answer in MODALITIES)
# A text that names a thing, or says two or three words of one, is true of far more than a sentence, which tells of one
# scene: what its scores mean may be known by itself.
SHORT = ("word", "phrase")
MEANT = (*PAIRS, *(f"{query}-{answer}" for query in SHORT for answer in MODALITIES))


class Calibration(NamedTuple):
    """Mean and standard deviation of the cosine of unrelated pairs of two modalities."""

    mean: float
    std: float


class Relevance(NamedTuple):
    """How likely an answer is relevant: 1 / (1 + exp(-(z * Z + log_parts * log(N) + bias))).

    Z is how many deviations its cosine lies above that of unrelated pairs (`Calibration`), N how many pairs of the
    query's and the library's parts were compared: the best of many unrelated ones is near by chance.
    """

    z: float
    log_parts: float
    bias: float
