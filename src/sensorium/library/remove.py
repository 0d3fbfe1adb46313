"""The verb `remove`: items leave the library for good; the files they came from are never touched."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sensorium.core.errors import SourceMissing
from sensorium.library.rows import settle
from sensorium.library.scan import is_under, known_items

if TYPE_CHECKING:
    from sensorium.library.session import Session


def chosen(session: Session, what: Sequence[str | os.PathLike[str] | int]) -> list[int]:
    """Ids of the items meant by ids, paths of files, and folders; SourceMissing when one means nothing here."""
    known = known_items(session.store.items())
    ids = {k.id for k in known.values()}
    found: set[int] = set()
    for one in what:
        if isinstance(one, int):
            matches = {one} & ids
        else:
            root = Path(os.path.abspath(Path(one).expanduser()))
            matches = {k.id for k in known.values() if is_under(k.path, [root])}
        if not matches:
            raise SourceMissing(f"{one} is not in the library {session.store.path}: `sensorium status` and `search` show what is")
        found |= matches
    return sorted(found)


def remove(session: Session, what: Sequence[str | os.PathLike[str] | int], *, wait: float = 0.0,
           on_wait: Callable[[str], None] | None = None) -> int:  # fmt: skip
    """Remove items with all their parts and vectors; returns how many. Their bytes leave every file at the next compaction."""
    from sensorium.store.commit import Writer
    from sensorium.store.lock import Lock

    with Lock(session.store.path, "sensorium remove").acquire(wait, on_wait) as lock:
        writer = Writer(session.store, lock)
        session.store.refresh()
        count = writer.remove(chosen(session, what))
        _settle(session)
    return count


def compact(session: Session, *, wait: float = 0.0, on_wait: Callable[[str], None] | None = None) -> None:
    """Rewrite the tables and index files without what was removed, and drop old versions."""
    from sensorium.store.commit import Writer
    from sensorium.store.lock import Lock

    with Lock(session.store.path, "sensorium compact").acquire(wait, on_wait) as lock:
        Writer(session.store, lock).compact()
        session.store.refresh()
        _settle(session, always=True)


def _settle(session: Session, *, always: bool = False) -> None:
    session.store.refresh()
    for space in session.store.settings.spaces:
        settle(session, space, always=always)
