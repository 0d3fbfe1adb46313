"""From a file to what is written of it: hashed, read and prepared in worker processes, encoded in order."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from threading import Condition, Event
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import Unreadable
from sensorium.library.content_hash import content_hash
from sensorium.library.prepared import PartRow, row_maker

if TYPE_CHECKING:
    from sensorium.encoders.encoder import Encoder
    from sensorium.encoders.onnx import OnnxEncoder
    from sensorium.library.memory import Budget
    from sensorium.library.scan import Found
    from sensorium.readers.registry import Limits, Source
    from sensorium.readers.workers import Workers

AHEAD = 48  # files that are read while earlier ones are encoded
AHEAD_BYTES = 64 << 20
CHUNK = 16  # parts of one file that are held decoded at a time
HASHED_ANYWAY = 64 << 20  # bytes: whether a reader takes a larger file is asked first


@dataclass
class Intake:
    """One file on its way in.

    `why` says why it could not be read, `passing` that this may end without the file changing (a permission), `gone`
    that it is not there any more, `same` that its content is known, so that nothing was read, `nothing` that no
    tower is for what is in it. `rest` are the parts beyond the first `CHUNK`.
    """

    found: Found
    hash: str = ""
    kind: str = ""
    why: str = ""
    passing: bool = False
    gone: bool = False
    same: bool = False
    nothing: bool = False
    rows: list[PartRow] = field(default_factory=list)
    rest: Generator[PartRow] | None = None
    source: Source | None = None


class Reading:
    """Reads files ahead in worker processes, in order, never more than a bounded number of parts decoded at once."""

    def __init__(
        self, encoders: Sequence[OnnxEncoder], limits: Limits, is_known: Callable[[str, str], bool], budget: Budget,
        hashed_with: str,
    ) -> None:  # fmt: skip
        self.limits, self.is_known, self.hashed_with = limits, is_known, hashed_with
        self.stop = Event()
        self.ahead = ahead(limits)
        self.workers = workers_for(encoders, budget)
        self.turns = Turns(budget.workers)
        self.pool = ThreadPoolExecutor(budget.workers, thread_name_prefix="read")

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()  # Ctrl-C should not wait for the hash of a film
        self.turns.close()
        self.workers.close()
        self.pool.shutdown(wait=True, cancel_futures=True)

    def intakes(self, files: Iterable[Found]) -> Iterator[Intake]:
        """An intake a file, in the order of the files; each is done with when the next is asked for."""
        waiting: deque[tuple[int, Future[Intake]]] = deque()
        for found in files:
            turn = self.turns.queue()
            waiting.append((turn, self.pool.submit(self._take, found, turn)))
            if len(waiting) >= self.ahead:
                yield from self._first(waiting)
        while waiting:
            yield from self._first(waiting)

    def _first(self, waiting: deque[tuple[int, Future[Intake]]]) -> Iterator[Intake]:
        turn, future = waiting.popleft()
        intake = future.result()
        yield intake
        if intake.rest is not None:
            intake.rest.close()
        self.turns.leave(turn)

    def afresh(self, found: Found) -> Intake:
        """The intake of a file that is read even if its content is known."""
        return self._take(found, None)

    def _take(self, found: Found, turn: int | None) -> Intake:
        """`turn` None: at once, and even if the content is known."""
        intake = Intake(found)
        try:
            self._look(intake, ask=turn is not None)
        except Unreadable as error:
            intake.why = error.why
        except FileNotFoundError:
            intake.gone = True
        except OSError as error:
            intake.why, intake.passing = f"cannot be opened: {error.strerror or error}", True
        else:
            if not intake.same:
                self._read(intake, turn)
        if turn is not None and intake.rest is None:
            self.turns.over(turn)
        return intake

    def _look(self, intake: Intake, *, ask: bool) -> None:
        """Hash a file of a kind that is read; others may be very large. OSError when it cannot be opened."""
        from sensorium.readers.registry import Source, may_be_read

        path = intake.found.path
        with open(path, "rb"):  # noqa: PTH123 - the readers' own refusal would not say whether it is for good
            intake.source = Source.from_path(path)
        if intake.found.size <= HASHED_ANYWAY or may_be_read(intake.source):
            intake.hash = content_hash(path, self.hashed_with, self.stop)
            intake.same = ask and self.is_known(path, intake.hash)

    def _read(self, intake: Intake, turn: int | None) -> None:
        assert intake.source is not None
        stream = self._rows(intake, intake.source, turn)
        try:
            intake.rows = list(islice(stream, CHUNK))
        except Unreadable as error:
            intake.why = error.why
            return
        intake.rest = stream if len(intake.rows) == CHUNK else None
        if not intake.rows:
            intake.nothing = True
            intake.why = f"the model has no tower for what is in it ({intake.kind})"

    def _rows(self, intake: Intake, source: Source, turn: int | None) -> Generator[PartRow]:
        """The rows of a file, which is being read from the first that is asked for until the last."""
        if turn is not None:
            self.turns.take(turn)
        try:
            intake.kind, rows = self.workers.read(source, self.limits)
            for row in rows:
                yield PartRow(**row)
        finally:
            if turn is not None:
                self.turns.over(turn)


class Turns:
    """Lets `most` files be read at a time, and always the first of those in the queue.

    A long file is held open until the one who asked for it comes to its rest. Files further back must not hold all that
    there is meanwhile: the first, still waiting to begin, would wait for ever.
    """

    def __init__(self, most: int) -> None:
        self._free, self._closed = most, False
        self._last = 0
        self._queue: dict[int, str] = {}  # by turn, in order: "waiting", "read" or "over"
        self._changed = Condition()

    def queue(self) -> int:
        """A turn behind all others."""
        with self._changed:
            self._last += 1
            self._queue[self._last] = "waiting"
            return self._last

    def take(self, turn: int) -> None:
        """Wait until it may be read. Raises CancelledError when all is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._may(turn))
            if self._closed:
                raise CancelledError
            self._free -= 1
            self._queue[turn] = "read"

    def over(self, turn: int) -> None:
        """It is no longer being read, or never will be."""
        with self._changed:
            self._free += self._queue[turn] == "read"
            self._queue[turn] = "over"
            self._changed.notify_all()

    def leave(self, turn: int) -> None:
        """It is done with."""
        self.over(turn)
        with self._changed:
            del self._queue[turn]

    def close(self) -> None:
        """Nobody needs to wait any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _may(self, turn: int) -> bool:
        first = next(one for one, state in self._queue.items() if state != "over")
        return self._free > (0 if turn == first or self._queue[first] == "read" else 1)


def workers_for(encoders: Sequence[OnnxEncoder], budget: Budget) -> Workers:
    """Processes that read files and prepare their parts for encoders; none is started yet."""
    from sensorium.readers.workers import Make, Workers

    folders = json.dumps([str(encoder.bundle.folder) for encoder in encoders])
    make = Make(f"{row_maker.__module__}:{row_maker.__name__}", {"bundles": folders})
    return Workers(budget.worker_bytes, make)


def ahead(limits: Limits) -> int:
    """How many files are read while earlier ones are encoded: as many as AHEAD_BYTES hold when all are pictures."""
    return max(4, min(AHEAD, AHEAD_BYTES // (3 * limits.image_side**2)))


def wanted(encoders: Iterable[Encoder], limits: Limits) -> Limits:
    """`limits` with what serves all encoders: the largest picture, the highest rate, the shortest sounds."""
    each = [encoder.limits() for encoder in encoders]
    merged: dict[str, float] = {}
    for name, choose in (("image_side", max), ("audio_rate", max), ("window_seconds", min)):
        if said := [one[name] for one in each if name in one]:  # type: ignore[literal-required]
            merged[name] = choose(said)
    return replace(limits, **merged)  # type: ignore[arg-type]


def encode_rows(
    encoders: Sequence[Encoder], rows: list[PartRow]
) -> list[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """For each encoder the rows that it has towers for, by place (m,), and their vectors (m, d).

    What was prepared is let go.
    """
    found = [_encoded(encoder, rows, at) for at, encoder in enumerate(encoders)]
    for row in rows:
        row.prepared = []
    return found


def _encoded(encoder: Encoder, rows: list[PartRow], place: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    mine = [i for i, row in enumerate(rows) if row.prepared[place] is not None]
    vectors = np.empty((len(mine), encoder.dimension), np.float32)
    for modality in sorted({rows[i].modality for i in mine}):
        at = [j for j, i in enumerate(mine) if rows[i].modality == modality]
        vectors[at] = encoder.embed(modality, [p for j in at if (p := rows[mine[j]].prepared[place]) is not None])
    return np.array(mine, np.int64), vectors
