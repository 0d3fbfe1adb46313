"""Findings are read again before they count: what only happens where coverage is measured is no finding."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from badfiles.watch import trial

from fuzzing import FINDINGS
from fuzzing.findings import MEMORY, PATIENCE, source
from fuzzing.targets import LIMITS


def confirm(reader: str) -> None:
    """Read each finding again, alone, in a process that no coverage is measured in; what is fine then is put aside.

    So is what was found earlier and has been mended since.
    """
    for note in sorted((FINDINGS / reader).glob("*.json")):
        said = json.loads(note.read_text())
        if said.get("source") == source():
            continue
        given = note.with_suffix(Path(said["name"]).suffix)
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(given, Path(folder) / said["name"])
            (outcome,) = trial(
                {"folders": [folder], "held": True, "limits": LIMITS, "memory": MEMORY}, patience=PATIENCE
            )
        said["source"], said["again"] = (
            source(),
            outcome.error or outcome.why or f"{outcome.parts} parts of a {outcome.kind}",
        )
        note.write_text(json.dumps(said, indent=1) + "\n")
        if not outcome.error:
            aside = note.parent / "gone"
            aside.mkdir(exist_ok=True)
            note.rename(aside / note.name)
            given.rename(aside / given.name)
