"""Lance tables opened for reading, each at its newest whole version. A plain search never loads this module."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import lance
import pyarrow as pa
from lance import LanceDataset

from sensorium.core.errors import LibraryDamaged
from sensorium.store.manifests import ends_well, table_folders, token, versions

# A writer moves the items about once a second, opening takes milliseconds: three is already rare.
_TRIES = 20


class Moved(Exception):
    """A writer has changed the tables while they were being opened: open them again."""


def is_whole(dataset: LanceDataset, folder: Path) -> bool:
    """Whether the files that a version names are there, of the recorded size, and were written to their end."""
    for fragment in dataset.get_fragments():
        said = fragment.metadata
        if not all(ends_well(folder / "data" / file.path, file.file_size_bytes) for file in said.files):
            return False
        deletions = said.deletion_file and folder / said.deletion_file.path(said.id)
        if deletions and not (deletions.exists() and deletions.stat().st_size):
            return False
    return True


def open_newest(folder: Path) -> tuple[LanceDataset | None, list[Path]]:
    """The newest version of a table that can be read, and the manifests that are newer but cut short.

    None when no version was ever written. Raises `Moved` when a writer came in between, `LibraryDamaged` when
    versions exist but none can be read.
    """
    found = versions(folder)
    torn: list[Path] = []
    for version, manifest in found:
        try:
            dataset = lance.dataset(str(folder), version=version) if ends_well(manifest) else None
            if dataset is not None and is_whole(dataset, folder):
                return dataset, torn
        except (OSError, ValueError) as error:
            if versions(folder)[:1] == found[:1]:
                raise damaged(folder, error) from error
        if versions(folder)[:1] != found[:1]:
            raise Moved
        torn.append(manifest)
    if found:
        raise LibraryDamaged(f"{folder}: no version of this table can be read; restore the library from a backup")
    return None, []


def reason(error: Exception) -> str:
    """An error of Lance on one line, without the place in its source that ends it."""
    return re.sub(r",? /\S+\.rs:\d+:\d+.*", "", " ".join(str(error).split())).rstrip(" .,")


def damaged(path: Path, error: Exception) -> LibraryDamaged:
    """What to raise when Lance cannot read or write something, though no other process is at it."""
    return LibraryDamaged(f"{path}: {reason(error)}; check the disk and its permissions, or restore a backup")


class Tables:
    """All tables of a library at one version of `items`, opened together.

    `items` comes first; if it has moved by the time the others are open, all are opened again: a part is never
    looked for in a table that is older, or newer by a sweep, than the item row that names it.
    """

    def __init__(
        self, library: Path, opened: dict[str, LanceDataset], token: str, stamps: dict[str, str], notes: list[str]
    ) -> None:
        self.library, self.token, self.notes = library, token, notes
        self._opened, self._stamps = opened, stamps

    @classmethod
    def open(cls, library: Path) -> Tables:
        """Opens the newest whole version of every table. Raises `LibraryDamaged`."""
        items = library / "items.lance"
        for _ in range(_TRIES):
            before, newest = token(library), versions(items)[:1]
            spaces = [folder.stem for folder in table_folders(library) if folder.parent.name == "vectors"]
            stamps = {space: token(library, space) for space in ["", *spaces]}
            try:
                opened, notes = cls._open_all(library)
            except Moved:
                continue
            if versions(items)[:1] == newest:
                return cls(library, opened, before, stamps, notes)
        raise LibraryDamaged(f"{library}: changes faster than it can be opened; try again when the writer is done")

    @staticmethod
    def _open_all(library: Path) -> tuple[dict[str, LanceDataset], list[str]]:
        opened, notes = {}, []
        for folder in table_folders(library):
            dataset, torn = open_newest(folder)
            if dataset is not None:
                opened[folder.stem] = dataset
            if torn:
                notes.append(f"{folder}: its newest version was cut short, so the one before it is used")
        return opened, notes

    def stamp(self, space: str) -> str:
        """The token of a space at this version."""
        return self._stamps.get(space, self._stamps[""])

    def get(self, name: str) -> LanceDataset | None:
        """`items`, `parts`, `skipped`, or the vectors of the space `name`; None when nothing was ever written."""
        return self._opened.get(name)

    def read(self, name: str, schema: pa.Schema, work: Callable[[LanceDataset], pa.Table]) -> pa.Table:
        """What `work` makes of the table, or an empty table of `schema` when there is none."""
        dataset = self.get(name)
        return schema.empty_table() if dataset is None else work(dataset)
