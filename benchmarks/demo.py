"""How long `make demo` takes from a clean clone, and the next time: `python benchmarks/demo.py` (about two minutes).

Writes benchmarks/demo.json. It clones the last commit, so commit first.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from process import ROOT, run, write


def main() -> None:
    """Measure, write the JSON, print it."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "sensorium"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        first, again = (run("make", "--no-print-directory", "-C", clone, "demo") for _ in range(2))
        assert first.status == again.status == 0, "the demo failed"
        passed = next(line for line in again.out.splitlines() if "right answer" in line)
        torch = any((clone / ".venv").glob("lib/python*/site-packages/torch"))
    figures = {
        "first_seconds": round(first.seconds, 1),
        "again_seconds": round(again.seconds, 1),
        "said": passed.strip(),
        "torch_installed": torch,
    }
    write("demo", figures)


if __name__ == "__main__":
    main()
