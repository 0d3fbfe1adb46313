"""Every figure in docs/metrics.md is the one in the JSON that it names, and every measure is in its table."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sensorium.metrics.names import FORMULAS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/metrics.md").read_text("utf-8")
ROW = re.compile(r"^\| (?P<what>[^|]+) \| (?P<figure>[\d,.]+)(?P<percent> %)? \| `(?P<keys>[^`]+)` \|$", re.M)


def test_the_page_quotes_its_json():
    measured = json.loads((ROOT / "benchmarks/metrics.json").read_text())
    rows = list(ROW.finditer(PAGE.split("## How fast")[1]))
    assert len(rows) >= 8
    for row in rows:
        value = measured
        for key in row["keys"].split("."):
            value = value[key]
        shown = float(row["figure"].replace(",", ""))
        assert shown == pytest.approx(value * 100 if row["percent"] else value, abs=1e-9), row["what"]


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.name)
def test_every_measure_is_explained(formula):
    written = formula.name if formula.cut == "never" else f"{formula.name}@k"
    assert re.search(rf"^\| [^|]*`{written}`[^|]* \| [^|]+ \| [^|]+ \| [^|]+ \|$", PAGE, re.M)
