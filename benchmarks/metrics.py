"""How fast runs are scored, and how often intervals hold the mean: `python benchmarks/metrics.py` (two minutes).

100,000 queries with their first 1,000 answers, judged and scored by every built-in measure, in a process of its own,
whose peak memory counts the run (1.2 GB of ids and scores). Three runs: `plain`, with one to five right answers a query
among a million; `repeated`, the same with an answer that comes twice in every row; `classes`, with 100 right answers a
query. And of 200 populations with a known mean (Bernoulli, skewed, clustered), 50 samples each: the share of 95 %
intervals that hold it. Writes benchmarks/metrics.json, and the last section of docs/metrics.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from process import ROOT, run, write
from sensorium.core.types import Run
from sensorium.metrics.intervals import bootstrap
from sensorium.metrics.names import measure
from sensorium.metrics.truth import Truth, judge

QUERIES, DEPTH, GALLERY = 100_000, 1_000, 1_000_003
PAGE, HEADING = ROOT / "docs/metrics.md", "## How fast"
KINDS = ("plain", "repeated", "classes")
NAMES = (
    *(f"{name}@{k}" for name in ("R", "recall", "P", "mAP", "nDCG") for k in (1, 5, 10, 100, 1000)),
    "MRR", "MRR@10", "mAP", "median_rank",
)  # fmt: skip
POPULATIONS, SAMPLES = 200, 50
ROWS = (  # of the page: what, key
    ("100,000 queries × 1,000 answers, one to five right answers each, judged and scored: seconds", "plain.seconds"),
    ("the same, judging alone", "plain.judge_seconds"),
    ("peak memory of that process, the run included, in MB", "plain.peak_mb"),
    ("with a duplicate in every row: seconds", "repeated.seconds"),
    ("with 100 right answers a query: seconds", "classes.seconds"),
    ("peak memory of that process in MB", "classes.peak_mb"),
    ("95 % intervals that hold the mean of their population: Bernoulli, p from 0.02 to 0.98", "coverage.bernoulli"),
    ("the same, skewed: log-normal values, reciprocal ranks", "coverage.skewed"),
    ("the same, hits of captions that succeed or fail together", "coverage.clustered"),
    ("the same, all 200 populations", "coverage.all"),
)
Population = tuple[float, Callable[[np.random.Generator], tuple[Any, Any]]]


def made(kind: str) -> tuple[Run, Truth]:
    """A run without repeated answers in a row, unless asked for, and a truth of which much is found."""
    rng = np.random.default_rng(14)
    ids = rng.integers(0, GALLERY, (QUERIES, 1)) + np.arange(DEPTH) * rng.integers(1, 1000, (QUERIES, 1))
    np.remainder(ids, GALLERY, out=ids)  # GALLERY is a prime: a row has no id twice
    count = np.full(QUERIES, 100) if kind == "classes" else rng.integers(1, 6, QUERIES)
    queries = np.repeat(np.arange(QUERIES), count)
    found = ids[queries, np.minimum(rng.geometric(0.01, len(queries)), DEPTH) - 1]
    right = np.where(rng.random(len(queries)) < 0.6, found, rng.integers(0, GALLERY, len(queries)))
    if kind == "repeated":
        ids[np.arange(QUERIES), rng.integers(1, DEPTH, QUERIES)] = ids[:, 0]
    grades = None if kind == "classes" else rng.integers(1, 4, len(queries)).astype(np.float64)
    truth = Truth.of(queries, right, grades, np.arange(GALLERY))
    return Run(np.arange(QUERIES), ids, np.zeros(ids.shape, np.float32)), truth


def scored(kind: str) -> dict[str, Any]:
    """Seconds to judge a run and to score it with every measure."""
    answers, truth = made(kind)
    started = time.perf_counter()
    judged = judge(answers, truth)
    after = time.perf_counter()
    figures = {name: float(getattr(np, measure(name).statistic)(measure(name).of(judged))) for name in NAMES}
    ended = time.perf_counter()
    return {
        "right_answers": len(truth.ids), "found": len(judged.rows), "measures": len(NAMES),
        "judge_seconds": round(after - started, 2), "measure_seconds": round(ended - after, 2),
        "seconds": round(ended - started, 2), "R@10": round(figures["R@10"], 4),
    }  # fmt: skip


def populations() -> dict[str, list[Population]]:
    """Populations by family: (mean, draws a sample of values and their clusters)."""
    families: dict[str, list[Population]] = {"bernoulli": [], "skewed": [], "clustered": []}
    sizes = (200, 500, 1000)
    for at, p in enumerate(np.linspace(0.02, 0.98, 80)):
        families["bernoulli"].append((p, lambda rng, p=p, n=sizes[at % 3]: ((rng.random(n) < p).astype(float), None)))
    for at, spread in enumerate(np.linspace(0.2, 1.0, 30)):
        mean = float(np.exp(spread**2 / 2))
        families["skewed"].append((mean, lambda rng, s=spread, n=sizes[at % 3]: (rng.lognormal(0, s, n), None)))
    for at, depth in enumerate(range(3, 33)):
        mean = float((1 / np.arange(1, depth + 1)).mean())
        families["skewed"].append(
            (mean, lambda rng, d=depth, n=sizes[at % 3]: (1 / rng.integers(1, d + 1, n), None))
        )  # reciprocal ranks
    for at, p in enumerate(np.linspace(0.05, 0.95, 60)):
        families["clustered"].append(
            (p, lambda rng, p=p, n=sizes[at % 3], same=at % 2: captions(rng, p, n, bool(same)))
        )
    return families


def captions(rng: np.random.Generator, p: float, count: int, same: bool) -> tuple[Any, Any]:
    """Hits of the captions of `count` pictures, five each or one to eight, that succeed or fail together."""
    sizes = np.full(count, 5) if same else rng.integers(1, 9, count)
    clusters = np.repeat(np.arange(count), sizes)
    return (rng.random(len(clusters)) < rng.beta(p, 1 - p, count)[clusters]).astype(float), clusters


def coverage(samples: int) -> dict[str, Any]:
    """The share of intervals that hold the mean of their population, by family and of all."""
    rng = np.random.default_rng(14)
    held: dict[str, list[bool]] = {}
    for family, members in populations().items():
        for mean, draw in members:
            for _ in range(samples):
                values, clusters = draw(rng)
                found = bootstrap(values, clusters, resamples=1000, seed=int(rng.integers(1 << 30)))
                held.setdefault(family, []).append(found.low <= mean <= found.high)
    shares = {family: round(float(np.mean(hits)), 4) for family, hits in held.items()}
    total = [hit for hits in held.values() for hit in hits]
    return {"populations": POPULATIONS, "samples": samples, **shares, "all": round(float(np.mean(total)), 4)}


def section(results: dict[str, Any]) -> str:
    """The figures as the page shows them."""
    lines = [
        f"`python benchmarks/metrics.py` on two processor cores, {len(NAMES)} figures a run: `metrics.json`.",
        "", "| what | figure | key |", "|---|---|---|",
    ]  # fmt: skip
    for what, key in ROWS:
        group, name = key.split(".")
        value = results[group][name]
        lines.append(f"| {what} | {f'{value * 100:.2f} %' if group == 'coverage' else f'{value:,}'} | `{key}` |")
    return "\n".join(lines)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", choices=KINDS, help="only this run, here, without writing")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    said = parser.parse_args()
    if said.one:
        print(json.dumps(scored(said.one)))
        return
    results: dict[str, Any] = {"queries": QUERIES, "depth": DEPTH}
    for kind in KINDS:
        ran = run(sys.executable, Path(__file__), "--one", kind)
        assert ran.status == 0, kind
        results[kind] = {**json.loads(ran.out), "peak_mb": round(ran.peak_mb)}
        print(kind, results[kind])
    results["coverage"] = coverage(said.samples)
    print(results["coverage"])
    write("metrics", results)
    before = PAGE.read_text("utf-8").split(HEADING)[0]
    PAGE.write_text(f"{before}{HEADING}\n\n{section(results)}\n", "utf-8")


if __name__ == "__main__":
    main()
