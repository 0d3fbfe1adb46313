"""What the starter's scores mean: the measured figures are those of the maps that ship, and search keeps to them."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest

from sensorium import Library
from sensorium.encoders.bundle import Bundle, find_bundle
from sensorium.encoders.scores import MEANT
from sensorium.library.relevance import ORDINARY

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SENSORIUM_DATA", ROOT / "../shared/data")).resolve()
MEASURED = json.loads((ROOT / "benchmarks/relevance.json").read_text())


def test_the_figures_are_of_the_maps_that_ship():
    bundle = Bundle.open(find_bundle("starter"))
    assert MEASURED["maps"] == {pair: found._asdict() for pair, found in bundle.relevance.items()}
    assert MEASURED["ordinary"] == {wording: one._asdict() for wording, one in ORDINARY.items()}
    assert MEASURED["space"] == bundle.space
    assert set(MEASURED["pairs"]) == set(MEANT) - {"word-audio", "phrase-audio"}


def table(measured):
    """A table of docs/search.md: a line for each kind of queries."""
    rows = [(pair, name, of) for pair, found in measured.items() for name, of in found.items() if name != "map"]
    yield "| query-answer | queries | map | best hit was right | said on average | ECE | AUC |"
    yield "|---|---|---|---|---|---|---|"
    for pair, name, of in sorted(rows, key=lambda row: row[1] == "urbansound"):
        ece, auc = (f"{of[m]['value']:.3f} [{of[m]['low']:.3f}, {of[m]['high']:.3f}]" for m in ("ece", "auc"))
        shares = f"{100 * of['best_is_right']:.1f} % | {100 * of['said']:.1f} %"
        yield f"| {pair} | {name} | {measured[pair]['map']} | {shares} | {ece} | {auc} |"


def test_the_docs_quote_the_json():
    docs = (ROOT / "docs/search.md").read_text("utf-8")
    large = {pair: found for pair, found in MEASURED["large"].items() if pair != "parts"}
    assert "\n".join(table(MEASURED["pairs"])) in docs and "\n".join(table(large)) in docs
    assert f"in libraries of {MEASURED['large']['parts']:,} pictures" in docs


@pytest.mark.parametrize("pair", MEASURED["pairs"])
def test_probabilities_agree_with_what_came_on_test_queries_half_of_which_have_no_right_answer(pair):
    """On the kinds of queries that a map was learnt from; what it says of other kinds is in the JSON too."""
    kinds = {name: found for name, found in MEASURED["pairs"][pair].items() if name not in ("map", "urbansound")}
    assert kinds
    for found in kinds.values():
        assert found["no_right_answer"] == 0.5 and found["trials"] >= 4000
        assert found["ece"]["value"] < min(0.1, found["ece_normal"])
        assert found["auc"]["low"] > 0.55


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason=f"the data folder is not here: {DATA} (set SENSORIUM_DATA)")
def test_sounds_that_are_not_here_are_said_not_to_be_here(tmp_path):
    """Held-out sounds of every other class are added; names of the classes that are there get answers, others not."""
    with (DATA / "esc50/labels.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    names = sorted({row["label"] for row in rows})
    here, away = names[::2], names[1::2]
    with Library(tmp_path / "sounds.library") as library:
        library.add(*(DATA / "esc50/audio" / row["file"] for row in rows if row["label"] in here))
        answered = {name: library.search(name.replace("_", " "), min_relevance=0.5, k=1) for name in names}
    assert sum(bool(answered[name]) for name in here) > 2 * sum(bool(answered[name]) for name in away)
    right = {DATA / "esc50/audio" / row["file"]: row["label"] for row in rows}
    hits = [(name, found[0]) for name, found in answered.items() if found]
    assert sum(right[Path(hit.path)] == name for name, hit in hits) > 0.6 * len(hits)
    assert all(found.likeliest < 0.5 for found in answered.values() if not found)
