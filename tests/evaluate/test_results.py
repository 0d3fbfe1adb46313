"""Results as JSON, against limits, and against earlier results."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from sensorium.core.errors import BadData, BadMeasure
from sensorium.core.types import Skipped
from sensorium.evaluate.results import (
    Cell,
    Data,
    Figure,
    Found,
    Hardest,
    Measured,
    Model,
    Queries,
    Results,
    Seen,
    packed,
    read,
    unpacked,
    ways,
)  # fmt: skip
from sensorium.evaluate.verdicts import compare, gate, parse_limit

QUERIES = 400


def run_of(first, *, model="starter", direction="t2i", index="exact", asked="q", answered="g", values=None):
    """A run whose first right answers have these ranks, 0 for none."""
    first = np.asarray(first, np.int32)
    hit = (first > 0) & (first <= 10)
    rank = np.median(np.where(first > 0, first, np.inf))
    figures = {
        "R@10": Figure(float(hit.mean()), float(hit.mean()) - 0.02, float(hit.mean()) + 0.02, 0.01),
        "MRR": Figure(0.3, 0.2, 0.4, 0.05), "median_rank": Figure(float(rank), float(rank), math.inf, 50.0),
        **{name: Figure(float(np.mean(value)), 0.0, 1.0) for name, value in (values or {}).items()},
    }  # fmt: skip
    arrays = {name: np.asarray(value, np.float32) for name, value in (values or {}).items()}
    return Measured(model, "cosine", index, direction, len(first), 1000, 100, figures, 0.001, 0.2, asked, answered,
                    first, arrays, {"text": 0.9}, {"text": 0.5}, ("a note",))  # fmt: skip


def results_of(*runs, keys=None, groups=None, models=("starter",)):
    keys = np.arange(len(runs[0].first), dtype=np.uint64) + 2**63 if keys is None else np.asarray(keys, np.uint64)
    data = Data("flickr8k", "/data", "abc", {"image": 1000, "text": QUERIES}, "pairs", ("left out",))
    right, found = Seen("b", "image", path="/b.jpg"), Found(Seen("c", "image", path="/c.jpg"), 0.5, False)
    hard = Hardest("starter", "cosine", "exact", "t2i", 81, Seen("a", "text", "a dog"), (right,), (found,))
    return Results(
        data, {name: Model("s1", "0.2", "int8", 256, ("text", "image")) for name in models}, {"seed": 3},
        tuple(runs), {"q": Queries(keys, None if groups is None else np.asarray(groups, np.int32))},
        {"starter": {"gap": {"text-image": 0.4}}},
        (Cell("starter", "cosine", "exact", "R@10", "text", "image", Figure(0.4, 0.3, 0.5, 0.1)),), (hard,),
        (Skipped("/x.png", "no picture"),), ("a line",), "2026-11-22T00:00:00Z", 1.5, "0.1.0", "abc+", {"cores": 2},
    )  # fmt: skip


def ranks(seed, share):
    """First ranks of which a share is among the first ten."""
    random = np.random.default_rng(seed)
    return np.where(random.random(QUERIES) < share, random.integers(1, 11, QUERIES), 0)


def test_json_and_back_says_the_same(tmp_path):
    results = results_of(run_of(ranks(0, 0.4), values={"nDCG@10": np.linspace(0, 1, QUERIES)}), groups=range(QUERIES))
    results.write(tmp_path / "r.json")
    again = read(tmp_path / "r.json")
    assert again.to_json() == results.to_json()
    (run,) = again.runs
    assert np.array_equal(run.first, results.runs[0].first)
    assert run.per_query("nDCG@10") == pytest.approx(np.linspace(0, 1, QUERIES), abs=1e-7)
    assert np.array_equal(again.asked["q"].keys, results.asked["q"].keys)
    assert again.hardest == results.hardest and again.failures == results.failures and again.matrix == results.matrix
    assert again.data == results.data and again.models == results.models


def test_the_file_is_json_without_infinities_and_nothing_else_is_left_beside_it(tmp_path):
    results_of(run_of([0, 0, 0, 1])).write(tmp_path / "r.json")

    def refuse(name):
        pytest.fail(f"{name} is no JSON")

    said = json.loads((tmp_path / "r.json").read_text(), parse_constant=refuse)
    assert said["runs"][0]["figures"]["median_rank"]["value"] is None
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
    assert read(tmp_path / "r.json").runs[0].figures["median_rank"].value == math.inf


def test_values_a_query_follow_from_the_first_rank():
    run = run_of([1, 4, 0, 20])
    assert run.per_query("R@4").tolist() == [1, 1, 0, 0]
    assert run.per_query("MRR").tolist() == [1, 0.25, 0, 0.05]
    assert run.per_query("median_rank").tolist() == [1, 4, math.inf, 20]
    assert run.per_query("mAP@10") is None


@pytest.mark.parametrize("dtype", ["int32", "uint64", "float32"])
def test_packed_arrays_come_back(dtype):
    array = np.arange(1000).astype(dtype)
    assert unpacked(packed(array)).dtype == array.dtype and np.array_equal(unpacked(packed(array)), array)
    with pytest.raises(ValueError, match="packed"):
        unpacked("float64:AAAA")


@pytest.mark.parametrize("content", ["", "nonsense", "[]", "{}", '{"format": 1}', "\x00", "[" * 100_000])
def test_another_file_is_one_line_that_names_it(tmp_path, content):
    (tmp_path / "r.json").write_text(content)
    with pytest.raises(BadData, match=r"r\.json holds no results") as said:
        read(tmp_path / "r.json")
    assert "\n" not in str(said.value)


def of_too_few(said):
    said["runs"][0]["first"] = packed(np.ones(3, np.int32))


def of_nobody(said):
    said["asked"] = {}


def of_other_groups(said):
    said["asked"]["q"]["groups"] = packed(np.zeros(3, np.int32))


def of_short_values(said):
    said["runs"][0]["values"] = {"mAP@10": packed(np.zeros(3, np.float32))}


def of_no_gallery(said):
    said["runs"][0]["gallery"] = "many"


@pytest.mark.parametrize("damage", [of_too_few, of_nobody, of_other_groups, of_short_values, of_no_gallery])
def test_results_that_do_not_fit_together_are_refused_when_they_are_read(tmp_path, damage):
    said = results_of(run_of([1, 2, 0, 5])).to_json()
    damage(said)
    (tmp_path / "r.json").write_text(json.dumps(said))
    with pytest.raises(BadData, match=r"r\.json holds no results"):
        read(tmp_path / "r.json")


def test_a_newer_format_is_said(tmp_path):
    plain = results_of(run_of([1, 2])).to_json()
    (tmp_path / "r.json").write_text(json.dumps({**plain, "format": 2}))
    with pytest.raises(BadData, match=r"format 2 .* reads up to 1"):
        read(tmp_path / "r.json")
    (tmp_path / "r.json").write_text(json.dumps({**plain, "asked": {"q": {"keys": "uint64:e30=", "groups": None}}}))
    with pytest.raises(BadData, match="holds no results"):
        read(tmp_path / "r.json")


def test_directions_are_read():
    assert ways("t2i") == ("text", "image") and ways("a2all") == ("audio", None)
    for wrong in ("", "t2", "2i", "x2i", "t2x", "all2t", "t-i"):
        with pytest.raises(BadData, match="is no direction"):
            ways(wrong)


def test_a_gate_passes_at_its_limit_and_fails_below_it():
    results = results_of(run_of([1, 1, 0, 0]), run_of([1, 1, 1, 0], index="ivf:4,1"))
    passed, failed = gate(results, [parse_limit("starter/cosine/exact/t2i.R@10=0.5"),
                                    parse_limit("starter/cosine/exact/t2i.R@10=0.55")])  # fmt: skip
    assert passed.passed and passed.short == 0 and passed.run == "starter/cosine/exact/t2i"
    assert not failed.passed and failed.short == pytest.approx(0.05)
    assert [one.passed for one in gate(results, [parse_limit("t2i.R@10=0.6")])] == [False, True]


def test_a_rank_must_not_be_above_its_limit():
    results = results_of(run_of([4, 4, 4, 0]))
    assert [gate(results, [parse_limit(f"t2i.median_rank={n}")])[0].passed for n in (3, 4, 5)] == [False, True, True]
    lost = results_of(run_of([0, 0, 0, 1]))
    (verdict,) = gate(lost, [parse_limit("t2i.median_rank=5")])
    assert not verdict.passed and verdict.to_json()["short"] is None


@pytest.mark.parametrize(
    ("limit", "why"),
    [
        ("t2i.R@10", "FIGURE=NUMBER"), ("t2i.R@10=", "FIGURE=NUMBER"), ("t2i.R@10=many", "FIGURE=NUMBER"),
        ("t2i.R@10=nan", "FIGURE=NUMBER"), ("t2i.R@10=45", "0.45 for 45"), ("R@10=0.4", "names no figure"),
        ("t2i.F@10=0.4", "there are R@k"), ("t2i.R=0.4", "lacks its k"),
    ],
)  # fmt: skip
def test_a_limit_that_cannot_be_read_says_how_to_write_it(limit, why):
    with pytest.raises(BadMeasure, match=why):
        parse_limit(limit)


def test_a_limit_on_what_was_not_measured_says_what_was():
    results = results_of(run_of([1, 2]))
    with pytest.raises(BadMeasure, match="there are runs of starter/cosine/exact/t2i"):
        gate(results, [parse_limit("a2i.R@10=0.4")])
    with pytest.raises(BadMeasure, match="has no P@5: there are R@10, MRR"):
        gate(results, [parse_limit("t2i.P@5=0.4")])


def test_a_true_change_is_told_and_chance_is_not():
    before, lost = ranks(1, 0.5), ranks(2, 0.5)
    worse = np.where(np.arange(QUERIES) % 5 == 0, 0, before)  # a fifth of the queries are lost
    changes = compare(results_of(run_of(before)), results_of(run_of(worse)))
    (hit,) = [change for change in changes.significant if change.measure == "R@10"]
    assert not hit.better and hit.p < 0.01 and hit.low <= hit.difference <= hit.high < 0
    assert hit.after - hit.before == pytest.approx(hit.difference)
    assert changes.compared == 2 and changes.left_out == ()  # R@10 and MRR; a median is no mean
    back = compare(results_of(run_of(worse)), results_of(run_of(before)))
    assert all(change.better for change in back.significant) and back.significant
    same = compare(results_of(run_of(before)), results_of(run_of(lost)))
    assert same.significant == () and same.compared == 2
    assert compare(results_of(run_of(before)), results_of(run_of(before))).significant == ()


def test_queries_of_a_group_count_as_one_when_changes_are_judged():
    """A change of 20 alike queries is 20 signs of it, or one: the group decides."""
    before = np.ones(QUERIES, np.int32)
    after = np.where(np.arange(QUERIES) < 20, 0, before)
    alone = compare(results_of(run_of(before)), results_of(run_of(after)))
    grouped = np.where(np.arange(QUERIES) < 20, 0, np.arange(QUERIES))
    together = compare(results_of(run_of(before)), results_of(run_of(after), groups=grouped))
    assert alone.significant and not together.significant


def test_many_figures_that_differ_by_chance_are_not_told():
    """80 figures of the same quality: some have p below 0.05, none after Holm's adjustment."""
    runs = {share: [run_of(ranks(seed + share, 0.5), direction="t2i", index=f"ivf:{seed + 1},1") for seed in range(40)]
            for share in (0, 1000)}  # fmt: skip
    changes = compare(results_of(*runs[0]), results_of(*runs[1000]))
    assert changes.compared == 80 and changes.significant == ()


