"""Text files become passages with their lines and a title."""

from __future__ import annotations

import pytest

from sensorium.core.errors import Unreadable
from sensorium.core.types import Place
from sensorium.readers.registry import Limits, Source, read
from sensorium.readers.text import title_of


def test_a_text_becomes_passages_with_their_lines(parts_of):
    text = "A title\n\n" + "\n\n".join(f"Paragraph {n}. " + "Words follow it here. " * 12 for n in range(4))
    parts = parts_of(text.encode())
    assert [part.modality for part in parts] == ["text"] * 4
    assert [part.place for part in parts] == [Place(lines=each) for each in [(1, 3), (5, 5), (7, 7), (9, 9)]]
    assert parts[2].content.startswith("Paragraph 2. Words follow")
    assert str(parts[0].place) == "lines 1-3"


def test_only_the_first_part_carries_the_title(parts_of):
    parts = parts_of(b"# The title\n\n" + b"Many words in a row. " * 100, "a.md")
    assert parts[0].attributes == {"title": "The title"}
    assert all(not part.attributes for part in parts[1:])


def test_the_length_of_passages_is_asked_for(parts_of):
    words = b"Many words in a row. " * 100
    assert max(len(p.content) for p in parts_of(words, passage_characters=100)) <= 100
    assert len(parts_of(words, passage_characters=100)) > 3 * len(parts_of(words, passage_characters=400))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1252", "latin-1"])
def test_the_encoding_makes_no_difference(parts_of, encoding):
    text = "Über die Brücke\r\n\r\nDie Straße führt über den Fluß zu den schönen Gärten.\r\n"
    (part,) = parts_of(text.encode(encoding))
    assert part.content == "Über die Brücke\n\nDie Straße führt über den Fluß zu den schönen Gärten."
    assert part.place == Place(lines=(1, 3))


def test_shift_jis_from_a_real_file(parts_of, media):
    (part,) = parts_of((media.parent / "documents/office/markitdown__test_mskanji.csv").read_bytes())
    assert part.content.splitlines()[1] == "佐藤太郎,30,東京"


@pytest.mark.parametrize(
    ("name", "text", "title"),
    [
        ("a.md", "words first\n\n## The heading ##\n", "The heading"),
        ("a.md", "---\ntitle: 'From the front'\ndate: 1\n---\n# Other", "From the front"),
        ("a.md", "Set by lines\n============\n\n# Other", "Set by lines"),
        ("a.rst", ".. note::\n\n======\nAbove!\n======\n", "Above!"),
        ("a.rst", "Title\n~~~~~\ntext", "Title"),
        ("a.txt", "\n\n   \n1\n00:00:00 --> 00:01\nFirst words. Then more.", "First words. Then more."),
        ("a.txt", "x" * 100 + " " + "y" * 100, "x" * 100 + "..."),
        ("a.py", "#!/usr/bin/env python\n# -*- coding: x -*-\n\"\"\"Does one thing.\n\nMore.\"\"\"", "Does one thing."),
        ("a.py", "\"\"\"\nDoes it below.\n\"\"\"", "Does it below."),
        ("a.c", "/*\n * Copyright 2020 Somebody\n */\n#include <a.h>\n// Draws a circle.\n", "Draws a circle."),
        ("a.sql", "-- Finds the lost.\nselect 1;", "Finds the lost."),
        ("a.json", '{"a": 1}', ""),
        ("a.py", "import os\nprint(1)\n", ""),
    ],
)  # fmt: skip
def test_the_title_is_the_first_heading_or_line(parts_of, name, text, title):
    assert parts_of(text.encode(), name)[0].attributes.get("title", "") == title


def test_the_title_of_nothing_is_nothing():
    assert title_of("") == ""
    assert title_of("123\n\n456 ---\n") == ""


@pytest.mark.parametrize("blank", [b" \n\n\t\r\n ", b"\xef\xbb\xbf\n", "\ufeff  \n".encode("utf-16-le")])
def test_blank_texts_are_unreadable(parts_of, blank):
    with pytest.raises(Unreadable, match="blank"):
        parts_of(blank)


def test_a_text_that_turns_binary_is_unreadable(parts_of):
    with pytest.raises(Unreadable, match="binary"):
        parts_of(b"A long and harmless beginning.\n" * 200 + bytes(range(256)))


def test_huge_texts_are_refused(parts_of):
    with pytest.raises(Unreadable, match="a text of 3000 bytes: no more than 2000 are read"):
        parts_of(b"words " * 500, max_text_bytes=2000)


def test_passages_come_one_at_a_time():
    kind, parts = read(Source.from_bytes(b"Many words in a row. " * 1000), Limits())
    assert kind == "text"
    assert next(parts).place == Place(lines=(1, 1))
