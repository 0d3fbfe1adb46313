"""What fuzzing found: the input, and beside it how it ended; alike ones are kept once."""

from __future__ import annotations

import hashlib
import json
import re
import time
from pathlib import Path

from fuzzing import CORPUS, FINDINGS, SOURCE

MOST_ALIKE = 3
MEMORY = 700 << 20  # bytes of data of a fuzzing process
PATIENCE = 20.0  # seconds for one small input
_SEEN_FROM = re.compile(r'File "[^"]*/(sensorium/[^"]+|[^"/]+/[^"/]+)", line (\d+), in (\S+)')


def headline(error: str) -> str:
    """The line that says most: of a traceback the last, else the first."""
    lines = error.strip().splitlines() or ["nothing was said"]
    return lines[-1 if "Traceback" in error else 0]


def signature(error: str) -> str:
    """What two findings of one cause have in common: the kind of end, and where in the source it was."""
    frames = [f"{path}:{name}" for path, _, name in _SEEN_FROM.findall(error) if "fuzzing/" not in path]
    last = "Traceback" in error
    told = re.sub(r"0x[0-9a-f]+|\d+|'[^']*'" if last else r"0x[0-9a-f]+|\d+", "#", headline(error))[:80]
    return hashlib.sha256(f"{told} {frames[-1:] if last else frames[:1]}".encode()).hexdigest()[:10]


def digest(data: bytes) -> str:
    """A name for an input."""
    return hashlib.sha256(data).hexdigest()[:16]


def deadly(reader: str) -> set[str]:
    """Inputs that the reader, as it is now, does not survive: a fuzzing process that begins anew passes over them."""
    path = _deadly_file(reader)
    return set(path.read_text().split()) if path.exists() else set()


def note_deadly(reader: str, data: bytes) -> None:
    """Remember such an input."""
    with _deadly_file(reader).open("a") as file:
        file.write(f"{digest(data)}\n")


def _deadly_file(reader: str) -> Path:
    CORPUS.mkdir(parents=True, exist_ok=True)
    return CORPUS / f"{reader}-{source()}.deadly"


def source() -> str:
    """The readers as they are now: another one when any of their files changes."""
    whole = hashlib.sha256()
    for path in sorted(SOURCE.glob("*.py")):
        whole.update(path.name.encode() + path.read_bytes())
    return whole.hexdigest()[:12]


def record(reader: str, name: str, data: bytes, error: str, seconds: float) -> bool:
    """Keep a finding; False when enough of its kind are kept."""
    folder, kind = FINDINGS / reader, signature(error)
    folder.mkdir(parents=True, exist_ok=True)
    if len(list(folder.glob(f"{kind}-*.json"))) >= MOST_ALIKE:
        return False
    stem = f"{kind}-{digest(data)}"
    (folder / f"{stem}{Path(name).suffix}").write_bytes(data)
    said = {
        "reader": reader,
        "name": name,
        "error": error,
        "seconds": round(seconds, 2),
        "when": time.strftime("%F %T"),
    }
    (folder / f"{stem}.json").write_text(json.dumps(said, indent=1) + "\n")
    return True


def found(reader: str) -> list[dict[str, object]]:
    """What is kept, a dict each; `input` is the file."""
    notes = sorted((FINDINGS / reader).glob("*.json"))
    return [{**json.loads(note.read_text()), "input": str(note.with_suffix(""))} for note in notes]
