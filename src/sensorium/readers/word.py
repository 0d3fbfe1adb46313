"""Word's documents (docx): sections by heading styles, with lists, tables, notes, comments and pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from sensorium.readers.chapters import Chapters, Illustration
from sensorium.readers.charts import chart, diagram
from sensorium.readers.equations import equation
from sensorium.readers.flow import names
from sensorium.readers.openxml import Package, attribute, child, described_as, relation
from sensorium.readers.safe_xml import local
from sensorium.readers.sections import Section

_SPACES = (
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main", "http://purl.oclc.org/ooxml/wordprocessingml/main",
)  # fmt: skip
_BLOCKS = tuple(f"{{{space}}}{name}" for space in _SPACES for name in ("p", "tr"))
_SKIPPED = names("pPr rPr tblPr tcPr trPr sectPr del moveFrom instrText delText rt fldData bookmarkEnd")
_LETTERS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}
_NOTES = {"footnoteReference": "footnotes", "endnoteReference": "endnotes", "commentReference": "comments"}
_TITLES = ("title", "titel", "titre")
_DEEPEST = 9


class WordDocument:
    """The main part of a package, read paragraph by paragraph."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._main = package.main("word/document.xml")
        self._relations = package.relations(self._main)
        self._styles = _Styles(package.xml(self._side("styles")))
        self._lists = _Lists(package.xml(self._side("numbering")))
        self._notes = {kind: _notes(package.xml(self._side(kind)), kind) for kind in _NOTES.values()}
        self._listed = False
        self._table: etree._Element | None = None  # whose row was read last
        data = package.data(self._main)
        # Word marks where its pages ended when it last showed them; where it has not, breaks by hand are all there is.
        self._ends = b"lastRenderedPageBreak" in data
        self._chapters = Chapters(page=1 if self._ends or b'type="page"' in data else None)

    def sections(self) -> Iterator[Section | Illustration]:
        """The sections, each followed by the pictures in it."""
        for block in self._package.blocks(self._main, _BLOCKS):
            yield from self._row(block) if local(block) == "tr" else self._paragraph(block)
        yield from self._chapters.end()

    def _side(self, kind: str) -> str:
        return next((name for found, name in self._relations.values() if found == kind), "")

    def _paragraph(self, element: etree._Element) -> Iterator[Section | Illustration]:
        seen = _Seen()
        text = self._text(element, seen).strip()
        style = attribute(child(element, "pPr", "pStyle"), "val")
        level = self._styles.level(style, child(element, "pPr", "outlineLvl"))
        if seen.early:
            self._turn(seen)
        if text and level is not None:
            yield from self._chapters.heading(" ".join(text.split()), level, seen.bookmark)
        elif text:
            self._table = None
            numbering = child(element, "pPr", "numPr")
            mark = self._lists.mark(numbering if numbering is not None else self._styles.numbering(style))
            yield from self._chapters.paragraph(mark + text, tight=bool(mark) and self._listed)
            self._listed = bool(mark)
        self._keep(seen)
        if not seen.early:
            self._turn(seen)
        for box in seen.boxes:
            yield from self._chapters.paragraph(box)

    def _row(self, row: etree._Element) -> Iterator[Section | Illustration]:
        """A table's row, on the line after the last one of the same table."""
        seen, table = _Seen(), row.getparent()
        cells = [" ".join(self._text(cell, seen).split()) for cell in row.iter("{*}tc") if _of(cell, row)]
        if any(cells):
            yield from self._chapters.paragraph(" | ".join(cells), tight=table is self._table)
            self._table, self._listed = table, False
        self._keep(seen)
        self._turn(seen)

    def _turn(self, seen: _Seen) -> None:
        if self._chapters.page is not None:
            self._chapters.page += seen.pages

    def _keep(self, seen: _Seen) -> None:
        for name, alt in seen.pictures:
            self._chapters.picture(name, alt)
        for note in seen.notes:
            self._chapters.note(note)

    def _text(self, element: etree._Element, seen: _Seen) -> str:
        """The text inside, and in `seen` what else is."""
        pieces = []
        for inner in element:
            name = local(inner)
            if name in _SKIPPED:
                continue
            if name == "t":
                pieces.append(inner.text or "")
                seen.early = False if (inner.text or "").strip() and not seen.pages else seen.early
            elif name in ("p", "tr"):
                pieces.append(self._text(inner, seen) + "\n")
            elif name == "oMath":
                pieces.append(equation(inner))
            elif name == "AlternateContent":
                choice = child(inner, "Choice")
                pieces.append(self._text(choice if choice is not None else inner, seen))
            else:
                pieces.append(self._other(inner, name, seen))
        return "".join(pieces)

    def _other(self, element: etree._Element, name: str, seen: _Seen) -> str:
        if name == "lastRenderedPageBreak" or (name == "br" and attribute(element, "type") == "page"):
            seen.pages += (name == "lastRenderedPageBreak") is self._ends
            return ""
        if name in _LETTERS:
            return _LETTERS[name]
        if name in _NOTES:
            note = self._notes[_NOTES[name]].get(attribute(element, "id"), "")
            seen.notes += [note] if note else []
            return ""
        if name == "bookmarkStart":
            said = attribute(element, "name")
            seen.bookmark = seen.bookmark or ("" if said.startswith("_") else said)
            return ""
        if name in ("drawing", "pict", "object"):
            self._drawing(element, seen)
            return ""
        return self._text(element, seen)

    def _drawing(self, element: etree._Element, seen: _Seen) -> None:
        about = next(element.iter("{*}docPr", "{*}cNvPr", "{*}shape"), None)
        alt = described_as(about, "descr", "title", "alt")
        for picture in element.iter("{*}blip", "{*}imagedata"):
            kind, name = self._relations.get(attribute(picture, "embed") or attribute(picture, "id"), ("", ""))
            if kind == "image":
                seen.pictures.append((name, alt))
        for box in element.iter("{*}txbxContent"):
            seen.boxes.append(self._text(box, seen).strip())
        for drawn in element.iter("{*}chart", "{*}relIds"):
            found = self._relations.get(relation(drawn, "id") or relation(drawn, "dm"), ("", ""))[1]
            root = self._package.xml(found)
            if root is not None:
                seen.boxes.append(chart(root) if local(drawn) == "chart" else diagram(root))
        words = [e.text for e in element.iter("{http://schemas.openxmlformats.org/drawingml/2006/main}t") if e.text]
        seen.boxes.append(" ".join(words))


