"""The space: heads on frozen teachers' features, trained so that texts, pictures and sounds that belong together meet.

It is what the students then aim at. Everything here works on cached features, so that it takes minutes on two cores.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from sensorium.train import data
from sensorium.train.losses import contrast, cosines, relations, shared_label
from sensorium.train.networks import Head
from sensorium.train.texts import PICTURE_PROMPTS, SOUND_PROMPTS, audioset_names, prompts


@dataclass(frozen=True)
class SpacePlan:
    """Run-file values of the space."""

    steps: int = 400  # 2,500 steps overfit: R@10 on flickr8k dev 56.0 %, against 68.6 % after 400 with dropout
    batch: int = 512
    rate: float = 2e-3
    decay: float = 0.05
    dropout: float = 0.3
    seed: int = 0


class TeacherHeads(nn.Module):
    """Teachers' features, standardised, into one space."""

    def __init__(self, dimension: int = 256, dropout: float = 0.0) -> None:
        super().__init__()
        self.text = nn.Linear(384, dimension)
        self.image, self.audio = (Head(384, dimension, dropout=dropout) for _ in range(2))
        self.scale = nn.Parameter(torch.tensor(np.log(1 / 0.07), dtype=torch.float32))
        for name in ("image", "audio"):
            self.register_buffer(f"{name}_mean", torch.zeros(384))
            self.register_buffer(f"{name}_std", torch.ones(384))

    def see(self, features: torch.Tensor) -> torch.Tensor:
        """ViT class token and mean patch token (n, 384) -> (n, dimension)."""
        return self.image((features - self.image_mean) / self.image_std)

    def hear(self, features: torch.Tensor) -> torch.Tensor:
        """mn04 embeddings (n, 384) -> (n, dimension)."""
        return self.audio((features - self.audio_mean) / self.audio_std)

    def read(self, features: torch.Tensor) -> torch.Tensor:
        """MiniLM rows (n, 384) -> (n, dimension)."""
        return self.text(features * 384**0.5)

    @property
    def heat(self) -> torch.Tensor:
        """The factor on cosines, at most 100."""
        return self.scale.exp().clamp(max=100.0)


def captions_about(label: str, captions: list[str], longest: int = 70) -> list[str]:
    """Short sound captions that name everything a label names: real sentences for labelled sounds."""
    stems = [re.compile(rf"\b{re.escape(w[:5])}", re.I) for w in re.findall(r"[a-z]{3,}", label.lower())]
    return [c for c in captions if len(c) <= longest and stems and all(s.search(c) for s in stems)]


class Corpus:
    """Cached features of everything that trains, and which of them belong together."""

    def __init__(self, root: Path, work: Path, texts: list[str]) -> None:
        self.texts, self.row_of = texts, {t: i for i, t in enumerate(texts)}
        self.minilm = torch.from_numpy(np.load(work / "texts_minilm.npy").astype(np.float32))
        self.pictures = data.training_pictures(root)
        self.rounds = sorted((work / "rounds").glob("[0-9][0-9][0-9]"))
        self.vit = torch.stack([self._features(r) for r in self.rounds])  # (rounds, n, 384)
        self.sounds = data.sounds(root, "train")
        sounds = work / "sounds_train"
        self.mn04 = torch.from_numpy(np.load(sounds / "embedding.npy").astype(np.float32))  # (rounds, n, 384)
        self.heard = torch.from_numpy(np.load(sounds / "logits.npy").astype(np.float32)).sigmoid()
        captions = data.flickr_captions(root, "train")
        self.captions = [self._known(captions[p.path.name]) if p.label is None else [] for p in self.pictures]
        self.captioned = np.array([i for i, c in enumerate(self.captions) if c])
        self.labelled = np.array([i for i, p in enumerate(self.pictures) if p.label is not None])
        self.labels = sorted({p.label for p in self.pictures if p.label} | {s.label for s in self.sounds if s.label})
        number = {label: i for i, label in enumerate(self.labels)}
        self.picture_label = torch.tensor([number[p.label] if p.label else -1 for p in self.pictures])
        self.sound_label = torch.tensor([number[s.label] for s in self.sounds if s.label])
        self.shared = np.array([i for i in self.labelled if (self.picture_label[i] == self.sound_label).any()])
        self.picture_texts = [self._known(prompts([label], PICTURE_PROMPTS)) for label in self.labels]
        self.sound_texts = [self._known(prompts([label], SOUND_PROMPTS)) for label in self.labels]
        self.sound_sentences = self._sentences(data.sound_captions(root))
        self.audioset = [self._known(prompts([name], SOUND_PROMPTS)) for name in audioset_names(root)]

    def _features(self, folder: Path) -> torch.Tensor:
        cls = np.load(folder / "cls.npy").astype(np.float32)
        mean = np.load(folder / "grid.npy", mmap_mode="r").mean((2, 3), dtype=np.float32)
        return torch.from_numpy(np.concatenate([cls, mean], 1))

    def _known(self, texts: list[str]) -> list[int]:
        """Rows of those texts that the corpus has."""
        return [self.row_of[t.strip()] for t in texts if t.strip() in self.row_of]

    def _sentences(self, captions: list[str]) -> list[list[int]]:
        """For each label that a sound has, rows of captions about it."""
        heard = {self.labels[i] for i in self.sound_label.tolist()}
        return [self._known(captions_about(name, captions)) if name in heard else [] for name in self.labels]

    def label_text(self, label: int, rng: np.random.Generator, *, sound: bool) -> int:
        """Row of a random sentence for a label, of a sound or of a picture."""
        if sound and self.sound_sentences[label] and rng.random() < 0.5:
            return int(rng.choice(self.sound_sentences[label]))
        return int(rng.choice((self.sound_texts if sound else self.picture_texts)[label] or self.picture_texts[label]))


