"""How well pages, XML documents and films are found by what is inside them: `python benchmarks/kinds.py`.

Composes the set of `kinds_plan.py` out of held-out media, adds it to a library, and its pieces as plain files to
another. Writes benchmarks/kinds.json and docs/kinds.md. Some minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kinds_measure import Query, ask_files, ask_items, figures_of, pairs
from kinds_page import page
from kinds_plan import BOUND, KINDS, Media, Plan
from kinds_texts import SOUNDS
from kinds_write import write, write_parts
from process import ROOT
from process import write as write_figures
from sensorium import Library

CONTAINERS = ("html", "xml", "video")
# The classes of ESC-10: chosen by the makers of ESC-50 as those that people know best.
CLEAR = {"dog", "chainsaw", "crackling fire", "helicopter", "rain", "crying baby", "clock tick", "sneezing", "rooster",
         "sea waves"}  # fmt: skip


class Set:
    """The items of a plan as files in `folder`, and each piece of the containers as a file of its own."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.items, self.parts = folder / "items", folder / "parts"
        made = plan.items
        for name in {item.folder for item in made}:
            (self.items / name).mkdir(parents=True, exist_ok=True)
        for kind in CONTAINERS:
            (self.parts / kind).mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(2) as pool:
            self.made = dict(zip(pool.map(lambda item: write(item, self.items / item.folder), made), made, strict=True))
            whole = [item for item in made if item.kind in CONTAINERS]
            written = pool.map(lambda item: write_parts(item, self.parts / item.kind), whole)
            self.pieces = {
                path: (item, at) for item, paths in zip(whole, written, strict=True) for at, path in enumerate(paths)
            }


def measure(plan: Plan, folder: Path) -> dict[str, Any]:
    """Compose, add, ask."""
    took: dict[str, float] = {}
    with clocked(took, "compose"):
        the = Set(plan, folder)
    library, plain = Library(folder / "items.library"), Library(folder / "parts.library")
    with clocked(took, "add"):
        skipped = (*library.add(the.items).skipped, *plain.add(the.parts).skipped)
        assert not skipped, skipped[0]
    scenes = [Query(text, scene) for scene, text in plan.captions().items()]
    sounds = [Query(f"the sound of {text}", f"source:{label}") for label, text in SOUNDS.items()]
    there = {subject for item in the.made.values() if item.kind == "video" for subject in item.subjects}
    sounds = [query for query in sounds if query.subject in there]
    with clocked(took, "texts"):
        asked = {kind: ask_items(library, the.made, kind, scenes) for kind in (*CONTAINERS, *BOUND)}
        for kind in CONTAINERS:
            ask_files(plain, the.pieces, kind, scenes, asked[kind])
        for kind in BOUND:
            asked[kind].parts, asked[kind].files = asked["html"].parts, asked["html"].files
        heard = ask_items(library, the.made, "video", sounds)
        asked["video, by its sound"] = ask_files(plain, the.pieces, "video", sounds, heard)
    with clocked(took, "pairs"):
        ids = {Path(row["path"]): row["id"] for row in library.items().select(["path", "id"]).to_pylist()}
        ranked = {family: pairs(library, the.made, ids, family) for family in ("scene", "source")}
    library.close()
    plain.close()
    return {
        "items": dict(Counter(item.kind for item in the.made.values())),
        "parts": len(the.pieces), "sources": len(plan.media.sources), "seed": plan.seed,
        "texts": {name: found.figures() for name, found in asked.items()},
        "pairs": {f"{a}-{b}": pair_figures(ranked, f"{a}-{b}") for a in KINDS for b in KINDS},
        "seconds": {name: round(value, 1) for name, value in took.items()},
    }  # fmt: skip


def pair_figures(ranked: dict[str, dict[str, Any]], pair: str) -> dict[str, Any]:
    """What was measured of a pair of kinds with scenes, with sources, and with the best-known sources alone."""
    found = {family: figures_of(pairs[pair]) for family, pairs in ranked.items() if pair in pairs}
    clear = {f"source:{label}" for label in CLEAR}
    return {**found, "clear": figures_of(ranked["source"][pair], lambda one: one.asked in clear)}


@contextmanager
def clocked(took: dict[str, float], name: str) -> Iterator[None]:
    """Adds how long its block took."""
    started = time.perf_counter()
    yield
    took[name] = time.perf_counter() - started


def main() -> None:
    """Measure and write both files; with --split dev only print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=("test", "dev"), default="test")
    parser.add_argument("--keep", type=Path, help="compose in this folder, and leave it there")
    options = parser.parse_args()
    data = Path(os.environ.get("SENSORIUM_DATA", ROOT / "../shared/data")).resolve()
    plan = Plan(Media.of(data, options.split))
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(plan, (options.keep or Path(folder)).resolve())
    if options.split == "test":
        write_figures("kinds", figures)
        measured = json.loads((ROOT / "benchmarks/kinds.json").read_text())
        (ROOT / "docs/kinds.md").write_text(page(measured), encoding="utf-8")
    else:
        print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
