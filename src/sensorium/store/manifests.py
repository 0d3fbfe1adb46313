"""What a table's folder says about its versions without opening it: no Lance, a few file names."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

# Lance names version v "<2^64 - 1 - v>.manifest", so that the newest comes first by name.
_HIGHEST = (1 << 64) - 1
_SUFFIX = ".manifest"
# Manifests and data files of Lance both end with these four bytes.
_MAGIC = b"LANC"


def table_folders(library: Path) -> list[Path]:
    """The folders of all tables of a library, whether they exist or not, spaces last."""
    spaces = sorted((library / "vectors").glob("*.lance"))
    return [library / f"{name}.lance" for name in ("items", "parts", "skipped")] + spaces


def vectors_folder(library: Path, space: str) -> Path:
    """Where the vectors of a space lie."""
    return library / "vectors" / f"{space}.lance"


def without(space: str) -> str:
    """The name of the table of the items that have nothing for the towers of a space."""
    return f"{space}.without"


def versions(table: Path) -> list[tuple[int, Path]]:
    """(version, manifest) of every version of a table, newest first; [] when there is no table."""
    try:
        # Not iterdir: the token is asked for before every search.
        names = sorted(name for name in os.listdir(table / "_versions") if name.endswith(_SUFFIX))  # noqa: PTH208
    except FileNotFoundError:
        return []
    return [(_HIGHEST - int(name.removesuffix(_SUFFIX)), table / "_versions" / name) for name in names]


def ends_well(path: Path, size: int | None = None) -> bool:
    """Whether a file that Lance wrote is whole: of `size` bytes where that is known, with the magic at its end.

    After a power cut a file that was never synced may be empty, cut short, or full of zeros.
    """
    try:
        with path.open("rb") as file:
            length = file.seek(0, os.SEEK_END)
            if length < len(_MAGIC) or (size is not None and length != size):
                return False
            file.seek(-len(_MAGIC), os.SEEK_END)
            return file.read() == _MAGIC
    except FileNotFoundError:
        return False


def token(library: Path, space: str | None = None) -> str:
    """A stamp that changes whenever a table or `library.json` does. Costs a few directory listings.

    With `space`, what a search of that space depends on: the items and its vectors. A part never changes.
    """
    stamp = hashlib.blake2b(digest_size=12)
    named = (library / "library.json",) if space is None else ()
    for path in (*named, *_newest(library, space)):
        try:
            said = path.stat()
        except FileNotFoundError:  # cleaned away between the listing and now: so it is not what it was
            continue
        stamp.update(f"{path.parent.parent.name}/{path.name} {said.st_size} {said.st_mtime_ns}\n".encode())
    return stamp.hexdigest()


def _newest(library: Path, space: str | None) -> Iterator[Path]:
    all_of_it = table_folders(library) if space is None else [library / "items.lance", vectors_folder(library, space)]
    for table in all_of_it:
        found = versions(table)
        if found:
            yield found[0][1]
