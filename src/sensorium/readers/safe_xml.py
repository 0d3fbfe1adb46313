"""XML that nobody should trust, parsed: nothing fetched, nothing opened, entities and depth bounded, slips mended."""

from __future__ import annotations

import codecs
import io
import re
from collections import Counter
from collections.abc import Iterator
from html.entities import html5
from itertools import islice

from lxml import etree

from sensorium.core.errors import Unreadable
from sensorium.core.types import Place
from sensorium.readers.charset import decode
from sensorium.readers.damage import unreadable

# A tree takes up to some 250 bytes for each mark of its text, so these are 200 MB.
MOST_ATTRIBUTES = 1000
_LARGEST_TREE = 800_000
_LONGEST_ID = 200
_XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"

# Atomic, since a thousand comments without a declaration would otherwise be tried in all combinations.
_DECLARATION = re.compile(r"\A(?>\s*<!--(?:(?!-->).)*-->)*\s*<\?xml[^>]*\?>", re.DOTALL)
_ELEMENT = re.compile(r"<[A-Za-z_]")
_COMMENT = re.compile(r"<!--(.*?)-->", re.DOTALL)
_ENCODING = re.compile(rb"<\?xml[^>]*?\sencoding\s*=\s*[\"']([\w.:-]{1,40})[\"']")
_WIDE = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"\0<", b"<\0")
_SINGLE_BYTE = re.compile(r"iso8859|cp125|latin|ascii|mac")
_AMPERSAND = re.compile(
    r"(<!\[CDATA\[.*?(?:\]\]>|\Z))|&(?:#(x[0-9A-Fa-f]{1,32}|[0-9]{1,32});|(\w{1,32});|(?!#?\w{1,32};))", re.DOTALL
)
_FORBIDDEN = dict.fromkeys((*(c for c in range(32) if c not in (9, 10, 13)), 0xFFFE, 0xFFFF), " ")
_PREDEFINED = frozenset({"amp", "lt", "gt", "quot", "apos"})
_DEFINED = re.compile(r"<!ENTITY\s+([\w.-]+)\s")


def parse(data: bytes) -> etree._Element:
    """The root of the document in `data`. What is not well formed is mended as far as it goes, else cut there.

    Raises `Unreadable` when there is no element at all, and when the tree would not fit into memory.
    """
    if is_large(data):
        raise Unreadable("an XML document with more elements than are held in memory")
    text = text_of(data)
    root = _strict(text)
    if root is None:
        mended = _mended(text)
        root = _recovered(mended)
        if root is None and (start := _ELEMENT.search(mended)):  # a damaged prologue
            root = _recovered(mended[start.start() :])
    if root is None:
        raise Unreadable("damaged XML: no element in it can be read")
    return root


def is_large(data: bytes) -> bool:
    """Whether the tree of `data` would take hundreds of megabytes: such documents are read by `records`."""
    return data.count(b"<") + data.count(b"=") > _LARGEST_TREE


def records(data: bytes) -> Iterator[tuple[etree._Element, str]]:
    """(element, path) of a large document's records, its repeated elements, one at a time.

    An element is emptied when the next is asked for. Raises `Unreadable` like `parse`.
    """
    depth = _record_depth(data)
    steps: list[str] = []
    counts: list[Counter[str]] = [Counter()]
    with unreadable("damaged XML"):
        options = {"resolve_entities": False, "no_network": True, "load_dtd": False, "recover": True}
        events = etree.iterparse(
            io.BytesIO(data), events=("start", "end"), huge_tree=False, remove_comments=True, remove_pis=True, **options
        )
        for event, element in events:
            if event == "start":
                name = local(element)
                counts[-1][name] += 1
                steps.append(f"{name}[{counts[-1][name]}]" if steps else name)
                counts.append(Counter())
                continue
            if len(steps) == depth:
                yield element, "/" + "/".join(steps)
                _forget(element)
            steps.pop()
            counts.pop()


def _forget(element: etree._Element) -> None:
    """Empties what was read, and drops what stands before it, so that a long document's tree stays small."""
    element.clear(keep_tail=False)
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _record_depth(data: bytes) -> int:
    """How deep the repeated elements lie: below the root, follow the largest child until there are many alike."""
    element = etree.fromstring(_mended(text_of(data[: 1 << 20])).encode("utf-8", "replace"), _parser(recover=True))
    if element is None:
        raise Unreadable("damaged XML: no element in it can be read")
    depth = 1
    while len(element):
        depth += 1
        alike = Counter(local(child) for child in element)
        if alike.most_common(1)[0][1] >= 3:
            break
        element = max(element, key=lambda child: sum(1 for _ in child.iter()))
    return depth


def text_of(data: bytes) -> str:
    """An XML document's text without its declaration: by byte order mark, declared encoding or its own look."""
    return _DECLARATION.sub("", _decoded(data), count=1)


def comments(data: bytes) -> list[str]:
    """The comments of a document, in their order."""
    return _COMMENT.findall(_decoded(data))


