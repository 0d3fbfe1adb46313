import hashlib
import os
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from lxml import etree

from sensorium.core.errors import BadData, ExtraMissing
from sensorium.evaluate.figures import charts as figures
from sensorium.evaluate.figures import drawing
from sensorium.evaluate.figures.charts import Bar, Curve, Point

KS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
SVG = "{http://www.w3.org/2000/svg}"


def curve(name, rise):
    y = 1 - np.exp(-rise * np.array(KS) ** 0.6)
    return Curve(name, KS, y.tolist(), (y - 0.02).clip(0).tolist(), (y + 0.02).clip(0, 1).tolist())


def confused(classes):
    random = np.random.default_rng(classes)
    return random.poisson(0.4, (classes, classes)) + np.diag(random.integers(5, 30, classes))


def clouds():
    random = np.random.default_rng(3)
    return np.concatenate([random.normal(random.normal(0, 8, 2), 1, (20, 2)) for _ in range(20)])


def over_k():
    chance = Curve("chance (k / N)", KS, [k / 1000 for k in KS])
    curves = [curve("cosine", 0.25), curve("dot", 0.2), curve("l2", 0.12)]
    return figures.precision_over_k(
        curves, title="Texts ask, pictures answer", queries=5000, gallery=1000, chance=chance
    )  # fmt: skip


def grouped_bars():
    entries = [
        Bar(name, value, value - 0.03, value + 0.03, chance, series)
        for name, value, chance, series in [
            ("texts → pictures", 0.41, 0.01, "R@10"), ("texts → pictures", 0.12, 0.001, "R@1"),
            ("pictures → everything", 0.97, 0.05, "R@10"), ("pictures → everything", 0.05, 0.2, "R@1"),
        ]
    ]  # fmt: skip
    return figures.bars(
        entries, title="Which direction is easy?", about="starter; n = 5,000", x_label="R@k (% of queries)"
    )


def shares():
    values = [[0.414, 0.62, 0.12], [0.41, np.nan, 0.12], [0.08, 0.99, 0.4]]
    names = ["texts", "pictures", "sounds"]
    chance = np.full((3, 3), 0.01)
    return figures.matrix(
        values, names, names, title="Who finds whom", about="R@10; starter, cosine, exact", chance=chance
    )


def pairs():
    similar = np.random.default_rng(0).normal(0, 0.1, (64, 64)) + np.eye(64) * 0.4
    return figures.batch(similar, title="A batch of 64 pairs", about="flickr8k test")


def indexes():
    kinds = ["texts → texts", "texts → pictures", "pictures → texts", "pictures → pictures"]
    times = [("exact", 12, 0.41), ("ivf:100,5", 2, 0.39), ("ivf:100,10", 2.9, 0.405)]
    points = [
        Point(name, ms * (1 + 0.1 * i), share - 0.1 * i, share - 0.1 * i - 0.015, share - 0.1 * i + 0.015, kind)
        for i, kind in enumerate(kinds) for name, ms, share in times
    ]  # fmt: skip
    return figures.time_against_accuracy(points, title="kNN against ANN", about="R@10; n = 5,000; 2 cores")


def speed():
    n = [1000, 10_000, 100_000, 1_000_000]
    exact = Curve("exact (kNN)", n, [0.05, 0.4, 4, 40], [0.04, 0.35, 3.8, 39], [0.06, 0.5, 4.4, 44])
    about = "512 dimensions; one query at a time, median of 100; 2 cores"
    return figures.time_over_n([exact, Curve("ivf:100,5 (ANN)", n, [0.03, 0.1, 0.5, 5])], title="Speed", about=about)


def calibrated():
    said = np.linspace(0.05, 0.95, 10)
    counts = (1000 * np.exp(-4 * said)).astype(int).tolist()
    return figures.reliability(
        said.tolist(), (said**1.3).tolist(), counts, title="What a probability means", error=0.043
    )


def spoilt():
    alone = Curve("picture alone", range(5), [0.4, 0.35, 0.3, 0.2, 0.1], [0.38] * 5, [0.42] * 5)
    both = Curve("picture + words", range(5), [0.6, 0.58, 0.55, 0.5, 0.44])
    return figures.robustness(
        [alone, both], title="A blurred picture", about="flickr8k test, 1,000 queries; bands: 95 % intervals",
        x_label="radius of the blur (pixels of 192)", chance=0.01, ticks=["0", "1", "2", "4", "8"],
    )  # fmt: skip


