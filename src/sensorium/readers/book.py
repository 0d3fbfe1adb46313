"""What an EPUB says about itself: its chapters in order, its cover, its contents, its attributes."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from lxml import etree

from sensorium.core.errors import Unreadable
from sensorium.readers.contract import Limits
from sensorium.readers.dates import iso_date
from sensorium.readers.packed import unpacked
from sensorium.readers.page_markup import utf8
from sensorium.readers.page_tree import parsed, tidy, tree_of
from sensorium.readers.safe_xml import local, parse

_CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
_PAGES = frozenset({"application/xhtml+xml", "text/html", "text/x-oeb1-document", "application/x-dtbook+xml"})
_PAGE_NAME = re.compile(r".*\.x?html?$", re.IGNORECASE)
_NUMBERS = re.compile(r"(\d+)")
# Fonts are commonly scrambled by these, in books that are not locked.
_SCRAMBLED_FONTS = frozenset({"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"})
_LOCKED = "a book that is locked by its seller (DRM): only the seller's own app can open it"
_LONGEST, _MOST_SUBJECTS = 2000, 30


class Book:
    """The files of an EPUB by their paths, whose upper and lower case is taken as it comes."""

    def __init__(self, archive: zipfile.ZipFile, limits: Limits) -> None:
        self.archive = archive
        self.limits = limits
        size = sum(entry.file_size for entry in archive.infolist())
        if size > limits.max_unpacked_bytes:
            raise Unreadable(f"a book of {size} bytes when unpacked: no more than {limits.max_unpacked_bytes} are")
        self.names = {name.lower(): name for name in reversed(archive.namelist())}

    def read(self, path: str) -> bytes | None:
        """What is in the file; None when there is none. Raises `Unreadable` when it is damaged or locked."""
        name = self.names.get(path.lower())
        return unpacked(self.archive, name, self.limits) if name is not None else None

    def xml(self, path: str) -> etree._Element | None:
        """The root of an XML file; None when it is missing or beyond repair."""
        try:
            data = self.read(path)
            return parse(data) if data else None
        except Unreadable:
            return None


@dataclass(frozen=True, slots=True)
class Package:
    """`chapters`, `cover` and `contents` are paths in the book ("" for none); `folder` is what they all begin with."""

    folder: str
    chapters: tuple[str, ...]
    cover: str
    contents: str
    attributes: dict[str, Any]

    def label(self, path: str) -> str:
        """A chapter's path as the book itself gives it."""
        return path.removeprefix(self.folder + "/") if self.folder else path


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    media_type: str
    properties: tuple[str, ...]


def package_of(book: Book) -> Package:
    """What the book's package document says; as far as it is missing or broken, what the files themselves show.

    Raises `Unreadable` when there is no chapter, and when the chapters are locked.
    """
    path = _package_path(book)
    root = book.xml(path) if path else None
    folder = posixpath.dirname(path) if root is not None else ""
    files = dict(_files(root, folder)) if root is not None else {}
    contents = next((file.path for file in files.values() if "nav" in file.properties), "")
    chapters = _chapters(book, root, files, contents)
    if not chapters:
        raise Unreadable("a book without chapters that can be read")
    if not _scrambled(book).isdisjoint(path.lower() for path in chapters):
        raise Unreadable(_LOCKED)
    index = next((file.path for file in files.values() if file.media_type == "application/x-dtbncx+xml"), "")
    attributes = _attributes(root) if root is not None else {}
    return Package(folder, chapters, _cover(root, files), contents or index, attributes)


def resolved(base: str, address: str) -> str:
    """The path in the book that `address` means in the file `base`; "" for what lies outside."""
    name = unquote(re.split(r"[#?]", address.strip(), maxsplit=1)[0])
    if not name or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//", name):
        return ""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(base), name)).lstrip("/")
    return "" if path.startswith("..") else path


def titles(book: Book, package: Package) -> dict[str, str]:
    """What the book's table of contents calls its chapters, by path."""
    path = package.contents
    try:
        data = book.read(path) if path else None
    except Unreadable:  # a book can be read without it
        data = None
    if not data:
        return {}
    found: dict[str, str] = {}
    pairs = _index_titles(book, path) if path.lower().endswith(".ncx") else _contents_titles(data)
    for address, title in pairs:
        if title and (chapter := resolved(path, address)):
            found.setdefault(chapter, title)
    return found


def _index_titles(book: Book, path: str) -> Iterator[tuple[str, str]]:
    """Of an EPUB 2: <navPoint><navLabel><text>Title</text></navLabel><content src="..."/>."""
    root = book.xml(path)
    for point in root.iter("{*}navPoint") if root is not None else ():
        label, content = point.find("{*}navLabel/{*}text"), point.find("{*}content")
        if label is not None and content is not None:
            yield content.get("src") or "", tidy("".join(label.itertext()))


