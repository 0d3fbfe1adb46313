"""Study A again: its measures against plain ones, the command on a small set in MS-COCO's format, the document."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sensorium.core.errors import BadData
from sensorium.core.types import METRICS
from sensorium.evaluate import load
from sensorium.evaluate.dataset import Dataset, Sample
from sensorium.evaluate.study import accuracy, document, run, search, space
from sensorium.evaluate.study.pairs import PairSet, draw, pair_set, together
from sensorium.indexes.exact import ExactIndex

DOCS = Path(__file__).parents[3] / "docs"
COLOURS = ("red", "green", "blue", "white", "black", "yellow", "purple", "orange")
SHAPES = ("disc", "square", "triangle", "cross")


def a_set(pictures, captions, own, name="test"):
    """A set of pairs with made-up texts and files."""
    texts = tuple(f"text {row}" for row in range(len(own)))
    files = tuple(Path(f"{row}.png") for row in range(len(pictures)))
    own = np.array(own, np.int64)
    return PairSet(name, np.asarray(pictures, "f4"), np.asarray(captions, "f4"), own, texts, files, len(own))


def a_random_set(seed=0, pictures=300, each=5, dimension=24):
    rng = np.random.default_rng(seed)
    middles = rng.standard_normal((pictures, dimension), np.float32)
    own = np.repeat(np.arange(pictures), each)
    near = middles[own] + 0.8 * rng.standard_normal((len(own), dimension), np.float32)
    return a_set(middles * rng.uniform(0.5, 2, (pictures, 1)), near, own)


# -- precision over k


@pytest.mark.parametrize("metric", METRICS)
def test_ranks_are_those_of_exact_search_with_ties_and_duplicates(metric):
    rng = np.random.default_rng(1)
    gallery = rng.integers(-2, 3, (400, 6)).astype(np.float32)  # many are the same, or score the same
    gallery[~gallery.any(axis=1)] = 1
    gallery[300:350] = gallery[:50] * np.float32(3)
    queries = rng.integers(-2, 3, (60, 6)).astype(np.float32) + np.float32(0.5)
    asks = rng.integers(0, 60, 500)
    answers = rng.integers(0, 400, 500)
    ids = ExactIndex(np.arange(400), gallery, metric).search(queries, 400).ids
    slowly = [int(np.flatnonzero(ids[ask] == answer)[0]) + 1 for ask, answer in zip(asks, answers, strict=True)]
    assert accuracy.ranks(queries, gallery, asks, answers, metric).tolist() == slowly


def test_ranks_do_not_depend_on_how_much_is_scored_at_a_time(monkeypatch):
    one = a_random_set(pictures=40)
    asked = one.pictures, one.captions, one.own, np.arange(200), "l2"
    whole = accuracy.ranks(*asked)
    monkeypatch.setattr(accuracy, "_CELLS", 700)
    assert (accuracy.ranks(*asked) == whole).all()


def test_precision_over_k_by_hand():
    # Captions 0 and 1 are of picture 0, 2 and 3 of picture 1. Caption 1 lies nearer to the other picture.
    found = a_set([[1, 0], [0, 1]], [[1, 0.1], [0.4, 1], [0.1, 1], [0, 1]], [0, 0, 1, 1])
    rates = accuracy.nested(accuracy.precision_rates(found))["test"]
    own = rates["t2i"]["cosine"]["own"]
    assert (own["queries"], own["gallery"], own["at"]["1"]["value"], own["at"]["2"]["value"]) == (4, 2, 0.75, 1.0)
    assert own["at"]["1"]["chance"] == 0.5
    # picture 0: captions in the order 0, 1, 2, 3; picture 1: 3, 2, 1, 0. So the pairs' own are at 1, 2, 2 and 1.
    back = rates["i2t"]["cosine"]
    assert [back["own"]["at"][k]["value"] for k in ("1", "2", "3")] == [0.5, 1.0, 1.0]
    assert back["own"]["at"]["3"]["chance"] == 0.75 and back["own"]["queries"] == 4
    assert back["any"]["at"]["1"]["value"] == 1.0 and back["any"]["queries"] == 2
    assert back["any"]["at"]["1"]["chance"] == 0.5 and back["any"]["at"]["2"]["chance"] == round(5 / 6, 5)


def test_the_three_metrics_differ_and_rates_rise_with_k_within_their_intervals():
    rates = accuracy.nested(accuracy.precision_rates(a_random_set()))["test"]
    seen = set()
    for way, metrics in rates.items():
        for metric, by_right in metrics.items():
            for right, rate in by_right.items():
                values = [at["value"] for at in rate["at"].values()]
                assert values == sorted(values) and all(
                    a["low"] <= a["value"] <= a["high"] for a in rate["at"].values()
                )
                seen.add((way, right, metric, tuple(values)))
    assert len({values for _, _, _, values in seen}) == 9  # 3 metrics x (t2i own, i2t own, i2t any)


def test_the_share_of_the_gallery_is_the_studys():
    rate = accuracy.nested(accuracy.precision_rates(a_random_set()))["test"]["i2t"]["cosine"]["own"]
    assert rate["share_k"] == round(1500 / 80) and rate["share_chance"] == round(19 / 1500, 5)
    assert rate["times"] == pytest.approx(rate["share_value"] / (19 / 1500), abs=0.06)


# -- which pairs


def a_dataset(splits, captions=5):
    samples = []
    for split, count in splits.items():
        names = [f"{split}{n}" for n in range(count)]
        samples += [Sample(name, "image", Path(f"{name}.png"), name, split=split) for name in names]
    for n in range(captions):  # not beside their pictures, as in MS-COCO
        samples += [
            Sample(f"{s.key}#{n}", "text", f"{s.key} {n}", s.group, split=s.split)
            for s in samples[: sum(splits.values())]
        ]
    return Dataset("made", "made", tuple(samples), "pairs")


def test_pairs_are_sampled_from_each_set_by_the_seed():
    data = a_dataset({"train": 50, "val": 40})
    train, val = draw(data, 80, seed=3)
    assert (train.name, len(train.rows), train.there) == ("train", 80, 250)
    assert (val.name, len(val.rows), val.there) == ("val", 80, 200)
    assert len(set(train.rows)) == 80 and all(data.samples[c].group == data.samples[p].key for p, c in train.rows)
    assert [one.rows for one in draw(data, 80, seed=3)] == [train.rows, val.rows]
    assert draw(data, 80, seed=4)[0].rows != train.rows


def test_flickr8k_asks_test_and_only_searches_dev():
    names = [(one.name, one.there) for one in draw(a_dataset({"dev": 3, "test": 4, "train": 20}), 80_000)]
    assert names == [("train", 100), ("test", 20), ("rest", 15)]


def test_data_without_splits_is_one_set():
    assert [(one.name, one.there) for one in draw(a_dataset({"": 4}), 80_000)] == [("", 20)]


def test_what_is_no_pairs_gets_one_line(tmp_path):
    pictures = Dataset("made", "made", tuple(s for s in a_dataset({"": 4}).samples if s.modality == "image"), "pairs")
    with pytest.raises(BadData, match="no pairs of a picture and a text"):
        draw(pictures, 10)
    with pytest.raises(BadData, match="has 5 pairs: the study needs at least 10"):
        draw(a_dataset({"test": 1}), 10)
    data = a_dataset({"": 4})
    with pytest.raises(BadData, match="of 20 pairs of the data 1 could be embedded"):
        pair_set(draw(data, 20)[0], data.samples, np.array([0, 4]), np.ones((2, 3), np.float32))


def test_pairs_without_a_vector_are_left_out_and_sets_are_joined():
    data = a_dataset({"test": 4})
    rows = np.array([row for row in range(24) if row not in (1, 6)])  # a picture, and a caption of another
    one = pair_set(draw(data, 99)[0], data.samples, rows, rows[:, None].astype(np.float32))
    assert len(one.own) == 14 and one.pictures[:, 0].tolist() == [0, 2, 3]
    assert all(text.startswith(one.files[own].stem) for text, own in zip(one.texts, one.own, strict=True))
    both = together([one, one], "both")
    assert both.own.tolist() == [*one.own, *(one.own + 3)] and len(both.pictures) == 6


# -- kNN against ANN


def test_the_formulas_of_the_study_by_hand():
    assert search.exact_cost(1000, 8, 10) == 8000 + 10 * math.log(1000)
    by_hand = 0.05 * 1000 * 8 + 100 * 8 + 5 * math.log(100) + 10 * math.log(50)
    assert search.ivf_cost(1000, 8, 10) == pytest.approx(by_hand)


def test_knn_and_ann_are_compared_in_four_directions():
    one = a_random_set(pictures=400)
    found = search.compare(one, 300)["directions"]
    assert list(found) == ["t2i", "i2t", "t2t", "i2i"]
    assert [found[way]["queries"] for way in found] == [500, 100, 500, 100]
    for way, said in found.items():
        assert (
            0 < said["found_by_both"]["value"] <= 1 and said["exact"]["single_ms"] > 0 and said["ivf"]["batch_ms"] > 0
        )
        assert ("R@10" in said["exact"]) == (way != "i2i")
    for kind in ("exact", "ivf"):
        assert all(found[way][kind]["R@10"]["value"] > 10 / 400 for way in ("t2i", "i2t", "t2t"))
    exact = found["t2i"]["exact"]["R@10"]["value"]
    ranks = accuracy.ranks(one.captions, one.pictures, np.arange(1500, 2000), one.own[1500:], "cosine")
    assert exact == pytest.approx((ranks <= 10).mean())


def test_what_asks_is_no_answer_to_itself():
    one = a_random_set(pictures=120)
    for asking in search._askings(one, 0, 0):
        index = ExactIndex(np.arange(len(asking.gallery)), asking.gallery, "cosine")
        found = search._answers(index, asking)
        assert found.shape == (len(asking.rows), 10) and (found >= 0).all()
        assert (found == asking.rows[:, None]).any() != asking.among


def test_speed_goes_beyond_the_real_vectors_with_noise_and_says_so(monkeypatch):
    monkeypatch.setattr(search, "MOST", 6_500)
    said = search.speed(a_random_set(pictures=320))
    assert [(row["n"], row["real"]) for row in said["rows"]] == [
        (1000, True),
        (1600, True),
        (3200, False),
        (6400, False),
    ]
    assert all(row[kind]["single_ms"] > 0 for row in said["rows"] for kind in ("exact", "ivf"))
    grown = search._grown(a_random_set(pictures=320).captions, np.random.default_rng(0))
    cosine = (search.np.float64(grown[1600:3200]) * grown[:1600]).sum(1)
    cosine /= np.linalg.norm(grown[1600:3200], axis=1) * np.linalg.norm(grown[:1600], axis=1)
    assert abs(cosine.mean() - 1 / math.sqrt(1 + search.NOISE**2)) < 0.02


# -- a batch, captions, gaps


def test_a_batch_has_its_diagonal():
    eye = np.eye(40, 64, dtype=np.float32)
    said, similar = space.batch(a_set(eye, np.repeat(eye, 2, axis=0), np.repeat(np.arange(40), 2)))
    assert similar.shape == (32, 32) and np.array_equal(similar, np.eye(32, dtype=np.float32))
    assert (said["rows"], said["columns"], said["diagonal"], said["off_diagonal"], said["batches"]) == (1, 1, 1, 0, 1)
    assert said["rows_of_all"]["low"] < 1 and said["chance"] == 1 / 32


def test_standard_and_our_captions_by_hand():
    shown, files = space.captions(a_set([[1, 0], [0, 1]], [[1, 1], [1, 0.1], [0.9, 0], [0.1, 1]], [0, 0, 1, 1]))
    assert [file.name for file in files] == ["0.png", "1.png"]
    first, second = shown
    assert (first["standard"], first["ours"], first["right"], first["rank_of_standard"]) == (
        "text 0",
        "text 2",
        False,
        3,
    )
    assert (second["ours"], second["right"], second["rank_of_standard"], second["rank_of_first_own"]) == (
        "text 3",
        True,
        4,
        1,
    )


# -- the whole command, on a set in the format of MS-COCO 2014


def drawing(path, colour, shape):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (64, 64), "grey")
    pen = ImageDraw.Draw(image)
    places = {"disc": pen.ellipse, "square": pen.rectangle}
    if shape in places:
        places[shape]((16, 16, 48, 48), fill=colour)
    elif shape == "triangle":
        pen.polygon(((32, 12), (52, 50), (12, 50)), fill=colour)
    else:
        pen.rectangle((28, 8, 36, 56), fill=colour)
        pen.rectangle((8, 28, 56, 36), fill=colour)
    image.save(path)


def coco(folder):
    """The folder of MS-COCO 2014 with drawn pictures: captions in no order, all files where the original has them."""
    for number, split in enumerate(("train", "val")):
        images, notes = [], []
        for n, (colour, shape) in enumerate((c, s) for c in COLOURS for s in SHAPES):
            name, own = f"COCO_{split}2014_{n + 1:012}.jpg", 1000 * number + n
            drawing(folder / f"{split}2014" / name, colour, shape)
            images.append({"id": own, "file_name": name, "width": 64, "height": 64, "license": 1})
            texts = (
                "a {c} {s}",
                "{c}: one {s}.",
                "A {s} that is {c}",
                "there is a {c} {s} here",
                "the {s}, painted {c}",
            )
            notes += [
                {"image_id": own, "id": 10 * own + i, "caption": t.format(c=colour, s=shape)}
                for i, t in enumerate(texts)
            ]
        notes.sort(key=lambda note: note["id"] * 7919 % 1009)
        told = {"info": {"year": 2014}, "images": images, "licenses": [], "annotations": notes}
        path = folder / "annotations" / f"captions_{split}2014.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(told))
    return folder


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The command, run once: its folder and its JSON."""
    place = tmp_path_factory.mktemp("study")
    for shape in SHAPES:
        for colour in COLOURS[:4]:
            drawing(place / "shapes" / shape / f"{colour}.png", colour, shape)
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("SENSORIUM_CACHE", str(place / "cache"))
    monkeypatch.setattr(search, "MOST", 900)
    options = ["--out", str(place / "out/study"), "--pairs", "120", "--page", str(place / "page.html")]
    assert run.main([str(coco(place / "coco")), *options, "--map", str(place / "shapes")]) == 0
    monkeypatch.undo()
    return place, json.loads((place / "out/study/study.json").read_text())


