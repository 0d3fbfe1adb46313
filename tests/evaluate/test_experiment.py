"""Experiments against a reading of the same vectors that a person can check: loops, no index, no metrics package."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest
from PIL import Image

from sensorium.core.errors import BadData, BadMeasure, BadQuery, ModelUnknown
from sensorium.encoders.bundle import Bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.evaluate import Dataset, Judgment, Plan, Sample, evaluate
from sensorium.evaluate import experiment as experiment_file
from sensorium.evaluate.vectors import embed
from sensorium.testing.bundles import tiny_bundle

GROUPS = 12


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return OnnxEncoder(Bundle.open(tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")))


@pytest.fixture(scope="module")
def pictured(tmp_path_factory):
    """Twelve pictures with two texts each; some texts are alike, so that they find each other."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(3)
    samples = []
    for at in range(GROUPS):
        Image.fromarray(random.integers(0, 255, (16, 16, 3), np.uint8)).save(folder / f"{at}.png")
        samples.append(Sample(f"{at}.png", "image", folder / f"{at}.png", f"g{at}"))
        samples.append(Sample(f"{at}/a", "text", f"picture {chr(97 + at) * 5} of a {at}", f"g{at}"))
        samples.append(Sample(f"{at}/b", "text", f"thing {chr(97 + at) * 7} and {at}", f"g{at}"))
    return Dataset("pictured", str(folder), tuple(samples), "pairs")


def run_of(dataset, encoder, **plan):
    return evaluate(dataset, Plan(("tiny",), **{"resamples": 50, **plan}), encoders={"tiny": encoder})


def naive_ranks(dataset, encoder, direction, metric="cosine"):
    """By the key of each query that has one: the ranks of its right answers, and how many could be answered."""
    embedded = embed(dataset.samples, encoder)
    vectors = dict(zip(embedded.rows.tolist(), embedded.vectors.astype(np.float64), strict=True))
    letters = {"t": "text", "i": "image", "a": "audio"}
    source, target = direction.split("2")
    found = {}
    for row, vector in vectors.items():
        asking = dataset.samples[row]
        if asking.modality != letters[source]:
            continue
        scored = []
        for other, answer in vectors.items():
            sample = dataset.samples[other]
            if other == row or (target != "all" and sample.modality != letters[target]):
                continue
            if metric == "cosine":
                score = vector @ answer / math.sqrt((vector @ vector) * (answer @ answer))
            else:
                score = vector @ answer if metric == "dot" else -math.dist(vector, answer)
            if target == "all":
                mean, deviation = encoder.bundle.calibration[f"{asking.modality}-{sample.modality}"]
                score = (score - mean) / deviation
            scored.append((-score, other, sample.group == asking.group))
        ranks = [rank for rank, (_, _, right) in enumerate(sorted(scored), 1) if right]
        if ranks:
            found[asking.key] = ranks, len(scored)
    return found


@pytest.mark.parametrize(
    ("direction", "metric"),
    [*itertools.product(["t2i", "i2t", "t2t"], ["cosine", "dot", "l2"]), ("t2all", "cosine"), ("i2all", "cosine")],
)
def test_figures_are_those_that_loops_give(pictured, encoder, direction, metric):
    (run,) = run_of(pictured, encoder, metrics=(metric,), directions=(direction,), ks=(1, 3, 5)).runs
    ranks = naive_ranks(pictured, encoder, direction, metric)
    assert run.queries == len(ranks)
    first = [min(found) for found, _ in ranks.values()]
    for k in (1, 3, 5):
        assert run.figures[f"R@{k}"].value == pytest.approx(np.mean([rank <= k for rank in first]))
        sizes = [(size, len(found)) for found, size in ranks.values()]
        chance = np.mean([1 - math.comb(n - right, k) / math.comb(n, k) for n, right in sizes])
        assert run.figures[f"R@{k}"].chance == pytest.approx(chance)
    assert run.figures["MRR"].value == pytest.approx(np.mean([1 / rank for rank in first]))
    assert run.figures["median_rank"].value == pytest.approx(np.median(first))
    if run.per_query("recall@3") is not None:
        shares = [sum(rank <= 3 for rank in found) / len(found) for found, _ in ranks.values()]
        assert run.figures["recall@3"].value == pytest.approx(np.mean(shares))
    for figure in run.figures.values():
        assert figure.low <= figure.value <= figure.high


