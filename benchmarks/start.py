"""How long a start takes: `python benchmarks/start.py` (about ten seconds). Writes benchmarks/start.json."""

from __future__ import annotations

import statistics
import sys

from process import SENSORIUM, run, write

TIMES = 7


def median(*command: str) -> float:
    """Median wall-clock seconds of several runs."""
    return statistics.median(run(*command).seconds for _ in range(TIMES))


def main() -> None:
    """Measure, write the JSON, print it."""
    python = median(sys.executable, "-c", "pass")
    figures = {
        "python_seconds": round(python, 3),
        "import_sensorium_seconds": round(median(sys.executable, "-c", "import sensorium") - python, 3),
        "help_seconds": round(median(str(SENSORIUM), "--help"), 3),
    }
    write("start", figures)


if __name__ == "__main__":
    main()
