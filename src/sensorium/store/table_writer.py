"""One table as its writer sees it: every change is on the disk when its method returns."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa
from lance import LanceDataset
from lance.dataset import LanceOperation
from lance.fragment import write_fragments

from sensorium.store.datasets import damaged, open_newest
from sensorium.store.durable import FolderSync, full_disk_told, sync_folder
from sensorium.store.manifests import versions

_TRIES = 8
_CONFLICT = ("Retryable commit conflict", "CommitConflict", "Commit conflict")

# Rows of a fragment that compaction leaves alone. In passing (`tidy`) they are few, so that a row is rewritten some
# three times, not once for every few thousand rows that follow it.
_TIDY_ROWS = 32_768
_COMPACT_ROWS = 262_144


class TableWriter:
    """Appends to, changes and compacts one table. Whoever makes one holds the library's lock.

    Opening repairs: a newest version that a power cut left cut short is dropped, and `notes` says so.
    """

    def __init__(self, library: Path, name: str, schema: pa.Schema) -> None:
        self.library, self.folder, self.schema = library, library / f"{name}.lance", schema
        folder = self.folder
        self.notes: list[str] = []
        self._sync = FolderSync(folder)
        dataset, torn = open_newest(folder)
        for manifest in torn:
            manifest.unlink()
            self.notes.append(f"{folder}: its newest version was cut short and has been dropped")
        if dataset is None or torn:
            dataset = self._create() if dataset is None else lance.dataset(str(folder))
        self._dataset: LanceDataset = dataset

    def rows(self, *columns: str, row_ids: bool = False) -> pa.Table:
        """These columns of all rows, dead ones included; with `row_ids` also where Lance keeps them."""
        return self._read(columns=list(columns), with_row_id=row_ids)

    def rows_where(self, predicate: str) -> pa.Table:
        """All columns of the rows for which `predicate` is true."""
        return self._read(filter=predicate)

    def _read(self, **what: Any) -> pa.Table:
        try:
            return self._dataset.to_table(**what)
        except (OSError, ValueError) as error:
            raise damaged(self.folder, error) from error

    def append(self, rows: pa.Table) -> None:
        """Adds rows. Their bytes are on the disk before the version that names them is written."""
        rows = conform(rows, self.schema)

        def work(dataset: LanceDataset) -> LanceDataset:
            fragments = write_fragments(rows, dataset)
            self._sync.flush()
            return LanceDataset.commit(dataset, LanceOperation.Append(fragments), read_version=dataset.version)

        if rows.num_rows:
            self._change(work)

    def upsert(self, rows: pa.Table) -> None:
        """Adds rows, each in place of the one with its key (the schema's first column), in one version."""
        rows, key = conform(rows, self.schema), self.schema.names[0]

        def work(dataset: LanceDataset) -> LanceDataset:
            merge = dataset.merge_insert(key).when_matched_update_all().when_not_matched_insert_all()
            transaction, _ = merge.execute_uncommitted(rows)
            self._sync.flush()
            return LanceDataset.commit(dataset, transaction)

        if rows.num_rows:
            self._change(work)

    def delete(self, predicate: str) -> None:
        """Removes the rows for which `predicate` is true; their bytes stay until `compact`."""

        def work(dataset: LanceDataset) -> LanceDataset:
            dataset.delete(predicate)
            return dataset

        self._change(work)

    def version_count(self) -> int:
        """How many versions lie on the disk."""
        return len(versions(self.folder))

    def tidy(self) -> None:
        """Joins small fragments and drops old versions: what keeps manifests small while much is added."""
        self._compact(_TIDY_ROWS, threshold=0.1)

    def compact(self) -> None:
        """Rewrites what holds removed rows, joins fragments, and deletes every file that the last version lacks."""
        self._compact(_COMPACT_ROWS, threshold=0.0)

    def _compact(self, rows: int, *, threshold: float) -> None:
        def work(dataset: LanceDataset) -> LanceDataset:
            dataset.optimize.compact_files(target_rows_per_fragment=rows, materialize_deletions_threshold=threshold)
            return dataset

        def clean(dataset: LanceDataset) -> LanceDataset:
            # Nobody else writes: a file that no version names is no other writer's unfinished work.
            dataset.cleanup_old_versions(older_than=timedelta(0), delete_unverified=True)
            return dataset

        self._change(work)  # on the disk before the versions that it replaces go
        self._change(clean)
        self._drop_strays()

    def _drop_strays(self) -> None:
        """What a kill leaves and Lance never cleans: half-written manifests, transactions that came to nothing."""
        manifests = [path for _, path in versions(self.folder)]
        named = b"".join(path.read_bytes() for path in manifests)
        for path in (self.folder / "_versions").iterdir():
            if path not in manifests and path.suffix != ".json":
                path.unlink()
        for path in (self.folder / "_transactions").iterdir():
            if path.name.encode() not in named:
                path.unlink()

    def _create(self) -> LanceDataset:
        with full_disk_told(self.library):
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            dataset = lance.write_dataset(self.schema.empty_table(), str(self.folder), mode="create")
            self._sync.flush()
            sync_folder(self.folder.parent)
            sync_folder(self.library)
        return dataset

    def _change(self, work: Callable[[LanceDataset], LanceDataset]) -> None:
        """Does `work` and syncs, again when a foreign tool has written meanwhile.

        Raises `LibraryFull`, `LibraryDamaged` when the disk refuses.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                with full_disk_told(self.library):
                    self._dataset = work(self._dataset)
                    self._sync.flush()
                return
            except OSError as error:
                if attempt == _TRIES or not any(said in f"{type(error).__name__} {error}" for said in _CONFLICT):
                    raise damaged(self.folder, error) from error
                time.sleep(0.02 * attempt)
                self._dataset = lance.dataset(str(self.folder))


def conform(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Rows in the schema's column order and types. Raises KeyError or ValueError when they do not fit."""
    return rows.select(schema.names).cast(schema)
