"""Files inside attributes: data URLs (RFC 2397)."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

_DATA_URL = re.compile(r"\s*data:([\w.+-]+/[\w.+-]+)?((?:;[\w.=+-]+)*),", re.IGNORECASE)


def data_of(url: str) -> bytes | None:
    """What a data URL holds; None for every other URL and for damaged ones."""
    found = _DATA_URL.match(url)
    if not found:
        return None
    said = url[found.end() :]
    return decoded(said) if found[2].lower().endswith(";base64") else unquote_to_bytes(said)


def decoded(base64_text: str) -> bytes | None:
    """Base64 with any blanks in it; None when it is damaged."""
    try:
        compact = "".join(base64_text.split())
        return base64.b64decode(compact + "=" * (-len(compact) % 4))
    except (binascii.Error, ValueError):
        return None
