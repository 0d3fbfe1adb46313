"""Why PDFium does not open a document: what it says of a password is true of some, and others are damaged."""

from __future__ import annotations

import re
from io import RawIOBase
from itertools import islice

import pypdfium2.raw as raw

_LOOKED_THROUGH = 64 << 20  # bytes
_LONGEST_LOCK = 4096
_MOST_LOCKS = 20  # one for each time that the document was changed
_ENCRYPT = re.compile(rb"/Encrypt\s*(?:(\d+)\s+\d+\s+R\b|<<)")
_KEYS = (re.compile(rb"/O\s*[(<]"), re.compile(rb"/U\s*[(<]"))  # what a password is checked against


def forget_errors() -> None:
    """Make PDFium's last error one of damage: for a document without pages it keeps that of the one before."""
    raw.FPDF_LoadMemDocument64(b"", 0, None)


def why_closed(error_code: int | None, stream: RawIOBase) -> str:
    """What keeps the document in `stream` closed, by PDFium's code, and what to do about it where there is a way."""
    if error_code == raw.FPDF_ERR_SECURITY:
        return "a PDF that is protected in a way that is not known: print it to a new PDF"
    if error_code != raw.FPDF_ERR_PASSWORD:
        return "a damaged PDF, or one without pages"
    if _has_lock(stream):
        return "a PDF that is locked with a password: remove the password"
    return "a damaged PDF: it says that it is encrypted, but not how"


def _has_lock(stream: RawIOBase) -> bool:
    """Whether an encryption dictionary is there with its keys (ISO 32000-1, 7.6.1): it is never packed or encrypted.

    Of a document that is longer than is looked through it is taken for granted.
    """
    stream.seek(0)
    data = stream.read(_LOOKED_THROUGH) or b""
    named = islice(_ENCRYPT.finditer(data), _MOST_LOCKS)
    return len(data) == _LOOKED_THROUGH or any(_is_whole(_dictionary(data, each)) for each in named)


def _dictionary(data: bytes, named: re.Match[bytes]) -> bytes:
    if named[1] is None:
        return data[named.end() : named.end() + _LONGEST_LOCK]
    found = re.search(rb"(?<!\d)%s\s+\d+\s+obj\b" % named[1], data)
    return data[found.end() : found.end() + _LONGEST_LOCK].partition(b"endobj")[0] if found else b""


def _is_whole(dictionary: bytes) -> bool:
    return all(key.search(dictionary) for key in _KEYS)
