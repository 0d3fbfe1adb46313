import json
import math
import re
import sys
import wave

import numpy as np
import pytest
from lxml import html
from PIL import Image

from sensorium.core.errors import ExtraMissing
from sensorium.core.types import Skipped
from sensorium.evaluate.report.page import write_report
from sensorium.evaluate.report.previews import Previews
from sensorium.evaluate.results import Cell, Data, Figure, Found, Hardest, Measured, Model, Queries, Results, Seen

DIRECTIONS = {"t2i": (0.414, 1000), "i2t": (0.61, 5000), "t2t": (0.82, 5000), "t2all": (0.55, 6000)}
FEATURES = {"cosine": 0.0, "dot": 0.0, "l2": -0.2, "exact": 0.0, "ivf:100,5": -0.02, "starter": 0.0, "other": 0.1}


def measured(model, metric, index, direction):
    share, gallery = DIRECTIONS[direction]
    share = max(share + FEATURES[metric] + FEATURES[index] + FEATURES[model], 0.02)
    at = {f"R@{k}": min(1, share * math.log10(9 + k) / math.log10(19)) for k in (1, 5, 10, 100)}
    figures = {
        name: Figure(value, value - 0.01, value + 0.01, int(name[2:]) / gallery) for name, value in at.items()
    }  # fmt: skip
    figures |= {"MRR": Figure(share / 2, share / 2 - 0.01, share / 2 + 0.01, 0.005)}
    figures |= {"median_rank": Figure(math.inf, 90, math.inf, 500.5)}
    mixed = direction == "t2all"
    return Measured(
        model, metric, index, direction, 5000, gallery, 100, figures, 0.012 if index == "exact" else 0.002, 0.5,
        "q", "g", np.zeros(5000, np.int32), share={"text": 0.9, "image": 0.1} if mixed else {},
        expected={"text": 0.8, "image": 0.2} if mixed else {}, notes=("a note on a run",),
    )  # fmt: skip


def results(models=("starter",), metrics=("cosine",), indexes=("exact",), hardest=()):
    runs = tuple(measured(m, d, i, way) for m in models for d in metrics for i in indexes for way in DIRECTIONS)
    cells = [("text", "image", 0.414), ("image", "text", 0.61), ("text", "text", 0.82)]
    return Results(
        Data("holiday", "/data/holiday.csv", "d47a", {"text": 5000, "image": 1000}, "pairs", ("3 rows left out",)),
        {name: Model(f"space of {name}", "1", "int8", 256, ("text", "image")) for name in models},
        {"metrics": list(metrics), "ks": [1, 5, 10, 100], "seed": 7, "resamples": 2000, "confidence": 0.95},
        runs, {"q": Queries(np.zeros(5000, np.uint64))}, {"starter": {"gap": {"text-image": 0.4321}}},
        tuple(Cell("starter", "cosine", "exact", "R@10", a, b, Figure(v, v, v, 0.01)) for a, b, v in cells),
        tuple(hardest), (Skipped("/data/bad.jpg", "not a picture"),), ("a note of all",),
        "2026-11-21T10:00:00Z", 12.3, "0.3.0", "abc123+", {"cores": 2, "system": "Linux"},
    )  # fmt: skip


def written(tmp_path, found, preview=lambda path: None):
    return write_report(found, tmp_path / "deep" / "report.html", preview=preview).read_text("utf-8")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    found = results(("starter", "other"), ("cosine", "l2"), ("exact", "ivf:100,5"), [hard("t2i", None)])
    return written(tmp_path_factory.mktemp("report"), found)


def hard(direction, rank, text="a dog & <script>alert(1)</script>", picture="/data/dog.jpg", label=""):
    dog, cat = Seen("dog.jpg", "image", "", picture, label), Seen("cat.jpg", "image", "", "/data/cat.jpg")
    return Hardest(
        "starter", "cosine", "exact", direction, rank, Seen("q1", "text", text), (dog,), (Found(cat, 0.31, False),)
    )  # fmt: skip


def said(page):
    return " ".join(html.document_fromstring(page).text_content().split())


def titles(page):
    return [h.text_content() for h in html.document_fromstring(page).iter("h2")]


def test_the_page_needs_nothing_else_and_runs_nothing(page):
    assert not re.search(r"<(script|link|iframe|object)\b", page)
    assert not re.search(r"(src|href)=\"(?!#|data:)", page)
    assert not re.search(r"@import|url\((?!#)", page)
    assert "prefers-color-scheme: dark" in page and "prefers-color-scheme:dark" in page


