"""`search`: scores and order against the definitions, filters, composed queries, and what hits say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sensorium import File, Library, Like, Text, Vector
from sensorium.core.errors import BadQuery, BadWhere, SourceMissing
from sensorium.core.types import METRICS
from sensorium.testing.files import Files
from sensorium.testing.naive import assert_hits, best_items, live_rows


@pytest.fixture(scope="module")
def rows(shared):
    """Every live part of the shared library, straight from its tables."""
    return live_rows(shared.library.path)


def names(hits):
    return [Path(hit.path).name for hit in hits]


def picture(shared, n):
    return shared.files.folder / f"pictures/p{n:02}.png"


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("k", [1, 7, 100])
@pytest.mark.parametrize("kind", ["text", "image", "audio"])
def test_hits_are_the_best_items_by_the_definition_of_the_metric(shared, rows, metric, k, kind):
    for term in (Text("thunder over hills"), File(picture(shared, 3)), Like(5)):
        hits = shared.library.search(term, k=k, kinds=kind, metric=metric)
        query = shared.library.encode(term)[0]
        assert_hits(hits, best_items([row for row in rows if row.kind == kind], query, k, metric))
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True)


def test_the_three_metrics_differ_because_vectors_keep_their_lengths(shared):
    found = [names(shared.library.search("the sea", k=20, kinds="text", metric=metric)) for metric in METRICS]
    assert len({tuple(order) for order in found}) == 3


@pytest.mark.parametrize("metric", METRICS)
def test_neighbors_are_parts_as_columns(shared, rows, metric):
    queries = shared.library.encode("the sea was calm", File(picture(shared, 2)), Like(7))
    found = shared.library.neighbors(queries, k=9, metric=metric)
    assert found.ids.shape == found.scores.shape == (3, 9)
    for query, (ids, scores) in zip(queries, found, strict=True):
        expected = best_items([replace(row, item=row.part) for row in rows], query, 9, metric)
        np.testing.assert_allclose(scores, [score for _, _, score in expected], rtol=2e-6, atol=2e-6)
        assert ids.tolist() == [part for _, part, _ in expected]
    one = shared.library.neighbors(queries[0], k=3, metric=metric, kinds="audio", index="ivf:3,3")
    assert one.ids.shape == (1, 3)
    assert {row.kind for row in rows if row.part in one.ids} == {"audio"}


def test_each_item_is_one_hit_with_its_best_part(shared, rows):
    long = [row for row in rows if row.path.endswith("long.txt")]
    hits = shared.library.search(long[70].text, k=60)
    assert len({hit.item for hit in hits}) == len(hits) == 57
    hit = hits[0]
    assert (hit.part, hit.text, hit.modality, hit.kind) == (long[70].part, long[70].text, "text", "text")
    assert hit.place.to_json() == json.loads(long[70].place) and str(hit.place).startswith("line")


def test_a_hit_of_a_sound_says_its_seconds(shared, rows):
    (part,) = [row for row in rows if row.path.endswith("long.wav") and '"seconds": [40.0, 45.0]' in row.place]
    hit = shared.library.search(Vector(part.vector), k=1, kinds="audio")[0]
    assert (hit.part, str(hit.place), hit.text, hit.preview) == (part.part, "0:40-0:45", "", None)


def test_hits_say_how_they_were_found(shared):
    hits = shared.library.search("the sea")
    assert hits.index_name == "exact" and hits.notes == () and 0 <= hits.seconds < 5 and hits.encode_seconds > 0
    assert shared.library.search("the sea", index="ivf:5,5").index_name == "ivf:5,5"
    assert hits.index(hits[2]) == 2


@pytest.mark.parametrize("metric", METRICS)
def test_ivf_with_all_lists_probed_is_exact(shared, metric):
    for kinds in (None, "image"):
        exact = shared.library.search("a red bicycle", k=30, metric=metric, kinds=kinds)
        assert list(shared.library.search("a red bicycle", k=30, metric=metric, kinds=kinds, index="ivf:9,9")) == exact


def test_ivf_answers_k_items_even_when_few_lists_are_probed(shared, rows):
    hits = shared.library.search("a red bicycle", k=57, index="ivf:9,1")
    assert len(hits) == 57
    assert len(shared.library.search("a red bicycle", index="ivf")) == 10


def test_more_lists_than_rows_are_said(tmp_path, bundle, files):
    files.fill(texts=6, pictures=0, sounds=0, long=False)
    with Library(tmp_path / "l", model=str(bundle)) as library:
        library.add(files.folder)
        hits = library.search("the sea", index="ivf:100,5")
        assert hits.notes == ("6 rows are too few for 100 lists: 2 instead",)
        assert list(hits) == library.search("the sea")


def test_a_query_by_a_file_of_the_library_finds_it_first(shared):
    for name in ("pictures/p07.png", "sounds/s03.wav", "texts/t11.txt"):
        path = shared.files.folder / name
        kind = {"png": "image", "wav": "audio", "txt": "text"}[name[-3:]]
        for term in (File(path), File(str(path)), File(path.read_bytes())):
            hit = shared.library.search(term, k=1, kinds=kind)[0]
            assert hit.path == str(path) and hit.score > 0.9999


def test_more_like_this_is_by_the_stored_vectors(shared, rows):
    row = next(row for row in rows if row.path.endswith("p04.png"))
    hits = shared.library.search(Like(row.item), kinds="image")
    assert hits[0].item == row.item
    assert_hits(hits, best_items([r for r in rows if r.kind == "image"], row.vector, 10))


def test_a_sum_of_terms_is_their_unit_vectors_times_weights(shared, rows):
    terms = [Text("the sea was calm", 2.0), File(picture(shared, 5), 0.5), Text("bread rises", -1.0), Like(30)]
    raw = shared.library.encode(*(replace(term, weight=1.0) for term in terms))
    units = raw.astype(np.float64) / np.linalg.norm(raw, axis=1, keepdims=True)
    total = (np.array([[2.0], [0.5], [-1.0], [1.0]]) * units).sum(0)
    query = (total / np.linalg.norm(total) * np.linalg.norm(raw, axis=1).mean()).astype(np.float32)
    for metric in METRICS:
        hits = shared.library.search(*terms, k=12, metric=metric, kinds="image")
        assert_hits(hits, best_items([row for row in rows if row.kind == "image"], query, 12, metric))


def test_what_is_subtracted_moves_away(shared):
    """p00 is near itself; without itself, it is the farthest of all."""
    near = shared.library.search(File(picture(shared, 0)), k=20, kinds="image")
    far = shared.library.search(File(picture(shared, 0), -1.0), k=20, kinds="image")
    assert names(far) == names(near)[::-1] and far[0].score == -near[-1].score


def test_one_term_with_a_weight_is_that_term(shared):
    assert list(shared.library.search(Text("the sea", 3.0), metric="dot")) == shared.library.search(
        "the sea", metric="dot"
    )


def test_terms_that_cancel_out_are_an_error(shared):
    with pytest.raises(BadQuery, match="cancel each other out"):
        shared.library.search(Text("the sea"), Text("the sea", -1.0))


def test_a_long_file_as_a_query_is_the_mean_of_its_first_parts(shared, rows):
    long = [row.vector for row in rows if row.path.endswith("long.txt")]
    (vector,) = shared.library.encode(File(shared.files.folder / "texts/long.txt"))
    np.testing.assert_allclose(vector, np.mean(long[:64], axis=0), atol=2e-3)


@pytest.mark.parametrize(
    ("where", "keep"),
    [
        ("kind = 'image' and size > 1e2", lambda item: item["kind"] == "image" and item["size"] > 1e2),
        ("path like '%t1_.txt'", lambda item: item["path"].endswith(tuple(f"t1{n}.txt" for n in range(10)))),
        ("id in (3, 4, 99) or title = 'p07.png'", lambda item: item["id"] in (3, 4) or item["title"] == "p07.png"),
        ("size < 0", lambda item: False),
    ],
)
def test_where_is_sql_over_items(shared, rows, where, keep):
    chosen = {item["id"] for item in shared.library.items().to_pylist() if keep(item)}
    hits = shared.library.search("thunder", k=100, where=where)
    assert {hit.item for hit in hits} == chosen
    assert {item["id"] for item in shared.library.items(where).to_pylist()} == chosen


def test_filters_go_together(shared):
    folder = shared.files.folder
    hits = shared.library.search("the sea", k=99, kinds=["text", "image"], under=folder / "texts", where="size < 70")
    assert hits and all(hit.kind == "text" and hit.path.startswith(str(folder / "texts/t")) for hit in hits)
    assert len(hits) == sum(path.stat().st_size < 70 for path in (folder / "texts").iterdir())


def test_under_is_a_folder_or_a_file_by_whole_names(shared, monkeypatch):
    folder = shared.files.folder
    monkeypatch.chdir(folder)
    assert len(shared.library.search("x", k=99, under="sounds")) == 11
    assert len(shared.library.search("x", k=99, under=f"{folder}/sounds/")) == 11
    assert len(shared.library.search("x", k=99, under="/")) == 57
    assert names(shared.library.search("x", under=picture(shared, 4))) == ["p04.png"]
    assert list(shared.library.search("x", under=folder / "sou")) == []


def test_kinds_are_one_or_several_and_must_be_known(shared):
    assert {hit.kind for hit in shared.library.search("x", k=99, kinds=("audio", "image"))} == {"audio", "image"}
    assert len(shared.library.search("x", k=99, kinds=[])) == 57
    with pytest.raises(BadQuery, match="the kind 'film' is unknown here: choose among audio, image, text"):
        shared.library.search("x", kinds=["text", "film"])


def test_previews_are_small_pictures_and_only_where_asked(shared):
    assert {hit.preview for hit in shared.library.search("x", k=57)} == {None}
    for hit in shared.library.search("x", k=57, previews=True):
        assert (hit.preview is not None) == (hit.kind in ("image", "audio"))  # a passage shows itself
        assert hit.preview is None or hit.preview[8:12] == b"WEBP"


def test_hits_show_themselves_with_pictures_players_and_words(shared):
    for previews in (False, True):
        shown = shared.library.search("the sea", k=57, previews=previews)._repr_html_()
        assert shown.count("data:image/webp;base64,UklGR") == 20 + 11 and shown.count("<audio controls") == 11
        assert "Story 0: the sea was calm" in shown


def test_a_name_with_markup_does_not_become_markup(library, files):
    files.text("<b>.txt", "<script>alert(1)</script> words")
    library.add(files.folder)
    shown = library.search("words")._repr_html_()
    assert "<script>" not in shown and "<b>" not in shown and "&lt;script&gt;" in shown


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"k": 0}, "k is 0: ask for at least 1 hit"),
        ({"metric": "angle"}, "the metric 'angle' is unknown: choose one of cosine, dot, l2"),
        ({"index": "tree"}, "the index 'tree' is unknown: choose auto, exact, ivf or ivf:LISTS,PROBES"),
        ({"index": "ivf:0,5"}, "lists and probes must be at least 1"),
        ({"index": "ivf:5"}, "is unknown"),
    ],
)
def test_options_that_mean_nothing_are_said(shared, options, said):
    with pytest.raises(BadQuery, match=said):
        shared.library.search("x", **options)


def test_queries_that_mean_nothing_are_said(shared, tmp_path):
    search, folder = shared.library.search, shared.files.folder
    with pytest.raises(BadQuery, match="nothing to search for"):
        search()
    with pytest.raises(BadQuery, match="no item 4711 in the library"):
        search(Like(4711))
    with pytest.raises(BadQuery, match="is a folder: give a file as the query, or search in the folder with --in"):
        search(File(folder))
    (tmp_path / "blob").write_bytes(bytes(range(256)))
    with pytest.raises(BadQuery, match="blob cannot be read as a query: not a kind of file that is"):
        search(File(tmp_path / "blob"))
    with pytest.raises(BadQuery, match="the query cannot be read as a query: the file is empty"):
        search(File(b""))
    with pytest.raises(SourceMissing, match=r"no\.jpg does not exist"):
        search(File("no.jpg"))
    with pytest.raises(SourceMissing, match="nothing is fetched"):
        search(File("https://a.b/c.jpg"))
    with pytest.raises(BadWhere, match="where 'colour = 1' cannot be read"):
        search("x", where="colour = 1")
    for vector in (np.ones(3), np.zeros(16), np.full(16, np.nan)):
        with pytest.raises(BadQuery, match="a query vector needs 16 finite numbers, not all zero"):
            search(Vector(vector))
    for queries in (np.ones((2, 3)), np.zeros((1, 16)), np.full((1, 16), np.inf)):
        with pytest.raises(BadQuery, match="these queries cannot be searched for"):
            shared.library.neighbors(queries)


@pytest.fixture(scope="module")
def tilted(tmp_path_factory, tilted_bundle):
    """A library of all kinds whose model puts each modality on another scale."""
    files = Files(tmp_path_factory.mktemp("tilted") / "things")
    files.fill(texts=12, pictures=12, sounds=6, long=False)
    with Library(files.folder.parent / "l", model=str(tilted_bundle)) as library:
        library.add(files.folder)
        yield library


def cosine(query, vector):
    return float(query @ vector / np.linalg.norm(query) / np.linalg.norm(vector))


def calibrated(query, rows):
    """Items by (cosine - mean) / deviation of the query's pair of modalities, ties by id."""
    scale = {"text": (0.9, 0.05), "image": (0.0, 0.2), "audio": (-0.1, 0.1)}
    found = []
    for row in rows:
        mean, deviation = scale[row.modality]
        found.append((-(cosine(query, row.vector) - mean) / deviation, row.item))
    return [item for _, item in sorted(found)]


def test_hits_of_several_modalities_are_ranked_by_calibrated_scores(tilted):
    rows = live_rows(tilted.path)
    for text in ("the sea was calm", "what a red bicycle that was", "stars"):
        (query,) = tilted.encode(text)
        hits = tilted.search(text, k=30)
        assert [hit.item for hit in hits] == calibrated(query, rows)
        assert [hit.item for hit in tilted.search(text, k=5)] == [hit.item for hit in hits[:5]]
        cosines = {row.item: cosine(query, row.vector) for row in rows}
        np.testing.assert_allclose([hit.score for hit in hits], [cosines[hit.item] for hit in hits], atol=2e-6)
        hits = tilted.search(text, k=30, kinds=["image", "audio"])
        assert [hit.item for hit in hits] == calibrated(query, [row for row in rows if row.modality != "text"])


def test_without_a_calibration_for_all_pairs_hits_are_ranked_as_they_are(tilted):
    (query,) = tilted.encode("the sea")
    for term, options in ((Text("the sea"), {"metric": "dot"}), (Like(1), {}), (Vector(query), {})):
        scores = [hit.score for hit in tilted.search(term, k=30, **options)]
        assert len(scores) == 30 and scores == sorted(scores, reverse=True)