def by_class():
    return figures.scatter(
        clouds(), [f"class {i // 20:02d}" for i in range(400)], title="The space by class", about="UMAP"
    )


def by_modality():
    labels = ["texts", "pictures", "sounds"] * 133 + ["texts"]
    return figures.scatter(clouds(), labels, title="The space by modality", about="UMAP of flickr8k test")


def confusion(classes):
    names = [f"long class {i}" for i in range(classes)]
    return lambda: figures.class_confusion(
        confused(classes), names, title="Which class is taken for which", about="ESC-50"
    )


ALL = {
    "precision_over_k": over_k, "bars": grouped_bars, "matrix": shares, "batch": pairs,
    "time_against_accuracy": indexes, "time_over_n": speed, "reliability": calibrated, "robustness": spoilt,
    "scatter by class": by_class, "scatter by modality": by_modality, "few classes": confusion(5),
    "some classes": confusion(20), "many classes": confusion(50),
}  # fmt: skip
each = pytest.mark.parametrize("name", ALL)


@pytest.fixture(scope="module")
def drawn():
    return {name: draw() for name, draw in ALL.items()}


def titles(root):
    return [text.text for text in root.iter(f"{SVG}text") if text.get("font-weight") == "700"]


def texts(svg):
    return [text.text for text in etree.fromstring(svg.encode()).iter(f"{SVG}text")]


@each
def test_a_figure_is_an_svg_with_its_text_as_text_and_a_name_for_those_who_cannot_see_it(name, drawn):
    root = etree.fromstring(drawn[name].encode())
    assert (root.tag, root.get("class"), root.get("role")) == (f"{SVG}svg", "figure", "img")
    assert titles(root) and root.get("aria-label").startswith("".join(titles(root)))
    assert root.get("width") == "480"
    assert min(float(t.get("font-size").removesuffix("px")) for t in root.iter(f"{SVG}text")) >= 10


def box(text, font):
    """(left, top, right, bottom) of a text, in a font that is wider than those of browsers."""
    size = float(text.get("font-size").removesuffix("px"))
    wide = font.getlength(text.text) * size / 100
    moved = re.search(r"translate\((\S+) (\S+)\)", text.get("transform", ""))
    x, y = map(float, moved.groups() if moved else (text.get("x"), text.get("y")))
    start = -wide * {"start": 0, "middle": 0.5, "end": 1}[text.get("text-anchor", "start")]
    if "rotate(-90" in text.get("transform", ""):
        return x - 0.75 * size, y - start - wide, x + 0.2 * size, y - start
    return x + start, y - 0.75 * size, x + start + wide, y + 0.2 * size


@each
def test_nothing_overlaps_and_nothing_lies_outside(name, drawn):
    import matplotlib
    from PIL import ImageFont

    font = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", 100)
    root = etree.fromstring(drawn[name].encode())
    written = [(text.text, box(text, font)) for text in root.iter(f"{SVG}text")]
    assert len(written) >= 5
    width, height = float(root.get("width")), float(root.get("height"))
    for said, (left, top, right, bottom) in written:
        assert left >= 0 and right <= width and top >= 0 and bottom <= height, f"{said!r} is cut off"
    for (one, a), (other, b) in combinations(written, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], f"{one!r} lies over {other!r}"


def test_the_same_numbers_give_the_same_characters_in_another_process(drawn):
    said = "import sys; sys.path.insert(0, sys.argv[1]); import test_figures as t, hashlib\n"
    said += "for name, draw in t.ALL.items(): print(hashlib.sha256(draw().encode()).hexdigest())"
    environment = {**os.environ, "PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": "1"}
    command = [sys.executable, "-c", said, str(Path(__file__).parent)]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    assert printed == [hashlib.sha256(svg.encode()).hexdigest() for svg in drawn.values()]


def test_figures_of_one_page_share_no_ids_and_bring_no_rules_of_their_own(drawn):
    page = "".join(drawn.values())
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids)) > 20
    assert {link[1:] for link in re.findall(r'href="([^"]+)"', page)} <= set(ids)
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(ids)
    assert "<style" not in page and "style=" not in page
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)


