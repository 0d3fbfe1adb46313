"""The searches of the demo: every pair is covered, and right answers lie among enough others."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from sensorium.demo.gather import Gathered, Sample
from sensorium.demo.queries import QUERIES, DemoQuery, Elsewhere, Piece, Take, Whole, Words
from sensorium.library.query import File, Text

PAIRS = [f"{a}->{b}" for a in ("text", "image", "audio") for b in ("text", "image", "audio")]


def test_every_pair_is_asked_more_than_once():
    counts = Counter(query.pair for query in QUERIES)
    assert all(counts[pair] >= 2 for pair in PAIRS)
    assert any(len(query.asked) > 1 for query in QUERIES)


def test_every_right_answer_lies_among_twenty_others(photographs):
    counts = Counter(sample.kind for sample in photographs.samples)
    for query in QUERIES:
        assert counts[query.kinds[0]] > 20
        assert query.expects
        if "drawn" not in query.says:
            assert len(query.right(photographs)) == len(query.expects), query.says


def test_every_query_can_be_asked(photographs):
    for query in QUERIES:
        if query.pair.startswith("audio->audio"):
            continue  # performed anew: costly, and tested below
        clues = query.clues(photographs)
        assert (clues is None) == ("drawn" in query.says), query.says
        assert clues is None or len(clues) == len(query.asked)


def test_queries_differ():
    assert len({(query.pair, query.says) for query in QUERIES}) == len(QUERIES)


def test_words_are_asked_as_text_with_their_weight(gathered):
    clue = Words("no rain", -0.5).clue(gathered)
    assert clue.term == Text("no rain", -0.5) and (clue.kind, clue.source) == ("text", "no rain")


def test_a_whole_sample_is_asked_by_its_path(gathered):
    clue = Whole("audio", "thunder", 0.5).clue(gathered)
    assert clue.term == File(gathered.path("audio", "thunder"), 0.5) and clue.kind == "audio"


def test_a_piece_is_cut_and_mirrored(tmp_path):
    picture = Image.new("RGB", (200, 100), "red")
    picture.paste("blue", (150, 0, 200, 100))
    picture.save(tmp_path / "a.png")
    samples = Gathered(tmp_path, (Sample("image", "two colours", tmp_path / "a.png"),))
    clue = Piece("two colours", (0.5, 0.0, 1.0, 1.0), mirrored=True).clue(samples)
    with Image.open(io.BytesIO(clue.source)) as piece:
        assert piece.size == (100, 100)
        assert piece.getpixel((10, 50))[2] > 200 and piece.getpixel((90, 50))[0] > 200
    assert clue.term == File(clue.source)


def test_another_take_is_none_of_the_samples(gathered):
    clue = Take("an alarm clock").clue(gathered)
    assert clue.kind == "audio" and clue.source[:4] == b"RIFF"
    assert clue.source not in {s.path.read_bytes() for s in gathered.samples if s.kind == "audio"}


def test_the_photograph_from_elsewhere_is_none_of_the_samples(photographs):
    elsewhere = [asked for query in QUERIES for asked in query.asked if isinstance(asked, Elsewhere)]
    assert elsewhere
    contents = {s.path.read_bytes() for s in photographs.samples}
    assert all(Path(asked.clue(photographs).source).read_bytes() not in contents for asked in elsewhere)


@pytest.mark.parametrize("asked", [Whole("image", "a unicorn"), Piece("a unicorn", (0, 0, 1, 1))])
def test_a_query_about_what_is_not_there_is_left_out(asked, gathered):
    assert asked.clue(gathered) is None
    assert DemoQuery("image->audio", "", (Words("horn"), asked), ("audio",)).clues(gathered) is None


def test_a_query_whose_right_answers_are_all_missing_is_left_out(gathered):
    assert DemoQuery("text->image", "", (Words("horn"),), ("image",), ("a unicorn",)).clues(gathered) is None
    assert DemoQuery("text->image", "", (Words("horn"),), ("image",)).clues(gathered) is not None