def draw(corpus: Corpus, rng: np.random.Generator, size: int) -> dict[str, torch.Tensor]:
    """Row numbers of one step: captioned pictures, labelled pictures, sounds, shared classes, plain texts."""

    def pick(pool: NDArray[np.int64] | int, count: int) -> torch.Tensor:
        return torch.from_numpy(rng.choice(pool, count))

    seen, named = pick(corpus.captioned, size), pick(corpus.labelled, size // 2)
    heard, both = pick(len(corpus.sounds), size // 2), pick(corpus.shared, size // 8)
    pictures, sounds = corpus.picture_label[named].tolist(), corpus.sound_label[heard].tolist()
    return {
        "seen": seen, "caption": torch.tensor([rng.choice(corpus.captions[i]) for i in seen.tolist()]),
        "named": named, "name": torch.tensor([corpus.label_text(label, rng, sound=False) for label in pictures]),
        "heard": heard, "sentence": torch.tensor([corpus.label_text(label, rng, sound=True) for label in sounds]),
        "both": both, "plain": pick(len(corpus.texts), size),
        "tags": torch.tensor([rng.choice(rows) for rows in corpus.audioset]),
    }  # fmt: skip


@dataclass(frozen=True)
class Said:
    """What the heads say of one draw: pictures and sounds (rows, d), texts by their name in the draw, and the heat."""

    seen: torch.Tensor
    named: torch.Tensor
    heard: torch.Tensor
    both: torch.Tensor
    read: dict[str, torch.Tensor]
    heat: torch.Tensor


def agreement(said: Said, rows: dict[str, torch.Tensor], corpus: Corpus, tags: torch.Tensor) -> torch.Tensor:
    """How far things that belong together are apart; `tags` (heard, 527) is what the teacher hears in the sounds."""
    read, heat = said.read, said.heat
    named, heard = corpus.picture_label[rows["named"]], corpus.sound_label[rows["heard"]]
    loss = contrast(said.seen, read["caption"], heat)
    loss = loss + 0.5 * shared_label(said.named, read["name"], named, named, heat)
    loss = loss + 0.5 * shared_label(said.heard, read["sentence"], heard, heard, heat)
    loss = loss + 0.25 * shared_label(said.both, said.heard, corpus.picture_label[rows["both"]], heard, heat)
    target = tags / tags.sum(1, keepdim=True)
    return loss - 0.25 * (target * F.log_softmax(heat * cosines(said.heard, read["tags"]), 1)).sum(1).mean()


def train_space(corpus: Corpus, plan: SpacePlan, dimension: int = 256) -> TeacherHeads:
    """Train the heads for `plan.steps`; about two minutes on one core."""
    torch.manual_seed(plan.seed)
    rng, heads = np.random.default_rng(plan.seed), TeacherHeads(dimension, plan.dropout)
    for name, features in (("image", corpus.vit[0]), ("audio", corpus.mn04[0])):
        getattr(heads, f"{name}_mean").copy_(features.mean(0))
        getattr(heads, f"{name}_std").copy_(features.std(0) + 1e-3)
    optimizer = torch.optim.AdamW(heads.parameters(), plan.rate, weight_decay=plan.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, plan.rate, plan.steps, pct_start=0.1)
    for _ in range(plan.steps):
        rows = draw(corpus, rng, plan.batch)
        view, take = rng.integers(len(corpus.vit)), rng.integers(len(corpus.mn04))
        read = {n: heads.read(corpus.minilm[rows[n]]) for n in ("caption", "name", "sentence", "plain", "tags")}
        seen, named, both = (heads.see(corpus.vit[view][rows[n]]) for n in ("seen", "named", "both"))
        heard, tags = heads.hear(corpus.mn04[take][rows["heard"]]), corpus.heard[take][rows["heard"]]
        loss = agreement(Said(seen, named, heard, both, read, heads.heat), rows, corpus, tags)
        loss = loss + 0.3 * relations(read["plain"], corpus.minilm[rows["plain"]])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return heads.eval()
