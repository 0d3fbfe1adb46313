"""The verb `add`: brings the library up to date with files and folders."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING, Any

import numpy as np

from sensorium.core.errors import SourceMissing
from sensorium.core.types import AddReport, Skipped
from sensorium.library.intake import CHUNK, Intake, PartRow, Reading, encode_rows
from sensorium.library.rows import settle
from sensorium.library.scan import Found, Known, is_under, known_items, roots_of, scan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensorium.library.session import Session
    from sensorium.store.commit import Writer

BATCH_ITEMS = 256
BATCH_PARTS = 2048
BATCH_SECONDS = 20.0
ENCODE_AT = 64  # parts that are encoded together


@dataclass
class Census:
    """What is on the disk against what the library knows."""

    known: dict[str, Known]
    skipped: dict[str, tuple[int, float, str]]
    todo: list[Found] = field(default_factory=list)
    back: list[Known] = field(default_factory=list)  # missing, and there again with the same size and time
    gone: dict[str, Known] = field(default_factory=dict)  # by path: no file there any more
    unchanged: int = 0
    still_skipped: list[Skipped] = field(default_factory=list)
    unskipped: list[str] = field(default_factory=list)

    def look(self, roots: list[Path], library: Path) -> None:
        """Walk the roots and sort what is found."""
        seen = set()
        for found in scan(roots, library):
            seen.add(found.path)
            known = self.known.get(found.path)
            size, mtime, why = self.skipped.get(found.path, (-1, 0.0, ""))
            if (size, mtime) == (found.size, found.mtime):
                self.still_skipped.append(Skipped(found.path, why))
            elif known is not None and (known.size, known.mtime) == (found.size, found.mtime):
                if known.present:
                    self.unchanged += 1
                else:
                    self.back.append(known)
            else:
                self.todo.append(found)
        self.gone = {p: k for p, k in self.known.items() if p not in seen and (is_under(p, roots) or not k.present)}
        self.unskipped = [p for p in self.skipped if p not in seen and is_under(p, roots)]


def take_census(session: Session, paths: Iterable[str | os.PathLike[str]]) -> Census:
    """Compare the disk with the library; SourceMissing for a path that is not there and never was."""
    table = session.store.items(columns=["id", "path", "hash", "size", "mtime", "state", "title"])
    skips = session.store.skipped()
    columns = (skips[n].to_pylist() for n in ("path", "size", "mtime", "why"))
    census = Census(known_items(table), {p: (s, m, w) for p, s, m, w in zip(*columns, strict=True)})
    census.look(_roots(paths, census.known), session.store.path)
    return census


def _roots(paths: Iterable[str | os.PathLike[str]], known: dict[str, Known]) -> list[Path]:
    """Roots that exist, and those that are gone but hold items, whose items are then missing."""
    there: list[str | os.PathLike[str]] = []
    gone: list[Path] = []
    for path in paths:
        try:
            there += roots_of([path])
        except SourceMissing:
            absolute = Path(os.path.abspath(Path(path).expanduser()))
            if str(absolute) not in known:  # a folder that is gone may be a drive that is not mounted: never guessed at
                raise
            gone.append(absolute)
    return [*roots_of(there), *gone]


def plan(session: Session, paths: Iterable[str | os.PathLike[str]]) -> AddReport:
    """What `add` would do, without reading a file: `--dry-run`. New paths count as added, though some may turn out to be moved."""
    census = take_census(session, paths)
    changed = [f for f in census.todo if f.path in census.known]
    missing = sum(k.present for k in census.gone.values())
    return AddReport(len(census.todo) - len(changed), len(changed), 0, census.unchanged + len(census.back), missing,
                     tuple(census.still_skipped), bytes=sum(f.size for f in census.todo))  # fmt: skip


def add(session: Session, paths: Iterable[str | os.PathLike[str]], *, wait: float = 0.0,
        on_wait: Callable[[str], None] | None = None) -> AddReport:  # fmt: skip
    """Bring the library up to date; every few hundred items are committed, so that a stop loses at most those."""
    from sensorium.store.commit import Writer
    from sensorium.store.lock import Lock

    started = monotonic()
    with Lock(session.store.path, "sensorium add").acquire(wait, on_wait) as lock:
        writer = Writer(session.store, lock)
        session.store.refresh()
        census = take_census(session, paths)
        session.progress.start("adding", len(census.todo))
        try:
            run = _Run(session, writer, census)
            run.everything()
        finally:
            session.progress.finish()
        if session.store.settings.default_space is not None:
            settle(session, session.store.settings.default_space)
    return run.report(monotonic() - started)


@dataclass
class _Pending:
    """An item whose parts are being encoded."""

    row: dict[str, Any]
    parts: list[PartRow]
    vectors: list[NDArray[np.float32]] = field(default_factory=list)


class _Run:
    """One run of `add`: what was done so far, and the batch that is being filled."""

    def __init__(self, session: Session, writer: Writer, census: Census) -> None:
        self.session, self.writer, self.census = session, writer, census
        self.encoder = session.encoder
        self.space = session.keep_bundle() if census.todo else session.store.settings.default_space
        self.hashes: dict[str, list[Known]] = {}
        for known in census.known.values():
            self.hashes.setdefault(known.hash, []).append(known)
        self.batch: list[_Pending] = []
        self.skips: list[dict[str, Any]] = []
        self.skipped: list[Skipped] = []
        self.changes: list[dict[str, Any]] = []
        self.moved_from: set[str] = set()
        self.missing = 0
        self.added = self.updated = self.moved = self.touched = self.bytes = 0
        self.since = monotonic()

    def everything(self) -> None:
        """Read, encode and commit all that is to do; then say what is missing."""
        from sensorium.readers.registry import Limits

        limits, threads = Limits(**self.encoder.limits()), max(2, self.encoder.threads)
        with Reading(self.encoder, limits, self.is_known, threads) as reading:
            for intake in reading.intakes(iter(self.census.todo)):
                self.take(intake, reading)
                self.session.progress.advance(skipped=int(bool(intake.why)))
                if self.is_due():
                    self.commit()
        self.commit()
        self.settle_missing()

    def is_known(self, path: str, digest: str) -> bool:
        """Whether nothing needs to be read: the path has this content already, or a vanished item had it."""
        known = self.census.known.get(path)
        return (known is not None and known.hash == digest) or self.source_of(digest) is not None

    def source_of(self, digest: str) -> Known | None:
        """The item with this content whose file is gone, the lowest id first."""
        candidates = (k for k in self.hashes.get(digest, ()) if k.path not in self.moved_from and not os.path.exists(k.path))
        return min(candidates, key=lambda k: k.id, default=None)

    def take(self, intake: Intake, reading: Reading) -> None:
        """One file: unchanged in content, moved, unreadable, or to be encoded."""
        found = intake.found
        if intake.why:
            self.skip(found, intake.why)
        elif intake.same:
            self.keep(found, intake.hash, reading)
        else:
            self.encode(intake, reading)

    def keep(self, found: Found, digest: str, reading: Reading) -> None:
        """The content is known: only the item row changes."""
        known = self.census.known.get(found.path)
        if known is None or known.hash != digest:
            source = self.source_of(digest)
            if source is None:  # another new file with this content came first: this one is an item of its own
                self.take(reading.afresh(found), reading)
                return
            self.moved_from.add(source.path)
            if known is not None:  # the path held another item, whose content is gone
                self.changes.append({"id": known.id, "state": "missing"})
            self.moved += 1
        else:
            source = known
            self.touched += 1
        title = Path(found.path).name if source.title == Path(source.path).name else source.title
        self.changes.append({"id": source.id, "path": found.path, "size": found.size, "mtime": found.mtime, "state": "present", "title": title})

    def skip(self, found: Found, why: str) -> None:
        """Could not be read: recorded, so that it is not tried again until it changes."""
        self.skips.append({"path": found.path, "size": found.size, "mtime": found.mtime, "why": why})
        self.skipped.append(Skipped(found.path, why))
        known = self.census.known.get(found.path)
        if known is not None and known.present:
            self.changes.append({"id": known.id, "state": "missing"})

    def encode(self, intake: Intake, reading: Reading) -> None:
        """New or changed content: queue the item, encode when there is enough for a good batch."""
        found, known = intake.found, self.census.known.get(intake.found.path)
        attributes = dict(intake.rows[0].attributes)
        row = {"id": known.id if known else self.writer.next_id(), "path": found.path, "kind": intake.kind, "state": "present",
               "hash": intake.hash, "size": found.size, "mtime": found.mtime, "title": _title(found.path, attributes),
               "attributes": json.dumps(attributes, ensure_ascii=False), "added_at": time()}  # fmt: skip
        pending = _Pending(row, intake.rows)
        if intake.rest is not None:
            self.encode_long(pending, intake.rest, reading)
        self.batch.append(pending)
        self.added, self.updated = self.added + (known is None), self.updated + (known is not None)
        self.bytes += found.size
        if sum(len(p.parts) for p in self.batch if not p.vectors) >= ENCODE_AT:
            self.encode_waiting()

    def encode_long(self, pending: _Pending, rest: Iterator[Any], reading: Reading) -> None:
        """A file of many parts is encoded piece by piece, never held decoded as a whole."""
        pending.vectors.append(encode_rows(self.encoder, pending.parts))
        while rows := reading.prepare(islice(rest, CHUNK)):
            pending.vectors.append(encode_rows(self.encoder, rows))
            pending.parts += rows

    def encode_waiting(self) -> None:
        """Encode the parts of all queued items together."""
        waiting = [p for p in self.batch if not p.vectors]
        vectors, at = encode_rows(self.encoder, [r for p in waiting for r in p.parts]), 0
        for pending in waiting:
            pending.vectors.append(vectors[at : at + len(pending.parts)])
            at += len(pending.parts)

    def is_due(self) -> bool:
        """Whether the batch is large or old enough to be committed."""
        many = len(self.batch) + len(self.changes) + len(self.skips) >= BATCH_ITEMS
        return many or sum(len(p.parts) for p in self.batch) >= BATCH_PARTS or monotonic() - self.since > BATCH_SECONDS

    def commit(self) -> None:
        """Write what is queued: new content first, then changed rows, then what was skipped."""
        from sensorium.library.written import batch_of

        self.encode_waiting()
        if self.batch and self.space is not None:
            storage = self.session.store.settings.spaces[self.space].storage
            rows = [(p.row, p.parts, np.concatenate(p.vectors)) for p in self.batch]
            self.writer.commit(batch_of(rows, self.space, storage, self.writer.next_part_id))
            returned = [p.row["path"] for p in self.batch if p.row["path"] in self.census.skipped]
            if returned:
                self.writer.forget_skipped(returned)
        self.change(self.changes)
        if self.skips:
            self.writer.record_skipped(self.skips)
        self.batch, self.changes, self.skips, self.since = [], [], [], monotonic()

    def change(self, changes: list[dict[str, Any]]) -> None:
        """Update item rows; rows that name other columns go apart, for an absent column would read as null."""
        import pyarrow as pa

        for columns in sorted({tuple(c) for c in changes}):
            self.writer.update_items(pa.Table.from_pylist([c for c in changes if tuple(c) == columns]))

    def settle_missing(self) -> None:
        """Files that are gone are marked, those that are back are unmarked; nothing is deleted."""
        gone = [k for k in self.census.gone.values() if k.present and k.path not in self.moved_from]
        self.missing = len(gone)
        changes = [{"id": k.id, "state": "missing"} for k in gone] + [{"id": k.id, "state": "present"} for k in self.census.back]
        self.change(changes)
        if self.census.unskipped:
            self.writer.forget_skipped(self.census.unskipped)

    def report(self, seconds: float) -> AddReport:
        """The summary; files that were skipped before and have not changed count as skipped again."""
        unchanged = self.census.unchanged + len(self.census.back) + self.touched
        return AddReport(self.added, self.updated, self.moved, unchanged, self.missing,
                         (*self.census.still_skipped, *self.skipped), seconds, self.bytes)  # fmt: skip


def _title(path: str, attributes: dict[str, Any]) -> str:
    return str(attributes.get("title") or Path(path).name)
