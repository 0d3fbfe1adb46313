"""Every figure in the README's table is the one in the JSON that it names."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^\| (?P<what>[^|]+) \| (?P<figure>[^|]+) \| `(?P<file>[^`]+\.json)` `(?P<keys>[^`]+)` \|$", re.M)


def value(file, keys):
    """What a JSON file says at a dotted path."""
    said = json.loads((ROOT / file).read_text())
    for key in keys.split("."):
        said = said[key]
    return said


def test_the_readme_quotes_its_json_files():
    readme = (ROOT / "README.md").read_text()
    rows = list(ROW.finditer(readme))
    assert len(rows) >= 8
    for row in rows:
        number = re.search(r"[\d,]+(?:\.\d+)?", row["figure"])
        assert number is not None, row["what"]
        assert float(number[0].replace(",", "")) == value(row["file"], row["keys"]), row["what"]


def test_no_row_of_the_table_goes_without_its_json():
    table = (ROOT / "README.md").read_text().split("## Figures")[1].split("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert rows and all(ROW.match(row) for row in rows)
