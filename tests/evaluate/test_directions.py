"""Queries that are themselves in what is searched: no answers to themselves, and counted nowhere."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from sensorium.core.progress import Silent
from sensorium.encoders.bundle import Bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.evaluate import Dataset, Judgment, Plan, Sample, evaluate, load
from sensorium.evaluate.answers import How, Searcher, Space
from sensorium.evaluate.directions import Questions
from sensorium.evaluate.late import late_ranks
from sensorium.evaluate.outcome import Rules, figures_of
from sensorium.evaluate.vectors import embed
from sensorium.indexes.ivf import IvfIndex
from sensorium.testing.bundles import tiny_bundle

RULES = Rules((1, 2, 3), resamples=20)


def beir(folder, documents, queries, judged):
    """A folder as BEIR has it: documents and queries by id, and (query, document, grade)."""
    corpus = [json.dumps({"_id": key, "title": "A title", "text": text}) for key, text in documents.items()]
    (folder / "corpus.jsonl").write_text("\n".join(corpus))
    (folder / "queries.jsonl").write_text(
        "\n".join(json.dumps({"_id": key, "text": text}) for key, text in queries.items())
    )
    (folder / "qrels").mkdir()
    rows = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in judged)]
    (folder / "qrels/test.tsv").write_text("\n".join(rows))
    return load(folder)


@pytest.fixture
def arguments(tmp_path):
    """`a`, a document, asks for `b`; `p`, no document, asks for `d`; `c` is a document and judged right for itself."""
    documents = {key: f"the words of {key}" for key in "abcd"}
    queries = {"a": documents["a"], "p": "words of nobody", "c": documents["c"]}
    return beir(tmp_path, documents, queries, [("a", "b", 1), ("p", "d", 1), ("c", "c", 1)])


def turned(*degrees):
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def answered(question, space, how, depth):
    return Searcher(space, how).answer(question, depth, Silent())


def ivf(lists, probes, metric="cosine"):
    return How.of(metric, f"ivf:{lists},{probes}")


@pytest.mark.parametrize("how", [How.of("cosine", "exact"), ivf(2, 2)], ids=["exact", "ivf"])
def test_by_hand(arguments, how):
    """Rows 0 to 2 ask, at 0, 10 and 20 degrees; rows 3 to 6 are a to d, at 0, 40, 20 and 30 degrees."""
    space = Space(np.arange(7), np.zeros(7, np.int64), turned(0, 10, 20, 0, 40, 20, 30), {})
    question = Questions(arguments, space.rows).ask("t2t")
    assert [arguments.samples[row].key for row in question.queries] == ["query a", "query p", "query c"]
    assert question.own.tolist() == [3, -1, -1]
    assert question.sizes.tolist() == [3, 4, 4] and question.size == 3 and not question.among
    run = answered(question, space, how, 10).run
    # a: c at 20, d at 30, b at 40 degrees. p: a and c at 10 (the row decides), d at 20, b at 30.
    # c: itself, which is judged right, d at 10, then a and b at 20.
    counts = [4, 4, 4] if run.counts is None else run.counts.tolist()
    assert counts == [3, 4, 4]
    assert run.ids[0, :3].tolist() == [5, 6, 4]
    assert set(run.ids[1, :2].tolist()) == {3, 5} and run.ids[1, 2:].tolist() == [6, 4]
    assert run.ids[2, :2].tolist() == [5, 6]
    found = figures_of(question, run, arguments, Rules((1, 2, 3, 4), resamples=20))
    assert found.first.tolist() == [3, 3, 1]
    figures = found.figures
    assert [figures[f"R@{k}"].value for k in (1, 2, 3)] == pytest.approx([1 / 3, 1 / 3, 1])
    assert [figures[f"R@{k}"].chance for k in (1, 2, 3)] == pytest.approx(
        [(k / 3 + k / 4 + k / 4) / 3 for k in (1, 2, 3)]
    )
    assert figures["MRR"].value == pytest.approx((1 / 3 + 1 / 3 + 1) / 3)
    assert figures["MRR"].chance == pytest.approx((11 / 18 + 25 / 48 + 25 / 48) / 3)  # of 3 and of 4: H(n) / n
    assert figures["median_rank"].value == 3
    assert "R@4" not in figures and any("only 3 answers" in note for note in found.notes)
    for depth in (1, 2):
        short = answered(question, space, how, depth).run
        assert short.counts is None and short.ids[0].tolist() == [5, 6][:depth]
    late = late_ranks(question, space, "cosine", {}, np.arange(3))
    assert late == {0: 3, 1: 3, 2: 1}


def drawn(seed, queries=40, documents=60):
    """Judgments in a data set and its vectors; two thirds of the queries are documents, one of them judged right."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(queries + documents, 6)).astype(np.float32)
    same = {query: int(random.integers(documents)) for query in range(queries) if query % 3}
    for query, document in same.items():
        vectors[query] = vectors[queries + document]
    samples = [
        Sample(f"q{at}", "text", f"q{at}", f"d{same[at]}" if at in same else f"q{at}", split="query")
        for at in range(queries)
    ]
    samples += [Sample(f"d{at}", "text", f"d{at}", f"d{at}") for at in range(documents)]
    grades = {}
    for query in range(queries):
        for document in random.choice(documents, 1 + query % 4, replace=False).tolist():
            if same.get(query) != document:
                grades[query, document] = float(random.integers(1, 4))
    grades[1, same[1]] = 2.0
    judgments = [Judgment(f"q{query}", f"d{document}", grade) for (query, document), grade in grades.items()]
    own = {query: document for query, document in same.items() if query != 1}
    dataset = Dataset("drawn", "", tuple(samples), "judgments", judgments)
    return dataset, Space(np.arange(len(vectors)), np.zeros(len(vectors), np.int64), vectors, {}), own, grades


