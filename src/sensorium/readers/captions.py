"""What people wrote into a picture: its title, description, author and keywords, in XMP, IPTC, PNG texts and EXIF."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from PIL import Image
from PIL.ExifTags import Base

from sensorium.readers.damage import DAMAGE
from sensorium.readers.exif import words

_LONGEST_XMP = 1 << 20
_MOST_KEYWORDS = 64
_DC = "{http://purl.org/dc/elements/1.1/}"
_RDF_ITEM = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_IPTC_RESOURCE = 0x0404
_IPTC = {5: "title", 120: "description", 80: "author", 25: "keywords"}
_DOCUMENT_NAME = 269
_LONGEST = {"title": 200, "description": 2000, "author": 200}


def captions_of(picture: Image.Image, exif: Image.Exif) -> dict[str, Any]:
    """`title`, `description`, `author` (texts) and `keywords` (a list), as far as a loaded picture has them.

    Where several say the same thing, XMP goes before IPTC, that before the texts of a PNG, and those before EXIF.
    """
    info = picture.info
    found: dict[str, Any] = _from_exif(exif) if exif else {}
    if picture.format == "PNG":
        found.update(_from_texts(info))
    if isinstance(photoshop := info.get("photoshop"), Mapping):
        found.update(_from_iptc(photoshop.get(_IPTC_RESOURCE, b"")))
    if xmp := info.get("xmp"):
        found.update(_from_xmp(xmp.encode() if isinstance(xmp, str) else xmp))
    return found


def _from_exif(exif: Image.Exif) -> dict[str, Any]:
    said = {
        "title": words(exif.get(_DOCUMENT_NAME)) or _wide(exif.get(Base.XPTitle)),
        "description": words(exif.get(Base.ImageDescription), 2000) or _wide(exif.get(Base.XPComment)),
        "author": words(exif.get(Base.Artist)) or _wide(exif.get(Base.XPAuthor)),
        "keywords": _keywords(_wide(exif.get(Base.XPKeywords)).split(";")),
    }
    return {name: value for name, value in said.items() if value}


def _wide(value: Any) -> str:
    """A text that Windows wrote, in UTF-16."""
    if not isinstance(value, bytes):
        return ""
    return words_of(value.decode("utf-16-le", "replace").split("\0")[0], 2000)


def _from_texts(info: Mapping[Any, Any]) -> dict[str, str]:
    named = {str(name).lower(): value for name, value in info.items() if isinstance(value, str)}
    return {name: said for name, most in _LONGEST.items() if (said := words_of(named.get(name, ""), most))}


def _from_iptc(data: Any) -> dict[str, Any]:
    """IPTC's records: 0x1c, record, data set, length, value. Latin-1, unless it says that it is UTF-8, or is."""
    said: dict[str, list[str]] = {}
    at = 0
    while isinstance(data, bytes) and data[at : at + 1] == b"\x1c" and at + 5 <= len(data):
        record, name, length = data[at + 1], data[at + 2], int.from_bytes(data[at + 3 : at + 5], "big")
        at += 5 + length
        if record == 2 and name in _IPTC and length < 0x8000:
            said.setdefault(_IPTC[name], []).append(_decoded(data[at - length : at]))
    found: dict[str, Any] = {
        name: text for name, most in _LONGEST.items() if (text := words_of("; ".join(said.get(name, [])), most))
    }
    if keywords := _keywords(said.get("keywords", [])):
        found["keywords"] = keywords
    return found


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _from_xmp(packet: bytes) -> dict[str, Any]:
    if not isinstance(packet, bytes) or b"dc:" not in packet or len(packet) > _LONGEST_XMP:
        return {}
    from lxml import etree

    # Nothing outside the packet is ever opened, and no entity grows.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True)
    try:
        root = etree.fromstring(packet.strip(b"\0 \r\n\t"), parser)
    except DAMAGE:
        return {}
    if root is None:
        return {}
    found: dict[str, Any] = {}
    for name, element in (("title", "title"), ("description", "description"), ("author", "creator")):
        if text := words_of("; ".join(_items(root, element, one=name != "author")), _LONGEST[name]):
            found[name] = text
    if keywords := _keywords(_items(root, "subject", one=False)):
        found["keywords"] = keywords
    return found


def _items(root: Any, element: str, *, one: bool) -> list[str]:
    """The texts under Dublin Core's `element`; of translations only the one for everybody, else the first."""
    listed = [item for each in root.iter(_DC + element) for item in each.iter(_RDF_ITEM)]
    if one:
        listed = sorted(listed, key=lambda item: item.get(_LANGUAGE) != "x-default")[:1]
    return [text for item in listed if (text := words_of(item.text or "", 2000))]


def _keywords(said: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(word for each in said if (word := words_of(each, 100))))[:_MOST_KEYWORDS]


def words_of(text: Any, longest: int) -> str:
    """`text` on one line, at most `longest` characters; what cannot be written as UTF-8 is left out."""
    clean = str(text).encode("utf-8", "ignore").decode()
    return " ".join(clean.replace("\0", " ").split())[:longest]
