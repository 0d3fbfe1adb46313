"""What a page says about itself: title, description, language, author, date, site, address, keywords."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from html import unescape
from typing import Any

from selectolax.lexbor import LexborHTMLParser, LexborNode

from sensorium.readers.dates import iso_date
from sensorium.readers.page_tree import tidy

# Open Graph, Dublin Core, those of HTML itself and of search engines; the first that is there is taken.
_NAMES = {
    "title": ("og:title", "twitter:title", "dc.title", "citation_title"),
    "description": ("description", "og:description", "twitter:description", "dc.description"),
    "language": ("content-language", "og:locale", "dc.language"),
    "author": ("author", "article:author", "dc.creator", "citation_author", "parsely-author"),
    "date": (
        "article:published_time", "datepublished", "date", "dc.date", "dc.date.issued", "dcterms.created",
        "citation_publication_date", "parsely-pub-date", "pubdate", "sailthru.date", "article:modified_time",
        "last-modified",
    ),
    "site": ("og:site_name", "application-name"),
    "url": ("og:url",),
    "keywords": ("keywords", "news_keywords", "article:tag"),
}  # fmt: skip
_LONGEST, _LONGEST_DESCRIPTION, _MOST_KEYWORDS = 300, 1000, 30
_LONGEST_DATA = 1 << 19


def attributes_of(page: LexborHTMLParser) -> dict[str, Any]:
    """The attributes of a page; those that it does not say are left out."""
    said = _metas(page)
    found = {name: next((said[each] for each in names if each in said), "") for name, names in _NAMES.items()}
    data = _linked_data(page) if not (found["author"] and found["date"]) else {}
    root = page.css_first("html")
    lang = (root.attributes.get("lang") or root.attributes.get("xml:lang") or "") if root else ""
    url = _attribute(page, "link[rel=canonical]", "href") or found["url"]
    author = found["author"] if not found["author"].startswith(("http:", "https:")) else ""
    attributes = {
        "title": found["title"] or _text(page.css_first("head > title")) or _text(page.css_first("h1")),
        "description": found["description"],
        "language": (lang.strip() or found["language"].partition(",")[0]).replace("_", "-")[:35],
        "author": author or _text(page.css_first("[itemprop=author] [itemprop=name], [rel=author]")) or _author(data),
        "date": iso_date(found["date"]) or iso_date(str(data.get("datePublished", ""))) or _shown_date(page),
        "site": found["site"],
        "url": url if url.startswith(("http://", "https://")) else "",
        "keywords": _keywords(found["keywords"]),
    }
    shortened = {n: _shortened(v, n) if isinstance(v, str) else v for n, v in attributes.items()}
    return {name: value for name, value in shortened.items() if value}


def _metas(page: LexborHTMLParser) -> dict[str, str]:
    """What the <meta> elements say, by their lower-case names; of several of a name the first, of tags all."""
    said: dict[str, str] = {}
    for node in page.css("meta[content]"):
        attributes = node.attributes
        name = attributes.get("name") or attributes.get("property") or attributes.get("itemprop")
        name = (name or attributes.get("http-equiv") or "").strip().lower().replace("dcterms.", "dc.")
        content = tidy(unescape((attributes.get("content") or "")[:10_000]))  # many are escaped twice
        if name == "article:tag" and name in said and len(said[name]) < _LONGEST_DESCRIPTION:
            said[name] += f", {content}"
        elif name and content:
            said.setdefault(name, content)
    return said


def _linked_data(page: LexborHTMLParser) -> dict[str, Any]:
    """The first object of a page's JSON-LD that has a date or an author."""
    for node in page.css('script[type="application/ld+json"]'):
        text = node.text()
        if len(text) > _LONGEST_DATA:
            continue
        with suppress(ValueError, RecursionError):
            for each in _objects(json.loads(text, strict=False)):
                if "datePublished" in each or "author" in each:
                    return each
    return {}


def _objects(data: Any) -> Iterator[dict[str, Any]]:
    for each in data if isinstance(data, list) else [data]:
        if isinstance(each, dict):
            yield each
            graph = each.get("@graph")
            yield from (one for one in graph if isinstance(one, dict)) if isinstance(graph, list) else ()


def _author(data: dict[str, Any]) -> str:
    authors = data.get("author")
    names = [
        each.get("name") if isinstance(each, dict) else each
        for each in (authors if isinstance(authors, list) else [authors])
    ]
    return ", ".join(tidy(name) for name in names if isinstance(name, str) and not name.startswith("http"))


def _shown_date(page: LexborHTMLParser) -> str:
    node = page.css_first("[itemprop=datePublished], time[pubdate], article time[datetime]")
    if node is None:
        return ""
    attributes = node.attributes
    return iso_date(attributes.get("datetime") or attributes.get("content") or _text(node))


def _attribute(page: LexborHTMLParser, selector: str, name: str) -> str:
    node = page.css_first(selector)
    return (node.attributes.get(name) or "").strip() if node else ""


def _text(node: LexborNode | None) -> str:
    return tidy(node.text()[:5000]) if node else ""


def _keywords(said: str) -> list[str]:
    words = (word.strip() for word in re.split(r"[,;]", said))
    return list(dict.fromkeys(word[:100] for word in words if word))[:_MOST_KEYWORDS]


def _shortened(said: str, name: str) -> str:
    longest = _LONGEST_DESCRIPTION if name == "description" else _LONGEST
    return said if len(said) <= longest else said[: longest - 3] + "..."
