"""Trains a small bundle from a run file: `python -m sensorium.train.run recipes/starter.toml --work work/starter`.

Stages in order, each skipped when its output lies in the work folder, so that a stop costs at most a stage (the distillation goes on
from its checkpoint): texts, sounds, rounds, space, text, audio, distill, tune, export, examine.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sensorium.train import data
from sensorium.train.distill import DistillPlan, Rounds, distill
from sensorium.train.networks import AudioTower, ImageBackbone, ImageTower, TextTower
from sensorium.train.space import Corpus, SpacePlan, TeacherHeads, train_space
from sensorium.train.students import StudentPlan, Tokens, train_audio, train_text
from sensorium.train.tune import TunePlan, tune


class Run:
    """One run file in one work folder; `recipe` is the file as a dict."""

    def __init__(self, recipe: dict[str, Any], work: Path, root: Path) -> None:
        self.recipe, self.work, self.root = recipe, work, root
        work.mkdir(parents=True, exist_ok=True)

    def plan(self, name: str, kind: Callable[..., Any]) -> Any:
        """The run file's section as a plan."""
        return kind(**self.recipe.get(name, {}))

    def texts(self) -> None:
        """The corpus, the tokenizer, and what the text teacher says of every text."""
        from sensorium.train.minilm import MiniLM
        from sensorium.train.texts import corpus, train_tokenizer

        teacher = MiniLM()
        words = teacher.words()
        texts = corpus(self.root, words)
        train_tokenizer(texts, words, self.recipe["tokens"]["vocabulary"], self.work / "tokenizer.json")
        (self.work / "texts.json").write_text(json.dumps(texts))
        np.save(self.work / "texts_minilm.npy", teacher.encode(texts).astype(np.float16))

    def sounds(self) -> None:
        """Variations of the training sounds with what the sound teacher hears in them."""
        from sensorium.train.hearing import SoundTeacher, make_sound_rounds

        teacher = SoundTeacher(self.root / "models/efficientat_mn04.onnx")
        make_sound_rounds(
            data.sounds(self.root, "train"), self.recipe["sounds"]["rounds"], teacher, self.work / "sounds_train"
        )

    def rounds(self) -> None:
        """Crops of the training pictures with what the picture teacher sees in them."""
        from sensorium.train.rounds import make_round
        from sensorium.train.vit import VitTeacher

        teacher = VitTeacher(self.root / "models/vit_tiny_patch16_224.safetensors").eval().to(torch.bfloat16)
        pictures = [p.path for p in data.training_pictures(self.root)]
        for number in range(self.recipe["rounds"]["count"]):
            make_round(pictures, number, teacher, self.work / "rounds")

    def corpus(self) -> Corpus:
        """The cached features."""
        return Corpus(self.root, self.work, json.loads((self.work / "texts.json").read_text()))

    def heads(self) -> TeacherHeads:
        """The trained space."""
        heads = TeacherHeads()
        heads.load_state_dict(torch.load(self.work / "heads.pt", weights_only=True))
        return heads.eval()

    def tokens(self, texts: list[str]) -> Tokens:
        """The corpus as ids."""
        return Tokens(self.work / "tokenizer.json", texts, self.recipe["tokens"]["longest"])

    def text_tower(self) -> TextTower:
        """An untrained text tower of the run file's size."""
        return TextTower(self.recipe["tokens"]["vocabulary"], longest=self.recipe["tokens"]["longest"])

    def space(self) -> None:
        """The heads on the teachers' features."""
        torch.save(train_space(self.corpus(), self.plan("space", SpacePlan)).state_dict(), self.work / "heads.pt")

    def text(self) -> None:
        """The text tower."""
        corpus = self.corpus()
        tower = train_text(
            corpus, self.heads(), self.tokens(corpus.texts), self.plan("text", StudentPlan), self.text_tower()
        )
        torch.save(tower.state_dict(), self.work / "text.pt")

    def audio(self) -> None:
        """The sound tower."""
        mels = np.load(self.work / "sounds_train/mel.npy", mmap_mode="r")
        tower = train_audio(self.corpus(), self.heads(), mels, self.plan("audio", StudentPlan))
        torch.save(tower.state_dict(), self.work / "audio.pt")

    def distill(self) -> None:
        """The image backbone."""
        distill(self.work / "rounds", self.work, self.plan("distill", DistillPlan))
        (self.work / "distill.done").touch()

    def tune(self) -> None:
        """Picture and text towers together."""
        corpus, backbone, text = self.corpus(), ImageBackbone(), self.text_tower()
        backbone.load_state_dict(torch.load(self.work / "backbone.pt", weights_only=True)["backbone"])
        text.load_state_dict(torch.load(self.work / "text.pt", weights_only=True))
        tower = ImageTower(backbone).to(memory_format=torch.channels_last)
        image, read = tune(corpus, self.heads(), Rounds(self.work / "rounds"), tower, text, self.tokens(corpus.texts),
                           self.plan("tune", TunePlan), self.work / "tune.jsonl")  # fmt: skip
        torch.save({"image": image.state_dict(), "text": read.state_dict()}, self.work / "tuned.pt")

    def towers(self) -> tuple[TextTower, ImageTower, AudioTower]:
        """The finished towers."""
        text, image, audio = self.text_tower(), ImageTower(ImageBackbone()), AudioTower()
        tuned = torch.load(self.work / "tuned.pt", weights_only=True)
        text.load_state_dict(tuned["text"])
        image.load_state_dict(tuned["image"])
        audio.load_state_dict(torch.load(self.work / "audio.pt", weights_only=True))
        return text.eval(), image.eval(), audio.eval()

    def export(self) -> None:
        """The bundle."""
        from sensorium.train.pack import pack

        pack(*self.towers(), self.recipe, self.work, self.root)

    def examine(self) -> None:
        """Figures on the held-out files, as JSON beside the run file."""
        from sensorium.train.examine import examine

        figures = {
            "dev": examine(self.work / "bundle", self.root, "dev"),
            "test": examine(self.work / "bundle", self.root, "test"),
        }
        (self.work / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")


STAGES = {
    "texts": "texts_minilm.npy", "sounds": "sounds_train/logits.npy", "rounds": None, "space": "heads.pt", "text": "text.pt",
    "audio": "audio.pt", "distill": "distill.done", "tune": "tuned.pt", "export": "bundle/bundle.json", "examine": "figures.json",
}  # fmt: skip


def main() -> None:
    """Command line: a run file, a work folder, and the stages to run (all by default)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--stage", choices=STAGES, action="append")
    chosen = parser.parse_args()
    run = Run(tomllib.loads(chosen.recipe.read_text()), chosen.work, data.data_root())
    for stage in chosen.stage or STAGES:
        done = STAGES[stage]
        if chosen.stage is None and done is not None and (chosen.work / done).exists():
            continue
        print(f"stage {stage}", flush=True)
        getattr(run, stage)()


if __name__ == "__main__":
    main()
