"""`sensorium evaluate` on Flickr8k: `python benchmarks/evaluate.py` (a minute on two cores). Writes evaluate.json.

The README and docs/evaluate.md show these figures; `tests/benchmarks/test_evaluate.py` compares them. The photographs
lie in `SENSORIUM_DATA`, else `../shared/data`.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from process import ROOT, SENSORIUM, run, write
from sensorium.evaluate import Results, read

DATA = Path(os.environ.get("SENSORIUM_DATA", ROOT.parent / "shared/data")) / "flickr8k"
OPTIONS = (
    "--split",
    "test",
    "--directions",
    "t2i,i2t,t2t,t2all",
    "--metric",
    "cosine,dot",
    "--index",
    "exact,ivf:100,5",
)


def compact(results: Results) -> dict[str, Any]:
    """What the results say of the data, the code and every run, without values a query."""
    plain = results.to_json()
    kept = ("model", "metric", "index", "direction", "queries", "gallery", "depth", "search_seconds", "build_seconds")
    runs = {
        f"{run['metric']}/{run['index']}/{run['direction']}": {**{n: run[n] for n in kept}, "figures": run["figures"]}
        for run in plain["runs"]
    }
    data = {name: plain["data"][name] for name in ("name", "hash", "samples", "notes")}
    return {"commit": plain["commit"], "data": data, "models": plain["models"], "plan": plain["plan"], "runs": runs}


def main() -> None:
    """Measure without vectors that were kept before, write the JSON, print it."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "results.json"
        ran = run(SENSORIUM, "evaluate", DATA, *OPTIONS, "--no-cache", "--out", out)
        if ran.status:
            raise SystemExit(f"sensorium evaluate ended with {ran.status}")
        write("evaluate", {"command": f"sensorium evaluate flickr8k {' '.join(OPTIONS)}", **compact(read(out))})


if __name__ == "__main__":
    main()
