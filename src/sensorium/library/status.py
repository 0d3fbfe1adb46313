"""The verb `status`: a library at a glance."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

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
    settings, spaces, parts = store.settings, [], 0
    for space, said in settings.spaces.items():
        count = len(store.live_ids(space).parts)
        default = space == settings.default_space
        parts = count if default else parts
        spaces.append(SpaceStatus(space, said.model, said.dimension, count, default))
    holder = writing_now(store.path)
    return Status(str(store.path), settings.format, sum(kinds.values()), len(items) - sum(kinds.values()), parts,
                  store.skipped().num_rows, dict(sorted(kinds.items())), tuple(spaces), folder_bytes(store.path),
                  str(holder) if holder else None)  # fmt: skip
