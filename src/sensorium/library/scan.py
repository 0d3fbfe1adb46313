"""What lies in the folders that are added, and how it compares with what the library knows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sensorium.library.query import local_path

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
    """What the items table says of a path."""

    id: int
    path: str
    hash: str
    size: int
    mtime: float
    present: bool
    title: str


def roots_of(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Absolute paths that exist, without those that lie within another of them; SourceMissing otherwise."""
    absolute = sorted({Path(os.path.abspath(local_path(p))) for p in paths})
    return [p for p in absolute if not any(other in p.parents for other in absolute)]


def _walk(folder: str, leave_out: str) -> Iterator[Found]:
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda e: e.name)
    for entry in ordered:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if entry.path != leave_out and not entry.name.endswith(".library"):
                yield from _walk(entry.path, leave_out)
        elif entry.is_file():
            stat = entry.stat()
            yield Found(entry.path, stat.st_size, stat.st_mtime)


def scan(roots: Iterable[Path], library: Path) -> Iterator[Found]:
    """Every file under the roots in a fixed order, without hidden ones, links to folders, and libraries.

    A folder that may not be read is passed over: its items are not taken for gone, since nothing was seen.
    """
    for root in roots:
        if root.is_dir():
            yield from _walk(str(root), str(library))
        else:
            stat = root.stat()
            yield Found(str(root), stat.st_size, stat.st_mtime)


def is_under(path: str, roots: Iterable[Path]) -> bool:
    """Whether a path is one of the roots or lies within one."""
    return any(path == (r := str(root)) or path.startswith(r.rstrip(os.sep) + os.sep) for root in roots)


def known_items(table: pa.Table) -> dict[str, Known]:
    """The items table by path."""
    columns = (table[n].to_pylist() for n in ("id", "path", "hash", "size", "mtime", "state", "title"))
    return {p: Known(i, p, h, s, m, state == "present", t) for i, p, h, s, m, state, t in zip(*columns, strict=True)}
