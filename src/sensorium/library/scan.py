"""What lies in the folders that are added, and what the library knows of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from sensorium.library.query import ROWS, local_path

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Found:
    """A file on the disk: absolute path, size in bytes, mtime in seconds since 1970."""

    path: str
    size: int
    mtime: float


@dataclass(frozen=True, slots=True)
class Known:
    """An item as the items table has it."""

    id: int
    path: str
    hash: str
    size: int
    mtime: float
    present: bool
    title: str


def roots_of(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Absolute paths that exist, without those that lie within another of them; SourceMissing otherwise."""
    absolute = {str(local_path(p)) for p in paths}
    return [Path(p) for p in sorted(absolute) if not any(q in absolute for q in islice(with_parents(p), 1, None))]


def file_at(path: str) -> Found | None:
    """The file at a path, None when there is none (any more); OSError when that cannot be told, as of a table's row."""
    if path.startswith(ROWS):
        raise OSError(f"{path} is no file")
    try:
        said = os.stat(path)  # noqa: PTH116 - hot, and paths are strings here
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Found(path, said.st_size, said.st_mtime) if stat.S_ISREG(said.st_mode) else None


def is_gone(path: str) -> bool:
    """Whether there is certainly no file at a path; a file that cannot be looked at is not gone."""
    try:
        return file_at(path) is None
    except OSError:
        return False


def scan(roots: Iterable[Path], library: Path) -> Iterator[Found]:
    """Every file under the roots in a fixed order, without hidden ones, links to folders, and libraries.

    A folder that may not be read is passed over; so is a file that goes away meanwhile.
    """
    for root in roots:
        if root.is_dir():
            yield from _walk(str(root), str(library))
        elif (found := file_at(str(root))) is not None:
            yield found


def _walk(folder: str, library: str) -> Iterator[Found]:
    open_folders = [_entries(folder)]
    while open_folders:
        entry = next(open_folders[-1], None)
        if entry is None:
            open_folders.pop()
        elif entry.name.startswith("."):
            continue
        elif entry.is_dir(follow_symlinks=False):
            if entry.path != library and not _is_library(entry):
                open_folders.append(_entries(entry.path))
        else:
            with suppress(OSError):  # a link in a circle, or into a folder that may not be read
                if (found := file_at(entry.path)) is not None:
                    yield found


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return iter(sorted(entries, key=lambda entry: entry.name))
    except OSError:  # its items are not taken for gone: `Census` looks at each by itself
        return iter(())


def _is_library(folder: os.DirEntry[str]) -> bool:
    inside = (f"{folder.path}/library.json", f"{folder.path}/items.lance")
    return folder.name.endswith(".library") or all(os.path.exists(name) for name in inside)  # noqa: PTH110 - raises not


def with_parents(path: str) -> Iterator[str]:
    """The absolute path, then the folders that it lies in, up to the root."""
    yield path
    while (parent := os.path.dirname(path)) != path:  # noqa: PTH120 - hot, and paths are strings here
        yield parent
        path = parent


def is_under(path: str, roots: Container[str]) -> bool:
    """Whether an absolute path is one of the roots or lies within one; as quick with many roots as with one."""
    return any(folder in roots for folder in with_parents(path))


def known_items(table: pa.Table) -> list[Known]:
    """The items table, by ascending id."""
    columns = (table[n].to_pylist() for n in ("id", "path", "hash", "size", "mtime", "state", "title"))
    return [Known(i, p, h, s, m, state == "present", t) for i, p, h, s, m, state, t in zip(*columns, strict=True)]


def by_path(items: Iterable[Known]) -> dict[str, Known]:
    """The item of each path: where several had the same, one after the other, the present one, else the newest."""
    return {known.path: known for known in sorted(items, key=lambda known: (known.present, known.id))}
