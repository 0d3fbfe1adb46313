"""Where a row of a table is: `rows:TABLE/KEY`, which is no path of any disk.

A file's path is absolute, and so never begins like this: walking folders, looking for what is gone and following what
has moved leave rows alone, while `remove` and `under` take a row's path, or a table's, like those of files and folders.
"""

from __future__ import annotations

import hashlib
import re

from sensorium.library.query import ROWS

_LONGEST = 150
_ODD = re.compile(r"[%/\\\x00-\x1f\x7f\ud800-\udfff]|^\.{1,2}$|^\s|\s$")


def row_path(table: str, key: str) -> str:
    """The path of a row; different keys have different paths."""
    return f"{ROWS}{_piece(table)}/{_piece(key)}"


def _piece(text: str) -> str:
    """A table's name or a key as one piece of a path: slashes and what no terminal shows as %XX."""
    shown = _ODD.sub(lambda odd: "".join(f"%{byte:02X}" for byte in odd[0].encode("utf-8", "surrogatepass")), text)
    if len(shown) <= _LONGEST:
        return shown
    return (
        f"{shown[: _LONGEST - 40]}~{hashlib.blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"
    )
