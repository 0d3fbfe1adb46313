"""Trains a small bundle from a run file: `python -m sensorium.train.run recipes/starter.toml --work work/starter`.

Stages in order, each skipped when its output lies in the work folder, so that a stop costs at most a stage (the rounds
and the distillation go on where they were): texts, sounds, rounds, space, text, audio, distill, tune, polish, export,
examine.
What the loops say of themselves goes into `STAGE.jsonl` in the work folder, the figures also beside the run file.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from sensorium.train import data
from sensorium.train.distill import DistillPlan, Rounds, distill
from sensorium.train.examine import examine
from sensorium.train.hearing import SoundTeacher, make_sound_rounds
from sensorium.train.minilm import MiniLM
from sensorium.train.networks import AudioTower, ImageBackbone, ImageTower, TextTower
from sensorium.train.pack import Towers, pack
from sensorium.train.polish import PolishPlan, polish
from sensorium.train.rounds import make_round
from sensorium.train.space import Corpus, SpacePlan, TeacherHeads, train_space
from sensorium.train.students import StudentPlan, Tokens, train_audio, train_text
from sensorium.train.texts import corpus, train_tokenizer
from sensorium.train.tune import TunePlan, tune
from sensorium.train.vit import VitTeacher

# What a run file says, by section: these must be there with all their keys, beside `card`, the path of the card's text,
NEEDED = {
    "bundle": {"name", "version", "dimension", "licence", "storage", "side"},
    "tokens": {"vocabulary", "longest"},
    "sounds": {"rounds"},
    "rounds": {"count"},
}
# and these have defaults.
PLANS: dict[str, type[Any]] = {
    "space": SpacePlan,
    "text": StudentPlan,
    "audio": StudentPlan,
    "distill": DistillPlan,
    "tune": TunePlan,
    "polish": PolishPlan,
}
STAGES = {
    "texts": "texts_minilm.npy", "sounds": "sounds_train/logits.npy", "rounds": None, "space": "heads.pt",
    "text": "text.pt", "audio": "audio.pt", "distill": "distill.done", "tune": "tuned.pt",
    "polish": "polished.pt", "export": "bundle/bundle.json", "examine": "figures.json",
}  # fmt: skip

_Plan = TypeVar("_Plan")


def read_recipe(path: Path) -> dict[str, Any]:
    """A run file as a dict. Raises ValueError when it lacks a value, or has one that no stage reads."""
    recipe = tomllib.loads(path.read_text(encoding="utf-8"))
    said = {f"{s}.{key}" for s, section in recipe.items() if isinstance(section, dict) for key in section}
    said |= {name for name, value in recipe.items() if not isinstance(value, dict)}
    needed = {"card"} | {f"{section}.{key}" for section, keys in NEEDED.items() for key in keys}
    known = needed | {f"{section}.{field.name}" for section, plan in PLANS.items() for field in fields(plan)}
    for why, names in (("lacks", needed - said), ("has what no stage reads:", said - known)):
        if names:
            raise ValueError(f"{path} {why} {', '.join(sorted(names))}; compare it with recipes/starter.toml")
    return recipe


class Run:
    """One run file in one work folder; `recipe` is the file as a dict. A method per stage, and what they share."""

    def __init__(self, recipe: dict[str, Any], work: Path, root: Path) -> None:
        self.recipe, self.work, self.root = recipe, work, root
        work.mkdir(parents=True, exist_ok=True)

    def plan(self, name: str, kind: type[_Plan]) -> _Plan:
        """The run file's section as a plan."""
        return kind(**self.recipe.get(name, {}))

    def log(self, stage: str) -> Path:
        """Where a stage's loop says how far it is."""
        return self.work / f"{stage}.jsonl"

    def texts(self) -> None:
        """The corpus, the tokenizer, and what the text teacher says of every text."""
        teacher = MiniLM()
        words = teacher.words()
        texts = corpus(self.root, words)
        train_tokenizer(texts, words, self.recipe["tokens"]["vocabulary"], self.work / "tokenizer.json")
        (self.work / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
        np.save(self.work / "texts_minilm.npy", teacher.encode(texts).astype(np.float16))

    def sounds(self) -> None:
        """Variations of the training sounds with what the sound teacher hears in them."""
        teacher, items = SoundTeacher(self.root / "models/efficientat_mn04.onnx"), data.sounds(self.root, "train")
        make_sound_rounds(items, self.recipe["sounds"]["rounds"], teacher, self.work / "sounds_train")

    def rounds(self) -> None:
        """Crops of the training pictures with what the picture teacher sees in them."""
        teacher = VitTeacher(self.root / "models/vit_tiny_patch16_224.safetensors").eval().to(torch.bfloat16)
        pictures = [p.path for p in data.training_pictures(self.root)]
        for number in range(self.recipe["rounds"]["count"]):
            make_round(pictures, number, teacher, self.work / "rounds")

    def corpus(self) -> Corpus:
        """The cached features."""
        return Corpus(self.root, self.work, json.loads((self.work / "texts.json").read_text(encoding="utf-8")))

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
        corpus, plan = self.corpus(), self.plan("text", StudentPlan)
        tower = train_text(corpus, self.heads(), self.tokens(corpus.texts), plan, self.text_tower(), self.log("text"))
        torch.save(tower.state_dict(), self.work / "text.pt")

    def audio(self) -> None:
        """The sound tower."""
        mels = np.load(self.work / "sounds_train/mel.npy", mmap_mode="r")
        tower = train_audio(self.corpus(), self.heads(), mels, self.plan("audio", StudentPlan), self.log("audio"))
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
                           self.plan("tune", TunePlan), self.log("tune"))  # fmt: skip
        torch.save({"image": image.state_dict(), "text": read.state_dict()}, self.work / "tuned.pt")

    def polish(self) -> None:
        """The picture tower once more, on crops that are never the same."""
        corpus, text, tower = self.corpus(), self.text_tower(), ImageTower(ImageBackbone())
        tuned = torch.load(self.work / "tuned.pt", weights_only=True)
        text.load_state_dict(tuned["text"])
        tower.load_state_dict(tuned["image"])
        tower.to(memory_format=torch.channels_last)
        image = polish(corpus, self.heads(), tower, text, self.tokens(corpus.texts), self.plan("polish", PolishPlan),
                       self.log("polish"))  # fmt: skip
        torch.save({"image": image.state_dict(), "text": text.state_dict()}, self.work / "polished.pt")

    def towers(self) -> Towers:
        """The finished towers."""
        towers = Towers(self.text_tower(), ImageTower(ImageBackbone()), AudioTower())
        tuned = torch.load(self.work / "polished.pt", weights_only=True)
        towers.text.load_state_dict(tuned["text"])
        towers.image.load_state_dict(tuned["image"])
        towers.audio.load_state_dict(torch.load(self.work / "audio.pt", weights_only=True))
        for tower in (towers.text, towers.image, towers.audio):
            tower.eval()
        return towers

    def export(self) -> None:
        """The bundle."""
        pack(self.towers(), self.recipe, self.work, self.root)

    def examine(self) -> None:
        """Figures on the held-out files, as JSON."""
        figures = {split: examine(self.work / "bundle", self.root, split) for split in ("dev", "test")}
        figures["test_float32"] = examine(self.work / "bundle", self.root, "test", "float32")
        (self.work / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Command line: a run file, a work folder, and the stages to run (all by default)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path, help="the run file, such as recipes/starter.toml")
    parser.add_argument("--work", type=Path, required=True, help="the folder for what the stages make")
    parser.add_argument("--stage", choices=STAGES, action="append", help="run this one, done or not (repeatable)")
    chosen = parser.parse_args()
    run = Run(read_recipe(chosen.recipe), chosen.work, data.data_root())
    for stage in chosen.stage or STAGES:
        done = STAGES[stage]
        if chosen.stage is None and done is not None and (chosen.work / done).exists():
            continue
        print(f"stage {stage}", flush=True)
        getattr(run, stage)()
        if stage == "examine":
            shutil.copy(chosen.work / "figures.json", chosen.recipe.with_suffix(".json"))


if __name__ == "__main__":
    main()
