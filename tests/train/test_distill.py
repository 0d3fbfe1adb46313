"""The backbone learns what the teacher sees, within a budget, and goes on after a stop."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'sensorium[train]'")

from sensorium.train import distill as module
from sensorium.train.distill import DistillPlan, Rounds, distill, imitation_loss, learning_rate, prepare
from sensorium.train.networks import ImageBackbone

# by the test's clock, a step takes a second
TWENTY = DistillPlan(minutes=20 / 60, batch=8, rate=1e-3, small_until=0.5, small_side=32, compiled=False)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A backbone of a fraction of the size."""
    monkeypatch.setattr(module, "ImageBackbone", lambda: ImageBackbone((8, 16, 32, 48), (1, 1, 1, 1)))


def write_round(folder, rows=16, side=64, seed=0):
    """Pictures of one colour each, and features that follow from the colour."""
    rng = np.random.default_rng(seed)
    colours = rng.integers(0, 255, (rows, 3))
    matrix = np.random.default_rng(9).normal(size=(3, 192))
    cls = (colours / 127.5 - 1) @ matrix
    folder.mkdir(parents=True)
    np.save(folder / "pixels.npy", np.broadcast_to(colours[:, None, None], (rows, side, side, 3)).astype(np.uint8))
    np.save(folder / "cls.npy", cls.astype(np.float16))
    grid = np.broadcast_to(cls[:, :, None, None], (rows, 192, 7, 7)) + rng.normal(0, 0.1, (rows, 192, 7, 7))
    np.save(folder / "grid.npy", grid.astype(np.float16))


@pytest.fixture
def folder(tmp_path):
    write_round(tmp_path / "rounds/000")
    return tmp_path / "rounds"


def log_of(out):
    return [json.loads(line) for line in (out / "distill.jsonl").read_text().splitlines()]


def test_the_learning_rate_warms_up_and_falls_to_a_hundredth():
    plan = DistillPlan(rate=1.0, warmup=0.1)

    assert learning_rate(plan, 0.0) == pytest.approx(0.02)
    assert learning_rate(plan, 0.05) == pytest.approx(0.51)
    assert learning_rate(plan, 0.1) == pytest.approx(1.0)
    assert learning_rate(plan, 0.55) == pytest.approx(0.01 + 0.99 / 2)
    assert learning_rate(plan, 1.0) == learning_rate(plan, 1.2) == pytest.approx(0.01)


def test_pictures_become_numbers_around_those_that_search_gives(folder):
    pixels = torch.zeros(64, 3, 16, 16, dtype=torch.uint8)
    pixels[:, 0] = 255
    varied = prepare(pixels, 8, torch.Generator().manual_seed(0))

    assert varied.shape == (64, 3, 8, 8)
    # contrast within 15 %, brightness within 0.075
    assert varied[:, 0].min() >= 0.85 - 0.075 and varied[:, 0].max() <= 1.15 + 0.075
    assert varied[:, 0].mean().item() == pytest.approx(1.0, abs=0.03)
    assert varied[:, 1:].mean().item() == pytest.approx(-1.0, abs=0.03)
    assert (varied.std((2, 3)) < 1e-5).all()


def test_saying_the_mean_costs_one_and_the_truth_nothing(folder):
    rounds = Rounds(folder)
    stats = rounds.statistics()
    cls, grid = (torch.from_numpy(rounds.open[0][n].astype(np.float32)) for n in ("cls", "grid"))
    n = len(cls)
    nothing = (torch.zeros(n, 192), torch.zeros(n, 192), torch.zeros(n, 192, 14, 14), torch.zeros(n, 192, 7, 7))
    whole = imitation_loss(nothing, cls, grid, stats)[1]
    assert whole.item() == pytest.approx(1.0, abs=0.08)

    truth = (grid - stats["grid_mean"]) / stats["grid_std"]
    said = ((cls - stats["cls_mean"]) / stats["cls_std"], (grid.mean((2, 3)) - stats["mean_mean"]) / stats["mean_std"],
            torch.nn.functional.interpolate(truth, (14, 14), mode="bilinear"), truth)  # fmt: skip
    loss, whole = imitation_loss(said, cls, grid, stats)
    assert loss.item() == pytest.approx(0.0, abs=1e-6) and whole.item() == pytest.approx(0.0, abs=1e-6)


