"""Texts: plain, Markdown, reStructuredText, source code; in any encoding."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sensorium.core.errors import Unreadable
from sensorium.core.types import Part, Place
from sensorium.readers.charset import decode
from sensorium.readers.contract import Limits, Source
from sensorium.readers.damage import unreadable
from sensorium.readers.passages import lines_of, passages
from sensorium.readers.sniff import sniff

_TYPES = frozenset({"text/plain", "text/markdown", "text/x-rst", "text/x-source"})
_SOURCE = "text/x-source"
_TITLE_LINES = 200
_LONGEST_TITLE = 120
_RULE = re.compile(r"([^\w\s])\1{2,}$")
_ATX = re.compile(r"#{1,6}[ \t]+(.+?)[ \t#]*$")
_FRONT_TITLE = re.compile(r"title:\s*(.+)$", re.IGNORECASE)
_COMMENT = re.compile(r"(?:/\*+!?|\*(?!/)|//+!?|--+(?:\[\[)?|#+(?=\s)|;+|%+|<!--|\"\"\"|''')\s*(.*)$")
_COMMENT_END = re.compile(r"\s*(?:\*+/|-->|\"\"\"|'''|\]\])\s*$")
_OPENERS = ("/*", "/**", "/*!", "<!--", '"""', "'''", "--[[")
_NOT_A_TITLE = re.compile(r".{0,5}(?:vim?:|-\*-|coding[:=]|@charset)|copyright|spdx|\W*$", re.IGNORECASE)


class TextReader:
    """Passages with their lines; the first one carries the text's title."""

    kind = "text"

    def accepts(self, media_type: str) -> bool:
        """Text that is no markup."""
        return media_type in _TYPES

    def read(self, source: Source, limits: Limits) -> Iterator[Part]:
        """Text parts of about `limits.passage_characters`, with `Place(lines=(first, last))`.

        Raises `Unreadable` for a text of more than `limits.max_text_bytes`, for binary data and for blank files.
        """
        if source.size > limits.max_text_bytes:
            raise Unreadable(f"a text of {source.size} bytes: no more than {limits.max_text_bytes} are read")
        with unreadable("cannot be read"), source.open() as stream:
            text = decode(stream.read(source.size))
        is_source = sniff(source) == _SOURCE
        attributes = {"title": title} if (title := title_of(text, is_source=is_source)) else {}
        found = None
        for found in passages(text, limits.passage_characters, prose=not is_source):
            yield Part("text", found.text, Place(lines=(found.first, found.last)), attributes)
            attributes = {}
        if found is None:
            raise Unreadable("nothing but blank space in it")


def title_of(text: str, *, is_source: bool = False) -> str:
    """What the text calls itself: its first heading, else its first line with words in it; "" when there is none.

    In source code it is the first comment, without its marks.
    """
    # Far more than any title needs, so that a huge text is not split twice.
    lines = [line.strip() for line in lines_of(text[: _TITLE_LINES * 200])[:_TITLE_LINES]]
    found = _comment(lines) if is_source else _front_matter(lines) or _heading(lines) or _line(lines)
    return found if len(found) <= _LONGEST_TITLE else found[: _LONGEST_TITLE - 3].rsplit(" ", 1)[0] + "..."


def _front_matter(lines: list[str]) -> str:
    if not lines or lines[0] not in ("---", "+++"):
        return ""
    for line in lines[1:]:
        if line == lines[0]:
            break
        if found := _FRONT_TITLE.match(line.replace(" = ", ": ", 1)):
            return found[1].strip("\"' ")
    return ""


def _heading(lines: list[str]) -> str:
    for at, line in enumerate(lines):
        if found := _ATX.match(line):
            return found[1]
        under = lines[at + 1] if at + 1 < len(lines) else ""
        if line and not _RULE.match(line) and _RULE.match(under) and len(under) >= min(len(line), 4):
            return line
    return ""


def _line(lines: list[str]) -> str:
    return next((line for line in lines if any(c.isalpha() for c in line)), "")


def _comment(lines: list[str]) -> str:
    inside = False
    for line in lines:
        found = _COMMENT.match(line)
        words = _COMMENT_END.sub("", found[1] if found else line).strip()
        if (found or inside) and any(c.isalpha() for c in words) and not _NOT_A_TITLE.match(words):
            return words
        inside = line in _OPENERS or (inside and not _COMMENT_END.search(line))
    return ""


reader = TextReader()
