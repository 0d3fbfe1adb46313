"""The last step of a run: towers moved onto each other, packed, and calibrated on unrelated pairs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sensorium.encoders.bundle import Bundle, write_bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.train import data
from sensorium.train.examine import encode_files, encode_texts
from sensorium.train.export import centre, export, unrelated
from sensorium.train.networks import AudioTower, ImageTower, TextTower
from sensorium.train.rounds import SIDE
from sensorium.train.students import Tokens

SAMPLE, BATCH = 1500, 64


@dataclass(frozen=True)
class Towers:
    """The three finished towers."""

    text: TextTower
    image: ImageTower
    audio: AudioTower


def _vectors(count: int, batch: Callable[[slice], torch.Tensor]) -> torch.Tensor:
    """What `batch` gives for all rows up to `count`, few at a time."""
    with torch.no_grad():
        return torch.cat([batch(slice(i, min(i + BATCH, count))) for i in range(0, count, BATCH)])


def centre_all(towers: Towers, longest: int, work: Path, root: Path) -> None:
    """Centre on training data: captions of pictures and sounds alike, pictures as they are, sounds as they are."""
    captions, about = data.flickr_captions(root, "train"), data.sound_captions(root)
    texts = [c for cs in captions.values() for c in cs[:1]][:SAMPLE] + about[:: max(1, len(about) // SAMPLE)]
    tokens = Tokens(work / "tokenizer.json", texts, longest)
    pixels = np.load(work / "rounds/000/pixels.npy", mmap_mode="r")[::4]
    mels = np.load(work / "sounds_train/mel.npy", mmap_mode="r")[0]

    def seen(rows: slice) -> torch.Tensor:
        return towers.image(torch.from_numpy(pixels[rows].astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1)

    def heard(rows: slice) -> torch.Tensor:
        return towers.audio(torch.from_numpy(mels[rows].astype(np.float32)))

    def read(rows: slice) -> torch.Tensor:
        return towers.text(*tokens.batch(np.arange(rows.start, rows.stop)))

    centre(towers.text.head, _vectors(len(texts), read))
    centre(towers.image.head, _vectors(len(pixels), seen))
    centre(towers.audio.head, _vectors(len(mels), heard))


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
    """Write `work/bundle`: towers, tokenizer, card, calibration, hashes. The towers are centred where they stand."""
    out = work / "bundle"
    shutil.rmtree(out, ignore_errors=True)
    centre_all(towers, recipe["tokens"]["longest"], work, root)
    described = export(towers.text, towers.image, towers.audio, work / "tokenizer.json", SIDE, out)
    shutil.copy(Path(recipe["card"]), out / "CARD.md")
    description = {**recipe["bundle"], "towers": described, "calibration": {}}
    write_bundle(out, description)
    return write_bundle(out, {**description, "calibration": calibration(out, root)})
