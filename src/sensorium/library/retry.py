"""When a file that could not be read is worth another try: when other readers, or other limits, look at it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING

from sensorium.store.durable import write_json

if TYPE_CHECKING:
    from sensorium.library.memory import Budget
    from sensorium.readers.contract import Limits
    from sensorium.store.commit import Writer
    from sensorium.store.tables import Store

NAME = "readers.json"
ANY_TIME = -1  # the size that is noted for a skipped file that may be readable next time: no file has it
_EXTRAS = ("pillow", "av", "pillow-heif", "resvg-py")  # what can be read hangs on these


def fingerprint(limits: Limits, budget: Budget) -> str:
    """Changes with everything that decides whether a file can be read: readers, decoders, limits, memory."""
    from sensorium import __version__
    from sensorium.readers.registry import registered

    readers = {name: [point.value, point.dist.version if point.dist else ""] for name, point in registered().items()}
    extras = {name: _version(name) for name in _EXTRAS}
    told = [__version__, readers, extras, asdict(limits), asdict(budget)]
    return hashlib.blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=16).hexdigest()


def give_another_try(store: Store, writer: Writer, found: str) -> None:
    """Unless the library's last `add` had the same readers and limits, every file that was skipped is tried again.

    Not now, but when its folder is added; the caller holds the lock.
    """
    try:
        last = json.loads((store.path / NAME).read_text("utf-8"))["readers"]
    except (OSError, ValueError, LookupError, TypeError):  # none yet, or damaged: one more try does no harm
        last = None
    if last == found:
        return
    skipped = [{**row, "size": ANY_TIME} for row in store.skipped().to_pylist()]
    if skipped:
        writer.record_skipped(skipped)
        store.refresh()
    write_json(store.path / NAME, {"readers": found})


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
