"""Pictures with captions in the files of the benchmarks: COCO's JSON, Karpathy's, and the token files of Flickr."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sensorium.core.errors import BadData
from sensorium.evaluate.data.draft import Draft
from sensorium.evaluate.data.media import Folders
from sensorium.evaluate.data.pairs import FOLDERS, files_beside
from sensorium.evaluate.data.request import Request
from sensorium.evaluate.data.tables import read_json, text_lines
from sensorium.evaluate.dataset import Dataset

COCO_FILES = "captions_*.json"
TOKENS = ("Flickr8k.token.txt", "results_20130124.token")
_COCO_NAME = re.compile(r"captions_(train|val|test)(\d{4})", re.IGNORECASE)
_TOKEN = re.compile(r"^(.+)#\d+$")
_FLICKR8K_SPLITS = {
    "train": "Flickr_8k.trainImages.txt", "dev": "Flickr_8k.devImages.txt", "test": "Flickr_8k.testImages.txt",
}  # fmt: skip
_LONELY, _MISSING = "pictures have no caption", "pictures are missing"


def is_coco(value: object) -> bool:
    """Whether JSON is captions as COCO has them."""
    return isinstance(value, dict) and isinstance(value.get("images"), list) and "annotations" in value


def is_karpathy(value: object) -> bool:
    """Whether JSON is captions as Karpathy's splits have them."""
    if not isinstance(value, dict) or not isinstance(images := value.get("images"), list) or not images:
        return False
    return isinstance(images[0], dict) and "sentences" in images[0]


def coco_files(folder: Path) -> list[Path]:
    """The files of captions in COCO's folder, or in its `annotations`."""
    return sorted(path for place in (folder, folder / "annotations") for path in place.glob(COCO_FILES))


def from_coco(request: Request) -> Dataset:
    """COCO captions: one JSON file, or a folder with those of several splits. Raises BadData."""
    files = [request.path] if request.path.is_file() else coco_files(request.path)
    draft = Draft("coco" if request.path.is_file() else request.name, str(request.path), request.split)
    for path in files:
        if draft.wants(_coco_split(path)):
            _coco(draft, path, request)
    draft.without_lonely(_LONELY)
    return draft.finish("pairs")


def _coco_split(path: Path) -> str:
    told = _COCO_NAME.search(path.name)
    return told[1].lower() if told else ""


def _coco(draft: Draft, path: Path, request: Request) -> None:
    value = read_json(path)
    if not is_coco(value):
        raise BadData(f"{path}: is not COCO captions: it has no lists `images` and `annotations`")
    split, folders = _coco_split(path), _coco_folders(path, request)
    names: dict[str, str] = {}  # by id, which is a number here and the text of one there
    missing: dict[str, str] = {}
    for image in _objects(path, value["images"], "images", ("id", "file_name")):
        key, name = str(image["id"]), str(image["file_name"])
        place = folders.find(name)
        if place is None:
            missing[key] = name
            draft.leave_out(_MISSING, name)
        else:
            names[key] = name
            draft.file(name, place, "image", name, split=split)
    if missing and not names:
        raise folders.nothing(path, missing.values())
    for said in _objects(path, value["annotations"], "annotations", ("image_id",)):
        key = str(said["image_id"])
        if key in names:
            draft.text(str(said.get("caption") or ""), names[key], split=split)
        elif key not in missing:
            draft.leave_out("captions are of a picture that is not listed", str(said.get("caption")))


def _coco_folders(path: Path, request: Request) -> Folders:
    """Where COCO's pictures lie: beside, above, in a folder called like the split (`train2014`), or in `images`."""
    if request.one("files") is not None:
        return files_beside(request)
    told = _COCO_NAME.search(path.name)
    own = (told[1].lower() + told[2],) if told else ()
    around = (path.parent, path.parent.parent)
    names = [*own, *(f"images/{name}" for name in own), *FOLDERS]
    return Folders([*(folder / name for name in names for folder in around), *around])


