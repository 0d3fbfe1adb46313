"""The verb `add`: brings the library up to date with files and folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING, Any

from sensorium.core.errors import Unreadable
from sensorium.core.types import AddReport, Skipped
from sensorium.library.census import Census, take_census
from sensorium.library.filling import BATCH_ITEMS, Filling
from sensorium.library.homes import Homes
from sensorium.library.intake import Intake, Reading, wanted
from sensorium.library.label import given_to
from sensorium.library.memory import Budget
from sensorium.library.prepared import storable
from sensorium.library.retry import ANY_TIME, fingerprint, give_another_try
from sensorium.library.scan import Found, Known
from sensorium.library.snapshots import settle
from sensorium.library.written import json_of
from sensorium.readers.contract import Limits

if TYPE_CHECKING:
    from sensorium.library.session import Session
    from sensorium.store.commit import Writer


def plan(session: Session, paths: Iterable[str | os.PathLike[str]]) -> AddReport:
    """What `add` would do, without reading a file: `--dry-run`. What has only moved counts as added and missing."""
    session.store.refresh()
    census = take_census(session, paths)
    changed = sum(found.path in census.known for found in census.todo)
    return AddReport(
        added=len(census.todo) - changed,
        updated=changed,
        unchanged=census.unchanged + len(census.back),
        missing=sum(known.present for known in census.gone),
        skipped=tuple(census.skipped),
        bytes=sum(found.size for found in census.todo),
    )


def add(
    session: Session, paths: Iterable[str | os.PathLike[str]], *, wait: float = 0.0,
    on_wait: Callable[[str], None] | None = None, memory: int | None = None, limits: Limits | None = None,
) -> AddReport:  # fmt: skip
    """Bring the library up to date; every few hundred items are committed, so that a stop loses at most those."""
    from sensorium.core.machine import available_cores
    from sensorium.store.commit import Writer
    from sensorium.store.lock import Lock

    started, budget = monotonic(), Budget.of(memory, available_cores())
    with Lock(session.store.path, "sensorium add").acquire(wait, on_wait) as lock:
        writer = Writer(session.store, lock)
        session.store.refresh()
        if session.store.settings.default_space is not None:
            session.check_models()
        limits = limits or Limits()
        give_another_try(session.store, writer, fingerprint(limits, budget))
        run = _Run(session, writer, take_census(session, paths), budget, limits)
        session.progress.start("adding", len(run.census.todo))
        try:
            run.everything()
        finally:
            session.progress.finish()
        settle(session)
    return run.report(monotonic() - started)


class _Run:
    """One run of `add`: what was done so far, and the batch that is being filled."""

    def __init__(
        self, session: Session, writer: Writer, census: Census, budget: Budget, limits: Limits
    ) -> None:  # fmt: skip
        self.session, self.writer, self.census, self.budget, self.limits = session, writer, census, budget, limits
        self.waiting: dict[str, Found] = {}
        self.filling: Filling | None = None  # with the first file that is read
        self.changes: dict[int, dict[str, Any]] = {}  # whole rows by id, so that one write changes all or none
        self.skips: list[dict[str, Any]] = []
        self.skipped: list[Skipped] = []
        self.homes = Homes(census)
        self.added = self.updated = self.touched = self.bytes = 0

    def everything(self) -> None:
        """Read, encode and commit all that is to do; then say what is gone and what is back."""
        if self.census.todo:
            self.read()
        for known in self.census.gone:
            if known.id not in self.homes.moved:
                self.lose(known)
        for known in self.census.back:
            self.change(known, state="present")
        self.commit()
        unread = {skip.path for skip in (*self.census.skipped, *self.skipped)}
        healed = [path for path in self.census.skips if path in self.census.looked_at and path not in unread]
        if healed:
            self.writer.forget_skipped(healed)

    def read(self) -> None:
        """Take in every file that is new or has changed."""
        self.filling = Filling(self.session, self.writer)
        encoders = self.filling.encoders
        limits = wanted(encoders, self.limits)
        hashed_with = self.session.store.settings.hashed_with
        with Reading(encoders, limits, self.is_known, self.budget, hashed_with) as reading:
            for intake in reading.intakes(self.census.todo):
                self.take(intake, reading)
                if intake.found.path not in self.waiting:
                    self.session.progress.advance(skipped=int(bool(intake.why)))
                if self.is_due():
                    self.commit()
            self.take_waiting(reading)

    def take(self, intake: Intake, reading: Reading, *, last: bool = False) -> None:
        """One file: gone meanwhile, known by its content, unreadable, or to be encoded. `last`: it has waited."""
        found, homes = intake.found, self.homes
        homes.read(found.path)
        own, home = homes.own(found.path), homes.home(found.path, intake.hash) if intake.hash else None
        is_gap = self.is_gap(own, intake.hash)
        if intake.gone:
            if own is not None:
                self.lose(own)
        elif home is not None and not is_gap:
            self.keep(found, home)
        elif not is_gap and not last and homes.waits(found.path, intake.hash):
            self.waiting[found.path] = found
        elif intake.same:  # another new file with this content came first: this one is an item of its own
            self.take(reading.afresh(found), reading, last=last)
        elif intake.why:
            self.skip(intake, own)
        else:
            self.encode(intake, own)

    def is_known(self, path: str, digest: str) -> bool:
        """Whether nothing needs to be read of a file for now."""
        return not self.is_gap(self.homes.own(path), digest) and self.homes.is_known(path, digest)

    def is_gap(self, own: Known | None, digest: str) -> bool:
        """Whether a file is as its item has it, and must be read all the same: for a space that lacks it."""
        return own is not None and own.hash == digest and own.id in self.census.gaps

    def take_waiting(self, reading: Reading) -> None:
        """The files whose content may be that of an item at another path, now that all paths are read."""
        for path, digest in self.homes.waiting():
            self.take(Intake(self.waiting[path], digest, same=True), reading, last=True)
            self.session.progress.advance()
            if self.is_due():
                self.commit()

    def keep(self, found: Found, home: Known) -> None:
        """The content is known: only the item row changes."""
        own = self.homes.own(found.path)
        if home is own:
            self.touched += 1
        else:
            self.homes.moved.add(home.id)
            if own is not None:
                self.lose(own)
        title = Path(found.path).name if home.title == Path(home.path).name else home.title
        stamp = {"path": found.path, "size": found.size, "mtime": found.mtime}
        self.change(home, **stamp, title=title, state="present")

    def skip(self, intake: Intake, own: Known | None) -> None:
        """Could not be read: recorded, so that it is not tried again until it changes or what kept it out passes."""
        found = intake.found
        size = ANY_TIME if intake.passing else found.size
        self.skips.append({"path": found.path, "size": size, "mtime": found.mtime, "why": intake.why})
        self.skipped.append(Skipped(found.path, intake.why))
        if own is not None and not intake.passing:
            self.lose(own)

    def lose(self, known: Known) -> None:
        """What the item was is nowhere to be seen: kept, and not found until it returns."""
        self.homes.lost[known.id] = known
        if known.present:
            self.change(known, state="missing")

    def change(self, known: Known, **columns: Any) -> None:
        """Queue new values of an item row."""
        names = ("id", "path", "size", "mtime", "title")
        row = {**{name: getattr(known, name) for name in names}, "state": "present" if known.present else "missing"}
        self.changes[known.id] = {**self.changes.get(known.id, row), **columns}

    def encode(self, intake: Intake, own: Known | None) -> None:
        """New or changed content: queue the item."""
        assert self.filling is not None
        found, attributes = intake.found, dict(intake.rows[0].attributes)
        if own is not None and own.hash == intake.hash:  # read again for a space that lacks it
            attributes |= given_to(self.session, own.id, own.hash)
        try:
            row = self.filling.put(intake.rows, intake.rest)
        except Unreadable as error:  # damaged beyond its first parts
            intake.why = error.why
            self.skip(intake, own)
            return
        row |= {
            "id": own.id if own else self.writer.next_id(), "path": found.path, "kind": intake.kind,
            "state": "present", "hash": intake.hash, "size": found.size, "mtime": found.mtime,
            "title": storable(str(attributes.get("title") or Path(found.path).name)),
            "attributes": json_of(attributes), "added_at": time(),
        }  # fmt: skip
        self.added, self.updated = self.added + (own is None), self.updated + (own is not None)
        self.bytes += found.size

    def is_due(self) -> bool:
        """Whether there is enough to be committed."""
        many = len(self.changes) + len(self.skips) >= BATCH_ITEMS
        return many or (self.filling is not None and self.filling.is_due())

    def commit(self) -> None:
        """Write what is queued: new content first, then changed rows, then what was skipped."""
        import pyarrow as pa

        if self.filling is not None:
            self.filling.commit()
        if self.changes:
            self.writer.update_items(pa.Table.from_pylist(list(self.changes.values())))
        if self.skips:
            self.writer.record_skipped(self.skips)
        self.changes, self.skips = {}, []

    def report(self, seconds: float) -> AddReport:
        """The summary; files that were skipped before and have not changed count as skipped again."""
        return AddReport(
            added=self.added,
            updated=self.updated,
            moved=len(self.homes.moved),
            unchanged=self.census.unchanged + len(self.census.back) + self.touched,
            missing=sum(known.present for known in self.homes.lost.values() if known.id not in self.homes.moved),
            skipped=(*self.census.skipped, *self.skipped),
            seconds=seconds,
            bytes=self.bytes,
        )
