"""What Word's and PowerPoint's packages share: parts, relations, pictures and properties."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from lxml import etree

from sensorium.core.errors import Unreadable
from sensorium.core.types import Part
from sensorium.readers.chapters import Illustration
from sensorium.readers.contract import Limits
from sensorium.readers.damage import unreadable
from sensorium.readers.dates import iso_date
from sensorium.readers.embedded import picture
from sensorium.readers.packed import unpacked
from sensorium.readers.safe_xml import local, parse
from sensorium.readers.sections import known

_LARGEST_PICTURE = 64 << 20
# What programs call a document whose author has not.
_NO_TITLE = frozenset({"powerpoint presentation", "word document", "untitled", "presentation", "document"})
_NO_DESCRIPTION = re.compile(r"generated (?:by|using) ", re.IGNORECASE)
_FILE_NAME = re.compile(r"\S+\.(?:png|jpe?g|gif|bmp|tiff?|emf|wmf|svg|webp)", re.IGNORECASE)


class Package:
    """A zip of XML files and pictures, read within the limits. Names are as in the zip, without a leading slash."""

    def __init__(self, archive: zipfile.ZipFile, limits: Limits) -> None:
        self._archive = archive
        self._limits = limits
        self._names = {name.lower(): name for name in archive.namelist()}
        self._seen: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether there is such a file, upper or lower case."""
        return name.lower() in self._names

    def data(self, name: str, largest: int = 0) -> bytes:
        """A file of the package, of at most `largest` bytes, else of as many as a text may have."""
        stored = self._names.get(name.lower())
        if stored is None:
            raise Unreadable("a damaged Office document: its main part is missing")
        return unpacked(self._archive, stored, self._limits, largest or self._limits.max_text_bytes)

    def xml(self, name: str) -> etree._Element | None:
        """The root of an XML file; None when there is no such file, or it is damaged beyond reading."""
        if not self.has(name):
            return None
        try:
            return parse(self.data(name))
        except Unreadable:  # a side part, such as notes or styles: the text is no worse for it
            return None

    def blocks(self, name: str, tags: tuple[str, ...]) -> Iterator[etree._Element]:
        """The outermost elements called `tags` of an XML file of any size, each emptied when the next is asked for."""
        with unreadable("a damaged Office document"):
            events = etree.iterparse(
                io.BytesIO(self.data(name)), events=("end",), tag=tags, recover=True, resolve_entities=False,
                no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True,
            )  # fmt: skip
            for _, element in events:
                if next(element.iterancestors(*tags), None) is None:
                    yield element
                    element.clear(keep_tail=False)
                    while element.getprevious() is not None:
                        del element.getparent()[0]

    def relations(self, name: str) -> dict[str, tuple[str, str]]:
        """What an XML file refers to: (kind, name in the package) by id. What lies outside is left out."""
        folder, _, base = name.rpartition("/")
        root = self.xml(f"{folder}/_rels/{base}.rels" if folder else f"_rels/{base}.rels")
        found: dict[str, tuple[str, str]] = {}
        for element in root if root is not None else ():
            target, key = element.get("Target") or "", element.get("Id") or ""
            if local(element) == "Relationship" and element.get("TargetMode") != "External":
                inside = posixpath.normpath(posixpath.join("/" + folder, unquote(target))).lstrip("/")
                found[key] = ((element.get("Type") or "").rpartition("/")[2], inside)
        return found

    def main(self, default: str) -> str:
        """The name of the document itself."""
        inside = (name for kind, name in self.relations("").values() if kind == "officeDocument")
        return next((name for name in inside if self.has(name)), default)

    def part(self, illustration: Illustration) -> Part | None:
        """The image part of a picture; None for what is no picture, and for one that was given before."""
        if illustration.name in self._seen or not self.has(illustration.name):
            return None
        self._seen.add(illustration.name)
        try:
            data = self.data(illustration.name, _LARGEST_PICTURE)
        except Unreadable:
            return None
        return picture(data, self._limits, illustration.place, illustration.attributes)

    def properties(self) -> dict[str, Any]:
        """Title, author, dates and so on, as the document's properties say them."""
        core, app = self.xml("docProps/core.xml"), self.xml("docProps/app.xml")
        said = {local(e): " ".join((e.text or "").split()) for root in (app, core) if root is not None for e in root}
        title, description = said.get("title", ""), said.get("description", "")
        pages = said.get("Pages", "")
        return known(
            title="" if title.lower() in _NO_TITLE else title,
            author=said.get("creator"),
            subject=said.get("subject"),
            description="" if _NO_DESCRIPTION.match(description) else description,
            language=said.get("language"),
            keywords=[word for word in map(str.strip, said.get("keywords", "").replace(";", ",").split(",")) if word],
            created=iso_date(said.get("created")),
            modified=iso_date(said.get("modified")),
            date=iso_date(said.get("created")) or iso_date(said.get("modified")),
            pages=int(pages) if pages.isdecimal() and int(pages) else None,
        )


def described_as(element: etree._Element | None, *names: str) -> str:
    """What the author says a picture shows, by the first of the attributes; the name of its file is no description."""
    said = next((" ".join(value.split()) for name in names if (value := attribute(element, name))), "")
    return "" if _FILE_NAME.fullmatch(said) else said


def attribute(element: etree._Element | None, name: str) -> str:
    """The value of an attribute by its local name; "" when there is none."""
    if element is None:
        return ""
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), "")


def relation(element: etree._Element, name: str) -> str:
    """An attribute that names a relation: in a namespace, since some elements have an `id` of their own as well."""
    return next(
        (value for key, value in element.attrib.items() if key.startswith("{") and key.endswith("}" + name)), ""
    )


def child(element: etree._Element | None, *path: str) -> etree._Element | None:
    """The first descendant along the local names of `path`."""
    for name in path:
        element = None if element is None else element.find("{*}" + name)
    return element