@dataclass
class _Seen:
    """What a paragraph holds beside its text. `early`: the page ended before its first word."""

    pictures: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    boxes: list[str] = field(default_factory=list)
    bookmark: str = ""
    pages: int = 0
    early: bool = True


class _Styles:
    """What the styles of paragraphs say: which are headings, which are lists."""

    def __init__(self, root: etree._Element | None) -> None:
        found = () if root is None else root.iterfind("{*}style")
        self._styles = {attribute(style, "styleId"): style for style in found}

    def level(self, style: str, own: etree._Element | None) -> int | None:
        """The level of a heading, 0 of the title; None for all other paragraphs."""
        outline = _outline(own)
        for element in self._bases(style):
            name = attribute(child(element, "name"), "val").lower()
            if name in _TITLES:
                return 0
            if name.startswith("heading ") and name[8:].isdecimal():
                return int(name[8:])
            outline = _outline(child(element, "pPr", "outlineLvl")) if outline is None else outline
        # Documents without a list of styles are written by programs that name them as Word does.
        if not self._styles and style.lower().startswith("heading") and style[7:].isdecimal():
            return int(style[7:])
        return outline + 1 if outline is not None and outline < _DEEPEST else None

    def numbering(self, style: str) -> etree._Element | None:
        """The list that a style belongs to."""
        found = (child(element, "pPr", "numPr") for element in self._bases(style))
        return next((one for one in found if one is not None), None)

    def _bases(self, style: str) -> Iterator[etree._Element]:
        for _ in range(10):  # styles may go round in circles
            element = self._styles.get(style)
            if element is None:
                return
            yield element
            style = attribute(child(element, "basedOn"), "val")


class _Lists:
    """What stands before the items of lists: a dash, or their number."""

    def __init__(self, root: etree._Element | None) -> None:
        abstract: dict[str, dict[str, str]] = {}
        self._formats: dict[str, dict[str, str]] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        if root is None:
            return
        for element in root.iterfind("{*}abstractNum"):
            levels = element.iterfind("{*}lvl")
            abstract[attribute(element, "abstractNumId")] = {
                attribute(level, "ilvl"): attribute(child(level, "numFmt"), "val") for level in levels
            }
        for element in root.iterfind("{*}num"):
            kind = attribute(child(element, "abstractNumId"), "val")
            self._formats[attribute(element, "numId")] = abstract.get(kind, {})

    def mark(self, numbering: etree._Element | None) -> str:
        """The mark of the next item of a list; "" when `numbering` names none."""
        number, level = attribute(child(numbering, "numId"), "val"), attribute(child(numbering, "ilvl"), "val") or "0"
        if not number or number == "0":
            return ""
        indent = "  " * (int(level) if level.isdecimal() else 0)
        form = self._formats.get(number, {}).get(level, "bullet")
        if form in ("bullet", "none", ""):
            return f"{indent}- "
        self._counts[number, level] += 1
        for other in [key for key in self._counts if key[0] == number and key[1] > level]:
            del self._counts[other]
        return f"{indent}{self._counts[number, level]}. "


def _notes(root: etree._Element | None, kind: str) -> dict[str, str]:
    """Notes and comments by id; comments with who wrote them."""
    notes: dict[str, str] = {}
    for element in root if root is not None else ():
        text = " ".join(" ".join(t.text or "" for t in p.iter("{*}t")) for p in element.iter("{*}p"))
        if text.strip() and attribute(element, "type") not in ("separator", "continuationSeparator"):
            author = attribute(element, "author")
            lead = f"Comment by {author}: " if author else "Comment: "
            notes[attribute(element, "id")] = lead + text if kind == "comments" else text
    return notes


def _outline(element: etree._Element | None) -> int | None:
    said = attribute(element, "val")
    return int(said) if said.isdecimal() else None


def _of(cell: etree._Element, row: etree._Element) -> bool:
    return next(cell.iterancestors("{*}tr"), None) is row
