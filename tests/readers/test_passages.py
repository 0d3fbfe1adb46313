"""Texts are cut where a reader would pause, and every passage knows its lines."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.readers.passages import lines_of, passages

WORDS = st.sampled_from(["word", "a", "Ende.", "wirklich?", "犬。", "# Title", "=====", "\n", "\n\n", "\r\n", "\r",
                         "\t", " ", "x" * 70, "\u2028", "\x0c", "    indented"])  # fmt: skip


@given(st.lists(WORDS, max_size=80).map(" ".join), st.integers(10, 200), st.booleans())
def test_nothing_is_lost_nothing_twice_and_no_passage_is_too_long(text, size, prose):
    found = list(passages(text, size, prose=prose))
    assert "".join("".join(p.text.split()) for p in found) == "".join(text.split())
    assert all(0 < len(p.text) <= size and p.text.strip() for p in found)


@given(st.lists(WORDS, max_size=80).map(" ".join), st.integers(10, 200), st.booleans())
def test_the_lines_of_a_passage_hold_its_words(text, size, prose):
    lines = lines_of(text)
    before = 1
    for passage in passages(text, size, prose=prose):
        assert before <= passage.first <= passage.last <= len(lines)
        stands = "".join("".join(lines[passage.first - 1 : passage.last]).split())
        assert "".join(passage.text.split()) in stands
        assert lines[passage.first - 1].strip()
        assert lines[passage.last - 1].strip()
        before = passage.last


def test_lines_are_counted_as_editors_do():
    assert lines_of("a\nb\r\nc\rd\x0ce\u2028f") == ["a", "b", "c", "d\x0ce\u2028f"]


def test_short_paragraphs_are_kept_together_and_long_ones_apart():
    text = "One.\n\nTwo.\n\n" + "Three is longer than the others. " * 3 + "\n\nFour."
    found = list(passages(text, 105))
    assert [(p.first, p.last) for p in found] == [(1, 3), (5, 7)]
    assert found[0].text == "One.\n\nTwo."
    assert found[1].text.endswith("others.\n\nFour.")


def test_a_long_paragraph_is_cut_at_the_ends_of_sentences():
    text = " ".join(f"This is sentence number {n}, and here it ends." for n in range(20))
    found = list(passages(text, 200))
    assert all(re.search(r"ends\.$", p.text) and p.text.startswith("This") for p in found)
    assert all(p.first == p.last == 1 for p in found)


def test_japanese_is_cut_at_its_own_full_stops():
    found = list(passages("犬が海辺を走っています。子供たちはボールで遊んでいます。" * 8, 50))
    assert all(p.text.endswith("。") for p in found)


def test_source_code_is_cut_at_line_ends():
    code = "\n".join(f"    value_{n} = compute(value_{n - 1}. other, {n})" for n in range(40))
    found = list(passages(code, 300, prose=False))
    assert len(found) > 4
    assert all(p.text.startswith("    value_") and p.text.endswith(")") for p in found)
    assert found[0].first == 1
    assert found[-1].last == 40


def test_a_heading_opens_a_passage():
    section = "Some words about it, as many as it takes.\n\n"
    text = f"# One\n\n{section * 2}## Two\n\n{section * 2}Three\n-----\n\n{section * 2}"
    assert [p.text.split("\n")[0] for p in passages(text, 300)] == ["# One", "## Two", "Three"]


@pytest.mark.parametrize("wall", ["x" * 50_000, "word " * 10_000, "a.\n" * 10_000, "# x\n" * 6_000])
def test_a_wall_of_text_comes_in_passages_and_nothing_of_it_is_lost(wall):
    found = list(passages(wall, 400))
    assert "".join("".join(p.text.split()) for p in found) == "".join(wall.split())
    assert all(len(p.text) < 1000 for p in found)
