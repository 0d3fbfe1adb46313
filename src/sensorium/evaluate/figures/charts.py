"""Figures of an evaluation: plain numbers in, an `<svg>` element out, to be set into a page or kept as a file.

Shares are fractions from 0 to 1 and drawn as percentages, times are milliseconds. What is drawn differs by marker and
line as well as by colour. In a page, `drawing.style_sheet` brings the colours for dark systems; `drawing.standalone`
makes a file that has them with it. The same numbers give the same characters. All raise ExtraMissing without
matplotlib, and BadData for arrays that do not fit together or are empty.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sensorium.core.errors import BadData
from sensorium.evaluate.figures.drawing import (
    DASHES,
    MARKERS,
    SERIES,
    Paper,
    any_script,
    light,
    standalone,
    style_sheet,
    word,
)
from sensorium.evaluate.figures.maps import batch, class_confusion, layout, matrix, scatter

__all__ = [
    "Bar", "Curve", "Point", "bars", "batch", "class_confusion", "layout", "matrix", "precision_over_k", "reliability",
    "robustness", "scatter", "standalone", "style_sheet", "time_against_accuracy", "time_over_n",
]  # fmt: skip

_Z = 1.959964  # of a normal distribution, 95 % lies within so many deviations


@dataclass(frozen=True, slots=True)
class Curve:
    """A line: y over x (n,), and the ends of y's interval (n,), drawn as a band, where they are known."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """A share with its interval and what chance gives; bars of one `name` stand together, coloured by `series`."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    series: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """An index: milliseconds a query, and the share of right answers with its interval."""

    name: str
    milliseconds: float
    accuracy: float
    low: float | None = None
    high: float | None = None
    series: str = ""


def precision_over_k(
    curves: Sequence[Curve], *, title: str, queries: int | None, gallery: int, chance: Curve | None = None,
    y_label: str = "right answer among the first k (% of queries)", confidence: float = 0.95,
) -> str:  # fmt: skip
    """The share of queries answered within k over k, on a logarithmic axis, with the line of a random ranking.

    `queries` None: the curves differ in it, and their names say it. `confidence` is that of their intervals.
    """
    asked = "" if queries is None else f"{queries:,} queries, "
    bands = f"bands: {100 * confidence:g} % intervals"
    paper = Paper(title, f"{asked}a gallery of {gallery:,}; {bands}", height=340)
    _draw(paper.axes, curves)
    if chance is not None:
        _chance(paper.axes, chance)
    last = max(max(curve.x) for curve in curves)
    paper.axes.set_xlim(min(min(curve.x) for curve in curves) * 0.93, last * 1.07)
    _logarithmic(paper.axes.xaxis, "x", _counted)
    _shares(paper.axes.yaxis)
    paper.axes.set_ylim(0, _roof([max(curve.high or curve.y) for curve in curves]))
    paper.say("k (answers looked at)", y_label)
    paper.legend()
    return paper.svg()


def bars(entries: Sequence[Bar], *, title: str, about: str, x_label: str) -> str:
    """Shares with their intervals as bars that lie, each with its number; a short line across marks chance."""
    if not entries:
        raise BadData("there is nothing to draw as bars: give at least one")
    names, series = _once(bar.name for bar in entries), _once(bar.series for bar in entries)
    step = 26 if len(series) == 1 else 19 * len(series) + 9
    several = len(series) > 1
    paper = Paper(title, about, height=76 + step * len(names) + (26 if several else 0))
    thick = 0.62 if not several else 0.8 / len(series)
    room = max(max(bar.value, bar.high or 0, bar.chance or 0) for bar in entries)
    first = {bar.series: bar for bar in reversed(entries)}  # which stands for its series below the axes
    for bar in entries:
        at = names.index(bar.name) + (series.index(bar.series) - (len(series) - 1) / 2) * thick
        colour = light(SERIES[series.index(bar.series) % len(SERIES)])
        label = word(bar.series) if several and bar is first[bar.series] else None
        paper.axes.barh(at, bar.value, thick * 0.9, color=colour, alpha=0.85, linewidth=0, label=label)
        if bar.low is not None and bar.high is not None:
            reach = [[max(bar.value - bar.low, 0)], [max(bar.high - bar.value, 0)]]
            paper.axes.errorbar(bar.value, at, xerr=reach, fmt="none", ecolor=light("ink"), elinewidth=1.4)
        if bar.chance is not None:
            half = thick * 0.45
            paper.axes.plot([bar.chance] * 2, [at - half, at + half], color=light("card"), linewidth=4)
            paper.axes.plot(
                [bar.chance] * 2, [at - half, at + half], color=light("ink"), linewidth=1.6, linestyle=(0, (2, 1))
            )
        end = max(bar.value, bar.high or 0, bar.chance or 0)
        looks = {"va": "center", "fontsize": 11.5, "color": light("ink")}
        paper.axes.annotate(_percent(bar.value), (end, at), (6, 0), textcoords="offset points", **looks)
    paper.axes.set_yticks(range(len(names)), map(word, names), color=light("ink"))
    paper.axes.tick_params(axis="y", length=0)
    paper.axes.set_ylim(len(names) - 0.45, -0.55)
    paper.axes.grid(False, axis="y")
    paper.axes.set_xlim(0, min(1.18, room * 1.22) or 1)
    _shares(paper.axes.xaxis)
    paper.axes.set_xlabel(x_label)
    paper.legend(3)
    return paper.svg()


