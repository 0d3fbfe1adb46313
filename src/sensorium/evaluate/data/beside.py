"""Captions that lie beside files: a text of the same name, or a table in the folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sensorium.core.errors import BadData
from sensorium.evaluate.data.columns import Columns, file_said
from sensorium.evaluate.data.media import SUFFIXES
from sensorium.evaluate.data.pairs import FOLDERS
from sensorium.evaluate.data.request import Request
from sensorium.evaluate.data.tables import read_table, text_lines

TABLES = ("captions.csv", "captions.txt", "metadata.csv", "metadata.jsonl")
SUFFIXED = (".txt", ".caption")
MOST = 10  # lines of a text beside that are captions, each of them; a longer one is a document
LONGEST = 2000  # characters


class Beside:
    """The captions of files: `used` are the paths of texts that gave some."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.used: set[str] = set()
        self._told: dict[str, list[str]] = {}
        folders = {Path(path).parent for path in paths if Path(path).is_absolute()}
        for folder in sorted(folders | {folder.parent for folder in folders}):
            for name in TABLES:
                if _is_file(table := folder / name):
                    self._read(table)

    def captions(self, path: str) -> list[str]:
        """What is written of a file, as far as it lies beside it."""
        return [*self._told.get(path, ()), *self._text(Path(path))]

    def _text(self, path: Path) -> list[str]:
        for place in (*(path.with_suffix(end) for end in SUFFIXED), *(Path(f"{path}{end}") for end in SUFFIXED)):
            if path.suffix.lower() not in SUFFIXES or place == path or not _is_file(place):
                continue
            try:
                whole = text_lines(place)[0] if place.stat().st_size <= 4 * LONGEST else []
            except (OSError, BadData):  # no captions are no failure: the item is one without
                continue
            lines = [line.strip() for line in whole if line.strip()]
            if lines and len(lines) <= MOST and sum(map(len, whole)) <= LONGEST:
                self.used.add(str(place))
                return lines
        return []

    def _read(self, path: Path) -> None:
        """Take in a table that has a column of files and one of texts; any other is something else."""
        try:
            table = read_table(path)
            columns = Columns.of(table, Request(path))
        except BadData:  # a file of that name that is no table says nothing of the items
            return
        if not columns.files or not columns.texts:
            return
        column = next(iter(columns.files))
        self.used.add(str(path))
        for row in table.rows:
            texts = [text for text in columns.texts_of(row) if text]
            if name := file_said(row.get(column)):
                for place in (path.parent, *(path.parent / folder for folder in FOLDERS)):
                    self._told.setdefault(str(place / name), []).extend(texts)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # in a folder that may not be read any more: no captions, as of a file without
        return False
