"""The verb `add_rows`: rows of a table become items, one each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from time import monotonic, time
from typing import TYPE_CHECKING, Any

from sensorium.core.errors import Unreadable
from sensorium.core.types import AddReport, Skipped
from sensorium.library.filling import BATCH_ITEMS, Filling
from sensorium.library.intake import AHEAD_BYTES, Turns, ahead, wanted, workers_for
from sensorium.library.label import given_to
from sensorium.library.memory import Budget
from sensorium.library.prepared import storable
from sensorium.library.retry import ANY_TIME
from sensorium.library.row_paths import row_path
from sensorium.library.row_reader import Record, RowReader, record_of
from sensorium.library.snapshots import settle
from sensorium.library.tabular import Columns, rows_of
from sensorium.library.written import json_of
from sensorium.readers.contract import Limits

if TYPE_CHECKING:
    from sensorium.library.session import Session
    from sensorium.store.commit import Writer

KIND = "row"
_TITLE_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Told:
    """What the caller says of a table: its name, what its columns mean, and what one row may take."""

    name: str
    columns: Columns
    limits: Limits
    memory: int | None = None


def add_rows(
    session: Session, table: Any, told: Told, *, wait: float = 0.0, on_wait: Callable[[str], None] | None = None
) -> AddReport:
    """Bring the library up to date with a table's rows; every few hundred are committed. Raises BadTable."""
    from sensorium.core.machine import available_cores
    from sensorium.store.commit import Writer
    from sensorium.store.lock import Lock

    started, budget = monotonic(), Budget.of(told.memory, available_cores())
    rows, count = rows_of(table, told.columns)
    with Lock(session.store.path, "sensorium add_rows").acquire(wait, on_wait) as lock:
        writer = Writer(session.store, lock)
        session.store.refresh()
        run = _Run(session, writer, told, budget)
        session.progress.start("adding", count)
        try:
            run.everything(record_of(row, told.columns, told.name, at) for at, row in enumerate(rows, 1))
        finally:
            session.progress.finish()
        settle(session)
    return run.report(monotonic() - started)


