"""`sensorium evaluate` with a little model: what is asked of it, what is printed, and what it exits with."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from sensorium.cli.evaluate import index_words, numbers
from sensorium.cli.evaluation import table, verdict
from sensorium.evaluate import read
from sensorium.evaluate.report import page as report_file
from sensorium.evaluate.results import Figure
from sensorium.evaluate.verdicts import Verdict
from sensorium.testing.bundles import tiny_bundle

PAIRS = 12


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """A table of twelve pictures with two captions each."""
    folder = tmp_path_factory.mktemp("pairs")
    random = np.random.default_rng(3)
    rows = []
    for at in range(PAIRS):
        Image.fromarray(random.integers(0, 255, (16, 16, 3), np.uint8)).save(folder / f"{at}.png")
        rows += [(f"{at}.png", f"picture {chr(97 + at) * 5} of {at}"), (f"{at}.png", f"thing {chr(97 + at) * 7}")]
    with (folder / "pairs.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "caption"), *rows])
    return folder / "pairs.csv"


@pytest.fixture
def evaluated(sensorium_run, model, pairs):
    """Runs `sensorium evaluate` on the pairs."""

    def run(*options, data=pairs):
        return sensorium_run("evaluate", data, "--model", model, "--resamples", 50, *options)

    return run


def test_a_table_for_the_directions_a_matrix_and_the_hardest_queries(evaluated):
    ran = evaluated()
    assert ran.code == 0 and ran.err == ""
    lines = ran.out.splitlines()
    assert lines[0].startswith("pairs: ") and "12 pictures" in lines[0] and "24 texts" in lines[0]
    assert lines[0].endswith("); figures in %")
    head = next(line for line in lines if "queries" in line).split()
    assert head == ["queries", "of", "R@1", "R@5", "R@10", "MRR", "mAP@10", "nDCG@10", "median_rank", "R@10",
                    "from-to", "by", "chance"]  # fmt: skip
    assert next(line.split()[:3] for line in lines if line.startswith("  t2i")) == ["t2i", "24", "12"]
    for title in ("Which direction? (tiny, cosine, exact)", "Who finds whom?", "Hardest queries", "Notes"):
        assert title in lines
    assert not any(line.startswith(("Which model", "Which metric", "Which index", "Failures")) for line in lines)
    assert any("i2i has no right answer" in line for line in lines)


def test_a_table_for_each_question_that_was_asked(evaluated, tmp_path):
    other = tiny_bundle(tmp_path / "other", seed=5, name="other")
    ran = evaluated("--model", other, "--metric", "cosine,l2", "--index", "exact,ivf:3,1", "--directions", "t2i,i2t")
    assert ran.code == 0
    for title in ("Which model? (cosine, exact)", "Which metric? (other, exact)", "Which index? (tiny, l2)"):
        assert title in ran.out.splitlines()
    assert "a query" in ran.out and "ivf:3,1" in ran.out


def test_json_is_one_line_that_is_what_out_writes(evaluated, tmp_path):
    ran = evaluated("--json", "--out", tmp_path / "r.json", "--fail-under", "t2i.R@10=0.01", "--seed", 3)
    (line,) = ran.out.splitlines()
    said = json.loads(line)
    assert ran.code == 0 and [one["passed"] for one in said.pop("gate")] == [True]
    assert said == json.loads((tmp_path / "r.json").read_text())
    assert said["plan"]["seed"] == 3 and said["plan"]["resamples"] == 50
    assert {run.direction for run in read(tmp_path / "r.json").runs} == {"t2t", "t2i", "i2t", "t2all", "i2all"}


def test_a_gate_exits_with_1_and_says_which_and_by_how_much(evaluated):
    ran = evaluated("--directions", "t2i", "--fail-under", "t2i.R@12=1", "--fail-under", "t2i.median_rank=1")
    assert ran.code == 1
    passed, failed = ran.err.splitlines()
    assert passed.startswith("passed: tiny/cosine/exact/t2i.R@12 is 100.0 % (") and passed.endswith("limit 100.0 %")
    assert failed.startswith("failed: tiny/cosine/exact/t2i.median_rank is ")
    assert failed.endswith(" ranks short of the limit 1")
    ran = evaluated("--directions", "t2i", "--fail-under", "t2i.R@1=0.99", "--json")
    assert ran.code == 1 and "points short of the limit 99.0 %" in ran.err
    assert json.loads(ran.out)["gate"][0]["passed"] is False


def test_a_limit_that_is_missed_by_little_is_told_apart_from_the_figure():
    figure = Figure(0.44996, 0.4, 0.5)
    missed = Verdict("run", "R@10", 0.45, figure, passed=False)
    assert verdict(missed) == ("failed: run.R@10 is 44.996 % (40.000-50.000), 0.004 points short of the limit 45.000 %")
    assert verdict(replace(missed, limit=0.6)).endswith("is 45.0 % (40.0-50.0), 15.0 points short of the limit 60.0 %")
    assert "44.9960000 %" not in verdict(replace(missed, limit=0.44996 + 1e-12))


def test_compare_says_what_changed_and_what_did_not(evaluated, tmp_path):
    evaluated("--out", tmp_path / "old.json", "--directions", "t2i,i2t")
    ran = evaluated("--compare", tmp_path / "old.json", "--directions", "t2i,t2t")
    lines = ran.out.split("What has changed?\n")[1].splitlines()
    assert lines == [
        "  0 significant changes; 6 of 6 figures did not change beyond chance",
        "  not compared: not measured before: tiny/cosine/exact/t2t",
        "  not compared: not measured any more: tiny/cosine/exact/i2t",
    ]


def test_vectors_are_kept_unless_told_not_to_be(evaluated, own_home, monkeypatch):
    cache = own_home / "cache"
    monkeypatch.setenv("SENSORIUM_CACHE", str(cache))
    first = evaluated("--no-cache", "--directions", "t2i").out
    assert not cache.exists()
    assert evaluated("--directions", "t2i").out == first and any(cache.iterdir())
    from sensorium.encoders.onnx import OnnxEncoder

    monkeypatch.setattr(OnnxEncoder, "embed", lambda *_: pytest.fail("all is kept"))
    assert evaluated("--directions", "t2i").out == first


def test_a_report_is_written_and_checked_for_before_any_work(evaluated, tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(report_file, "write_report", lambda results, path: written.append((results, path)))
    assert evaluated("--report", tmp_path / "r.html", "--directions", "t2i").code == 0
    ((results, path),) = written
    assert path == tmp_path / "r.html" and results.runs[0].direction == "t2i"


def test_the_library_itself_by_its_own_model(sensorium_run, model, tmp_path, monkeypatch):
    monkeypatch.setenv("SENSORIUM_LIBRARY", str(tmp_path / "my.library"))
    for at, folder in enumerate(("dogs", "cats", "owls")):
        (tmp_path / "things" / folder).mkdir(parents=True)
        for number in range(4):
            colour = (80 * at + 5 * number, 200 - 60 * at, 90)
            Image.new("RGB", (16, 16), colour).save(tmp_path / f"things/{folder}/{number}.png")
    assert sensorium_run("add", "--model", model, tmp_path / "things").code == 0
    ran = sensorium_run("evaluate", "--resamples", 50)
    assert ran.code == 0, ran.err
    assert "Which direction? (tiny, cosine, exact)" in ran.out and "12 pictures" in ran.out
    assert "weak" in ran.out


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--k", "0"), 2, "--k is '0': give whole numbers from 1"),
        (("--k", "ten"), 2, "--k is 'ten'"),
        (("--k", ""), 2, "--k is ''"),
        (("--metric", "manhattan"), 1, "the metric 'manhattan' is unknown: choose among cosine, dot, l2"),
        (("--index", "hnsw"), 1, "the index 'hnsw' is unknown: choose exact"),
        (("--index", "ivf:7"), 1, "the index 'ivf:7' is unknown: choose exact"),
        (("--index", "ivf:0,5"), 1, "lists and probes must be at least 1"),
        (("--directions", "up"), 1, "'up' is no direction"),
        (("--directions", "i2i"), 1, "i2i has no right answer in pairs"),
        (("--directions", "a2t"), 1, "there are no sounds"),
        (("--format", "foo"), 1, "there is no format 'foo': choose among"),
        (("--split", "test"), 1, "split"),
        (("--measures", "F1"), 1, "no measure 'F1': there are R@k"),
        (("--fail-under", "t2i.R@10"), 1, "'t2i.R@10' is no limit: write FIGURE=NUMBER"),
        (("--fail-under", "t2i.R@10=45"), 1, "write 0.45 for 45 %"),
        (("--fail-under", "i2t.R@1=0.1", "--directions", "t2i"), 2, "add i2t to --directions"),
        (("--fail-under", "other/cosine/exact/t2i.R@1=0.1"), 2, "is not measured: the models are tiny"),
        (("--fail-under", "tiny/dot/exact/t2i.R@1=0.1"), 2, "is not measured: --metric has cosine"),
        (("--fail-under", "tiny/cosine/ivf:9,2/t2i.R@1=0.1", "--index", "exact,ivf"), 2, "has exact, ivf:100,5"),
        (("--fail-under", "t2i.R@500=0.1"), 1, "has no R@500: only 12 are searched"),
        (("--compare", "nothing.json"), 1, "nothing.json"),
        (("--out", "no/folder/r.json"), 2, "there is no folder"),
        (("--out", "."), 2, "cannot be written: it is a folder: name a file in it"),
        (("--report", "."), 2, "cannot be written: it is a folder: name a file in it"),
        (("--out", "one", "--report", "./one"), 2, "--out and --report are the same file"),
        (("--model", "nowhere"), 1, "no model 'nowhere'"),
        (("--memory", "lots"), 1, "lots"),
    ],
)
def test_what_is_wrong_is_one_line(evaluated, options, code, said):
    ran = evaluated(*options)
    assert ran.code == code and ran.out == ""
    assert ran.err.startswith("sensorium: ") and ran.err.count("\n") == 1 and said in ran.err


def test_data_that_is_not_there_is_one_line(sensorium_run, evaluated, tmp_path):
    ran = evaluated(data=tmp_path / "nothing")
    assert ran.code == 1 and ran.err.count("\n") == 1 and "does not exist" in ran.err
    (tmp_path / "empty.csv").write_text("image,caption\n")
    ran = evaluated(data=tmp_path / "empty.csv")
    assert ran.code == 1 and ran.err.count("\n") == 1 and "empty" in ran.err
    ran = sensorium_run("--library", tmp_path / "no.library", "evaluate")
    assert ran.code == 1 and ran.err.count("\n") == 1 and "there is no library at" in ran.err


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("1,5,10,...,1000", [1, 5, 10, 20, 50, 100, 200, 500, 1000]),
        ("1,...,30", [1, 2, 5, 10, 20, 30]),
        ("10,1", [1, 10]),
    ],
)
def test_dots_among_the_numbers_stand_for_those_between(said, meant):
    assert numbers(said) == meant


def test_an_index_keeps_its_numbers():
    assert index_words("exact,ivf:100,5,ivf, ivf:4,2") == ["exact", "ivf:100,5", "ivf", "ivf:4,2"]


def test_a_table_is_aligned_and_harmless():
    rows = [["", "R@1"], ["t2i", "9.5"], ["text\x1b[31m", "100.0"]]
    assert list(table(rows)) == ["                  R@1", "  t2i             9.5", "  text\\x1b[31m  100.0"]
