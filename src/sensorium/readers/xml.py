"""XML: feeds, articles, books, plays, drawings and data, in sections with their places."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from itertools import chain

from lxml import etree

from sensorium.core.errors import Unreadable
from sensorium.core.types import Part, Place
from sensorium.readers import feeds, svg
from sensorium.readers.contract import Limits, Source
from sensorium.readers.damage import unreadable
from sensorium.readers.data_urls import data_of, decoded
from sensorium.readers.embedded import picture
from sensorium.readers.records import Records, about, citation, outline, without_works
from sensorium.readers.safe_xml import Places, attributes_of, comments, is_large, local, parse, records
from sensorium.readers.sections import Section, described, known, text_parts
from sensorium.readers.sniff import sniff
from sensorium.readers.vocabularies import prose

_PACKED = "image/svg+xml-compressed"
_TYPES = frozenset({"application/xml", "image/svg+xml", _PACKED})
_CITATIONS = frozenset({"PubmedArticle", "PubmedBookArticle"})
_DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,[A-Za-z0-9+/=\s]+")  # in HTML that is text, as in feeds
_HREFS = ("href", "{http://www.w3.org/1999/xlink}href")


class XmlReader:
    """A text part per section, in passages; the pictures inside as image parts."""

    kind = "xml"

    def accepts(self, media_type: str) -> bool:
        """XML of any vocabulary, and SVG."""
        return media_type in _TYPES

    def read(self, source: Source, limits: Limits) -> Iterator[Part]:
        """Text parts with `Place(section=...)`, an element's id or its path such as "/rss/channel/item[3]".

        Raises `Unreadable` for what is no XML at all, for more than `limits.max_text_bytes`, and for a drawing
        without words when the extra `svg` is missing.
        """
        with unreadable("XML that cannot be read"):
            yield from _parts(_bytes(source, limits), limits)


def _parts(data: bytes, limits: Limits) -> Iterator[Part]:
    if is_large(data):
        yield from _large(data, limits)
        return
    root = parse(data)
    if local(root) == "svg":
        yield from _drawing(root, limits)
        return
    sections, item = _sections(root, limits)
    texts = (part for section in sections for part in text_parts(section, limits))
    empty = True
    for part in described(chain(texts, _pictures(root, limits)), item):
        empty = False
        yield part
    if empty:
        yield from _remarks(data, root, limits)


def _remarks(data: bytes, root: etree._Element, limits: Limits) -> Iterator[Part]:
    """The comments, for a document that says nothing else: a test's or a template's purpose stands in them."""
    said = (comment.strip() for comment in comments(data))
    text = "\n\n".join(comment for comment in said if any(map(str.isalpha, comment)))
    if not text:
        raise Unreadable("an XML document without a word in it")
    yield from text_parts(Section(text, Places().of(root)), limits)


def _bytes(source: Source, limits: Limits) -> bytes:
    largest = limits.max_text_bytes
    if source.size > largest:
        raise Unreadable(f"an XML document of {source.size} bytes: no more than {largest} are read")
    with unreadable("cannot be read"), source.open() as stream:
        if sniff(source) != _PACKED:
            return stream.read(largest)
        with gzip.open(stream) as packed:
            data = packed.read(largest + 1)
    if len(data) > largest:
        raise Unreadable(f"a packed drawing of more than {largest} bytes: no more are unpacked")
    return data


def _sections(root: etree._Element, limits: Limits) -> tuple[Iterator[Section], dict[str, object]]:
    """The sections by what kind of document this is, and the attributes of the whole."""
    if feeds.is_feed(root):
        found, item = feeds.sections(root), feeds.about(root)
    elif kind := prose(root):
        item = kind.about(root)
        found = kind.sections(root, item)
    elif local(root) == "opml":
        found, item = outline(root, limits.passage_characters), about(root)
    elif any(local(child) in _CITATIONS for child in root):
        found = _citations(root)
        item = _of_the_only(root)
    else:
        item = about(root)
        found = Records(limits.passage_characters).sections(without_works(root))
    first = next((section for section in found if section.text), None)
    if first is None:  # a document of a known kind in which that kind's elements are missing or empty
        return Records(limits.passage_characters).sections(root), item
    return chain((first,), found), item


def _citations(root: etree._Element) -> Iterator[Section]:
    places = Places()
    for article in root:
        if local(article) in _CITATIONS:
            yield citation(article, places.of(article))


def _of_the_only(root: etree._Element) -> dict[str, object]:
    """What a single article says of itself holds for its file."""
    articles = [child for child in root if local(child) in _CITATIONS]
    if len(articles) != 1:
        return {}
    found = dict(citation(articles[0], Place()).attributes)
    return known(title=found.pop("heading", ""), url=found.pop("link", ""), **found)


def _large(data: bytes, limits: Limits) -> Iterator[Part]:
    """A document whose tree would not fit into memory, record by record."""
    generic, found = Records(limits.passage_characters), False
    for element, path in records(data):
        if found and not generic.speaks(element):
            continue
        found = True
        if local(element) in feeds.ENTRIES:
            section = feeds.entry(element, path)
        elif local(element) in _CITATIONS:
            section = citation(element, Place(section=path))
        else:
            section = generic.section(element, Place(section=path))
        yield from text_parts(section, limits)


def _drawing(root: etree._Element, limits: Limits) -> Iterator[Part]:
    drawing = svg.Drawing(root)
    parts = list(text_parts(drawing.section(), limits))
    try:
        parts += svg.parts(drawing, limits)
    except Unreadable:
        if not parts:
            raise
    if not parts:
        raise svg.unseen(drawing)
    yield from described(parts, drawing.about)


def _pictures(root: etree._Element, limits: Limits) -> Iterator[Part]:
    """The pictures that the document holds itself, as data URLs or as FictionBook's binaries."""
    places = Places()
    named = {e.get("id"): e for e in root.iter("{*}binary") if e.get("id") and e.text}
    for element in root.iter(etree.Element):
        for name, value in attributes_of(element):
            if name in _HREFS and value[:1] == "#" and value[1:] in named:
                yield from _picture(decoded(named.pop(value[1:]).text or ""), element, places, limits)
            elif value[:20].lstrip().startswith("data:image/"):
                yield from _picture(data_of(value), element, places, limits)
        for url in _DATA_URL.findall(element.text) if element.text and "data:image/" in element.text else ():
            yield from _picture(data_of(url), element, places, limits)
    for binary in named.values():
        yield from _picture(decoded(binary.text or ""), binary, places, limits)


def _picture(data: bytes | None, element: etree._Element, places: Places, limits: Limits) -> Iterator[Part]:
    caption = next((said for name in ("alt", "title", "desc") if (said := element.get(name))), "")
    holder = element.getparent() if element.getparent() is not None and not element.get("id") else element
    found = picture(data or b"", limits, places.of(holder), known(alt=" ".join(caption.split())))
    if found is not None:
        yield found


reader = XmlReader()
