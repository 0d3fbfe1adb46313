"""What a library holds and should answer, worked out slowly from its tables alone, without the library's own code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.types import Hit, Metric, Modality
from sensorium.testing.indexes import naive_score


@dataclass(frozen=True)
class Row:
    """A part that counts: an item row names its revision. `vector` float32 (d,), `place` JSON."""

    part: int
    item: int
    path: str
    kind: str
    modality: Modality
    text: str
    place: str
    vector: NDArray[np.float32]


def table_of(library: Path, name: str) -> list[dict[str, Any]]:
    """All rows of a table of a library, dead ones included; `name` as in "parts" or "vectors/<space>"."""
    import lance

    rows: list[dict[str, Any]] = lance.dataset(str(library / f"{name}.lance")).to_table().to_pylist()
    return rows


def space_of(library: Path) -> str:
    """The one space of a library."""
    (table,) = (library / "vectors").glob("*.lance")
    return table.stem


def live_rows(library: Path, *, missing: bool = False, space: str | None = None) -> list[Row]:
    """The parts of present items, or of all with `missing`, by part id.

    `space` is one of several: parts that it has no vector for are left out.
    """
    items = {item["id"]: item for item in table_of(library, "items")}
    table = table_of(library, f"vectors/{space or space_of(library)}")
    vectors = {(row["part"], row["revision"]): row["vector"] for row in table}
    assert len(vectors) == len(table), "a part has two vectors"
    rows = []
    for part in table_of(library, "parts"):
        item = items.get(part["item"])
        if item is None or item["revision"] != part["revision"] or not (missing or item["state"] == "present"):
            continue
        if space is not None and (part["id"], part["revision"]) not in vectors:
            continue
        vector = np.array(vectors[part["id"], part["revision"]], np.float32)
        said = (part["modality"], part["text"] or "", part["place"] or "")
        rows.append(Row(part["id"], item["id"], item["path"], item["kind"], *said, vector))
    return sorted(rows, key=lambda row: row.part)


def best_items(
    rows: Sequence[Row], query: NDArray[np.float32], k: int, metric: Metric = "cosine"
) -> list[tuple[int, int, float]]:
    """(item, part, score) of the best part of each of the k best items, best first, ties by part id."""
    best: dict[int, tuple[float, int]] = {}
    for row in rows:
        here = (-naive_score(query, row.vector, metric), row.part)
        best[row.item] = min(best.get(row.item, here), here)
    ordered = sorted(best.items(), key=lambda entry: entry[1])[:k]
    return [(item, part, -negated) for item, (negated, part) in ordered]


def assert_hits(hits: Sequence[Hit], expected: Sequence[tuple[int, int, float]]) -> None:
    """The hits are those of `best_items`, but for the order of what ties within the rounding of float32."""
    assert len(hits) == len(expected), f"{len(hits)} hits instead of {len(expected)}"
    scores = [score for _, _, score in expected]
    np.testing.assert_allclose([hit.score for hit in hits], scores, rtol=2e-6, atol=2e-6)
    for rank, (hit, said) in enumerate(zip(hits, expected, strict=True)):
        near = [one[:2] for one in expected if abs(one[2] - said[2]) <= 4e-6 * max(1.0, abs(said[2]))]
        assert (hit.item, hit.part) in near, f"rank {rank}: {hit} instead of {said}"
