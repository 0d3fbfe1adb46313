"""The layouts of data sets: how each is told from its files, and what reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sensorium.core.errors import BadData
from sensorium.evaluate.data import captions, classes, judgments, own, pairs
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
        "coco": Layout(_is_coco, captions.from_coco),
        "karpathy": Layout(_is_karpathy, captions.from_karpathy),
        "tokens": Layout(_is_tokens, captions.from_tokens),
        "table": Layout(_is_table, _from_table),
        "classes": Layout(lambda path: path.is_dir() and classes.looks_like(path), classes.from_folders),
    }


def read(request: Request, format: str | None) -> Dataset:
    """The data set as asked for, of the layout that is named, else the first that fits. Raises BadData."""
    known = layouts()
    if format is not None and format not in known:
        raise BadData(f"there is no format {format!r}: choose among {', '.join(known)}")
    if not request.path.exists():
        raise BadData(f"{request.path}: does not exist: give a table, a folder, or a library to evaluate on")
    if format is not None:
        return known[format].read(request)
    for layout in known.values():
        if layout.fits(request.path):
            return layout.read(request)
    raise BadData(
        f"{request.path}: is no data set that is known: give a CSV, TSV, JSONL or Parquet table of files with texts or "
        "classes, a folder of classes, a benchmark's folder (COCO, Flickr, BEIR, ESC-50), or a library"
    )


def _is_beir(path: Path) -> bool:
    folder = path if path.is_dir() else path.parent
    there = (folder / judgments.CORPUS).is_file() and (folder / judgments.QUERIES).is_file()
    return there and (path.is_dir() or path.name in (judgments.CORPUS, judgments.QUERIES))


def _is_coco(path: Path) -> bool:
    return bool(captions.coco_files(path)) if path.is_dir() else _is_json(path) and captions.is_coco(read_json(path))


def _is_karpathy(path: Path) -> bool:
    return _is_json(path) and captions.is_karpathy(read_json(path))


def _is_tokens(path: Path) -> bool:
    return captions.token_file(path) is not None if path.is_dir() else path.suffix == ".token" or _token_name(path)


def _token_name(path: Path) -> bool:
    return path.name.endswith("token.txt")


def _is_json(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() == ".json"


def _is_table(path: Path) -> bool:
    if path.is_dir():
        return _table_in(path) is not None
    return path.suffix.lower() in SUFFIXES or path.name == "captions.txt"


def _table_in(folder: Path) -> Path | None:
    """The table of a folder: one of a usual name, else the only one; beside folders only if it is one of files."""
    for name in TABLES:
        if (path := folder / name).is_file():
            return path
    found = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES and path.is_file()]
    if len(found) != 1 or (classes.looks_like(folder) and not pairs.is_usable(found[0])):
        return None
    return found[0]


def _from_table(request: Request) -> Dataset:
    if not request.path.is_dir():
        return pairs.from_table(request)
    path = _table_in(request.path)
    if path is None:
        raise BadData(f"{request.path}: has no table, or several: name the one that is meant")
    return pairs.from_table(Request(path, request.said, request.split), request.name)
