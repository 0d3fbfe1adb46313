"""XML of any kind: what its elements and attributes say, a section per record."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from lxml import etree

from sensorium.core.types import Place
from sensorium.readers.dates import iso_date, ymd
from sensorium.readers.flow import html_text, names, one_line, plain
from sensorium.readers.safe_xml import Places, attributes_of, language, local
from sensorium.readers.sections import Section, known

_HEADINGS = ("title", "name", "label", "heading", "head", "docTitle", "navLabel", "subject", "summary", "caption")
_TELLING = names("title name label description desc alt caption text summary tooltip comment body headline value")
_LINKS = ("href", "url", "src", "link", "loc")
_DATES = ("date", "pubDate", "published", "created", "updated", "modified", "time", "lastmod", "timestamp")
# Attributes that are for programs.
_SILENT = names(
    "id class style lang space version type rel property refines scheme prefix encoding playorder unique-identifier "
    "xmlns schemalocation nonamespaceschemalocation role ref idref media-type datatype guid uuid base dir"
)
_UNNAMED = names("text p para value item li string")  # names that say no more than "text here"
_WORD = re.compile(r"[^\W\d_]{2}")
_BLANK = re.compile(r"\s")
_LONGEST_HEADING = 120
_LONGEST_WORD = 200
_FIRST = 50  # children among which an element's heading, date and link are looked for
_MIXED = 3  # letters between elements that make an element prose


def about(root: etree._Element) -> dict[str, Any]:
    """What can be told of the whole document from the usual names of its first elements."""
    head = root if len(root) != 1 else root[0]
    meta = next((child for child in root if local(child) in ("head", "metadata", "meta", "info", "header")), head)
    return known(
        title=_field(meta, _HEADINGS) or _field(root, _HEADINGS),
        description=_field(meta, ("description", "subtitle")),
        author=_field(meta, ("author", "creator", "ownerName")),
        date=iso_date(_field(meta, ("date", "dateModified", "dateCreated", *_DATES))),
        publisher=_field(meta, ("publisher",)),
        identifier=_field(meta, ("identifier",)),
        language=language(root) or _field(meta, ("language", "lang")),
    )


_TOLD = {  # of a book's package and its table of contents: what is meant for people
    "package": frozenset({"metadata"}), "ncx": frozenset({"docTitle", "docAuthor", "navMap"}),
}  # fmt: skip


def without_works(root: etree._Element) -> etree._Element:
    """`root` of an OPF or NCX document without what only programs read; every other root as it is."""
    if told := _TOLD.get(local(root)):
        for child in [child for child in root if local(child) not in told]:
            root.remove(child)
        for inner in list(root.iter("{*}meta", "{*}link")):
            inner.getparent().remove(inner)
    return root


class Records:
    """Cuts a tree of data into sections of about `size` characters: repeated elements each, else by element."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._places = Places()

    def sections(self, root: etree._Element) -> Iterator[Section]:
        """The sections in and under `root`."""
        if self._is_one(root):
            yield self.section(root, self._places.of(root))
            return
        fields = _attributes(root)
        for child in root:
            if not local(child):
                continue
            if not _is_record(child):
                fields += _line(child)
            if not _is_record(child) or not _speaks(child):
                continue
            if fields:
                yield self._gathered(root, fields)
                fields = []
            yield from self.sections(child)
        if fields:
            yield self._gathered(root, fields)

    def speaks(self, record: etree._Element) -> bool:
        """Whether there is a word in a record."""
        return _speaks(record)

    def section(self, record: etree._Element, place: Place) -> Section:
        """One record as a section: its prose, or a line per field."""
        if not _speaks(record):
            text = self._silent(record)
        else:
            text = plain(record) if _is_prose(record) else "\n".join(_lines(record))
        links = (record, *islice(record, _FIRST))
        link = next((said for element in links if (said := _attribute(element, _LINKS))), "") or _field(record, _LINKS)
        date = iso_date(_field(record, _DATES))
        return Section(text, place, known(heading=_heading(record), link=link, date=date))

    def _silent(self, record: etree._Element) -> str:
        """Of what holds nothing but numbers and links: enough to be known by, no more."""
        said = _start(record.itertext(), self._size) or _start(_linked(record), self._size)
        whole = f"{_spoken(local(record))}: {said}" if said else ""
        return whole[: self._size].rsplit(None, 1)[0] if len(whole) > self._size else whole

    def _gathered(self, element: etree._Element, fields: list[str]) -> Section:
        heading = _heading(element)
        return Section("\n".join(fields), self._places.of(element), known(heading=heading))

    def _is_one(self, element: etree._Element) -> bool:
        """Whether an element is a record itself: prose, or small and without repeated records inside."""
        if _is_prose(element) or not _is_record(element) or not _speaks(element):
            return True
        return _length(element, 2 * self._size) <= 2 * self._size and not any(
            map(_repeats, element.iter(etree.Element))
        )


