"""The bytes of a page as UTF-8 that a parser takes in reasonable time: decoded, flattened, in pieces when huge."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from sensorium.readers.charset import decode

PIECE_BYTES, PIECE_TAGS = 16 << 20, 150_000  # a tag costs about 500 bytes of memory
DEEPEST = 512  # as in browsers: deeper elements become siblings
_STEP = 1 << 20
_SAFE_TAGS = 10_000  # a tree of so many cannot be deep enough to matter

_DECLARED = re.compile(rb"<(?:meta\b[^>]*?charset|\?xml\b[^>]*?encoding)\s*=\s*[\"']?\s*([\w:.-]+)", re.IGNORECASE)
# What browsers take a declaration for (encoding.spec.whatwg.org), where Python's codec of that name knows less.
_WIDER = {
    "iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs",
}  # fmt: skip
_WRITTEN = re.compile(r"cp\d+|iso8859-\d+|koi8-\w|mac-cyrillic|gb18030|big5hkscs|euc_jp|iso2022_jp")
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_EMPTY_TAG = re.compile(rb"<([A-Za-z][\w:-]{0,40})(?![\w:-])([^<>]*)/>")
_VOID = frozenset(b"area base br col embed hr img input link meta param source track wbr".split())
_DATA_SECTION = re.compile(rb"<!\[CDATA\[|\]\]>")
_UNSEEN = re.compile(rb"<!--|<(script|style)\b", re.IGNORECASE)
_CUT = re.compile(rb"<(?:h[1-6]|section|article|div|table|tr|ul|ol|li|dl|dt|p|br|hr|pre)\b", re.IGNORECASE)
_BLANK = re.compile(rb"[\s<]")
_TAG = re.compile(rb"<(/?)([A-Za-z][^\s/>]*)[^<>]*>?")
# These close one another, or are closed at once: however many there are, they make no depth.
_FLAT = _VOID | frozenset(
    b"html head body p li dt dd option optgroup tr td th thead tbody tfoot caption colgroup rp rt rb rtc a nobr h1 h2 "
    b"h3 h4 h5 h6 script style title".split()
)
_FORMATTING = frozenset(b"b big code em font i s small strike strong tt u".split())


def utf8(data: bytes, *, is_xhtml: bool = False) -> bytes:
    """A page's bytes as UTF-8: by its mark, as what it is, by what it declares, or by its looks.

    Raises `Unreadable` for what is no text. What is XML (XHTML) is turned into what a parser of HTML understands.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    if b"\0" in data or b"\x1b$" in data or not _is_utf8(data):
        data = _decoded(data)
    return _html(data) if is_xhtml or data[:200].lstrip().startswith(b"<?xml") else data


