"""A run file is checked before hours are spent on it, and its stages make a bundle, one after the other."""

from __future__ import annotations

import json
import shutil
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'sensorium[train]'")

from sensorium.train import distill, polish, run, tune
from sensorium.train.distill import DistillPlan
from sensorium.train.networks import ImageBackbone
from sensorium.train.polish import PolishPlan
from sensorium.train.run import NEEDED, PLANS, STAGES, Run, read_recipe
from sensorium.train.space import SpacePlan
from sensorium.train.students import StudentPlan
from sensorium.train.tune import TunePlan

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_committed_run_file_builds_all_its_plans(path, tmp_path):
    recipe = read_recipe(path)
    planned = Run(recipe, tmp_path / "work", tmp_path)

    plans = {name: planned.plan(name, kind) for name, kind in PLANS.items()}
    assert {name: type(plan) for name, plan in plans.items()} == {
        "space": SpacePlan, "text": StudentPlan, "audio": StudentPlan, "distill": DistillPlan, "tune": TunePlan,
        "polish": PolishPlan,
    }  # fmt: skip
    for name, section in tomllib.loads(path.read_text()).items():
        if name in PLANS:
            assert {key: getattr(plans[name], key) for key in section} == section
    assert (RECIPES.parent / recipe["card"]).is_file()
    tower = planned.text_tower()
    assert tower.tokens.num_embeddings == recipe["tokens"]["vocabulary"]
    assert tower.places.num_embeddings == recipe["tokens"]["longest"]
    assert tower.head.down.out_features == recipe["bundle"]["dimension"]


@pytest.mark.parametrize(
    ("said", "instead", "why"),
    [
        ("[tune]\n", "[tune]\nminuets = 3\n", "no stage reads: tune.minuets"),
        ("[tune]\n", "[tunes]\nminutes = 3\n[tune]\n", "no stage reads: tunes.minutes"),
        ("card = ", "cart = ", "lacks card"),
        ("longest = 96", "", "lacks tokens.longest"),
    ],
)
def test_a_run_file_with_a_slip_is_refused(tmp_path, said, instead, why):
    text = (RECIPES / "starter.toml").read_text()
    assert text.count(said) == 1
    (tmp_path / "slip.toml").write_text(text.replace(said, instead))

    with pytest.raises(ValueError, match=why):
        read_recipe(tmp_path / "slip.toml")


def test_the_stages_are_methods_and_sections_have_no_name_twice():
    assert all(callable(getattr(Run, stage)) for stage in STAGES)
    assert not set(NEEDED) & set(PLANS)


TINY = """
card = "{card}"
[bundle]
name = "tiny"
version = "0"
dimension = 256
licence = "Apache-2.0"
storage = "float16"
side = 64
[tokens]
vocabulary = 400
longest = 24
[sounds]
rounds = 2
[rounds]
count = 2
[space]
steps = 2
batch = 8
[text]
steps = 2
batch = 8
report_every = 1
[audio]
steps = 2
batch = 2
report_every = 1
[distill]
minutes = 0.034
batch = 2
compiled = false
[tune]
minutes = 0.05
captioned = 2
labelled = 2
report_every = 1
[polish]
minutes = 0.05
captioned = 2
labelled = 2
compiled = false
report_every = 1
"""


@pytest.fixture
def command(tiny_root, tiny_work, tmp_path, monkeypatch, ticking):
    """The command line on a tiny run file, in a work folder where the teachers have spoken; small image towers."""
    for module in (distill, run):
        monkeypatch.setattr(module, "ImageBackbone", lambda: ImageBackbone((8, 8, 16, 24), (1, 1, 1, 1)))
    silent = SimpleNamespace(eval=lambda: silent, to=lambda dtype: None)
    monkeypatch.setattr(run, "VitTeacher", lambda path: silent)
    monkeypatch.setenv("SENSORIUM_DATA", str(tiny_root))
    ticking(distill)
    ticking(tune)
    ticking(polish)
    work, recipe = shutil.copytree(tiny_work, tmp_path / "work"), tmp_path / "tiny.toml"
    (tmp_path / "card.md").write_text("# tiny\n")
    recipe.write_text(TINY.format(card=tmp_path / "card.md"))

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["run", str(recipe), "--work", str(work), *arguments])
        run.main()
        return work

    return call


def test_all_stages_give_a_bundle_and_its_figures_and_are_not_done_twice(command, capsys, tmp_path):
    work = command()

    done = [line.removeprefix("stage ") for line in capsys.readouterr().out.splitlines()]
    assert done == [stage for stage in STAGES if stage not in ("texts", "sounds")]
    for stage, lines in (("text", 2), ("audio", 2), ("distill", 1), ("tune", 2), ("polish", 2)):
        assert len((work / f"{stage}.jsonl").read_text().splitlines()) == lines, stage
    figures = json.loads((tmp_path / "tiny.json").read_text())
    assert figures == json.loads((work / "figures.json").read_text())
    assert figures["test"]["flickr8k"]["pictures"] == 2 and figures["dev"]["split"] == "dev"

    command()
    assert capsys.readouterr().out.split() == ["stage", "rounds"]
    command("--stage", "examine")
    assert capsys.readouterr().out.split() == ["stage", "examine"]
