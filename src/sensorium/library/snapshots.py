"""The live rows of a space, kept fresh: a memory-mapped snapshot of the tables, and what came after it.

A snapshot in `indexes/<space>/` holds the vectors, and what a hit shows. It is a cache of the store: its token says
which state of the tables it was made from. Rows that came later are the delta, read from the tables and searched beside
it. Missing, stale or damaged, it is made again.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np

from sensorium.indexes.files import POINTER, IndexDamaged, Snapshot, read_snapshot, write_snapshot
from sensorium.library.rows import Arrays, Catalog, LiveView, Rows

if TYPE_CHECKING:
    from pathlib import Path

    from sensorium.library.session import Session

LAYOUT = 1  # of the arrays below: another one is not read
REWRITE_ALWAYS_BELOW = 200_000  # rows; writing a larger snapshot for a few new ones would cost more than the delta does
REWRITE_SHARE = 0.05
VERIFIED_BELOW = 64 << 20  # bytes; the checksum of every byte costs 1 ms per 2 MB, a sample's nothing
ATTEMPTS = 5
_ROWS = {"parts", "items", "modality", "vectors", "norms", "place_blob", "place_at", "text_blob", "text_at"}
_CATALOG = {"items", "present", "kind", "kinds_blob", "kinds_at", "path_blob", "path_at", "title_blob", "title_at"}


def live_view(session: Session, space: str) -> LiveView:
    """The present state of a space; cheap when nothing changed since the last call or since the snapshot."""
    token, view = session.store.token(space), session.views.get(space)
    if view is not None and view.token == token:
        return view
    session.store.refresh()
    view = session.views[space] = _opened(session, space, token)
    return view


def settle(session: Session, *, always: bool = False) -> None:
    """After a write, under the lock: make the snapshots of the spaces in service current when that pays, or `always`.

    Those of other spaces go: what is removed must not stay in them. Raises LibraryFull.
    """
    session.store.refresh()
    session.views.clear()
    for space in session.store.settings.served:
        settle_space(session, space, always=always)
    for folder in (session.store.path / "indexes").glob("*"):
        if folder.name not in session.store.settings.served:
            shutil.rmtree(folder, ignore_errors=True)


def settle_space(session: Session, space: str, *, always: bool = False) -> None:
    """Make the snapshot of one space current. Raises LibraryFull."""
    from sensorium.store.durable import full_disk_told

    with full_disk_told(session.store.path):
        session.views[space] = _settled(session, space, always=always)


def drop_snapshots(session: Session) -> None:
    """Delete all index files of all spaces: the next search makes them again."""
    session.views.clear()
    shutil.rmtree(session.store.path / "indexes", ignore_errors=True)


def replace_damaged(session: Session, space: str, damage: IndexDamaged) -> None:
    """Forget index files that were found damaged while they were searched."""
    session.notes.append(f"the index was damaged ({damage}) and has been built again from the store")
    session.views.pop(space, None)
    shutil.rmtree(session.indexes(space), ignore_errors=True)


def _opened(session: Session, space: str, token: str) -> LiveView:
    from sensorium.store.lock import writing_now

    kept = _kept(session, space)
    if kept is not None and kept.token == token:
        return kept
    known = kept or session.views.get(space)
    busy = writing_now(session.store.path) is not None  # then the writer will leave a snapshot behind
    if known is not None and (busy or len(known.base) >= REWRITE_ALWAYS_BELOW):
        return _with_delta(session, known)
    view = _from_tables(session, space)
    return view if busy else _offered(session, view)


def _settled(session: Session, space: str, *, always: bool) -> LiveView:
    kept = None if always else _kept(session, space)
    if kept is not None and kept.token == session.store.token(space):
        return kept
    if kept is not None and len(kept.base) >= REWRITE_ALWAYS_BELOW:
        view = _with_delta(session, kept)
        if len(view.extra) + len(view.gone) <= REWRITE_SHARE * len(view.base):
            return view
    view = _from_tables(session, space)
    write_view(session, view)
    return _kept(session, space) or view


def _from_tables(session: Session, space: str) -> LiveView:
    live = session.store.live(space)
    return LiveView.whole(space, live.stamp, Rows.of(live), Catalog.of(live.table))


def _with_delta(session: Session, known: LiveView) -> LiveView:
    """The base of a former state and the difference to the tables.

    Read again when a writer came between the two looks.
    """
    space, base = known.space, known.base
    for _ in range(ATTEMPTS):
        live = session.store.live_ids(space)
        extra = session.store.rows(space, live.parts[base.find(live.parts) < 0])
        if extra.token == live.token:
            present = np.zeros(len(base), bool)
            at = base.find(live.parts)
            present[at[at >= 0]] = True
            gone = base.arrays["parts"][~present]
            catalog = Catalog.of(extra.table)
            return LiveView(space, live.stamp, base, catalog, Rows.of(extra), gone, known.snapshot)
    return _from_tables(session, space)


def write_view(session: Session, view: LiveView) -> None:
    """Swap the snapshot for this view's rows (which must have no delta). Raises OSError."""
    arrays = {**view.base.arrays, **{f"catalog_{name}": array for name, array in view.catalog.arrays.items()}}
    header = {"layout": LAYOUT, "space": view.space, "token": view.token}
    write_snapshot(session.indexes(view.space), arrays, header)


def _offered(session: Session, view: LiveView) -> LiveView:
    """Write a reader's view as the snapshot, where that is possible.

    A writer may have come in between: then it is done again, so that what was removed meanwhile does not come back.
    """
    for _ in range(ATTEMPTS):
        try:
            write_view(session, view)
        except OSError as refused:  # a library on a read-only or full disk is searched all the same
            why = refused.strerror or refused
            session.notes.append(f"the index could not be written ({why}): searches will be slower until it can")
            return view
        if session.store.token(view.space) == view.token:
            return _kept(session, view.space) or view
        session.store.refresh()
        view = _from_tables(session, view.space)
    return view


def _kept(session: Session, space: str) -> LiveView | None:
    """The snapshot as it lies on the disk, whatever state it is of; None when it is missing or damaged."""
    folder = session.indexes(space)
    try:
        snapshot = read_snapshot(folder, verify=_size(folder) < VERIFIED_BELOW)
        return _view_of(snapshot, space, session.store.settings.spaces[space].dimension)
    except IndexDamaged as damage:
        if (folder / POINTER).exists():  # else none was ever finished
            session.notes.append(f"the index was damaged ({damage}) and has been built again from the store")
        return None


def _view_of(snapshot: Snapshot, space: str, dimension: int) -> LiveView:
    header, arrays = snapshot.header, snapshot.arrays
    if (header.get("layout"), header.get("space")) != (LAYOUT, space):
        raise IndexDamaged(f"index {snapshot.path} is of another layout or space")
    rows: Arrays = {name: array for name, array in arrays.items() if not name.startswith("catalog_")}
    catalog = {name.removeprefix("catalog_"): array for name, array in arrays.items() if name.startswith("catalog_")}
    if set(rows) != _ROWS or set(catalog) != _CATALOG or rows["vectors"].shape[1:] != (dimension,):
        raise IndexDamaged(f"index {snapshot.path} does not hold what it should")
    return LiveView.whole(space, str(header["token"]), Rows(rows), Catalog(catalog), snapshot.path)


def _size(folder: Path) -> int:
    """Bytes of the snapshots in a folder, 0 when there are none."""
    total = 0
    for path in folder.glob("*.snapshot"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # a writer has swapped it
            continue
    return total
