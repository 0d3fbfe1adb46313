"""Tables of files with texts (pairs) or with classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sensorium.core.errors import BadData
from sensorium.core.paths import at_home
from sensorium.core.settings import cache_home
from sensorium.core.types import Modality
from sensorium.evaluate.data.classes import class_texts, pretty
from sensorium.evaluate.data.columns import Columns, file_said, said
from sensorium.evaluate.data.draft import Draft
from sensorium.evaluate.data.media import Folders, beside, is_address, modality_of, named
from sensorium.evaluate.data.parquet import unpacked
from sensorium.evaluate.data.request import Request, same_split
from sensorium.evaluate.data.tables import Row, Table, read_table
from sensorium.evaluate.dataset import Dataset

FOLDERS = (
    "images", "Images", "image", "img", "imgs", "pictures", "photos", "audio", "audios", "sounds", "clips", "wav",
    "data", "Flicker8k_Dataset", "Flickr8k_Dataset", "flickr30k_images", "flickr30k-images",
)  # fmt: skip
SPLITS = "splits.csv"
UNPACKED = "unpacked"  # in the cache: files that lie in tables
_LONELY = "files have no text"
_MISSING = "files are missing"


def from_table(request: Request, name: str | None = None) -> Dataset:
    """A table of pairs, when it has texts, else of classes. Raises BadData."""
    table = read_table(request.path)
    columns = Columns.of(table, request)
    table = _unpacked(request, columns, table)
    reading = _Reading(request, columns, Draft(name or request.name, str(request.path), request.split))
    reading.draft.notes += table.notes
    if table.packed:
        reading.folders = reading.folders.first(cache_home() / UNPACKED)
    if columns.pairs:
        return reading.pairs(table)
    if columns.classes:
        return reading.classes(table)
    there, ask = ", ".join(table.columns) or "none", f"say {request.path.name}?image=COLUMN&text=COLUMN"
    if any(named(column) for column in table.columns):
        ask = f"its first line should name the columns, as in image,caption; or {ask}"
    raise BadData(f"{request.path}: which columns are files, and which texts or classes? It has {there}: {ask}")


def is_usable(path: Path) -> bool:
    """Whether the columns of a table, by their names, are files with texts or classes."""
    try:
        columns = Columns.of(read_table(path), Request(path))
    except BadData:  # of another kind, which is what was asked
        return False
    return columns.pairs or columns.classes


def files_beside(request: Request) -> Folders:
    """Where files that a table names may lie: as said, else beside it."""
    folder = request.one("files")
    if folder is None:
        return beside(request.path, *FOLDERS)
    place = request.path.parent / at_home(folder)
    if not place.is_dir():
        raise BadData(f"{request.path}: the folder {place} that its files should be in does not exist")
    return Folders([place], moved=True)


class _Reading:
    """Goes through the rows of a table; `unused` are the files that cannot be used, by name, and why."""

    def __init__(self, request: Request, columns: Columns, draft: Draft) -> None:
        self.columns, self.draft = columns, draft
        self.folders = files_beside(request)
        self.request = request
        self.splits = _splits_beside(request, columns)
        self.unused: dict[str, str] = {}

    def pairs(self, table: Table) -> Dataset:
        """What stands in one row belongs together, and so do rows with the same file."""
        for number, row in enumerate(table.rows, 1):
            files = [(name, mod) for col, mod in self.columns.files.items() if (name := file_said(row.get(col)))]
            group = files[0][0] if files else f"row {number}"
            if self.columns.files and not files:
                self.draft.leave_out("rows name no file", f"row {number}")
                continue
            split, label = self._split(row, group), pretty(self._label(row))
            if not self.draft.wants(split):
                continue
            taken = [self._file(name, modality, group, label, split) for name, modality in files]
            if files and not all(taken):
                continue
            for text in self.columns.texts_of(row):
                self.draft.text(text, group, label=label, split=split)
        self._check_found()
        self.draft.without_lonely(_LONELY if self.columns.files else "texts have no other beside them")
        return self.draft.finish("pairs")

    def classes(self, table: Table) -> Dataset:
        """Files of one class are right answers for each other, and the class said as a text for all of them."""
        (column, modality), *_ = self.columns.files.items()
        recordings = set()
        for number, row in enumerate(table.rows, 1):
            name, label = file_said(row.get(column)), pretty(self._label(row))
            split = self._split(row, name)
            if not self.draft.wants(split):
                continue
            if not name or not label:
                self.draft.leave_out("rows lack a file or a class", f"row {number}")
            elif self._file(name, modality, label, label, split) and self.columns.recording:
                recordings.add(said(row.get(self.columns.recording)))
        self._check_found()
        files = len(self.draft.samples)
        if 1 < len(recordings) < files:
            self.draft.notes.append(
                f"{files:,} files come from {len(recordings):,} recordings: files of one recording are right answers "
                "for each other too"
            )
        return self.draft.finish("classes", templates=class_texts(self.draft, self.request))

    def _file(self, name: str, modality: Modality | None, group: str, label: str, split: str) -> bool:
        if self.draft.has(name):
            return self.draft.file(name, Path(name), "image", group)
        if name in self.unused:
            return False
        path = None if is_address(name) else self.folders.find(name)
        found = modality if path is None or modality is not None else modality_of(path)
        if path is not None and found is not None:
            return self.draft.file(name, path, found, group, label=label, split=split)
        why = "files are neither texts, pictures nor sounds" if path is not None else _MISSING
        self.unused[name] = "files are addresses on the web, fetch them first" if is_address(name) else why
        self.draft.leave_out(self.unused[name], name)
        return False

    def _check_found(self) -> None:
        if self.unused and not self.draft.samples and set(self.unused.values()) == {_MISSING}:
            raise self.folders.nothing(self.request.path, self.unused)

    def _label(self, row: Row) -> str:
        return said(row.get(self.columns.label)) if self.columns.label else ""

    def _split(self, row: Row, name: str) -> str:
        return self.columns.split_of(row) or self.splits.get(name, "")


def _unpacked(request: Request, columns: Columns, table: Table) -> Table:
    """The table with the names of files that lie in it, those of the split that is asked for. Raises BadData."""
    packed = [column for column in columns.files if column in table.packed]
    if not packed:
        return table
    splits = [columns.split_of(row) for row in table.rows]
    wanted = [request.split is None or same_split(split, request.split) for split in splits]
    folder = cache_home() / UNPACKED
    note = f"files that lie in the table are read from {folder}, which may be deleted"
    found = unpacked(request.path, table, packed, wanted, folder)
    return replace(found, notes=[*found.notes, note])


def _splits_beside(request: Request, columns: Columns) -> dict[str, str]:
    """The splits of files by name, of a table beside that says them."""
    place = request.path.parent / SPLITS
    if columns.split or place == request.path or not place.is_file():
        return {}
    table = read_table(place)
    told = Columns.of(table, Request(place))
    if not told.split or not told.files:
        raise BadData(f"{place}: a table of splits has a column of files and a column `split`: {table.columns}")
    column = next(iter(told.files))
    return {file_said(row.get(column)): told.split_of(row) for row in table.rows}
