"""The models' home: a folder with a bundle for each model that was pulled or converted, and a lock file beside it.

    NAME/             the bundle
    NAME.lock.json    where it came from, what its files were, and the SHA-256 of its bundle.json
    downloads/ID/     what was or is being fetched, and what was put there by hand

`bundle.json` has the hash of every file of the bundle, and the lock has that of `bundle.json`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sensorium.core.errors import BundleDamaged
from sensorium.core.settings import models_home

DOWNLOADS = "downloads"
_MANIFEST = "bundle.json"


@dataclass(frozen=True, slots=True)
class Lock:
    """What was recorded of a model when it was first fetched and last installed.

    `files`: SHA-256 in hex by name; `commit`: the hub's, "" for a folder; `bundle`: SHA-256 of the bundle's
    description, "" until it is installed.
    """

    source: str
    commit: str
    files: Mapping[str, str]
    bundle: str = ""


def is_name(text: str) -> bool:
    """Whether a model may go by it: letters, digits, `.`, `_` and `-`, no dot in front, and not `downloads`."""
    return re.fullmatch(r"[\w-][\w.-]*", text) is not None and text != DOWNLOADS


def installed(name: str) -> Path | None:
    """The folder of an installed model, None when there is none by that name.

    Raises BundleDamaged when its description is not the one that was installed.
    """
    folder = models_home() / name
    if not is_name(name) or not (folder / _MANIFEST).is_file():
        return None
    lock = read_lock(name)
    if lock is not None and lock.bundle and lock.bundle != _digest(folder / _MANIFEST):
        raise BundleDamaged(
            f"bundle {folder} is damaged: {_MANIFEST} is not the one that was installed (its SHA-256 differs from that "
            f"in {lock_path(name).name}); {way_out(name)}"
        )
    return folder


def names() -> tuple[str, ...]:
    """The names of all installed models, sorted."""
    return tuple(sorted(p.parent.name for p in models_home().glob(f"*/{_MANIFEST}") if is_name(p.parent.name)))


def lock_path(name: str) -> Path:
    """Where the lock of a model lies."""
    return models_home() / f"{name}.lock.json"


def read_lock(name: str) -> Lock | None:
    """What was recorded of a model; None when nothing was. Raises BundleDamaged when it cannot be understood."""
    path = lock_path(name)
    try:
        said = json.loads(path.read_bytes())
        lock = Lock(said["source"], said["commit"], dict(said["files"]), said["bundle"])
        if not all(isinstance(text, str) for text in (lock.source, lock.commit, lock.bundle, *lock.files.values())):
            raise ValueError("a value is not text")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleDamaged(f"{path} cannot be read ({error}): delete it, and {way_out(name)}") from error
    return lock


def write_lock(name: str, lock: Lock) -> None:
    """Record, in one step that is done or not."""
    path = lock_path(name)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(json.dumps(asdict(lock), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def record_bundle(name: str, lock: Lock, folder: Path) -> None:
    """Record the bundle in `folder` as what is installed, or is going to be."""
    write_lock(name, replace(lock, bundle=_digest(folder / _MANIFEST)))


def way_out(name: str) -> str:
    """How to mend an installed model."""
    try:
        source = str(json.loads(lock_path(name).read_bytes())["source"])
    except (OSError, ValueError, KeyError, TypeError):
        source = ""  # not known any more, or never was: the name is what can be said
    again = f"sensorium models convert {source}" if Path(source).is_absolute() else f"sensorium models pull {name}"
    return f"run {again} --again"


def _digest(path: Path) -> str:
    from sensorium.encoders.bundle import digest

    return digest(path)
