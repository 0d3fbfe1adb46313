"""The built-in model on real sets, a part of each: every direction is far better than chance."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sensorium.evaluate import Plan, evaluate, load

DATA = Path(os.environ.get("SENSORIUM_DATA", Path(__file__).resolve().parents[2] / "../shared/data")).resolve()
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the data folder is not here: {DATA} (set SENSORIUM_DATA)"),
]


@pytest.mark.parametrize(
    ("name", "limit", "directions"),
    [
        ("flickr8k", 60, ["t2t", "t2i", "i2t", "t2all", "i2all"]),
        ("caltech101", 200, ["t2i", "i2t", "i2i", "t2all", "i2all"]),
        ("esc50", 100, ["t2a", "a2t", "a2a", "t2all", "a2all"]),
    ],
)
def test_every_direction_of_a_real_set_beats_chance(name, limit, directions):
    dataset = load(DATA / name, split="test", limit=limit)
    results = evaluate(dataset, Plan(["starter"], ks=(1, 5), resamples=200))
    assert [run.direction for run in results.runs] == directions
    assert results.failures == ()
    for run in results.runs:
        figure = run.figures["R@5"]
        assert figure.chance is not None and figure.low > 1.2 * figure.chance, run.name
        assert run.search_seconds < 0.1
