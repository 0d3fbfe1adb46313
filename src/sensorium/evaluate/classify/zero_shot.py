"""Labels without training: a thing's label is the text that it is nearest to, with a probability, or none of them.

Arrays in, arrays out. The cosine of a part and a label is put on the scale of pairs that have nothing to do with each
other: z = (cosine - mean) / std. When the right pairs lie SLOPE deviations above the others, both normal, the odds that
a pair is a right one are exp(SLOPE z - SLOPE^2 / 2). Bayes' rule gives a softmax over the labels and "none of these",
whose place among c labels is log(c) + SLOPE^2 / 2: the more labels, the nearer the best of them is by chance.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import BadQuery
from sensorium.core.paths import at_home
from sensorium.core.types import MODALITIES, Modality, Part

if TYPE_CHECKING:
    from sensorium.encoders.encoder import Encoder
    from sensorium.encoders.scores import Calibration

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]

TEMPLATES: Mapping[Modality, tuple[str, ...]] = {
    "text": ("{}", "a text about {}"),
    "image": ("a photo of a {}", "a photo of {}", "a picture of a {}", "{}"),
    "audio": ("the sound of {}", "{}", "a recording of {}", "{} in the background"),
}
SLOPE = 1.4  # chosen by `python benchmarks/classify.py`
PRIOR = 20  # parts: what the bundle says of unrelated pairs weighs as much as so many of the library
ROUNDS = 15
FEWEST = 20  # parts of a library from which a bundle without a calibration can be given one
LEAST_DEVIATION = 0.01
_LIST = "as in --labels 'dog,cat,a street at night'"
_MORE = "say what else things may be"


@dataclass(frozen=True, slots=True)
class Unrelated:
    """Mean and deviation of the cosines of parts and labels that do not belong together; from so many `parts`.

    `parts` is 0 when the bundle alone says it.
    """

    mean: float
    std: float
    parts: int = 0


def read_labels(said: str) -> list[str]:
    """Labels from `dog,cat`, from `@FILE`, or from the path of a file with a label a line. Raises BadQuery."""
    file = at_home(said.removeprefix("@"))
    if not said.startswith("@") and ("," in said or not os.path.isfile(file)):  # noqa: PTH113 - Path's raises for long names
        if "," not in said and said.strip():
            raise BadQuery(f"{said!r} is the only label, and no file of that name is there: {_MORE}, {_LIST}")
        return said.split(",") if said.strip() else []
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BadQuery(f"the labels in {file} cannot be read ({why}): give a text file with a label a line") from error
    return [line for line in lines if line.strip()]


def checked_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels, without the space around them. Raises BadQuery for fewer than two, an empty one, or one twice."""
    clean = [" ".join(label.split()) for label in labels]
    if not clean:
        raise BadQuery(f"there are no labels: give at least two, {_LIST}, or a file with a label a line")
    if "" in clean:
        raise BadQuery(f"label {clean.index('') + 1} is empty: take out the comma too many, or say what it is")
    seen: dict[str, str] = {}
    for label in clean:
        if (same := seen.get(label.casefold())) is not None:
            raise BadQuery(f"{label!r} is there twice (before as {same!r}): leave one of them out")
        seen[label.casefold()] = label
    if len(clean) < 2:
        raise BadQuery(f"{clean[0]!r} is the only label: {_MORE}, {_LIST}")
    return tuple(clean)


def checked_templates(given: Sequence[str]) -> Mapping[Modality, tuple[str, ...]]:
    """Templates by modality, from `a photo of a {}` (for all) or `image=a photo of a {}`; else the usual ones.

    Raises BadQuery for one without `{}`.
    """
    own: dict[Modality, list[str]] = {}
    for one in given:
        named, sign, rest = one.partition("=")
        chosen = [modality for modality in MODALITIES if sign and named.strip() == modality]
        template = rest if chosen else one
        if template.count("{}") != 1:
            raise BadQuery(f"the template {template!r} needs one {{}} where the label goes, as in 'a photo of a {{}}'")
        for modality in chosen or MODALITIES:
            own.setdefault(modality, []).append(template)
    return {modality: tuple(own.get(modality, TEMPLATES[modality])) for modality in MODALITIES}


def label_vectors(encoder: Encoder, labels: Sequence[str], templates: Sequence[str]) -> Vectors:
    """A unit vector for each label, float32 (c, d): the mean of those of all templates (Radford et al. 2021, 3.1.4)."""
    texts = [Part("text", template.replace("{}", label)) for template in templates for label in labels]
    vectors = unit(encoder.encode(texts)).reshape(len(templates), len(labels), -1)
    return unit(vectors.mean(0))


def unit(vectors: Vectors) -> Vectors:
    """Rows of length 1."""
    rows: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return rows


def unrelated(
    cosines: NDArray[np.floating] | None, said: Calibration | None, slope: float = SLOPE
) -> Unrelated | None:  # fmt: skip
    """What is usual among unrelated pairs: what the bundle has `said`, corrected by a library's own `cosines` (n, c).

    Nobody knows which pairs of these are right ones. So each counts for as much as it is likely to be unrelated, by the
    figures so far, and the bundle's figures weigh as much as PRIOR parts: a few rounds of expectation maximisation
    (Dempster, Laird and Rubin 1977). Only a mean and a deviation of all pairs are learnt, none for a single label: in a
    library of dogs "dog" would then be what is usual. None when there is neither a bundle's word nor enough parts.
    """
    n, c = (0, 1) if cosines is None else cosines.shape
    if said is None or said.std <= 0:
        if cosines is None or n < FEWEST:
            return None
        mean, std = float(cosines.mean()), max(float(cosines.std()), LEAST_DEVIATION)
    else:
        mean, std = said.mean, max(said.std, 1e-6)
    if cosines is None or not n:
        return Unrelated(mean, std)
    first, values = (mean, std), np.asarray(cosines, np.float64)
    for _ in range(ROUNDS):
        weights = 1 - probabilities(values, Unrelated(mean, std), slope=slope)[:, :c]
        total = weights.sum() / c + PRIOR
        mean = (PRIOR * first[0] + (weights * values).sum() / c) / total
        std = np.sqrt((PRIOR * first[1] ** 2 + (weights * (values - mean) ** 2).sum() / c) / total)
    return Unrelated(float(mean), float(std), n)


def probabilities(
    cosines: NDArray[np.floating], usual: Unrelated, *, none: bool = True, slope: float = SLOPE
) -> Floats:  # fmt: skip
    """Of parts and labels (n, c), how likely each label is the right one: float64 (n, c + 1), rows add up to 1.

    The last column is "none of these", as likely beforehand as all labels together; 0 in it when not `none`.
    """
    count = cosines.shape[1]
    logits = np.empty((len(cosines), count + 1))
    logits[:, :count] = slope * (np.asarray(cosines, np.float64) - usual.mean) / usual.std
    logits[:, count] = np.log(count) + slope**2 / 2 if none else -np.inf
    logits -= logits.max(1, keepdims=True)
    odds = np.exp(logits)
    shares: Floats = odds / odds.sum(1, keepdims=True)
    return shares
