"""Small inputs that were once telling: kept, and read again by `make test`."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from badfiles.trial import attempt

from fuzzing import CORPUS, SEEDS
from fuzzing.findings import digest, found
from fuzzing.targets import LIMITS, TARGETS
from sensorium.readers.registry import Limits, Source

MOST_BYTES, LARGEST, MOST = 250_000, 12_000, 80


def keep(reader: str) -> int:
    """Choose, smallest first, one input for each way that the reader ends; returns how many there are then.

    What is there already stays. Of findings the smallest of each cause is always kept, if it is small.
    """
    folder, target = SEEDS / reader, TARGETS[reader]
    folder.mkdir(parents=True, exist_ok=True)
    limits, seen = Limits(**LIMITS), set()
    for path in sorted(folder.iterdir()):
        seen.add(_end(path.name, path.read_bytes(), limits))
    notes = [Path(str(note["input"]) + Path(str(note["name"])).suffix) for note in found(reader)]
    smallest = {
        path.name[:10]: path for path in sorted(notes, key=lambda path: -path.stat().st_size)
    }  # the last one stays
    for path in smallest.values():
        if path.stat().st_size <= LARGEST and not list(folder.glob(f"found-{path.name[:10]}*")):
            shutil.copy(path, folder / f"found-{path.name}")
    for path in sorted((CORPUS / reader).glob("*"), key=lambda path: path.stat().st_size):
        data = path.read_bytes()
        total = sum(each.stat().st_size for each in folder.iterdir())
        if len(data) > LARGEST or total + len(data) > MOST_BYTES or len(list(folder.iterdir())) >= MOST:
            break
        name = target.name_of(data)
        if (end := _end(name, data, limits)) not in seen:
            seen.add(end)
            (folder / f"{digest(data)}{Path(name).suffix}").write_bytes(data)
    return len(list(folder.iterdir()))


def _end(name: str, data: bytes, limits: Limits) -> str:
    outcome = attempt(name, Source.from_bytes(data, name), limits, [])
    why = re.sub(r"\d+|'[^']*'|\"[^\"]*\"", "#", outcome.why)
    return f"{outcome.kind} {outcome.parts.bit_length()} {why} {outcome.error[-60:]}"
