"""A text cut into passages: at headings and blank lines, else at the ends of sentences, else of lines and words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple


class Passage(NamedTuple):
    """A piece of a text and where it stands: `first` and `last` line, from 1, both included."""

    text: str
    first: int
    last: int


class _Block(NamedTuple):
    text: str
    first: int
    last: int
    heading: bool


_UNDERLINE = re.compile(r"([=\-~^\"'`#*+.:_])\1{2,}\s*$")
_SENTENCE_END = re.compile(r"[.!?…][\"'”’»)\]]*\s|[。！？]|\n\s*\n")


def lines_of(text: str) -> list[str]:
    r"""The lines, ended by \n, \r\n or \r alone: as editors count them, which `splitlines` does not."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def passages(text: str, size: int, *, prose: bool = True) -> Iterator[Passage]:
    """Passages of about `size` characters and never more, in order; nothing but blank space is left out.

    A paragraph is cut only when it alone is longer than `size`: at a sentence's end when it is `prose`, else (source
    code) at a line's end. A heading opens a new passage, unless the one before would be left very short.
    """
    held: list[_Block] = []
    length = 0
    for block in _blocks(lines_of(text), size, prose):
        full = length + len(block.text) > size
        if held and (full or (block.heading and length >= size // 4)):
            yield _joined(held)
            held, length = [], 0
        held.append(block)
        length += len(block.text) + 2
    if held:
        yield _joined(held)


def _joined(blocks: list[_Block]) -> Passage:
    return Passage("\n\n".join(b.text for b in blocks), blocks[0].first, blocks[-1].last)


def _blocks(lines: list[str], size: int, prose: bool) -> Iterator[_Block]:
    """Paragraphs, those that are too long already cut."""
    start = 0
    for at in range(len(lines) + 1):
        ends = at == len(lines) or not lines[at].strip() or (at > start and _is_atx(lines[at]))
        if not ends:
            continue
        if at > start:
            yield from _fitting([line.rstrip() for line in lines[start:at]], start + 1, size, prose)
        start = at if at < len(lines) and lines[at].strip() else at + 1


def _fitting(lines: list[str], first: int, size: int, prose: bool) -> Iterator[_Block]:
    text = "\n".join(lines)
    if len(text) <= size:
        yield _Block(text, first, first + len(lines) - 1, _is_heading(lines))
        return
    line, seen = first, 0
    for begin, end in _spans(text, size, prose):
        line += text.count("\n", seen, begin)
        last = line + text.count("\n", begin, end)
        yield _Block(text[begin:end], line, last, False)
        line, seen = last, end


def _spans(text: str, size: int, prose: bool) -> Iterator[tuple[int, int]]:
    """Where to cut a long text: (begin, end) of pieces of at most `size` characters, blank space between them."""
    begin = 0
    while begin < len(text):
        end = min(begin + size, len(text))
        if end < len(text):
            end = _cut(text, begin, end, prose)
        piece = text[begin:end]
        left = len(piece) - len(piece.lstrip("\n" if not prose else None))
        right = len(piece.rstrip())
        if left < right:
            yield begin + left, begin + right
        begin = end


def _cut(text: str, begin: int, end: int, prose: bool) -> int:
    """The best place to cut in the second half of text[begin:end], else anywhere a word ends, else `end`."""
    middle = (begin + end) // 2
    if prose:
        ends = [found.end() for found in _SENTENCE_END.finditer(text, middle, end)]
        if ends:
            return ends[-1]
    newline = text.rfind("\n", middle, end)
    if newline > 0 and not prose:
        return newline + 1
    space = max(text.rfind(blank, begin + 1, end) for blank in " \t\n")
    return space + 1 if space > begin else end


def _is_atx(line: str) -> bool:
    marks = len(line) - len(line.lstrip("#"))
    return 0 < marks <= 6 and line[marks : marks + 1] in (" ", "\t")


def _is_heading(lines: list[str]) -> bool:
    """Markdown's `# Title`, or a line or two underlined as in reStructuredText and Markdown."""
    return _is_atx(lines[0]) or (1 < len(lines) <= 3 and _UNDERLINE.match(lines[-1]) is not None)
