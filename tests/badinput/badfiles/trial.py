"""A process that reads one bad file after the other and says how each ended; it may die, and is started again.

`python -m badfiles.trial '{"kinds": ["pdf"], "seed": 1}'` or `'{"folders": ["/some/where"], "secrets": ["words"]}'`;
`held` reads them from memory, `skip` passes over the first files, `only` is the name of the one to read, `memory`
limits its data (bytes).
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from badfiles.corpus import all_good, good
from badfiles.mutants import mutants
from sensorium.core.errors import Unreadable
from sensorium.core.types import Part
from sensorium.readers.confinement import limit_memory
from sensorium.readers.registry import Limits, Source, read
from sensorium.testing.memory import peak_bytes
from sensorium.testing.readers import check_parts

MEMORY = 450 << 20  # what a worker process has
_NOT_FOR_PEOPLE = re.compile(r"0x[0-9a-f]{5,}|Traceback|\b\w+(?:Error|Exception)\b|/tmp/|\.py\b|<[a-z_.]+ object")
_LONGEST_WHY = 250


@dataclass
class Outcome:
    """How a file ended: as `parts` of a `kind`, as `why`, or as an `error` that should not have been.

    `seconds` are those of the processor, so that a busy machine changes little; `peak` is that of the process so far.
    """

    name: str
    kind: str = ""
    parts: int = 0
    why: str = ""
    error: str = ""
    seconds: float = 0.0
    peak: int = 0


def sources(plan: dict[str, Any]) -> Iterator[tuple[str, Source]]:
    """The files of a plan, in a fixed order: named by their kind or folder, and by themselves."""
    for kind in plan.get("kinds", []):
        for name, data in (good(kind) | dict(mutants(good(kind), all_good(), plan["seed"]))).items():
            yield f"{kind}/{name}", Source.from_bytes(data, name)
    for folder in plan.get("folders", []):
        for path in beside(Path(folder)):
            held = plan.get("held") and path.is_file()
            source = Source.from_bytes(path.read_bytes(), path.name) if held else Source.from_path(path)
            yield f"{path.parent.name}/{path.name}", source


def beside(folder: Path) -> list[Path]:
    """What lies in a folder, without its links to files elsewhere: those are no attack by themselves."""
    return [path for path in sorted(folder.iterdir()) if not (path.is_symlink() and path.is_file())]


def attempt(name: str, source: Source, limits: Limits, secrets: list[str]) -> Outcome:
    """Read one file to its end."""
    outcome, started = Outcome(name), time.process_time()
    try:
        outcome.kind, parts = read(source, limits)
        for part in parts:
            outcome.parts += 1
            check_parts([part], limits)
            _check_more(part, secrets)
    except Unreadable as error:
        outcome.why = error.why
        if complaint := complaint_about(error.why):
            outcome.error = complaint
    except BaseException:  # noqa: BLE001 - whatever it is, it is told
        outcome.error = traceback.format_exc()
    outcome.seconds = round(time.process_time() - started, 3)
    outcome.peak = peak_bytes()
    return outcome


def complaint_about(why: str) -> str:
    """What is wrong with a reason, "" when a person understands it."""
    if not why.strip() or "\n" in why or not why.isprintable() or len(why) >= _LONGEST_WHY:
        return f"a reason is one short line: {why!r}"
    return f"a reason is for people: {why!r}" if _NOT_FOR_PEOPLE.search(why) else ""


def _check_more(part: Part, secrets: list[str]) -> None:
    """A preview is a picture, previews and attributes are small, and nothing came from elsewhere."""
    if (preview := part.preview) is not None:
        assert preview.dtype == np.uint8 and preview.ndim == 3 and preview.shape[2] == 3 and preview.size, "a preview"
        assert preview.nbytes < 32 << 20, f"a preview of {preview.shape}"
    said = json.dumps(dict(part.attributes))
    assert len(said) < 1 << 20, f"attributes of {len(said)} characters"
    if part.modality == "image":
        assert part.content.nbytes < 64 << 20, f"a picture of {part.content.shape} was handed over"
        assert not _is_secret(part.content), "a picture from outside the folder was read"
    if part.modality == "text":
        said += part.content
        assert len(part.content) < 1 << 20, f"a passage of {len(part.content)} characters"
    for secret in secrets:
        assert secret not in said, "a file from elsewhere was read"


def _is_secret(pixels: np.ndarray) -> bool:
    """Whether it is the picture that lies outside: all of one rare colour."""
    return bool((abs(pixels[::8, ::8].reshape(-1, 3).astype(int) - SECRET_COLOUR).max(axis=0) < 12).all())


SECRET_COLOUR = (250, 20, 130)


def main() -> None:
    """Read what the plan says; a line of JSON as each begins, and one as it ends."""
    plan = json.loads(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what decoders print is no answer
    if plan.get("memory", MEMORY):
        limit_memory(plan.get("memory", MEMORY))
    for number, (name, source) in enumerate(sources(plan)):
        if number < plan.get("skip", 0) or name != plan.get("only", name):
            continue
        print(json.dumps({"begun": name}), file=answers)
        outcome = attempt(name, source, Limits(**plan.get("limits", {})), plan.get("secrets", []))
        print(json.dumps({"ended": asdict(outcome)}), file=answers)


if __name__ == "__main__":
    main()
