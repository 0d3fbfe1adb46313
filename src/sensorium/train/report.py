"""What a training loop says of itself: one JSON line at a time, in a file that a person can follow with `tail -f`."""

from __future__ import annotations

import json
from pathlib import Path


def report(log: Path, **values: float) -> None:
    """Append one line to `log`; numbers are rounded to four decimals."""
    line = json.dumps({name: round(value, 4) for name, value in values.items()})
    with log.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
