"""Paragraphs, as office documents hold them in a row, gathered under their headings."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sensorium.core.types import Place
from sensorium.readers.sections import Section, known

TOP = "top"  # what browsers, too, call the beginning of a document
_NO_WORD = re.compile(r"[^\w]+")
_LONGEST_SLUG = 60
_MOST_TEXTS = 200  # a section is given in pieces when it has so many, so that none waits for the end of a book


class Illustration(NamedTuple):
    """A picture met on the way: how its file is called, where it stands and what is said of it."""

    name: str
    place: Place
    attributes: dict[str, Any]


@dataclass
class Chapters:
    """Takes headings and paragraphs in their order and gives sections, each followed by its pictures.

    `page` is the page that is being read, None where the document does not say. A heading under which nothing stands
    goes into the section of the next lower one.
    """

    page: int | None = None
    _heading: str = ""
    _level: int = 0
    _anchor: str = TOP
    _above: list[str] = field(default_factory=list)
    _texts: list[str] = field(default_factory=list)
    _joints: list[str] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)
    _pictures: list[Illustration] = field(default_factory=list)
    _taken: set[str] = field(default_factory=lambda: {TOP})
    _began: int | None = None
    _said: bool = False  # a section that goes on over the page does not say its heading again

    def heading(self, text: str, level: int, anchor: str = "") -> Iterator[Section | Illustration]:
        """Starts a section. `level` counts from 1, a title's is 0; `anchor` as the document calls the place."""
        if self._bare() and level > self._level:
            above = [*self._above, self._heading]
        else:
            yield from self.end()
            above = []
        self._above, self._heading, self._level, self._said = above, text, level, False
        self._anchor = self._unique(anchor or slug(text))
        self._began = self.page

    def paragraph(self, text: str, *, tight: bool = False) -> Iterator[Section | Illustration]:
        """Adds a paragraph; a `tight` one stands on the line after the last, as in lists."""
        text = text.rstrip().lstrip("\n") if tight else text.strip()  # the depth of a list's item is kept
        if not text:
            return
        if self._texts and (self.page != self._began or len(self._texts) >= _MOST_TEXTS):
            yield from self._flushed()
        if not self._texts:
            self._began = self.page
        self._texts.append(text)
        self._joints.append("\n" if tight else "\n\n")

    def note(self, text: str) -> None:
        """Adds a foot- or endnote or a comment, to stand at the end of the section."""
        if text := " ".join(text.split()):
            self._notes.append(text)

    def picture(self, name: str, alt: str = "") -> None:
        """Adds a picture where the text has come to."""
        about = known(alt=" ".join(alt.split()), heading=self._heading)
        self._pictures.append(Illustration(name, Place(page=self.page, section=self._anchor), about))

    def end(self) -> Iterator[Section | Illustration]:
        """What is left when the document ends."""
        yield from self._flushed()
        self._above, self._heading, self._level = [], "", 0

    def _bare(self) -> bool:
        return bool(self._heading) and not (self._said or self._texts or self._notes or self._pictures)

    def _flushed(self) -> Iterator[Section | Illustration]:
        opening = "\n\n".join([*self._above, self._heading] if self._heading and not self._said else [])
        body = "".join(joint + text for joint, text in zip(self._joints, self._texts, strict=True))
        text = "\n\n".join(filter(None, (opening, body.strip("\n"), "\n".join(self._notes))))
        if text:
            place = Place(page=self._began if self._texts else self.page, section=self._anchor)
            yield Section(text, place, known(heading=self._heading))
            self._said = True
        yield from self._pictures
        self._texts, self._joints, self._notes, self._pictures = [], [], [], []

    def _unique(self, anchor: str) -> str:
        found, number = anchor, 1
        while found in self._taken:
            number += 1
            found = f"{anchor}-{number}"
        self._taken.add(found)
        return found


def slug(text: str) -> str:
    """A heading as an anchor: "Results & methods" is "results-methods"."""
    plain = unicodedata.normalize("NFKC", text).lower()
    return _NO_WORD.sub("-", plain).strip("-_")[:_LONGEST_SLUG].strip("-_") or "section"
