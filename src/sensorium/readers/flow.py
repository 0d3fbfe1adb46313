"""Documents of marked-up prose: an element tree to sections of readable text, by a vocabulary of element names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from sensorium.core.types import Place
from sensorium.readers.safe_xml import Places, local
from sensorium.readers.sections import Section

_BLANKS = re.compile(r"\s+")
# Stand for the blanks of verbatim text until the others are tidied away; no XML may hold them.
_KEPT = str.maketrans({" ": "\x1f", "\t": "\x1e", "\n": "\x1d"})
_RESTORED = str.maketrans({"\x1f": " ", "\x1e": "\t", "\x1d": "\n"})
_BULLET = "\x1c"
_SPOKEN = "\x1a"  # what a speaker says follows on the same line
_SOFT = "\x1b"  # a blank that gives way to a comma
_DEEPEST = 40  # sections in sections; deeper ones are read as one
_MOST_PIECES = 2000  # a section is given in pieces when it has so many, so that none waits for the end of a book
_SPEAKER_END = " .:\n"


def names(said: str) -> frozenset[str]:
    """A set of element names, written as words in a row."""
    return frozenset(said.split())


@dataclass(frozen=True)
class Vocabulary:
    """What the elements of a kind of document are for, by their names.

    `sections` get a place of their own, `titles` head them, also from within `wrappers`. `blocks` are paragraphs,
    `items` those of lists, `rows` and `cells` make tables, `breaks` begin a line, `verbatim` keeps its blanks, `spaced`
    stands apart from its neighbours, `skipped` is left out. `speakers` say who speaks in their section. Of `choices`
    the last is read. `references` are attributes whose value stands for an empty element.
    """

    sections: frozenset[str] = frozenset()
    titles: frozenset[str] = frozenset()
    wrappers: frozenset[str] = frozenset()
    blocks: frozenset[str] = frozenset()
    items: frozenset[str] = frozenset()
    rows: frozenset[str] = frozenset({"tr", "row"})
    cells: frozenset[str] = frozenset({"td", "th", "cell", "entry"})
    breaks: frozenset[str] = frozenset({"br", "lb"})
    verbatim: frozenset[str] = frozenset()
    spaced: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    speakers: frozenset[str] = frozenset()
    choices: frozenset[str] = frozenset()
    references: tuple[str, ...] = ()


HTML = Vocabulary(
    blocks=names(
        "p div section article aside main h1 h2 h3 h4 h5 h6 blockquote pre ul ol dl dt dd table figure figcaption "
        "header footer address form fieldset hr caption details summary center"
    ),
    items=names("li"),
    verbatim=names("pre"),
    skipped=names("script style head noscript template iframe object embed select textarea svg button"),
)


def tidied(pieces: list[str]) -> str:
    """The pieces as one text: paragraphs a blank line apart, no blanks at the ends of lines."""
    text = "".join(pieces).replace("\xad", "")
    text = re.sub(rf"{_SPOKEN}\s*", " ", text)
    text = re.sub(rf"{_SOFT}+(?=[\s,.;:)\]]|\Z)", "", text).replace(_SOFT, " ")
    text = re.sub(r"[ \xa0]*\n[ \xa0]*", "\n", re.sub(r"[ \xa0]{2,}", " ", text))
    text = re.sub(rf"\s*\n(?:{_BULLET}\s*)+", "\n- ", text)
    text = re.sub(r"\n{3,}", "\n\n", text)
    return text.strip().translate(_RESTORED)


def plain(element: etree._Element | None, vocabulary: Vocabulary = HTML) -> str:
    """All text of an element, as paragraphs; "" for None."""
    if element is None:
        return ""
    pieces: list[str] = []
    _fill(pieces, element, vocabulary)
    return tidied(pieces)


def one_line(element: etree._Element | None, vocabulary: Vocabulary = HTML) -> str:
    """All text of an element on one line."""
    return " ".join(plain(element, vocabulary).split())


def html_text(markup: str) -> str:
    """What a person reads in a piece of HTML, such as a feed's."""
    if "<" not in markup and "&" not in markup:
        return markup.strip()
    parser = etree.HTMLParser(
        encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=False, recover=True
    )
    return plain(etree.fromstring(f"<div>{markup}</div>".encode("utf-8", "replace"), parser))


