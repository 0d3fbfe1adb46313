"""Zero-shot labels for files: read in worker processes, encoded together, and forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from sensorium.core.errors import Unreadable
from sensorium.core.types import Place
from sensorium.evaluate.classify.items import Answer, Classifier

if TYPE_CHECKING:
    from sensorium.evaluate.classify.zero_shot import Floats
    from sensorium.library.intake import Intake
    from sensorium.library.prepared import PartRow
    from sensorium.library.scan import Found

AT_ONCE = 64  # parts that are encoded together


def files(
    classifier: Classifier, found: Sequence[Found], kept: Mapping[str, int] | None = None
) -> Iterator[Answer]:  # fmt: skip
    """What files are, in the order of the files. `kept` are the ids of the items that some of them are, by path."""
    from sensorium.core.machine import available_cores
    from sensorium.library.intake import Reading, wanted
    from sensorium.library.memory import Budget
    from sensorium.readers.contract import Limits

    reads = _Reads(classifier, kept or {})
    limits, budget = wanted(reads.encoders, Limits()), Budget.of(None, available_cores())
    with Reading(reads.encoders, limits, lambda path, digest: False, budget, "blake3") as reading:
        for intake in reading.intakes(found):
            yield from reads.take(intake)
        yield from reads.encoded()


class _Reads:
    """Files that are read and not encoded yet, with the answers that wait for their turn behind them."""

    def __init__(self, classifier: Classifier, kept: Mapping[str, int]) -> None:
        self.classifier, self.kept = classifier, kept
        by_space = dict(classifier.towers.values())
        self.encoders = list(by_space.values())
        self.slots = {space: at for at, space in enumerate(by_space)}
        self.waiting: list[Answer | tuple[Intake, list[PartRow]]] = []

    def take(self, intake: Intake) -> Iterator[Answer]:
        """One file; answers as soon as there is enough to encode."""
        path = intake.found.path
        if intake.gone or intake.why:
            self.waiting.append(Answer(path, intake.kind, why=intake.why or "there is no such file any more"))
        elif intake.rest is not None:
            yield from self.encoded()
            yield self._long(intake)
        else:
            self.waiting.append((intake, intake.rows))
        if sum(len(one[1]) for one in self.waiting if isinstance(one, tuple)) >= AT_ONCE:
            yield from self.encoded()

    def encoded(self) -> Iterator[Answer]:
        """The answers for all that waits."""
        odds, places = self._odds([row for one in self.waiting if isinstance(one, tuple) for row in one[1]])
        begin = 0
        for one in self.waiting:
            if isinstance(one, Answer):
                yield one
                continue
            intake, rows = one
            own = slice(begin, begin + len(rows))
            begin += len(rows)
            yield self._answer(intake, odds[own], places[own])
        self.waiting = []

    def _long(self, intake: Intake) -> Answer:
        """A file of many parts, encoded piece by piece."""
        from sensorium.library.intake import CHUNK

        odds, places = self._odds(intake.rows)
        assert intake.rest is not None
        try:
            while more := list(islice(intake.rest, CHUNK)):
                new, where = self._odds(more)
                odds, places = np.concatenate([odds, new]), [*places, *where]
        except Unreadable as error:  # damaged beyond its first parts
            return Answer(intake.found.path, intake.kind, why=error.why)
        return self._answer(intake, odds, places)

    def _odds(self, rows: list[PartRow]) -> tuple[Floats, list[Place]]:
        """Probabilities (n, c + 1) and places of parts; nan where there is no tower that knows labels."""
        from sensorium.library.intake import encode_rows

        classifier = self.classifier
        odds = np.full((len(rows), len(classifier.wish.labels) + 1), np.nan)
        made = encode_rows(self.encoders, rows) if rows else []
        for modality, (space, _) in classifier.towers.items():
            at, vectors = made[self.slots[space]] if made else (np.empty(0, np.int64), np.empty((0, 1), np.float32))
            mine = np.array([rows[row].modality == modality for row in at], np.bool_)
            if mine.any():
                odds[at[mine]] = classifier.judge(modality).of(vectors[mine], none=classifier.wish.none)
        return odds, [Place.from_json(row.place) for row in rows]

    def _answer(self, intake: Intake, odds: Floats, places: Sequence[Place]) -> Answer:
        path, known = intake.found.path, ~np.isnan(odds).any(1)
        if not known.any():
            there = ", ".join(self.classifier.towers)
            return Answer(path, intake.kind, why=f"nothing in it that labels can be compared with ({there})")
        where = [places[int(at)] for at in np.flatnonzero(known)]
        return self.classifier.answer(path, intake.kind, self.kept.get(path), odds[known], where)
