"""The last step of a run: towers packed into a bundle, and calibrated on unrelated pairs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorium.encoders.bundle import Bundle, write_bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.train import data
from sensorium.train.examine import encode_files, encode_texts
from sensorium.train.export import export, unrelated
from sensorium.train.networks import AudioTower, ImageTower, TextTower


@dataclass(frozen=True)
class Towers:
    """The three finished towers."""

    text: TextTower
    image: ImageTower
    audio: AudioTower


def calibration(bundle: Path, root: Path) -> dict[str, dict[str, float]]:
    """Cosines of unrelated pairs for every pair of modalities: flickr8k dev, training sounds and their captions."""
    encoder, captions = OnnxEncoder(Bundle.open(bundle)), data.flickr_captions(root, "dev")
    texts = [cs[0] for cs in captions.values()] + data.sound_captions(root)[::60]
    rows = {
        "text": encode_texts(encoder, texts),
        "image": encode_files(encoder, [root / "flickr8k/images" / n for n in captions]),
        "audio": encode_files(encoder, [s.path for s in data.sounds(root, "train")]),
    }
    return {f"{q}-{a}": unrelated(rows[q], rows[a]) for q in rows for a in rows}


def pack(towers: Towers, recipe: dict[str, Any], work: Path, root: Path) -> Bundle:
    """Write `work/bundle`: towers, tokenizer, card, calibration, hashes."""
    out = work / "bundle"
    shutil.rmtree(out, ignore_errors=True)
    side = recipe["bundle"]["side"]
    described = export(towers.text, towers.image, towers.audio, work / "tokenizer.json", side, out)
    shutil.copy(Path(recipe["card"]), out / "CARD.md")
    about = {name: value for name, value in recipe["bundle"].items() if name != "side"}
    description = {**about, "towers": described, "calibration": {}}
    write_bundle(out, description)
    return write_bundle(out, {**description, "calibration": calibration(out, root)})