def outline(root: etree._Element, size: int) -> Iterator[Section]:
    """An OPML document: its topmost outlines each, cut further where they are long."""
    places = Places()
    body = root.find("{*}body")
    for element in root if body is None else body:
        yield from _outline(element, size, places, ())


def _outline(element: etree._Element, size: int, places: Places, above: tuple[str, ...]) -> Iterator[Section]:
    lines = list(_outlined(element, 0))
    said = _outline_text(element)
    link = _attribute(element, ("htmlUrl", "url", "xmlUrl"))
    attributes = known(heading=above[-1] if above else said[:_LONGEST_HEADING], link=link)
    if sum(map(len, lines)) <= 2 * size or not len(element):
        yield Section("\n".join(lines), places.of(element), attributes)
        return
    yield Section(said, places.of(element), attributes)
    for child in element:
        yield from _outline(child, size, places, (*above, said[:_LONGEST_HEADING]))


def _outlined(element: etree._Element, depth: int) -> Iterator[str]:
    if said := _outline_text(element):
        yield "  " * depth + ("- " if depth else "") + said
    for child in element:
        yield from _outlined(child, depth + 1)


def _outline_text(element: etree._Element) -> str:
    text = html_text(element.get("text") or element.get("title") or "")
    more = (element.get(name) or "" for name in ("description", "_note"))
    return ". ".join(dict.fromkeys(" ".join(said.split()) for said in (text, *more) if said.strip()))


def citation(article: etree._Element, place: Place) -> Section:
    """An article of PubMed: title, abstract and keywords; authors, date and link as attributes."""
    title = one_line(article.find(".//{*}ArticleTitle")) or one_line(article.find(".//{*}BookTitle"))
    paragraphs = [title]
    for piece in article.iterfind(".//{*}Abstract/{*}AbstractText"):
        label = (piece.get("Label") or "").capitalize()
        paragraphs.append(f"{label}: {one_line(piece)}" if label else one_line(piece))
    people = [
        " ".join(one_line(author.find(name)) for name in ("{*}ForeName", "{*}LastName", "{*}CollectiveName")).strip()
        for author in article.iterfind(".//{*}AuthorList/{*}Author")
    ]
    journal = one_line(article.find(".//{*}Journal/{*}Title"))
    topics = [one_line(e) for e in (*article.iterfind(".//{*}Keyword"), *article.iterfind(".//{*}DescriptorName"))]
    dated = article.find(".//{*}JournalIssue/{*}PubDate")
    number = one_line(article.find(".//{*}PMID"))
    attributes = known(
        heading=title, author=", ".join(people), journal=journal, keywords=topics, date=_pubmed_date(dated),
        link=f"https://pubmed.ncbi.nlm.nih.gov/{number}/" if number else "",
    )  # fmt: skip
    paragraphs.append("Keywords: " + ", ".join(topics) if topics else "")
    return Section("\n\n".join(filter(None, paragraphs)), place, attributes)


def _pubmed_date(dated: etree._Element | None) -> str:
    if dated is None:
        return ""
    year, month, day, other = (one_line(dated.find("{*}" + name)) for name in ("Year", "Month", "Day", "MedlineDate"))
    return ymd(year, month, day) or iso_date(other)


def _repeats(element: etree._Element) -> bool:
    """Whether there are several records of one name in it."""
    names = Counter(local(child) for child in element if _is_record(child) and _speaks(child))
    return any(count > 1 for count in names.values())


def _is_record(element: etree._Element) -> bool:
    """Whether it has fields: elements inside, or several attributes in place of a text."""
    if len(element):
        return not _is_prose(element)
    return len(element.attrib) > 1 and len(_attributes(element)) > 1 and not (element.text or "").strip()


def _is_prose(element: etree._Element) -> bool:
    """Text and elements mixed, as in sentences."""
    if not len(element):
        return False
    between = sum(len(child.tail.strip()) for child in element if child.tail)
    return between + len((element.text or "").strip()) >= _MIXED


