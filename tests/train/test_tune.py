"""Picture and text towers are trained together, the head first, and their averaged weights are kept."""

from __future__ import annotations

import copy
import json
import math

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'sensorium[train]'")

from sensorium.train import tune as module
from sensorium.train.distill import Rounds
from sensorium.train.losses import contrast
from sensorium.train.networks import ImageBackbone, ImageTower
from sensorium.train.tune import TunePlan, rates, soft_contrast, tune

# by the test's clock, a step takes a second
PLAN = TunePlan(minutes=12 / 60, head_share=0.34, captioned=6, labelled=6, report_every=2, average=0.5)


@pytest.fixture
def tower():
    torch.manual_seed(1)
    return ImageTower(ImageBackbone((8, 8, 16, 24), (1, 1, 1, 1)))


def test_the_head_has_a_cycle_alone_and_then_all_have_one():
    plan = TunePlan(head_share=0.2)

    assert rates(plan, 0.0) == (0.0, 0.0)
    assert rates(plan, 0.005) == (pytest.approx(0.5, abs=0.01), 0.0)
    assert rates(plan, 0.1) == (pytest.approx(0.02 + 0.49), 0.0)
    assert rates(plan, 0.2) == (0.0, 0.0)
    assert rates(plan, 0.6) == (pytest.approx(0.02 + 0.49), pytest.approx(0.02 + 0.49))
    assert rates(plan, 1.0) == (pytest.approx(0.02), pytest.approx(0.02))


def test_soft_contrast_against_a_certain_teacher_is_contrast():
    a, b = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    heat = torch.tensor(5.0)
    assert soft_contrast(a, b, 1000 * torch.eye(4), heat).item() == pytest.approx(contrast(a, b, heat).item(), rel=1e-5)


def test_soft_contrast_against_an_undecided_teacher_is_least_when_undecided():
    axes, heat, undecided = torch.eye(2), torch.tensor(3.0), torch.zeros(2, 2)
    alike = torch.ones(2, 2)
    assert soft_contrast(alike, alike, undecided, heat).item() == pytest.approx(math.log(2), rel=1e-5)
    # logits (3, 0), each right by half
    assert soft_contrast(axes, axes, undecided, heat).item() == pytest.approx(math.log(math.e**3 + 1) - 1.5, rel=1e-5)


def test_a_batch_is_captioned_pictures_and_then_labelled_ones_with_what_was_seen_in_them(tiny, tiny_work, tiny_texts):
    b = module._Draw(tiny.corpus, Rounds(tiny_work / "rounds"), PLAN)(torch.Generator().manual_seed(0))

    assert b.pixels.shape == (12, 3, 128, 128) and b.vit.shape == (12, 384)
    assert len(b.caption) == len(b.name) == len(b.label) == 6
    assert all(tiny.corpus.labels[label] in tiny_texts[name] for label, name in zip(b.label, b.name, strict=True))
    means = b.pixels[:6].mean((2, 3))
    for mean, caption in zip(means, b.caption.tolist(), strict=True):
        colour = ("red", "green", "blue")[int(mean.argmax())]
        assert colour in tiny_texts[caption]


def test_towers_that_say_what_the_heads_say_pay_for_the_captions_alone(tiny, tiny_work):
    b = module._Draw(tiny.corpus, Rounds(tiny_work / "rounds"), PLAN)(torch.Generator().manual_seed(0))
    with torch.no_grad():
        see = tiny.heads.see(b.vit)
        read = tiny.heads.read(tiny.corpus.minilm[torch.cat([b.caption, b.name])])
        exact = module.tuning_loss(see, read, b, tiny.corpus, tiny.heads)
        longer = module.tuning_loss(2 * see, read, b, tiny.corpus, tiny.heads)
    # only the norms differ: all else looks at cosines
    size = see.norm(dim=-1)
    assert (longer - exact).item() == pytest.approx(2.0 * 0.1 * (size / size.mean()).square().mean().item(), rel=1e-3)


def test_a_few_steps_move_the_averaged_weights_and_are_reported(tiny, tiny_work, tower, ticking):
    ticking(module)
    before, text_before = copy.deepcopy(tower.state_dict()), copy.deepcopy(tiny.text.state_dict())
    image, text = tune(
        tiny.corpus, tiny.heads, Rounds(tiny_work / "rounds"), tower, tiny.text, tiny.tokens, PLAN, tiny.log
    )

    assert image is not tower and not image.training and not text.training
    for average, live, start in ((image, tower, before), (text, tiny.text, text_before)):
        for name, value in average.state_dict().items():
            if value.is_floating_point() and "head.norm.bias" not in name:
                assert not torch.equal(value, start[name]), name
                assert value.isfinite().all() and not torch.equal(value, live.state_dict()[name]), name
    log = [json.loads(line) for line in tiny.log.read_text().splitlines()]
    assert [line["step"] for line in log] == list(range(2, 12, 2)) and log[-1]["progress"] < 1


def test_only_the_head_moves_in_its_share(tiny, tiny_work, tower, ticking):
    ticking(module)
    before, text_before = copy.deepcopy(tower.state_dict()), copy.deepcopy(tiny.text.state_dict())
    plan = TunePlan(**{**vars(PLAN), "minutes": 4 / 60, "head_share": 1.0})
    tune(tiny.corpus, tiny.heads, Rounds(tiny_work / "rounds"), tower, tiny.text, tiny.tokens, plan, tiny.log)

    moved = {name for name, value in tower.state_dict().items() if not torch.equal(value, before[name])}
    assert moved and all(name.startswith("head.") for name in moved)
    assert all(torch.equal(value, text_before[name]) for name, value in tiny.text.state_dict().items())


def test_averages_keep_their_share_of_floats_and_copy_counts():
    average, live = torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2)
    with torch.no_grad():
        live.weight.fill_(3.0)
        live.num_batches_tracked.fill_(9)
    module.average_weights(average, live, keep=0.75)
    assert average.weight.tolist() == [1.5, 1.5] and average.num_batches_tracked == 9
