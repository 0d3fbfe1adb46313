"""Crops that are never the same, and a picture tower that follows its teacher over them."""

from __future__ import annotations

import copy
import json

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install torch==2.13.0")

from sensorium.train import polish as module
from sensorium.train.networks import ImageBackbone, ImageTower
from sensorium.train.polish import PolishPlan, fresh_crops, polish


@pytest.fixture
def tower():
    """A small picture tower."""
    torch.manual_seed(0)
    return ImageTower(ImageBackbone((8, 8, 16, 24), (1, 1, 1, 1)))


def test_crops_are_standardised_pictures_that_differ_each_time_and_follow_the_seed():
    pictures = torch.randint(0, 256, (6, 3, 176, 176), dtype=torch.uint8)
    draw = torch.Generator().manual_seed(1)
    first, second = fresh_crops(pictures, 128, draw), fresh_crops(pictures, 128, draw)
    again = fresh_crops(pictures, 128, torch.Generator().manual_seed(1))

    assert first.shape == (6, 3, 128, 128) and first.isfinite().all() and first.abs().max() < 3
    assert torch.equal(first, again) and not torch.equal(first, second)


def test_some_crops_are_mirrored_and_some_are_not():
    ramp = torch.arange(176, dtype=torch.float32).expand(64, 3, 176, 176).to(torch.uint8)
    crops = fresh_crops(ramp, 64, torch.Generator().manual_seed(0))
    rising = [(crop[0, :8].mean(0).diff().median() > 0).item() for crop in crops]  # the top rows are never all hidden
    assert 15 < sum(rising) < 49


def test_polishing_moves_the_averaged_tower_and_leaves_the_text_tower(tiny, tower, ticking):
    ticking(module)
    before, text_before = copy.deepcopy(tower.state_dict()), copy.deepcopy(tiny.text.state_dict())
    plan = PolishPlan(minutes=6 / 60, captioned=4, labelled=4, compiled=False, report_every=2, average=0.5)
    polished = polish(tiny.corpus, tiny.heads, tower, tiny.text, tiny.tokens, plan, tiny.log)

    assert polished is not tower and not polished.training
    moved = [n for n, v in polished.state_dict().items() if v.is_floating_point() and not torch.equal(v, before[n])]
    assert len(moved) > len(before) / 2
    assert all(torch.equal(v, text_before[n]) for n, v in tiny.text.state_dict().items())
    assert [json.loads(line)["step"] for line in tiny.log.read_text().splitlines()] == [2, 4]
