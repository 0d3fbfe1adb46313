"""Towers become a bundle that is calibrated and whole."""

from __future__ import annotations

import shutil

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'sensorium[train]'")

from sensorium.encoders.onnx import OnnxEncoder
from sensorium.train import data
from sensorium.train.examine import encode_files, unit
from sensorium.train.networks import AudioTower, ImageBackbone, ImageTower, TextTower
from sensorium.train.pack import Towers, pack


@pytest.fixture
def towers(tiny_recipe):
    torch.manual_seed(0)
    sizes = tiny_recipe["tokens"]
    text = TextTower(sizes["vocabulary"], 48, 1, sizes["longest"])
    image, audio = ImageTower(ImageBackbone((8, 8, 16, 24), (1, 1, 1, 1))), AudioTower()
    for tower in (text, image, audio):
        tower.eval()
    return Towers(text, image, audio)


@pytest.fixture
def work(tiny_work, tmp_path):
    """A work folder of this test's own, with what an earlier run left."""
    folder = shutil.copytree(tiny_work, tmp_path / "work")
    (folder / "bundle").mkdir()
    (folder / "bundle/left over.txt").write_text("of an earlier run")
    return folder


def test_packing_makes_a_whole_bundle_and_calibrates_it(towers, tiny_recipe, work, tiny_root):
    bundle = pack(towers, tiny_recipe, work, tiny_root)

    bundle.verify()
    forms = {f"{m}{form}.onnx" for m in ("text", "image") for form in ("", ".int8")}
    assert set(bundle.files) == {*forms, "audio.onnx", "tokenizer.json", "CARD.md"}
    assert all(bundle.towers[m].int8 is not None for m in ("text", "image"))
    assert bundle.folder == work / "bundle" and bundle.name == "tiny" and bundle.dimension == 256
    assert "For tests." in (bundle.folder / "CARD.md").read_text()
    assert set(bundle.calibration) == {f"{q}-{a}" for q in bundle.modalities for a in bundle.modalities}

    # between modalities, every pair of files gives the cosine that search will see
    encoder = OnnxEncoder(bundle, threads=1)
    pictures = unit(encode_files(encoder, [tiny_root / "flickr8k/images" / f"{i}_flickr.png" for i in (8, 9)]))
    sounds = unit(encode_files(encoder, [s.path for s in data.sounds(tiny_root, "train")]))
    cosines = pictures @ sounds.T
    assert bundle.calibration["image-audio"].mean == pytest.approx(cosines.mean(), abs=0.01)
    assert bundle.calibration["audio-image"].std == pytest.approx(cosines.std(), abs=0.01)