def _fill(pieces: list[str], element: etree._Element, vocabulary: Vocabulary) -> None:
    """Adds an element's text."""
    name = local(element)
    if not name or name in vocabulary.skipped:
        return
    if name in vocabulary.rows:
        cells = [one_line(cell, vocabulary) for cell in element if local(cell) in vocabulary.cells]
        pieces.append("\n" + " | ".join(cells) if any(cells) else "")
        return
    if name in vocabulary.choices and len(element):
        _fill(pieces, element[-1], vocabulary)
        return
    before, after = _around(name, vocabulary)
    pieces.append(before)
    keep = name in vocabulary.verbatim
    if not len(element) and not (element.text or "").strip():
        pieces.append(next((said for key in vocabulary.references if (said := element.get(key))), ""))
    pieces.append(_said(element.text, keep))
    for child in element:
        _fill(pieces, child, vocabulary)
        pieces.append(_said(child.tail, keep))
    pieces.append(after)


def _around(name: str, vocabulary: Vocabulary) -> tuple[str, str]:
    if name in vocabulary.items:
        return "\n" + _BULLET, "\n"
    if name in vocabulary.blocks or name in vocabulary.verbatim:
        return "\n\n", "\n\n"
    if name in vocabulary.breaks:
        return "\n", ""
    return (_SOFT, _SOFT) if name in vocabulary.spaced else ("", "")


def _said(text: str | None, keep: bool) -> str:
    if not text:
        return ""
    return text.expandtabs(4).strip("\n").translate(_KEPT) if keep else _BLANKS.sub(" ", text)


@dataclass
class _Open:
    """A section whose end has not come. `bare`: nothing but headings in it so far."""

    place: Place
    heading: str = ""
    speaker: str = ""
    pieces: list[str] = field(default_factory=list)
    bare: bool = True
    headed: bool = False


class Flow:
    """Cuts a tree into sections. An outer section whose heading is all that it says lends it to the first inner one."""

    def __init__(self, vocabulary: Vocabulary, places: Places) -> None:
        self._names = vocabulary
        self._places = places
        self._open: list[_Open] = []
        self._holders: set[etree._Element] = set()

    def sections(self, root: etree._Element) -> Iterator[Section]:
        """The sections in and under `root`, in the order of the document."""
        for inner in root.iter(etree.Element):
            if local(inner) in self._names.sections:
                for outer in inner.iterancestors():
                    if outer in self._holders:
                        break
                    self._holders.add(outer)
        yield from self._section(root)

    def _section(self, element: etree._Element) -> Iterator[Section]:
        outer = self._open[-1] if self._open else None
        opened = _Open(self._places.of(element), outer.heading if outer else "")
        if outer is not None:
            if outer.bare:
                opened.pieces, outer.pieces = [*outer.pieces, "\n\n"], []
            else:
                yield from self._flushed(outer)
        self._open.append(opened)
        yield from self._inside(element)
        yield from self._flushed(opened)
        self._open.pop()

    def _inside(self, element: etree._Element) -> Iterator[Section]:
        keep = local(element) in self._names.verbatim
        self._put(_said(element.text, keep))
        for child in element:
            yield from self._walk(child)
            self._put(_said(child.tail, keep))
            if len(self._open[-1].pieces) > _MOST_PIECES and not self._open[-1].bare:
                yield from self._flushed(self._open[-1])

    def _walk(self, element: etree._Element) -> Iterator[Section]:
        known, name = self._names, local(element)
        if not name or name in known.skipped:
            return
        if name in known.sections and len(self._open) < _DEEPEST:
            yield from self._section(element)
        elif name in known.speakers:
            self._speaker(element)
        elif name in known.titles and self._open[-1].bare:
            self._title(element)
        elif name in known.wrappers or element in self._holders:
            before, after = _around(name, known)
            self._put(before)
            yield from self._inside(element)
            self._put(after)
        else:
            pieces: list[str] = []
            _fill(pieces, element, known)
            self._put("".join(pieces))

    def _put(self, text: str) -> None:
        if text:
            opened = self._open[-1]
            opened.pieces.append(text)
            opened.bare = opened.bare and not text.strip()

    def _title(self, element: etree._Element) -> None:
        said, opened = one_line(element, self._names), self._open[-1]
        if said and opened.headed:  # a label before the title, or a subtitle after it
            said = f"{opened.heading}{':' if local(element) == 'subtitle' else ''} {said}"
            while opened.pieces and not opened.pieces.pop().strip():
                pass
        if said:
            opened.pieces.append(f"\n\n{said}\n\n")
            opened.heading, opened.headed = said, True

    def _speaker(self, element: etree._Element) -> None:
        said = one_line(element, self._names).rstrip(_SPEAKER_END)
        if said:
            self._open[-1].speaker = said
            self._put(f"\n\n{said}:{_SPOKEN}")

    def _flushed(self, opened: _Open) -> Iterator[Section]:
        text = tidied(opened.pieces)
        opened.pieces = []
        if text:
            about: dict[str, Any] = {"heading": opened.heading} if opened.heading else {}
            if opened.speaker:
                about["speaker"] = opened.speaker
            yield Section(text, opened.place, about)
