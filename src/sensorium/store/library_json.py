"""`library.json`: what a library is, in one small file that is written in one piece."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sensorium.core.errors import LibraryDamaged, LibraryMissing, LibraryTooNew
from sensorium.store.durable import write_json

FORMAT = 3
NAME = "library.json"


@dataclass(frozen=True, slots=True)
class Space:
    """The vectors of one bundle: its name, their dimension, and `float16` or `float32` as they are stored."""

    model: str
    dimension: int
    storage: str


@dataclass(frozen=True, slots=True)
class LibrarySettings:
    """What `library.json` says.

    `high_id` and `high_part` are ids below which none may be given out again, `hashed_with` what makes the hashes of
    its files. Every `add` fills the spaces in service: `default_space`, and those `beside` it. `previous_space` was the
    default one before.
    """

    format: int = FORMAT
    created_at: float = field(default_factory=time.time)
    high_id: int = 0
    high_part: int = 0
    hashed_with: str = "blake3"
    default_space: str | None = None
    spaces: Mapping[str, Space] = field(default_factory=dict)
    beside: tuple[str, ...] = ()
    previous_space: str | None = None

    @property
    def served(self) -> tuple[str, ...]:
        """The spaces in service, the default one first."""
        return () if self.default_space is None else (self.default_space, *self.beside)


def read_format(folder: Path) -> int:
    """The library's format number. Raises `LibraryMissing`, `LibraryDamaged`."""
    return int(raw_settings(folder)["format"])


def read_settings(folder: Path) -> LibrarySettings:
    """What `library.json` in `folder` says. Raises `LibraryMissing`, `LibraryTooNew`, `LibraryDamaged`."""
    values = raw_settings(folder)
    refuse_newer(folder, int(values["format"]))
    try:
        spaces = {name: Space(**space) for name, space in values.pop("spaces").items()}
        return LibrarySettings(**{**values, "spaces": spaces, "beside": tuple(values.get("beside", ()))})
    except (KeyError, TypeError, AttributeError) as error:
        raise _damaged(folder, str(error)) from error


def refuse_newer(folder: Path, found: int, known: int = FORMAT) -> None:
    """Raises `LibraryTooNew` with both numbers when `found` is beyond what this Sensorium knows."""
    if found > known:
        raise LibraryTooNew(
            f"{folder}: the library has format {found} and this Sensorium reads up to format {known}; "
            "install a newer one (pip install --upgrade sensorium)"
        )


def create_settings(folder: Path) -> None:
    """Writes a fresh `library.json`, unless another process was first."""
    write_json(folder / NAME, asdict(LibrarySettings()), replace=False)


def change_settings(folder: Path, **changes: Any) -> LibrarySettings:
    """Reads, changes and writes `library.json` in one atomic step; the caller holds the lock."""
    settings = replace(read_settings(folder), **changes)
    write_json(folder / NAME, asdict(settings))
    return settings


def raw_settings(folder: Path) -> dict[str, Any]:
    """`library.json` as it is, of whatever format. Raises `LibraryMissing`, `LibraryDamaged`."""
    try:
        values = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise LibraryMissing(f"{folder}: no library here; make one with: sensorium add FOLDER") from error
    except (OSError, ValueError) as error:
        raise _damaged(folder, str(error)) from error
    if not isinstance(values, dict) or not isinstance(values.get("format"), int):
        raise _damaged(folder, "it names no format")
    return values


def _damaged(folder: Path, why: str) -> LibraryDamaged:
    return LibraryDamaged(
        f"{folder / NAME}: cannot be read ({why}); put it back from a backup, or remove the library and add again"
    )
