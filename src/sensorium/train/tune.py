"""The last stage: the image tower's head, then picture and text towers together on captions and labels.

The backbone has learnt to see like its teacher, the text tower to read like its own; here they learn to meet, held near
the space by the teachers' heads so that sounds, which are not in this stage, stay where they are.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from sensorium.train.distill import Rounds, prepare
from sensorium.train.losses import contrast, cosines, shared_label, towards
from sensorium.train.networks import ImageTower, TextTower
from sensorium.train.report import report
from sensorium.train.space import Corpus, TeacherHeads
from sensorium.train.students import Tokens


@dataclass(frozen=True)
class TunePlan:
    """Run-file values of the tuning."""

    minutes: float = 20.0
    head_share: float = 0.12  # of the budget with the backbone frozen
    captioned: int = 128
    labelled: int = 48
    rate: float = 6e-4
    text_rate: float = 2e-4
    decay: float = 0.05
    average: float = 0.998  # of the weights, kept from one step to the next
    report_every: int = 50
    seed: int = 0


def soft_contrast(a: torch.Tensor, b: torch.Tensor, teacher: torch.Tensor, heat: torch.Tensor) -> torch.Tensor:
    """Cross-entropy against the teacher's own similarities (n, n), both ways: near misses count as near."""
    logits = heat * cosines(a, b)
    rows = -(teacher.softmax(1) * F.log_softmax(logits, 1)).sum(1).mean()
    return (rows - (teacher.T.softmax(1) * F.log_softmax(logits.T, 1)).sum(1).mean()) / 2


@dataclass
class _Batch:
    pixels: torch.Tensor
    caption: torch.Tensor
    name: torch.Tensor
    label: torch.Tensor
    vit: torch.Tensor


class _Draw:
    """Batches: captioned pictures first, labelled ones after them, all of one round of crops."""

    def __init__(self, corpus: Corpus, rounds: Rounds, plan: TunePlan) -> None:
        self.corpus, self.rounds, self.plan = corpus, rounds, plan
        self.rng = np.random.default_rng(plan.seed)

    def __call__(self, generator: torch.Generator) -> _Batch:
        c, rng = self.corpus, self.rng
        seen = rng.choice(c.captioned, self.plan.captioned, replace=False)
        named = rng.choice(c.labelled, self.plan.labelled, replace=False)
        rows, number = np.concatenate([seen, named]), int(rng.integers(len(c.vit)))
        raw = np.stack([self.rounds.open[number]["pixels"][r] for r in rows])
        pixels = prepare(torch.from_numpy(raw).permute(0, 3, 1, 2), raw.shape[1], generator)
        caption = torch.tensor([rng.choice(c.captions[i]) for i in seen.tolist()])
        name = torch.tensor([c.label_text(int(c.picture_label[i]), rng, sound=False) for i in named.tolist()])
        return _Batch(pixels, caption, name, c.picture_label[named], c.vit[number][torch.from_numpy(rows)])


def tuning_loss(image: torch.Tensor, read: torch.Tensor, b: _Batch, corpus: Corpus,
                heads: TeacherHeads) -> torch.Tensor:  # fmt: skip
    """Image (c + l, d) and read (c + l, d): captioned pictures with captions, then labelled ones with their names."""
    n, heat = len(b.caption), heads.heat.detach()
    with torch.no_grad():
        see, truth = heads.see(b.vit), heads.read(corpus.minilm[torch.cat([b.caption, b.name])])
        teacher = heat * (cosines(see[:n], truth[:n]) + cosines(truth[:n], truth[:n])) / 2
    loss = contrast(image[:n], read[:n], heat) + 0.5 * soft_contrast(image[:n], read[:n], teacher, heat)
    loss = loss + 0.3 * shared_label(image[n:], read[n:], b.label, b.label, heat)
    return loss + 2.0 * towards(image, see) + 3.0 * towards(read, truth)


def rates(plan: TunePlan, progress: float) -> tuple[float, float]:
    """Factors on the learning rates of (head, all else), each a short warm-up, then a half cosine to 2 %.

    The head has one such cycle alone, while all else rests at 0, then all have one together.
    """
    alone = progress < plan.head_share
    done = progress / plan.head_share if alone else (progress - plan.head_share) / (1 - plan.head_share)
    factor = float(min(1.0, done / 0.05) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * done))))
    return factor, 0.0 if alone else factor


def tune(corpus: Corpus, heads: TeacherHeads, rounds: Rounds, tower: ImageTower, text: TextTower, tokens: Tokens,
         plan: TunePlan, log: Path) -> tuple[ImageTower, TextTower]:  # fmt: skip
    """Train for the budget; returns the towers with averaged weights."""
    torch.manual_seed(plan.seed)
    draw, generator = _Draw(corpus, rounds, plan), torch.Generator().manual_seed(plan.seed)
    modules: tuple[torch.nn.Module, ...] = (tower.head, tower.backbone, text)
    bases = (2 * plan.rate, plan.rate, plan.text_rate)
    groups = [{"params": list(m.parameters()), "lr": base} for m, base in zip(modules, bases, strict=True)]
    optimizer = torch.optim.AdamW(groups, weight_decay=plan.decay)
    everything = [p for m in modules for p in m.parameters()]
    averages = copy.deepcopy(tower), copy.deepcopy(text)
    started, budget, step, recent = time.monotonic(), plan.minutes * 60, 0, []
    while (progress := (time.monotonic() - started) / budget) < 1:
        tower.backbone.train(progress >= plan.head_share)
        head, rest = rates(plan, progress)
        for group, base, factor in zip(optimizer.param_groups, bases, (head, rest, rest), strict=True):
            group["lr"] = base * factor
        b = draw(generator)
        ids, mask = tokens.batch(torch.cat([b.caption, b.name]))
        with torch.autocast("cpu", torch.bfloat16):
            image, read = tower(b.pixels), text(ids, mask)
        loss = tuning_loss(image.float(), read.float(), b, corpus, heads)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(everything, 5.0)
        optimizer.step()
        step += 1
        for average, live in zip(averages, (tower, text), strict=True):
            average_weights(average, live, min(plan.average, step / (step + 10)))
        recent.append(loss.item())
        if step % plan.report_every == 0:
            report(log, step=step, progress=progress, loss=float(np.mean(recent)))
            recent = []
    return averages[0].eval(), averages[1].eval()


def average_weights(average: torch.nn.Module, live: torch.nn.Module, keep: float) -> None:
    """Exponential moving average of weights and batch-norm statistics, into `average`."""
    with torch.no_grad():
        for a, m in zip(average.state_dict().values(), live.state_dict().values(), strict=True):
            if a.is_floating_point():
                a.lerp_(m, 1 - keep)
            else:
                a.copy_(m)
