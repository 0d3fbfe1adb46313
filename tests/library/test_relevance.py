"""What scores mean: hits say how likely they are relevant, and a search may answer that nothing is."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from sensorium import File, Library, Like, Vector
from sensorium.core.errors import BadQuery
from sensorium.encoders import bundle as bundles
from sensorium.encoders.bundle import Bundle, write_bundle
from sensorium.encoders.scores import Calibration, Relevance
from sensorium.library.relevance import ORDINARY, deviations, probability
from sensorium.library.search import ready_view
from sensorium.library.terms import query_vectors
from sensorium.library.wording import wording
from sensorium.testing.bundles import tiny_bundle
from sensorium.testing.files import Files
from sensorium.testing.naive import live_rows

SCALES = {"text-text": (0.6, 0.1), "text-image": (0.05, 0.15), "text-audio": (0.0, 0.2), "image-image": (0.3, 0.3)}
MAPS = {"text-text": (0.9, -0.5, -1.0), "text-image": (1.4, -0.3, 0.5)}


def described(folder, scales=SCALES, maps=MAPS):
    """A bundle with this calibration and these maps."""
    said = json.loads((folder / "bundle.json").read_text())
    said["calibration"] = {pair: {"mean": mean, "std": std} for pair, (mean, std) in scales.items()}
    said["relevance"] = {pair: Relevance(*numbers)._asdict() for pair, numbers in maps.items()}
    write_bundle(folder, {name: value for name, value in said.items() if name not in ("format", "files")})
    return folder


@pytest.fixture(scope="module")
def meant(tmp_path_factory):
    """A library of texts, pictures and sounds whose model says what its scores mean, and its files."""
    home = tmp_path_factory.mktemp("meant")
    files = Files(home / "things")
    files.fill(texts=12, pictures=10, sounds=5, long=False)
    model = described(tiny_bundle(home / "model", 24, 7, name="meant"))
    with Library(home / "l", model=str(model)) as library:
        library.add(files.folder)
        yield library, files


def naive(query, row, pairs, asked="text", wording="text"):
    """The definition, from a query's vector and a row of the tables."""
    cosine = float(query @ row.vector / np.linalg.norm(query) / np.linalg.norm(row.vector))
    mean, std = SCALES[f"{asked}-{row.modality}"]
    slope, per_log, bias = MAPS.get(f"{asked}-{row.modality}", ORDINARY[wording])
    z = (math.atanh(min(cosine, 1 - 1e-6)) - math.atanh(mean)) / std
    return 1 / (1 + math.exp(-(slope * z + per_log * math.log(pairs) + bias)))


def test_the_map_worked_by_hand():
    """atanh 0.5 = 0.5493, (0.5493 - 0) / 0.25 = 2.197, 2 * 2.197 - ln 10 - 1 = 1.092, 1 / (1 + e^-1.092) = 0.7487."""
    scale = Calibration(0.0, 0.25)
    assert deviations(0.5, scale) == pytest.approx(2.19722, abs=1e-5)
    assert probability(0.5, scale, Relevance(2.0, -1.0, -1.0), 10) == pytest.approx(0.74873, abs=1e-5)


@pytest.mark.parametrize("mean", [0.0, 0.3, 0.8])
def test_a_nearer_answer_is_likelier_one_among_more_is_less_so_and_a_copy_is_certain(mean):
    scale = Calibration(mean, 0.2)
    said = [probability(cosine, scale, ORDINARY["word"], 1000) for cosine in np.linspace(-1, 1, 50)]
    assert said == sorted(said) and said[0] >= 0 and 0.99 < said[-1] <= 1
    among = [probability(0.7, scale, ORDINARY["text"], pairs) for pairs in (0, 1, 10, 1000, 10**9)]
    assert among == sorted(among, reverse=True) and among[-1] > 0
    assert probability(-1.0, Calibration(0.9, 1e-9), ORDINARY["phrase"], 5) == 0.0


