"""Figures in two dimensions: matrices of shares, similarities and confusions, and the map of a space."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sensorium.core.errors import BadData, ExtraMissing
from sensorium.evaluate.figures.drawing import LEVELS, MARKERS, MISSING, SERIES, Paper, level, light, word

Floats = NDArray[np.float64]

_NAMED = 24  # classes that a confusion matrix can name in a column of text
_PAIRS = 128  # pairs of a batch that are drawn
_WORST = 5  # confusions that are written out where classes cannot be named


def matrix(
    values: ArrayLike, rows: Sequence[str], columns: Sequence[str], *, title: str, about: str,
    row_label: str = "asked with", column_label: str = "answered by", chance: ArrayLike | None = None,
) -> str:  # fmt: skip
    """Shares (r, c) with their numbers, below each what chance gives (r, c); NaN is a cell that was not measured."""
    table = _square(values, len(rows), len(columns))
    expected = np.full(table.shape, np.nan) if chance is None else _square(chance, len(rows), len(columns))
    paper = Paper(title, about, height=min(70 + 62 * len(rows), 420), plain=True)
    _cells(paper.axes, np.nan_to_num(table), gap=0.03)
    for row, column in np.ndindex(*table.shape):
        value, by_chance = table[row, column], expected[row, column]
        if np.isnan(value):
            paper.axes.text(column, row, "not measured", ha="center", va="center", fontsize=11, color=light("soft"))
            continue
        colour = light(f"n{level(float(value))}")
        below = not np.isnan(by_chance)
        paper.axes.text(
            column, row - (0.12 if below else 0), f"{100 * value:.1f} %", ha="center", va="center", fontsize=15,
            color=colour,
        )  # fmt: skip
        if below:
            said = f"chance {100 * by_chance:.1f} %"
            paper.axes.text(column, row + 0.22, said, ha="center", va="center", fontsize=11, color=colour)
    paper.axes.set_xticks(range(len(columns)), map(word, columns), color=light("ink"))
    paper.axes.set_yticks(range(len(rows)), map(word, rows), color=light("ink"))
    paper.say(column_label, row_label)
    return paper.svg()


def batch(
    similarities: ArrayLike, *, title: str, row_label: str = "text", column_label: str = "image", about: str = ""
) -> str:  # fmt: skip
    """The similarities (n, n) of all pairs of a batch, where row i belongs to column i: the diagonal should be strong.

    At most the first 128 pairs are drawn; the rows that have their largest similarity on the diagonal are counted in
    all of them.
    """
    table = _square(similarities)
    right = int((table.argmax(1) == np.arange(len(table))).sum())
    drawn = table[:_PAIRS, :_PAIRS]
    some = "" if len(drawn) == len(table) else f", the first {len(drawn)} of them drawn"
    told = f"{len(table):,} pairs{some}; the right one is the most similar in {right:,} of {len(table):,} rows"
    paper = Paper(title, f"{about}; {told}" if about else told, height=470, plain=True)
    low, high = float(np.percentile(drawn, 2)), float(drawn.max())
    _cells(paper.axes, (drawn - low) / (high - low or 1))
    _frame(paper, len(drawn))
    paper.say(f"{column_label} of pair", f"{row_label} of pair")
    _scale(paper, f"{low:.2f} or less", f"{(low + high) / 2:.2f}", f"{high:.2f} (cosine)")
    return paper.svg()


def class_confusion(counts: ArrayLike, names: Sequence[str], *, title: str, about: str = "") -> str:
    """How often a class (row) was taken for another (column), counts (c, c), drawn as shares of the row.

    Up to 24 classes are named; of more, the most frequent confusions are written out.
    """
    table = _square(counts, len(names), len(names))
    totals = table.sum(1)
    shares = table / np.where(totals, totals, 1)[:, None]
    right = 100 * np.trace(table) / (totals.sum() or 1)
    told = f"{int(totals.sum()):,} samples of {len(names):,} classes; {right:.1f} % right"
    named = len(names) <= _NAMED
    if not named:
        worst = "; ".join(_worst(table, names))
        told += f". Most often confused: {worst}" if worst else ""
    paper = Paper(title, f"{about}; {told}" if about else told, height=480, plain=True)
    _cells(paper.axes, shares, gap=0.02 if named else 0.0)
    if named:
        size = 11.5 if len(names) <= 16 else 10
        short = [word(name, 24) for name in names]
        paper.axes.set_xticks(range(len(names)), short, rotation=90 if len(names) > 6 else 0, fontsize=size)
        paper.axes.set_yticks(range(len(names)), short, fontsize=size)
        paper.axes.set_aspect("equal")
    else:
        _frame(paper, len(names))
    paper.say("said to be", "is")
    _scale(paper, "0 %", "50 %", "100 % of the class")
    return paper.svg()


def scatter(
    points: ArrayLike, labels: Sequence[str], *, title: str, about: str = "", most: int = 12,
    others: str = "other classes",
) -> str:  # fmt: skip
    """Points (n, 2) by label (n,): the `most` frequent labels in colour and shape, the others grey.

    For a map of a space by class or by modality; its axes have no unit and are not drawn.
    """
    places = np.asarray(points, np.float64)
    if places.shape != (len(labels), 2) or not len(labels):
        raise BadData(f"points of the shape {places.shape} and {len(labels):,} labels: give two numbers a label")
    counted = Counter(labels).most_common()
    counted.sort(key=lambda found: (-found[1], found[0]))
    named = sorted((name for name, _ in counted[:most]), key=lambda name: [n for n, _ in counted].index(name))
    said = f"n = {len(labels):,}"
    paper = Paper(title, f"{about}; {said}" if about else said, height=360 + 20 * -(-len(named) // 3), plain=True)
    own = np.array(labels)
    rest = ~np.isin(own, named)
    size = 20 if len(labels) <= 800 else 11
    if rest.any():
        label = f"{others} ({int(rest.sum()):,})"
        _dots(paper.axes, places[rest], "rest", "o", size * 0.6, label)
    for number, name in enumerate(named):
        marker = MARKERS[(number + number // len(SERIES)) % len(MARKERS)]
        _dots(paper.axes, places[own == name], SERIES[number % len(SERIES)], marker, size, name)
    paper.axes.set_xticks([])
    paper.axes.set_yticks([])
    paper.axes.set_aspect("equal", adjustable="datalim")
    paper.legend(3, scale=2.2)
    return paper.svg()


def layout(vectors: ArrayLike, *, seed: int = 0, neighbors: int = 15) -> NDArray[np.float32]:
    """A map of vectors (n, d), float32 (n, 2), in which what is near stays near: UMAP (McInnes et al. 2018) by cosine.

    The same vectors and seed give the same map with the same version of umap-learn; the first call of a process
    compiles for some 10 s. Raises ExtraMissing, and BadData
    for fewer than 4 vectors.
    """
    given = np.asarray(vectors, np.float32)
    if given.ndim != 2 or len(given) < 4:
        raise BadData(f"a map needs at least 4 vectors, not {len(given)}: give more samples")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImportWarning)  # one of its many ways needs TensorFlow: not this one
            import umap
    except ImportError as error:
        raise ExtraMissing(MISSING) from error
    near = min(neighbors, len(given) - 1)
    start = "spectral" if len(given) > 32 else "random"
    made = umap.UMAP(n_neighbors=near, metric="cosine", random_state=seed, n_jobs=1, init=start).fit_transform(given)
    return np.asarray(made, np.float32)


def _square(values: ArrayLike, rows: int | None = None, columns: int | None = None) -> Floats:
    table = np.asarray(values, np.float64)
    wanted = (rows, columns) if rows is not None else (len(table), len(table)) if table.ndim else (0, 0)
    if table.shape != wanted or not table.size:
        raise BadData(f"a table of the shape {table.shape} where {wanted} is wanted: give a number for each cell")
    return table


def _cells(axes: Any, shares: Floats, gap: float = 0.0) -> None:
    """Draw cells (r, c), row 0 at the top: a path a step of the ramp, neighbours of one step in a row as one."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    steps = np.vectorize(level)(shares)
    for step in range(LEVELS):
        corners: list[tuple[float, float]] = []
        for row, start, end in _runs(steps == step, joined=gap == 0):
            left, right, top, bottom = start - 0.5 + gap, end - 0.5 - gap, row - 0.5 + gap, row + 0.5 - gap
            corners += [(left, top), (right, top), (right, bottom), (left, bottom), (0, 0)]
        if corners:
            codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * (len(corners) // 5)
            axes.add_patch(PathPatch(Path(corners, codes), facecolor=light(f"m{step}"), linewidth=0, snap=False))
    axes.set(xlim=(-0.5, shares.shape[1] - 0.5), ylim=(shares.shape[0] - 0.5, -0.5))
    axes.tick_params(length=0)


def _runs(marked: NDArray[np.bool_], *, joined: bool) -> Iterator[tuple[int, int, int]]:
    """(row, first column, column after the last) of neighbours in a row."""
    for row, line in enumerate(marked):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(np.int8), [0]])))
        for start, end in edges.reshape(-1, 2).tolist():
            yield from [(row, start, end)] if joined else ((row, at, at + 1) for at in range(start, end))


