"""What is on the disk against what the library knows: the plan of an `add`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sensorium.core.errors import SourceMissing
from sensorium.core.types import Skipped
from sensorium.library.query import absolute
from sensorium.library.scan import Found, Known, by_path, file_at, is_under, known_items, roots_of, scan

if TYPE_CHECKING:
    from sensorium.library.session import Session

Stamp = tuple[int, float]


@dataclass
class Census:
    """Files and items, sorted by what has become of them.

    `known` has the item of each path, `hashes` all items by content, `skips` the (size, mtime) and the reason of each
    file that could not be read, `gaps` the items that are not done in a space in service. `todo` must be read, `back`
    are missing items whose file is there again as it was, `gone` are items without a file, `looked_at` are all paths
    whose state is certain.
    """

    known: dict[str, Known]
    hashes: dict[str, list[Known]]
    skips: dict[str, tuple[Stamp, str]]
    gaps: set[int] = field(default_factory=set)
    todo: list[Found] = field(default_factory=list)
    back: list[Known] = field(default_factory=list)
    gone: list[Known] = field(default_factory=list)
    unchanged: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    looked_at: set[str] = field(default_factory=set)

    def look(self, roots: list[Path], gone: list[Path], library: Path) -> None:
        """Walk the roots, then look at what is known below them or below `gone` and was not met.

        Those may be gone; or hidden, behind a link, or in a folder that may not be read, and named by themselves once.
        """
        for found in scan(roots, library):
            self._sort(found)
        named = {str(root) for root in (*roots, *gone)}
        for path in sorted((self.known.keys() | self.skips.keys()) - self.looked_at):
            if not is_under(path, named):
                continue
            try:
                found_by_name = file_at(path)
            except OSError:  # nobody can tell: neither there nor gone
                continue
            if found_by_name is not None:
                self._sort(found_by_name)
                continue
            self.looked_at.add(path)
            if path in self.known:
                self.gone.append(self.known[path])

    def _sort(self, found: Found) -> None:
        self.looked_at.add(found.path)
        if not _is_text(found.path):
            shown = os.fsencode(found.path).decode("utf-8", "backslashreplace")
            self.skipped.append(Skipped(shown, "its name is not UTF-8: rename it"))
            return
        stamp, known = (found.size, found.mtime), self.known.get(found.path)
        at, why = self.skips.get(found.path, (None, ""))
        if at == stamp:
            self.skipped.append(Skipped(found.path, why))
        elif known is None or (known.size, known.mtime) != stamp or known.id in self.gaps:
            self.todo.append(found)
        elif known.present:
            self.unchanged += 1
        else:
            self.back.append(known)


def take_census(session: Session, paths: Iterable[str | os.PathLike[str]]) -> Census:
    """Compare the disk with the library; SourceMissing for a path that is not there and never was."""
    items = known_items(session.store.items())
    skips = session.store.skipped()
    columns = (skips[name].to_pylist() for name in ("path", "size", "mtime", "why"))
    hashes: dict[str, list[Known]] = {}
    for known in items:
        hashes.setdefault(known.hash, []).append(known)
    unread = {p: ((s, m), w) for p, s, m, w in zip(*columns, strict=True)}
    census = Census(by_path(items), hashes, unread, session.gaps())
    census.look(*_roots(paths, census), session.store.path)
    return census


def _roots(paths: Iterable[str | os.PathLike[str]], census: Census) -> tuple[list[Path], list[Path]]:
    """Roots that exist, and files of items that do not."""
    there: list[str | os.PathLike[str]] = []
    gone: list[Path] = []
    for path in paths:
        try:
            roots_of([path])
        except SourceMissing:
            named = absolute(path)
            if named not in census.known and named not in census.skips:
                raise  # a folder that is gone may be a drive that is not mounted: never guessed at
            gone.append(Path(named))
        else:
            there.append(path)
    return roots_of(there), gone


def _is_text(path: str) -> bool:
    """Whether a table can hold it: names in no encoding are Python's surrogates, which are no text."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