def test_every_question_that_was_asked_is_answered(page):
    wanted = ["Which direction?", "Which model?", "Which metric?", "Which index?", "How far down must one look?"]
    wanted += ["Does one kind crowd out the others?", "All runs", "Hardest queries", "Failures", "How it was measured"]
    assert titles(page) == wanted


def test_questions_that_were_not_asked_are_not_there(tmp_path):
    found = titles(written(tmp_path, results()))
    assert not {"Which model?", "Which metric?", "Which index?", "Hardest queries"} & set(found)
    assert found[0] == "Which direction?"


def test_figures_and_links_of_the_page_do_not_meet(page):
    tree = html.document_fromstring(page)
    ids = [node.get("id") for node in tree.iter() if node.get("id")]
    assert len(ids) == len(set(ids))
    assert {a.get("href")[1:] for a in tree.iter("a")} <= set(ids)
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(ids)
    assert len(tree.xpath("//figure/*[local-name()='svg']")) == 12


def test_numbers_are_those_of_the_results_with_interval_and_chance(page):
    run = measured("starter", "cosine", "exact", "t2i")
    row = html.document_fromstring(page).xpath("//section[@id='directions']//tbody/tr")[0]
    cells = [cell.text_content() for cell in row]
    assert cells[:3] == ["texts → pictures", "5,000", "1,000"]
    assert run.figures["R@10"].value == pytest.approx(0.414)
    assert "41.4 %40.4–42.4chance 1.0 %" in cells
    assert "0.2070.197–0.217chance 0.005" in cells
    assert "> 10090–> 100chance 500.5" in cells
    assert (
        "chance 0.02 %"
        in html.document_fromstring(page).xpath("//section[@id='directions']//tbody/tr")[1].text_content()
    )


def test_it_says_who_is_ahead_and_whether_clearly(page):
    assert "By R@10: other is ahead in 4 directions, clearly in 4" in said(page)
    assert "By R@10: cosine is ahead in 4 directions, clearly in 4" in said(page)


def test_models_that_are_equal_are_said_to_be(tmp_path):
    found = results(("starter", "other"))
    same = [
        run if run.model == "starter" else measured("starter", "cosine", "exact", run.direction) for run in found.runs
    ]
    for run in same[len(DIRECTIONS) :]:
        object.__setattr__(run, "model", "other")
    object.__setattr__(found, "runs", tuple(same))
    assert "By R@10 they are equal." in said(written(tmp_path, found))


def with_figures(found, **shares):
    """The same results, with these R@10 (value, low, high) by metric."""
    for run in found.runs:
        object.__setattr__(run, "figures", {"R@10": Figure(*shares[run.metric])})
    return found


def test_where_two_are_equal_it_says_who_is_behind_them(tmp_path):
    found = results(metrics=("cosine", "l2", "dot"))
    page = said(written(tmp_path, with_figures(found, cosine=(0.9, 0.8, 1), dot=(0.9, 0.8, 1), l2=(0.3, 0.2, 0.4))))
    assert "By R@10: l2 is behind in 4 directions, clearly in 4" in page and "they are equal" not in page


def test_intervals_are_said_to_be_as_sure_as_they_are(tmp_path):
    found = results(("starter", "other"), ("cosine", "l2"), ("exact", "ivf:100,5"))
    object.__setattr__(found, "plan", {**found.plan, "confidence": 0.8})
    page = written(tmp_path, found)
    assert "95 %" not in page and page.count("80 % intervals") >= 10


def test_more_curves_than_colours_take_several_figures(tmp_path):
    metrics = [f"metric {n}" for n in range(9)]
    found = results()
    runs = [measured("starter", "cosine", "exact", "t2i") for _ in metrics]
    for run, metric in zip(runs, metrics, strict=True):
        object.__setattr__(run, "metric", metric)
    object.__setattr__(found, "runs", tuple(runs))
    section = html.document_fromstring(written(tmp_path, found)).get_element_by_id("over-k")
    assert len(section.xpath(".//figure")) == 2
    assert all(metric in section.text_content() for metric in metrics)


def test_right_answers_that_are_not_shown_are_not_counted_since_not_all_are_known(tmp_path):
    one = hard("t2i", 50)
    right = tuple(Seen(f"{n}.jpg", "image", "", f"/data/{n}.jpg") for n in range(5))
    object.__setattr__(one, "right", right)  # the first five of a class of a thousand
    article = html.document_fromstring(written(tmp_path, results(hardest=[one]))).xpath("//article")[0]
    assert len(article.xpath(".//li[@class='right']")) == 2
    assert article.text_content().strip().endswith("others would have been right too")


def test_names_that_are_no_utf8_are_written_as_far_as_they_can_be(tmp_path):
    page = written(tmp_path, results(hardest=[hard("t2i", 9, text="caf\udce9", picture="/data/\udcff.jpg")]))
    assert "“caf?”" in page and "no preview of ?.jpg" in page