def test_coco_is_sampled_from_the_training_and_the_validation_set(done):
    _, said = done
    assert said["data"]["name"] == "coco" and not said["failures"]
    assert {name: (one["pairs"], one["pairs_there"]) for name, one in said["data"]["sets"].items()} == {
        "train": (120, 160), "val": (120, 160),
    }  # fmt: skip
    assert list(said["precision"]) == ["train", "val"]
    rate = said["precision"]["val"]["i2t"]["cosine"]["own"]
    assert (rate["queries"], rate["gallery"], list(rate["at"])[-1]) == (120, 120, "100")
    assert said["indexes"]["directions"]["i2t"]["n"] == 240  # small: both are searched
    assert [len(said["captions"]), said["captions"][0]["captions"], said["batch"]["pairs"]] == [12, 120, 32]
    assert said["map"]["points"] == {"texts": 4, "pictures": 16} and said["map"]["gaps"].keys() == {"image-text"}


def test_every_figure_is_a_whole_svg_that_the_document_shows(done):
    place, said = done
    text = (place / "out/study.md").read_text()
    shown = set(re.findall(r"\(study/(\S+)\.svg\)", text))
    assert shown == set(said["figures"]) == {path.stem for path in (place / "out/study").glob("*.svg")}
    assert len(shown) == 12
    for name in shown:
        root = ElementTree.parse(place / f"out/study/{name}.svg").getroot()
        assert root.tag.endswith("svg") and "prefers-color-scheme" in "".join(root.itertext())
    assert str(place) not in text and str(place) not in json.dumps(said)


