"""Classes: folders of files, and how a class is said as a text."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Set
from pathlib import Path

from sensorium.core.errors import BadData
from sensorium.core.types import Modality
from sensorium.evaluate.data.draft import Draft
from sensorium.evaluate.data.media import modality_of, named
from sensorium.evaluate.data.request import SAME, Request
from sensorium.evaluate.dataset import Dataset, Sample

TEMPLATES: dict[Modality, tuple[str, ...]] = {
    "image": ("a photo of a {}", "a picture of a {}", "a close-up of a {}", "{}"),
    "audio": ("the sound of {}", "a recording of {}", "you can hear {}", "{}"),
    "text": ("a text about {}", "{}"),
}
PLAIN = ("{}",)
_NUMBER = re.compile(r"^\d{1,4}\s*[._-]+\s*(?=\D)")  # Caltech-256 and CUB: 001.ak47
_SPLITS = {name for group in SAME for name in group}


def pretty(name: str) -> str:
    """A class's name for people: `001.Black_footed_Albatross` is `Black footed Albatross`; `_` stays."""
    return " ".join(_NUMBER.sub("", name).replace("_", " ").split()) or name


def phrase(template: str, label: str) -> str:
    """A class said as a text; `a {}` becomes `an {}` before a vowel."""
    if label[:1].lower() in "aeio":
        template = re.sub(r"\b([Aa]) \{\}", r"\1n {}", template)
    return template.replace("{}", label)


def class_texts(draft: Draft, request: Request | None = None) -> tuple[str, ...]:
    """Add a text for each class, by the first of the templates, which are returned. Raises BadData.

    They are those that were asked for, else those for the modality of the files; a class of several is just named.
    """
    asked = tuple(request.said.get("template", ())) if request is not None else ()
    for template in asked:
        if "{}" not in template:
            raise BadData(f"the template {template!r} has no place for the class: write {{}} where its name goes")
    there = {sample.modality for sample in draft.samples}
    templates = asked or (TEMPLATES[there.pop()] if len(there) == 1 else PLAIN)
    for label in dict.fromkeys(sample.group for sample in draft.samples if sample.label):
        draft.samples.append(Sample(f"class {label}", "text", phrase(templates[0], label), label, label))
    return templates


def from_folders(request: Request) -> Dataset:
    """Files by the folder that they are in; folders of `train`, `val` or `test` above may say the split."""
    draft = Draft(request.name, str(request.path), request.split)
    _walk(draft, request.path)
    if not draft.samples and request.split is None:
        wants = "a folder of classes has a folder with texts, pictures or sounds for each class"
        raise BadData(f"{request.path}: {wants}, this one has none; name a table or a library instead")
    _one_sort(draft)
    return draft.finish("classes", templates=class_texts(draft, request))


def looks_like(folder: Path) -> bool:
    """Whether there are folders in it."""
    return any(_folders(folder))


def _walk(draft: Draft, root: Path) -> None:
    tops = list(_folders(root))
    splits = bool(tops) and all(top.name.lower() in _SPLITS for top in tops)
    for top in tops:
        split = top.name.lower() if splits else ""
        if not draft.wants(split):
            continue
        for folder in _folders(top) if splits else (top,):
            label = pretty(folder.name)
            for path in _files(folder, above={os.path.realpath(root)}):
                modality = modality_of(path)
                key = path.relative_to(root).as_posix()
                if modality is None:
                    draft.leave_out("files are neither texts, pictures nor sounds", key)
                else:
                    draft.file(key, path, modality, label, label=label, split=split)
    loose = sum(named(path.name) not in (None, "text") for path in _files(root, deep=False))
    if loose:
        draft.notes.append(f"left out because files lie in no folder of a class: {loose:,}")


def _one_sort(draft: Draft) -> None:
    """Texts beside pictures and sounds are notes about them, not samples of a class."""
    if len({sample.modality for sample in draft.samples} - {"text"}) and any(
        sample.modality == "text" for sample in draft.samples
    ):
        count = sum(sample.modality == "text" for sample in draft.samples)
        draft.notes.append(f"left out because texts lie beside pictures or sounds: {count:,}")
        draft.samples = [sample for sample in draft.samples if sample.modality != "text"]


def _folders(folder: Path) -> Iterator[Path]:
    """The folders in a folder, in a fixed order, without hidden ones."""
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    return (folder / name for name in names)


def _files(folder: Path, *, deep: bool = True, above: Set[str] = frozenset()) -> Iterator[Path]:
    """The files in a folder and in those within, in a fixed order, without hidden ones.

    `above` are the true paths of folders that this one lies in: a link to one of them leads round and round.
    """
    above = above | {os.path.realpath(folder)}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _files(path, above=above) if deep and os.path.realpath(path) not in above else ()
        elif path.is_file():
            yield path
