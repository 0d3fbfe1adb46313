"""Paths as people give them."""

from __future__ import annotations

import os
from pathlib import Path


def at_home(path: str | os.PathLike[str]) -> Path:
    """The path with the home folder for `~`; `~name` stays as it is where nobody has that name."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser raises where nobody has the name


def absolute(path: str | os.PathLike[str]) -> Path:
    """The same from the root."""
    return at_home(path).absolute()
