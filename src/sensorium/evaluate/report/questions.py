"""What people ask of an evaluation (which model, which metric, which index, which direction), answered by its results.

Each answer is a section of the report: a line, tables and figures, all from the same JSON.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from sensorium.evaluate.figures import charts as draw
from sensorium.evaluate.figures.drawing import SERIES
from sensorium.evaluate.results import ALL, LETTERS

if TYPE_CHECKING:
    from sensorium.evaluate.results import Figure, Measured, Results

_WORDS = {"text": ("text", "texts"), "image": ("picture", "pictures"), "audio": ("sound", "sounds")}
_SHARES = ("R", "recall", "P")  # the measures that are printed as percentages
_FEW = ("R@1", "R@5", "R@10", "MRR", "nDCG@10", "median_rank")  # the measures of a short table


@dataclass(frozen=True, slots=True)
class Section:
    """A question and its answer; `tables` and `figures` are HTML and SVG."""

    anchor: str
    short: str
    title: str
    lead: str = ""
    tables: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()


def shown(modality: str, count: int = 2) -> str:
    """A modality as people say it: pictures."""
    return _WORDS.get(modality, (modality, modality))[count != 1]


def in_words(direction: str) -> str:
    """`t2i` as people say it: texts → pictures."""
    asks, _, answers = direction.partition("2")
    return (
        f"{shown(LETTERS.get(asks, asks))} → {'everything' if answers == ALL else shown(LETTERS.get(answers, answers))}"
    )


def said(measure: str, figure: Figure | None, depth: int = 0) -> str:
    """The value of a measure for people: 41.4 %, 0.276, or a rank."""
    if figure is None:
        return ""
    if not math.isfinite(figure.value):
        return f"> {depth:,}" if depth else "not found"
    return _number(measure, figure.value)


def questions(results: Results) -> Iterator[Section]:
    """A section for each question that the results answer."""
    if not results.runs:
        return
    first = results.runs[0]
    base = {"model": first.model, "metric": first.metric, "index": first.index}
    plain = _where(results.runs, **base)
    confidence = confidence_of(results)
    lines = f"lines: {100 * confidence:g} % intervals"
    yield _directions(plain, base, lines, tuple(_matrices(results)))
    yield from _choice(results.runs, base, "model", "Which model?", lines)
    yield from _choice(results.runs, base, "metric", "Which metric?", lines)
    yield from _indexes(results.runs, base, lines)
    yield from _over_k(results.runs, base, confidence)
    yield from _crowding(plain, results)
    yield Section(
        "all", "All runs", "All runs", f"{len(results.runs):,} runs, every measure.", (_details(results.runs),)
    )


def confidence_of(results: Results) -> float:
    """That of the intervals, from 0 to 1."""
    return float(results.plan.get("confidence", 0.95))


def _matrices(results: Results) -> Iterator[str]:
    """Each kind of thing asked for each other kind: a figure for each model, metric and index that was looked at."""
    grids: dict[tuple[str, str, str, str], dict[tuple[str, str], Figure]] = {}
    for cell in results.matrix:
        grid = grids.setdefault((cell.model, cell.metric, cell.index, cell.measure), {})
        grid[cell.source, cell.target] = cell.figure
    for (model, metric, index, measure), cells in grids.items():
        asks = [m for m in LETTERS.values() if any(m == s for s, _ in cells)]
        answers = [m for m in LETTERS.values() if any(m == t for _, t in cells)]
        if len(asks) < 2 and len(answers) < 2:
            continue
        rows = [[cells.get((s, t)) for t in answers] for s in asks]
        yield draw.matrix(
            [[math.nan if c is None else c.value for c in row] for row in rows], [shown(m) for m in asks],
            [shown(m) for m in answers], title="Who finds whom", about=f"{measure}; {model}, {metric}, {index}",
            chance=[[math.nan if c is None or c.chance is None else c.chance for c in row] for row in rows],
        )  # fmt: skip


def _directions(runs: Sequence[Measured], base: dict[str, str], lines: str, matrices: tuple[str, ...]) -> Section:
    names = [name for name in ("R@1", "R@10") if any(name in run.figures for run in runs)]
    lead, drawn = "", []
    entries = [
        _bar(in_words(run.direction), run.figures[name], name) for run in runs for name in names if name in run.figures
    ]
    if entries:
        key = names[-1]
        able = [run for run in runs if key in run.figures]
        best, worst = (pick(able, key=lambda run: run.figures[key].value) for pick in (max, min))
        lead = f"Best: {in_words(best.direction)}, {key} {said(key, best.figures[key])}."
        if best is not worst:
            lead += f" Hardest: {in_words(worst.direction)}, {said(key, worst.figures[key])}."
        about = f"{', '.join(base.values())}; {lines}, dashes: chance"
        drawn.append(draw.bars(entries, title="Which direction is easy?", about=about, x_label=_R_LABEL))
    table = _table(runs, [("direction", lambda run: in_words(run.direction))])
    return Section("directions", "Directions", "Which direction?", lead, (table,), (*drawn, *matrices))


_R_LABEL = "right answer among the first k (% of queries)"


def _choice(
    runs: Sequence[Measured], base: dict[str, str], what: str, title: str, lines: str
) -> Iterator[Section]:  # fmt: skip
    """What changes where only the model or the metric does."""
    kept = _where(runs, **{name: value for name, value in base.items() if name != what})
    options = _once(getattr(run, what) for run in kept)
    if len(options) < 2:
        return
    fixed = ", ".join(value for name, value in base.items() if name != what)
    key = _key(kept)
    drawn, lead = [], ""
    if key is not None:
        about = f"{fixed}; {lines}, dashes: chance"
        entries = [_bar(in_words(run.direction), run.figures[key], getattr(run, what)) for run in kept]
        drawn.append(draw.bars(entries, title=f"{title.rstrip('?')} is best?", about=about, x_label=_unit(key)))
        lead = _wins(kept, what, options, key)
    kept = _by_direction(kept)
    table = _table(
        kept, [("direction", lambda run: in_words(run.direction)), (what, lambda run: str(getattr(run, what)))]
    )
    yield Section(f"{what}s", f"{what.capitalize()}s", title, lead, (table,), tuple(drawn))


def _wins(runs: Sequence[Measured], what: str, options: Sequence[str], key: str) -> str:
    """In how many directions each is best, or behind the best where no one is, and how often clearly."""
    ahead, behind = (dict.fromkeys(options, (0, 0)) for _ in range(2))
    for direction in _once(run.direction for run in runs):
        ranked = sorted((r for r in runs if r.direction == direction), key=lambda r: -r.figures[key].value)
        best = ranked[0].figures[key]
        for run in ranked[1:]:
            if (figure := run.figures[key]).value < best.value:
                many, clearly = behind[getattr(run, what)]
                behind[getattr(run, what)] = many + 1, clearly + (figure.high < best.low)
        if len(ranked) > 1 and ranked[1].figures[key].value < best.value:
            many, clearly = ahead[getattr(ranked[0], what)]
            ahead[getattr(ranked[0], what)] = many + 1, clearly + (best.low > ranked[1].figures[key].high)
    for counts, word in ((ahead, "ahead"), (behind, "behind")):
        told = [f"{o} is {word} in {_count(n, 'direction')}, clearly in {c}" for o, (n, c) in counts.items() if n]
        if told:
            return f"By {key}: {'; '.join(told)} (clearly: the intervals do not meet)."
    return f"By {key} they are equal."


def _indexes(runs: Sequence[Measured], base: dict[str, str], lines: str) -> Iterator[Section]:
    kept = [run for run in _where(runs, model=base["model"], metric=base["metric"]) if not run.direction.endswith(ALL)]
    if len(_once(run.index for run in kept)) < 2:
        return
    key = _key(kept)
    if key is None:
        return
    points = [
        draw.Point(run.index, 1000 * run.search_seconds, f.value, f.low, f.high, in_words(run.direction))
        for run in kept if (f := run.figures[key]) and run.search_seconds > 0
    ]  # fmt: skip
    about = f"{base['model']}, {base['metric']}; a query at a time, median; {lines}"
    drawn = tuple(
        draw.time_against_accuracy(
            [point for point in points if point.series == series], title=f"Time and accuracy: {series}",
            about=about, y_label=_unit(key),
        )
        for series in _once(point.series for point in points)
    )  # fmt: skip
    table = _table(_by_direction(kept), [
        ("direction", lambda run: in_words(run.direction)), ("index", lambda run: run.index),
        ("a query", lambda run: f"{1000 * run.search_seconds:,.2f} ms"),
        ("to build", lambda run: f"{run.build_seconds:,.2f} s"),
    ], [key, "R@1", "MRR", "nDCG@10"])  # fmt: skip
    yield Section("indexes", "Indexes", "Which index?", "Up and to the left is better.", (table,), drawn)


def _over_k(runs: Sequence[Measured], base: dict[str, str], confidence: float) -> Iterator[Section]:
    """How far down one must look: R@k over k, by what varies: the metrics, else the models, else nothing."""
    exact = [run for run in runs if run.index == base["index"]]
    several = {what: _once(getattr(run, what) for run in exact) for what in ("metric", "model")}
    drawn = []
    for group in _in_sevens(exact):
        curves = [
            _curve(run, " ".join(getattr(run, w) for w in ("model", "metric") if len(several[w]) > 1)) for run in group
        ]
        curves = [curve for curve in curves if len(curve.x) > 1]
        if not curves:
            continue
        chances = [(k, f.chance) for k, f in _at_k(group[0]) if f.chance is not None]
        chance = draw.Curve("chance", [k for k, _ in chances], [c for _, c in chances]) if len(chances) > 1 else None
        drawn.append(draw.precision_over_k(
            curves, title=f"Right answers within k: {in_words(group[0].direction)}", queries=group[0].queries,
            gallery=group[0].gallery, chance=chance, confidence=confidence,
        ))  # fmt: skip
    if drawn:
        lead = "The share of queries that have a right answer among the first k."
        yield Section("over-k", "Over k", "How far down must one look?", lead, figures=tuple(drawn))


def _in_sevens(runs: Sequence[Measured]) -> Iterator[list[Measured]]:
    """The runs of each direction, as many at a time as one figure has colours."""
    for direction in _once(run.direction for run in runs):
        own = [run for run in runs if run.direction == direction]
        yield from (own[start : start + len(SERIES)] for start in range(0, len(own), len(SERIES)))


def _crowding(runs: Sequence[Measured], results: Results) -> Iterator[Section]:
    """Whether one modality crowds out the others where all answer, and how far apart they lie in the space."""
    mixed = [run for run in runs if run.share]
    drawn, tables = [], []
    for run in mixed:
        entries = [
            draw.Bar(shown(modality), share, chance=run.expected.get(modality)) for modality, share in run.share.items()
        ]
        about = f"{run.model}, {run.metric}, {run.index}; {run.queries:,} queries; dashes: share of all"
        title = f"Who is among the first 10: {in_words(run.direction)}"
        drawn.append(draw.bars(entries, title=title, about=about, x_label="share of the first 10 answers (%)"))
    rows = [
        [model, " and ".join(shown(m) for m in pair.split("-")), f"{value:.3f}"]
        for model, space in results.spaces.items() for pair, value in space.get("gap", {}).items()
    ]  # fmt: skip
    if rows:
        tables.append(_plain_table(["model", "between", "modality gap (Liang et al. 2022)"], rows))
    if drawn or tables:
        lead = "Where all may answer, each kind should come as often as it deserves, not as its scores happen to lie."
        yield Section("mixed", "All together", "Does one kind crowd out the others?", lead, tuple(tables), tuple(drawn))


def _curve(run: Measured, name: str) -> draw.Curve:
    found = _at_k(run)
    return draw.Curve(
        name or f"{run.model}, {run.metric}", [k for k, _ in found], [f.value for _, f in found],
        [f.low for _, f in found], [f.high for _, f in found],
    )  # fmt: skip


def _at_k(run: Measured) -> list[tuple[int, Figure]]:
    names = [name for name in run.figures if name.startswith("R@") and name[2:].isdigit()]
    return sorted((int(name[2:]), run.figures[name]) for name in names)


def _bar(name: str, figure: Figure, series: str) -> draw.Bar:
    return draw.Bar(name, figure.value, figure.low, figure.high, figure.chance, series)


def _where(runs: Iterable[Measured], **wanted: str) -> list[Measured]:
    return [run for run in runs if all(getattr(run, name) == value for name, value in wanted.items())]


def _key(runs: Sequence[Measured]) -> str | None:
    """The measure that runs are compared by: R@10 where all have it, else the first that all have, but no ranks."""
    able = (name for name in ("R@10", *runs[0].figures) if all(name in run.figures for run in runs))
    return next((name for name in able if name != "median_rank"), None)


def _unit(measure: str) -> str:
    return f"{measure} (% of queries)" if measure.startswith("R@") else f"{measure} (× 100)"


def _by_direction(runs: Sequence[Measured]) -> list[Measured]:
    order = _once(run.direction for run in runs)
    return sorted(runs, key=lambda run: order.index(run.direction))


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _count(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def _number(measure: str, value: float) -> str:
    name = measure.partition("@")[0]
    if name == "median_rank":
        return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"
    return f"{100 * value:.1f} %" if name in _SHARES else f"{value:.3f}"


def _small(measure: str, value: float) -> str:
    """Chance: two digits where one decimal would say 0."""
    tiny = measure.partition("@")[0] in _SHARES and 0 < value < 0.001
    return f"{100 * value:.2g} %" if tiny else _number(measure, value)


def _table(
    runs: Sequence[Measured], leading: Sequence[tuple[str, Callable[[Measured], str]]],
    measures: Sequence[str] | None = None,
) -> str:  # fmt: skip
    """Runs as rows: what they are, how many asked, and each measure with its interval and its chance."""
    every = _once(name for run in runs for name in run.figures)
    names = [name for name in (_FEW if measures is None else measures) if name in every] or every[:6]
    head = "".join(f"<th>{escape(name)}</th>" for name, _ in leading)
    head += '<th class="n">queries</th><th class="n">of</th>'
    head += "".join(f'<th class="n">{escape(name.replace("_", " "))}</th>' for name in names)
    rows = []
    for run in runs:
        cells = "".join(f"<th>{escape(say(run))}</th>" for _, say in leading)
        cells += f'<td class="n">{run.queries:,}</td><td class="n">{run.gallery:,}</td>'
        rows.append(f"<tr>{cells}{''.join(_cell(name, run.figures.get(name), run.depth) for name in names)}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _cell(measure: str, figure: Figure | None, depth: int) -> str:
    if figure is None:
        return '<td class="n">–</td>'
    ends = [_number(measure, end) if math.isfinite(end) else f"> {depth:,}" for end in (figure.low, figure.high)]
    small = "–".join(end.removesuffix(" %") for end in ends)
    chance = f"<small>chance {_small(measure, figure.chance)}</small>" if figure.chance is not None else ""
    return f'<td class="n"><b>{said(measure, figure, depth)}</b><small>{small}</small>{chance}</td>'


def _details(runs: Sequence[Measured]) -> str:
    names = _once(name for run in runs for name in run.figures)
    leading: list[tuple[str, Callable[[Measured], str]]] = [
        ("model", lambda run: run.model), ("metric", lambda run: run.metric), ("index", lambda run: run.index),
        ("direction", lambda run: in_words(run.direction)),
    ]  # fmt: skip
    return f"<details><summary>Show the table</summary>{_table(runs, leading, names)}</details>"


def _plain_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    said_head = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{said_head}</tr></thead><tbody>{body}</tbody></table>"
