"""IVF over the snapshot of a space: built when first asked for, kept beside it, rebuilt when it does not fit any more."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sensorium.core.errors import BadQuery
from sensorium.core.types import Metric

if TYPE_CHECKING:
    from sensorium.library.rows import LiveView
    from sensorium.library.session import Session

_IVF = re.compile(r"^ivf(?::(\d+),(\d+))?$")


def parse_ivf(index: str) -> tuple[int, int]:
    """(lists, probes) of `ivf` or `ivf:LISTS,PROBES`; 100 lists and 5 probes, as in the literature, unless said."""
    match = _IVF.match(index)
    if match is None:
        raise BadQuery(f"the index {index!r} is unknown: choose auto, exact, ivf or ivf:LISTS,PROBES")
    lists, probes = int(match[1] or 100), int(match[2] or 5)
    if lists < 1 or probes < 1:
        raise BadQuery(f"{index}: lists and probes must be at least 1")
    return lists, min(probes, lists)


def ivf_over(session: Session, view: LiveView, metric: Metric, lists: int, probes: int) -> Any:
    """The IVF index of this view's base, with the view's delta merged in."""
    from sensorium.indexes.files import IndexDamaged
    from sensorium.indexes.ivf import IvfIndex

    rows = view.base.arrays
    space = session.store.settings.default_space or ""
    path = session.indexes(f"{space}.ivf") / f"{metric}-{lists}.ivf"
    try:
        index = IvfIndex.load(path, rows["parts"], rows["vectors"], rows["norms"])
    except IndexDamaged as damage:
        if path.exists():
            session.notes.append(f"the IVF index was stale or damaged ({damage}) and has been built again")
        index = IvfIndex.build(rows["parts"], rows["vectors"], metric, lists, probes)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            index.save(path)
        except OSError as refused:  # a library on a read-only or full disk is searched all the same
            session.notes.append(f"the IVF index could not be written ({refused.strerror or refused}); searching without it")
    index.probes = min(probes, index.lists)
    if index.note:
        session.notes.append(index.note)
    return view.over(index, metric)
