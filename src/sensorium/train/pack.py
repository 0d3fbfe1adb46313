"""The last step of a run: towers packed into a bundle, and calibrated on unrelated pairs."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.core.types import Modality, Part
from sensorium.encoders.bundle import Bundle, write_bundle
from sensorium.encoders.convert.quantize import agreement, quantize
from sensorium.encoders.convert.weights import shrink
from sensorium.encoders.onnx import OnnxEncoder, inputs_of
from sensorium.encoders.preparer import Preparer
from sensorium.readers.registry import Limits, Source, read
from sensorium.train import data
from sensorium.train.examine import encode_files, encode_texts
from sensorium.train.export import export, unrelated
from sensorium.train.networks import AudioTower, ImageTower, TextTower

SAMPLE = 1024  # texts and pictures: half for the scales, half to see how well they do


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


def in_eight_bits(bundle: Bundle, root: Path, texts: list[str]) -> dict[str, dict[str, Any]]:
    """Write 8-bit forms of the text and picture towers beside them; returns what the description says of each.

    Scales are from training texts and pictures; how much the forms agree is measured on others.
    """
    preparer = Preparer(bundle)
    pictures = data.training_pictures(root)
    chosen = np.random.default_rng(0)
    limits = Limits(**preparer.limits())
    samples: dict[Modality, list[Part]] = {
        "text": [Part("text", texts[i]) for i in chosen.permutation(len(texts))[:SAMPLE]],
        "image": [
            next(iter(read(Source.from_path(pictures[i].path), limits)[1]))
            for i in chosen.permutation(len(pictures))[:SAMPLE]
        ],
    }
    forms: dict[str, dict[str, Any]] = {}
    for modality, parts in samples.items():
        tower = bundle.towers[modality]
        rows = [dict(zip(tower.inputs, inputs_of(tower, [preparer.prepare(p)]), strict=True)) for p in parts]
        name, half = f"{modality}.int8.onnx", len(rows) // 2
        quantize(bundle.folder / tower.file, bundle.folder / name, rows[:half])
        shrink(bundle.folder / name)
        alike = agreement(bundle.folder / name, bundle.folder / tower.file, rows[half:])
        forms[modality] = {"file": name, **asdict(alike)}
    return forms


def pack(towers: Towers, recipe: dict[str, Any], work: Path, root: Path) -> Bundle:
    """Write `work/bundle`: towers, tokenizer, card, calibration, hashes."""
    out = work / "bundle"
    shutil.rmtree(out, ignore_errors=True)
    side = recipe["bundle"]["side"]
    described = export(towers.text, towers.image, towers.audio, work / "tokenizer.json", side, out)
    shutil.copy(Path(recipe["card"]), out / "CARD.md")
    about = {name: value for name, value in recipe["bundle"].items() if name != "side"}
    description = {**about, "towers": described, "calibration": {}}
    plain = write_bundle(out, description)
    for modality, form in in_eight_bits(plain, root, json.loads((work / "texts.json").read_text("utf-8"))).items():
        described[modality]["int8"] = form
    write_bundle(out, description)
    return write_bundle(out, {**description, "calibration": calibration(out, root)})