def _frame(paper: Paper, count: int) -> None:
    """Numbers from 1 on both axes, and a frame."""
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500) if count / s <= 10)
    ticks = [0, *range(step - 1, count, step)] if step > 1 else list(range(count))
    for axis in (paper.axes.xaxis, paper.axes.yaxis):
        axis.set_ticks(ticks, [str(tick + 1) for tick in ticks])
    for spine in paper.axes.spines.values():
        spine.set_visible(True)
    paper.axes.set_aspect("equal")


def _scale(paper: Paper, low: str, middle: str, high: str) -> None:
    """Three steps of the ramp and what they say, below the axes."""
    from matplotlib.patches import Patch

    said = ((0, low), (LEVELS // 2, middle), (LEVELS - 1, high))
    paper.legend(3, [Patch(facecolor=light(f"m{s}"), edgecolor=light("soft"), label=label) for s, label in said])


def _dots(axes: Any, places: Floats, colour: str, marker: str, size: float, label: str) -> None:
    looks = {"s": size, "color": light(colour), "marker": marker, "linewidths": 0, "alpha": 0.85}
    axes.scatter(places[:, 0], places[:, 1], label=word(label), **looks)


def _worst(table: Floats, names: Sequence[str]) -> Iterator[str]:
    beside = table - np.diag(np.diag(table))
    for at in np.argsort(-beside, axis=None, kind="stable")[:_WORST]:
        row, column = divmod(int(at), len(names))
        if beside[row, column] > 0:
            yield f"{word(names[row])} as {word(names[column])} ({int(beside[row, column])} of {int(table[row].sum())})"
