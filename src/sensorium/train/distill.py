"""Teach the image backbone to see what the teacher sees: class token and patch tokens of the same crops.

The loop runs for a budget of training minutes, not of epochs, with a one-cycle learning rate over that budget, and goes
on from its checkpoint after a stop. New rounds of crops are used as soon as they appear.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from sensorium.train.networks import ImageBackbone, Imitation
from sensorium.train.report import report


@dataclass(frozen=True)
class DistillPlan:
    """Run-file values of the distillation."""

    minutes: float = 75.0
    batch: int = 128
    rate: float = 2e-3
    decay: float = 0.05
    warmup: float = 0.03  # of the budget
    small_until: float = 0.55  # of the budget at `small_side` pixels, the rest at full size
    small_side: int = 96
    checkpoint_seconds: float = 120.0
    seed: int = 0
    compiled: bool = True  # takes a C++ compiler and a minute, and then half the time


def learning_rate(plan: DistillPlan, progress: float) -> float:
    """Linear warm-up, then a half cosine to 1 % at progress 1."""
    if progress < plan.warmup:
        return plan.rate * (0.02 + 0.98 * progress / plan.warmup)
    done = (progress - plan.warmup) / (1 - plan.warmup)
    return float(plan.rate * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * min(1.0, done)))))


class Rounds:
    """The rounds on disk, memory-mapped; `sample` draws a batch across all that exist."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.open: list[dict[str, NDArray[Any]]] = []
        self.refresh()

    def refresh(self) -> None:
        """Map rounds that have appeared since."""
        for path in sorted(self.folder.glob("[0-9][0-9][0-9]"))[len(self.open) :]:
            self.open.append({n: np.load(path / f"{n}.npy", mmap_mode="r") for n in ("pixels", "cls", "grid")})

    def statistics(self) -> dict[str, torch.Tensor]:
        """Mean and deviation of the teacher's features over the first round."""
        first = self.open[0]
        cls = torch.from_numpy(np.asarray(first["cls"], np.float32))
        grid = torch.from_numpy(np.asarray(first["grid"][::4], np.float32))
        mean = torch.from_numpy(np.asarray(first["grid"], np.float32).mean((2, 3)))
        return {
            "cls_mean": cls.mean(0), "cls_std": cls.std(0), "mean_mean": mean.mean(0), "mean_std": mean.std(0),
            "grid_mean": grid.mean((0, 2, 3))[:, None, None], "grid_std": grid.std((0, 2, 3))[:, None, None],
        }  # fmt: skip

    def sample(self, rng: np.random.Generator, size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Pixels uint8 (b, 3, s, s), cls (b, 192), grid (b, 192, 7, 7), all of one random round."""
        source = self.open[rng.integers(len(self.open))]
        rows = np.sort(rng.choice(len(source["cls"]), size, replace=False))
        pixels = torch.from_numpy(np.ascontiguousarray(source["pixels"][rows])).permute(0, 3, 1, 2)
        cls, grid = (torch.from_numpy(source[n][rows].astype(np.float32)) for n in ("cls", "grid"))
        return pixels, cls, grid


def prepare(pixels: torch.Tensor, side: int, generator: torch.Generator) -> torch.Tensor:
    """uint8 -> standardised float (n, 3, side, side), with a little random brightness and contrast per picture."""
    x = pixels.float().contiguous(memory_format=torch.channels_last)
    if x.shape[-1] != side:
        x = F.interpolate(x, (side, side), mode="bilinear", antialias=True, align_corners=False)
    x = x / 127.5 - 1
    n = len(x)
    contrast = 1 + 0.15 * (2 * torch.rand(n, 1, 1, 1, generator=generator) - 1)
    brightness = 0.075 * (2 * torch.rand(n, 3, 1, 1, generator=generator) - 1)
    return x * contrast + brightness


def imitation_loss(said: tuple[torch.Tensor, ...], cls: torch.Tensor, grid: torch.Tensor,
                   stats: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """(loss to minimise, global part alone); standardised squared errors, 1.0 = predicting the mean."""
    cls_said, mean_said, fine, coarse = (s.float() for s in said)
    cls_true = (cls - stats["cls_mean"]) / stats["cls_std"]
    mean_true = (grid.mean((2, 3)) - stats["mean_mean"]) / stats["mean_std"]
    grid_true = (grid - stats["grid_mean"]) / stats["grid_std"]
    whole = F.mse_loss(cls_said, cls_true) + F.mse_loss(mean_said, mean_true)
    near = F.interpolate(grid_true, fine.shape[2:], mode="bilinear", align_corners=False)
    far = F.adaptive_avg_pool2d(grid_true, coarse.shape[2:])
    patches = F.mse_loss(coarse, far) + 0.5 * F.mse_loss(fine, near)
    return whole + 0.5 * patches, whole.detach() / 2


def distill(rounds_folder: Path, out: Path, plan: DistillPlan) -> Path:
    """Train until the budget is spent; returns the checkpoint. Call again to go on after a stop."""
    torch.manual_seed(plan.seed)
    rounds = Rounds(rounds_folder)
    backbone = ImageBackbone().to(memory_format=torch.channels_last)
    imitation = Imitation(backbone.widths)
    parameters = [*backbone.parameters(), *imitation.parameters()]
    optimizer = torch.optim.AdamW(parameters, plan.rate, weight_decay=plan.decay)
    checkpoint, spent, step, stats = out / "backbone.pt", 0.0, 0, rounds.statistics()
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        backbone.load_state_dict(state["backbone"])
        imitation.load_state_dict(state["imitation"])
        optimizer.load_state_dict(state["optimizer"])
        spent, step, stats = state["spent"], state["step"], state["stats"]

    def save() -> None:
        torch.save({"backbone": backbone.state_dict(), "imitation": imitation.state_dict(), "stats": stats,
                    "optimizer": optimizer.state_dict(), "spent": spent, "step": step, "plan": asdict(plan)},
                   checkpoint.with_suffix(".new"))  # fmt: skip
        checkpoint.with_suffix(".new").replace(checkpoint)

    def imitate(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return imitation(*backbone(x))

    forward = torch.compile(imitate, dynamic=False) if plan.compiled else imitate
    generator, budget = torch.Generator().manual_seed(step), plan.minutes * 60
    rng, saved, recent = np.random.default_rng([plan.seed, step]), time.monotonic(), []
    while spent < budget:
        started, progress = time.monotonic(), spent / budget
        side = plan.small_side if progress < plan.small_until else rounds.open[0]["pixels"].shape[1]
        pixels, cls, grid = rounds.sample(rng, plan.batch)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(plan, progress)
        with torch.autocast("cpu", torch.bfloat16):
            said = forward(prepare(pixels, side, generator))
        loss, whole = imitation_loss(said, cls, grid, stats)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 5.0)
        optimizer.step()
        step, spent = step + 1, spent + time.monotonic() - started
        recent.append(whole.item())
        if time.monotonic() - saved > plan.checkpoint_seconds or spent >= budget:
            rounds.refresh()
            save()
            report(out / "distill.jsonl", step=step, minutes=spent / 60, side=side, rounds=len(rounds.open),
                   global_loss=float(np.mean(recent)))  # fmt: skip
            saved, recent = time.monotonic(), []
    return checkpoint
