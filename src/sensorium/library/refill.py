"""Items that are in already, on their way into a further space: what is left of it is read and encoded."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sensorium.core.errors import BundleDamaged, Unreadable
from sensorium.core.types import Part, Skipped
from sensorium.library.filling import BATCH_ITEMS, Filling, Pending
from sensorium.library.intake import Intake, Reading
from sensorium.library.prepared import PartRow, prepared
from sensorium.library.query import ROWS
from sensorium.library.scan import Found
from sensorium.library.written import json_of, part_fields, vectors_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensorium.encoders.onnx import OnnxEncoder
    from sensorium.library.memory import Budget
    from sensorium.library.session import Session
    from sensorium.readers.contract import Limits
    from sensorium.store.commit import Writer

Item = Mapping[str, Any]
_COLUMNS = ("id", "revision", "path", "state", "hash", "size", "mtime")
_CHANGED = "it is no longer what was added: add its folder"
_GONE = "its file is gone: add its folder"
_ROW = "it is a row of a table, which cannot be read again: add its table again"


class Refill(Filling):
    """A batch of items that go into one more space: only what they lack is written."""

    def __init__(self, session: Session, writer: Writer, encoder: OnnxEncoder) -> None:
        super().__init__(session, writer, {encoder.space: encoder})
        self._store = session.store

    def write(self, batch: list[Pending]) -> None:
        """Parts that are not there yet, then the vectors of all."""
        from sensorium.store.commit import Batch
        from sensorium.store.schemas import ITEMS, PARTS, rows_table

        ids, new = [], []
        known, there = self._known(np.array([pending.row["id"] for pending in batch], np.int64))
        for pending in batch:
            own = []
            for row in pending.parts:
                alike = known.get((pending.row["id"], *_key(row.modality, json_of(row.place), row.text)))
                own.append(alike.pop(0) if alike else self.writer.next_part_id())
                if own[-1] not in there:
                    keys = {"id": own[-1], "item": pending.row["id"], "revision": pending.row["revision"]}
                    new.append({**keys, **part_fields(row)})
            ids.append(np.array(own, np.int64))
        items = [pending.row for pending in batch]
        vectors, without = vectors_of(batch, items, ids, self.storage)
        self.writer.fill(Batch(ITEMS.empty_table(), rows_table(PARTS, new), vectors, without))

    def _known(self, items: NDArray[np.int64]) -> tuple[dict[tuple[Any, ...], list[int]], set[int]]:
        """The ids of the parts that the items have, by item and what they are, and all together."""
        rows = self._store.parts_of(items, ["modality", "place", "text"])
        columns = (rows[name].to_pylist() for name in ("id", "item", "modality", "place", "text"))
        known: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for id, item, modality, place, text in zip(*columns, strict=True):
            known[(item, *_key(modality, place, text))].append(id)
        return known, set(rows["id"].to_pylist())


class Left:
    """What is left to do of a space: `everything` does it; `out` is what could not be done, and why."""

    def __init__(self, session: Session, writer: Writer, encoder: OnnxEncoder) -> None:
        self._session, self._encoder = session, encoder
        self._filling = Refill(session, writer, encoder)
        left = set(session.store.left(encoder.space).tolist())
        rows = session.store.items(columns=list(_COLUMNS)).to_pylist()
        self.items: list[Item] = [row for row in rows if row["id"] in left]
        self.out: list[Skipped] = []
        self.done = 0

    def everything(self, limits: Limits, budget: Budget) -> None:
        """Encode from the store what it holds whole, and read the files of the rest."""
        stored = self._stored()
        whole = [item for item in self.items if item["id"] in stored]
        for start in range(0, len(whole), BATCH_ITEMS):
            for item, parts in self._passages(whole[start : start + BATCH_ITEMS]):
                self._put(item, parts)
        rest = [item for item in self.items if item["id"] not in stored]
        for item in rest:
            if item["path"].startswith(ROWS) or item["state"] != "present":
                self._leave(item, _ROW if item["path"].startswith(ROWS) else _GONE)
        files = {
            item["path"]: item for item in rest if item["state"] == "present" and not item["path"].startswith(ROWS)
        }
        if files:
            self._read(files, limits, budget)
        self._filling.commit()

    def _read(self, files: Mapping[str, Item], limits: Limits, budget: Budget) -> None:
        found = [Found(path, item["size"], item["mtime"]) for path, item in files.items()]
        hashed_with = self._session.store.settings.hashed_with
        with Reading(self._filling.encoders, limits, lambda path, digest: False, budget, hashed_with) as reading:
            for intake in reading.intakes(found):
                self._take(files[intake.found.path], intake)

    def _take(self, item: Item, intake: Intake) -> None:
        if intake.gone:
            self._leave(item, _GONE)
        elif intake.hash and intake.hash != item["hash"]:
            self._leave(item, _CHANGED)
        elif intake.why and not intake.nothing:
            self._leave(item, intake.why)
        else:
            try:
                self._put(item, intake.rows, intake.rest)
            except Unreadable as error:  # damaged beyond its first parts
                self._leave(item, error.why)

    def _put(self, item: Item, parts: list[PartRow], rest: Iterator[PartRow] | None = None) -> None:
        self._filling.put(parts, rest).update(id=item["id"], revision=item["revision"])
        self.done += 1
        self._session.progress.advance()
        if self._filling.is_due():
            self._filling.commit()

    def _leave(self, item: Item, why: str) -> None:
        self.out.append(Skipped(item["path"], why))
        self._session.progress.advance(skipped=1)

    def _stored(self) -> set[int]:
        """The items of which the store holds all that the towers want: passages, and nothing else of their kind.

        An item is whole in the store when a space whose towers want as much is done with it.
        """
        store, wanted = self._session.store, set(self._encoder.modalities)
        whole: set[int] = set()
        for space in store.settings.spaces:
            if space != self._encoder.space and wanted <= self._modalities(space):
                whole |= {item["id"] for item in self.items} - set(store.left(space).tolist())
        if not whole:
            return whole
        rows = store.parts_of(None, ["modality"])
        pairs = zip(rows["item"].to_pylist(), rows["modality"].to_pylist(), strict=True)
        return whole - {item for item, modality in pairs if modality in wanted - {"text"}}

    def _modalities(self, space: str) -> set[str]:
        try:
            return set(self._session.encoder_of(space).modalities)
        except BundleDamaged:  # its model is lost: what it made is no help then
            return set()

    def _passages(self, items: Sequence[Item]) -> Iterator[tuple[Item, list[PartRow]]]:
        """Each item with its passages, as they are stored."""
        rows = self._session.store.parts_of(
            np.array([item["id"] for item in items], np.int64), ["modality", "place", "text"]
        )
        parts: dict[int, list[PartRow]] = defaultdict(list)
        for row in rows.to_pylist():
            if row["modality"] == "text":
                seen = prepared(self._encoder.preparer, Part("text", row["text"]))
                place = json.loads(row["place"] or "{}")
                parts[row["item"]].append(PartRow("text", place, row["text"], None, {}, [seen]))
        for item in items:
            yield item, parts[item["id"]]


def _key(modality: str, place: str | None, text: str | None) -> tuple[str, str, str]:
    return modality, place or "{}", text or ""
