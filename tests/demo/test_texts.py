"""The texts that are shipped: short, of their own, many topics, several formats."""

from __future__ import annotations

import ast
from importlib import resources

import pytest

TEXTS = [entry for entry in resources.files("sensorium.demo").joinpath("texts").iterdir() if entry.is_file()]


def test_there_are_many_in_four_formats():
    assert len(TEXTS) >= 22
    assert {text.name.rpartition(".")[2] for text in TEXTS} == {"md", "txt", "rst", "py"}


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.name)
def test_each_is_short_and_plain(text):
    content = text.read_text(encoding="utf-8")
    assert 60 <= len(content.split()) <= 150
    assert max(map(len, content.splitlines())) <= 160 and content.endswith("\n")


def test_the_program_among_them_is_python():
    programs = [text for text in TEXTS if text.name.endswith(".py")]
    assert programs and all(ast.parse(text.read_text(encoding="utf-8")).body for text in programs)


def test_headings_of_restructuredtext_are_underlined_to_their_end():
    for text in TEXTS:
        if text.name.endswith(".rst"):
            title, line = text.read_text(encoding="utf-8").splitlines()[:2]
            assert set(line) == {"="} and len(line) == len(title)
