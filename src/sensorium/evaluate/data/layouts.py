"""The layouts of data sets: how each is told from its files, and what reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sensorium.core.errors import BadData
from sensorium.evaluate.data import captions, classes, judgments, own, pairs
from sensorium.evaluate.data.parquet import shards
from sensorium.evaluate.data.request import Request
from sensorium.evaluate.data.tables import SUFFIXES, read_json
from sensorium.evaluate.dataset import Dataset

TABLES = (
    "captions.csv", "pairs.csv", "captions.txt", "labels.csv", "metadata.csv", "metadata.jsonl",
    "esc50.csv", "meta/esc50.csv", "metadata/UrbanSound8K.csv", "UrbanSound8K.csv",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layout:
    """How a layout is told from a path, and what reads it."""

    fits: Callable[[Path], bool]
    read: Callable[[Request], Dataset]


def layouts() -> Mapping[str, Layout]:
    """The layouts by name, in the order in which they are tried."""
    return {
        "library": Layout(own.is_library, own.from_library),
        "beir": Layout(_is_beir, judgments.from_beir),
        "coco": Layout(_is_coco, _from_coco),
        "karpathy": Layout(_is_karpathy, lambda request: captions.from_karpathy(_json_of(request))),
        "tokens": Layout(_is_tokens, captions.from_tokens),
        "table": Layout(_is_table, _from_table),
        "classes": Layout(lambda path: path.is_dir() and classes.looks_like(path), classes.from_folders),
    }


def read(request: Request, format: str | None) -> Dataset:
    """The data set as asked for, of the layout that is named, else the first that fits. Raises BadData."""
    if format is not None and format not in layouts():
        raise BadData(f"there is no format {format!r}: choose among {', '.join(layouts())}")
    try:
        if not request.path.exists():
            raise BadData(f"{request.path}: does not exist: give a table, a folder, or a library to evaluate on")
        return _read(request, format)
    except OSError as error:
        place, why = error.filename or request.path, error.strerror or error
        raise BadData(f"{place}: cannot be read ({why}): see to its name and to your right to read it") from error


def _read(request: Request, format: str | None) -> Dataset:
    known = layouts()
    if format is not None:
        return known[format].read(request)
    for layout in known.values():
        if layout.fits(request.path):
            return layout.read(request)
    if request.path.is_dir() and len(tables := _tables_in(request.path)) > 1:
        names = ", ".join(tables[:3]) + (" and others" if len(tables) > 3 else "")
        raise BadData(f"{request.path}: has several tables ({names}): name the one that is meant")
    raise BadData(
        f"{request.path}: is no data set that is known: give a CSV, TSV, JSONL or Parquet table of files with texts or "
        "classes, a folder of classes, a benchmark's folder (COCO, Flickr, BEIR, ESC-50), or a library"
    )


def _is_beir(path: Path) -> bool:
    folder = path if path.is_dir() else path.parent
    there = (folder / judgments.CORPUS).is_file() and (folder / judgments.QUERIES).is_file()
    return there and (path.is_dir() or path.name in (judgments.CORPUS, judgments.QUERIES))


def _is_coco(path: Path) -> bool:
    return (path.is_dir() and bool(captions.coco_files(path))) or _holds(path, captions.is_coco)


def _from_coco(request: Request) -> Dataset:
    usual = request.path.is_dir() and captions.coco_files(request.path)
    return captions.from_coco(request if usual else _json_of(request))


def _is_karpathy(path: Path) -> bool:
    return _holds(path, captions.is_karpathy)


def _is_tokens(path: Path) -> bool:
    if path.is_dir():
        return captions.token_file(path) is not None
    named = path.suffix == ".token" or path.name.endswith("token.txt")
    return named or (path.suffix == ".txt" and captions.begins_with_token(path))


def _holds(path: Path, fits: Callable[[object], bool]) -> bool:
    """Whether a JSON file, or the only table of a folder where that is one, has such content."""
    file = _json_in(path)
    if file is None:
        return False
    try:
        return fits(read_json(file))
    except BadData:
        if file == path:
            raise
        return False  # a damaged file in a folder says nothing of what else is there


def _json_in(path: Path) -> Path | None:
    if path.is_dir():
        tables = _tables_in(path)
        return path / tables[0] if len(tables) == 1 and tables[0].lower().endswith(".json") else None
    return path if path.suffix.lower() == ".json" else None


def _json_of(request: Request) -> Request:
    """The same of the only JSON file of a folder. Raises BadData where there is none, or several."""
    if not request.path.is_dir():
        return request
    if (path := _json_in(request.path)) is None:
        raise BadData(f"{request.path}: has no JSON file of captions, or several tables: name the file that is meant")
    return Request(path, request.said, request.split)


def _is_table(path: Path) -> bool:
    if path.is_dir():
        return bool(shards(path)) or _table_in(path) is not None
    return path.suffix.lower() in SUFFIXES or path.name == "captions.txt"


def _table_in(folder: Path) -> Path | None:
    """The table of a folder: one of a usual name, else the only one; beside folders only if it is one of files."""
    for name in TABLES:
        if (path := folder / name).is_file():
            return path
    found = _tables_in(folder)
    if len(found) != 1 or (classes.looks_like(folder) and not pairs.is_usable(folder / found[0])):
        return None
    return folder / found[0]


def _tables_in(folder: Path) -> list[str]:
    """The names of the tables in a folder."""
    there = (path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES)
    return [path.name for path in there if path.is_file()]


def _from_table(request: Request) -> Dataset:
    if not request.path.is_dir() or shards(request.path):
        return pairs.from_table(request)
    path = _table_in(request.path)
    if path is None:
        raise BadData(f"{request.path}: has no table, or several: name the one that is meant")
    return pairs.from_table(Request(path, request.said, request.split), request.name)
