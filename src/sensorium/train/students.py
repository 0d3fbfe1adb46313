"""The text and sound towers learn the space from its teachers' heads: what a text or a sound is there, so are they."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from sensorium.train.losses import relations, shared_label, towards
from sensorium.train.networks import AudioTower, TextTower
from sensorium.train.space import Corpus, TeacherHeads


@dataclass(frozen=True)
class StudentPlan:
    """Run-file values of one student."""

    steps: int = 9000
    batch: int = 128
    rate: float = 1e-3
    decay: float = 0.02
    seed: int = 0


class Tokens:
    """All texts as padded ids, cut at `longest`; `batch` gives (ids, mask) int64 (n, t) without needless columns."""

    def __init__(self, tokenizer: Path, texts: list[str], longest: int) -> None:
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_file(str(tokenizer))
        self.tokenizer.enable_truncation(longest)
        rows = [e.ids for e in self.tokenizer.encode_batch_fast(texts)]
        self.lengths = np.array([len(r) for r in rows])
        self.ids = np.zeros((len(rows), longest), np.int32)
        for i, row in enumerate(rows):
            self.ids[i, : len(row)] = row

    def batch(self, rows: np.ndarray | torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(ids, mask) of these rows."""
        chosen = np.asarray(rows)
        lengths = self.lengths[chosen]
        ids = torch.from_numpy(self.ids[chosen, : lengths.max()].astype(np.int64))
        return ids, torch.from_numpy((np.arange(lengths.max())[None] < lengths[:, None]).astype(np.int64))


def _optimizer(
    parameters: list[torch.nn.Parameter], plan: StudentPlan
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    optimizer = torch.optim.AdamW(parameters, plan.rate, weight_decay=plan.decay)
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, plan.rate, plan.steps, pct_start=0.08)


def _step(loss: torch.Tensor, parameters: list[torch.nn.Parameter], optimizer: torch.optim.Optimizer,
          schedule: torch.optim.lr_scheduler.LRScheduler) -> None:  # fmt: skip
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 5.0)
    optimizer.step()
    schedule.step()


def train_text(corpus: Corpus, heads: TeacherHeads, tokens: Tokens, plan: StudentPlan, tower: TextTower) -> TextTower:
    """Half of a batch are captions of pictures and sounds and labels, half anything; similar lengths together."""
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    parameters = list(tower.parameters())
    optimizer, schedule = _optimizer(parameters, plan)
    with torch.inference_mode():
        goal = heads.read(corpus.minilm)
    goal = goal.clone()
    salad = np.array([i for i, t in enumerate(corpus.texts) if len(t.split()) <= 3])
    prose = np.array([i for i, t in enumerate(corpus.texts) if len(t.split()) > 3])
    for step in range(plan.steps):
        pool = prose if rng.random() < 0.7 else salad
        rows = rng.choice(pool, plan.batch * 4)
        rows = rows[np.argsort(tokens.lengths[rows], kind="stable")]
        quarter = rng.integers(4)
        rows = rows[quarter * plan.batch : (quarter + 1) * plan.batch]
        ids, mask = tokens.batch(rows)
        with torch.autocast("cpu", torch.bfloat16):
            said = tower(ids, mask)
        loss = towards(said.float(), goal[rows]) + relations(said.float(), goal[rows])
        _step(loss, parameters, optimizer, schedule)
        if step % 500 == 499:
            print(
                f"text {step + 1}/{plan.steps}: loss {loss.item():.4f}, cosine {F.cosine_similarity(said.float(), goal[rows]).mean():.4f}",
                flush=True,
            )
    return tower.eval()


def masked(mel: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """SpecAugment (Park et al. 2019): a few bins and frames set to the mean."""
    mel = mel.clone()
    for _ in range(2):
        wide, start = rng.integers(1, 8), rng.integers(mel.shape[1] - 8)
        mel[:, start : start + wide] = 0
        wide, start = rng.integers(1, 50), rng.integers(mel.shape[2] - 50)
        mel[:, :, start : start + wide] = 0
    return mel


def train_audio(corpus: Corpus, heads: TeacherHeads, mels: np.ndarray, plan: StudentPlan) -> AudioTower:
    """Mels float16 (rounds, n, bins, frames) of the same variations that the teacher heard."""
    torch.manual_seed(plan.seed)
    rng, tower = np.random.default_rng(plan.seed), AudioTower()
    echo = torch.nn.Linear(512, 384)  # the teacher's own embedding, which carries more than the space does
    parameters = [*tower.parameters(), *echo.parameters()]
    optimizer, schedule = _optimizer(parameters, plan)
    with torch.inference_mode():
        goal = torch.stack([heads.hear(m) for m in corpus.mn04])
    goal = goal.clone()
    for step in range(plan.steps):
        takes, rows = rng.integers(len(mels), size=plan.batch), rng.integers(mels.shape[1], size=plan.batch)
        mel = masked(torch.from_numpy(mels[takes, rows].astype(np.float32)), rng)
        with torch.autocast("cpu", torch.bfloat16):
            features = tower.features(mel)
            said, echoed = tower.head(features), echo(features)
        truth, heard = goal[takes, rows], (corpus.mn04[takes, rows] - heads.audio_mean) / heads.audio_std
        labels = corpus.sound_label[rows]
        names = torch.tensor([corpus.label_text(int(x), rng, True) for x in labels])
        with torch.inference_mode():
            read = heads.read(corpus.minilm[names])
        loss = towards(said.float(), truth) + relations(said.float(), truth) + 0.3 * F.mse_loss(echoed.float(), heard)
        loss = loss + 0.1 * shared_label(said.float(), read.clone(), labels, labels, heads.heat.detach())
        _step(loss, parameters, optimizer, schedule)
        if step % 200 == 199:
            print(
                f"audio {step + 1}/{plan.steps}: loss {loss.item():.4f}, cosine {F.cosine_similarity(said.float(), truth).mean():.4f}",
                flush=True,
            )
    return tower.eval()
