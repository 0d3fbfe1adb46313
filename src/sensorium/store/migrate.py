"""Older libraries become today's by numbered steps; newer ones are refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from sensorium.core.errors import LibraryDamaged
from sensorium.store.durable import write_json
from sensorium.store.library_json import FORMAT, NAME, raw_settings, read_format, refuse_newer
from sensorium.store.lock import Lock

Step = Callable[[Path], None]


def _name_the_hash(library: Path) -> None:
    """Format 2 says what its files are hashed with; before, it was always this."""
    write_json(library / NAME, {"hashed_with": "blake2b", **raw_settings(library)})


def _name_what_is_served(library: Path) -> None:
    """Format 3 has several spaces, which older code would not keep alike; before, the one there was is the default."""
    write_json(library / NAME, {"beside": [], "previous_space": None, **raw_settings(library)})


# STEPS[n] makes a library of format n + 1 from one of format n. A step may be killed and run again from its start.
STEPS: dict[int, Step] = {1: _name_the_hash, 2: _name_what_is_served}


def migrate(library: Path, *, steps: Mapping[int, Step] = STEPS, target: int = FORMAT, wait: float = 60.0) -> bool:
    """Brings the library to format `target`; returns whether there was anything to do.

    Each step is sealed by its number in `library.json`, under the writer's lock. Raises `LibraryTooNew` with both
    numbers, `LibraryDamaged` when a step is not known, `LibraryLocked`.
    """
    found = read_format(library)
    refuse_newer(library, found, target)
    if found == target:
        return False
    with Lock(library, f"migrating to format {target}").acquire(wait):
        for number in range(read_format(library), target):
            if number not in steps:
                raise LibraryDamaged(
                    f"{library}: there is no way from format {number} to {number + 1}; add the files to a new library"
                )
            steps[number](library)
            write_json(library / NAME, {**raw_settings(library), "format": number + 1})
    return True
