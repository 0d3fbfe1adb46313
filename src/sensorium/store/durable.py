"""Bytes that stay: fsync of files and folders, JSON written in one piece, and a full disk told from other errors."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sensorium.core.errors import LibraryFull

_FULL = ("No space left on device", "os error 28)", "Disk quota exceeded", "os error 122)")


def sync_file(path: Path) -> None:
    """Waits until the file's bytes are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Waits until the folder's names are on the disk; nothing to do where folders cannot be opened (Windows)."""
    if os.name != "nt":
        sync_file(path)


def write_json(path: Path, value: Mapping[str, Any], *, replace: bool = True) -> bool:
    """Writes `value` so that at any moment, a power cut included, `path` holds the old text or the new one.

    With `replace=False` a file that is already there, be it this instant, wins. Returns whether `value` was written.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with full_disk_told(path.parent):
        beside.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
        sync_file(beside)
        written = _put(beside, path, replace=replace)
        sync_folder(path.parent)
    return written


def _put(beside: Path, path: Path, *, replace: bool) -> bool:
    if replace:
        beside.replace(path)
        return True
    try:
        os.link(beside, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if path.exists():
            return False
        beside.replace(path)
    finally:
        with suppress(FileNotFoundError):
            beside.unlink()
    return True


@contextmanager
def full_disk_told(path: Path) -> Iterator[None]:
    """Turns what a full disk raises, from Python or from Lance, into `LibraryFull` naming `path`."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        if not _is_full(error):
            raise
        raise LibraryFull(
            f"{path}: the disk is full; free some space and run the same command again, it goes on from there"
        ) from error


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return any(said in str(error) for said in _FULL)


class FolderSync:
    """Brings to the disk what was added to a table's folder since the last time.

    Lance never calls fsync: after a power cut a manifest may be empty, or name a data file that is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known = dict(self._files())

    def flush(self) -> None:
        """Syncs the new files, then the folders that hold them."""
        now = dict(self._files())
        new = [path for path in now if path not in self._known]
        for path in new:
            with suppress(FileNotFoundError):  # a staging file that Lance has renamed meanwhile
                sync_file(Path(path))
        for folder in sorted({os.path.dirname(path) for path in new}):  # noqa: PTH120 - strings: this runs thrice a commit
            sync_folder(Path(folder))
        if new:
            sync_folder(self._folder)
        self._known = now

    def _files(self) -> Iterator[tuple[str, None]]:
        if not self._folder.is_dir():
            return
        for folder in os.scandir(self._folder):
            if folder.is_dir():
                # The hint is only a hint: Lance lists the folder when it is wrong.
                yield from ((file.path, None) for file in os.scandir(folder.path) if not file.name.endswith(".json"))
