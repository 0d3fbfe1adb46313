"""The collections of the data folder, by split; training never sees a file that any set holds out."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import dataclass
from pathlib import Path

from sensorium.encoders.bundle import digest

PICTURE_SETS = ("imagenet1", "caltech101", "actions", "weather", "clothing", "esc50_pictures")
SOUND_SETS = ("esc50", "urbansound")


@dataclass(frozen=True)
class Labelled:
    """One file with the label its collection gives it (None for flickr8k, which has captions)."""

    path: Path
    label: str | None
    collection: str


def data_root() -> Path:
    """The data folder: `SENSORIUM_DATA`, else `../shared/data`."""
    return Path(os.environ.get("SENSORIUM_DATA", "../shared/data")).resolve()


def rows(path: Path) -> list[dict[str, str]]:
    """A CSV file with a header, as dicts."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def flickr_names(root: Path, split: str) -> list[str]:
    """Picture names of one flickr8k split, sorted."""
    return sorted(r["image"] for r in rows(root / "flickr8k/splits.csv") if r["split"] == split)


def flickr_captions(root: Path, split: str) -> dict[str, list[str]]:
    """Picture name -> its captions, for one flickr8k split."""
    captions: dict[str, list[str]] = {name: [] for name in flickr_names(root, split)}
    for row in rows(root / "flickr8k/captions.csv"):
        if row["image"] in captions:
            captions[row["image"]].append(row["caption"].strip())
    return captions


def _labelled_pictures(root: Path) -> tuple[list[Labelled], set[str]]:
    """Pictures of the labelled sets' `train` splits, and the digests of those of their other splits."""
    kept, held = [], set()
    for name in PICTURE_SETS:
        for row in rows(root / name / "labels.csv"):
            path = root / name / row["file"]
            if row["split"] == "train":
                kept.append(Labelled(path, row["label"].replace("_", " "), name))
            else:
                held.add(digest(path))
    return kept, held


def training_pictures(root: Path) -> list[Labelled]:
    """Every picture that may train: `train` splits, less whatever any other split also holds.

    `esc50_pictures` is drawn from the other sets, so a file's own split is not enough: held-out
    files are excluded by name (flickr8k) and by content (the labelled sets).
    """
    held_names = {n for split in ("dev", "test") for n in flickr_names(root, split)}
    kept, held = _labelled_pictures(root)
    pictures = [Labelled(root / "flickr8k/images" / n, None, "flickr8k") for n in flickr_names(root, "train")]
    seen = set()
    for item in kept:
        content = digest(item.path)
        if item.path.name in held_names or content in held or (item.collection, content) in seen:
            continue
        seen.add((item.collection, content))
        pictures.append(item)
    return pictures


def sounds(root: Path, split: str) -> list[Labelled]:
    """Labelled sounds of one split, of ESC-50 and UrbanSound8K.

    Each set was split by recording for itself, but for one hen; seven Freesound recordings have clips in both. So four
    test clips of ESC-50 and five of UrbanSound8K come from recordings of which another clip trains.
    """
    return [
        Labelled(root / name / "audio" / row["file"], row["label"].replace("_", " "), name)
        for name in SOUND_SETS
        for row in rows(root / name / "labels.csv")
        if row["split"] == split
    ]


def sound_captions(root: Path) -> list[str]:
    """Captions of sounds whose sounds are not at hand (Clotho and AudioCaps, train): text only."""
    lines = (root / "texts/audiocaps_captions_train.txt").read_text(encoding="utf-8").splitlines()
    for row in rows(root / "texts/clotho_captions_train.csv"):
        lines += [row[f"caption_{i}"] for i in range(1, 6)]
    return [line.strip() for line in lines if line.strip()]


def noun_definitions(root: Path) -> list[str]:
    """LVIS nouns, their synonyms and definitions."""
    entries = json.loads((root / "models/clip_text_vocab/lvis_v1_train_cat_info.json").read_text(encoding="utf-8"))
    texts = []
    for entry in entries:
        names = [s.replace("_", " ") for s in entry["synonyms"]]
        texts += [*names, entry["def"], f"{names[0]}: {entry['def']}"]
    return texts
