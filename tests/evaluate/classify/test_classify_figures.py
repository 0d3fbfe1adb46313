"""What docs/classify.md says is what `python benchmarks/classify.py` wrote, and what was chosen is what is used."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sensorium.evaluate.classify.zero_shot import PRIOR, SLOPE, TEMPLATES

ROOT = Path(__file__).resolve().parents[3]
FIGURES = json.loads((ROOT / "benchmarks/classify.json").read_text("utf-8"))
PAGE = (ROOT / "docs/classify.md").read_text("utf-8")


def share(said):
    """As a percentage, with its interval where there is one."""
    if isinstance(said, dict):
        return f"{said['value']:.1%} ({said['low']:.1%} to {said['high']:.1%})".replace("%", " %")
    return f"{said:.1%}".replace("%", " %")


def rows_of(heading):
    """The rows of the table below a heading, as lists of cells, without the head."""
    table = PAGE.split(heading)[1].split("\n## ")[0]
    lines = re.findall(r"^\| (.+) \|$", table, re.M)[1:]
    return [[cell.strip() for cell in line.split(" | ")] for line in lines]


def test_which_of_them_is_quoted():
    found = []
    for name, one in FIGURES["sets"].items():
        which, classes = one["which"], one["classes"]
        five = share(which["top5"]) if classes > 5 else "-"
        found.append([
            f"{name}, {one['files']} {'sounds' if one['modality'] == 'audio' else 'pictures'}", str(classes),
            share(which["chance_top1"]), share(which["top1"]), five, f"{which['library']['ece']:.3f}",
        ])  # fmt: skip
    assert rows_of("### Which of them is it?")[: len(found)] == found


def test_any_of_these_is_quoted():
    found = []
    for name, one in FIGURES["sets"].items():
        row = [name]
        for how in ("bundle", "library"):
            said = one["any_of_these"][how]
            auc = said["auc_none"]
            row += [f"{auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f})"] if how == "library" else []
            row += [f"{said['ece_answer']:.3f}", share(said["accuracy"])] if how == "library" else []
            row += [share(said["labels_right"])] if how == "library" else [f"{said['ece_answer']:.3f}"]
        found.append(row)
    assert rows_of("### Is it any of them?")[: len(found)] == found


def test_the_slope_that_is_used_is_the_one_that_was_chosen():
    by_slope = FIGURES["choosing"]["surprise_by_slope"]
    assert float(min(by_slope, key=by_slope.get)) == SLOPE == FIGURES["slope"]
    assert FIGURES["prior_parts"] == PRIOR
    assert FIGURES["templates"] == {modality: list(each) for modality, each in TEMPLATES.items()}
    assert (FIGURES["choosing"]["set"], FIGURES["choosing"]["split"]) == ("flickr8k", "dev")


@pytest.mark.parametrize("modality", ["image", "audio", "text"])
def test_the_templates_are_named(modality):
    for template in TEMPLATES[modality]:
        assert f"`{template}`" in PAGE


def test_every_sentence_with_a_figure_has_it_from_the_file():
    sets = FIGURES["sets"]
    said = {
        "slope": SLOPE, "prior": PRIOR, "classes": sets["caltech101"]["classes"],
        "none": share(sets["caltech101"]["which"]["library"]["called_none"]),
        "weather": share(sets["weather"]["which"]["library"]["called_none"]),
        "one": share(sets["caltech101"]["which"]["top1_one_template"]["value"]),
        "several": share(sets["caltech101"]["which"]["top1"]["value"]),
    }  # fmt: skip
    assert f"of {said['classes']} classes, it calls {said['none']} of the pictures none of these" in PAGE
    assert f"{said['weather']} of the pictures of weather" in PAGE
    assert f"caltech101 goes from {said['one']} with one template to {said['several']}" in PAGE
    assert f"SLOPE = {said['slope']}" in PAGE and f"as much as {said['prior']} parts" in PAGE
