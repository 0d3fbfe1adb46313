"""Web pages: what they are about, by section, with their tables and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from sensorium.core.errors import Unreadable
from sensorium.core.types import Part, Place
from sensorium.readers.contract import Limits, Source
from sensorium.readers.damage import unreadable
from sensorium.readers.page_content import content_of
from sensorium.readers.page_head import attributes_of
from sensorium.readers.page_markup import is_huge, pieces, utf8
from sensorium.readers.page_parts import PageParts
from sensorium.readers.page_pictures import beside
from sensorium.readers.page_sections import TOP, Sections
from sensorium.readers.page_tree import parsed, tree_of
from sensorium.readers.passages import passages


class HtmlReader:
    """Sections by heading with their anchors; the first part carries what the page says about itself."""

    kind = "html"

    def accepts(self, media_type: str) -> bool:
        """HTML and XHTML."""
        return media_type in ("text/html", "application/xhtml+xml")

    def read(self, source: Source, limits: Limits) -> Iterator[Part]:
        """Passages, rows of tables and pictures, with `Place(section=anchor)`; see `Sections` for the anchors.

        Navigation, banners, forms, scripts and hidden elements are left out. Pictures come from `data:` addresses and
        from files in the page's folder and below; nothing is fetched. The first part's attributes are title,
        description, language, author, date, site, url and keywords; others' are heading, alt, caption and src.
        Raises `Unreadable` for a page of more than `limits.max_text_bytes`, for binary data and for empty pages.
        """
        if source.size > limits.max_text_bytes:
            raise Unreadable(f"a page of {source.size} bytes: no more than {limits.max_text_bytes} are read")
        with unreadable("cannot be read"), source.open() as stream:
            markup = utf8(stream.read(limits.max_text_bytes))
        is_empty = True
        for part in _parts(markup, PageParts(limits, beside(source, limits))):
            yield part
            is_empty = False
        if is_empty:
            raise Unreadable("nothing in it that can be read: a page without words and pictures")


def _parts(markup: bytes, parts_of: PageParts) -> Iterator[Part]:
    attributes: dict[str, Any] | None = None
    huge, sections = is_huge(markup), Sections()
    for piece in pieces(markup):
        page = _parsed(piece)
        attributes = attributes_of(page) if attributes is None else attributes
        title = attributes.get("title", "")
        tree = tree_of(page)
        del page  # as large as all that follows
        for section in sections(tree, content_of(tree, is_whole=not huge), title):
            for part in parts_of(section):
                yield replace(part, attributes={**attributes, **part.attributes})
                attributes = {}
    if attributes:  # nothing but a head: it still says what the page is about
        said = "\n\n".join(filter(None, (attributes.get("title"), attributes.get("description"))))
        for passage in passages(said, parts_of.limits.passage_characters):
            yield Part("text", passage.text, Place(section=TOP), attributes)
            attributes = {}


def _parsed(markup: bytes) -> LexborHTMLParser:
    with unreadable("a damaged page", SelectolaxError):
        return parsed(markup)


reader = HtmlReader()
