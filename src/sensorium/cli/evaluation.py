"""What an evaluation found, for people: a table a question, the hardest queries, what failed, gates and changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from sensorium.cli import output

if TYPE_CHECKING:
    from sensorium.evaluate.results import Figure, Hardest, Measured, Results, Seen
    from sensorium.evaluate.verdicts import Change, Changes, Verdict

MANY = {"text": "texts", "image": "pictures", "audio": "sounds"}
_HARDEST, _FAILURES, _WIDTH = 3, 10, 60
_MAIN = "R@10"


def lines(results: Results) -> Iterator[str]:
    """All of it: what was evaluated, a table for each question that was asked, what is hard, what failed, notes."""
    data = results.data
    counts = ", ".join(f"{count:,} {MANY.get(name, name)}" for name, count in data.samples.items())
    title = output.styled(f"{output.clean(data.name)}: {counts}", bold=True)
    yield f"{title} ({data.relation}, hash {data.hash}); figures in %"
    asked = [run for run in results.runs if _is_first(run, results)]
    for model in results.models:
        of_model = [run for run in asked if run.model == model]
        if of_model:
            named = f"{model}, {of_model[0].metric}, {of_model[0].index}"
            yield from _titled(f"Which direction? ({named})", directions(of_model))
            yield from shares(of_model)
    questions: list[tuple[str, str, Callable[[Measured], str]]] = [
        ("Which model?", "model", lambda run: f"{run.metric}, {run.index}"),
        ("Which metric?", "metric", lambda run: f"{run.model}, {run.index}"),
        ("Which index?", "index", lambda run: f"{run.model}, {run.metric}"),
    ]
    for title, what, rest in questions:
        for named, runs in _grouped(results.runs, rest).items():
            if len({getattr(run, what) for run in runs}) > 1:
                yield from _titled(f"{title} ({named})", choices(runs, what))
    yield from _titled("Who finds whom?", matrix(results))
    yield from _titled("Hardest queries", hardest(results.hardest))
    failed = [f"{output.shown_path(failure.path)}: {failure.why}" for failure in results.failures[:_FAILURES]]
    if more := len(results.failures) - _FAILURES:
        failed += [f"... and {more:,} more; --json and --out name them all"] if more > 0 else []
    yield from _titled(f"Failures: {len(results.failures):,} without a vector", [[line] for line in failed])
    said = [*data.notes, *results.notes, *_notes(results.runs)]
    yield from _titled("Notes", [[line] for line in dict.fromkeys(said)])


def directions(runs: Sequence[Measured]) -> list[list[str]]:
    """A row a direction: its figures, R@10 with its interval and what chance gives."""
    columns = _columns(runs)
    main = _main(runs)
    head = ["", "queries", "of", *columns, f"{main} from-to", "by chance"]
    rows = [head]
    for run in runs:
        figure = run.figures.get(main)
        ends = [interval(figure), percent(figure.chance)] if figure else ["", ""]
        figures = [said(name, run) for name in columns]
        rows.append([run.direction, f"{run.queries:,}", f"{run.gallery:,}", *figures, *ends])
    return rows


def choices(runs: Sequence[Measured], what: str) -> list[list[str]]:
    """A row a model, metric or index: R@10 with its interval in each direction; for indexes also the time."""
    main = _main(runs)
    ways = list(dict.fromkeys(run.direction for run in runs))
    rows = [[main, *ways, *(["a query", "built in"] if what == "index" else [])]]
    for name in dict.fromkeys(getattr(run, what) for run in runs):
        mine = {run.direction: run for run in runs if getattr(run, what) == name}
        row = [name, *(with_interval(mine[way].figures.get(main)) if way in mine else "-" for way in ways)]
        if what == "index":
            row.append(output.seconds_said(max(run.search_seconds for run in mine.values())))
            row.append(output.seconds_said(max(run.build_seconds for run in mine.values())))
        rows.append(row)
    return rows


def shares(runs: Sequence[Measured]) -> Iterator[str]:
    """Which modalities answer where all may, beside their share of what is searched."""
    for run in runs:
        if run.share:
            mixed = ", ".join(
                f"{MANY.get(name, name)} {percent(share)} % ({percent(run.expected.get(name))} % of all)"
                for name, share in run.share.items()
            )
            yield f"  {run.direction}, the first ten answers: {mixed}"


def matrix(results: Results) -> list[list[str]]:
    """Rows ask, columns answer; nothing when only one pair was measured."""
    cells = results.matrix
    if len(cells) < 2:
        return []
    rows = []
    for model in dict.fromkeys(cell.model for cell in cells):
        mine = {(cell.source, cell.target): cell.figure for cell in cells if cell.model == model}
        targets = list(dict.fromkeys(target for _, target in mine))
        rows.append([f"{cells[0].measure}, {model}", *(MANY.get(target, target) for target in targets)])
        for source in dict.fromkeys(source for source, _ in mine):
            row = [percent(mine[source, to].value) if (source, to) in mine else "-" for to in targets]
            rows.append([f"{MANY.get(source, source)} ask", *row])
    return rows


def hardest(found: Sequence[Hardest]) -> list[list[str]]:
    """A line a query: who asked, at which rank the first right answer is, and what was first instead."""
    rows: list[list[str]] = []
    for key in dict.fromkeys((one.model, one.direction) for one in found):
        for one in [one for one in found if (one.model, one.direction) == key][:_HARDEST]:
            rank = f"rank {one.rank:,}" if one.rank else "not found"
            first = f"first: {shown(one.found[0].sample)}" if one.found else "no answer"
            right = f"right: {shown(one.right[0])}" if one.right else ""
            rows.append([f"{one.direction}  {rank:<10}  {shown(one.query)}  {right}  {first}"])
    return rows


def shown(sample: Seen) -> str:
    """A sample in a few words: what a text says, a file's name."""
    if sample.text:
        return f'"{output.snippet(sample.text, _WIDTH)}"'
    return output.shown_path(sample.path) if sample.key == sample.path else output.clean(sample.key)


