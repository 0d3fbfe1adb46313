"""A proof that no network connection is needed: a small `add` and `search` in a process that has none.

Run as `python -m sensorium.library.offline [MODEL]`. Before anything of Sensorium is imported, the process leaves the
machine's network, where the system lets it (Linux namespaces), and refuses by itself whatever a Python program could
reach a network with. It prints one line of JSON: `isolated`, `attempts` (what was refused), `found`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

REFUSED = (
    "socket.bind", "socket.connect", "socket.getaddrinfo", "socket.gethostbyaddr", "socket.gethostbyname",
    "socket.getnameinfo", "socket.sendmsg", "socket.sendto",
)  # fmt: skip
TEXTS = {
    "sea.txt": "The sea was calm, and gulls cried over the harbour.",
    "bread.txt": "Knead the dough, let it rise for an hour, then bake the bread.",
    "rain.txt": "Thunder rolled over the hills, and it rained all night.",
}
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # CLONE_NEWUSER, CLONE_NEWNET of <linux/sched.h>


def prove(model: str | None = None, timeout: float = 120.0) -> tuple[bool, str]:
    """(whether it worked, what was seen), from a process of its own."""
    command = [sys.executable, "-m", "sensorium.library.offline", *([model] if model else [])]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, f"the proof could not be run: {error}"
    lines = ran.stdout.splitlines()
    if ran.returncode or not lines:
        why = (ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"])[-1]
        return False, f"an add and a search without a network connection failed: {why}"
    seen = json.loads(lines[-1])
    where = "in a process without any network" if seen["isolated"] else "with all connections refused"
    tries = f"{len(seen['attempts'])} tries to connect" + (f": {seen['attempts'][0]}" if seen["attempts"] else "")
    good = not seen["attempts"] and seen["found"] == len(TEXTS)
    return good, f"added and searched {seen['found']} texts {where}: {tries}"


def leave_network() -> bool:
    """Move this process into a network of its own that has nothing in it; whether the system let it."""
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


def main(model: str | None) -> dict[str, Any]:
    """Add and search in a library that is thrown away; what was seen."""
    isolated, attempts = leave_network(), refuse_connections()
    from sensorium import Library

    with TemporaryDirectory(prefix="sensorium-") as folder:
        texts = Path(folder) / "texts"
        texts.mkdir()
        for name, text in TEXTS.items():
            (texts / name).write_text(text, encoding="utf-8")
        with Library(Path(folder) / "offline.library", model=model) as library:
            library.add(texts)
            found = len(library.search("waves on a beach", k=len(TEXTS) + 1))
    return {"isolated": isolated, "attempts": attempts, "found": found}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1] if len(sys.argv) > 1 else None)))  # noqa: T201 - the parent reads it