@pytest.mark.parametrize("index", ["exact", "ivf:3,3"])
@pytest.mark.parametrize(
    ("options", "among"),
    [({}, {"text": 12, "image": 10, "audio": 5}), ({"kinds": "image"}, {"image": 10}),
     ({"where": "path like '%p0_.png' or path like '%t1_.txt'"}, {"image": 10, "text": 2}), ({"k": 2}, None)],
)  # fmt: skip
def test_hits_say_how_likely_they_are_by_the_definition(meant, options, among, index):
    library, _ = meant
    among = among or {"text": 12, "image": 10, "audio": 5}
    (query,) = library.encode("the sea was calm")
    rows = {row.part: row for row in live_rows(library.path)}
    hits = library.search("the sea was calm", **{"k": 40, "index": index, **options})
    assert len(hits) == min(options.get("k", 40), sum(among.values()))
    for hit in hits:
        right = naive(query, rows[hit.part], among[hit.modality], wording="phrase")
        assert hit.relevance == pytest.approx(right, rel=1e-4) and hit.to_json()["relevance"] == hit.relevance
    assert hits.likeliest == max(hit.relevance for hit in hits)


def test_a_word_and_a_phrase_mean_what_is_known_of_short_texts(tmp_path, files):
    """Maps of their own where the bundle has them, or else that of texts; several terms are no short text."""
    files.fill(texts=3, pictures=5, sounds=2, long=False)
    own = {"word-image": (2.0, -0.1, -1.0), "phrase-image": (1.0, -0.2, -2.0), "text-image": (0.5, -0.3, -3.0)}
    model = described(tiny_bundle(tmp_path / "model", 24, 7), maps={**own, "text-text": (0.9, -0.5, -1.0)})
    asked = {"word": "a photo of the sea", "phrase": "sea at night", "text": "the sea was calm all night long"}
    with Library(tmp_path / "l", model=str(model)) as library:
        library.add(files.folder)
        for kind, text in asked.items():
            likely = {hit.modality: (hit.score, hit.relevance) for hit in library.search(text, k=30)}
            for modality, meaning, among in (
                ("image", Relevance(*own[f"{kind}-image"]), 5),
                ("text", Relevance(0.9, -0.5, -1.0), 3),
                ("audio", ORDINARY[kind], 2),
            ):
                score, relevance = likely[modality]
                right = probability(score, Calibration(*SCALES[f"text-{modality}"]), meaning, among)
                assert relevance == pytest.approx(right, rel=1e-4)
        (hit,) = library.search("sea", "night", kinds="image", k=1)
        right = probability(hit.score, Calibration(*SCALES["text-image"]), Relevance(*own["text-image"]), 5)
        assert hit.relevance == pytest.approx(right, rel=1e-4)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("dog", "word"), ("a photo of a dog", "word"), ("Show me the dogs!", "word"), ("snow-covered", "word"),
        ("", "word"), ("the", "word"), ("sound of the rain", "word"), ("犬", "word"), ("Hund", "word"),
        ("black dog", "phrase"), ("a dog on the beach", "phrase"), ("picture of 2 dogs playing", "phrase"),
        ("黒い犬が海辺", "phrase"), ("children's birthday party", "phrase"),
        ("a black dog runs along the beach", "text"), ("犬が海辺で青いボールを追いかけて走る", "text"),
    ],
)  # fmt: skip
def test_how_much_a_text_asks_for_is_told_by_the_words_that_say_something(text, kind):
    assert wording(text) == kind


def test_least_relevance_leaves_only_likely_hits_of_all_that_there_are(meant):
    """They are not only those among the k best: likely ones may lie behind unlikely ones of another modality."""
    library, _ = meant
    every = library.search("the sea was calm", k=40)
    order = sorted((hit.relevance for hit in every), reverse=True)
    for least in (0.0, order[20], order[3], order[0]):
        right = [hit for hit in every if hit.relevance >= least]
        assert list(library.search("the sea was calm", k=40, min_relevance=least)) == right
        for k in (1, 3):
            assert list(library.search("the sea was calm", k=k, min_relevance=least)) == right[:k]


def test_nothing_here_is_an_answer(meant):
    library, _ = meant
    hits = library.search("the sea was calm", kinds="image", min_relevance=1.0)
    assert list(hits) == [] and 0 < hits.likeliest < 1
    assert hits.likeliest == library.search("the sea was calm", kinds="image")[0].relevance
    nobody = library.search("the sea was calm", where="size < 0", min_relevance=0.5)
    assert list(nobody) == [] and nobody.likeliest is None


def test_a_file_that_is_there_is_certainly_found(meant):
    library, files = meant
    for term in (File(files.folder / "pictures/p03.png"), Like(library.search("x", kinds="image", k=1)[0].item)):
        hits = library.search(term, kinds="image", min_relevance=0.9)
        assert hits and hits[0].relevance > 0.99


