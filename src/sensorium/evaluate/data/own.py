"""A library as a data set: what its items say of themselves, or where they lie, is taken for right answers."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sensorium.core.errors import BadData
from sensorium.core.types import Modality
from sensorium.evaluate.data.beside import Beside
from sensorium.evaluate.data.classes import class_texts, pretty
from sensorium.evaluate.data.draft import Draft
from sensorium.evaluate.data.request import Request
from sensorium.evaluate.dataset import Dataset
from sensorium.library.query import ROWS

ENOUGH = 10  # items that something must be known of, to be chosen when nothing was asked for
LABELS = ("label", "class", "category", "species", "genre")
GENERIC = {
    "images", "image", "img", "imgs", "pictures", "photos", "photo", "audio", "sounds", "music", "clips", "wav", "data",
    "files", "downloads", "desktop", "documents", "camera", "dcim", "tmp", "temp", "train", "test", "dev", "val", "new",
    "misc", "other", "unsorted", "things", "media", "videos",
}  # fmt: skip
_NO_WORDS = {
    "img", "image", "dsc", "dscn", "dscf", "pxl", "mvimg", "screenshot", "scan", "photo", "picture", "pic", "video",
    "audio", "sound", "rec", "recording", "voice", "whatsapp", "signal", "telegram", "file", "untitled", "copy", "new",
    "final", "edit", "edited", "jpg", "png", "frame", "clip", "track", "unknown", "the", "and",
}  # fmt: skip
CAPTIONS, STEMS = "captions", "the words of file names"
_WORD = re.compile(r"[^\W\d_]+")
_FEWEST_WORDS = 2
_MODALITIES: dict[str, Modality] = {"image": "image", "video": "image", "audio": "audio"}  # by kind; texts else


@dataclass(frozen=True, slots=True)
class Kept:
    """An item that is there: its modality as a sample, what is told of it, and of a row its texts.

    `given` are the names of attributes that a person or a model gave it.
    """

    id: int
    path: str
    modality: Modality
    title: str
    attributes: Mapping[str, Any]
    texts: tuple[str, ...] = ()
    given: tuple[str, ...] = ()


@dataclass
class Weak:
    """Right answers of one sort: a class by item, or texts by item."""

    what: str
    classes: dict[int, str] = field(default_factory=dict)
    texts: dict[int, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.classes) + len(self.texts)


def is_library(path: Path) -> bool:
    """Whether a library lies there."""
    return (path / "library.json").is_file() and (path.name.endswith(".library") or (path / "items.lance").is_dir())


def from_library(request: Request) -> Dataset:
    """A library's items, with the right answers that can best be guessed. Raises BadData, and as opening one does."""
    draft = Draft(request.path.name.removesuffix(".library"), str(request.path), request.split)
    if not draft.wants(""):
        raise BadData(f"{request.path}: a library has no splits: leave out --split")
    items = _items(request.path, draft)
    beside = Beside(item.path for item in items if item.modality != "text")
    sorts: dict[str, Callable[[], Weak]] = {
        "captions": lambda: _captions(items, beside),
        "labels": lambda: _labels(items),
        "folders": lambda: _folders(items),
        "stems": lambda: _stems(items),
    }
    asked = request.one("truth")
    if asked is not None and asked not in sorts:
        raise BadData(f"{request.path}: there is no truth {asked!r}: choose among {', '.join(sorts)}")
    found = {name: sort() for name, sort in sorts.items()}
    name = asked or _best(found)
    if not len(found[name]):
        tried = f"no {name}" if asked else "neither captions beside its files, nor labels, folders of classes or names"
        raise BadData(
            f"{request.path}: has {tried} that say what a right answer is: put captions beside files (dog.jpg, "
            "dog.txt), or sort files into folders"
        )
    others = ", ".join(f"{other} ({len(weak):,})" for other, weak in found.items() if other != name and len(weak))
    draft.notes.append(
        f"right answers from {found[name].what}: {len(found[name]):,} of {len(items):,} items; weak, since what is "
        "not said may be right as well"
    )
    if others:
        draft.notes.append(f"there are also: {others}; choose with ?truth=NAME behind the library's path")
    items = [item for item in items if item.path not in beside.used]
    return _by_class(draft, request, items, found[name]) if found[name].classes else _by_text(draft, items, found[name])


def _best(found: Mapping[str, Weak]) -> str:
    enough = [name for name, weak in found.items() if len(weak) >= ENOUGH]
    return enough[0] if enough else max(found, key=lambda name: len(found[name]))


def _by_text(draft: Draft, items: Sequence[Kept], weak: Weak) -> Dataset:
    """Items with their texts; those without are there to be wrong answers. Items of the same texts go together."""
    for item in items:
        texts = weak.texts.get(item.id, [])
        group = texts[0] if weak.what == STEMS and texts else item.path
        _take(draft, item, group)
        for text in texts if group not in draft.groups else ():
            draft.text(text, group)
    return draft.finish("pairs")


def _by_class(draft: Draft, request: Request, items: Sequence[Kept], weak: Weak) -> Dataset:
    for item in items:
        label = weak.classes.get(item.id, "")
        _take(draft, item, label or item.path, label)
    return draft.finish("classes", templates=class_texts(draft, request))


