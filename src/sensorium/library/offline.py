"""A proof that no network connection is needed: a small `add` and `search` in a process that has none.

Run as `python -m sensorium.library.offline [MODEL]`. Before anything else of Sensorium is imported, the process leaves
the machine's network, where the system lets it (Linux namespaces), and refuses by itself whatever a Python program
could reach a network with. It prints one line of JSON: `isolated`, `attempts` (what was refused), `found`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sensorium.readers.confinement import leave_network, refuse_connections

TEXTS = {
    "sea.txt": "The sea was calm, and gulls cried over the harbour.",
    "bread.txt": "Knead the dough, let it rise for an hour, then bake the bread.",
    "rain.txt": "Thunder rolled over the hills, and it rained all night.",
}


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
