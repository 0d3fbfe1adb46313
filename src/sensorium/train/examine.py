"""What a bundle reaches on the data folder's held-out files, through the same readers and encoder that search uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.types import Part
from sensorium.encoders.bundle import Bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.readers.registry import Limits, Source, read
from sensorium.train import data

SCENE_PROMPT, SOUND_PROMPT = "a photo of a {}", "{}"


def encode_files(encoder: OnnxEncoder, paths: list[Path]) -> NDArray[np.float32]:
    """One vector a file, float32 (n, d): that of its first part."""
    limits, rows = Limits(**encoder.limits()), []
    for start in range(0, len(paths), 64):
        parts = [next(iter(read(Source.from_path(p), limits)[1])) for p in paths[start : start + 64]]
        rows.append(encoder.encode(parts))
    return np.concatenate(rows)


def encode_texts(encoder: OnnxEncoder, texts: list[str]) -> NDArray[np.float32]:
    """One vector a text, float32 (n, d)."""
    return encoder.encode([Part("text", t) for t in texts])


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def ranks(scores: NDArray[np.float32], right: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many wrong answers score at least as high as the best right one, for each query (q, n) -> (q,)."""
    best = np.where(right, scores, -np.inf).max(1)
    return ((scores >= best[:, None]) & ~right).sum(1)


def recalls(scores: NDArray[np.float32], right: NDArray[np.bool_]) -> dict[str, float]:
    """R@1, R@5, R@10 in percent: share of queries with a right answer among the first k."""
    found = ranks(scores, right)
    return {f"R@{k}": round(100 * float((found < k).mean()), 2) for k in (1, 5, 10)}


def flickr(encoder: OnnxEncoder, root: Path, split: str) -> dict[str, Any]:
    """Captions to pictures and back on one split of flickr8k, all five captions counted as right."""
    captions = data.flickr_captions(root, split)
    names, texts = list(captions), [c for cs in captions.values() for c in cs]
    owner = np.array([i for i, cs in enumerate(captions.values()) for _ in cs])
    pictures = unit(encode_files(encoder, [root / "flickr8k/images" / n for n in names]))
    scores = unit(encode_texts(encoder, texts)) @ pictures.T  # (captions, pictures)
    right = owner[:, None] == np.arange(len(names))[None]
    return {
        "pictures": len(names),
        "captions": len(texts),
        "text_to_image": recalls(scores, right),
        "image_to_text": recalls(scores.T, right.T),
    }


def naming(encoder: OnnxEncoder, files: list[Path], labels: list[str], prompt: str) -> dict[str, Any]:
    """Share of files whose label's text is the nearest of all labels' texts, in percent."""
    names = sorted(set(labels))
    scores = unit(encode_files(encoder, files)) @ unit(encode_texts(encoder, [prompt.format(n) for n in names])).T
    right = np.array([names[i] == label for i, label in zip(scores.argmax(1), labels, strict=True)])
    return {
        "files": len(files),
        "classes": len(names),
        "top1": round(100 * float(right.mean()), 2),
        "chance": round(100 / len(names), 2),
    }


def labelled(root: Path, name: str, split: str, only: str | None = None) -> tuple[list[Path], list[str]]:
    """(files, labels) of one split of a labelled set; `only` names a column that must say yes."""
    folder = root / name / "audio" if name in data.SOUND_SETS else root / name
    rows = [r for r in data.rows(root / name / "labels.csv") if r["split"] == split]
    rows = [r for r in rows if only is None or r[only] == "yes"]
    return [folder / r["file"] for r in rows], [r["label"].replace("_", " ") for r in rows]


def examine(bundle: Path, root: Path, split: str = "test", precision: str = "int8") -> dict[str, Any]:
    """All figures of a bundle at a precision: flickr8k, names of sounds and of pictures."""
    encoder = OnnxEncoder(Bundle.open(bundle), precision=precision)
    figures: dict[str, Any] = {
        "space": encoder.space, "split": split, "precision": precision, "flickr8k": flickr(encoder, root, split),
    }  # fmt: skip
    if split == "test":
        figures["sounds"] = {
            "esc10": naming(encoder, *labelled(root, "esc50", split, "esc10"), SOUND_PROMPT),
            "esc50": naming(encoder, *labelled(root, "esc50", split), SOUND_PROMPT),
            "urbansound": naming(encoder, *labelled(root, "urbansound", split), SOUND_PROMPT),
        }
        figures["pictures"] = {
            n: naming(encoder, *labelled(root, n, split), SCENE_PROMPT)
            for n in ("caltech101", "actions", "weather", "clothing")
        }
    return figures
