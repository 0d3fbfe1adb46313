"""A file's media type, told by its content. The name decides only between kinds of text."""

from __future__ import annotations

import re
import zlib

from sensorium.readers.animation import ANIMATED, is_animated
from sensorium.readers.charset import glance, looks_like_text
from sensorium.readers.contract import Source
from sensorium.readers.marks import OLE, by_mark
from sensorium.readers.ole import ole_type
from sensorium.readers.packed import OFFICE, office_type, packed_type
from sensorium.readers.picture_marks import picture_by_name

EMPTY = "application/x-empty"
UNKNOWN = "application/octet-stream"
_GZIP, _SVG = "application/gzip", "image/svg+xml"
_CD_MARK_AT = 32769

_SOURCE_SUFFIXES = (
    "asm bat c cc cfg clj cmake cpp cs css dart ex f90 go gradle h hpp hs ini ipynb java jl js json jsx kt lua m ml "
    "php pl ps1 py r rb rs s scala sh sql swift toml ts tsx v vue yaml yml zig"
)
_SUFFIXES = {
    **dict.fromkeys(("md", "markdown", "mdown", "mkd"), "text/markdown"),
    **dict.fromkeys(("rst", "rest"), "text/x-rst"),
    **dict.fromkeys(("html", "htm", "xhtml"), "text/html"),
    **dict.fromkeys(("xml", "rss", "atom", "tei", "xsl", "xslt", "xsd", "opf", "ncx", "kml", "gpx"), "application/xml"),
    **dict.fromkeys(("opml", "fb2", "nxml", "docbook", "dbk", "smil", "xspf"), "application/xml"),
    "svg": _SVG, "csv": "text/csv",
    **dict.fromkeys(("tsv", "tab"), "text/tab-separated-values"),
    **dict.fromkeys(("jsonl", "ndjson"), "application/x-ndjson"),
    **dict.fromkeys(_SOURCE_SUFFIXES.split(), "text/x-source"),
}  # fmt: skip
_MARKUP = frozenset({"text/html", "application/xml", _SVG})


def glimpse(source: Source) -> str:
    """The media type that the first bytes show: what `sniff` says, or what it makes more precise.

    Without any decoder, so that even a process that must not die may call it. Raises `Unreadable` like `sniff`.
    """
    head = source.head()
    if not head:
        return EMPTY
    found = by_mark(head)
    if found == "application/zip":
        return packed_type(head)
    if found == OLE:
        told = ole_type(source)
        return "application/vnd.ms-excel" if told == OLE and source.name.lower().endswith(".xls") else told
    if found == _GZIP:
        return _gzipped(head)
    if found or (found := picture_by_name(head, _suffix(source.name))):
        return found
    if looks_like_text(head):
        return _text_type(head, source.name)
    if b"%PDF-" in head[:1024]:  # what stands before it, such as a printer's commands, every viewer passes over
        return "application/pdf"
    return _disk_image(source, head) or _by_puremagic(head)


def sniff(source: Source) -> str:
    """The media type of what `source` holds, such as "image/jpeg" or "text/markdown".

    Text that is no markup is "text/plain", or by its name "text/markdown", "text/x-rst" or "text/x-source". A film
    container without a film in it is "audio/...", an animated picture "video/...". Unknown binary content is
    "application/octet-stream", no content "application/x-empty". Raises `Unreadable` when the source cannot be opened.
    """
    found = glimpse(source)
    if found.startswith("video/"):
        return "audio/" + found.removeprefix("video/") if _only_sound(source) else found
    if found in ANIMATED and is_animated(source, found):
        return ANIMATED[found]
    return office_type(source) if found == OFFICE else found


def _suffix(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


def _gzipped(head: bytes) -> str:
    """A compressed SVG is a picture; what else is compressed is not looked at."""
    try:
        inner = zlib.decompressobj(wbits=31).decompress(head, len(head))
    except zlib.error:
        return _GZIP
    picture = looks_like_text(inner) and _text_type(inner, "") == _SVG
    return _SVG + "-compressed" if picture else _GZIP


def _disk_image(source: Source, head: bytes) -> str:
    """A CD's image (ISO 9660): empty for 32 kB, then its mark."""
    if any(head[:32]) or source.size < _CD_MARK_AT + 5:
        return ""
    found = source.head(_CD_MARK_AT + 5)[_CD_MARK_AT:] == b"CD001"
    return "application/x-disk-image" if found else ""


def _only_sound(source: Source) -> bool:
    from sensorium.readers.audio import holds_only_sound  # loads FFmpeg, which most files do without

    return holds_only_sound(source)


def _text_type(head: bytes, name: str) -> str:
    start = glance(head).lstrip("\ufeff \t\r\n\0").lower()
    named = _SUFFIXES.get(_suffix(name), "")
    opening = re.sub(r"^(?:<\?xml.*?\?>|<!--.*?-->|\s)+", "", start, flags=re.DOTALL)
    if opening.startswith(("<!doctype html", "<html", "<head>", "<body")):
        return "text/html"
    if re.match(r"<(?:svg[\s>]|!doctype svg)", opening):
        return _SVG
    if start.startswith("<?xml") or opening.startswith("<!doctype "):
        return "application/xml"
    if named in _MARKUP:
        return named if start.startswith("<") else "text/plain"
    return named or "text/plain"


def _by_puremagic(head: bytes) -> str:
    import puremagic

    try:
        guesses = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return UNKNOWN
    # Marks of fewer than four bytes are too often a coincidence, and "text" is what the content has just denied.
    sure = (guess.mime_type for guess in guesses if guess.mime_type and guess.confidence >= 0.4)
    return next((found for found in sure if not found.startswith("text/")), UNKNOWN)
