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
    prose = re.sub(r"```.*?```", "", BLOCK.sub("", PAGE.read_text("utf-8")), flags=re.S)
    assert re.findall(r"\d[\d.,]* ?%", prose) == ["95 %"]  # the intervals'
    assert not re.search(r"TODO|XXX", prose)


@pytest.fixture(scope="module")
def at(figures):
    """(part, degradation, strength or None, direction, right) -> figures and losses by measure."""
    found = {}
    for part in ("pictures", "library", "sounds"):
        for c in figures[part]["curves"]:
            found[part, c["degradation"], None, c["direction"], c["right"]] = {"figures": c["undegraded"]}
            for point in c["points"]:
                found[part, c["degradation"], point["strength"], c["direction"], c["right"]] = point
    return found


SEEN = (("pictures", "i2i", "original"), ("pictures", "i2t", "group"), ("library", "t2i", "group"))
HEARD = (("sounds", "a2a", "original"), ("sounds", "a2t", "group"), ("sounds", "a2a", "group"))


def kept(at, part, degradation, strength, direction, right, measure):
    """The share that is left of what was found without damage."""
    values = (at[part, degradation, s, direction, right]["figures"][measure]["value"] for s in (strength, None))
    return next(values) / next(values)


def test_what_the_page_says_of_pictures_holds(at):
    for part, direction, right in SEEN:
        assert kept(at, part, "blur", 0.02, direction, right, "R@10") < 1 / 3
        for degradation, strength in (("jpeg", 20), ("low_light", 1), ("crop", 0.75)):
            unharmed = at[part, degradation, strength, direction, right]["lost"]["R@10"]["p"] > 0.05
            assert unharmed or part == "library"
            assert kept(at, part, degradation, strength, direction, right, "R@10") > 0.95
    worse = [key for key in at if key[0] == "library" and key[3] == "t2i" and key[2] is not None]
    assert len(worse) == 25
    for _, degradation, strength, *_ in worse:
        library = at["library", degradation, strength, "t2i", "group"]["figures"]["R@10"]["value"]
        query = at["pictures", degradation, strength, "i2t", "group"]["figures"]["R@10"]["value"]
        assert abs(library - query) < 0.06


def test_what_the_page_says_of_sounds_holds(at):
    for part, direction, right in HEARD:
        assert kept(at, part, "telephone", 3400, direction, right, "R@1") < 1 / 3
        assert at[part, "white_noise", 20, direction, right]["lost"]["R@1"]["p"] > 0.05
        assert kept(at, part, "white_noise", 0, direction, right, "R@1") < 0.7


def test_what_the_page_says_of_hints_holds(figures):
    said = figures["hints"]["hinted"]
    weights = {}
    for one in said[1:]:
        weights.setdefault(one["degradation"], []).append(one["weight"])
        both_better = all(
            one[f"over_{alone}"]["R@10"]["difference"] > 0 and one[f"over_{alone}"]["R@10"]["p"] < 0.05
            for alone in ("file", "text")
        )
        assert both_better or one["file"]["R@10"]["value"] <= 0.1
    assert all(each == sorted(each) and each[0] < each[-1] for each in weights.values())
    assert said[0]["weight"] == 0 and said[0]["common"]["R@10"]["value"] == 1.0
    worst = min(said[1:], key=lambda one: one["file"]["R@10"]["value"])
    assert worst["common_over_text"]["R@10"]["high"] < 0


def test_every_drawing_is_there_and_shown(figures):
    page = PAGE.read_text("utf-8")
    names = set(re.findall(r"\(robustness/(\w+)\.svg\)", page))
    assert names == {path.stem for path in DRAWINGS.glob("*.svg")} == set(drawings(figures))


def test_a_share_is_written_with_its_interval():
    assert percent({"value": 0.4136, "low": 0.4, "high": 0.43}) == "41.4 % (40.0-43.0)"
    assert percent({"value": 0.01}, among=False) == "1.0 %"
