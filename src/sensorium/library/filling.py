"""Items on their way into the tables: their parts are encoded together, their rows committed together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from sensorium.library.intake import CHUNK, encode_rows
from sensorium.library.prepared import PartRow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensorium.encoders.onnx import OnnxEncoder
    from sensorium.library.session import Session
    from sensorium.store.commit import Writer

BATCH_ITEMS = 256
BATCH_PARTS = 2048
BATCH_SECONDS = 20.0
ENCODE_AT = 64  # parts that are encoded together


@dataclass
class Pending:
    """An item that is queued: its row, its parts, and for each space some of their places (m,) and vectors (m, d)."""

    row: dict[str, Any]
    parts: list[PartRow]
    vectors: dict[str, list[tuple[NDArray[np.int64], NDArray[np.float32]]]] = field(default_factory=dict)

    def of(self, space: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """All places and vectors in a space."""
        places, vectors = zip(*self.vectors[space], strict=True)
        return np.concatenate(places), np.concatenate(vectors)


class Filling:
    """The batch that is being filled, for all spaces in service. `commit` it when it `is_due`, and at the end."""

    def __init__(self, session: Session, writer: Writer, encoders: Mapping[str, OnnxEncoder] | None = None) -> None:
        """`encoders` by space, those in service unless said: a new library gets its spaces here."""
        self.writer = writer
        self._encoders = encoders if encoders is not None else session.keep_bundles()
        self.storage = {space: session.store.settings.spaces[space].storage for space in self._encoders}
        self._batch: list[Pending] = []
        self._since = monotonic()

    @property
    def encoders(self) -> list[OnnxEncoder]:
        """What parts are prepared for, in the order of the spaces."""
        return list(self._encoders.values())

    def put(self, parts: list[PartRow], rest: Iterator[PartRow] | None = None) -> dict[str, Any]:
        """Queue an item; its row, to be filled in before `commit`, is returned.

        `rest` are parts beyond the first: encoded piece by piece, never held decoded as a whole. Raises what `rest`
        does, and then the item is not queued.
        """
        pending = Pending({}, parts)
        if rest is not None:
            self._take([(pending, 0, parts)])
            while more := list(islice(rest, CHUNK)):
                self._take([(pending, len(parts), more)])
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
        if self._batch:
            self._encode()
            self.write(self._batch)
        self._batch, self._since = [], monotonic()

    def write(self, batch: list[Pending]) -> None:
        """Items with their parts and vectors, in one commit."""
        from sensorium.library.written import batch_of

        self.writer.commit(batch_of(batch, self.storage, self.writer.next_part_id))

    def _encode(self) -> None:
        self._take([(pending, 0, pending.parts) for pending in self._batch if not pending.vectors])

    def _take(self, pieces: list[tuple[Pending, int, list[PartRow]]]) -> None:
        """Encode pieces of items together: each is an item, where its rows begin among the item's, and the rows."""
        rows = [row for _, _, some in pieces for row in some]
        for space, (at, vectors) in zip(self._encoders, encode_rows(self.encoders, rows), strict=True):
            begin = 0
            for pending, offset, some in pieces:
                low, high = np.searchsorted(at, (begin, begin + len(some)))
                mine = (at[low:high] - begin + offset, vectors[low:high])
                pending.vectors.setdefault(space, []).append(mine)
                begin += len(some)