def _is_utf8(data: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()  # as text, a page may take four times its bytes
    try:
        for begin in range(0, len(data), _STEP):
            decoder.decode(data[begin : begin + _STEP], final=begin + _STEP >= len(data))
    except UnicodeDecodeError:
        return False
    return True


def _html(data: bytes) -> bytes:
    """XHTML as HTML: `<title/>`, which would open a title that never ends, becomes `<title></title>`."""
    return _DATA_SECTION.sub(b"", _EMPTY_TAG.sub(_both_tags, data))


def _both_tags(found: re.Match[bytes]) -> bytes:
    name, rest = found[1], found[2]
    return found[0] if name.lower() in _VOID else b"<" + name + rest + b"></" + name + b">"


def _decoded(data: bytes) -> bytes:
    declared = _DECLARED.search(data[:4096])
    text = _by_name(declared[1].decode("ascii", "replace"), data) if declared else ""
    if not text:
        nulls = data.count(0)  # a few are damage, which browsers read on over; many are UTF-16
        text = decode(data.replace(b"\0", b"") if 0 < nulls <= len(data) // 50 else data)
    return text.encode("utf-8", "replace")


def _by_name(label: str, data: bytes) -> str:
    """`data` in the encoding that browsers call `label`; "" when it is none, or is not what the data is in."""
    try:
        if b"\0" in data:
            return ""
        name = codecs.lookup(label.lower().removeprefix("x-").replace("windows-31j", "cp932")).name
    except LookupError:
        return ""
    name = _WIDER.get(name, name)
    if name == "utf-8":
        text = data.decode(name, "replace")
        return text if text.count("\ufffd") * 5 <= sum(map(len, _FOREIGN.findall(text))) else ""
    if not _WRITTEN.fullmatch(name):
        return ""
    text = data.decode(name, "replace")
    return text if text.count("\ufffd") <= len(text) // 100 else ""


def is_huge(markup: bytes) -> bool:
    """Whether there are several pieces."""
    return len(markup) > PIECE_BYTES or markup.count(b"<") > PIECE_TAGS


def pieces(markup: bytes) -> Iterator[bytes]:
    """`markup` (UTF-8) in pieces that fit in memory as trees: nearly always one."""
    if markup.count(b"<") > _SAFE_TAGS:
        markup = flattened(markup)
    if not is_huge(markup):
        yield markup
        return
    seen = b"".join(_visible(markup))
    begin = 0
    while begin < len(seen):
        end = _end(seen, begin)
        yield seen[begin:end]
        begin = end


def _visible(markup: bytes) -> Iterator[bytes]:
    """`markup` without scripts, styles and comments, inside of which no cut may fall."""
    begin = 0
    while found := _UNSEEN.search(markup, begin):
        yield markup[begin : found.start()]
        ending = re.compile(rb"</" + found[1] if found[1] else rb"-->", re.IGNORECASE).search(markup, found.end())
        if ending is None:
            return
        begin = ending.start() if found[1] else ending.end()
    yield markup[begin:]


def _end(seen: bytes, begin: int) -> int:
    """Where the piece that begins at `begin` ends: before a block, once it has enough bytes or tags."""
    end = min(begin + PIECE_BYTES, len(seen))
    if seen.count(b"<", begin, end) > PIECE_TAGS:
        low, high = begin, end
        while high - low > 4096:
            middle = (low + high) // 2
            low, high = (low, middle) if seen.count(b"<", begin, middle) > PIECE_TAGS else (middle, high)
        end = high
    if end == len(seen):
        return end
    if block := _CUT.search(seen, end, end + _STEP):
        return block.start()
    if seen.rfind(b"<", begin, end) < seen.rfind(b">", begin, end) or b"<" not in seen[begin:end]:  # not within a tag
        blank = _BLANK.search(seen, end, end + _STEP)
        if blank:
            return blank.start()
        while end > begin + 4 and seen[end] & 0xC0 == 0x80:  # within a character
            end -= 1
        return end
    tag = _TAG.search(seen, end)
    return tag.start() if tag else len(seen)


def flattened(markup: bytes) -> bytes:
    """`markup` without the tags that would nest deeper than `DEEPEST`.

    Parsers need time in the square of the depth, as the standard wants it: a minute for 100,000 nested lists.
    """
    blocks, formats = _Nest(), _Nest()
    kept: list[bytes] = []
    begin = 0
    for found in _TAG.finditer(markup):
        name = found[2].lower()
        if name in _FLAT:
            continue
        nest = formats if name in _FORMATTING else blocks
        if not (nest.close(name) if found[1] else nest.open(name)):
            kept.append(markup[begin : found.start()])
            begin = found.end()
    kept.append(markup[begin:])
    return b"".join(kept) if begin else markup


class _Nest:
    """The elements that are open, roughly."""

    def __init__(self) -> None:
        self.names: list[bytes] = []
        self.counts: dict[bytes, int] = {}

    def open(self, name: bytes) -> bool:
        """Whether there is room for one more."""
        self.names.append(name)
        self.counts[name] = self.counts.get(name, 0) + 1
        return len(self.names) <= DEEPEST

    def close(self, name: bytes) -> bool:
        """Whether the end tag ends something that was let in; what is open inside of it ends too."""
        if not self.counts.get(name):
            return True
        let_in = False
        while True:
            let_in = len(self.names) <= DEEPEST
            last = self.names.pop()
            self.counts[last] -= 1
            if last == name:
                return let_in
