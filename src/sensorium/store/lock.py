"""One writer at a time: an advisory lock on the library's `lock` file, which says who holds it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from sensorium.core.errors import LibraryDamaged, LibraryLocked, LibraryMissing

_POLL = 0.1
# A process that only looks who is writing holds the lock for an instant: no reason to give up.
_GLANCE = 0.05


@dataclass(frozen=True, slots=True)
class Holder:
    """Who writes: a process, its machine, since when (seconds since 1970), and what it does."""

    pid: int
    host: str
    since: float
    doing: str

    def __str__(self) -> str:
        recent = time.time() - self.since < 12 * 3600
        when = time.strftime("%H:%M" if recent else "%Y-%m-%d %H:%M", time.localtime(self.since))
        return f"process {self.pid} on {self.host} since {when} ({self.doing})"

    def is_dead(self) -> bool:
        """True when it is certain that the process is gone: only its own machine can know."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


class Lock:
    """The writer's lock of the library at `path`. Use it as a context manager, or `acquire` and `release`.

    The operating system frees it when its owner dies; where a child that the owner forked still holds it, the next
    writer sees that the owner is dead and takes over.
    """

    def __init__(self, path: str | os.PathLike[str], doing: str = "sensorium") -> None:
        self._library, self._doing = Path(path), doing
        self._file = self._library / "lock"
        self._handle: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._handle is not None

    def acquire(self, wait: float = 0.0, on_wait: Callable[[str], None] | None = None) -> Lock:
        """Takes the lock, trying for `wait` seconds; `on_wait` is told once who is being waited for.

        Raises `LibraryLocked` (who holds it, since when, what to do), `LibraryMissing`, `LibraryDamaged`.
        """
        end, told = time.monotonic() + max(wait, _GLANCE), False
        while not self._try():
            message = f"{self._library} is being written by {holder(self._library) or 'another process'}"
            if time.monotonic() >= end:
                raise LibraryLocked(f"{message}; try again later or wait with --wait 60")
            if wait and on_wait and not told:
                on_wait(f"{message}; waiting")
                told = True
            time.sleep(min(_POLL, max(0.01, end - time.monotonic())))
        return self

    def release(self) -> None:
        """Gives the lock back; nothing happens when it is not held."""
        if self._handle is not None:
            with suppress(OSError):  # the library's folder may be gone, and the disk full
                os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Lock:
        return self if self.held else self.acquire()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()

    def _try(self) -> bool:
        """One attempt. Attempts follow one another, for each holds the folder's own lock for its instant."""
        if self.held:
            raise LibraryLocked(f"{self._library} is already locked by this very lock; release it first")
        try:
            folder = os.open(self._library, os.O_RDONLY)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _missing(self._library) from error
        try:
            return _flock(folder) and self._take()
        finally:
            os.close(folder)

    def _take(self) -> bool:
        handle = self._open()
        if not _flock(handle):
            os.close(handle)
            owner = holder(self._library)
            if owner is None or not owner.is_dead():
                return False
            self._file.unlink(missing_ok=True)
            handle = self._open()
            if not _flock(handle):
                os.close(handle)
                return False
        self._hold(handle)
        return True

    def _open(self) -> int:
        try:
            return os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise LibraryDamaged(
                f"{self._library}: cannot be written to ({error.strerror}); check the folder's permissions"
            ) from error

    def _hold(self, handle: int) -> None:
        self._handle = handle
        said = json.dumps(asdict(Holder(os.getpid(), socket.gethostname(), time.time(), self._doing)))
        with suppress(OSError):  # a full disk must not keep anyone from removing things
            os.ftruncate(handle, 0)
            os.pwrite(handle, said.encode(), 0)


def holder(library: Path) -> Holder | None:
    """Who holds the library's lock, as its file says; None when nobody does, or nobody knows."""
    try:
        return Holder(**json.loads((library / "lock").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def writing_now(library: Path) -> Holder | None:
    """Who is writing to the library at this moment; a dead owner's name in the file does not count."""
    owner = holder(library)
    if owner is None or owner.is_dead():
        return None
    try:
        handle = os.open(library / "lock", os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return None if _flock(handle, fcntl.LOCK_SH) else owner
    finally:
        os.close(handle)


def _flock(handle: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _missing(library: Path) -> LibraryMissing:
    return LibraryMissing(f"{library}: no library here; make one with: sensorium add FOLDER")