@each
def test_every_colour_has_one_for_dark_systems(name, drawn):
    known = {colours[0] for colours in drawing.COLOURS.values()}
    for node in etree.fromstring(drawn[name].encode()).iter():
        for what in ("fill", "stroke"):
            if (colour := node.get(what)) not in (None, "none"):
                assert colour in known
                assert f"{what[0]}-" in node.get("class")
    sheet = drawing.style_sheet()
    for made in set(re.findall(r"\b[fs]-[a-z]+\d*", " ".join(re.findall(r'class="([^"]+)"', drawn[name])))):
        assert f".{made}{{" in sheet
        assert f".{made}{{" in figures.standalone(drawn[name])


@each
def test_a_file_of_its_own_has_paper_and_both_looks_and_needs_nothing(name, drawn):
    made = figures.standalone(drawn[name])
    root = etree.fromstring(made.encode())
    style, paper = list(root)[:2]
    assert style.tag == f"{SVG}style" and "prefers-color-scheme:dark" in style.text and "var(" not in made
    assert (paper.get("width"), paper.get("fill")) == ("100%", drawing.light("card"))
    assert len(made) < 200_000


def test_text_can_be_read_in_light_and_in_dark():
    for side in (0, 1):
        card = drawing.COLOURS["card"][side]
        assert drawing.contrast(drawing.COLOURS["ink"][side], card) >= 7
        assert drawing.contrast(drawing.COLOURS["soft"][side], card) >= 4.5
        for step in range(drawing.LEVELS):
            assert drawing.contrast(drawing.COLOURS[f"n{step}"][side], drawing.COLOURS[f"m{step}"][side]) >= 4.5


def test_contrast_is_what_its_standard_says():
    assert drawing.contrast("#ffffff", "#000000") == pytest.approx(21)
    assert drawing.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB
BLIND = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "none": np.eye(3).tolist(),
}


def lab(colour, sight):
    """CIE L*a*b* (D65) of `#rrggbb` as someone sees it."""
    coded = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    seen = (np.array(BLIND[sight]) @ linear).clip(0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    f = np.cbrt(np.array(to_xyz) @ seen / [0.9505, 1, 1.089])
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", BLIND)
@pytest.mark.parametrize("side", [0, 1])
def test_series_differ_for_the_colour_blind_by_colour_marker_and_line(sight, side):
    for one, other in combinations(drawing.SERIES, 2):
        apart = np.linalg.norm(lab(drawing.COLOURS[one][side], sight) - lab(drawing.COLOURS[other][side], sight))
        assert apart > 10, (one, other)
    assert len(set(drawing.MARKERS)) == len(set(map(str, drawing.DASHES))) == len(drawing.SERIES)


def test_numbers_are_written_where_they_belong(drawn):
    assert {"41.0 %", "12.0 %", "97.0 %", "R@10", "R@1"} <= set(texts(drawn["bars"]))
    assert texts(drawn["matrix"]).count("not measured") == 1 and "41.4 %" in texts(drawn["matrix"])
    assert texts(drawn["matrix"]).count("chance 1.0 %") == 8
    assert {"1", "10", "100", "1,000", "k (answers looked at)"} <= set(texts(drawn["precision_over_k"]))
    assert {"1 M", "0.1", "n (vectors searched)", "time a query (ms)"} <= set(texts(drawn["time_over_n"]))
    assert any("expected calibration error 4.3 %" in said for said in texts(drawn["reliability"]))


def test_a_bar_is_as_long_as_its_share():
    svg = figures.bars([Bar("a", 0.8), Bar("b", 0.2)], title="t", about="", x_label="x")
    widths = [float(right) - float(left) for left, right in re.findall(r'd="M([\d.]+) [\d.]+H([\d.]+)V', svg)]
    longest, shortest = sorted(widths, reverse=True)[:2]
    assert longest == pytest.approx(4 * shortest, rel=1e-3)


def test_a_batch_counts_the_rows_whose_own_is_the_nearest():
    similar = np.eye(4)
    similar[2, 0] = 2
    assert any("in 3 of 4 rows" in said for said in texts(figures.batch(similar, title="t")))


def test_a_large_batch_is_drawn_in_part_and_counted_whole():
    said = " ".join(texts(figures.batch(np.eye(300), title="t")))
    assert "300 pairs, the first 128 of them drawn" in said and "in 300 of 300 rows" in said


def test_only_the_most_frequent_classes_are_named_and_the_others_are_counted(drawn):
    said = texts(drawn["scatter by class"])
    assert [f"class {i:02d}" in said for i in range(20)] == [True] * 12 + [False] * 8
    assert "other classes (160)" in said


def test_many_classes_are_not_named_but_their_worst_confusions_are():
    table = np.eye(30) * 9
    table[4, 7] = 5
    said = " ".join(texts(figures.class_confusion(table, [f"c{i}" for i in range(30)], title="t")))
    assert "c4 as c7 (5 of 14)" in said and "98.2 % right" in said


def test_text_in_names_is_escaped():
    svg = figures.bars([Bar("<b>&", 0.5)], title="a < b & 'c' \"d\"", about="$x_1$", x_label="x")
    root = etree.fromstring(svg.encode())
    assert root.get("aria-label") == "a < b & 'c' \"d\". $x_1$" and {"<b>&", "$x_1$"} <= set(texts(svg))


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("日本 🐶", "日本 🐶"), ("a\x0bb\x00c\n\td", "a b c d"), ("caf\udce9", "caf?"), ("x" * 200, "x" * 23),
    ],
)  # fmt: skip
def test_names_may_be_in_any_script_damaged_or_long(name, seen):
    drawn = (
        figures.bars([Bar(name, 0.5, series="s"), Bar("z", 0.2, series=name)], title=name, about=name, x_label="x"),
        figures.precision_over_k([Curve(name, [1, 2], [0.1, 0.2])], title="t", queries=1, gallery=2),
        figures.scatter(clouds()[:9], [name] * 5 + ["b"] * 4, title="t"),
        figures.class_confusion(np.eye(2), [name, "b"], title="t"),
        figures.matrix(np.eye(2), [name, "b"], [name, "b"], title="t", about=""),
        figures.time_against_accuracy([Point(name, 1, 0.5)], title="t", about=""),
    )  # fmt: skip
    for svg in drawn:
        assert any(said.startswith(seen) and len(said) <= 50 for said in texts(svg) if said)


