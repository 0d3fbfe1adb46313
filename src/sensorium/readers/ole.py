"""Microsoft's old container format (OLE), which many programs used: what a file of it is."""

from __future__ import annotations

from sensorium.readers.contract import Source
from sensorium.readers.marks import OLE

LOCKED = "application/x-locked-office"  # a docx, xlsx or pptx that is encrypted with a password
_SECTOR_SHIFTS = (9, 12)
_DIRECTORY_BYTES = 64 << 10
_ENTRY_BYTES = 128
_BY_STREAM = (
    ("EncryptedPackage", LOCKED), ("WordDocument", "application/msword"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"), ("Workbook", "application/vnd.ms-excel"),
    ("Book", "application/vnd.ms-excel"), ("__substg1.0_", "application/vnd.ms-outlook"),
    ("VisioDocument", "application/vnd.visio"), ("Quill", "application/x-mspublisher"),
)  # fmt: skip


def ole_type(source: Source) -> str:
    """The media type of an OLE file by the names of its streams; `OLE` when they tell nothing.

    Raises `Unreadable` when the source cannot be opened.
    """
    names = _streams(source)
    return next((found for stream, found in _BY_STREAM if any(name.startswith(stream) for name in names)), OLE)


def _streams(source: Source) -> list[str]:
    """The names in the first sectors of the directory ([MS-CFB] 2.6: 128 bytes an entry, its name first)."""
    head = source.head(80)
    shift = int.from_bytes(head[30:32], "little")
    start = (int.from_bytes(head[48:52], "little") + 1) << shift
    if shift not in _SECTOR_SHIFTS or start >= source.size:
        return []
    with source.open() as stream:
        stream.seek(start)
        entries = stream.read(_DIRECTORY_BYTES)
    starts = range(0, len(entries) - _ENTRY_BYTES + 1, _ENTRY_BYTES)
    return [entries[at : at + 64].decode("utf-16-le", "replace").partition("\0")[0] for at in starts]