def test_the_page_for_oneself_has_the_photographs_and_the_document_has_not(done):
    place, said = done
    page = (place / "page.html").read_text()
    assert page.count("data:image/webp") == 12 and page.count("data:image/svg+xml") == len(said["figures"])
    assert "http" not in re.sub(r"base64,[^\"]+", "", page)


def test_the_same_seed_gives_the_same_figures_of_quality_from_the_cache(done, tmp_path, monkeypatch, capsys):
    place, said = done
    monkeypatch.setenv("SENSORIUM_CACHE", str(place / "cache"))
    monkeypatch.setattr(search, "MOST", 900)
    (tmp_path / "other.svg").write_text("mine")
    assert run.main([str(place / "coco"), "--out", str(tmp_path), "--pairs", "120"]) == 0
    again = json.loads((tmp_path / "study.json").read_text())
    assert again["embedded_before"] == sum(
        said["data"]["sets"][s][k] for s in ("train", "val") for k in ("pairs", "pictures")
    )
    for part in ("precision", "batch", "captions", "gap", "data"):
        assert again[part] == said[part]
    assert again["map"] is None and not (tmp_path / "map-class.svg").exists()
    assert (tmp_path / "other.svg").read_text() == "mine"
    assert "Not drawn" in tmp_path.with_suffix(".md").read_text()
    assert "files in" in capsys.readouterr().out


