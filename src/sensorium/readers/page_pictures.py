"""The pictures that a page shows: where they are, what is said of them, and their bytes, never from a network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from sensorium.core.errors import Unreadable
from sensorium.readers.contract import Limits, Source
from sensorium.readers.data_urls import data_of
from sensorium.readers.embedded import SMALLEST_SIDE
from sensorium.readers.page_tree import Attributes, tidy

Load = Callable[[str], bytes | None]
"""The bytes that an address stands for; None when there are none to be had."""

# Scripts load the picture that these name when it comes into view; `src` shows a grey box until then.
_LATER = ("data-src", "data-original", "data-lazy-src", "data-original-src", "data-hi-res-src")
_LATER_SETS = ("data-srcset", "data-lazy-srcset")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_NO_WORDS = re.compile(
    r"\W*|.*\.(?:jpe?g|png|gif|webp|svg|avif|bmp)|(?:img|image|photo|picture|logo|icon|avatar|spacer)\W*\d*",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"<[^<>]*>")
_QUOTED_BASE64 = re.compile(r"data:[^,]*;base64,[^,]*?%", re.IGNORECASE)
_MOST_SOURCES, _LONGEST_SET, _LONGEST_SRC, _LONGEST_ALT = 12, 1 << 16, 500, 2000


@dataclass(slots=True)
class PagePicture:
    """A picture in a page: the addresses that it may be had from, best first, and what is said of it."""

    sources: tuple[str, ...]
    alt: str
    caption: str = ""

    @property
    def src(self) -> str:
        """The first of its addresses that says anything to a person."""
        return next((source for source in self.sources if not is_embedded(source)), "")[:_LONGEST_SRC]


def picture_of(attributes: Attributes, more: list[Attributes]) -> PagePicture | None:
    """The picture of an <img>, with the <source>s beside it in its <picture>; None for dots that count visitors."""
    if _is_tiny(attributes):
        return None
    alt = tidy(_MARKUP.sub(" ", (attributes.get("alt") or attributes.get("title") or "")[:_LONGEST_ALT]))
    sources = list(dict.fromkeys(filter(None, _sources(attributes, more))))[:_MOST_SOURCES]
    if not sources and not alt:
        return None
    return PagePicture(tuple(sources), "" if _NO_WORDS.fullmatch(alt) else alt)


def _is_tiny(attributes: Attributes) -> bool:
    sides = (attributes.get("width") or "", attributes.get("height") or "")
    return any(side.isascii() and side.isdigit() and len(side) < 9 and int(side) < SMALLEST_SIDE for side in sides)


def _sources(attributes: Attributes, more: list[Attributes]) -> Iterator[str]:
    for name in _LATER:
        yield (attributes.get(name) or "").strip()
    yield (attributes.get("src") or "").strip()
    for each in (attributes, *more):
        for name in ("srcset", *_LATER_SETS):
            yield from _largest_first(each.get(name) or "")


def _largest_first(srcset: str) -> list[str]:
    """The addresses of a `srcset` such as "small.jpg 320w, large.jpg 640w"; a comma may be part of an address."""
    if is_embedded(srcset):
        return srcset.split()[:1]
    found: list[tuple[float, str]] = []
    address = ""
    for token in srcset[:_LONGEST_SET].split():
        if not address:
            address = token.strip(",")
            if address and token.endswith(","):
                found.append((1.0, address))
                address = ""
            continue
        size, comma, following = token.partition(",")
        found.append((_size(size), address))
        address = following if comma else ""
    found += [(1.0, address)] if address else []
    return [address for _, address in sorted(found, key=lambda each: -each[0])]


def _size(said: str) -> float:
    """Of "640w" or "2x" the number."""
    try:
        return float(said[:-1])
    except ValueError:
        return 1.0


def embedded(address: str, limits: Limits) -> bytes | None:
    """What a `data:` address holds; None for all others."""
    if not is_embedded(address) or len(address) > 2 * limits.max_text_bytes:
        return None
    return data_of(unquote(address) if _QUOTED_BASE64.match(address[:200]) else address)


def is_embedded(address: str) -> bool:
    """Whether it is a `data:` address."""
    return address[:5].lower() == "data:"


def beside(source: Source, limits: Limits) -> Load:
    """Loads pictures from `data:` addresses, and from files in the folder of the page `source` and below."""
    folder = Path(source.path).resolve().parent if source.data is None else None

    def load(address: str) -> bytes | None:
        if is_embedded(address):
            return embedded(address, limits)
        return _file(folder, address, limits) if folder is not None else None

    return load


def _file(folder: Path, address: str, limits: Limits) -> bytes | None:
    for name in dict.fromkeys((address, re.split(r"[?#]", address, maxsplit=1)[0])):
        path = inside(folder, name)
        if path is None:
            continue
        file = Source.from_path(path)
        try:
            if file.size <= limits.max_text_bytes:
                with file.open() as stream:
                    return stream.read(limits.max_text_bytes)
        except (Unreadable, OSError):  # not there, no file, or not for us: the page is no worse for it
            continue
    return None


def inside(folder: Path, address: str) -> Path | None:
    """The path that a relative `address` names in `folder` or below; None for every way out, links among them."""
    name = unquote(address).replace("\\", "/")
    if not name or name.startswith("/") or _SCHEME.match(name) or "\0" in name or ".." in name.split("/"):
        return None
    try:
        path = (folder / name).resolve()
    except (OSError, RuntimeError, ValueError):  # links in a circle, names that are too long
        return None
    return path if path.is_relative_to(folder) and path != folder else None
