"""The image tower once more: crops never seen before, against what its teacher sees in the whole picture.

The rounds of crops on disk are few, and a network that sees them often learns them by heart: on flickr8k the teacher's
class token was met with a squared error of 0.43 on training pictures and 0.73 on dev. Here every crop is new. The text
tower, which is nearly as good as its teacher by now, is frozen, and its vectors are computed once.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from sensorium.train.losses import contrast, cosines, shared_label, towards
from sensorium.train.networks import ImageTower, TextTower
from sensorium.train.report import report
from sensorium.train.rounds import SIDE
from sensorium.train.space import Corpus, TeacherHeads
from sensorium.train.students import Tokens
from sensorium.train.tune import average_weights, soft_contrast

STORED = 176  # pixels a side that pictures are kept at in memory


@dataclass(frozen=True)
class PolishPlan:
    """Run-file values of the polishing."""

    minutes: float = 17.0
    captioned: int = 128
    labelled: int = 48
    rate: float = 6e-4
    decay: float = 0.1
    dropout: float = 0.2  # of the pooled features
    average: float = 0.995
    compiled: bool = True
    report_every: int = 50
    seed: int = 0


def load_pictures(paths: list[Path]) -> torch.Tensor:
    """All pictures in memory, squashed to STORED pixels a side: uint8 (n, 3, STORED, STORED)."""
    size = (STORED, STORED)
    rows = [np.asarray(Image.open(p).convert("RGB").resize(size, Image.Resampling.BICUBIC)) for p in paths]
    return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2)


def fresh_crops(pictures: torch.Tensor, side: int, generator: torch.Generator) -> torch.Tensor:
    """uint8 (n, 3, s, s) -> random crops of 40-100 % of the area, mirrored half the time, with other light and colour.

    float32 (n, 3, side, side) around [-1, 1]; on half of them a grey rectangle hides up to a sixth.
    """
    n = len(pictures)

    def draw(low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(*shape, generator=generator)

    area, ratio = draw(0.4, 1.0, n), draw(-0.25, 0.25, n).exp()
    wide, high = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    mirror = torch.where(draw(0, 1, n) < 0.5, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = wide * mirror, high
    theta[:, 0, 2], theta[:, 1, 2] = (1 - wide) * draw(-1, 1, n), (1 - high) * draw(-1, 1, n)
    grid = F.affine_grid(theta, [n, 3, side, side], align_corners=False)
    x = F.grid_sample(pictures.float(), grid, padding_mode="reflection", align_corners=False) / 127.5 - 1
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * draw(0.5, 1.4, n, 1, 1, 1)
    x = x * draw(0.75, 1.25, n, 1, 1, 1) + draw(-0.2, 0.2, n, 1, 1, 1) + draw(-0.08, 0.08, n, 3, 1, 1)
    at = torch.linspace(0, 1, side)
    left, top, w, h = (draw(low, high, n, 1) for low, high in ((0, 0.7), (0, 0.7), (0.1, 0.4), (0.1, 0.4)))
    across, down = (at > left) & (at < left + w), (at > top) & (at < top + h)
    hidden = down[:, None, :, None] & across[:, None, None, :] & (draw(0, 1, n, 1, 1, 1) < 0.5)
    return x.masked_fill(hidden, 0.0).contiguous(memory_format=torch.channels_last)


def read_all(text: TextTower, tokens: Tokens, rows: np.ndarray) -> torch.Tensor:
    """The frozen text tower's vectors of these texts, (n, d)."""
    batches = (rows[i : i + 128] for i in range(0, len(rows), 128))
    with torch.no_grad():
        return torch.cat([text(*tokens.batch(b)) for b in batches])


def polish(corpus: Corpus, heads: TeacherHeads, tower: ImageTower, text: TextTower, tokens: Tokens, plan: PolishPlan,
           log: Path) -> ImageTower:  # fmt: skip
    """Train for the budget; returns the tower with averaged weights."""
    torch.manual_seed(plan.seed)
    rng, generator = np.random.default_rng(plan.seed), torch.Generator().manual_seed(plan.seed)
    pictures = load_pictures([p.path for p in corpus.pictures])
    wanted = sorted({r for c in corpus.captions for r in c} | {r for rows in corpus.picture_texts for r in rows})
    at = {row: i for i, row in enumerate(wanted)}
    spoken, heat = read_all(text.eval(), tokens, np.array(wanted)), heads.heat.detach()
    with torch.no_grad():
        whole = heads.see(corpus.vit[0])  # the first round holds whole pictures
    parameters, average = list(tower.parameters()), copy.deepcopy(tower)
    optimizer = torch.optim.AdamW(parameters, plan.rate, weight_decay=plan.decay)
    backbone = torch.compile(tower.backbone, dynamic=False) if plan.compiled else tower.backbone
    started, step, recent = time.monotonic(), 0, []
    tower.train()
    while (progress := (time.monotonic() - started) / (60 * plan.minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = float(plan.rate * min(1.0, progress / 0.04) * (0.01 + 0.495 * (1 + np.cos(np.pi * progress))))
        seen = rng.choice(corpus.captioned, plan.captioned, replace=False)
        named = rng.choice(corpus.labelled, plan.labelled, replace=False)
        labels, rows = corpus.picture_label[named], torch.from_numpy(np.concatenate([seen, named]))
        said = [rng.choice(corpus.captions[i]) for i in seen] + [rng.choice(corpus.picture_texts[i]) for i in labels]
        read = spoken[[at[int(i)] for i in said]]
        with torch.autocast("cpu", torch.bfloat16):
            pooled = backbone(fresh_crops(pictures[rows], SIDE, generator))[1].mean((2, 3))
            image = tower.head(F.dropout(pooled, plan.dropout))
        image, n, see = image.float(), plan.captioned, whole[rows]
        teacher = heat * (cosines(see[:n], read[:n]) + cosines(read[:n], read[:n])) / 2
        loss = contrast(image[:n], read[:n], heat) + soft_contrast(image[:n], read[:n], teacher, heat)
        loss = loss + 0.3 * shared_label(image[n:], read[n:], labels, labels, heat) + 3.0 * towards(image, see)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 5.0)
        optimizer.step()
        step += 1
        average_weights(average, tower, min(plan.average, step / (step + 10)))
        recent.append(loss.item())
        if step % plan.report_every == 0:
            report(log, step=step, progress=progress, loss=float(np.mean(recent)))
            recent = []
    return average.eval()
