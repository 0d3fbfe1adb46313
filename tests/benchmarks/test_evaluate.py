"""The tables of `sensorium evaluate` in the README and the docs are what `benchmarks/evaluate.json` says."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from sensorium.cli.evaluation import directions
from sensorium.cli.evaluation import table as rows_of
from sensorium.core.types import Skipped
from sensorium.evaluate.results import Figure, Measured, Model, Results

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "benchmarks"))

from evaluate import compact  # noqa: E402

SAID = json.loads((ROOT / "benchmarks/evaluate.json").read_text())


def runs():
    """The runs of the first metric and index, as far as the table looks at them."""
    for name, run in SAID["runs"].items():
        if name.startswith("cosine/exact/"):
            figures = {measure: Figure.from_json(figure) for measure, figure in run["figures"].items()}
            known = {key: run[key] for key in ("model", "metric", "index", "direction", "queries", "gallery", "depth")}
            yield Measured(
                **known, figures=figures, search_seconds=0, build_seconds=0, asked="", answered="", first=None
            )


@pytest.mark.parametrize("document", ["README.md", "docs/evaluate.md"])
def test_the_table_is_the_measured_one(document):
    lines = list(rows_of(directions(list(runs()))))
    assert len(lines) == 5 and "\n".join(lines) in (ROOT / document).read_text()


def test_the_file_says_where_it_is_from_and_every_figure_has_an_interval():
    assert SAID["commit"] and SAID["data"]["hash"] and SAID["data"]["samples"]["image"] == 1000
    assert len(SAID["runs"]) == 14  # by dot without t2all
    for run in SAID["runs"].values():
        for figure in run["figures"].values():
            assert figure["low"] <= figure["value"] <= figure["high"]


def test_the_starter_is_as_good_as_its_recipe_says():
    """Within the interval: the recipe counts 5,000 captions, this one those that are not there twice."""
    recipe = json.loads((ROOT / "recipes/starter.json").read_text())["test"]["flickr8k"]
    for direction, name in (("t2i", "text_to_image"), ("i2t", "image_to_text")):
        figure = SAID["runs"][f"cosine/exact/{direction}"]["figures"]["R@10"]
        assert figure["low"] < recipe[name]["R@10"] / 100 < figure["high"]


def test_a_compact_form_names_no_place_of_a_machine():
    from sensorium.evaluate.results import Data

    data = Data("pairs", "/home/someone/pairs.csv", "abc", {"text": 2}, "pairs")
    results = Results(
        data, {"m": Model("s", "1", "int8", 4, ("text",))}, {}, (), {}, failures=(Skipped("/home/x", "y"),)
    )
    assert "/home" not in json.dumps(compact(results))
