"""Which item a file is: the one at its path, or the one whose content it has when that one's own path has lost it."""

from __future__ import annotations

from collections.abc import Iterator

from sensorium.library.census import Census
from sensorium.library.scan import Known, is_gone


class Homes:
    """Who is who in one run of `add`, file by file.

    A file with an item's content is that item if the item has nowhere else to be: its file is gone, or holds another
    item's content. While that cannot be said yet, since the item's path is still to be read, the file has to wait: so
    names may shift, swap and rotate, and every item keeps its id. `moved` are ids of items found elsewhere, `lost`
    items whose content is not where it was.
    """

    def __init__(self, census: Census) -> None:
        self._census = census
        self.moved: set[int] = set()
        self.lost: dict[int, Known] = {}
        self._unread = {found.path for found in census.todo}
        self._waiting: dict[str, str] = {}  # path: hash of the content
        self._homeless: set[int] = set()  # items whose paths wait: each holds another's content

    def own(self, path: str) -> Known | None:
        """The item that is at this path, unless this run has found it elsewhere."""
        known = self._census.known.get(path)
        return None if known is None or known.id in self.moved else known

    def home(self, path: str, digest: str) -> Known | None:
        """The item that this content at this path is; None when it is a new one, or new content of the path's own."""
        own = self.own(path)
        if own is not None and own.hash == digest:
            return own
        return next((known for known in self._census.hashes.get(digest, ()) if self._is_homeless(known)), None)

    def is_known(self, path: str, digest: str) -> bool:
        """Whether nothing needs to be read of a file for now."""
        return self.home(path, digest) is not None or self._may_wait(digest)

    def read(self, path: str) -> None:
        """Note that what a path holds is known now."""
        self._unread.discard(path)

    def waits(self, path: str, digest: str) -> bool:
        """Whether a file without a home has to wait for others; if so, it is one of `waiting`."""
        if not self._may_wait(digest):
            return False
        self._waiting[path] = digest
        return True

    def waiting(self) -> Iterator[tuple[str, str]]:
        """(path, hash) of the files that waited, now that all others are read."""
        self._homeless = {own.id for path in self._waiting if (own := self.own(path)) is not None}
        while self._waiting:
            path = next(iter(self._waiting))
            yield path, self._waiting.pop(path)
            own = self.own(path)
            if own is not None and own.id not in self.lost:
                self._homeless.discard(own.id)  # it stays, with new content

    def _may_wait(self, digest: str) -> bool:
        undecided = (known.path for known in self._census.hashes.get(digest, ()) if known.id not in self.moved)
        return any(path in self._unread or path in self._waiting for path in undecided)

    def _is_homeless(self, known: Known) -> bool:
        if known.id in self.moved:
            return False
        if known.id in self.lost or known.id in self._homeless or self._census.known[known.path] is not known:
            return True
        return is_gone(known.path)
