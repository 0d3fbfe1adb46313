"""Read findings and seeds once more: `python tests/fuzz/again.py FILE ...` prints how each ends, in this process."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "badinput"))

from badfiles.trial import attempt
from fuzzing.findings import MEMORY
from fuzzing.targets import LIMITS

from sensorium.readers.confinement import limit_memory
from sensorium.readers.registry import Limits, Source

limit_memory(MEMORY)
for given in sys.argv[1:]:
    path = Path(given)
    data, name = path.read_bytes(), f"x{path.suffix}"
    outcome = attempt(name, Source.from_bytes(data, name), Limits(**LIMITS), [])
    said = outcome.why or f"{outcome.parts} parts of a {outcome.kind}"
    print(f"{path}: {outcome.error or said} ({outcome.seconds:g} s)")
