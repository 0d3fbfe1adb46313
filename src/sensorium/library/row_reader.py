"""A row of a table on its way in: what it holds, whether it has changed, and its parts."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from sensorium.core.errors import SensoriumError, Unreadable
from sensorium.core.types import Modality, Part, Place
from sensorium.library.intake import CHUNK
from sensorium.library.prepared import PartRow, prepared, storable
from sensorium.library.query import local_path
from sensorium.library.row_paths import row_path
from sensorium.library.tabular import Columns, Row, plain, said
from sensorium.readers.contract import Limits, Source
from sensorium.readers.passages import passages

if TYPE_CHECKING:
    from sensorium.encoders.onnx import OnnxEncoder
    from sensorium.library.intake import Turns
    from sensorium.readers.workers import Workers

_FORM = 1  # goes up when rows are read in another way, so that all are read again
_MODALITY: Mapping[str, Modality] = {"image": "image", "audio": "audio"}


@dataclass
class Record:
    """A row: its path, title and attributes, what there is to find in it as (column, role, text or source).

    `hash` changes with everything that is said of it; `why` says why it cannot be read. `parts` are its first ones,
    `rest` those beyond.
    """

    path: str = ""
    title: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    contents: list[tuple[str, str, str | Source]] = field(default_factory=list)
    hash: str = ""
    size: int = 0
    why: str = ""
    parts: list[PartRow] = field(default_factory=list)
    rest: Generator[PartRow, None, None] | None = None


def record_of(row: Row, columns: Columns, table: str, number: int) -> Record:
    """What a row says, before anything is read. `number` names it where it has no key: it cannot be added then."""
    record = Record()
    digest = hashlib.blake2b(f"{_FORM}".encode(), digest_size=16)
    try:
        for column, role in columns.contents.items():
            _take(record, column, role, row.get(column), digest)
    except SensoriumError as error:
        record.why = " ".join(str(error).split())
    except OSError as error:  # gone, or out of reach, since it was looked for
        record.why = f"cannot be opened: {error.strerror or error}"
    mapped = {*columns.contents, columns.title, columns.key}
    record.attributes = {str(n): v for n, value in row.items() if n not in mapped and (v := plain(value)) is not None}
    record.title = said(row.get(columns.title)) if columns.title else ""
    digest.update(json.dumps([record.title, record.attributes], sort_keys=True).encode())
    record.hash = f"row-{digest.hexdigest()}"  # never that of a file: an added file must not be taken for a moved row
    key = said(row.get(columns.key)) if columns.key else record.hash
    record.path = row_path(table, key or f"(row {number})")
    if not key:
        record.why = f"row {number} has no {columns.key}: give every row a key"
    elif not record.contents and not record.why:
        record.why = (
            f"nothing in it: {', '.join(columns.contents)} {'is' if len(columns.contents) == 1 else 'are'} empty"
        )
    return record


def _take(record: Record, column: str, role: str, value: Any, digest: Any) -> None:
    """Add a cell to what there is to find. Raises SourceMissing, Unreadable."""
    digest.update(json.dumps([column, role]).encode())
    if role == "text":
        if (text := storable(said(value))).strip():
            record.contents.append((column, role, text))
            record.size += len(text.encode())
        digest.update(text.encode())
        return
    source, stamp = _source(value, column)
    if source is not None:
        record.contents.append((column, role, source))
        record.size += source.size
    digest.update(stamp)


def _source(value: Any, column: str) -> tuple[Source | None, bytes]:
    """The file or the bytes that a cell means, None for an empty one; and what changes when it does."""
    if isinstance(value, Mapping) and value.keys() <= {"bytes", "path"}:  # as Hugging Face's data sets have them
        value = value.get("bytes") or value.get("path")
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        return (Source.from_bytes(data, column), hashlib.blake2b(data).digest()) if data else (None, b"")
    path = os.fspath(value) if isinstance(value, os.PathLike) else said(value)
    if not path.strip():
        return None, b""
    place = local_path(path)
    stamp = place.stat()
    return Source.from_path(place), f"{place} {stamp.st_size} {stamp.st_mtime_ns}".encode("utf-8", "surrogatepass")


class RowReader:
    """Makes parts of rows; `read` may be called in several threads at once. `turns` says whose files may be read."""

    def __init__(self, encoders: Sequence[OnnxEncoder], workers: Workers, turns: Turns, limits: Limits) -> None:
        self._encoders, self._workers, self._turns, self._limits = encoders, workers, turns, limits
        self._modalities = {modality for encoder in encoders for modality in encoder.modalities}

    def read(self, record: Record, turn: int) -> Record:
        """Fill in the first parts of a row, or why it cannot be read, unless that is known already."""
        if not record.why:
            self._begin(record, turn)
        if record.rest is None:
            self._turns.over(turn)
        return record

    def _begin(self, record: Record, turn: int) -> None:
        stream = self._parts(record, turn)
        try:
            record.parts = list(islice(stream, CHUNK))
        except Unreadable as error:
            record.why = error.why
            return
        record.rest = stream if len(record.parts) == CHUNK else None
        if not record.parts:
            record.why = "the model has no tower for what is in it"
        shown = next((part.preview for part in record.parts if part.preview is not None), None)
        record.parts = [part if part.preview else replace(part, preview=shown) for part in record.parts]

    def _parts(self, record: Record, turn: int) -> Generator[PartRow, None, None]:
        """The parts of a row, column by column: of its files, one is read at a time. Raises Unreadable."""
        waits = any(not isinstance(content, str) for _, _, content in record.contents)
        if waits:
            self._turns.take(turn)
        try:
            for column, role, content in record.contents:
                if isinstance(content, str):
                    yield from self._texts(column, content)
                else:
                    yield from self._pieces(record, column, role, content)
        finally:
            if waits:
                self._turns.over(turn)

    def _texts(self, column: str, text: str) -> Iterator[PartRow]:
        if "text" not in self._modalities:
            return
        for passage in passages(text, self._limits.passage_characters):
            part = Part("text", passage.text)
            seen = [prepared(encoder.preparer, part) for encoder in self._encoders]
            yield PartRow("text", Place(section=column).to_json(), passage.text, None, {}, seen)

    def _pieces(self, record: Record, column: str, role: str, source: Source) -> Iterator[PartRow]:
        wanted, given = _MODALITY.get(role), 0
        try:
            kind, rows = self._workers.read(source, self._limits)
            if role == "video" and kind != role:
                raise Unreadable(f"no film, but of the kind {kind}")
            for fields in rows:
                part = PartRow(**fields)
                if not given:
                    record.attributes = {**part.attributes, **record.attributes}
                if wanted is None or part.modality == wanted:
                    given += 1
                    within = part.place.get("section")
                    part.place = {**part.place, "section": f"{column}/{within}" if within else column}
                    yield part
            if not given and wanted in self._modalities:
                raise Unreadable(f"no {'picture' if role == 'image' else 'sound'} in it: it is of the kind {kind}")
        except Unreadable as error:
            raise Unreadable(f"{column}: {error.why}") from error
