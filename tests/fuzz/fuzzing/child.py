"""The process that is fuzzed: reads one changed input after the other, and is killed by its parent when it hangs.

`python -m fuzzing.child '{"reader": "html", "window": PATH, "seconds": 60, "seed": 1, "engine": "plain"}'`
"""

from __future__ import annotations

import json
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fuzzing import CORPUS
from fuzzing.findings import MEMORY, deadly, digest

ENGINES = ("atheris", "plain")
# Where coverage is measured: our readers, and the decoders that are written in Python. Not Pillow: atheris 3.0.0 makes
# it fail with SystemError, and crash, over files that it reads or refuses without.
MEASURED = ["sensorium.readers", "docx", "pptx", "striprtf", "zipfile", "csv", "pypdfium2", "xml", "html"]
_MOST_KEPT = 4_000


class Fuzzing:
    """One target, its corpus, and what is done with each input."""

    def __init__(self, plan: dict[str, Any]) -> None:
        from badfiles.trial import attempt

        from fuzzing.mutation import Mutation
        from fuzzing.targets import LARGEST, LIMITS, TARGETS
        from fuzzing.window import Window
        from sensorium.readers.confinement import limit_memory
        from sensorium.readers.registry import Limits

        self.plan, self.attempt, self.limits, self.largest = plan, attempt, Limits(**LIMITS), LARGEST
        self.target = TARGETS[plan["reader"]]
        self.window = Window(Path(plan["window"]))
        self.corpus = CORPUS / plan["reader"]
        self.corpus.mkdir(parents=True, exist_ok=True)
        self.inputs = self.target.beginnings()
        self.mutation = Mutation(self.target.words, self.inputs)
        self.deadly = deadly(plan["reader"])
        self.until = time.monotonic() + plan["seconds"]
        limit_memory(MEMORY)

    def one(self, data: bytes) -> str:
        """Read one input; returns what was new about its end: the same words for alike ends."""
        from fuzzing.findings import record
        from sensorium.readers.registry import Source

        if digest(data) in self.deadly:
            return "it kills"
        name = self.target.name_of(data)
        self.window.begin(name, data)
        outcome = self.attempt(name, Source.from_bytes(data, name), self.limits, [])
        self.window.end(outcome.seconds)
        if outcome.error:
            record(self.plan["reader"], name, data, outcome.error, outcome.seconds)
        why = re.sub(r"\d+|'[^']*'|\"[^\"]*\"", "#", outcome.why)
        slow = int(outcome.seconds * 4) if outcome.seconds > 0.5 else 0
        return f"{outcome.kind} {outcome.parts.bit_length()} {why} {slow}"

    def keep(self, data: bytes) -> None:
        """An input that showed something new is one to go on from, also the next time."""
        self.inputs.append(data)
        (self.corpus / digest(data)).write_bytes(data)

    def kept(self) -> Iterator[bytes]:
        """What earlier runs kept."""
        for path in sorted(self.corpus.iterdir())[:_MOST_KEPT]:
            if 0 < path.stat().st_size <= self.largest:
                yield path.read_bytes()


def plain(fuzzing: Fuzzing) -> None:
    """Changes inputs at random, and goes on from those that the reader answered in a new way."""
    chance = random.Random(fuzzing.plan["seed"])
    fuzzing.inputs += fuzzing.kept()
    seen = {fuzzing.one(data) for data in list(fuzzing.inputs)}
    while time.monotonic() < fuzzing.until:
        # The newest ones are the least explored.
        recent = chance.random() < 0.3
        data = chance.choice(fuzzing.inputs[-20:] if recent else fuzzing.inputs)
        changed = fuzzing.mutation(data, fuzzing.largest, chance)
        if (told := fuzzing.one(changed)) not in seen:
            seen.add(told)
            fuzzing.keep(changed)


def guided(fuzzing: Fuzzing, atheris: Any) -> None:
    """libFuzzer chooses by the coverage of Python code; it changes bytes itself, or lets us."""
    for data in fuzzing.inputs:
        (fuzzing.corpus / digest(data)).write_bytes(data)

    def change(data: bytes, largest: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if chance.random() < 0.4:
            return bytes(atheris.Mutate(data, largest))
        return fuzzing.mutation(data, largest, chance)

    def one(data: bytes) -> None:
        if data:
            fuzzing.one(data)

    # Signals are left to faulthandler, which says where in Python it was.
    signals = {f"handle_{name}": 0 for name in ("segv", "bus", "abrt", "ill", "fpe")}
    options = {
        **signals,
        "max_total_time": max(1, int(fuzzing.until - time.monotonic())), "max_len": fuzzing.largest, "rss_limit_mb": 0,
        "timeout": 3600, "detect_leaks": 0, "seed": fuzzing.plan["seed"] or 1, "print_final_stats": 0, "reload": 0,
        "artifact_prefix": f"{fuzzing.plan['window']}.", "verbosity": 0, "len_control": 0,
    }  # fmt: skip
    arguments = [sys.argv[0], *(f"-{name}={value}" for name, value in options.items()), str(fuzzing.corpus)]
    atheris.Setup(arguments, one, custom_mutator=change)
    atheris.Fuzz()


def instrumented() -> Any:
    """atheris, once it watches every import that follows; None where it is not installed."""
    try:
        import atheris
    except ImportError:
        return None
    atheris.instrument_imports(include=MEASURED).__enter__()
    return atheris


def main() -> None:
    """Fuzz until the time is over."""
    plan = json.loads(sys.argv[1])
    atheris = instrumented() if plan["engine"] != "plain" else None
    run: Callable[[Fuzzing], None] = (lambda fuzzing: guided(fuzzing, atheris)) if atheris else plain
    run(Fuzzing(plan))


if __name__ == "__main__":
    main()
