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


def write_whole(path: Path, text: str) -> None:
    """Write a file in one step: whoever reads it sees the former one or the whole new one. A device is written into.

    Names of files may be no UTF-8: what is not becomes an escape. Raises OSError that names the file.
    """
    beside = path if path.exists() and not path.is_file() else path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, "utf-8", errors="backslashreplace")
        if beside != path:
            beside.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        if beside != path:
            beside.unlink(missing_ok=True)
