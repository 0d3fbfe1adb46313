"""How search holds up when files are bad, and what a hint in words does: `python benchmarks/robustness.py`.

The built-in model on the 1,000 test photographs of flickr8k with their captions and the 188 test sounds of ESC-50, made
worse in the ways and strengths of `sensorium.evaluate.robustness.degrade`; hints with weights chosen on the 1,000 dev
photographs. Minutes on two cores: the JSON says how many, and may say more where other work ran beside. Writes
benchmarks/robustness.json, and from that the tables of docs/robustness.md and its drawings (which `--draw` does alone).
`--limit` takes fewer files, to try it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from process import ROOT, commit
from robustness_page import draw, rewrite
from sensorium.encoders.bundle import Bundle, find_bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.evaluate.cache import Cache
from sensorium.evaluate.data import load
from sensorium.evaluate.dataset import Dataset
from sensorium.evaluate.robustness.hints import hints
from sensorium.evaluate.robustness.recall import robustness

DATA = Path(os.environ.get("SENSORIUM_DATA", ROOT / "../shared/data")).resolve()
JSON = ROOT / "benchmarks/robustness.json"
PLACES = 5  # of a share


def measured(limit: int | None) -> dict[str, Any]:
    """All figures, as the JSON has them; vectors are made once for all questions, in a cache that goes afterwards."""
    encoder = OnnxEncoder(Bundle.open(find_bundle("starter")))

    def split(name: str, part: str) -> Dataset:
        return load(DATA / name, split=part, limit=limit)

    with tempfile.TemporaryDirectory() as folder, Cache(Path(folder) / "vectors.sqlite") as cache:
        pictures, sounds = split("flickr8k", "test"), split("esc50", "test")
        found = {
            "pictures": robustness(pictures, encoder, cache=cache),
            "library": robustness(pictures, encoder, side="answers", measures=("R@10",), cache=cache),
            "sounds": robustness(sounds, encoder, measures=("R@1", "R@5", "MRR"), cache=cache),
            "hints": hints(split("flickr8k", "dev"), pictures, encoder, cache=cache),
        }
        return {name: one.to_json() for name, one in found.items()}


def plain(value: Any) -> Any:
    """Rounded, and without the folder that the data lay in."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items() if name != "source"}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return round(value, PLACES) if isinstance(value, float) else value


def written(figures: dict[str, Any]) -> str:
    """JSON with what holds nothing but numbers and words on one line."""
    text = json.dumps(plain(figures), indent=1)
    return re.sub(r"[{\[][^{}\[\]]*[}\]]", lambda found: " ".join(found[0].split()), text) + "\n"


def main() -> None:
    """Measure, write the JSON, the tables and the drawings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, help="take so many things of each data set")
    parser.add_argument("--out", type=Path, help="write only a JSON, here")
    parser.add_argument("--draw", action="store_true", help="tables and drawings from the JSON that is there")
    chosen = parser.parse_args()
    if not chosen.draw:
        began = time.perf_counter()
        found = measured(chosen.limit)
        about = {"measured": datetime.now(UTC).strftime("%Y-%m-%d"), "commit": commit(), "cores": os.cpu_count(),
                 "processor": platform.machine(), "python": platform.python_version(),
                 "seconds": round(time.perf_counter() - began, 1)}  # fmt: skip
        (chosen.out or JSON).write_text(written({**about, **found}), encoding="utf-8")
    if chosen.out is None:
        figures = json.loads(JSON.read_text(encoding="utf-8"))
        rewrite(figures)
        draw(figures)


if __name__ == "__main__":
    main()
