"""Sections of a document, as the readers of XML and Office find them, made into parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sensorium.core.types import Part, Place
from sensorium.readers.contract import Limits
from sensorium.readers.passages import passages

_OF_THE_ITEM = frozenset({"title", "description", "language", "author", "date", "keywords", "url", "link"})
_OF_EVERY_PASSAGE = ("heading", "speaker", "date", "link")


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of text that belongs together, its heading first, and what is known of it."""

    text: str
    place: Place = field(default_factory=Place)
    attributes: Mapping[str, Any] = field(default_factory=dict)


def text_parts(section: Section, limits: Limits) -> Iterator[Part]:
    """The passages of a section, all with its place, the first with all its attributes. No heading stands alone."""
    size = limits.passage_characters
    texts = (passage.text for passage in passages(_cut_at_lines(section.text, size), size))
    first = next(texts, "")
    if first and len(first) <= size // 4:
        first = "\n\n".join(filter(None, (first, next(texts, ""))))
    if first:
        yield Part("text", first, section.place, section.attributes)
    repeated = {name: section.attributes[name] for name in _OF_EVERY_PASSAGE if name in section.attributes}
    for text in texts:
        yield Part("text", text, section.place, repeated)


def _cut_at_lines(text: str, size: int) -> str:
    """Long lists, tables and poems in several paragraphs, so that no passage ends within a line."""
    return "\n\n".join(_stanzas(paragraph, size) for paragraph in text.split("\n\n"))


def _stanzas(paragraph: str, size: int) -> str:
    if len(paragraph) <= size or "\n" not in paragraph:
        return paragraph
    pieces, length = [""], 0
    for line in paragraph.split("\n"):
        if length and length + len(line) + 1 > size:
            pieces.append("")
            length = 0
        pieces[-1] += "\n" + line if length else line
        length += len(line) + 1
    return "\n\n".join(pieces)


def described(parts: Iterable[Part], item: Mapping[str, Any]) -> Iterator[Part]:
    """`parts`, the first with the attributes of the whole `item` in place of its own of the same names."""
    for at, part in enumerate(parts):
        if at:
            yield part
            continue
        own = {name: value for name, value in part.attributes.items() if name not in _OF_THE_ITEM}
        yield replace(part, attributes={**own, **item})


def known(**attributes: Any) -> dict[str, Any]:
    """Those attributes that say something."""
    return {name: value for name, value in attributes.items() if value not in (None, "", [])}
