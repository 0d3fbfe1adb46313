"""The study on data that is small or odd, and asked for in a wrong way."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import pytest
from PIL import Image

from sensorium.evaluate.study import charts, document, run, search


def photographs(folder, pictures, captions, says="{n} of {picture}"):
    """A folder of pictures with captions and no splits."""
    (folder / "images").mkdir(parents=True)
    with (folder / "captions.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "caption"])
        for picture in range(pictures):
            name = f"p|{picture}.png"
            Image.new("RGB", (32, 32), (20 * picture % 256, 90, 200)).save(folder / "images" / name)
            table.writerows([name, says.format(n=n, picture=picture)] for n in range(captions))
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The study of two pictures: its JSON and its document."""
    place = tmp_path_factory.mktemp("small")
    data = photographs(place / "two", 2, 5, "<b>a | b</b> {n} & {picture}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENSORIUM_CACHE", str(place / "cache"))
        patch.setattr(search, "MOST", 40)
        assert run.main([str(data), "--out", str(place / "out")]) == 0
    return json.loads((place / "out/study.json").read_text()), (place / "out.md").read_text()


def test_two_pictures_are_enough_for_a_document_that_knows_how_few_they_are(small):
    said, text = small
    assert said["data"]["sets"] == {"whole": {"pairs": 10, "pairs_there": 10, "pictures": 2}}
    text = " ".join(text.split())
    assert "- text to picture, whole set at k = 2: " in text and "- picture to text, whole set: " in text
    assert "Of small sets: 2 rows are too few for 100 lists: 1 instead; 10 rows" in text
    assert "over the one batch that the set has" in text
    assert "$ make study DATA=FOLDER ```" in text


def test_words_of_the_data_are_no_html_and_no_columns_of_the_document(small):
    _, text = small
    rows = [line for line in text.splitlines() if line.startswith("| p\\|")]
    assert len(rows) == 2 and "<b>" not in text
    for row in rows:
        assert row.replace("\\|", "").count("|") == 7
        assert "&lt;b>a \\| b&lt;/b> 0 &amp; " in row


def test_the_figure_of_both_meanings_of_right_says_how_many_asked_for_each(small):
    said, _ = small
    svg = dict(charts.precision(said))["captions-whole"]
    for words in ("any caption of the picture (n = 2)", "the pair's own caption (n = 10)", ">a gallery of 10; bands:"):
        assert words in svg
    assert "2 queries" not in svg and "random, its own caption (k / N)" in svg


@pytest.mark.parametrize(
    ("kept", "says"),
    [
        (0, "everything was embedded anew"), (1, "; 1 vector was in the cache already"),
        (2000, "; 2,000 vectors were in the cache already"),
    ],
)  # fmt: skip
def test_the_document_says_how_many_vectors_were_kept(small, kept, says):
    text = document.document({**small[0], "embedded_before": kept}, "study")
    assert says in " ".join(text.split())


@pytest.mark.parametrize(("failed", "says"), [(1, "- 1 file or text was not embedded"), (2, "- 2 files or texts were")])
def test_the_document_says_how_many_were_not_embedded(small, failed, says):
    failures = [{"name": "a.png", "why": "is empty"}] * failed
    assert says in document.document({**small[0], "failures": failures}, "study")


def test_sizes_of_the_speed_curve_rise_and_end():
    for real in (10, 999, 40_445, 200_000, 1_000_000):
        sizes = search._sizes(real)
        assert sizes == sorted(set(sizes)) and sizes[-1] <= search.MOST


def test_the_command_fails_where_it_could_not_do_its_work(tmp_path, capsys):
    command = [sys.executable, "-m", "sensorium.evaluate.study", str(tmp_path / "nothing"), "--out", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 1 and "does not exist" in ran.stderr.splitlines()[-1]
    with pytest.raises(SystemExit):
        run.main(["anything", "--pairs", "9"])
    assert "--pairs 9: ask for 10 or more" in capsys.readouterr().err


def test_maps_that_are_not_there_are_said_before_anything_is_embedded(tmp_path, capsys):
    data = photographs(tmp_path / "two", 2, 5)
    assert run.main([str(data), "--out", str(tmp_path / "out"), "--map", str(tmp_path / "no")]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 2 and f"{tmp_path / 'no'}: does not exist" in lines[1]


@pytest.mark.parametrize("option", ["--out", "--page"])
def test_a_place_that_cannot_be_written_to_is_said_before_the_work(tmp_path, capsys, option):
    (tmp_path / "file").touch()
    data = photographs(tmp_path / "two", 2, 5)
    named = {"--out": str(tmp_path / "out"), option: str(tmp_path / "file/deeper/out")}
    assert run.main([str(data), *(word for pair in named.items() for word in pair)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{tmp_path / 'file/deeper/out'} cannot be written: {tmp_path / 'file'} is no folder")
