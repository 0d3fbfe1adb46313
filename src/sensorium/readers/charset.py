"""Bytes to text, whatever their encoding; and whether bytes are text at all."""

from __future__ import annotations

import codecs
import re

from sensorium.core.errors import Unreadable

# UTF-32 before UTF-16: the mark of the one begins with the mark of the other.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
# Controls that no text needs. Escape stays: ISO-2022-JP and coloured logs use it.
_CONTROLS = bytes(c for c in range(32) if c not in b"\t\n\v\f\r\b\x1a\x1b") + b"\x7f"
_GUESS_BYTES = 32 << 10
_COMMON = (
    "cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp932", "euc_jp", "gb18030",
    "big5", "cp949", "cp866", "iso8859_5", "iso8859_2", "cp850", "cp1257",
)  # fmt: skip
# Windows-1252 without the letters that only Icelandic uses: in Turkish and Czech tables those are frequent letters.
_WESTERN = frozenset(
    bytes([c])
    for c in (
        *b"\x80\x85\x8c\x91\x92\x93\x94\x96\x97\x9c\xa0\xa1\xa3\xa7\xa9\xaa\xab\xae\xb0\xb2\xb4\xb7\xba\xbb\xbf",
        *range(0xC0, 0x100),
    )
    if c not in b"\xd0\xd7\xdd\xde\xf0\xf7\xfd\xfe"
)
_SPLIT_WORD = re.compile(r"[^\W\d_][¹³¼¾±¶¿¡][^\W\d_]")  # signs inside words: letters of another table
_JAPANESE_MAIL = re.compile(rb"\x1b(?:\$[@B]|\([JI])")
_MOSTLY = 0.02


def looks_like_text(head: bytes) -> bool:
    """Whether a file that begins like this is text, in any encoding."""
    if _marked(head) or _unmarked_wide(head):
        return True
    return len(head) - len(head.translate(None, _CONTROLS)) <= len(head) // 500 and b"\0" not in head


def glance(head: bytes) -> str:
    """The beginning of a text, good enough to look for ASCII marks in."""
    encoding = _marked(head) or _unmarked_wide(head) or "latin-1"
    return head.decode(encoding, "replace")


def encoding_of(sample: bytes) -> str:
    """The name of the encoding of a text of which this is a piece, its mark included where it begins with one.

    A long text is decoded piece by piece with it; for a whole one use `decode`. Raises `Unreadable` when it is none.
    """
    if found := _marked(sample) or _unmarked_wide(sample[:4096]):
        return found
    if sample.isascii():
        return "iso2022_jp" if _JAPANESE_MAIL.search(sample) else "utf-8"
    return "utf-8" if _utf8(sample) else _guess(sample)


def decode(data: bytes) -> str:
    """`data` as text without its byte order mark. Raises `Unreadable` when it is binary or in no known encoding."""
    encoding = _marked(data) or _unmarked_wide(data[:4096])
    if not encoding and data.isascii() and _JAPANESE_MAIL.search(data):
        encoding = "iso2022_jp"
    text = data.decode(encoding, "replace").removeprefix("\ufeff") if encoding else _utf8(data) or _guessed(data)
    if "\0" in text:
        raise Unreadable("binary data, not text")
    return text


def _marked(data: bytes) -> str:
    return next((name for mark, name in _MARKS if data.startswith(mark)), "")


def _unmarked_wide(head: bytes) -> str:
    """UTF-16 or UTF-32 without its mark, known by where the zeros of its ASCII characters are."""
    if b"\0" not in head or len(head) < 8:
        return ""
    zeros = [head[lane::4].count(0) / len(head[lane::4]) for lane in range(4)]
    often = tuple(share > 0.4 for share in zeros)
    never = tuple(share == 0 for share in zeros)
    if often == (False, True, False, True) and never[0] and never[2]:
        return "utf-16-le"
    if often == (True, False, True, False) and never[1] and never[3]:
        return "utf-16-be"
    if often == (False, True, True, True) and never[0]:
        return "utf-32-le"
    return "utf-32-be" if often == (True, True, True, False) and never[3] else ""


def _utf8(data: bytes) -> str:
    """`data` as UTF-8, a few damaged characters allowed; "" when it is something else."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
    good = sum(map(len, re.findall(r"[^\x00-\x7f\ufffd]+", text)))
    return text if text.count("\ufffd") <= good * _MOSTLY else ""


def _guessed(data: bytes) -> str:
    return data.decode(_guess(data), "replace")


def _guess(data: bytes) -> str:
    first = re.search(rb"[\x80-\xff]", data)
    start = max(0, first.start() - _GUESS_BYTES // 8) if first else 0
    sample = data[start : start + _GUESS_BYTES]
    return "cp1252" if _is_western(sample) else _by_frequency(sample)


def _is_western(sample: bytes) -> bool:
    """Whether accented letters stand singly among ASCII letters, as in Western European texts and nowhere else."""
    high = re.findall(rb"[\x80-\xff]", sample)
    pairs = len(re.findall(rb"[\x80-\xff]{2}", sample))
    letters = len(re.findall(rb"[A-Za-z]", sample))
    return set(high) <= _WESTERN and len(high) * 2 <= letters and pairs * 5 <= len(high)


def _by_frequency(sample: bytes) -> str:
    from charset_normalizer import from_bytes

    # Asked for all that it knows it prefers rare tables; these are what files are written in.
    guesses = list(from_bytes(sample, cp_isolation=list(_COMMON))) or list(from_bytes(sample))
    if not guesses:
        raise Unreadable("binary data, or text in an unknown encoding: save it as UTF-8")
    whole = (guess for guess in guesses if not _SPLIT_WORD.search(str(guess)))
    return next(whole, guesses[0]).encoding
