"""Small pictures of files for a report, made by the readers as a library makes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sensorium.core.errors import Unreadable
from sensorium.library.prepared import preview_of

if TYPE_CHECKING:
    from sensorium.core.types import Part

_LOOKED_AT = 4  # parts of a file: the first of them that has a picture is shown


class Previews:
    """Previews by path, each made once: `previews(path)` is a small WebP, or None where a file shows nothing.

    Files are read in worker processes; leave the context to end them. `unreadable` are the paths that could not be
    read, and why.
    """

    def __init__(self) -> None:
        """Nothing is started yet."""
        from sensorium.core.machine import available_cores
        from sensorium.library.memory import Budget
        from sensorium.readers.contract import Limits
        from sensorium.readers.workers import Make, Workers

        make = Make(f"{preview_maker.__module__}:{preview_maker.__name__}", {})
        self._workers = Workers(Budget.of(None, available_cores()).worker_bytes, make)
        self._limits = replace(Limits(), max_parts=_LOOKED_AT)
        self._made: dict[str, bytes | None] = {}
        self.unreadable: dict[str, str] = {}

    def __enter__(self) -> Previews:
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.close()

    def __call__(self, path: str) -> bytes | None:
        """The preview of the file at `path`."""
        if path not in self._made:
            self._made[path] = self._make(path)
        return self._made[path]

    def _make(self, path: str) -> bytes | None:
        from sensorium.readers.contract import Source

        try:
            rows = self._workers.read(Source.from_path(path), self._limits)[1]
            return next((row["preview"] for row in rows if row["preview"] is not None), None)
        except Unreadable as error:
            self.unreadable[path] = error.why
            return None


def preview_maker() -> Callable[[Part], dict[str, Any]]:
    """What makes the preview of a part. Called in a worker process, by its name."""

    def fields(part: Part) -> dict[str, Any]:
        return {"modality": part.modality, "preview": preview_of(part)}

    return fields