def test_only_the_queries_of_both_are_compared_in_whatever_order():
    before = ranks(1, 0.5)
    keys = np.arange(QUERIES)
    order = np.random.default_rng(0).permutation(QUERIES)[:300]
    changes = compare(results_of(run_of(before), keys=keys), results_of(run_of(before[order]), keys=keys[order]))
    assert changes.significant == () and changes.compared == 2
    assert changes.left_out == ("only 300 queries compared (400 before, 300 now): starter/cosine/exact/t2i",)
    none = compare(results_of(run_of(before), keys=keys), results_of(run_of(before), keys=keys + 1000))
    assert none.compared == 0 and none.left_out == ("no query is the same as before: starter/cosine/exact/t2i",)


def test_what_cannot_be_compared_is_said():
    first = ranks(1, 0.5)
    before = results_of(run_of(first), run_of(first, direction="i2t"), run_of(first, direction="a2t", answered="old"))
    now = results_of(run_of(first, values={"P@10": first / 100}), run_of(first, direction="a2t"),
                     *(run_of(first, direction="t2t", index=f"ivf:{n},1") for n in range(1, 6)))  # fmt: skip
    left_out = compare(before, now).left_out
    assert left_out == (
        "no P@10 before: starter/cosine/exact/t2i",
        "another gallery (1,000 before, 1,000 now): starter/cosine/exact/a2t",
        "not measured before: starter/cosine/ivf:1,1/t2t, starter/cosine/ivf:2,1/t2t, starter/cosine/ivf:3,1/t2t "
        "and 2 more",
        "not measured any more: starter/cosine/exact/i2t",
    )


def test_other_data_under_the_same_names_is_said():
    first = results_of(run_of(ranks(1, 0.5)))
    other = replace(first, data=replace(first.data, hash="def"))
    assert compare(first, first).notes == ()
    assert compare(first, other).notes == ("the data are not quite the same (hash abc before, def now)",)


def test_one_model_against_another_is_compared_by_whatever_names():
    first = ranks(1, 0.5)
    tuned = np.where(first == 0, 3, first)
    before, now = results_of(run_of(first)), results_of(run_of(tuned, model="mine"), models=("mine",))
    assert {change.measure for change in compare(before, now).significant} == {"R@10", "MRR"}
    two = replace(now, models={**now.models, "other": now.models["mine"]})
    assert compare(before, two).compared == 0