def from_karpathy(request: Request) -> Dataset:
    """Karpathy's splits of COCO, Flickr8k or Flickr30k (`dataset_coco.json` and the like). Raises BadData."""
    value = read_json(request.path)
    if not is_karpathy(value):
        raise BadData(f"{request.path}: is not one of Karpathy's files: it has no `images` with `sentences`")
    draft = Draft(str(value.get("dataset") or request.name), str(request.path), request.split)
    folders = files_beside(request)
    missing: list[str] = []
    for image in _objects(request.path, value["images"], "images", ("filename", "sentences")):
        name = "/".join(part for part in (str(image.get("filepath") or ""), str(image["filename"])) if part)
        split = str(image.get("split") or "")
        split = "train" if split == "restval" else split  # pictures of COCO's val that everybody trains on
        if not draft.wants(split):
            continue
        place = folders.find(name) or folders.find(str(image["filename"]))
        if place is None:
            missing.append(name)
            draft.leave_out(_MISSING, name)
            continue
        draft.file(name, place, "image", name, split=split)
        for sentence in image["sentences"] if isinstance(image["sentences"], list) else ():
            raw = sentence.get("raw") if isinstance(sentence, Mapping) else sentence
            draft.text(str(raw or ""), name, split=split)
    if missing and not draft.samples:
        raise folders.nothing(request.path, missing)
    draft.without_lonely(_LONELY)
    return draft.finish("pairs")


def token_file(folder: Path) -> Path | None:
    """The token file of Flickr8k or Flickr30k in a folder, if there is one; some call it `captions.txt`."""
    found = (path for name in (*TOKENS, "captions.txt") if (path := folder / name).is_file())
    return next((path for path in found if path.name in TOKENS or begins_with_token(path)), None)


def begins_with_token(path: Path) -> bool:
    """Whether the first line of a file is `NAME.jpg#0`, a tab and a caption."""
    with path.open("rb") as file:
        first, tab, _ = file.readline(10_000).partition(b"\t")
    return bool(tab) and _TOKEN.match(first.decode("utf-8-sig", "replace")) is not None


def from_tokens(request: Request) -> Dataset:
    """Lines of `NAME.jpg#0`, a tab and a caption: Flickr8k's and Flickr30k's own files. Raises BadData."""
    path = request.path if request.path.is_file() else token_file(request.path)
    if path is None:
        raise BadData(f"{request.path}: has none of {', '.join(TOKENS)}")
    lines, notes = text_lines(path)
    usual = dict(zip(TOKENS, ("flickr8k", "flickr30k"), strict=True))
    draft = Draft(usual.get(path.name, request.name), str(path), request.split)
    draft.notes += notes
    folders = files_beside(Request(path, request.said))
    splits = _flickr_splits(path.parent)
    missing: dict[str, None] = {}
    for number, line in enumerate(lines, 1):
        first, tab, text = line.partition("\t")
        told = _TOKEN.match(first)
        if not tab or told is None:
            if line.strip():
                draft.leave_out("lines are not NAME#NUMBER, a tab and a caption", f"line {number}")
            continue
        name = told[1].strip()
        if name in missing:
            continue
        split = splits.get(name, "")
        if not draft.wants(split):
            continue
        if not draft.has(name):
            place = folders.find(name)
            if place is None:
                missing[name] = None
                draft.leave_out(_MISSING, name)
                continue
            draft.file(name, place, "image", name, split=split)
        draft.text(text, name, split=split)
    if missing and not draft.samples:
        raise folders.nothing(path, missing)
    draft.without_lonely(_LONELY)
    return draft.finish("pairs")


def _flickr_splits(folder: Path) -> dict[str, str]:
    """The splits of Flickr8k's pictures by name, as far as their lists are there."""
    found: dict[str, str] = {}
    for split, name in _FLICKR8K_SPLITS.items():
        if (path := folder / name).is_file():
            found.update((line.strip(), split) for line in text_lines(path)[0] if line.strip())
    return found


def _objects(path: Path, value: object, what: str, keys: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    if not isinstance(value, list):
        raise BadData(f"{path}: `{what}` is no list")
    for number, one in enumerate(value, 1):
        if not isinstance(one, dict) or any(key not in one for key in keys):
            raise BadData(f"{path}: number {number} of `{what}` lacks one of {', '.join(keys)}")
        yield one