def test_of_a_long_file_every_pair_of_parts_was_a_chance(meant, tmp_path):
    library, _ = meant
    page = tmp_path / "page.txt"
    page.write_text(
        "\n\n".join(f"Chapter {n}. " + "The sea was calm, and bread rises in the oven. " * 12 for n in range(6))
    )
    hits = library.search(File(page), kinds="text")
    rows, session = {row.part: row for row in live_rows(library.path)}, library._session
    queries, _ = query_vectors(session, ready_view(session), [File(page)])
    assert len(queries) > 3
    for hit in hits:
        likely = [naive(query, rows[hit.part], 12 * len(queries)) for query in queries]
        assert min(abs(hit.relevance - one) for one in likely) < 1e-4


def test_where_no_relevance_is_known_hits_say_none_and_to_ask_for_it_is_an_error(meant):
    library, files = meant
    (query,) = library.encode("the sea")
    picture = File(files.folder / "pictures/p03.png")
    for term, options, said in [
        (Vector(query), {}, "ask with words, a file or an item"),
        (picture, {}, "model 'meant' does not say what its scores of text for image mean"),
        ("the sea", {"metric": "dot"}, "what dot means is not known"),
        ("the sea", {"metric": "l2"}, "what l2 means is not known"),
    ]:
        hits = library.search(term, k=40, **options)
        assert len(hits) == 27 and {hit.relevance for hit in hits if hit.modality != "image"} == {None}
        with pytest.raises(BadQuery, match=said):
            library.search(term, min_relevance=0.5, **options)
    assert library.search(picture, kinds="image", min_relevance=0.5)


@pytest.mark.parametrize("least", [-0.1, 1.1, math.nan, 50])
def test_a_relevance_is_a_probability(meant, least):
    with pytest.raises(BadQuery, match=r"min_relevance is .*: it is a probability, from 0 to 1"):
        meant[0].search("x", min_relevance=least)


def test_several_spaces_each_mean_what_their_bundle_says(tmp_path, files):
    files.fill(texts=8, pictures=6, sounds=0, long=False)
    words = described(tiny_bundle(tmp_path / "words", 16, 1, ("text",), "words"), maps={"text-text": (0.5, -0.2, -2.0)})
    seen = described(tiny_bundle(tmp_path / "seen", 24, 2, ("text", "image"), "seen"))
    with Library(tmp_path / "l", model=str(words), models=[str(seen)]) as library:
        library.add(files.folder)
        hits = library.search("the sea was calm", k=20)
        assert {hit.space for hit in hits} == {Bundle.open(words).space, Bundle.open(seen).space}
        for hit in hits:
            bundle = Bundle.open(words if hit.space == Bundle.open(words).space else seen)
            pair = f"text-{hit.modality}"
            pairs = 8 if hit.modality == "text" else 6
            right = probability(hit.score, bundle.calibration[pair], bundle.relevance[pair], pairs)
            assert hit.relevance == pytest.approx(right)
        least = sorted(hit.relevance for hit in hits)[7]
        right = [hit for hit in hits if hit.relevance >= least]
        assert list(library.search("the sea was calm", k=20, min_relevance=least)) == right


def test_what_scores_mean_may_be_learnt_after_a_library_was_made(tmp_path, files, monkeypatch):
    """Its copy of the bundle does not say it; the installed model, which makes the same space, does."""
    files.fill(texts=4, pictures=3, sounds=0, long=False)
    monkeypatch.setattr(bundles, "BUILT_IN", tmp_path / "built-in")
    model = described(tiny_bundle(tmp_path / "built-in/later", 16, 1, ("text", "image"), "later"), maps={})
    with Library(tmp_path / "l", model="later") as library:
        library.add(files.folder)
        before = library.search("the sea", kinds="image")[0]
        described(model)
        space = Bundle.open(model).space
    with Library(tmp_path / "l") as library:
        after = library.search("the sea", kinds="image")[0]
        assert (after.space, after.part, after.score) == (space, before.part, before.score)
        assert after.relevance == pytest.approx(
            probability(after.score, Calibration(0.05, 0.15), Relevance(*MAPS["text-image"]), 3)
        )
        assert before.relevance == pytest.approx(probability(after.score, Calibration(0.05, 0.15), ORDINARY["word"], 3))
        assert library.search("the sea").notes == ()
    (model / "text.onnx").write_bytes(b"")
    (model / "bundle.json").unlink()
    with Library(tmp_path / "l") as library:
        assert library.search("the sea", kinds="image")[0].relevance == before.relevance
