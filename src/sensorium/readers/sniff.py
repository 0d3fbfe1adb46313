"""A file's media type, told by its content. The name decides only between kinds of text."""

from __future__ import annotations

import re

from sensorium.readers.charset import glance, looks_like_text
from sensorium.readers.contract import Source
from sensorium.readers.marks import by_mark

EMPTY = "application/x-empty"
UNKNOWN = "application/octet-stream"

_SOURCE_SUFFIXES = (
    "asm bat c cc cfg clj cmake cpp cs css dart ex f90 go gradle h hpp hs ini ipynb java jl js json jsx kt lua m ml "
    "php pl ps1 py r rb rs s scala sh sql swift toml ts tsx v vue yaml yml zig"
)
_SUFFIXES = {
    **dict.fromkeys(("md", "markdown", "mdown", "mkd"), "text/markdown"),
    **dict.fromkeys(("rst", "rest"), "text/x-rst"),
    **dict.fromkeys(("html", "htm", "xhtml"), "text/html"),
    **dict.fromkeys(("xml", "rss", "atom", "tei", "xsl", "xslt", "xsd", "opf", "ncx", "kml", "gpx"), "application/xml"),
    "svg": "image/svg+xml",
    **dict.fromkeys(_SOURCE_SUFFIXES.split(), "text/x-source"),
}  # fmt: skip
_MARKUP = frozenset({"text/html", "application/xml", "image/svg+xml"})


def sniff(source: Source) -> str:
    """The media type of what `source` holds, such as "image/jpeg" or "text/markdown".

    Text that is no markup is "text/plain", or by its name "text/markdown", "text/x-rst" or "text/x-source". A film
    container without a film in it is "audio/...". Unknown binary content is "application/octet-stream", no content
    "application/x-empty". Raises `Unreadable` when the source cannot be opened.
    """
    head = source.head()
    if not head:
        return EMPTY
    found = by_mark(head)
    if found.startswith("video/") and _only_sound(source):
        return "audio/" + found.removeprefix("video/")
    if found:
        return found
    return _text_type(head, source.name) if looks_like_text(head) else _by_puremagic(head)


def _only_sound(source: Source) -> bool:
    from sensorium.readers.audio import holds_only_sound  # loads FFmpeg, which most files do without

    return holds_only_sound(source)


def _text_type(head: bytes, name: str) -> str:
    start = glance(head).lstrip("\ufeff \t\r\n\0").lower()
    named = _SUFFIXES.get(name.rpartition(".")[2].lower(), "") if "." in name else ""
    opening = re.sub(r"^(?:<\?xml.*?\?>|<!--.*?-->|\s)+", "", start, flags=re.DOTALL)
    if opening.startswith(("<!doctype html", "<html", "<head>", "<body")):
        return "text/html"
    if re.match(r"<(?:svg[\s>]|!doctype svg)", opening):
        return "image/svg+xml"
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