def by_loops(space, own, grades, metric, queries=40, documents=60):
    """Of each query that has a right answer: the documents from the nearest, without the query itself."""
    found = {}
    for query in sorted({query for query, _ in grades}):
        vector = space.vectors[query].astype(np.float64)
        scored = []
        for document in range(documents):
            answer = space.vectors[queries + document].astype(np.float64)
            if metric == "cosine":
                score = vector @ answer / math.sqrt((vector @ vector) * (answer @ answer))
            else:
                score = vector @ answer if metric == "dot" else -math.dist(vector, answer)
            if own.get(query) != document:
                scored.append((-score, document))
        found[query] = [document for _, document in sorted(scored)]
    return found


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
@pytest.mark.parametrize("index", ["exact", "ivf:4,4"])
@pytest.mark.parametrize("depth", [10, 59, 60, 100])
def test_answers_figures_and_chance_are_those_of_loops(metric, index, depth):
    dataset, space, own, grades = drawn(5)
    question = Questions(dataset, space.rows).ask("t2t")
    run = answered(question, space, How.of(metric, index), depth).run
    order = by_loops(space, own, grades, metric)
    assert question.queries.tolist() == list(order)
    assert question.own.tolist() == [own[query] + 40 if query in own else -1 for query in order]
    for at, documents in enumerate(order.values()):
        count = run.ids.shape[1] if run.counts is None else run.counts[at]
        assert (run.ids[at, :count] - 40).tolist() == documents[:depth]
    figures = figures_of(question, run, dataset, RULES).figures
    rights = {query: [document for asking, document in grades if asking == query] for query in order}
    firsts = {query: min(order[query].index(right) for right in rights[query]) + 1 for query in order}
    for k in RULES.ks:
        assert figures[f"R@{k}"].value == pytest.approx(np.mean([rank <= k for rank in firsts.values()]))
        chance = [1 - math.comb(len(order[q]) - len(rights[q]), k) / math.comb(len(order[q]), k) for q in order]
        assert figures[f"R@{k}"].chance == pytest.approx(np.mean(chance))
    seen = [1 / rank if rank <= depth else 0 for rank in firsts.values()]
    assert figures["MRR"].value == pytest.approx(np.mean(seen))
    late = late_ranks(question, space, metric, {}, np.arange(len(order)))
    assert late == dict(enumerate(firsts.values()))