def time_against_accuracy(
    points: Sequence[Point], *, title: str, about: str, y_label: str = "right answer found (% of queries)"
) -> str:  # fmt: skip
    """Accuracy over time a query, logarithmic, a point an index; up and to the left is better."""
    if not points:
        raise BadData("there is no index to draw: give at least one point")
    paper = Paper(title, about, height=320)
    series = _once(point.series for point in points)
    for number, name in enumerate(series):
        own = [point for point in points if point.series == name]
        x, y = [p.milliseconds for p in own], [p.accuracy for p in own]
        looks = {"color": light(SERIES[number % len(SERIES)]), "marker": MARKERS[number % len(MARKERS)]}
        paper.axes.plot(x, y, linestyle="none", markersize=8, label=word(name) if len(series) > 1 else None, **looks)
        known = [
            (p, max(p.accuracy - p.low, 0), max(p.high - p.accuracy, 0))
            for p in own
            if p.low is not None and p.high is not None
        ]
        if known:
            at, values = [p.milliseconds for p, _, _ in known], [p.accuracy for p, _, _ in known]
            reach = [[low for _, low, _ in known], [high for _, _, high in known]]
            paper.axes.errorbar(at, values, yerr=reach, fmt="none", ecolor=looks["color"], elinewidth=1.4)
    times = [point.milliseconds for point in points]
    paper.axes.set_xlim(min(times) / 1.8, max(times) * 2.6)
    _logarithmic(paper.axes.xaxis, "x", _milliseconds)
    lows = [p.accuracy if p.low is None else p.low for p in points]
    highs = [p.accuracy if p.high is None else p.high for p in points]
    margin = max(0.02, (max(highs) - min(lows)) * 0.2)
    paper.axes.set_ylim(max(0, min(lows) - margin), max(highs) + margin)
    _shares(paper.axes.yaxis)
    paper.say("time a query (ms)", y_label)
    paper.legend()
    _label_points(paper, points)
    return paper.svg()


def time_over_n(curves: Sequence[Curve], *, title: str, about: str, y_label: str = "time a query (ms)") -> str:
    """Search time over how many vectors are searched, both logarithmic."""
    paper = Paper(title, about, height=320)
    _draw(paper.axes, curves)
    _logarithmic(paper.axes.xaxis, "x", _counted)
    _logarithmic(paper.axes.yaxis, "y", _milliseconds)
    paper.say("n (vectors searched)", y_label)
    paper.legend()
    return paper.svg()


def reliability(
    said: Sequence[float], true: Sequence[float], counts: Sequence[int], *, title: str, error: float | None = None
) -> str:  # fmt: skip
    """How often what is said to be so probable is so.

    Of each bin (b,): the mean probability, the share that was right, with 95 % Wilson intervals, and how many fell into
    it. `error` is the expected calibration error.
    """
    if not len(said) == len(true) == len(counts) or not any(counts):
        raise BadData(f"{len(said)} probabilities, {len(true)} shares and {len(counts)} counts: give one of each a bin")
    told = "" if error is None else f"; expected calibration error {_percent(error)}"
    paper = Paper(title, f"{sum(counts):,} answers{told}; lines: 95 % intervals; grey: answers in each bin", height=360)
    bins = [(s, t, c) for s, t, c in zip(said, true, counts, strict=True) if c]
    most = max(counts)
    for at, _, count in bins:
        paper.axes.bar(at, 0.18 * count / most, 0.05, color=light("rest"), alpha=0.7, linewidth=0)
    paper.axes.plot([0, 1], [0, 1], color=light("soft"), linewidth=1.4, linestyle=DASHES[1], label="perfect")
    ends = [_wilson(t, c) for _, t, c in bins]
    x, y = [s for s, _, _ in bins], [t for _, t, _ in bins]
    reach = [
        [max(t - low, 0) for t, (low, _) in zip(y, ends, strict=True)],
        [max(high - t, 0) for t, (_, high) in zip(y, ends, strict=True)],
    ]
    paper.axes.errorbar(x, y, yerr=reach, fmt="none", ecolor=light("a"), elinewidth=1.4)
    paper.axes.plot(x, y, color=light("a"), marker="o", markersize=6, label="measured")
    for axis in (paper.axes.xaxis, paper.axes.yaxis):
        _shares(axis)
    paper.axes.set(
        xlim=(-0.02, 1.02), ylim=(0, 1.04), xlabel="probability that was said (%)", ylabel="share that was right (%)"
    )
    paper.legend()
    return paper.svg()


