"""The library's tables as a reader sees them. Opening loads neither Lance nor Arrow; the first table read does."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sensorium.core.errors import LibraryDamaged, LibraryMissing
from sensorium.store import manifests
from sensorium.store.library_json import (
    NAME,
    LibrarySettings,
    Space,
    change_settings,
    create_settings,
    read_settings,
)
from sensorium.store.migrate import migrate

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from lance import LanceDataset
    from numpy.typing import NDArray

    from sensorium.store.datasets import Tables
    from sensorium.store.live import LiveIds, LiveRows

T = TypeVar("T")

# What a reader finds gone because a writer compacted is there again, elsewhere, as soon as it opens the newest version.
_TRIES = 10


class Store:
    """A library for reading: one version of its tables, until `refresh`.

    Any number of stores in any number of processes read while one writer writes. A version that a writer has compacted
    away under a reader is replaced by the newest one, silently. `notes` says what was odd on opening.
    """

    def __init__(self, path: Path, settings: LibrarySettings) -> None:
        self._path, self._settings = path, settings
        self._opened: Tables | None = None
        self.notes: list[str] = []

    @classmethod
    def create(cls, path: str | os.PathLike[str]) -> Store:
        """Makes an empty library at `path`, or opens the one that is there.

        Raises `LibraryMissing` when `path` is a file, or a folder of other things: a library is a folder of its own.
        """
        path = Path(path).absolute()
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LibraryMissing(f"{path}: cannot be made ({error.strerror}); name another path") from error
        if not (path / NAME).exists():
            foreign = [entry.name for entry in path.iterdir() if not entry.name.startswith((".", "lock", NAME))]
            if foreign:
                raise LibraryMissing(f"{path}: holds other things ({foreign[0]}) and is no library; name a new folder")
            create_settings(path)
        return cls.open(path)

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, create: bool = False) -> Store:
        """Opens the library at `path`; with `create`, makes it when there is none. An older format is migrated.

        Raises `LibraryMissing`, `LibraryTooNew`, `LibraryDamaged`.
        """
        path = Path(path).absolute()
        if create and not (path / NAME).exists():
            return cls.create(path)
        migrate(path)
        return cls(path, read_settings(path))

    @property
    def path(self) -> Path:
        """The library's folder."""
        return self._path

    @property
    def settings(self) -> LibrarySettings:
        """What `library.json` said at the last `refresh`."""
        return self._settings

    @property
    def version(self) -> str:
        """The token of the version that is read: older than `token()` when a writer has been at work."""
        return self._opened.token if self._opened else self.token()

    def token(self, space: str | None = None) -> str:
        """A stamp of the library as it is now on the disk: changes with every table and with `library.json`.

        With `space`, with what a search of that space depends on.
        """
        return manifests.token(self._path, space)

    def refresh(self) -> bool:
        """Goes to the newest version; cheap when nothing has changed. Returns whether the tables will be read anew."""
        self._settings = read_settings(self._path)
        moved = self._opened is not None and self._opened.token != self.token()
        if moved:
            self._opened = None
        return moved

    def add_space(self, space: str, model: str, dimension: int, storage: str, *, default: bool) -> None:
        """Names a space in `library.json`, and makes it the default one if told so. The caller holds the lock."""
        self.add_spaces({space: Space(model, dimension, storage)}, **({"default_space": space} if default else {}))

    def add_spaces(self, spaces: Mapping[str, Space], **changes: Any) -> None:
        """Names spaces in `library.json`, with other `changes` of it in the same write. The caller holds the lock."""
        known = read_settings(self._path).spaces
        self._settings = change_settings(self._path, spaces={**known, **spaces}, **changes)

    def serve(self, default: str, beside: Sequence[str], previous: str | None) -> None:
        """Puts spaces into service, and all others out of it, in one atomic write. The caller holds the lock."""
        others = tuple(space for space in dict.fromkeys(beside) if space != default)
        self._settings = change_settings(self._path, default_space=default, beside=others, previous_space=previous)

    def items(self, where: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """The items for which the SQL expression `where` is true, sorted by id, missing ones included.

        Raises `BadWhere`; KeyError for a column that items do not have.
        """
        from sensorium.store.schemas import ITEMS
        from sensorium.store.where import select

        names = list(columns or ITEMS.names)
        wanted = [ITEMS.field(name).name for name in dict.fromkeys(["id", *names])]

        def rows(items: LanceDataset) -> pa.Table:
            return items.to_table(columns=wanted) if where is None else select(items, where, wanted)

        return self._reading(lambda tables: tables.read("items", ITEMS, rows).sort_by("id").select(names))

    def skipped(self) -> pa.Table:
        """The files that could not be read, and why."""
        from sensorium.store.schemas import SKIPPED

        return self._reading(lambda tables: tables.read("skipped", SKIPPED, lambda rows: rows.to_table()))

    def live(self, space: str, columns: Sequence[str] | None = None) -> LiveRows:
        """All parts of `space` that count, with their vectors, and the items of the same version.

        `columns` are those of the items table that are wanted, all if not given. KeyError for an unknown space.
        """
        return self._live(space, None, columns)

    def rows(self, space: str, part_ids: NDArray[np.int64], columns: Sequence[str] | None = None) -> LiveRows:
        """As `live`, for these parts alone; those that no longer count are left out."""
        return self._live(space, part_ids, columns)

    def live_ids(self, space: str) -> LiveIds:
        """The ids of all parts of `space` that count: what an index should hold. Reads no vector."""
        from sensorium.store import live

        return self._reading(lambda tables: live.live_ids(tables, space))

    def left(self, space: str) -> NDArray[np.int64]:
        """The ids of the items, missing ones included, that are not done in `space`: what there is to fill."""
        from sensorium.store import live

        return self._reading(lambda tables: live.left(tables, space))

    def parts_of(self, items: NDArray[np.int64] | None, columns: Sequence[str]) -> pa.Table:
        """The parts that count, of `items` or of all, by id: `id`, `item`, `revision` and these `columns`."""
        from sensorium.store import live

        return self._reading(lambda tables: live.parts_of(tables, items, columns))

    def previews(self, part_ids: Sequence[int]) -> dict[int, bytes]:
        """The small WebP pictures of these parts; those without one are left out."""
        from sensorium.store import live

        return self._reading(lambda tables: live.previews(tables, part_ids))

    def _live(self, space: str, only: NDArray[np.int64] | None, columns: Sequence[str] | None) -> LiveRows:
        from sensorium.store import live
        from sensorium.store.schemas import ITEMS

        said, names = self._settings.spaces[space], columns or ITEMS.names
        return self._reading(lambda tables: live.live_rows(tables, space, said, only, columns=names))

    def _reading(self, work: Callable[[Tables], T]) -> T:
        """Does `work`, again on the newest version when a writer has removed what it was reading."""
        from sensorium.store.datasets import Tables, damaged

        for attempt in range(_TRIES):
            if self._opened is None:
                self._opened = Tables.open(self._path)
                self.notes += [note for note in self._opened.notes if note not in self.notes]
            seen = self._opened.token
            try:
                return work(self._opened)
            except (OSError, ValueError, RuntimeError) as error:
                self._opened = None
                if attempt and self.token() == seen:
                    raise damaged(self._path, error) from error
        raise LibraryDamaged(f"{self._path}: changes faster than it can be read; try again when the writer is done")
