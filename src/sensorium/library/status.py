"""The verb `status`: a library at a glance."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sensorium.core.errors import BundleDamaged
from sensorium.core.types import SpaceStatus, Status

if TYPE_CHECKING:
    from sensorium.library.session import Session


def folder_bytes(folder: Path) -> int:
    """Bytes of all files under a folder; files that go away meanwhile count as nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(place) / name).lstat().st_size
            except FileNotFoundError:
                continue
    return total


def status(session: Session) -> Status:
    """Counts, spaces, bytes on the disk, and who is writing now."""
    from sensorium.store.lock import writing_now

    store = session.store
    store.refresh()
    items = store.items(columns=["kind", "state"]).to_pylist()
    kinds = Counter(i["kind"] for i in items if i["state"] == "present")
    settings, spaces = store.settings, []
    for space, said in settings.spaces.items():
        count = len(store.live_ids(space).parts)
        default = space == settings.default_space
        left, size = len(store.left(space)), space_bytes(session, space)
        known = SpaceStatus(space, said.model, said.dimension, count, default, space in settings.served, left)
        spaces.append(replace(known, precision=_precision(session, space), bytes=size))
    holder = writing_now(store.path)
    return Status(str(store.path), settings.format, sum(kinds.values()), len(items) - sum(kinds.values()),
                  _parts(session), store.skipped().num_rows, dict(sorted(kinds.items())), tuple(spaces),
                  folder_bytes(store.path), str(holder) if holder else None)  # fmt: skip


def _parts(session: Session) -> int:
    """How many parts are found in the spaces in service."""
    import numpy as np

    found = [session.store.live_ids(space).parts for space in session.store.settings.served]
    return len(np.unique(np.concatenate(found))) if found else 0


def space_bytes(session: Session, space: str) -> int:
    """What a space takes on the disk: its vectors, its index files, its bundle."""
    vectors = session.store.path / "vectors"
    tables = (vectors / f"{space}.lance", vectors / f"{space}.without.lance")
    return sum(map(folder_bytes, (*tables, session.indexes(space), session.bundle_of(space))))


def _precision(session: Session, space: str) -> str:
    """What the towers of a space run at on this machine, "" when its bundle is damaged."""
    from sensorium.encoders.bundle import Bundle

    try:
        bundle = Bundle.open(session.bundle_of(space))
    except BundleDamaged:
        return ""
    if space not in bundle.spaces:
        return ""
    if not any(tower.int8 is not None and tower.int8.good for tower in bundle.towers.values()):
        return "float32"
    precision = session.precision_in(bundle, space)
    if precision != "auto":
        return precision
    from sensorium.encoders.onnx import best_precision

    return best_precision()
