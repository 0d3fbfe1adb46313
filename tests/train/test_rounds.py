"""A round is one crop of every picture, with what the teacher sees in the same crop."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'sensorium[train]'")

from sensorium.train import rounds
from sensorium.train.rounds import SIDE, make_round, random_box


@pytest.fixture
def paths(tmp_path):
    """Three pictures of one colour each: red, green, blue; the second wider than high."""
    found = []
    for number, size in enumerate(((40, 40), (80, 40), (30, 60))):
        colour = [0, 0, 0]
        colour[number] = 200
        found.append(tmp_path / f"{number}.png")
        Image.new("RGB", size, tuple(colour)).save(found[-1])
    return found


def load(folder):
    return {name: np.load(folder / f"{name}.npy") for name in ("pixels", "cls", "grid")}


def test_boxes_lie_inside_and_have_the_promised_area_and_shape():
    rng = np.random.default_rng(0)
    boxes = np.array([random_box(rng, 300, 200) for _ in range(2000)])
    width, height = (boxes[:, 2] - boxes[:, 0]) / 300, (boxes[:, 3] - boxes[:, 1]) / 200

    assert boxes.min() >= 0 and boxes[:, 2].max() <= 300 and boxes[:, 3].max() <= 200
    assert 0.34 < (width * height).min() < 0.4 and (width * height).max() > 0.95
    assert 0.75 - 1e-6 < (width / height).min() < 0.8 and 1.25 < (width / height).max() < 4 / 3 + 1e-6


def test_a_round_holds_pixels_and_what_the_teacher_says_row_by_row(paths, tmp_path, eyes):
    found = load(make_round(paths, 1, eyes, tmp_path / "rounds"))

    assert found["pixels"].shape == (3, SIDE, SIDE, 3) and found["pixels"].dtype == np.uint8
    assert found["cls"].shape == (3, 192) and found["grid"].shape == (3, 192, 7, 7)
    assert found["cls"].dtype == found["grid"].dtype == np.float16
    assert found["pixels"].reshape(3, -1, 3).mean(1).argmax(1).tolist() == [0, 1, 2]
    said = eyes(
        torch.from_numpy(np.array(found["pixels"])[:, :1, :1].repeat(224, 1).repeat(224, 2)).permute(0, 3, 1, 2) / 127.5
        - 1
    )
    assert np.abs(found["cls"] - said[0].numpy()).max() < 0.05


def test_round_zero_is_whole_pictures_upright(tmp_path, eyes):
    halves = np.zeros((64, 64, 3), np.uint8)
    halves[:, 32:] = 255
    Image.fromarray(halves).save(tmp_path / "halves.png")
    rows = load(make_round([tmp_path / "halves.png"] * 8, 0, eyes, tmp_path / "rounds"))["pixels"]

    assert (rows == rows[0]).all() and rows[0, :, :60].max() < 10 and rows[0, :, 68:].min() > 245


def test_later_rounds_are_crops_some_of_them_mirrored_and_the_same_when_made_again(tmp_path, eyes):
    halves = np.zeros((64, 64, 3), np.uint8)
    halves[:, 32:] = 255
    Image.fromarray(halves).save(tmp_path / "halves.png")
    rows, again, other = (
        load(make_round([tmp_path / "halves.png"] * 12, number, eyes, tmp_path / folder))["pixels"]
        for number, folder in ((1, "one"), (1, "two"), (2, "one"))
    )

    left, right = rows[:, :, 0].mean((1, 2)), rows[:, :, -1].mean((1, 2))
    assert (left < right).any() and (left > right).any()
    assert (rows == again).all() and (rows != other).any()


def test_an_existing_round_is_left_alone_and_one_that_was_cut_short_is_made_again(paths, tmp_path, eyes):
    partial = tmp_path / "rounds/001.partial"
    partial.mkdir(parents=True)
    (partial / "pixels.npy").write_bytes(b"cut sh")
    folder = make_round(paths, 1, eyes, tmp_path / "rounds")
    assert load(folder)["pixels"].shape[0] == 3 and not partial.exists()

    calls = eyes.calls
    assert make_round(paths[:1], 1, eyes, tmp_path / "rounds") == folder
    assert eyes.calls == calls and load(folder)["pixels"].shape[0] == 3


def test_batches_keep_the_order_of_the_pictures(paths, tmp_path, eyes, monkeypatch):
    whole = load(make_round(paths, 3, eyes, tmp_path / "whole"))
    monkeypatch.setattr(rounds, "BATCH", 1)
    single = load(make_round(paths, 3, eyes, tmp_path / "single"))

    assert (whole["pixels"] == single["pixels"]).all() and np.allclose(whole["cls"], single["cls"], atol=0.01)