def test_all_directions_are_asked_and_what_cannot_be_is_said(pictured, encoder):
    results = run_of(pictured, encoder)
    assert [run.direction for run in results.runs] == ["t2t", "t2i", "i2t", "t2all", "i2all"]
    assert results.notes == ("i2i has no right answer in pictured: none of the pictures has another of the pictures",)
    assert {(cell.source, cell.target) for cell in results.matrix} == {
        ("text", "text"), ("text", "image"), ("image", "text"),
    }  # fmt: skip
    assert results.data.samples == {"image": GROUPS, "text": 2 * GROUPS}
    assert set(results.spaces["tiny"]["gap"]) == {"text-image"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", results.measured) and results.seconds > 0


def test_a_direction_by_name_without_right_answers_is_an_error(pictured, encoder):
    for direction, why in (("i2i", "has no right answer"), ("a2t", "there are no sounds"), ("t2a", "no sounds")):
        with pytest.raises(BadData, match=why):
            run_of(pictured, encoder, directions=(direction,))


def test_queries_of_one_group_are_resampled_together(pictured, encoder):
    (run,) = (results := run_of(pictured, encoder, directions=("t2i",))).runs
    groups = results.asked[run.asked].groups
    assert len(groups) == 2 * GROUPS and np.bincount(groups).tolist() == [2] * GROUPS


def test_a_k_above_the_gallery_is_left_out_and_said(pictured, encoder):
    results = run_of(pictured, encoder, ks=(1, 12, 13, 1000), directions=("t2i", "t2t"))
    to_pictures, to_texts = results.runs
    assert {"R@1", "R@12"} <= set(to_pictures.figures) and not {"R@13", "R@1000"} & set(to_pictures.figures)
    assert to_pictures.figures["R@12"].value == 1.0
    assert "R@13, R@1000: left out, since there are only 12 answers to find" in to_pictures.notes
    assert "R@13" in to_texts.figures
    assert "R@1000: left out, since there are only 23 answers to find" in to_texts.notes


def test_one_caption_a_picture_leaves_one_right_answer(pictured, encoder):
    results = run_of(pictured, encoder, captions=1)
    assert results.data.samples == {"image": GROUPS, "text": GROUPS}
    assert results.data.notes == (f"one text a group: {GROUPS} others left out",)
    (run,) = results.find("i2t")
    assert run.gallery == GROUPS and run.figures["R@1"].chance == pytest.approx(1 / GROUPS)
    assert not results.find("t2t")


@pytest.mark.parametrize("directions", [("all",), ("t2i",)])
def test_where_nothing_can_be_asked_since_nothing_can_be_read_the_files_are_named(tmp_path, encoder, directions):
    (tmp_path / "a.png").write_bytes(b"no picture")
    pictures = [Sample(f"{name}.png", "image", tmp_path / f"{name}.png", name) for name in "ab"]
    texts = [Sample(f"{name}/a", "text", f"the letter {name}", name) for name in "ab"]
    with pytest.raises(BadData, match=r"\(2 without a vector, the first: .*\.png: ") as said:
        run_of(Dataset("letters", "", (*pictures, *texts), "pairs"), encoder, directions=directions)
    assert "\n" not in str(said.value)


def test_one_caption_leaves_texts_of_no_group_and_documents_that_were_judged():
    alone = [Sample(f"t{at}", "text", f"text {at}", "") for at in range(3)]
    alike = [Sample(f"u{at}", "text", f"text {at}", "u") for at in range(3)]
    pairs = Dataset("d", "", (*alone, *alike), "pairs")
    assert [one.key for one in experiment_file.one_caption(pairs).samples] == ["t0", "t1", "t2", "u0"]
    judged = Dataset("d", "", tuple(alike), "judgments", (Judgment("u0", "u1"),))
    assert experiment_file.one_caption(judged) == judged


def test_modalities_in_one_list_are_ranked_by_z_scores_and_their_shares_said(pictured, encoder, monkeypatch):
    (run,) = run_of(pictured, encoder, directions=("t2all",)).runs
    assert set(run.share) == {"text", "image"} and sum(run.share.values()) == pytest.approx(1)
    assert run.expected == pytest.approx({"text": 2 / 3, "image": 1 / 3})
    bundle = encoder.bundle
    monkeypatch.setattr(encoder, "bundle", type(bundle)(**{
        **{name: getattr(bundle, name) for name in bundle.__slots__},
        "calibration": {**bundle.calibration, "text-text": type(bundle.calibration["text-text"])(50.0, 1.0)},
    }))  # fmt: skip
    (other,) = run_of(pictured, encoder, directions=("t2all",)).runs
    assert other.share["image"] == 1.0  # a text would have to be 50 deviations nearer than usual


def test_without_a_calibration_scores_are_mixed_as_they_are_and_that_is_said(pictured, encoder, monkeypatch):
    bundle = encoder.bundle
    fields = {name: getattr(bundle, name) for name in bundle.__slots__}
    monkeypatch.setattr(encoder, "bundle", type(bundle)(**{**fields, "calibration": {}}))
    (run,) = run_of(pictured, encoder, directions=("t2all",)).runs
    assert any("no calibration" in note for note in run.notes)


def test_dot_and_l2_do_not_mix_modalities(pictured, encoder):
    results = run_of(pictured, encoder, metrics=("cosine", "l2"))
    assert {run.direction for run in results.runs if run.metric == "l2"} == {"t2t", "t2i", "i2t"}
    assert "t2all mixes modalities, which only cosines can: not by l2" in results.notes


def test_ivf_that_looks_into_every_list_answers_as_exact_search(pictured, encoder):
    results = run_of(pictured, encoder, indexes=("exact", "ivf:3,3", "ivf:50,1"), directions=("t2t",))
    exact, all_lists, too_many = results.runs
    assert [run.index for run in results.runs] == ["exact", "ivf:3,3", "ivf:50,1"]
    assert exact.figures == all_lists.figures and np.array_equal(exact.first, all_lists.first)
    assert "24 rows are too few for 50 lists: 4 instead" in too_many.notes
    for run in results.runs:
        assert run.search_seconds > 0 and run.build_seconds > 0
    assert {one.index for one in results.hardest} == {"exact"}


def test_the_hardest_queries_are_those_with_the_latest_right_answers(pictured, encoder):
    results = run_of(pictured, encoder, directions=("t2i", "t2all"), ks=(1,), depth=1)
    assert [run.depth for run in results.runs] == [10, 10]
    for run in results.runs:
        hard = [one for one in results.hardest if one.direction == run.direction]
        ranks = {key: min(found) for key, (found, _) in naive_ranks(pictured, encoder, run.direction).items()}
        group = {sample.key: sample.group for sample in pictured.samples}
        worst = sorted((max(ranks[k] for k in ranks if group[k] == g) for g in set(group.values())), reverse=True)
        assert [one.rank for one in hard] == [rank for rank in worst if rank > 1][:10]
        for one in hard:
            assert ranks[one.query.key] == one.rank
            assert one.query.text and all(group[right.key] == group[one.query.key] for right in one.right)
            assert len(one.found) == 5 and not one.found[0].right
    assert any(one.rank > 10 for one in results.hardest)


def test_judgments_have_their_own_queries_and_grades(encoder):
    texts = [f"a text about {chr(97 + at) * 6} number {at}" for at in range(9)]
    samples = [Sample(f"d{at}", "text", text, "") for at, text in enumerate(texts)]
    samples += [Sample(f"q{at}", "text", texts[at] + " ?", "", split="query") for at in range(3)]
    judgments = [Judgment("q0", "d0", 2), Judgment("q0", "d4", 1), Judgment("q1", "d1"), Judgment("q1", "d77")]
    results = run_of(Dataset("judged", "here", samples, "judgments", judgments), encoder, ks=(1, 5))
    (run,) = results.runs
    assert (run.direction, run.queries, run.gallery) == ("t2t", 2, 9)
    assert results.notes == ("1 judgments are about queries or answers that are not in the data: left out",)
    assert "1 of 3 texts have no right answer: not asked" in run.notes
    assert results.asked[run.asked].groups is None
    ideal = 2 + 1 / math.log2(3)
    ranks = {}
    vectors = embed(samples, encoder).vectors
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for query, rights in ((9, {0: 2, 4: 1}), (10, {1: 1})):
        order = np.argsort(-(unit[:9] @ unit[query]), kind="stable").tolist()
        ranks[query] = {at: order.index(at) + 1 for at in rights}
    first = sum(grade / math.log2(ranks[9][at] + 1) for at, grade in {0: 2, 4: 1}.items() if ranks[9][at] <= 9) / ideal
    second = 1 / math.log2(ranks[10][1] + 1)
    measured = run_of(Dataset("judged", "here", samples, "judgments", judgments), encoder, measures=("nDCG@9",))
    assert measured.runs[0].figures["nDCG@9"].value == pytest.approx((first + second) / 2)


def test_a_damaged_file_is_a_failure_and_its_texts_are_not_asked(pictured, encoder, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    extra = (Sample("bad.png", "image", tmp_path / "bad.png", "bad"), Sample("bad/a", "text", "lost", "bad"))
    results = run_of(Dataset("some", "", (*pictured.samples, *extra), "pairs"), encoder, directions=("t2i",))
    (failure,) = results.failures
    assert failure.path.endswith("bad.png") and failure.why
    (run,) = results.runs
    assert run.gallery == GROUPS and "1 of 25 texts have no right answer: not asked" in run.notes


def test_models_are_told_apart_and_one_without_a_tower_is_left_out_where_it_is_needed(
    pictured, encoder, tmp_path
):  # fmt: skip
    texts = OnnxEncoder(Bundle.open(tiny_bundle(tmp_path / "texts", seed=5, modalities=("text",), name="texts")))
    plan = Plan(("tiny", "texts"), directions=("t2t", "t2i"), resamples=20)
    results = evaluate(pictured, plan, encoders={"tiny": encoder, "texts": texts})
    assert [run.name for run in results.runs] == [
        "tiny/cosine/exact/t2t", "tiny/cosine/exact/t2i", "texts/cosine/exact/t2t",
    ]  # fmt: skip
    assert any(note.startswith("texts: t2i cannot be asked") for note in results.notes)
    assert set(results.models) == {"tiny", "texts"} and results.models["texts"].modalities == ("text",)


def test_the_same_plan_gives_the_same_results(pictured, encoder):
    def said(results):
        plain = results.to_json()
        runs = [{n: v for n, v in run.items() if not n.endswith("_seconds")} for run in plain["runs"]]
        return {**plain, "runs": runs, "measured": "", "seconds": 0}

    first, again = (run_of(pictured, encoder, indexes=("ivf:4,1",), seed=4) for _ in range(2))
    assert said(first) == said(again)
    other = run_of(pictured, encoder, indexes=("ivf:4,1",), seed=5)
    assert any(a.figures["MRR"].low != b.figures["MRR"].low for a, b in zip(first.runs, other.runs, strict=True))


def test_the_hash_of_data_is_of_its_content(pictured, encoder, tmp_path):
    def hash_of(samples):
        return run_of(Dataset("any", "", samples, "pairs"), encoder, directions=("t2t",)).data.hash

    Image.new("RGB", (8, 8), "red").save(tmp_path / "p.png")
    samples = (Sample("p", "image", tmp_path / "p.png", "g0"), *pictured.samples[1:])
    first = hash_of(samples)
    assert hash_of(samples) == first
    Image.new("RGB", (8, 8), "blue").save(tmp_path / "p.png")
    assert hash_of(samples) != first


def test_the_plan_says_what_was_drawn_and_looked_at(pictured, encoder):
    results = run_of(pictured, encoder, directions=("t2t",), seed=7, measures=("R@5",), ks=(2,))
    assert results.plan["seed"] == 7 and results.plan["resamples"] == 50 and results.plan["depth"] == 100
    (run,) = results.runs
    assert {"R@2", "R@5"} <= set(run.figures) and run.depth == 23


@pytest.mark.parametrize(
    ("plan", "error", "why"),
    [
        ({"metrics": ("manhattan",)}, BadQuery, "choose among cosine, dot, l2"),
        ({"indexes": ("hnsw",)}, BadQuery, "choose exact, ivf or ivf:LISTS,PROBES"),
        ({"indexes": ("ivf:0,1",)}, BadQuery, "at least 1"),
        ({"ks": (0,)}, BadQuery, "must be at least 1"),
        ({"ks": ()}, BadQuery, "give some"),
        ({"depth": 0}, BadQuery, "must be at least 1"),
        ({"directions": ("t2x",)}, BadData, "is no direction"),
        ({"directions": ()}, BadQuery, "one direction"),
        ({"measures": ("F1",)}, BadMeasure, "there are R@k"),
        ({"resamples": 0}, BadQuery, "from 1 to 100,000"),
        ({"resamples": 1_000_000_000}, BadQuery, "from 1 to 100,000"),
        ({"confidence": 1.0}, BadQuery, "between 0 and 1"),
        ({"models": ()}, BadQuery, "name one"),
    ],
)
def test_a_plan_that_cannot_be_is_one_line_before_any_work(pictured, monkeypatch, plan, error, why):
    monkeypatch.setattr(experiment_file, "embed", lambda *_, **__: pytest.fail("nothing is embedded"))
    with pytest.raises(error, match=why) as said:
        evaluate(pictured, Plan(**{"models": ("starter",), **plan}))
    assert "\n" not in str(said.value)


def test_an_unknown_model_is_said_before_another_has_worked(pictured, monkeypatch):
    monkeypatch.setattr(experiment_file, "embed", lambda *_, **__: pytest.fail("nothing is embedded"))
    with pytest.raises(ModelUnknown, match="nowhere"):
        evaluate(pictured, Plan(("starter", "nowhere")))


def test_data_in_which_nothing_can_be_asked_is_an_error(encoder):
    lonely = [Sample(str(at), "text", f"text {at}", f"g{at}") for at in range(3)]
    with pytest.raises(BadData, match="nothing that can be asked: t2t has no right answer"):
        run_of(Dataset("lonely", "", lonely, "pairs"), encoder)


def test_classes_that_are_too_large_to_be_asked_whole_are_said(encoder, monkeypatch):
    monkeypatch.setattr("sensorium.evaluate.directions.MOST_PAIRS", 10)
    samples = [Sample(str(at), "text", f"text {at}", "one") for at in range(5)]
    with pytest.raises(BadData, match="--limit"):
        run_of(Dataset("large", "", samples, "classes"), encoder, directions=("t2t",))


def test_templates_of_classes_are_not_asked_for_each_other(encoder):
    pairs = itertools.product(("dog", "cat", "owl"), ("a photo of a {}", "a drawing of a {}"))
    texts = [Sample(f"{name}/{said}", "text", said.format(name), name) for name, said in pairs]
    clips = [Sample(f"{name} clip", "text", f"{name} again", name) for name in ("dog", "cat")]
    named = Dataset("named", "", (*texts, *clips), "classes", templates=("a photo of a {}", "a drawing of a {}"))
    with pytest.raises(BadData, match="nothing that can be asked"):
        run_of(named, encoder)
    assert run_of(named, encoder, directions=("t2t",)).runs[0].queries == 8
