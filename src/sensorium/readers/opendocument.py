"""OpenDocument texts and presentations (odt, odp): sections by headings, or a section per slide."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import Any

from lxml import etree

from sensorium.core.errors import Unreadable
from sensorium.core.types import Place
from sensorium.readers.chapters import Chapters, Illustration
from sensorium.readers.contract import Limits
from sensorium.readers.dates import iso_date
from sensorium.readers.equations import equation
from sensorium.readers.flow import names
from sensorium.readers.openxml import Package, attribute, child
from sensorium.readers.safe_xml import local
from sensorium.readers.sections import Section, known

_TEXT = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
_TABLE = "urn:oasis:names:tc:opendocument:xmlns:table:1.0"
_DRAW = "urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"
_BLOCKS = (
    *(f"{{{_TEXT}}}{name}" for name in ("p", "h", "list", "tracked-changes", "table-of-content", "alphabetical-index")),
    f"{{{_TABLE}}}table-row", f"{{{_DRAW}}}frame", f"{{{_DRAW}}}page",
)  # fmt: skip
_SKIPPED = names(
    "tracked-changes table-of-content alphabetical-index sequence-decls forms ruby-text note-citation "
    "bibliography-mark-entry event-listeners image-map title desc creator date meta-creator-initials"
)
_DEEPEST_BLANKS = 100


class OpenDocument:
    """A package of OpenDocument. Raises `Unreadable` when it is locked with a password."""

    def __init__(self, archive: zipfile.ZipFile, limits: Limits) -> None:
        self.package = Package(archive, limits)
        self._chapters = Chapters()
        self._slides = 0
        self._alone = False
        self._table: etree._Element | None = None  # whose row was read last
        if self.package.has("META-INF/manifest.xml") and b":encryption-data" in self.package.data(
            "META-INF/manifest.xml"
        ):
            raise Unreadable("an OpenDocument that is locked with a password: remove the password")

    def properties(self) -> dict[str, Any]:
        """Title, author, dates and so on."""
        root = self.package.xml("meta.xml")
        meta = child(root, "meta")
        said: dict[str, str] = {}
        keywords = []
        for element in meta if meta is not None else ():
            name, value = local(element), " ".join((element.text or "").split())
            if name == "keyword":
                keywords += [word for word in map(str.strip, value.split(",")) if word]
            elif name != "user-defined":
                said.setdefault(name, value)
        pages = attribute(child(meta, "document-statistic"), "page-count")
        created, modified = iso_date(said.get("creation-date")), iso_date(said.get("date"))
        return known(
            title=said.get("title"), author=said.get("initial-creator") or said.get("creator"), keywords=keywords,
            subject=said.get("subject"), description=said.get("description"), language=said.get("language"),
            created=created, modified=modified, date=created or modified,
            pages=int(pages) if pages.isdecimal() and int(pages) else None,
        )  # fmt: skip

    def sections(self) -> Iterator[Section | Illustration]:
        """The sections, each followed by the pictures in it."""
        if b"soft-page-break" in self.package.data("content.xml"):
            self._chapters.page = 1
        for block in self.package.blocks("content.xml", _BLOCKS):
            yield from self._slide(block) if local(block) == "page" else self._block(block)
        yield from self._chapters.end()

    def _block(self, element: etree._Element) -> Iterator[Section | Illustration]:
        name, seen = local(element), _Seen()
        if name in _SKIPPED:
            return
        if name == "h":
            text, level = " ".join(_text(element, seen).split()), attribute(element, "outline-level")
            if text:
                yield from self._chapters.heading(text, int(level) if level.isdecimal() else 1, seen.bookmark)
        elif name == "list":
            for line in _listed(element, seen, 0):
                yield from self._chapters.paragraph(line, tight=self._alone)
                self._alone = True
        elif name == "table-row":
            table = element.getparent()
            yield from self._chapters.paragraph(_row(element, seen), tight=table is self._table)
            self._table = table
        else:
            yield from self._chapters.paragraph(_text(element, seen))
        self._alone = name == "list"
        self._table = self._table if name == "table-row" else None
        yield from self._others(seen)

    def _others(self, seen: _Seen) -> Iterator[Section | Illustration]:
        for name, alt in seen.pictures:
            self._chapters.picture(name, alt)
        for name in seen.objects:
            yield from self._chapters.paragraph(self._object(name))
        for note in seen.notes:
            self._chapters.note(note)
        if self._chapters.page is not None:
            self._chapters.page += seen.pages

    def _object(self, name: str) -> str:
        """A formula, as its author typed it or as it is drawn."""
        root = self.package.xml(f"{name}/content.xml")
        if root is None or local(root) != "math":
            return ""
        typed = next((e.text for e in root.iter("{*}annotation") if e.text), "")
        return " ".join(typed.split()) or equation(root)

    def _slide(self, element: etree._Element) -> Iterator[Section | Illustration]:
        self._slides += 1
        place, seen = Place(page=self._slides), _Seen()
        title, texts, notes = "", [], ""
        for shape in element:
            if local(shape) == "notes":
                inside = [_text(frame, _Seen()).strip() for frame in shape if attribute(frame, "class") == "notes"]
                notes = "Notes: " + "\n".join(inside) if any(inside) else ""
                continue
            said = _text(shape, seen).strip()
            if attribute(shape, "class") == "title" and not title:
                title = " ".join(said.split())
            elif attribute(shape, "class") not in ("header", "footer", "date-time", "page-number"):
                texts.append(said)
        texts += [self._object(name) for name in seen.objects]
        about = known(heading=title)
        yield Section("\n\n".join(filter(None, (title, *texts, *seen.notes, notes))), place, about)
        for name, alt in seen.pictures:
            yield Illustration(name, place, known(alt=alt, **about))


class _Seen:
    """What a paragraph holds beside its text."""

    def __init__(self) -> None:
        self.pictures: list[tuple[str, str]] = []
        self.objects: list[str] = []
        self.notes: list[str] = []
        self.bookmark = ""
        self.pages = 0


def _text(element: etree._Element, seen: _Seen) -> str:
    """The text inside, paragraphs as lines, and in `seen` what else is."""
    pieces = [_blank(element.text)] if local(element) not in ("frame", "page", "table", "list") else []
    for inner in element:
        pieces.append(_inner(inner, seen))
        pieces.append(_blank(inner.tail))
    return "".join(pieces)


def _inner(element: etree._Element, seen: _Seen) -> str:
    name = local(element)
    if name in _SKIPPED or not name:
        return ""
    if name == "s":
        count = attribute(element, "c")
        return " " * (min(int(count), _DEEPEST_BLANKS) if count.isdecimal() else 1)
    if name in ("tab", "line-break"):
        return "\t" if name == "tab" else "\n"
    if name in ("note", "annotation"):
        return _beside(element, name, seen)
    if name in ("bookmark", "bookmark-start"):
        seen.bookmark = seen.bookmark or (
            "" if attribute(element, "name").startswith("_") else attribute(element, "name")
        )
    elif name == "soft-page-break":
        seen.pages += 1
    elif name == "frame":
        return _frame(element, seen)
    elif name == "list":
        return "\n" + "\n".join(_listed(element, seen, 0)) + "\n"
    elif name == "table":
        return "\n" + _rows(element, seen) + "\n"
    text = _text(element, seen)
    return f"{text.strip()}\n" if name in ("p", "h") else text


def _beside(element: etree._Element, name: str, seen: _Seen) -> str:
    if name == "annotation":
        author = " ".join("".join(e.itertext()) for e in element.iterfind("{*}creator"))
        lead = f"Comment by {author}: " if author else "Comment: "
        seen.notes.append(lead + " ".join(_text(element, _Seen()).split()))
    else:
        body = child(element, "note-body")
        seen.notes.append(" ".join(_text(body, _Seen()).split()) if body is not None else "")
    return ""


def _frame(element: etree._Element, seen: _Seen) -> str:
    """A frame's text; its picture or formula goes to `seen`."""
    alt = " ".join(
        " ".join(e.text or "" for e in element.iterfind(f"{{*}}{name}")) for name in ("title", "desc")
    ).split()
    objects = [_inside(e) for e in element.iterfind("{*}object")]
    seen.objects += objects
    for image in element.iterfind("{*}image"):
        # Beside an object stands only the picture that stands in for it.
        if not objects and (name := _inside(image)):
            seen.pictures.append((name, " ".join(alt)))
            break
    boxes = (box for box in element if local(box) in ("text-box", "table"))
    return "\n".join(said for box in boxes if (said := _inner(box, seen).strip()))


def _inside(element: etree._Element) -> str:
    """The name in the package that an element refers to; "" when it is outside."""
    name = attribute(element, "href").removeprefix("./")
    return "" if ":" in name or name.startswith(("/", "..")) else name


def _listed(element: etree._Element, seen: _Seen, depth: int) -> Iterator[str]:
    """A list's items, a line each, lists in it indented."""
    for item in element:
        lead = "  " * depth + "- "
        for inner in item:
            if local(inner) == "list":
                yield from _listed(inner, seen, depth + 1)
            elif said := _inner(inner, seen).strip():
                yield lead + said
                lead = "  " * (depth + 1)


def _rows(table: etree._Element, seen: _Seen) -> str:
    rows = table.iter(f"{{{_TABLE}}}table-row")
    own = [row for row in rows if next(row.iterancestors(f"{{{_TABLE}}}table"), None) is table]
    return "\n".join(line for row in own if (line := _row(row, seen)))


def _row(row: etree._Element, seen: _Seen) -> str:
    cells = [" ".join(_text(cell, seen).split()) for cell in row if local(cell) == "table-cell"]
    return " | ".join(cells) if any(cells) else ""


def _blank(text: str | None) -> str:
    return " ".join(f"|{text}|".split())[1:-1] if text else ""