def _take(draft: Draft, item: Kept, group: str, label: str = "") -> None:
    draft.file(item.path, Path(item.path), item.modality, group, label=label, kept=(draft.source, item.id))


def _items(path: Path, draft: Draft) -> list[Kept]:
    """The items that are there. Videos are taken for pictures: of one with a picture, its shots are what is seen."""
    from sensorium.store.tables import Store

    store = Store.open(path)
    found: list[Kept] = []
    rows: list[Mapping[str, Any]] = []
    videos = 0
    for row in store.items(columns=["id", "path", "kind", "state", "title", "attributes"]).to_pylist():
        if row["state"] != "present":
            draft.leave_out("items are missing on the disk", row["path"])
        elif row["path"].startswith(ROWS):
            rows.append(row)
        else:
            videos += row["kind"] == "video"
            found.append(_kept(row, _MODALITIES.get(row["kind"], "text")))
    if videos:
        draft.notes.append(f"videos that are taken for pictures, each the mean of its shots: {videos:,}")
    if rows:
        found += _of_rows(store, rows)
    if not found:
        raise BadData(f"{path}: has nothing in it to evaluate on: add something first (sensorium add FOLDER)")
    return found


def _kept(row: Mapping[str, Any], modality: Modality, texts: tuple[str, ...] = ()) -> Kept:
    from sensorium.store.attributes import given

    try:
        attributes = json.loads(row["attributes"] or "{}")
    except ValueError:  # an item without attributes is as good
        attributes = {}
    return Kept(
        row["id"], row["path"], modality, row["title"] or "", attributes, texts, tuple(given(row["attributes"]))
    )


def _of_rows(store: Any, rows: Sequence[Mapping[str, Any]]) -> list[Kept]:
    """Rows of tables: their picture or sound, and their texts as captions of it."""
    import numpy as np

    ids = np.array([row["id"] for row in rows], np.int64)
    modalities: dict[int, set[str]] = {}
    texts: dict[int, list[str]] = {}
    for part in store.parts_of(ids, ["modality", "text"]).to_pylist():
        modalities.setdefault(part["item"], set()).add(part["modality"])
        if part["modality"] == "text":
            texts.setdefault(part["item"], []).append(part["text"])
    found = []
    for row in rows:
        there = modalities.get(row["id"], set())
        modality: Modality = "image" if "image" in there else "audio" if "audio" in there else "text"
        found.append(_kept(row, modality, () if modality == "text" else tuple(texts.get(row["id"], ()))))
    return found


def _captions(items: Sequence[Kept], beside: Beside) -> Weak:
    """What is written of pictures and sounds: in a file beside, in a table of the folder, in the file, in its row."""
    weak = Weak(CAPTIONS)
    for item in items:
        if item.modality == "text":
            continue
        texts = [*item.texts, *beside.captions(item.path)]
        if not texts:
            told = item.attributes.get("description") or ""
            named = item.title if item.title not in ("", Path(item.path).name) else ""
            texts = [str(one) for one in (told or named,) if one]
        if texts:
            weak.texts[item.id] = texts
    return weak


def _labels(items: Sequence[Kept]) -> Weak:
    """The class that an attribute names, of the first attribute that two items or more have."""
    for name in LABELS:
        told = {item.id: pretty(value) for item in items if isinstance(value := item.attributes.get(name), str)}
        if told := _classes(told):
            by_model = " (if a model gave it, figures say how far models agree)"
            given = any(name in item.given for item in items)
            return Weak(f"the attribute {name!r}{by_model if given else ''}", told)
    return Weak("labels")


def _folders(items: Sequence[Kept]) -> Weak:
    """The name of the folder that an item lies in, unless it says nothing, like a date, or has folders of others."""
    told = {}
    folders = {Path(item.path).parent for item in items if not item.path.startswith(ROWS)}
    lowest = folders - {parent for folder in folders for parent in folder.parents}
    for item in items:
        folder = Path(item.path).parent
        if folder in lowest and folder.name.lower() not in GENERIC and _WORD.search(folder.name):
            told[item.id] = pretty(folder.name)
    return Weak("the names of folders", _classes(told))


def _stems(items: Sequence[Kept]) -> Weak:
    """The words of a file's name, where it has some: `golden_gate_at_night_2.jpg`."""
    weak = Weak(STEMS)
    for item in items:
        words = [word for word in _WORD.findall(Path(item.path).stem) if len(word) > 1]
        said = [word for word in words if len(word) > 2 and word.lower() not in _NO_WORDS]
        if item.modality != "text" and not item.path.startswith(ROWS) and len(said) >= _FEWEST_WORDS:
            weak.texts[item.id] = [" ".join(words).lower()]
    return weak


def _classes(told: dict[int, str]) -> dict[int, str]:
    """Those of classes that have two items or more; none at all when there is only one such class."""
    sizes = Counter(told.values())
    kept = {item: label for item, label in told.items() if sizes[label] > 1}
    return kept if len(set(kept.values())) > 1 else {}