def test_each_series_of_bars_is_named_also_one_that_the_first_name_lacks():
    svg = figures.bars(
        [Bar("few", 0.5, series="R@1"), Bar("many", 0.4, series="R@1"), Bar("many", 0.9, series="R@10")],
        title="t", about="", x_label="x",
    )  # fmt: skip
    assert sorted(said for said in texts(svg) if said.startswith("R@")) == ["R@1", "R@10"]


def test_bands_are_said_to_be_as_sure_as_they_are():
    svg = figures.precision_over_k([curve("a", 0.2)], title="t", queries=50, gallery=70, confidence=0.8)
    assert "50 queries, a gallery of 70; bands: 80 % intervals" in texts(svg)


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda: figures.bars([], title="t", about="", x_label="x"), "nothing to draw"),
        (lambda: figures.time_over_n([], title="t", about=""), "no curve"),
        (lambda: figures.time_over_n([Curve("a", [1, 2], [1])], title="t", about=""), "'a' has 2 x and 1 y"),
        (lambda: figures.time_against_accuracy([], title="t", about=""), "no index"),
        (lambda: figures.matrix([[1, 2]], ["a"], ["b"], title="t", about=""), "(1, 2) where (1, 1)"),
        (lambda: figures.batch(np.zeros((2, 3)), title="t"), "(2, 3) where (2, 2)"),
        (lambda: figures.batch(np.zeros((0, 0)), title="t"), "(0, 0)"),
        (lambda: figures.reliability([0.1], [0.2], [0], title="t"), "give one of each"),
        (lambda: figures.scatter(np.zeros((2, 2)), ["a"], title="t"), "1 labels"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_one_line(draw, says):
    with pytest.raises(BadData) as error:
        draw()
    assert says in str(error.value) and "\n" not in str(error.value)


def test_without_matplotlib_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'sensorium\[evaluate\]'"):
        figures.bars([Bar("a", 0.5)], title="t", about="", x_label="x")


def test_drawing_leaves_the_settings_of_matplotlib_as_they_were():
    import matplotlib

    before = dict(matplotlib.rcParams)
    grouped_bars()
    assert dict(matplotlib.rcParams) == before
