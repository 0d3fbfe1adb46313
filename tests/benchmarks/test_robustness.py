"""docs/robustness.md says what benchmarks/robustness.json says, and nothing else in figures."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "benchmarks"))

from robustness_page import BLOCK, DRAWINGS, PAGE, blocks, drawings, percent  # noqa: E402


@pytest.fixture(scope="module")
def figures():
    """What the committed JSON says."""
    return json.loads((ROOT / "benchmarks/robustness.json").read_text())


def test_the_tables_are_those_of_the_json(figures):
    made = blocks(figures)
    shown = {found["name"]: found["table"] for found in BLOCK.finditer(PAGE.read_text("utf-8"))}
    assert shown == made
    assert all(len(table) > 200 for table in made.values())


def test_no_share_stands_in_the_prose(figures):
    prose = BLOCK.sub("", PAGE.read_text("utf-8"))
    assert re.findall(r"\d[\d.,]* ?%", prose) == ["95 %"]  # the intervals'
    assert not re.search(r"TODO|XXX", prose)


def test_what_the_prose_says_in_words_holds(figures):
    """Sentences of the page, as comparisons."""
    by = {
        (part, c["degradation"], c["direction"], c["right"]): c
        for part in ("pictures", "library", "sounds")
        for c in figures[part]["curves"]
    }
    assert by
    for curve in by.values():
        assert curve["undegraded"].keys() == curve["points"][0]["figures"].keys()


def test_every_drawing_is_there_and_shown(figures):
    page = PAGE.read_text("utf-8")
    names = set(re.findall(r"\(robustness/(\w+)\.svg\)", page))
    assert names == {path.stem for path in DRAWINGS.glob("*.svg")} == set(drawings(figures))


def test_a_share_is_written_with_its_interval():
    assert percent({"value": 0.4136, "low": 0.4, "high": 0.43}) == "41.4 % (40.0-43.0)"
    assert percent({"value": 0.01}, among=False) == "1.0 %"
