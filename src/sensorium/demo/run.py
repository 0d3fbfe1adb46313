"""Runs the demo: fills or takes a folder, adds it, searches it in every direction, and says how it went."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sensorium.core.errors import LibraryEmpty
from sensorium.core.paths import absolute
from sensorium.demo.gather import Gathered, gather
from sensorium.demo.own import own_items, own_queries
from sensorium.demo.queries import QUERIES, Clue, DemoQuery
from sensorium.library.query import Like

if TYPE_CHECKING:
    from sensorium.core.progress import Progress
    from sensorium.core.types import AddReport, Hit
    from sensorium.library.library import Library

TOP = 3  # a right answer counts when it is among so many
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """One search and its hits. `shows` says of each hit what it is, where that is known.

    `rank` counts from 1 and is that of the best right hit, None when no right answer is known or none was found.
    `seconds` is the search itself, `encode_seconds` what it took to embed the query.
    """

    query: DemoQuery
    clues: tuple[Clue, ...]
    hits: tuple[Hit, ...]
    shows: tuple[str, ...]
    right: tuple[Path, ...]
    rank: int | None
    seconds: float
    encode_seconds: float

    @property
    def passed(self) -> bool | None:
        """Whether a right answer is near the top; None when no right answer is known."""
        return (self.rank is not None and self.rank <= TOP) if self.right else None


@dataclass(frozen=True, slots=True)
class DemoResult:
    """All that the demo has to tell. `kinds` counts the folder's items; `seconds` is the whole run."""

    folder: Path
    note: str
    report: AddReport
    kinds: dict[str, int]
    answers: tuple[Answer, ...]
    seconds: float

    @property
    def checked(self) -> int:
        """How many searches have a right answer."""
        return sum(answer.passed is not None for answer in self.answers)

    @property
    def passed(self) -> int:
        """How many of these found it near the top."""
        return sum(answer.passed is True for answer in self.answers)


def run_demo(
    folder: str | Path, library: Library, *, own: bool = False, progress: Progress | None = None
) -> DemoResult:
    """Add a folder to `library` and search it: samples, which are gathered first, or with `own` somebody's own files.

    Raises SourceMissing when an own folder does not exist, LibraryEmpty when nothing in it can be read.
    """
    started = time.perf_counter()
    folder = absolute(folder)
    gathered = Gathered(folder, ()) if own else gather(folder, progress)
    report = library.add(folder)
    items = own_items(library.items(), folder)
    if not items:
        raise LibraryEmpty(f"nothing in {folder} can be searched: give a folder with pictures, sounds or texts")
    queries = own_queries(items) if own else iter(QUERIES)
    answers = tuple(_answers(library, queries, gathered))
    kinds = dict(Counter(item.kind for item in items))
    return DemoResult(folder, gathered.note, report, kinds, answers, time.perf_counter() - started)


def _answers(library: Library, queries: Iterator[DemoQuery], gathered: Gathered) -> Iterator[Answer]:
    for query in queries:
        clues = query.clues(gathered)
        if clues is not None:
            yield _answer(library, query, clues, gathered)


def _answer(library: Library, query: DemoQuery, clues: tuple[Clue, ...], gathered: Gathered) -> Answer:
    terms = [clue.term for clue in clues]
    found = library.search(*terms, k=SHOWN + 1, kinds=query.kinds, under=gathered.folder, previews=True)
    itself = {clue.term.item for clue in clues if isinstance(clue.term, Like)}
    hits = tuple(hit for hit in found if hit.item not in itself)[:SHOWN]
    right = query.right(gathered)
    rank = next((i for i, hit in enumerate(hits, 1) if Path(hit.path) in right), None)
    shows = tuple(gathered.about(hit.path) for hit in hits)
    return Answer(query, clues, hits, shows, right, rank, found.seconds, found.encode_seconds)