def verdict(one: Verdict) -> str:
    """A limit that was reached or missed, and by how much."""
    name, figure = f"{one.run}.{one.measure}", one.figure
    is_share = one.measure != "median_rank"
    number = partial(percent, digits=_telling(one)) if is_share else _rank
    unit, points = (" %", " points") if is_share else ("", " ranks")
    between = f"{number(figure.value)}{unit} ({interval(figure, number)})"
    if one.passed:
        return f"passed: {name} is {between}, the limit {number(one.limit)}{unit}"
    short = f"{number(one.short)}{points}" if math.isfinite(one.short) else "all"
    return f"failed: {name} is {between}, {short} short of the limit {number(one.limit)}{unit}"


def _telling(one: Verdict) -> int:
    """How many decimals of a percentage it takes to see that a limit was missed."""
    by = [digits for digits in range(1, 6) if percent(one.limit, digits) != percent(one.figure.value, digits)]
    return 1 if one.passed else by[0] if by else 6


def changes(found: Changes) -> Iterator[str]:
    """Significant changes, how many there were none of, and what could not be compared."""
    for change in found.significant:
        yield _change(change)
    count, same = len(found.significant), found.compared - len(found.significant)
    yield f"{count:,} significant changes; {same:,} of {found.compared:,} figures did not change beyond chance"
    for line in found.left_out:
        yield f"not compared: {output.clean(line)}"
    for line in found.notes:
        yield f"note: {output.clean(line)}"


def _change(change: Change) -> str:
    word = output.styled("better", fg="green") if change.better else output.styled("worse", fg="red")
    went = f"{percent(change.before)} -> {percent(change.after)} %"
    by = f"{change.difference * 100:+.1f} ({change.low * 100:+.1f} to {change.high * 100:+.1f}) points"
    return f"{word}: {change.run}.{change.measure} {went}, {by}, p {change.p:.2g}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share in percent with one decimal, unless said, without the sign."""
    return "-" if value is None or not math.isfinite(value) else f"{value * 100:.{digits}f}"


def interval(figure: Figure | None, number: Callable[[float | None], str] = percent) -> str:
    """`40.0-42.7`."""
    return "" if figure is None else f"{number(figure.low)}-{number(figure.high)}"


def with_interval(figure: Figure | None) -> str:
    """`41.4 (40.0-42.7)`."""
    return "-" if figure is None else f"{percent(figure.value)} ({interval(figure)})"


def said(name: str, run: Measured) -> str:
    """A run's figure as a cell of a table; a median rank beyond the answers as `> depth`."""
    figure = run.figures.get(name)
    if figure is None:
        return "-"
    if name == "median_rank":
        return _rank(figure.value) if math.isfinite(figure.value) else f"> {run.depth:,}"
    return percent(figure.value)


def _rank(value: float | None) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:,.1f}".removesuffix(".0")


def _columns(runs: Sequence[Measured]) -> list[str]:
    """Every R@k, and the measures that say most beside it."""
    there = dict.fromkeys(name for run in runs for name in run.figures)
    return [name for name in there if name.startswith("R@")] + [
        name for name in ("MRR", "mAP@10", "nDCG@10", "median_rank") if name in there
    ]


def _main(runs: Sequence[Measured]) -> str:
    """R@10, or the R@k nearest to it that all of the runs have."""
    hits = [n for n in runs[0].figures if n.startswith("R@") and all(n in run.figures for run in runs)]
    return min(hits, key=lambda name: abs(int(name[2:]) - 10), default=_MAIN)


def _is_first(run: Measured, results: Results) -> bool:
    first = results.runs[0]
    return (run.metric, run.index) == (first.metric, first.index)


def _grouped(runs: Sequence[Measured], key: Callable[[Measured], str]) -> dict[str, list[Measured]]:
    found: dict[str, list[Measured]] = {}
    for run in runs:
        found.setdefault(key(run), []).append(run)
    return found


def _notes(runs: Sequence[Measured]) -> Iterator[str]:
    """What is to be said of runs, once for all runs that it is said of."""
    for note in dict.fromkeys(note for run in runs for note in run.notes):
        directions = dict.fromkeys(run.direction for run in runs if note in run.notes)
        yield f"{', '.join(directions)}: {note}"


def _titled(title: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        return
    yield ""
    yield output.styled(title, bold=True)
    yield from table(rows)


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows of cells in columns, two spaces between: the first to the left, the others to the right."""
    rows = [[output.clean(cell) for cell in row] for row in rows]
    columns = max((len(row) for row in rows), default=0)
    widths = [max(len(row[at]) for row in rows if at < len(row)) for at in range(columns)]
    for row in rows:
        cells = [f"{cell:<{widths[at]}}" if at == 0 else f"{cell:>{widths[at]}}" for at, cell in enumerate(row)]
        yield f"  {'  '.join(cells)}".rstrip()
