"""Writing: the item row is the commit. Kill it anywhere, and each item is the old one or the new one."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sensorium.core.errors import LibraryLocked, SpaceMismatch
from sensorium.store.library_json import NAME, change_settings, read_settings
from sensorium.store.live import column
from sensorium.store.lock import Lock
from sensorium.store.manifests import vectors_folder, without
from sensorium.store.schemas import ITEMS, PARTS, SKIPPED, WITHOUT, rows_table, vectors_schema
from sensorium.store.sweep import listed, sweep
from sensorium.store.table_writer import TableWriter
from sensorium.store.tables import Store

# Opening reads one small file a fragment, and every version keeps a manifest that names them all.
_TIDY_VERSIONS = 24
# Ends the name of a table that is being deleted.
_DROPPED = ".dropped"


def new_revision() -> int:
    """A random number for one write of one item: what a killed run left can never be taken for it."""
    return secrets.randbits(63)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Items with all their parts, and the parts' vectors by space: what is written in one commit.

    Tables with the columns of `schemas`; each part and vector names the item and the revision of its item row.
    `without` has by space the items in which there is nothing for it.
    """

    items: pa.Table
    parts: pa.Table
    vectors: Mapping[str, pa.Table] = field(default_factory=dict)
    without: Mapping[str, pa.Table] = field(default_factory=dict)