def test_what_has_no_vector_is_not_called_a_file_that_cannot_be_read(page):
    assert "1 without a vector: neither asked nor answered." in said(page)


def test_it_says_how_it_was_measured_and_what_was_left_out(page):
    for fact in (
        "abc123+", "d47a", "2026-11-21T10:00:00Z", "0.3.0", "space of other", "3 rows left out", "a note of all",
        "a note on a run", "/data/bad.jpg", "not a picture", "0.432", "seed", "2,000", "95 % bootstrap intervals",
    ):  # fmt: skip
        assert fact in said(page), fact


def test_words_of_the_data_are_words_and_no_markup(page):
    assert "“a dog & <script>alert(1)</script>”" in said(page)
    assert "<script" not in page


def test_hardest_queries_are_shown_with_what_is_right_and_what_was_found(tmp_path):
    asked = []
    ones = [hard("t2i", None), hard("t2i", 812, label="a dog"), *[hard("i2t", 9)] * 7]
    page = written(tmp_path, results(hardest=ones), lambda path: asked.append(path) or b"RIFFWEBP")
    tree = html.document_fromstring(page)
    assert [h.text_content().split(" starter")[0] for h in tree.xpath("//section[@id='hardest']/h3")] == [
        "texts → pictures", "pictures → texts",
    ]  # fmt: skip
    articles = tree.xpath("//article")
    assert len(articles) == 7  # five of a direction at most
    assert "not among those looked at" in articles[0].text_content()
    assert "rank 812" in articles[1].text_content()
    assert [card.get("class") for card in articles[0].xpath(".//li")] == ["right", ""]
    assert {image.get("src") for image in tree.xpath("//article//img")} == {"data:image/webp;base64,UklGRldFQlA="}
    assert set(asked) == {"/data/dog.jpg", "/data/cat.jpg"}


def test_previews_are_made_by_the_readers_from_files_that_are_still_there(tmp_path):
    picture, sound = tmp_path / "dog.png", tmp_path / "bark.wav"
    Image.new("RGB", (300, 200), (200, 30, 30)).save(picture)
    with wave.open(str(sound), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes((np.sin(np.arange(16000) / 9) * 20000).astype("<i2").tobytes())
    with Previews() as preview:
        shown = preview(str(picture))
        assert preview(str(picture)) is shown
        heard = preview(str(sound))
        assert preview(str(tmp_path / "gone.png")) is None
        assert list(preview.unreadable) == [str(tmp_path / "gone.png")]
    for made, size in ((shown, (160, 107)), (heard, (160, 48))):
        (tmp_path / "made.webp").write_bytes(made)
        with Image.open(tmp_path / "made.webp") as opened:
            assert (opened.format, opened.size) == ("WEBP", size)


def test_a_report_finds_its_pictures_by_itself(tmp_path):
    Image.new("RGB", (300, 200), (200, 30, 30)).save(tmp_path / "dog.png")
    found = results(hardest=[hard("t2i", 50, picture=str(tmp_path / "dog.png"))])
    page = write_report(found, tmp_path / "report.html").read_text("utf-8")
    article = html.document_fromstring(page).xpath("//article")[0]
    assert [image.get("alt") for image in article.xpath(".//img")] == ["dog.png"]
    assert "no preview of cat.jpg" in article.text_content()


def test_the_report_of_a_json_that_was_read_is_the_same(tmp_path):
    found = results(("starter", "other"), hardest=[hard("t2i", 3)])
    again = Results.from_json(json.loads(json.dumps(found.to_json())))
    assert written(tmp_path, again) == written(tmp_path, found)


def test_a_measure_of_another_kind_is_shown_where_there_is_no_recall(tmp_path):
    found = results(("starter", "other"))
    for run in found.runs:
        object.__setattr__(run, "figures", {"nDCG@10": Figure(0.25, 0.2, 0.3), "own_measure": Figure(0.5, 0.4, 0.6)})
    page = said(written(tmp_path, found))
    assert "0.2500.200–0.300" in page and "own measure" in page and "By nDCG@10 they are equal." in page


def test_results_without_a_run_give_a_page_that_says_how(tmp_path):
    found = results()
    for name, value in (("runs", ()), ("matrix", ()), ("spaces", {})):
        object.__setattr__(found, name, value)
    assert titles(written(tmp_path, found)) == ["Failures", "How it was measured"]


def test_without_matplotlib_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ExtraMissing, match="pip install"):
        write_report(results(), tmp_path / "report.html")
    assert not list(tmp_path.iterdir())
