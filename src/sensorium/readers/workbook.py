"""What all workbooks share: what an open one is, how a cell's value is written, and their XML as it is read."""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

from sensorium.readers.table_rows import tidy

Rows = Iterator[list[str]]
Element = Any  # lxml says nothing of its types
WIDEST = 16384  # columns, as in Excel
LONGEST_CELL = 32767  # characters, as in Excel
LOCKED = "a workbook that is locked with a password: remove the password"
_SAID = {
    "title": "title", "creator": "author", "subject": "subject", "description": "description", "language": "language",
    "created": "created", "creation-date": "created", "modified": "modified", "date": "modified",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Book:
    """An open workbook: its sheets' names, what it says of itself, and the rows of a sheet by its place."""

    names: list[str]
    said: Mapping[str, Any]
    rows: Callable[[int], Rows]

    def sheets(self) -> Iterator[tuple[str, Rows]]:
        """Each sheet's name and rows of tidy cells; blank rows are left out."""
        for at, name in enumerate(self.names):
            yield name, (row for row in self.rows(at) if any(row))


def shown(value: Any) -> str:
    """A cell's value as a person writes it: whole numbers without a point, moments in ISO 8601."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"
    if isinstance(value, datetime.datetime):
        whole = value.replace(microsecond=0)
        return whole.date().isoformat() if whole.time() == datetime.time() else whole.isoformat(sep=" ")
    return tidy(str(value))


def elements(archive: zipfile.ZipFile, name: str, *tags: str) -> Iterator[tuple[str, str, Element]]:
    """(event, local name, element) as elements of these local names start and end; what has ended is let go."""
    with archive.open(name) as stream:
        wanted = tuple(f"{{*}}{tag}" for tag in tags)
        parser = etree.iterparse(
            stream, events=("start", "end"), tag=wanted, resolve_entities=False, load_dtd=False, no_network=True,
            huge_tree=False, remove_comments=True, remove_pis=True,
        )  # fmt: skip
        for event, element in parser:
            yield event, local(element), element
            if event == "end":
                element.clear(keep_tail=False)
                while (before := element.getprevious()) is not None:
                    element.getparent().remove(before)


def local(element: Element) -> str:
    """An element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def told(archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    """What a workbook's metadata say: title, author, subject, description, keywords, language, created, modified."""
    found: dict[str, Any] = {}
    if name not in archive.namelist():
        return found
    for event, tag, element in elements(archive, name, *_SAID, "keywords", "keyword"):
        said = tidy("".join(element.itertext())) if event == "end" else ""
        if said and tag.startswith("keyword"):
            found["keywords"] = [*found.get("keywords", []), *(word.strip() for word in said.split(","))]
        elif said:
            found[_SAID[tag]] = said
    return found