def _decoded(data: bytes) -> str:
    declared = _declared(data)
    if not declared or data.startswith(_WIDE):
        return decode(data)
    try:
        # UTF-8 in a file that says Latin-1 is common; Latin-1 that happens to be valid UTF-8 is not met.
        return data.decode("utf-8" if _SINGLE_BYTE.match(declared) else declared)
    except UnicodeDecodeError:
        return decode(data) if declared in ("utf-8", "ascii") else data.decode(declared, "replace")


def _declared(data: bytes) -> str:
    found = _ENCODING.search(data[:1000])
    if not found:
        return ""
    try:
        name = codecs.lookup(found[1].decode()).name
    except (LookupError, UnicodeDecodeError):
        return ""
    # Python has codecs that are no character sets ("rot13", "zip"), and such as only its own tools write.
    return "" if name.startswith(("utf-16", "utf-32")) or not codecs.lookup(name)._is_text_encoding else name


def _strict(text: str) -> etree._Element | None:
    try:
        return etree.fromstring(text.encode("utf-8", "replace"), _parser(recover=False))
    except etree.XMLSyntaxError:
        return None


def _recovered(text: str) -> etree._Element | None:
    try:
        return etree.fromstring(text.encode("utf-8", "replace"), _parser(recover=True))
    except etree.XMLSyntaxError:  # not a single element
        return None


def _parser(*, recover: bool) -> etree.XMLParser:
    # "internal": entities that the document itself defines are put in, to the bound that libxml2 keeps (ten levels of
    # ten are refused); those of other files are never looked for.
    return etree.XMLParser(
        encoding="utf-8", recover=recover, resolve_entities="internal", no_network=True, load_dtd=False,
        dtd_validation=False, huge_tree=False, remove_comments=True, remove_pis=True,
    )  # fmt: skip


def _mended(text: str) -> str:
    """Bare ampersands, HTML's names of letters and unfinished CDATA, as the document's author meant them.

    Characters that no XML may have become spaces, also where they are only referred to by their number.
    """
    defined = _PREDEFINED | frozenset(_DEFINED.findall(text[:200_000]))

    def mend(found: re.Match[str]) -> str:
        kept, number, name = found.groups()
        if kept:
            return kept if kept.endswith("]]>") else kept + "]]>"
        if number:
            return found[0] if _is_character(int(number.lstrip("x"), 16 if number[0] == "x" else 10)) else " "
        if name is None:
            return "&amp;"
        letters = html5.get(name + ";")
        return found[0] if name in defined or letters is None else "".join(f"&#{ord(c)};" for c in letters)

    return _AMPERSAND.sub(mend, text.translate(_FORBIDDEN))


def _is_character(code: int) -> bool:
    """Whether XML 1.0 allows it (2.2, Char)."""
    return code in (9, 10, 13) or 0x20 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or 0x10000 <= code < 0x110000


def local(element: etree._Element) -> str:
    """The name of an element without namespace and prefix; "" for comments, instructions and entities."""
    tag = element.tag
    return tag.rpartition("}")[2].rpartition(":")[2] if isinstance(tag, str) else ""


def namespace(element: etree._Element) -> str:
    """The namespace of an element, "" when it has none."""
    tag = element.tag
    return tag[1:].partition("}")[0] if isinstance(tag, str) and tag.startswith("{") else ""


def language(element: etree._Element) -> str:
    """What `xml:lang` or `lang` says on the element itself, else ""."""
    return (element.get(_XML_LANG) or element.get("lang") or "").strip()


class Places:
    """Where elements of one tree stand: their id, else their path such as "/rss/channel/item[3]"."""

    def __init__(self) -> None:
        self._steps: dict[etree._Element, dict[etree._Element, str]] = {}

    def of(self, element: etree._Element) -> Place:
        """The place of an element."""
        found = (element.get(_XML_ID) or element.get("id") or "").strip()
        return Place(section=found if found and len(found) <= _LONGEST_ID else self.path(element))

    def path(self, element: etree._Element) -> str:
        """The names of an element and those around it, numbered from 1 where several siblings share a name."""
        steps = []
        while (parent := element.getparent()) is not None:
            if parent not in self._steps:
                self._steps[parent] = _numbered(parent)
            steps.append(self._steps[parent][element])
            element = parent
        return "/" + "/".join([local(element), *reversed(steps)])


def _numbered(parent: etree._Element) -> dict[etree._Element, str]:
    totals, seen, steps = Counter(map(local, parent)), Counter[str](), {}
    for child in parent:
        name = local(child)
        seen[name] += 1
        steps[child] = f"{name}[{seen[name]}]" if totals[name] > 1 else name
    return steps


def attributes_of(element: etree._Element) -> list[tuple[str, str]]:
    """(name, value) of an element's attributes: of the first thousand, since to look up each takes lxml longer."""
    return [(str(name), str(element.get(name, ""))) for name in islice(element.attrib, MOST_ATTRIBUTES)]
