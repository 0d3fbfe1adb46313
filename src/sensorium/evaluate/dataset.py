"""What is evaluated on: samples, and which are right answers for which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sensorium.core.types import Modality

Relation = Literal["pairs", "classes", "judgments"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One thing that is embedded: a text (`source` is a str), or a file with a picture or a sound (a Path).

    `key` names it within the data set (a file name, a row), the same in every run. Samples of one `group` are right
    answers for each other, except a sample for itself: a photograph and its captions, or all of a class. `label` is the
    class's name for people, `split` what the data set calls it ("train", "dev", "test", or ""). `kept` says which item
    of a library (its folder, the item's id) it is, if it is one: then the library's vectors may do.
    """

    key: str
    modality: Modality
    source: str | Path
    group: str
    label: str = ""
    split: str = ""
    kept: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Judgment:
    """A right answer of a data set that says them one by one: keys of two samples, and how good, above 0."""

    query: str
    answer: str
    grade: float = 1.0


@dataclass(frozen=True, slots=True)
class Dataset:
    """Samples, and how right answers are known: by `group` ("pairs", "classes") or by `judgments`.

    `notes` say what was left out of the data and why, a line each; `source` is where it was read from, for people.
    With judgments, samples whose `split` is "query" ask and the others answer.
    """

    name: str
    source: str
    samples: Sequence[Sample]
    relation: Relation
    judgments: Sequence[Judgment] = ()
    notes: tuple[str, ...] = ()
    templates: tuple[str, ...] = field(default=())  # how a class is said as a text ("a photo of a {}"), if it is
