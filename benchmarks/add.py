"""How fast pictures go in, and how fast a sentence finds one: `python benchmarks/add.py` (about three minutes).

The 8,091 pictures of flickr8k as files, through the command line, each run a process. Writes benchmarks/add.json.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path

from process import ROOT, SENSORIUM, run, write
from sensorium import Library

QUERIES = (
    "a dog running through the snow",
    "two children on a swing",
    "a man climbing a rock",
    "a surfer on a wave",
    "people at a market in the city",
    "a girl in a pink dress",
    "a motorcycle race",
    "a football player in red",
)


def manifest_bytes(library: Path) -> int:
    """Bytes of all table versions' manifests."""
    return sum(f.stat().st_size for f in library.rglob("_versions/*"))


def main() -> None:
    """Measure, write the JSON, print it."""
    pictures = Path(os.environ.get("SENSORIUM_DATA", ROOT / "../shared/data")).resolve() / "flickr8k/images"
    count = sum(1 for _ in pictures.iterdir())
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "pictures.library"
        base = (SENSORIUM, "--library", library)
        first = run(*base, "add", pictures)
        again = run(*base, "add", pictures)
        searches = [run(*base, "search", query, "--json") for query in QUERIES]
        with Library(library, create=False) as opened:
            opened.search(QUERIES[0])  # opens the index and loads the text tower
            inner = [opened.search(query).seconds for query in QUERIES for _ in range(5)]
        figures = {
            "pictures": count,
            "add": {
                "seconds": round(first.seconds, 1),
                "pictures_per_second": round(count / first.seconds, 1),
                "peak_mb": round(first.peak_mb),
            },
            "add_again": {"seconds": round(again.seconds, 2), "peak_mb": round(again.peak_mb)},
            "manifests_mb": round(manifest_bytes(library) / 1e6, 2),
            "library_mb": round(sum(f.stat().st_size for f in library.rglob("*") if f.is_file()) / 1e6, 1),
            "search_process": {
                "seconds_median": round(statistics.median(s.seconds for s in searches), 3),
                "seconds_worst": round(max(s.seconds for s in searches), 3),
                "peak_mb": round(max(s.peak_mb for s in searches)),
            },
            "search_itself_ms_median": round(1000 * statistics.median(inner), 2),
        }
        assert all(r.status == 0 for r in (first, again, *searches)), "a command failed"
    write("add", figures)


if __name__ == "__main__":
    main()
