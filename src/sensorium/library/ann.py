"""IVF over the snapshot of a space: built when first asked for, kept beside it, built again when it does not fit."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING

from sensorium.core.errors import BadQuery
from sensorium.core.types import Metric

if TYPE_CHECKING:
    from pathlib import Path

    from sensorium.indexes.contract import Index
    from sensorium.indexes.ivf import IvfIndex
    from sensorium.library.rows import LiveView
    from sensorium.library.session import Session

_IVF = re.compile(r"^ivf(?::(\d{1,9}),(\d{1,9}))?$")


def parse_ivf(index: str) -> tuple[int, int]:
    """(lists, probes) of `ivf` or `ivf:LISTS,PROBES`; 100 lists and 5 probes, as in the literature, unless said."""
    match = _IVF.match(index)
    if match is None:
        raise BadQuery(f"the index {index!r} is unknown: choose auto, exact, ivf or ivf:LISTS,PROBES")
    lists, probes = int(match[1] or 100), int(match[2] or 5)
    if lists < 1 or probes < 1:
        raise BadQuery(f"{index}: lists and probes must be at least 1")
    return lists, min(probes, lists)


def ivf_over(session: Session, view: LiveView, metric: Metric, lists: int, probes: int) -> Index:
    """The IVF index of this view's base, with the view's delta merged in."""
    index = _opened(session, view, metric, lists)
    if index.note:
        session.notes.append(index.note)
    one = copy.copy(index)  # shares all but the number of probes, which is this search's own
    one.probes = min(probes, index.lists)
    return view.over(one, metric)


def _opened(session: Session, view: LiveView, metric: Metric, lists: int) -> IvfIndex:
    from sensorium.indexes.files import IndexDamaged
    from sensorium.indexes.ivf import IvfIndex

    known = view.indexes.get((metric, f"ivf:{lists}"))
    if isinstance(known, IvfIndex):
        return known
    rows = view.base.arrays
    path = None if view.snapshot is None else view.snapshot.with_name(f"{view.snapshot.stem}.{metric}-{lists}.ivf")
    try:
        if path is None:
            raise IndexDamaged("there is no snapshot to keep it beside")
        index = IvfIndex.load(path, rows["parts"], rows["vectors"], rows["norms"])
    except IndexDamaged as damage:
        index = IvfIndex.build(rows["parts"], rows["vectors"], metric, lists)
        if path is not None:
            if path.exists():
                session.notes.append(f"the IVF index was damaged ({damage}) and has been built again")
            _save(session, view, index, path)
    view.indexes[metric, f"ivf:{lists}"] = index
    return index


def _save(session: Session, view: LiveView, index: IvfIndex, path: Path) -> None:
    try:
        index.save(path)
    except OSError as refused:  # a library on a read-only or full disk is searched all the same
        why = refused.strerror or refused
        session.notes.append(f"the IVF index could not be written ({why}): it will be built for every search")
        return
    if view.snapshot is None or not view.snapshot.exists():
        path.unlink(missing_ok=True)  # a writer has swapped the snapshot, and swept what lay beside it
