"""The text and sound towers learn the space from its teachers' heads: what a text or a sound is there, so are they."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from sensorium.train.losses import relations, shared_label, towards
from sensorium.train.networks import AudioTower, TextTower
from sensorium.train.report import report
from sensorium.train.space import Corpus, TeacherHeads


@dataclass(frozen=True)
class StudentPlan:
    """Run-file values of one student."""

    steps: int = 9000
    batch: int = 128
    rate: float = 1e-3
    decay: float = 0.02
    report_every: int = 200
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

    def batch(self, rows: NDArray[np.int64] | torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(ids, mask) of these rows."""
        chosen = np.asarray(rows)
        lengths = self.lengths[chosen]
        ids = torch.from_numpy(self.ids[chosen, : lengths.max()].astype(np.int64))
        return ids, torch.from_numpy((np.arange(lengths.max())[None] < lengths[:, None]).astype(np.int64))


class _Descent:
    """Steps of AdamW on clipped gradients, under a one-cycle learning rate."""

    def __init__(self, modules: list[torch.nn.Module], plan: StudentPlan) -> None:
        self.parameters = [p for module in modules for p in module.parameters()]
        self.optimizer = torch.optim.AdamW(self.parameters, plan.rate, weight_decay=plan.decay)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, plan.rate, plan.steps, pct_start=0.08)

    def step(self, loss: torch.Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 5.0)
        self.optimizer.step()
        self.schedule.step()


def train_text(corpus: Corpus, heads: TeacherHeads, tokens: Tokens, plan: StudentPlan, tower: TextTower,
               log: Path) -> TextTower:  # fmt: skip
    """Batches of texts of about one length: seven in ten of more than three words, the others of words and labels."""
    torch.manual_seed(plan.seed)
    rng, descent = np.random.default_rng(plan.seed), _Descent([tower], plan)
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
        descent.step(loss)
        if (step + 1) % plan.report_every == 0:
            cosine = F.cosine_similarity(said.float(), goal[rows]).mean()
            report(log, step=step + 1, loss=loss.item(), cosine=cosine.item())
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


def train_audio(corpus: Corpus, heads: TeacherHeads, mels: NDArray[np.float16], plan: StudentPlan,
                log: Path) -> AudioTower:  # fmt: skip
    """Mels float16 (rounds, n, bins, frames) of the same variations that the teacher heard."""
    torch.manual_seed(plan.seed)
    rng, tower = np.random.default_rng(plan.seed), AudioTower()
    echo = torch.nn.Linear(512, 384)  # the teacher's own embedding, which carries more than the space does
    descent = _Descent([tower, echo], plan)
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
        names = torch.tensor([corpus.label_text(int(x), rng, sound=True) for x in labels])
        with torch.inference_mode():
            read = heads.read(corpus.minilm[names])
        loss = towards(said.float(), truth) + relations(said.float(), truth) + 0.3 * F.mse_loss(echoed.float(), heard)
        loss = loss + 0.1 * shared_label(said.float(), read.clone(), labels, labels, heads.heat.detach())
        descent.step(loss)
        if (step + 1) % plan.report_every == 0:
            cosine = F.cosine_similarity(said.float(), truth).mean()
            report(log, step=step + 1, loss=loss.item(), cosine=cosine.item())
    return tower.eval()
