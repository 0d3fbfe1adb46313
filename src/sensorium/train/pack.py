"""The last step of a run: towers moved onto each other, calibrated on data that trained or chose nothing, and packed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sensorium.core.types import Part
from sensorium.encoders.bundle import Bundle, write_bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.train import data
from sensorium.train.examine import encode_files
from sensorium.train.export import centre, export, unrelated
from sensorium.train.networks import AudioTower, ImageTower, TextTower
from sensorium.train.rounds import SIDE
from sensorium.train.students import Tokens

SAMPLE = 1500


def _centre_all(
    text: TextTower, image: ImageTower, audio: AudioTower, recipe: dict[str, Any], work: Path, root: Path
) -> None:
    """Centres from training data: captions of pictures and sounds alike, pictures as they are, sounds as they are."""
    captions = [c for cs in data.flickr_captions(root, "train").values() for c in cs[:1]][:SAMPLE]
    sentences = captions + data.sound_captions(root)[:: max(1, len(data.sound_captions(root)) // SAMPLE)]
    tokens = Tokens(work / "tokenizer.json", sentences, recipe["tokens"]["longest"])
    pixels = np.load(work / "rounds/000/pixels.npy", mmap_mode="r")[::4]
    mels = np.load(work / "sounds_train/mel.npy", mmap_mode="r")[0]
    with torch.no_grad():
        read = torch.cat(
            [text(*tokens.batch(np.arange(i, min(i + 64, len(sentences))))) for i in range(0, len(sentences), 64)]
        )
        seen = torch.cat([image(torch.from_numpy(pixels[i : i + 64].astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1)
                          for i in range(0, len(pixels), 64)])  # fmt: skip
        heard = torch.cat(
            [audio(torch.from_numpy(mels[i : i + 64].astype(np.float32))) for i in range(0, len(mels), 64)]
        )
    for tower, vectors in ((text, read), (image, seen), (audio, heard)):
        centre(tower.head, vectors)


def _calibration(bundle: Path, root: Path) -> dict[str, dict[str, float]]:
    """Cosines of unrelated pairs for every pair of modalities, on flickr8k dev and training sounds."""
    encoder, captions = OnnxEncoder(Bundle.open(bundle)), data.flickr_captions(root, "dev")
    texts = [cs[0] for cs in captions.values()] + data.sound_captions(root)[::60]
    rows = {
        "text": encoder.encode([Part("text", t) for t in texts]),
        "image": encode_files(encoder, [root / "flickr8k/images" / n for n in captions]),
        "audio": encode_files(encoder, [s.path for s in data.sounds(root, "train")]),
    }
    return {f"{q}-{a}": unrelated(rows[q], rows[a]) for q in rows for a in rows}


def pack(
    text: TextTower, image: ImageTower, audio: AudioTower, recipe: dict[str, Any], work: Path, root: Path
) -> Bundle:
    """Write `work/bundle`: towers, tokenizer, card, calibration, hashes."""
    out = work / "bundle"
    shutil.rmtree(out, ignore_errors=True)
    _centre_all(text, image, audio, recipe, work, root)
    towers = export(text, image, audio, work / "tokenizer.json", SIDE, out)
    shutil.copy(Path(recipe["card"]), out / "CARD.md")
    described = {**recipe["bundle"], "towers": towers, "calibration": {}}
    write_bundle(out, described)
    return write_bundle(out, {**described, "calibration": _calibration(out, root)})
