"""Items on their way into the tables: their parts are encoded together, their rows committed together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from sensorium.library.intake import CHUNK, encode_rows
from sensorium.library.prepared import PartRow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensorium.library.session import Session
    from sensorium.store.commit import Writer

BATCH_ITEMS = 256
BATCH_PARTS = 2048
BATCH_SECONDS = 20.0
ENCODE_AT = 64  # parts that are encoded together


@dataclass
class _Pending:
    row: dict[str, Any]
    parts: list[PartRow]
    vectors: list[NDArray[np.float32]] = field(default_factory=list)


class Filling:
    """The batch that is being filled. `commit` it when it `is_due`, and at the end."""

    def __init__(self, session: Session, writer: Writer) -> None:
        self._writer, self.encoder = writer, session.encoder
        self._space = session.keep_bundle()
        self._storage = session.store.settings.spaces[self._space].storage
        self._batch: list[_Pending] = []
        self._since = monotonic()

    def put(self, parts: list[PartRow], rest: Iterator[PartRow] | None = None) -> dict[str, Any]:
        """Queue an item; its row, to be filled in before `commit`, is returned.

        `rest` are parts beyond the first: encoded piece by piece, never held decoded as a whole. Raises what `rest`
        does, and then the item is not queued.
        """
        pending = _Pending({}, parts)
        if rest is not None:
            pending.vectors.append(encode_rows(self.encoder, parts))
            while more := list(islice(rest, CHUNK)):
                pending.vectors.append(encode_rows(self.encoder, more))
                parts += more
        self._batch.append(pending)
        if sum(len(p.parts) for p in self._batch if not p.vectors) >= ENCODE_AT:
            self._encode()
        return pending.row

    def is_due(self) -> bool:
        """Whether the batch is large or old enough to be committed."""
        many = len(self._batch) >= BATCH_ITEMS or sum(len(p.parts) for p in self._batch) >= BATCH_PARTS
        return many or monotonic() - self._since > BATCH_SECONDS

    def commit(self) -> None:
        """Write what is queued."""
        from sensorium.library.written import batch_of

        if self._batch:
            self._encode()
            rows = [(p.row, p.parts, np.concatenate(p.vectors)) for p in self._batch]
            self._writer.commit(batch_of(rows, self._space, self._storage, self._writer.next_part_id))
        self._batch, self._since = [], monotonic()

    def _encode(self) -> None:
        waiting = [p for p in self._batch if not p.vectors]
        vectors, at = encode_rows(self.encoder, [row for p in waiting for row in p.parts]), 0
        for pending in waiting:
            pending.vectors.append(vectors[at : at + len(pending.parts)])
            at += len(pending.parts)
