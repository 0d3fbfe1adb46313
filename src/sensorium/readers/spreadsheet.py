"""Workbooks, sheet by sheet and row by row: Excel's and OpenDocument's are streamed, the old .xls is loaded."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from lxml import etree

from sensorium.core.errors import Unreadable
from sensorium.readers import packed
from sensorium.readers.contract import Limits, Source
from sensorium.readers.damage import unreadable
from sensorium.readers.excel import open_xml
from sensorium.readers.opendocument_sheets import open_document
from sensorium.readers.workbook import LOCKED, Book, Rows, shown

_LARGEST_OLD = 128 << 20  # bytes: an .xls is held in memory as a whole


@contextmanager
def opened(source: Source, media_type: str, limits: Limits) -> Iterator[Book]:
    """The workbook that `source` holds. Raises `Unreadable`, also while rows are read."""
    if media_type == "application/vnd.ms-excel":
        with _old(source) as book:
            yield book
        return
    damage = (zipfile.BadZipFile, zlib.error, etree.LxmlError)
    with unreadable("a damaged workbook", *damage), packed.opened(source, "workbook") as archive:
        held = sum(entry.file_size for entry in archive.infolist())
        if held > limits.max_unpacked_bytes:
            raise Unreadable(f"a workbook of {held} bytes unpacked: no more than {limits.max_unpacked_bytes} are")
        if any(entry.flag_bits & 1 for entry in archive.infolist()):
            raise Unreadable(LOCKED)
        yield open_document(archive) if media_type.endswith("opendocument.spreadsheet") else open_xml(archive)


@contextmanager
def _old(source: Source) -> Iterator[Book]:
    import python_calamine as calamine

    if source.size > _LARGEST_OLD:
        raise Unreadable(f"an .xls of {source.size} bytes: no more than {_LARGEST_OLD} are read; save it as .xlsx")
    try:
        with (
            unreadable("a damaged workbook", calamine.CalamineError, zipfile.BadZipFile),
            source.open() as stream,
            calamine.CalamineWorkbook.from_filelike(stream) as workbook,
        ):
            names = [s.name for s in workbook.sheets_metadata if s.typ == calamine.SheetTypeEnum.WorkSheet]

            def rows(at: int) -> Rows:
                for row in workbook.get_sheet_by_name(names[at]).iter_rows():
                    yield [shown(cell) for cell in row]

            yield Book(names, {}, rows)
    except Unreadable as error:
        if isinstance(error.__cause__, calamine.PasswordError):
            raise Unreadable(LOCKED) from error
        raise
