"""RSS, RDF and Atom: what a feed says of itself, then a section per entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from lxml import etree

from sensorium.core.types import Place
from sensorium.readers.dates import iso_date
from sensorium.readers.flow import html_text, one_line, plain
from sensorium.readers.safe_xml import Places, language, local, namespace
from sensorium.readers.sections import Section, known

ENTRIES = frozenset({"item", "entry"})
_MODULES = {
    "http://purl.org/dc/elements/1.1/": "dc:", "http://purl.org/dc/terms/": "dc:",
    "http://purl.org/rss/1.0/modules/content/": "content:",
    "http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes:", "http://search.yahoo.com/mrss/": "media:",
    "http://www.w3.org/2005/atom": "atom:", "http://www.w3.org/1999/02/22-rdf-syntax-ns#": "rdf:",
}  # fmt: skip
_TEXTS = (
    "content",
    "content:encoded",
    "description",
    "summary",
    "itunes:summary",
    "media:description",
    "dc:description",
)
_HEADERS = ("description", "tagline", "subtitle", "itunes:summary", "dc:description", "info")
_DATES = ("pubDate", "published", "issued", "dc:date", "updated", "modified", "created", "lastBuildDate", "date")
_AUTHORS = ("author", "dc:creator", "itunes:author", "managingEditor")
_TOPICS = ("category", "dc:subject", "itunes:keywords", "keywords")
_TEXT_TYPES = ("text", "html", "xhtml")
_LONGEST_TITLE = 200

_Fields = dict[str, list[etree._Element]]


def is_feed(root: etree._Element) -> bool:
    """Whether this is the root of an RSS, RDF or Atom feed."""
    name, space = local(root), namespace(root)
    if name in ("rss", "channel"):
        return True
    if name == "feed":
        return not space or "atom" in space.lower()
    return name == "RDF" and any(local(child) in ("channel", "item") for child in root)


def about(root: etree._Element) -> dict[str, Any]:
    """What the feed says of itself, as attributes of the item."""
    channel = _channel(root)
    fields = _fields(channel)
    return known(
        title=_title(fields),
        description=_text(fields, _HEADERS),
        language=_text(fields, ("language", "dc:language")) or language(root) or language(channel),
        author=_author(fields),
        date=_date(fields),
        keywords=_topics(fields),
        url=_link(fields),
    )


def sections(root: etree._Element) -> Iterator[Section]:
    """The feed itself, then each entry, with its date, link, author and keywords."""
    places, channel = Places(), _channel(root)
    said = about(root)
    opening = "\n\n".join(said[name] for name in ("title", "description") if name in said)
    if opening:
        yield Section(opening, Place(section=places.path(channel)))
    for element in root.iter("{*}item", "{*}entry"):
        yield entry(element, places.path(element))


def entry(element: etree._Element, path: str) -> Section:
    """An entry: its title and its text, HTML turned into text."""
    fields = _fields(element)
    title, text = _title(fields), _text(fields, _TEXTS)
    heading = title if len(title) <= _LONGEST_TITLE else ""
    whole = text if title and text.startswith(title) else "\n\n".join(filter(None, (title, text)))
    topics = _topics(fields)
    attributes = known(heading=heading, date=_date(fields), link=_link(fields), author=_author(fields), keywords=topics)
    return Section(whole or ", ".join(topics), Place(section=path), attributes)


def _channel(root: etree._Element) -> etree._Element:
    found = root.find("{*}channel")
    return root if found is None else found


def _fields(element: etree._Element) -> _Fields:
    """The children by name: plainly those of the feed's own vocabulary, those of known modules with a prefix."""
    own = namespace(element)
    fields: _Fields = {}
    for child in element:
        space = namespace(child)
        prefix = "" if space == own else _MODULES.get(space.lower())
        if prefix is not None and (name := local(child)):
            fields.setdefault(prefix + name, []).append(child)
    return fields


def _title(fields: _Fields) -> str:
    return " ".join(_text(fields, ("title", "dc:title", "media:title")).split())


def _text(fields: _Fields, names: tuple[str, ...]) -> str:
    said = (_construct(element) for name in names for element in fields.get(name, ()))
    return next((text for text in said if text), "")


def _construct(element: etree._Element) -> str:
    """A text in any of the ways that feeds wrap it: plain, escaped HTML, or elements."""
    kind = (element.get("type") or "").lower()
    if element.get("mode") == "base64" or (kind and not kind.startswith("text/") and kind not in _TEXT_TYPES
                                           and "xml" not in kind):  # fmt: skip
        return ""
    if len(element):
        return plain(element)
    text = element.text or ""
    if kind in ("text", "text/plain") and element.get("mode") != "escaped":
        return text.strip()
    return html_text(text)


def _date(fields: _Fields) -> str:
    said = (iso_date(element.text) for name in _DATES for element in fields.get(name, ()))
    return next((date for date in said if date), "")


def _author(fields: _Fields) -> str:
    """Atom's name before its mail address; RSS writes "mail (Name)"."""
    for name in _AUTHORS:
        for element in fields.get(name, ()):
            inner = element.find("{*}name")
            said = one_line(element if inner is None else inner)
            before, bracket, after = said.partition("(")
            if bracket and "@" in before and after.rstrip(") "):
                said = after.rstrip(") ")
            if said:
                return said
    return ""


def _topics(fields: _Fields) -> list[str]:
    said: list[str] = []
    for name in _TOPICS:
        for element in fields.get(name, ()):
            whole = element.get("label") or element.get("term") or one_line(element)
            said += whole.split(",") if name.endswith("keywords") else [whole]
    return list(dict.fromkeys(topic.strip() for topic in said if topic.strip()))


def _link(fields: _Fields) -> str:
    links = [*fields.get("link", ()), *fields.get("atom:link", ())]
    links.sort(key=lambda link: link.get("rel", "alternate") != "alternate")
    found = next((said for link in links if (said := _address(link))), "")
    permanent = (guid for guid in fields.get("guid", ()) if guid.get("isPermaLink", "true") == "true")
    return found or next((said for guid in permanent if (said := (guid.text or "").strip()).startswith("http")), "")


def _address(link: etree._Element) -> str:
    said = (link.get("href") or link.text or "").strip()
    try:
        return urljoin(link.base or "", said) if said else ""  # `xml:base`, as far out as it stands
    except ValueError:
        return said