def test_bad_input_is_one_line(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert run.main([str(tmp_path / "empty"), "--out", str(tmp_path / "out")]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 2  # the stage, and the line
    assert not (tmp_path / "out").exists()


# -- the document that is published


def published():
    return json.loads((DOCS / "study/study.json").read_text())


def test_the_published_document_is_what_its_json_says():
    assert (DOCS / "study.md").read_text() == document.document(published(), "study")


def test_the_published_figures_are_those_of_the_json_and_no_others():
    assert {path.stem for path in (DOCS / "study").glob("*.svg")} == set(published()["figures"])


@pytest.mark.parametrize(
    ("row", "column", "keys"),
    [
        ("test | text to picture | cosine |", 5, "precision.test.t2i.cosine.own.at.10.value"),
        ("train | picture to text | L2 |", 6, "precision.train.i2t.l2.own.at.100.value"),
        ("test | picture to text | 62 of", 4, "precision.test.i2t.cosine.own.share_value"),
        ("test | any of its |", 5, "precision.test.i2t.cosine.any.at.10.value"),
        ("text to text | 1,000 |", 3, "indexes.directions.t2t.found_by_both.value"),
        ("picture to text | 1,000 |", 5, "indexes.directions.i2t.ivf.R@10.value"),
    ],
)
def test_numbers_of_the_published_document_are_those_of_the_json(row, column, keys):
    line = next(line for line in (DOCS / "study.md").read_text().splitlines() if line.startswith(f"| {row}"))
    value = published()
    for key in keys.split("."):
        value = value[key]
    assert float(line.split("|")[column].split("%")[0]) == round(100 * value, 1)


def test_the_published_study_took_less_than_ten_minutes_with_nothing_embedded_before():
    said = published()
    assert said["seconds"] < 600 and said["embedded_before"] == 0 and not said["failures"]
    assert said["data"]["name"] == "flickr8k" and said["model"]["name"] == "starter"
    assert sum(said["stages"].values()) == pytest.approx(said["seconds"], abs=2)


def test_coco_pairs_lie_where_the_loader_finds_them(tmp_path):
    dataset = load(coco(tmp_path / "coco"))
    assert {sample.split for sample in dataset.samples} == {"train", "val"} and len(dataset.samples) == 2 * 32 * 6