class Writer:
    """The one writer of a library; `lock` is held. Making one repairs and sweeps what a killed writer left.

    Every method's effect is on the disk when it returns. All raise `LibraryFull` on a full disk; what was begun then is
    swept by the next writer.
    """

    def __init__(self, store: Store, lock: Lock) -> None:
        if not lock.held:
            raise LibraryLocked(f"{store.path}: to write, acquire the library's lock first")
        self._path = store.path
        for left in self._path.glob(f"{NAME}.*.tmp"):
            left.unlink()
        for left in (self._path / "vectors").glob(f"*{_DROPPED}"):
            shutil.rmtree(left)
        self._items = TableWriter(self._path, "items", ITEMS)
        self._parts = TableWriter(self._path, "parts", PARTS)
        self._skipped = TableWriter(self._path, "skipped", SKIPPED)
        self._spaces: dict[str, TableWriter] = {}
        for space in read_settings(self._path).spaces:
            self._space(space)
            if vectors_folder(self._path, without(space)).is_dir():
                self._without(space)
        store.notes += self.notes
        self.sweep()
        settings = read_settings(self._path)
        self._top_id = max(settings.high_id, _top(self._items))
        self._top_part = max(settings.high_part, _top(self._parts))
        self._next_id, self._next_part = self._top_id, self._top_part

    @property
    def notes(self) -> list[str]:
        """What had to be repaired."""
        return [note for table in self._tables() for note in table.notes]

    def next_id(self) -> int:
        """The id of the next new item: one more than the last, and never one that an item ever had."""
        self._next_id += 1
        return self._next_id

    def next_part_id(self) -> int:
        """The id of the next part. A part of a changed item gets a new one."""
        self._next_part += 1
        return self._next_part

    def commit(self, batch: Batch) -> None:
        """Writes new and changed items: vectors, then parts, then the item rows, which make it all count."""
        self.write_vectors(batch)
        self.write_parts(batch)
        self.write_items(batch)
        self._tidy_when_due()

    def write_vectors(self, batch: Batch) -> None:
        """The first third of `commit`. Raises `SpaceMismatch`."""
        for space, rows in batch.vectors.items():
            self._space(space).append(rows)
        for space, rows in batch.without.items():
            self._without(space).append(rows)

    def write_parts(self, batch: Batch) -> None:
        """The second third of `commit`."""
        self._parts.append(batch.parts)

    def write_items(self, batch: Batch) -> None:
        """The last third of `commit`: from here on the items are in, or changed."""
        ids = column(batch.items, "id")
        last = int(column(batch.parts, "id").max(initial=0))
        if last <= self._top_part and np.any(ids <= self._top_id):
            # The parts of the changed items are about to die, and with them perhaps the highest id.
            self._seal()
        self._items.upsert(batch.items)
        self._top_id = max(self._top_id, int(ids.max(initial=0)))
        self._top_part = max(self._top_part, last)

    def fill(self, batch: Batch) -> None:
        """Gives items that are in vectors of a further space, and the parts that they lack; `items` is not looked at.

        The vectors come last and in one version: a part without one is not found, and is there for the next try.
        """
        self._parts.append(batch.parts)
        self._top_part = max(self._top_part, int(column(batch.parts, "id").max(initial=0)))
        self.write_vectors(batch)
        self._tidy_when_due()

    def drop(self, space: str) -> int:
        """Deletes a space that is not in service, with the parts that only it had; returns how many vectors it had.

        A kill leaves it as it was, or empty and still named: then it is dropped once more.
        """
        count = len(self._space(space).rows("part"))
        for name in (space, without(space)):
            self._spaces.pop(name, None)
            folder = vectors_folder(self._path, name)
            if folder.is_dir():
                folder.rename(folder.with_suffix(_DROPPED))
        spaces = {name: said for name, said in read_settings(self._path).spaces.items() if name != space}
        change_settings(self._path, spaces=spaces)
        for left in (self._path / "vectors").glob(f"*{_DROPPED}"):
            shutil.rmtree(left)
        self._sweep_parts()
        return count

    def update_items(self, rows: pa.Table) -> None:
        """Changes columns of items (`state`, `path`, `attributes`): `rows` has `id` and those; unknown ids are ignored.

        In one version: all of them change, or none.
        """
        ids = column(rows, "id")
        old = [self._items.rows_where(f"id IN ({some})") for some in listed(ids)]
        if old:
            whole = pa.concat_tables(old)
            new = rows.take(pc.index_in(whole["id"], value_set=rows["id"].combine_chunks()))
            for name in new.column_names:
                field = ITEMS.field(name)
                whole = whole.set_column(whole.schema.get_field_index(name), field, new[name].cast(field.type))
            self._items.upsert(whole)
        self._tidy_when_due()

    def record_skipped(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Notes files that could not be read: path, size, mtime, why. A path that is there already is replaced."""
        last = {row["path"]: row for row in rows}
        self._skipped.upsert(rows_table(SKIPPED, last.values()))
        self._tidy_when_due()

    def forget_skipped(self, paths: Sequence[str]) -> None:
        """Takes files off the list of those that could not be read; others are ignored."""
        rows = self._skipped.rows("path", row_ids=True)
        found = np.isin(rows["path"].to_numpy(zero_copy_only=False).astype(object), list(paths))
        for some in listed(column(rows, "_rowid")[found]):
            self._skipped.delete(f"_rowid IN ({some})")

    def remove(self, item_ids: Iterable[int]) -> int:
        """Removes items with all that belongs to them, and returns how many there were. Bytes go with `compact`."""
        ids = np.intersect1d(column(self._items.rows("id"), "id"), np.fromiter(item_ids, np.int64))
        if len(ids):
            self._seal()
            for some in listed(ids):
                self._items.delete(f"id IN ({some})")
            self.sweep()
            self._tidy_when_due()
        return len(ids)

    def sweep(self) -> int:
        """Deletes the parts and vectors that no item row names; returns how many rows."""
        return sweep(self._items, [self._parts, *self._spaces.values()])

    def _sweep_parts(self) -> None:
        """Deletes the parts that no space has a vector for: what a dropped space, or a killed filling, leaves."""
        spaces = [table for name, table in self._spaces.items() if name in read_settings(self._path).spaces]
        rows = self._parts.rows("id", row_ids=True)
        known = np.concatenate([np.empty(0, np.int64), *(column(table.rows("part"), "part") for table in spaces)])
        dead = column(rows, "_rowid")[~np.isin(column(rows, "id"), known)]
        if len(dead):
            self._seal()
        for some in listed(dead):
            self._parts.delete(f"_rowid IN ({some})")

    def compact(self) -> None:
        """Sweeps, joins fragments, and deletes old versions and stray files: no byte of what was removed is left."""
        self.sweep()
        self._sweep_parts()
        for table in self._tables():
            table.compact()

    def _tidy_when_due(self) -> None:
        for table in self._tables():
            if table.version_count() > _TIDY_VERSIONS:
                table.tidy()

    def _seal(self) -> None:
        """Notes the highest ids in `library.json`, so that they are not given out again when their rows are gone."""
        settings = read_settings(self._path)
        if settings.high_id < self._top_id or settings.high_part < self._top_part:
            change_settings(self._path, high_id=self._top_id, high_part=self._top_part)

    def _tables(self) -> list[TableWriter]:
        return [self._items, self._parts, self._skipped, *self._spaces.values()]

    def _space(self, space: str) -> TableWriter:
        if space not in self._spaces:
            said = read_settings(self._path).spaces.get(space)
            if said is None:
                raise SpaceMismatch(f"{self._path}: has no space {space}; it must be added before vectors are written")
            schema = vectors_schema(said.dimension, said.storage)
            self._spaces[space] = TableWriter(self._path, f"vectors/{space}", schema)
        return self._spaces[space]

    def _without(self, space: str) -> TableWriter:
        name = without(space)
        if name not in self._spaces:
            self._spaces[name] = TableWriter(self._path, f"vectors/{name}", WITHOUT)
        return self._spaces[name]


def _top(table: TableWriter) -> int:
    return int(column(table.rows("id"), "id").max(initial=0))