def robustness(
    curves: Sequence[Curve], *, title: str, about: str, x_label: str, chance: float | None = None,
    ticks: Sequence[str] | None = None, y_label: str = "right answer among the first 10 (% of queries)",
) -> str:  # fmt: skip
    """A share over how much a file was spoilt. `x` is in the unit of `x_label`, or counts the `ticks` from 0."""
    paper = Paper(title, about, height=330)
    _draw(paper.axes, curves)
    if chance is not None:
        ends = [min(min(c.x) for c in curves), max(max(c.x) for c in curves)]
        _chance(paper.axes, Curve("chance", ends, [chance, chance]))
    if ticks is not None:
        paper.axes.set_xticks(range(len(ticks)), ticks)
    _shares(paper.axes.yaxis)
    paper.axes.set_ylim(0, _roof([max(curve.high or curve.y) for curve in curves]))
    paper.say(x_label, y_label)
    paper.legend()
    return paper.svg()


def _draw(axes: Any, curves: Sequence[Curve]) -> None:
    if not curves:
        raise BadData("there is no curve to draw: give at least one")
    for number, curve in enumerate(curves):
        sides = [side for side in (curve.low, curve.high) if side is not None]
        if not curve.x or any(len(side) != len(curve.x) for side in (curve.y, *sides)):
            raise BadData(f"the curve {curve.name!r} has {len(curve.x)} x and {len(curve.y)} y: give as many of each")
        looks = {"color": light(SERIES[number % len(SERIES)]), "linestyle": DASHES[number % len(DASHES)]}
        if curve.low is not None and curve.high is not None:
            axes.fill_between(curve.x, curve.low, curve.high, color=looks["color"], alpha=0.16, linewidth=0)
        every = max(1, len(curve.x) // 10)
        axes.plot(
            curve.x,
            curve.y,
            label=word(curve.name),
            marker=MARKERS[number % len(MARKERS)],
            markevery=every,
            linewidth=2,
            markersize=5.5,
            **looks,
        )


def _chance(axes: Any, curve: Curve) -> None:
    axes.plot(curve.x, curve.y, label=word(curve.name), color=light("soft"), linewidth=1.4, linestyle=(0, (1, 1.6)))


def _label_points(paper: Paper, points: Sequence[Point]) -> None:
    """Write each point's name where it covers no other point and no other name."""
    with any_script():
        paper.figure.draw_without_rendering()
    at = paper.axes.transData.transform([(point.milliseconds, point.accuracy) for point in points])
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in at]
    for point in points:
        if point.low is not None and point.high is not None:
            ends = [(point.milliseconds, point.low), (point.milliseconds, point.high)]
            (x, low), (_, high) = paper.axes.transData.transform(ends)
            taken.append((x - 4, low, x + 4, high))
    frame = paper.axes.bbox
    for point, (x, y) in zip(points, at, strict=True):
        name = word(point.name)
        wide = 6.8 * len(name)
        tries = [
            (10, -4),
            (-10 - wide, -4),
            (-wide / 2, 11),
            (-wide / 2, -20),
            (8, 9),
            (8, -17),
            (-8 - wide, 9),
            (-8 - wide, -17),
        ]
        boxes = [(x + dx, y + dy - 2, x + dx + wide, y + dy + 12) for dx, dy in tries]
        inside = [b for b in boxes if b[0] > frame.x0 and b[2] < frame.x1 + 12 and b[1] > frame.y0 and b[3] < frame.y1]
        free = [b for b in inside if not any(_meet(b, other) for other in taken)]
        box = (free or inside or boxes)[0]
        taken.append(box)
        paper.axes.annotate(
            name, (point.milliseconds, point.accuracy), (box[0] - x, box[1] + 2 - y), textcoords="offset points",
            fontsize=11.5, color=light("ink"), in_layout=False,
        )  # fmt: skip


def _meet(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _roof(highs: Iterable[float]) -> float:
    """Where an axis of shares ends: at the next tenth, never above 100 % by more than a line's width."""
    return min(1.02, max(0.05, math.ceil(max(highs) * 10 + 0.2) / 10))


def _wilson(share: float, count: int) -> tuple[float, float]:
    """Wilson's interval of a share (1927), 95 %."""
    z = _Z * _Z / count
    middle, reach = share + z / 2, _Z * math.sqrt((share * (1 - share) + z / 4) / count)
    return (middle - reach) / (1 + z), (middle + reach) / (1 + z)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _shares(axis: Any) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}" if value <= 1.0001 else ""))


def _logarithmic(axis: Any, which: str, say: Callable[[float], str]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    getattr(axis.axes, f"set_{which}scale")("log")
    low, high = sorted(axis.get_view_interval())
    wide = math.log10(high / low)
    axis.set_major_locator(
        LogLocator(subs=(1.0,) if wide > 2 else (1.0, 2.0, 5.0) if wide > 0.7 else tuple(range(1, 10)))
    )
    axis.set_major_formatter(FuncFormatter(lambda value, _: say(value)))
    axis.set_minor_formatter(NullFormatter())


def _counted(value: float) -> str:
    if value >= 1_000_000:
        return f"{value / 1_000_000:g} M"
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _milliseconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:.6f}".rstrip("0").rstrip(".")
