"""Workbooks, sheet by sheet and row by row: Excel's and OpenDocument's are streamed, the old .xls is loaded."""

from __future__ import annotations

import io
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
from sensorium.readers.old_excel import cells_claimed
from sensorium.readers.opendocument_sheets import open_document
from sensorium.readers.workbook import LOCKED, Book, Rows, shown

_LARGEST_OLD = 64 << 20  # bytes: an .xls is held in memory as a whole
_MOST_CELLS = 4_000_000


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
            _panics_told(),
            calamine.CalamineWorkbook.from_filelike(io.BytesIO(_sound(source))) as workbook,
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


def _sound(source: Source) -> bytes:
    """The bytes of an .xls whose cells fit into memory: calamine makes room for all between the corners."""
    with source.open() as stream:
        data = stream.read(_LARGEST_OLD)
    cells = cells_claimed(data)
    if cells > _MOST_CELLS:
        raise Unreadable(f"an .xls whose sheets span {cells} cells: no more than {_MOST_CELLS} are; save it as .xlsx")
    return data


@contextmanager
def _panics_told() -> Iterator[None]:
    """What calamine's Rust did not foresee in a damaged file; no `Exception`, and of a class that cannot be named."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise Unreadable("a damaged workbook") from error
