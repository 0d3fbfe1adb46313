"""Measures and figures by name, and measures of third packages."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from sensorium.core.errors import BadMeasure
from sensorium.core.types import Run
from sensorium.metrics import names
from sensorium.metrics.names import figure_name, formulas, measure
from sensorium.metrics.truth import Truth, judge

JUDGED = judge(
    Run(np.array([1, 2]), np.array([[5, 6, 7], [8, 7, 6]]), np.zeros((2, 3), np.float32)),
    Truth.of([1, 2], [6, 8], None, np.arange(10)),
)


@pytest.mark.parametrize(
    ("name", "values", "chance"),
    [
        ("R@1", [0, 1], 0.1), ("R@2", [1, 1], 0.2), ("recall@2", [1, 1], 0.2), ("P@2", [0.5, 0.5], 0.1),
        ("MRR", [0.5, 1], (1 + 1 / 2 + 1 / 3) / 10), ("MRR@1", [0, 1], 0.1), ("mAP@2", [0.5, 1], 0.15),
        ("mAP", [0.5, 1], (1 + 1 / 2 + 1 / 3) / 10), ("nDCG@1", [0, 1], 0.1), ("median_rank", [2, 1], 5.5),
    ],
)  # fmt: skip
def test_each_name_is_its_measure(name, values, chance):
    found = measure(name)
    assert found.name == name and found == measure(name)
    np.testing.assert_allclose(found.of(JUDGED), values)
    assert found.chance(JUDGED) == pytest.approx(chance)
    assert found.higher_is_better == (name != "median_rank")
    assert found.statistic == ("median" if name == "median_rank" else "mean")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "r@10",
            "no measure 'r@10': there are R@k, recall@k, P@k, MRR[@k], mAP[@k], nDCG@k, median_rank; is R@k meant?",
        ),
        ("ndgc@10", "is nDCG@k meant?"),
        ("accuracy", "no measure 'accuracy': there are R@k"),
        ("R@", "no measure 'R@'"),
        ("R@-1", "no measure 'R@-1'"),
        ("R@1.5", "no measure"),
        ("", "no measure ''"),
        ("R", "'R' lacks its k: write R@10"),
        ("R@0", "k is 0"),
        ("median_rank@5", "median_rank has no k"),
    ],
)
def test_other_names_are_refused_in_one_line(name, said):
    with pytest.raises(BadMeasure) as raised:
        measure(name)
    assert said in str(raised.value) and "\n" not in str(raised.value)


def test_figures_by_name():
    short = figure_name("t2i.R@10")
    assert (short.direction, short.measure, short.model, short.metric, short.index) == (
        "t2i",
        measure("R@10"),
        None,
        None,
        None,
    )
    long = figure_name("openai/clip-b.32/cosine/ivf:100,5/t2all.nDCG@5")
    assert (long.model, long.metric, long.index) == ("openai/clip-b.32", "cosine", "ivf:100,5")
    assert (long.direction, long.measure.name) == ("t2all", "nDCG@5")
    for text in ("t2i.R@10", "starter/cosine/exact/i2t.median_rank"):
        assert str(figure_name(text)) == text
    for text in ("R@10", "t2i", "exact/t2i.R@10", "t2i.R@10/", ".R@10", ""):
        with pytest.raises(BadMeasure, match="names no figure: write"):
            figure_name(text)
    with pytest.raises(BadMeasure, match="no measure 'X@10'"):
        figure_name("t2i.X@10")


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Installs a package with one entry point, whose value is an expression."""

    def install(name, value):
        (tmp_path / "other_measures.py").write_text(
            "import numpy as np\nfrom sensorium.metrics.names import Formula\n" + f"it = {value}\n"
        )
        about = tmp_path / "other_measures-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: other-measures\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[{names.GROUP}]\n{name} = other_measures:it\n")
        monkeypatch.syspath_prepend(tmp_path)
        formulas.cache_clear()

    yield install
    sys.modules.pop("other_measures", None)
    monkeypatch.undo()
    formulas.cache_clear()


def test_a_measure_of_another_package_goes_by_its_name(plugin):
    plugin(
        "found",
        'Formula("found", lambda j, k: np.bincount(j.rows, minlength=len(j.right)) + 0.0, lambda j, k: 0.5, "never")',
    )
    assert measure("found").of(JUDGED).tolist() == [1, 1]
    assert measure("found").chance(JUDGED) == 0.5
    assert measure("R@1").of(JUDGED).tolist() == [0, 1]
    with pytest.raises(BadMeasure, match="median_rank, found"):
        measure("nothing")


def test_a_broken_one_warns_and_the_others_stay(plugin):
    plugin("found", "3")
    with pytest.warns(UserWarning, match="'found' cannot be loaded .*is no Formula.*reinstall or remove"):
        assert measure("R@1").of(JUDGED).tolist() == [0, 1]
