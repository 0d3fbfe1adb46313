"""What the columns of a table mean: told by their names, or by the caller."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sensorium.core.errors import BadData
from sensorium.core.types import Modality
from sensorium.evaluate.data.media import is_address
from sensorium.evaluate.data.request import Request
from sensorium.evaluate.data.tables import Row, Table

_FILES: dict[str, Modality | None] = {
    **dict.fromkeys(("image", "images", "img", "picture", "photo", "pic", "jpg"), "image"),
    **dict.fromkeys(("audio", "sound", "clip", "wav", "slice", "recording"), "audio"),
    **dict.fromkeys(("file", "path", "filename", "filepath", "name"), None),
}
_TEXTS = ("caption", "captions", "text", "sentence", "sentences", "description", "comment", "raw", "title")
_LABELS = ("label", "class", "category", "classname", "class_name", "category_name", "label_name", "species", "genre")
_SPLITS = ("split", "subset", "partition", "set", "fold")
_RECORDINGS = ("source", "src_file", "fsid", "recording_id")
_SAID, _ID = r"(_?(path|file|filename|file_name|filepath|name))?", "_?id"
_NUMBERED = re.compile(r"(\.\w{2,5})#\d+$")


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns by what is in them. Of a file's column the modality, None where each file's own name says it."""

    files: dict[str, Modality | None]
    texts: tuple[str, ...]
    label: str | None
    split: str | None
    recording: str | None

    @classmethod
    def of(cls, table: Table, request: Request) -> Columns:
        """As said in the request, else by their names. Raises BadData for a column that is not there."""
        for option in ("image", "audio", "file", "text", "label", "split"):
            for name in request.said.get(option, ()):
                if name not in table.columns:
                    there = ", ".join(table.columns) or "none"
                    raise BadData(f"{request.path}: has no column {name!r}: it has {there}")
        files: dict[str, Modality | None] = {}
        for option, modality in (("image", "image"), ("audio", "audio"), ("file", None)):
            files |= dict.fromkeys(request.said.get(option, ()), modality)  # type: ignore[arg-type]
        texts = tuple(request.said.get("text", ())) or _texts_in(table.columns)
        if not files and len(request.said.get("text", ())) < 2:
            files = _files_in([name for name in table.columns if name not in texts])
        label = request.one("label") or _first(table.columns, _LABELS)
        split = request.one("split") or _first(table.columns, _SPLITS)
        if label is not None and texts == ("title",) and not request.said.get("text"):
            texts = ()  # of a table of classes it is what a file calls itself
        return cls(files, texts, label, split, _first(table.columns, _RECORDINGS))

    @property
    def pairs(self) -> bool:
        """Whether what stands in one row belongs together."""
        return len(self.files) + len(self.texts) > 1 and bool(self.texts or len(self.files) > 1)

    @property
    def classes(self) -> bool:
        """Whether files have a class."""
        return bool(self.files) and self.label is not None

    def split_of(self, row: Row) -> str:
        """The split that a row is of, "" when none is said; folds are called `fold1` and so on."""
        value = said(row.get(self.split)) if self.split else ""
        return f"fold{value}" if value.isdigit() else value

    def texts_of(self, row: Row) -> Iterator[str]:
        """The texts of a row, one after the other; a column may hold a list of them, or of objects that have one."""
        for column in self.texts:
            value = row.get(column)
            for one in value if isinstance(value, (list, tuple)) else (value,):
                within = next((one[name] for name in _TEXTS if name in one), None) if isinstance(one, dict) else one
                yield said(within)


def said(value: object) -> str:
    """A value of a table as a text, "" for what is not there."""
    return "" if value is None or value != value else str(value).strip()


def file_said(value: object) -> str:
    """A file's name as a table has it, one for all its spellings: with backslashes, `./a.jpg`, Flickr's `a.jpg#0`."""
    name = said(value)
    if not name or is_address(name):
        return name
    return posixpath.normpath(_NUMBERED.sub(r"\1", name).replace("\\", "/"))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip()).lower()).strip("_")


def _files_in(columns: Sequence[str]) -> dict[str, Modality | None]:
    """Columns of pictures and of sounds by their names, one of each; else the first that is just of files.

    A column of ids is taken for one of files when there is no other.
    """
    found: dict[Modality | None, str] = {}
    for endings in (_SAID, _ID):
        for word, modality in () if found else _FILES.items():
            for column in columns:
                ending = endings if modality or word in ("file", "path") else ""
                if modality not in found and re.fullmatch(word + ending, _plain(column)):
                    found[modality] = column
    if len(found) > 1:
        found.pop(None, None)
    return {column: modality for modality, column in found.items()}


def _texts_in(columns: Sequence[str]) -> tuple[str, ...]:
    """The column of texts by its name, or several that are numbered (`caption_1`, `caption_2`, ...)."""
    for word in _TEXTS:
        found = tuple(column for column in columns if re.fullmatch(rf"{word}(_?\d+)?", _plain(column)))
        if found:
            return found
    return ()


def _first(columns: Sequence[str], words: Sequence[str]) -> str | None:
    plain = {_plain(column): column for column in reversed(columns)}
    return next((plain[word] for word in words if word in plain), None)
