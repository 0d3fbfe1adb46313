"""The verb `remove`: items leave the library for good; the files they came from are never touched."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sensorium.core.errors import SourceMissing
from sensorium.library.query import named
from sensorium.library.scan import known_items, with_parents
from sensorium.library.snapshots import drop_snapshots, settle

if TYPE_CHECKING:
    from sensorium.library.session import Session

Named = str | os.PathLike[str] | int


def chosen(session: Session, what: Sequence[Named]) -> tuple[list[int], list[str]]:
    """Ids of the items meant by ids, paths of files, and folders, and the skipped files among these.

    SourceMissing when one means nothing here.
    """
    known = known_items(session.store.items())
    items: dict[int | str, set[int]] = {}
    files: dict[str, set[str]] = {}
    for item in known:
        names: list[int | str] = [item.id, *with_parents(item.path)]
        for key in names:
            items.setdefault(key, set()).add(item.id)
    for path in session.store.skipped()["path"].to_pylist():
        for folder in with_parents(path):
            files.setdefault(folder, set()).add(path)
    keys: list[int | str] = [one if isinstance(one, int) else named(one) for one in what]
    for one, key in zip(what, keys, strict=True):
        if key not in items and key not in files:
            raise SourceMissing(f"{one} is not in the library {session.store.path}: `sensorium search` shows what is")
    ids = set().union(*(items.get(key, ()) for key in keys))
    return sorted(ids), sorted(set().union(*(files.get(str(key), ()) for key in keys)))


def remove(
    session: Session, what: Sequence[Named], *, wait: float = 0.0, on_wait: Callable[[str], None] | None = None
) -> int:
    """Remove items with all their parts and vectors; returns how many.

    Their bytes leave every file at the next compaction.
    """
    from sensorium.store.commit import Writer
    from sensorium.store.lock import Lock

    with Lock(session.store.path, "sensorium remove").acquire(wait, on_wait) as lock:
        writer = Writer(session.store, lock)
        session.store.refresh()
        ids, skipped = chosen(session, what)
        count = writer.remove(ids)
        if skipped:
            writer.forget_skipped(skipped)
        settle(session)
    return count


def compact(session: Session, *, wait: float = 0.0, on_wait: Callable[[str], None] | None = None) -> None:
    """Rewrite the tables and index files without what was removed, and drop old versions."""
    from sensorium.store.commit import Writer
    from sensorium.store.lock import Lock

    with Lock(session.store.path, "sensorium compact").acquire(wait, on_wait) as lock:
        Writer(session.store, lock).compact()
        drop_snapshots(session)  # first, so that nothing of what was removed is left if there is no room for a new one
        settle(session, always=True)