def test_ivf_that_looks_into_few_lists_never_answers_with_the_query_itself():
    dataset, space, own, grades = drawn(6)
    question = Questions(dataset, space.rows).ask("t2t")
    run = answered(question, space, ivf(6, 1), 100).run
    order = by_loops(space, own, grades, "cosine")
    for at, query in enumerate(order):
        found = (run.ids[at, : run.counts[at]] - 40).tolist()
        assert found == [document for document in order[query] if document in set(found)]
        assert own.get(query) not in found


@pytest.mark.parametrize("direction", ["t2t", "t2i"])
def test_the_first_ten_of_ivf_are_those_of_a_search_for_ten(direction):
    """However many answers are looked at: to find a hundred, short lists would all be looked into."""
    random = np.random.default_rng(3)
    middles = random.normal(size=(40, 16))
    count = 8 * len(middles)  # texts, and as many pictures: more than are asked at once
    vectors = np.repeat(middles, 16, axis=0) + 0.4 * random.normal(size=(2 * count, 16))
    kinds = ["text", "image"] * count
    samples = [Sample(f"s{at}", kinds[at], f"s{at}", f"g{at // 4}") for at in range(2 * count)]
    question = Questions(Dataset("pairs", "", samples, "pairs"), np.arange(2 * count)).ask(direction)
    space = Space(np.arange(2 * count), np.array([at % 2 for at in range(2 * count)]), vectors.astype(np.float32), {})
    how = ivf(20, 1)
    ten, hundred = (answered(question, space, how, depth).run for depth in (10, 200))
    assert (ten.ids[:, :10] == hundred.ids[:, :10]).all() and ten.ids.shape[1] == 10
    assert hundred.counts.min() >= 10 and hundred.counts.max() < 200
    assert (np.isfinite(hundred.scores).sum(1) == hundred.counts).all()
    exact = answered(question, space, How.of("cosine", "exact"), 10).run
    assert (exact.ids != ten.ids).any()
    built = IvfIndex.build(space.rows, space.vectors, "cosine", 20, 1)
    assert (built.search(space.vectors[:5], 100).counts == 100).all()  # whoever wants a hundred gets them


def test_where_all_queries_are_in_the_gallery_each_is_its_own():
    samples = [Sample(f"t{at}", "text", f"t{at}", f"g{at // 2}") for at in range(6)]
    question = Questions(Dataset("pairs", "", samples, "pairs"), np.arange(6)).ask("t2t")
    assert question.own.tolist() == question.queries.tolist() == list(range(6))
    assert question.among and question.size == 5


def test_a_folder_of_beir_end_to_end(tmp_path):
    """The same documents once with queries that are documents, once without those: only the sizes differ."""
    encoder = OnnxEncoder(Bundle.open(tiny_bundle(tmp_path / "tiny")))
    documents = {str(at): f"a text about {chr(97 + at) * 6} number {at}" for at in range(12)}
    queries = {str(at): documents[str(at)] for at in range(6)}
    (tmp_path / "beir").mkdir()
    data = beir(tmp_path / "beir", documents, queries, [(at, at + 6, 1) for at in range(6)])
    plan = Plan(("tiny",), indexes=("exact", "ivf:2,2"), ks=(1, 5, 11), resamples=20)
    vectors = embed(data.samples, encoder).vectors.astype(np.float64)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    ranks = []
    for at in range(6):
        scores = unit[6:] @ unit[at]
        ranks.append(1 + sum(scores[other] > scores[at + 6] for other in range(12) if other != at))
    results = evaluate(data, plan, encoders={"tiny": encoder})
    assert any("6; it is no answer to them" in note for note in results.data.notes)
    for run in results.runs:
        assert (run.gallery, run.first.tolist()) == (12, ranks)
        assert [run.figures[f"R@{k}"].chance for k in (1, 5, 11)] == pytest.approx([1 / 11, 5 / 11, 1])
    for one in results.hardest:
        assert all(found.sample.text != f"A title {one.query.text}" for found in one.found)