def test_a_sample_is_rows_of_one_round_that_belong_together(folder):
    write_round(folder / "001", seed=1)
    rounds, rng = Rounds(folder), np.random.default_rng(0)
    for _ in range(4):
        pixels, cls, grid = rounds.sample(rng, 5)
        assert pixels.shape == (5, 3, 64, 64) and cls.shape == (5, 192) and grid.shape == (5, 192, 7, 7)
        assert pixels.dtype == torch.uint8 and cls.dtype == grid.dtype == torch.float32
        expected = (pixels[:, :, 0, 0] / 127.5 - 1).numpy() @ np.random.default_rng(9).normal(size=(3, 192))
        assert np.abs(cls.numpy() - expected).max() < 0.01


def test_rounds_that_appear_are_used_and_half_written_ones_are_not(folder):
    rounds = Rounds(folder)
    (folder / "001.partial").mkdir()
    write_round(folder / "001")
    rounds.refresh()
    assert len(rounds.open) == 2


def test_twenty_steps_lower_the_loss_and_are_reported(folder, tmp_path, ticking):
    ticking(module)
    plan = DistillPlan(**{**vars(TWENTY), "checkpoint_seconds": 0.0})
    checkpoint = distill(folder, tmp_path, plan)

    log = log_of(tmp_path)
    assert [line["step"] for line in log] == list(range(1, 21))
    assert [line["side"] for line in log] == [32] * 10 + [64] * 10
    assert np.mean([line["global_loss"] for line in log[-4:]]) < 0.8 * np.mean(
        [line["global_loss"] for line in log[:4]]
    )
    state = torch.load(checkpoint, weights_only=True)
    assert state["step"] == 20 and state["spent"] == 20 and state["plan"]["batch"] == 8
    module.ImageBackbone().load_state_dict(state["backbone"])


def test_a_run_that_was_stopped_goes_on_where_it_was(folder, tmp_path, ticking, monkeypatch):
    ticking(module)
    plan = DistillPlan(**{**vars(TWENTY), "minutes": 12 / 60, "checkpoint_seconds": 0.0})
    draws, sample = [], Rounds.sample

    def stopped(self, rng, size):
        draws.append(size)
        if len(draws) == 8:
            raise KeyboardInterrupt
        return sample(self, rng, size)

    with monkeypatch.context() as patched:
        patched.setattr(Rounds, "sample", stopped)
        with pytest.raises(KeyboardInterrupt):
            distill(folder, tmp_path, plan)
    before = torch.load(tmp_path / "backbone.pt", weights_only=True)
    assert before["step"] == 7 and before["spent"] == 7 and not (tmp_path / "backbone.new").exists()

    # whatever rounds are there now, targets stay on the scale that they had
    write_round(folder.parent / "others/000", seed=3)
    distill(folder.parent / "others", tmp_path, plan)
    after = torch.load(tmp_path / "backbone.pt", weights_only=True)
    assert after["step"] == 12 and after["spent"] == 12
    assert [line["step"] for line in log_of(tmp_path)] == list(range(1, 13))
    assert all(torch.equal(after["stats"][name], value) for name, value in before["stats"].items())
    first, second = (s["optimizer"]["state"][0] for s in (before, after))
    assert int(second["step"]) == int(first["step"]) + 5


def test_a_run_whose_budget_is_spent_does_nothing(folder, tmp_path, ticking):
    ticking(module)
    plan = DistillPlan(**{**vars(TWENTY), "minutes": 2 / 60})
    checkpoint = distill(folder, tmp_path, plan)
    written = checkpoint.read_bytes()

    assert distill(folder, tmp_path, plan) == checkpoint and checkpoint.read_bytes() == written