class _Run:
    """One run of `add_rows`: what was done so far."""

    def __init__(self, session: Session, writer: Writer, told: Told, budget: Budget) -> None:
        self.session, self.writer, self.told, self.budget = session, writer, told, budget
        self.known = _known_rows(session, row_path(told.name, ""))
        self.unread = set(session.store.skipped()["path"].to_pylist())
        self.healed: list[str] = []
        self.seen: dict[str, str] = {}  # hash by path
        self.skips: list[dict[str, Any]] = []
        self.skipped: list[Skipped] = []
        self.added = self.updated = self.unchanged = self.bytes = 0

    @cached_property
    def filling(self) -> Filling:
        """The batch; with it the towers and the library's space, when there is a row to encode."""
        return Filling(self.session, self.writer)

    def everything(self, records: Iterator[Record]) -> None:
        """Take in all rows, in order; a row that has not changed costs no more than looking at it."""
        with closing(self.read(record for record in records if self.is_new(record))) as reading:
            for record in reading:
                self.take(record)
                self.session.progress.advance(skipped=int(bool(record.why)))
                if len(self.skips) >= BATCH_ITEMS or self.filling.is_due():
                    self.commit()
        self.commit()

    def is_new(self, record: Record) -> bool:
        """Whether a row has to be read; what is known, or came before, is counted here."""
        if record.path in self.seen:
            self.double(record)
            return False
        self.seen[record.path] = record.hash
        known = self.known.get(record.path)
        if record.why or known is None or known[1] != record.hash:
            return True
        self.unchanged += 1
        self.heal(record.path)
        self.session.progress.advance()
        return False

    def double(self, record: Record) -> None:
        """A row whose key has come before: the same once more, or a mistake in the table."""
        if record.hash == self.seen[record.path]:
            self.unchanged += 1
        else:
            self.skipped.append(Skipped(record.path, "an earlier row has the same key: give every row its own"))
        self.session.progress.advance(skipped=int(record.hash != self.seen[record.path]))

    def read(self, records: Iterator[Record]) -> Generator[Record, None, None]:
        """Each with its first parts; a bounded number is read ahead."""
        first = next(records, None)
        if first is None:
            return
        encoders = self.filling.encoders
        limits = wanted(encoders, self.told.limits)
        workers, turns = workers_for(encoders, self.budget), Turns(self.budget.workers)
        reader = RowReader(encoders, workers, turns, limits)
        pool = ThreadPoolExecutor(self.budget.workers, thread_name_prefix="read")
        waiting: deque[tuple[Record, int, Future[Record]]] = deque()
        try:
            for record in chain([first], records):
                turn = turns.queue()
                waiting.append((record, turn, pool.submit(reader.read, record, turn)))
                while len(waiting) >= ahead(limits) or sum(one.size for one, _, _ in waiting) > AHEAD_BYTES:
                    yield from _first(waiting, turns)
            while waiting:
                yield from _first(waiting, turns)
        finally:
            turns.close()  # what is still being read when the caller stops
            workers.close()
            pool.shutdown(wait=True, cancel_futures=True)

    def take(self, record: Record) -> None:
        """A row that was read: queued, or noted as one that could not be."""
        known = self.known.get(record.path)
        try:
            if record.why:
                raise Unreadable(record.why)
            row = self.filling.put(record.parts, record.rest)
        except Unreadable as error:
            record.why = error.why
            self.skipped.append(Skipped(record.path, error.why))
            self.skips.append({"path": record.path, "size": ANY_TIME, "mtime": 0.0, "why": storable(error.why)})
            return
        now = time()
        again = known is not None and not known[1]  # perhaps only for a space that lacks it
        kept = given_to(self.session, known[0], record.hash) if known is not None and again else {}
        row.update({
            "id": known[0] if known else self.writer.next_id(), "path": record.path, "kind": KIND, "state": "present",
            "hash": record.hash, "size": record.size, "mtime": now, "title": _title(record),
            "attributes": json_of({**record.attributes, **kept}), "added_at": now,
        })  # fmt: skip
        self.added, self.updated = self.added + (known is None), self.updated + (known is not None)
        self.bytes += record.size
        self.heal(record.path)

    def heal(self, path: str) -> None:
        """A row that could not be read once can be now."""
        if path in self.unread:
            self.healed.append(path)

    def commit(self) -> None:
        """Write what is queued: items, then what was skipped."""
        if "filling" in self.__dict__:
            self.filling.commit()
        if self.skips:
            self.writer.record_skipped(self.skips)
        if self.healed:
            self.writer.forget_skipped(self.healed)
        self.skips, self.healed = [], []

    def report(self, seconds: float) -> AddReport:
        """The summary."""
        return AddReport(
            added=self.added, updated=self.updated, unchanged=self.unchanged, skipped=tuple(self.skipped),
            seconds=seconds, bytes=self.bytes,
        )  # fmt: skip


def _first(waiting: deque[tuple[Record, int, Future[Record]]], turns: Turns) -> Iterator[Record]:
    """The row that was asked for first; it is done with when the next is asked for."""
    _, turn, done = waiting.popleft()
    record = done.result()
    yield record
    if record.rest is not None:
        record.rest.close()
    turns.leave(turn)


def _known_rows(session: Session, below: str) -> dict[str, tuple[int, str]]:
    """The id and the hash of each row of a table that is an item already, by path; no hash when it is not found.

    Nor when a space in service lacks it.
    """
    gaps = session.gaps()
    items = session.store.items(columns=["path", "id", "hash", "state"])
    rows = zip(*(items[name].to_pylist() for name in ("path", "id", "hash", "state")), strict=True)
    whole = ((path, id, hash if state == "present" and id not in gaps else "") for path, id, hash, state in rows)
    return {path: (id, hash) for path, id, hash in whole if path.startswith(below)}


def _title(record: Record) -> str:
    """What the row is called: its title, else the beginning of its first text, else its key."""
    texts = (content for _, _, content in record.contents if isinstance(content, str))
    found = " ".join((record.title or next(texts, "") or str(record.attributes.get("title", ""))).split())
    if len(found) > _TITLE_CHARACTERS:
        found = found[: _TITLE_CHARACTERS - 3].rsplit(" ", 1)[0] + "..."
    return storable(found) or record.path.rpartition("/")[2]
