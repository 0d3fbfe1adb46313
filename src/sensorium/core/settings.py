"""Where things lie, and what the environment says: `SENSORIUM_LIBRARY`, `_MODEL`, `_MODELS`, `_PRECISION`, `_CACHE`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sensorium.core.errors import BadPrecision
from sensorium.core.paths import absolute
from sensorium.core.types import PRECISIONS, Precision

DEFAULT_MODEL = "starter"


def data_home() -> Path:
    """The per-user folder of this platform that libraries go into by name."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "sensorium"
    if sys.platform == "darwin":
        return Path.home() / "Library/Application Support/sensorium"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "sensorium"


def cache_home() -> Path:
    """The per-user folder of what can be made again: `SENSORIUM_CACHE`, else the platform's own."""
    if named := os.environ.get("SENSORIUM_CACHE"):
        return absolute(named)
    if sys.platform == "win32":
        return data_home() / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/sensorium"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sensorium"


def library_path(given: str | os.PathLike[str] | None = None) -> Path:
    """The library that is meant: `given`, else `SENSORIUM_LIBRARY`, else `default` in the per-user folder.

    A bare word (no separator, no dot) is a name in the per-user folder, unless such a folder exists right here.
    """
    text = os.fspath(given) if given is not None else os.environ.get("SENSORIUM_LIBRARY") or "default"
    bare = not ({os.sep, "/", "."} & set(text)) and not text.startswith("~")
    if bare and not Path(text).is_dir():
        return data_home() / f"{text}.library"
    return absolute(text)


def models_home() -> Path:
    """The folder that models are installed in, by name: `SENSORIUM_MODELS`, else `models` in the per-user folder."""
    named = os.environ.get("SENSORIUM_MODELS")
    return absolute(named) if named else data_home() / "models"


def default_model() -> str:
    """`SENSORIUM_MODEL`, else the built-in bundle."""
    return os.environ.get("SENSORIUM_MODEL") or DEFAULT_MODEL


def precision_of(given: str | None = None) -> Precision:
    """What towers run at: `given`, else `SENSORIUM_PRECISION`, else `auto`. Raises BadPrecision."""
    said = given if given is not None else os.environ.get("SENSORIUM_PRECISION") or "auto"
    for precision in PRECISIONS:
        if said == precision:
            return precision
    where = "the precision" if given is not None else "SENSORIUM_PRECISION"
    raise BadPrecision(f"{where} is {said!r}, which there is none of: choose one of {', '.join(PRECISIONS)}")
