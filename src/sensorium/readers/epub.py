"""Books in EPUB: chapter by chapter in reading order, each by its headings, with the pictures in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sensorium.core.errors import Unreadable
from sensorium.core.types import Part, Place
from sensorium.readers.book import Book, Package, package_of, resolved, titles
from sensorium.readers.contract import Limits, Source
from sensorium.readers.embedded import picture
from sensorium.readers.packed import opened
from sensorium.readers.page_content import whole
from sensorium.readers.page_markup import pieces, utf8
from sensorium.readers.page_parts import PageParts
from sensorium.readers.page_pictures import Load, embedded, is_embedded
from sensorium.readers.page_sections import Sections
from sensorium.readers.page_tree import HEADINGS, parsed, tree_of


class EpubReader:
    """The cover, then every chapter's sections with their tables and pictures."""

    kind = "epub"

    def accepts(self, media_type: str) -> bool:
        """EPUB 2 and 3."""
        return media_type == "application/epub+zip"

    def read(self, source: Source, limits: Limits) -> Iterator[Part]:
        """Passages, rows of tables and pictures, with `Place(section="chapter.xhtml#anchor")`.

        The first part's attributes are title, author, language, date, publisher, identifier, description and
        keywords. Chapters that are missing or damaged are passed over. Raises `Unreadable` for a book that is locked,
        that unpacks to more than `limits.max_unpacked_bytes`, or of which no chapter can be read.
        """
        with opened(source, "book") as archive:
            book = Book(archive, limits)
            package = package_of(book)
            attributes, shown = package.attributes, set[int]()
            for part in _parts(book, package, shown):
                yield replace(part, attributes={**attributes, **part.attributes}) if attributes else part
                attributes = {}


def _parts(book: Book, package: Package, shown: set[int]) -> Iterator[Part]:
    limits = book.limits
    if part := _cover(book, package, shown):
        yield part
    known = titles(book, package)
    trouble: Unreadable | None = None
    is_empty = True
    for path in package.chapters:
        try:
            data = book.read(path) or b""
            if len(data) > limits.max_text_bytes:
                raise Unreadable(f"a chapter of {len(data)} bytes: no more than {limits.max_text_bytes} are read")
            markup = utf8(data, is_xhtml=True)
        except Unreadable as error:
            trouble = trouble or error
            continue
        parts_of = PageParts(limits, _load(book, path), package.label(path), shown)
        for part in _chapter(markup, parts_of, known.get(path, "")):
            yield part
            is_empty = False
    if is_empty:
        raise trouble or Unreadable("nothing in it that can be read: a book without words and pictures")


def _chapter(markup: bytes, parts_of: PageParts, title: str) -> Iterator[Part]:
    sections = Sections()
    for piece in pieces(markup):
        tree = tree_of(parsed(piece))
        has_headings = not HEADINGS.keys().isdisjoint(tree.tags)
        for section in sections(tree, whole(tree), "" if has_headings else title):
            yield from parts_of(section)


def _cover(book: Book, package: Package, shown: set[int]) -> Part | None:
    load, label = _load(book, ""), package.label(package.cover)
    data = load(package.cover) if package.cover else None
    if not data:
        return None
    shown.add(hash(data))
    return picture(data, book.limits, Place(section=label), {"src": label})


def _load(book: Book, chapter: str) -> Load:
    def load(address: str) -> bytes | None:
        if is_embedded(address):
            return embedded(address, book.limits)
        try:
            return book.read(resolved(chapter, address))
        except Unreadable:  # the chapter is no worse for it
            return None

    return load


reader = EpubReader()
