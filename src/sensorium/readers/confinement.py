"""What a process gives up before it touches files that nobody should trust: the network, and more than its memory."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

REFUSED = (
    "socket.bind", "socket.connect", "socket.getaddrinfo", "socket.gethostbyaddr", "socket.gethostbyname",
    "socket.getnameinfo", "socket.sendmsg", "socket.sendto",
)  # fmt: skip
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # CLONE_NEWUSER, CLONE_NEWNET of <linux/sched.h>


def leave_network() -> bool:
    """Move this process into a network of its own that has nothing in it; whether the system let it (Linux)."""
    import ctypes

    if sys.platform != "linux":
        return False
    unshare: Callable[[int], int] = ctypes.CDLL(None, use_errno=True).unshare
    return unshare(_NEW_NETWORK) == 0 or unshare(_NEW_USER | _NEW_NETWORK) == 0


def refuse_connections() -> list[str]:
    """From now on every way of Python to a network raises in this process; returns the list that attempts go into."""
    attempts: list[str] = []

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event in REFUSED:
            attempts.append(f"{event} {arguments[1:]!r}")
            raise ConnectionRefusedError(f"{event}: this process must do without a network")

    sys.addaudithook(refuse)
    return attempts


def limit_memory(most: int) -> None:
    """From now on no more than `most` bytes of data are given to this process (Linux); 0 for as much as there is."""
    if sys.platform == "linux":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (most or hard, hard))


def limit_cpu(seconds: float) -> None:
    """The process ends by itself after so many more seconds of computing: nobody may be left to end it."""
    if sys.platform != "win32":
        import resource

        spent = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(spent.ru_utime + spent.ru_stime + seconds) + 1, hard))
