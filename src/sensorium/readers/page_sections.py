"""The content of a page by its headings: paragraphs, lists, code, tables and pictures, each under its anchor."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sensorium.readers import page_tables
from sensorium.readers.page_content import Content
from sensorium.readers.page_pictures import PagePicture, picture_of
from sensorium.readers.page_tree import HEADINGS, INLINE, Attributes, Tree, tidy

TOP = "top"  # what every browser takes for the beginning of a page
_LEVEL_OF_LABEL = 7
_LINE_ITEMS = frozenset({"dd", "dt", "li"})
_LINES_TOGETHER, _SHORT_LINE = 240, 60  # characters: short items and lines stay in one paragraph
_CAPTION = re.compile(r"(?<![a-z])caption|(?:thumb|gallery)(?:caption|text)")
_LONGEST_ANCHOR = 200
_SCRAP = 80  # characters
_LONGEST_PARAGRAPH = 1 << 20


@dataclass(slots=True)
class Table:
    """A table's lines, its caption and where it is."""

    lines: list[str]
    caption: str
    anchor: str


@dataclass(slots=True)
class Section:
    """What stands under a heading, up to the next one.

    `above` are the headings directly over it with nothing in between. A picture in `blocks` stands where it is shown.
    """

    heading: str
    level: int
    anchor: str
    above: tuple[str, ...] = ()
    blocks: list[str | PagePicture] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    thinned: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing but the heading."""
        return not self.blocks and not self.tables


class Sections:
    """Iterates over the sections of a tree's content; goes on counting over several trees of one page.

    An anchor is the `id` of the heading, of a link's target in it, or of what begins directly before it (its section);
    else "section-N", N being the heading's number in the content. What stands before all headings is at "top". A
    heading with nothing under it goes into the next section if that is one of its own, or stands alone; it is left
    out when what was under it has been left out. A word or two before the first heading come after it.
    """

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, tree: Tree, content: Content, title: str = "") -> Iterator[Section]:
        """The sections of `content`; `title` is the heading of what stands before the first."""
        held: tuple[str, ...] = ()
        last: Section | None = None
        for section in _Walk(tree, content, title, self).sections():
            if last is not None and last.is_empty and last.heading and last.level < section.level:
                held = () if last.thinned else (*last.above, last.heading)
            else:
                if last is not None and _is_scrap(last):
                    section.blocks[:0] = last.blocks
                elif last is not None and not _is_nothing(last):
                    yield last
                held = ()
            section.above = held[-3:]
            last = section
        if last is not None and not _is_nothing(last):
            yield last


def _is_scrap(section: Section) -> bool:
    """A word or two over the title: a rubric, a date."""
    return (
        not (section.heading or section.tables)
        and sum(len(block) if isinstance(block, str) else _SCRAP for block in section.blocks) < _SCRAP
    )


def _is_nothing(section: Section) -> bool:
    return section.is_empty and (section.thinned or not section.heading)


class _Walk:
    """One way through a tree."""

    def __init__(self, tree: Tree, content: Content, title: str, counter: Sections) -> None:
        self.tree, self.out, self.root = tree, content.out, content.root
        self.counter = counter
        self.title = title
        self.run: list[str] = []
        self.prefix = ""
        self.items = 0
        self.target, self.seen = "", 0  # the last id or name, and how much of `run` stands before it
        self.captions: list[tuple[int, str]] = []
        self.section = self._first()

    def _first(self) -> Section:
        tags = self.tree.tags[self.root : self.tree.ends[self.root]]
        if "h1" in tags:
            return Section("", 0, TOP)
        before = (n for n in range(self.root - 1, 0, -1) if self.tree.tags[n] == "h1" and not self.out[n])
        number = next(before, None)
        if number is None:
            return Section(self.title, 0, TOP)
        return Section(self.tree.text(number) or self.title, 1, self._named_in(number) or TOP)

    def sections(self) -> Iterator[Section]:
        """In order, the empty ones too."""
        tree, out = self.tree, self.out
        leaving: list[tuple[int, Callable[[], None]]] = []
        number, end = self.root, tree.ends[self.root]
        while number < end:
            while leaving and leaving[-1][0] <= number:
                leaving.pop()[1]()
            tag = tree.tags[number]
            if not tag:
                self.run.append(tree.texts[number])
                number += 1
                continue
            if out[number]:
                self.section.thinned = True
                if tag not in INLINE:
                    self.flush()
                number = tree.ends[number]
                continue
            attributes = tree.attributes[number]
            if attributes and (name := _target(tag, attributes)):
                self.target, self.seen = name, len(self.run)
            begins = self._begins(number, tag)
            if begins is not None:
                self.flush()
                yield self.section
                self.section, self.target = begins, ""
            skips = begins is not None and tag in HEADINGS
            skips = skips or self._takes(number, tag)
            if not skips and tag not in INLINE:
                leaving.append((tree.ends[number], self._enter(number, tag)))
            number = tree.ends[number] if skips else number + 1
        while leaving:
            leaving.pop()[1]()
        self.flush()
        yield self.section

    def _begins(self, number: int, tag: str) -> Section | None:
        """The section that the element begins, if it does."""
        if tag in HEADINGS:
            heading = self.tree.text(number)
            if not heading:
                return None
            self.counter.count += 1
            anchor = self._named_in(number) or self._target_before() or f"section-{self.counter.count}"
            return Section(heading, HEADINGS[tag], anchor)
        if tag in ("section", "article"):
            label = tidy(self.tree.attributes[number].get("aria-label") or "")
            tags = self.tree.tags[number : self.tree.ends[number]]
            if label and HEADINGS.keys().isdisjoint(tags):
                self.counter.count += 1
                return Section(label, _LEVEL_OF_LABEL, self._target_before() or f"section-{self.counter.count}")
        return None

    def _takes(self, number: int, tag: str) -> bool:
        """Whether the element was taken as a whole: pictures, tables of data, code."""
        if tag == "img":
            self._show(number)
        elif tag == "br":
            self.run.append("\r")
        elif tag == "pre":
            self.flush()
            tree = self.tree
            pieces = zip(tree.tags[number : tree.ends[number]], tree.texts[number : tree.ends[number]], strict=True)
            text = "".join("\n" if tag == "br" else text for tag, text in pieces).strip("\n").rstrip()
            if text:
                self.target = ""
                self._add(text)
        elif tag == "table" and page_tables.is_data(self.tree, number):
            self.flush()
            self._tabulate(number)
        else:
            return False
        return True

    def _enter(self, number: int, tag: str) -> Callable[[], None]:
        """Begin a block; returns what to do at its end."""
        self.flush()
        if tag in _LINE_ITEMS:
            self.items += 1
            self.prefix = "- " if tag == "li" else ""
            return self._leave_item
        if tag == "figure":
            inside = range(number + 1, self.tree.ends[number])
            captions = (each for each in inside if self.tree.tags[each] == "figcaption")
            said = next((self.tree.text(each) for each in captions), "")
            self.captions.append((self.tree.ends[number], said))
            return self._leave_figure
        shown = self.section.blocks[-1] if self.section.blocks else None
        if isinstance(shown, PagePicture) and not shown.caption and _is_caption(self.tree.attributes[number]):
            shown.caption = self.tree.text(number)
        return self.flush

    def _leave_item(self) -> None:
        self.flush()
        self.items -= 1
        self.prefix = ""

    def _leave_figure(self) -> None:
        self.flush()
        self.captions.pop()

    def flush(self) -> None:
        """End the paragraph that is open."""
        if not self.run:
            return
        self.target, self.seen = self._target_before(), 0
        text = "".join(self.run)
        self.run.clear()
        while len(text) > _LONGEST_PARAGRAPH:  # a list of its words would take ten times its size
            end = text.find(" ", _LONGEST_PARAGRAPH) + 1 or 2 * _LONGEST_PARAGRAPH
            self._add_lines(text[:end])
            text = text[end:]
        self._add_lines(text)

    def _add_lines(self, text: str) -> None:
        text = "\n".join(tidy(line) for line in text.split("\r")).strip("\n")
        if text and (len(text) > 3 or any(map(str.isalnum, text))):
            self._add(self.prefix + text)
            self.prefix = ""

    def _add(self, text: str) -> None:
        blocks = self.section.blocks
        last = blocks[-1] if blocks else None
        if isinstance(last, str) and len(last) + len(text) < _LINES_TOGETHER and self._belongs(text, last):
            blocks[-1] = f"{last}\n{text}"
        else:
            blocks.append(text)

    def _belongs(self, text: str, last: str) -> bool:
        """Whether `text` is a line of the same paragraph as `last`: of a list, or of verses and the like."""
        if self.items and last.startswith("- "):
            return True
        return len(text) < _SHORT_LINE and len(last) - last.rfind("\n") <= _SHORT_LINE

    def _show(self, number: int) -> None:
        """A picture: it stands after the paragraph that it is in."""
        tree = self.tree
        around = tree.parents[number]
        more = []
        if tree.tags[around] == "picture":
            more = [tree.attributes[n] for n in tree.children(around) if tree.tags[n] == "source"]
        shown = picture_of(tree.attributes[number], more)
        if shown is not None:
            self.flush()
            shown.caption = self.captions[-1][1] if self.captions else ""
            self.section.blocks.append(shown)
            self.target = ""

    def _tabulate(self, table: int) -> None:
        lines = list(page_tables.lines(self.tree, table, self.out))
        caption = page_tables.caption(self.tree, table)
        anchor = _target("table", self.tree.attributes[table]) or self.section.anchor
        if lines or caption:
            self.section.tables.append(Table(lines, caption, anchor))
            self.target = ""
        for number in range(table + 1, self.tree.ends[table]):
            if self.tree.tags[number] == "img" and not self.out[number]:
                self._show(number)

    def _target_before(self) -> str:
        """The last id or name, if there is nothing after it yet."""
        return "" if any(not piece.isspace() for piece in self.run[self.seen :]) else self.target

    def _named_in(self, number: int) -> str:
        tree = self.tree
        names = (_target(tree.tags[n], tree.attributes[n]) for n in range(number, tree.ends[number]))
        return next(filter(None, names), "")


def _is_caption(attributes: Attributes) -> bool:
    return _CAPTION.search((attributes.get("class") or "").lower()) is not None


def _target(tag: str, attributes: Attributes) -> str:
    """What a link to the element would end in after "#"; "" when none can."""
    name = attributes.get("id") or (attributes.get("name") if tag == "a" else "") or ""
    return name if len(name) <= _LONGEST_ANCHOR and len(name.split()) == 1 else ""
