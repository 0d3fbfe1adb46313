"""How long work tells its face how far it is. The library calls it; the command line draws it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives news of one long task; all methods are cheap and may be called from the working thread."""

    def start(self, what: str, total: int | None) -> None:
        """A task begins; `total` units of work, None while unknown."""

    def advance(self, done: int = 1, *, skipped: int = 0) -> None:
        """`done` more units are finished, `skipped` of them without success."""

    def finish(self) -> None:
        """The task is over."""


class Silent:
    """A `Progress` that says nothing."""

    def start(self, what: str, total: int | None) -> None:
        """Nothing to show."""

    def advance(self, done: int = 1, *, skipped: int = 0) -> None:
        """Nothing to show."""

    def finish(self) -> None:
        """Nothing to show."""
