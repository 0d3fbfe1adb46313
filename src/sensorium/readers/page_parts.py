"""The sections of a page as parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sensorium.core.types import Part, Place
from sensorium.readers.contract import Limits
from sensorium.readers.embedded import picture
from sensorium.readers.page_pictures import Load, PagePicture
from sensorium.readers.page_sections import Section, Table
from sensorium.readers.passages import passages

_HELD = 8  # pictures in memory at a time
_LONGEST = 500  # characters of an attribute


class PageParts:
    """Turns sections into parts: passages, pictures, then tables. A picture that is shown twice is one part.

    `chapter` is put before the anchors of a book's chapters; `shown` are the hashes of pictures that were parts.
    """

    def __init__(self, limits: Limits, load: Load, chapter: str = "", shown: set[int] | None = None) -> None:
        self.limits = limits
        self.load = load
        self.chapter = chapter
        self.shown = shown if shown is not None else set()
        self.tried: dict[int, bool] = {}  # by the hash of an address whether a picture is there

    def __call__(self, section: Section) -> Iterator[Part]:
        """The parts of `section`. What is said of a picture that cannot be had is text in its place."""
        place, heading = self._place(section.anchor), _heading(section)
        said = _opening(section)
        is_alone = bool(said)
        held: list[Part] = []
        for block in section.blocks:
            text = block if isinstance(block, str) else ""
            if not isinstance(block, str):
                is_there, part = self._picture(block, place, heading)
                held += [part] if part else []
                text = "" if is_there or any(block.alt in each for each in said[-3:]) else block.alt
            if text:
                said.append(f"{said.pop()}\n{text}" if is_alone else text)
                is_alone = False
            if len(held) >= _HELD:
                yield from self._passages(said, place, heading)
                yield from held
                said, held = [], []
        yield from self._passages(said, place, heading)
        yield from held
        for table in section.tables:
            yield from self._table(table, section)

    def _place(self, anchor: str) -> Place:
        return Place(section=f"{self.chapter}#{anchor}" if self.chapter else anchor)

    def _passages(self, said: list[str], place: Place, attributes: dict[str, Any]) -> Iterator[Part]:
        for passage in passages("\n\n".join(said), self.limits.passage_characters):
            yield Part("text", passage.text, place, attributes)

    def _picture(self, shown: PagePicture, place: Place, heading: dict[str, Any]) -> tuple[bool, Part | None]:
        """Whether the picture is there, and its part unless it has been one before."""
        attributes = {"alt": shown.alt, "caption": shown.caption[:_LONGEST], "src": shown.src}
        attributes = {name: value for name, value in attributes.items() if value} | heading
        for source in shown.sources:
            key = hash(source)
            if key not in self.tried:
                data = self.load(source) or b""
                self.tried[key] = is_known = hash(data) in self.shown
                part = picture(data, self.limits, place, attributes) if data and not is_known else None
                if part is not None:
                    self.tried[key] = True
                    self.shown.add(hash(data))
                    return True, part
            if self.tried[key]:
                return True, None
        return False, None

    def _table(self, table: Table, section: Section) -> Iterator[Part]:
        """The table's rows, as many to a part as fit; every part begins with what the table is about."""
        about = table.caption or section.heading
        attributes = _heading(section) | ({"caption": table.caption[:_LONGEST]} if table.caption else {})
        place = self._place(table.anchor)
        size = self.limits.passage_characters
        top = about + "\n\n" if 0 < len(about) < size // 2 else ""
        rows: list[str] = []
        length = 0
        for line in (*table.lines, None):
            if rows and (line is None or length + len(line) > size - len(top)):
                for passage in passages("\n".join(rows), size - len(top)):
                    yield Part("text", top + passage.text, place, attributes)
                rows, length = [], 0
            if line is not None:
                rows.append(line)
                length += len(line) + 1
        if not table.lines and about:
            yield Part("text", about[:size], place, attributes)


def _heading(section: Section) -> dict[str, Any]:
    return {"heading": section.heading[:_LONGEST]} if section.heading else {}


def _opening(section: Section) -> list[str]:
    """The heading with those over it. It stays with the first paragraph; tables say theirs themselves."""
    if not section.heading or (section.tables and not section.blocks):
        return []
    return ["\n".join((*section.above, section.heading))]
