"""The set of `benchmarks/kinds.py` is what it says, its figures are counted right, and its page shows its figures."""

from __future__ import annotations

import json
import random
import sys
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sensorium.core.types import Hit, Place
from sensorium.readers.registry import Limits, Source, read

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "benchmarks"))

from kinds_measure import Ranked, _interval, figures_of, is_right_place  # noqa: E402
from kinds_page import page  # noqa: E402
from kinds_plan import Bit, Made, Media, Plan  # noqa: E402
from kinds_texts import SOUNDS, SOURCES, prose  # noqa: E402
from kinds_write import places, write, write_parts  # noqa: E402

LIMITS = Limits(image_side=64, audio_rate=32000)


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    """Ten scenes, and two pictures and sounds of two sources and of a sound without pictures."""
    folder, chance = tmp_path_factory.mktemp("media"), np.random.default_rng(0)

    def picture(name):
        path = folder / f"{name}.png"
        Image.fromarray(chance.integers(0, 255, (6, 6, 3), np.uint8)).resize((96, 96)).save(path)
        return path

    def sound(name):
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16000)
            file.writeframes((3000 * chance.standard_normal(24000)).astype(np.int16).tobytes())
        return folder / f"{name}.wav"

    scenes = {picture(f"scene{n}"): [f"caption {c} of scene {n} ." for c in range(5)] for n in range(10)}
    pictures = {label: [picture(f"{label}{n}") for n in (0, 1)] for label in ("dog", "rain")}
    return Media(
        scenes, {label: [sound(f"{label}{n}") for n in (0, 1)] for label in ("dog", "rain", "crow", "wind")}, pictures
    )


@pytest.fixture(scope="module")
def made(media):
    return Plan(media, groups=3).items


def of_kind(made, kind):
    return [item for item in made if item.kind == kind]


def test_the_plan_is_always_the_same_and_names_each_item_once(media, made):
    assert Plan(media, groups=3).items == made
    assert len({item.name for item in made}) == len(made)
    assert {kind: len(of_kind(made, kind)) for kind in ("html", "xml", "video")} == {"html": 10, "xml": 10, "video": 10}


def test_each_side_tells_what_the_other_shows(made):
    for kind in ("html", "xml"):
        for subject in {item.asked for item in of_kind(made, kind)}:
            bits = [bit for item in of_kind(made, kind) for bit in item.bits if bit.subject == subject]
            assert sorted(bit.modality for bit in bits) == ["image", "text"]


def test_no_text_stands_on_both_sides_and_no_question_stands_anywhere(media, made):
    told = [{said for item in made if item.side == side for bit in item.bits for said in (bit.text, bit.heading)}
            - {""} for side in (0, 1)]  # fmt: skip
    assert not told[0] & told[1]
    assert not set(Plan(media, groups=3).captions().values()) & (told[0] | told[1])


def test_there_are_words_for_every_source_and_topics_for_either_side():
    assert SOURCES.keys() <= SOUNDS.keys()
    first, second = ({heading for heading, _ in side} for side in prose())
    assert len(first) == len(second) == 40 and not first & second


@pytest.mark.parametrize("kind", ["html", "xml"])
def test_pages_and_documents_hold_each_piece_where_it_is_said_to_be(made, kind, tmp_path):
    for item in of_kind(made, kind)[:6]:
        found, parts = read(Source.from_path(write(item, tmp_path)), LIMITS)
        assert found == kind
        parts = list(parts)
        for bit, names in zip(item.bits, places(item), strict=True):
            there = [p for p in parts if any(f"{p.place.section}/".startswith(f"{name}/") for name in names)]
            assert any(
                bit.text in p.content if bit.modality == "text" else True for p in there if p.modality == bit.modality
            )


def test_films_last_as_long_as_their_shots_and_are_written_alike(made, tmp_path):
    item = of_kind(made, "video")[0]
    spans = sorted({bit.seconds for bit in item.bits})
    assert spans[0][0] == 0 and all(a[1] == b[0] for a, b in pairwise(spans))
    path = write(item, tmp_path)
    data = path.read_bytes()
    assert write(item, tmp_path).read_bytes() == data
    _, parts = read(Source.from_bytes(data, "film.mp4"), LIMITS)
    assert next(iter(parts)).attributes["seconds"] == pytest.approx(spans[-1][1], abs=0.1)


def test_pieces_are_plain_files_of_their_modality(made, tmp_path):
    item = of_kind(made, "video")[0]
    for bit, path in zip(item.bits, write_parts(item, tmp_path), strict=True):
        kind, parts = read(Source.from_path(path), LIMITS)
        assert kind == bit.modality
        if kind == "audio":
            assert next(iter(parts)).attributes["seconds"] == bit.seconds[1] - bit.seconds[0]


def hit(kind, **place):
    return Hit(1, 1, "x", kind, "text", Place(**place), 0.5)


def test_a_moment_is_right_within_a_second_at_both_ends():
    film = Made(
        "video", "video-00001", 0, "a", (Bit("image", subject="a", seconds=(2.0, 5.0)), Bit("image", subject="b"))
    )
    assert is_right_place(hit("video", seconds=(1.1, 5.9)), film, "a")
    assert not is_right_place(hit("video", seconds=(0.0, 5.0)), film, "a")
    assert not is_right_place(hit("video", seconds=(2.0, 6.1)), film, "a")
    assert not is_right_place(hit("video"), film, "a")


@pytest.mark.parametrize(("section", "right"), [("n2", True), ("n1", False), ("n21", False), (None, False)])
def test_a_section_is_right_when_it_is_about_the_subject(section, right):
    document = Made("html", "html-00001", 0, "a", (Bit("text", "x"), Bit("text", "y", subject="a")))
    assert is_right_place(hit("html", section=section), document, "a") is right


@pytest.mark.parametrize(
    ("section", "right"),
    [("/rss/channel/item[2]", True), ("/rss/channel/item[2]/title", True), ("/rss/channel", False)],
)
def test_what_lies_in_a_section_is_right_too(section, right):
    bits = (Bit("text", "x"), Bit("text", "y", subject="a"))
    feeds = (Made("xml", f"xml-{number}", 0, "a", bits) for number in range(20))
    feed = next(made for made in feeds if "item" in places(made)[0][0])
    assert is_right_place(hit("xml", section=section), feed, "a") is right


def test_ranks_are_among_twenty_drawn_distractors():
    assert set(Ranked("a", 0, 40).ranks(random.Random(0))) == {1}
    assert set(Ranked("a", 40, 40).ranks(random.Random(0))) == {21}
    half = figures_of([Ranked("a", 0, 30), Ranked("b", 30, 30)])
    assert (half["first"], half["mean_rank"], half["outranks_20"], half["queries"]) == (50.0, 11.0, 50.0, 2)


def test_the_interval_of_a_ratio_without_spread_is_the_ratio():
    assert _interval([0.5] * 9, [1.0] * 9) == (0.5, 0.5)
    low, high = _interval([0.0, 1.0] * 20, [1.0, 1.0] * 20)
    assert low < 0.5 < high


def test_the_page_shows_the_figures():
    figures = json.loads((ROOT / "benchmarks/kinds.json").read_text())
    assert (ROOT / "docs/kinds.md").read_text() == page(figures)
