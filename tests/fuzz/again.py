"""Read findings and seeds once more: `python tests/fuzz/again.py FILE ...` prints how each ends, in this process."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from badfiles.trial import attempt
from fuzzing.targets import LIMITS

from sensorium.readers.registry import Limits, Source

for given in sys.argv[1:]:
    path = Path(given)
    data = path.read_bytes()
    print(path, attempt(f"x{path.suffix}", Source.from_bytes(data, f"x{path.suffix}"), Limits(**LIMITS), []))
