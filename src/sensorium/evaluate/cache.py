"""Vectors that were made before, by space and content: one SQLite file that several processes may use at once."""

from __future__ import annotations

import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from sensorium.core.settings import cache_home

Vector = NDArray[np.float32]
T = TypeVar("T")

NAME = "vectors.sqlite"
_WAIT = 60.0  # seconds for another process to finish its write
_AT_ONCE = 500  # contents that are looked up together
_SUM_BYTES = 4
_TABLE = (
    "CREATE TABLE IF NOT EXISTS vectors "
    "(space TEXT, content TEXT, vector BLOB NOT NULL, PRIMARY KEY (space, content)) WITHOUT ROWID"
)
_DAMAGE = ("malformed", "not a database", "corrupt", "no such column", "no column named", "disk I/O error")


class Cache:
    """Vectors float32 (d,) by space and content hash, in the file `path`: that of the per-user cache unless said.

    It holds nothing that cannot be made again: a damaged file is set aside, one that cannot be opened or written is
    done without, and `notes` says so. A stop loses a `put` that was not finished. Safe from several threads and
    processes.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = Path(path) if path is not None else cache_home() / NAME
        self.notes: list[str] = []
        self._lock = Lock()
        self._opened: sqlite3.Connection | None = None
        self._inode = 0
        self._usable = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; it is opened again when it is needed."""
        with self._lock:
            self._close()

    def get(self, space: str, contents: Iterable[str]) -> dict[str, Vector]:
        """The vectors of those contents that are there. A vector that was altered on the disk is not."""
        found: dict[str, Vector] = {}
        wanted = list(dict.fromkeys(contents))
        for start in range(0, len(wanted), _AT_ONCE):
            for content, packed in self._rows(space, wanted[start : start + _AT_ONCE]):
                if (vector := _unpacked(packed)) is not None:
                    found[content] = vector
        return found

    def put(self, space: str, vectors: Mapping[str, Vector]) -> None:
        """Keep vectors by content, all or none of them."""
        rows = [(space, content, _packed(vector)) for content, vector in vectors.items()]

        def write(db: sqlite3.Connection) -> None:
            db.execute("BEGIN IMMEDIATE")
            try:
                db.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")

        if rows:
            self._do(write)

    def __len__(self) -> int:
        return int(self._do(lambda db: db.execute("SELECT count(*) FROM vectors").fetchone()[0]) or 0)

    def _rows(self, space: str, contents: Sequence[str]) -> list[tuple[str, bytes]]:
        marks = ",".join("?" * len(contents))
        ask = f"SELECT content, vector FROM vectors WHERE space = ? AND content IN ({marks})"
        return self._do(lambda db: db.execute(ask, (space, *contents)).fetchall()) or []

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """Do `work`, once more with a new file when this one is damaged; None when the cache cannot be used."""
        with self._lock:
            for _ in range(2):
                if not self._usable:
                    return None
                try:
                    return work(self._connection())
                except (sqlite3.DatabaseError, OSError) as error:
                    if isinstance(error, sqlite3.DatabaseError) and any(said in str(error) for said in _DAMAGE):
                        self._set_aside(error)
                    else:
                        self._give_up(error)
            return None

    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._opened = sqlite3.connect(self.path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
            self._inode = self.path.stat().st_ino
            self._opened.execute("PRAGMA journal_mode = WAL")
            self._opened.execute("PRAGMA synchronous = NORMAL")  # a power cut may lose the last vectors, no more
            self._opened.execute(_TABLE)
        return self._opened

    def _set_aside(self, error: Exception) -> None:
        """Move the damaged file away, unless another process has done so: then there is a new one already."""
        self._close()
        aside = self.path.with_name(f"{self.path.name}.damaged-{time.time_ns()}")
        try:
            if self.path.stat().st_ino == self._inode:
                self.path.rename(aside)
                for ending in ("-wal", "-shm"):
                    self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        except FileNotFoundError:
            return  # moved away by another process
        except OSError as refused:
            self._give_up(refused)
            return
        self.notes.append(
            f"the cache {self.path} was damaged ({error}): set aside as {aside.name}, a new one was begun"
        )

    def _give_up(self, error: Exception) -> None:
        self._close()
        self._usable = False
        self.notes.append(
            f"the cache {self.path} cannot be used ({error}): all is embedded anew, and nothing kept; "
            "name another folder with SENSORIUM_CACHE"
        )

    def _close(self) -> None:
        if self._opened is not None:
            self._opened.close()
        self._opened = None


def _packed(vector: Vector) -> bytes:
    data = np.ascontiguousarray(vector, "<f4").tobytes()
    return data + zlib.crc32(data).to_bytes(_SUM_BYTES, "little")


def _unpacked(packed: bytes) -> Vector | None:
    data, told = packed[:-_SUM_BYTES], packed[-_SUM_BYTES:]
    if not data or len(data) % 4 or zlib.crc32(data).to_bytes(_SUM_BYTES, "little") != told:
        return None
    return np.frombuffer(data, "<f4").astype(np.float32)