def _contents_titles(data: bytes) -> Iterator[tuple[str, str]]:
    for link in parsed(utf8(data, is_xhtml=True)).css("nav a[href]"):
        yield link.attributes.get("href") or "", tidy(link.text())


def _package_path(book: Book) -> str:
    root = book.xml(_CONTAINER)
    found = [unquote(each.get("full-path") or "") for each in root.iter("{*}rootfile")] if root is not None else []
    found += sorted(name for name in book.names.values() if name.lower().endswith(".opf"))
    return next((path for path in found if path.lower() in book.names), "")


def _files(root: etree._Element, folder: str) -> Iterator[tuple[str, _File]]:
    for item in root.iter("{*}item"):
        path = resolved(f"{folder}/" if folder else "", item.get("href") or "")
        if path:
            media_type = (item.get("media-type") or "").strip().lower()
            yield item.get("id") or path, _File(path, media_type, tuple((item.get("properties") or "").split()))


def _chapters(book: Book, root: etree._Element | None, files: dict[str, _File], contents: str) -> tuple[str, ...]:
    """In reading order; when that names none that is there, as they are listed; else as they are called."""
    spine = [reference.get("idref") or "" for reference in root.iter("{*}itemref")] if root is not None else []
    in_order = [files[name].path for name in spine if name in files]
    listed = [each.path for each in files.values() if each.media_type in _PAGES or _PAGE_NAME.match(each.path)]
    named = sorted(filter(_PAGE_NAME.match, book.names.values()), key=_in_numbers)
    for paths in (in_order, listed, named):
        there = dict.fromkeys(path for path in paths if path.lower() in book.names and path != contents)
        if there:
            return tuple(there)
    return ()


def _in_numbers(name: str) -> list[tuple[int, str]]:
    """Chapter 10 comes after chapter 9."""
    return [(int(each) if each.isdigit() else -1, each) for each in _NUMBERS.split(name) if len(each) < 19]


def _scrambled(book: Book) -> set[str]:
    """The lower-case paths of files that only the seller's app can read."""
    root = book.xml(_ENCRYPTION)
    found: set[str] = set()
    for data in root.iter("{*}EncryptedData") if root is not None else ():
        method = next(data.iter("{*}EncryptionMethod"), None)
        if method is None or method.get("Algorithm") not in _SCRAMBLED_FONTS:
            found |= {unquote(each.get("URI") or "").lstrip("/").lower() for each in data.iter("{*}CipherReference")}
    return found


def _cover(root: etree._Element | None, files: dict[str, _File]) -> str:
    """The picture on the cover: as EPUB 3 marks it, as EPUB 2 does, or by its name."""
    pictures = {name: file for name, file in files.items() if file.media_type.startswith("image/")}
    if root is None:
        return ""
    marked = [file.path for file in pictures.values() if "cover-image" in file.properties]
    said = [each.get("content") or "" for each in root.iter("{*}meta") if each.get("name") == "cover"]
    marked += [pictures[name].path for name in said if name in pictures]
    named = [f.path for name, f in pictures.items() if "cover" in f"{name} {posixpath.basename(f.path)}".lower()]
    return next(iter(marked + named), "")


def _attributes(root: etree._Element) -> dict[str, Any]:
    said: dict[str, list[str]] = {}
    metadata = next(root.iter("{*}metadata"), root)
    for element in metadata.iter():
        if (name := local(element)) and (text := tidy("".join(element.itertext())[:_LONGEST])):
            said.setdefault(name.lower(), []).append(text)
    found: dict[str, Any] = {
        "title": said.get("title", [""])[0],
        "description": _without_markup(said.get("description", [""])[0]),
        "language": said.get("language", [""])[0],
        "author": ", ".join(dict.fromkeys(said.get("creator", []))),
        "date": _date(metadata),
        "publisher": said.get("publisher", [""])[0],
        "identifier": _identifier(root, said.get("identifier", [""])[0]),
        "keywords": list(dict.fromkeys(said.get("subject", [])))[:_MOST_SUBJECTS],
    }
    return {name: value for name, value in found.items() if value}


def _date(metadata: etree._Element) -> str:
    """When it was published; some programs write the year 101 for what they do not know."""
    dates = list(metadata.iter("{*}date"))
    dates.sort(key=lambda each: "publication" not in each.attrib.values())
    said = (iso_date("".join(each.itertext())) for each in dates)
    return next((date for date in said if date and not date.startswith("0")), "")


def _identifier(root: etree._Element, first: str) -> str:
    wanted = root.get("unique-identifier") or None
    of_book = next((each for each in root.iter("{*}identifier") if wanted and each.get("id") == wanted), None)
    return first if of_book is None else tidy("".join(of_book.itertext())) or first


def _without_markup(said: str) -> str:
    return tree_of(parsed(said.encode())).text(0) if "<" in said else said