def _speaks(element: etree._Element) -> bool:
    """Whether there is a word in it, in a text or in an attribute."""
    return any(
        (inner.text and _WORD.search(inner.text)) or (inner.attrib and any(map(_WORD.search, _values(inner))))
        for inner in element.iter(etree.Element)
    )


def _length(element: etree._Element, enough: int) -> int:
    length = 0
    for inner in element.iter(etree.Element):
        length += len((inner.text or "").strip()) + sum(len(value) for _, value in attributes_of(inner))
        if length > enough:
            break
    return length


def _lines(element: etree._Element) -> Iterator[str]:
    """An element as lines of "name: value", its own name left out, and numbers that stand in no text."""
    if any(map(_WORD.search, _values(element))):
        yield from _attributes(element)
    if not len(element) and (text := _value(element.text)):
        yield text
    for child in element:
        if local(child) and (not len(child) or _speaks(child)):
            yield from _lines(child) if len(child) and not _is_prose(child) else _line(child)


def _line(element: etree._Element) -> list[str]:
    """A field as "name: value (attributes)", in a list; none when it says nothing."""
    if len(element) and not _is_prose(element):
        return list(_lines(element))
    text = one_line(element) if len(element) else _value(element.text)
    name = local(element)
    lead = "" if name.lower() in _UNNAMED else f"{_spoken(name)}: "
    if text:
        telling = ", ".join(_values(element, _TELLING))
        return [f"{lead}{text} ({telling})" if telling else f"{lead}{text}"]
    said = _attributes(element)
    return [f"{lead}{', '.join(said)}"] if said and _speaks(element) else []


def _attributes(element: etree._Element) -> list[str]:
    """The attributes that may be read: bare values where the name says so, else as "name: value"."""
    said = []
    for key, value in attributes_of(element):
        name = _bare(key)
        if (text := _value(value)) and name.lower() not in _SILENT and name not in _LINKS:
            said.append(text if name.lower() in _TELLING else f"{_spoken(name)}: {text}")
    return said


def _values(element: etree._Element, names: frozenset[str] = frozenset()) -> list[str]:
    """The values of the attributes that may be read, or of those called `names`."""
    return [
        text
        for key, value in attributes_of(element)
        if (text := _value(value))
        and (_bare(key).lower() in names if names else _bare(key).lower() not in _SILENT and _bare(key) not in _LINKS)
    ]


def _linked(record: etree._Element) -> Iterator[str]:
    before = ""
    for inner in record.iter(etree.Element):
        link = _attribute(inner, _LINKS).partition("#")[0] if inner.attrib else ""
        if link and link != before:
            yield link
            before = link


def _start(pieces: Iterator[str], size: int) -> str:
    """The first pieces, until there are `size` characters."""
    said: list[str] = []
    for piece in pieces:
        if sum(map(len, said)) > size:
            break
        said += piece.split()
    return " ".join(said)


def _value(text: str | None) -> str:
    """A value on one line; HTML in it turned into text."""
    text = (text or "").strip()
    start = text[:_LONGEST_WORD]
    if len(text) >= _LONGEST_WORD and start.isascii() and (not _WORD.search(text) or not _BLANK.search(start)):
        return ""  # coordinates by the thousand, or a file as base64
    return " ".join((html_text(text) if "<" in text else text).split())


def _heading(element: etree._Element) -> str:
    said = _field(element, _HEADINGS)
    return said if len(said) <= _LONGEST_HEADING else ""


def _field(element: etree._Element, names: tuple[str, ...]) -> str:
    """The first of the named attributes or child elements that says something."""
    if said := _attribute(element, names):
        return said
    children: dict[str, etree._Element] = {}
    for child in islice(element, _FIRST):
        children.setdefault(local(child).lower(), child)
    found = (children[name.lower()] for name in names if name.lower() in children)
    return next((text for child in found if (text := one_line(child))), "")


def _attribute(element: etree._Element, names: tuple[str, ...]) -> str:
    values = {_bare(key).lower(): value for key, value in attributes_of(element)}
    return next((said for name in names if (said := " ".join(values.get(name.lower(), "").split()))), "")


def _bare(name: str) -> str:
    return name.rpartition("}")[2]


def _spoken(name: str) -> str:
    """A name as words: "pubDate" is "pub date"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.]+", " ", name).lower().strip()
