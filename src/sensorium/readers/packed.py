"""Documents that are zip archives: which one a zip is, and what is in it, unpacked with a limit."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from sensorium.core.errors import Unreadable
from sensorium.readers.contract import Limits, Source

ZIP = "application/zip"
OFFICE = "application/x-office"  # one of the types below; which one, the archive's listing says
_OPENXML = "application/vnd.openxmlformats-officedocument."
_BY_FOLDER = {
    "word/": _OPENXML + "wordprocessingml.document", "ppt/": _OPENXML + "presentationml.presentation",
    "xl/": _OPENXML + "spreadsheetml.sheet",
}  # fmt: skip
_FIRST = ("[Content_Types].xml", "_rels/", "docProps/", "docMetadata/", "customXml/", *_BY_FOLDER)
_DECLARED = (
    "application/epub+zip", "application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.presentation",
)  # fmt: skip


def packed_type(head: bytes) -> str:
    """What a zip is by its first entry: a declared type, `OFFICE`, or `ZIP` for all others."""
    length = int.from_bytes(head[26:28], "little")
    name = head[30 : 30 + length].decode("utf-8", "replace")
    if name == "mimetype":
        after = 30 + length + int.from_bytes(head[28:30], "little")
        said = head[after : after + 80]
        return next(
            (known for known in sorted(_DECLARED, key=len, reverse=True) if said.startswith(known.encode())), ZIP
        )
    return OFFICE if name.startswith(_FIRST) else ZIP


def office_type(source: Source) -> str:
    """Which of Office's documents a zip is, by its listing; `ZIP` when it is none. Raises `Unreadable` if damaged."""
    try:
        with source.open() as stream, zipfile.ZipFile(stream) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Unreadable("a damaged Office document: its list of contents cannot be read") from error
    return next((kind for folder, kind in _BY_FOLDER.items() if any(n.startswith(folder) for n in names)), ZIP)


# What zipfile and its decompressors raise over damaged archives, as met in fuzzing.
_DAMAGE = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError,
    NotImplementedError, OverflowError, RuntimeError, UnicodeError,
)  # fmt: skip
_LOCKED = 0x1  # bit of `ZipInfo.flag_bits`: the entry is encrypted


@contextmanager
def opened(source: Source, what: str) -> Iterator[zipfile.ZipFile]:
    """The archive that `source` holds; closed in the end. Raises `Unreadable("a damaged WHAT: ...")`."""
    with source.open() as stream:
        try:
            archive = zipfile.ZipFile(stream)
        except _DAMAGE as error:
            raise Unreadable(f"a damaged {what}: its list of contents cannot be read") from error
        with archive:
            yield archive


def unpacked(archive: zipfile.ZipFile, name: str, limits: Limits, largest: int | None = None) -> bytes:
    """What is in the archive under `name`, no more than `limits.max_unpacked_bytes` or `largest`, whatever it declares.

    Raises `KeyError` when there is no such name, and `Unreadable` when it is too large, locked or damaged.
    """
    entry = archive.getinfo(name)
    if entry.flag_bits & _LOCKED:
        raise Unreadable("an archive that is locked with a password: remove the password")
    largest = min(limits.max_unpacked_bytes, largest if largest is not None else limits.max_unpacked_bytes)
    if entry.file_size > largest:
        raise Unreadable(f"holds a packed file of {entry.file_size} bytes: no more than {largest} are unpacked")
    try:
        with archive.open(entry) as stream:
            data = stream.read(entry.file_size + 1)  # not more: all that is asked for is unpacked at once
    except _DAMAGE as error:
        raise Unreadable("a damaged archive: what is in it cannot be unpacked") from error
    if len(data) > entry.file_size:
        raise Unreadable("a damaged archive: what is in it is larger than it says")
    return data
