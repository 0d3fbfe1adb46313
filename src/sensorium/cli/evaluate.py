"""The verb `evaluate`: how good a search is, on a data set or on the library itself."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sensorium.cli import evaluation, output
from sensorium.cli.options import examples, flag, options

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

    from sensorium.encoders.onnx import OnnxEncoder
    from sensorium.evaluate import Cache, Dataset, Plan, Results
    from sensorium.evaluate.verdicts import Changes, Limit, Verdict

EXAMPLES = examples(
    ("sensorium evaluate", "how good the library's own search is, as far as its captions, names and folders tell"),
    ("sensorium evaluate flickr8k/ --split test --report report.html", "photographs and their captions"),
    ("sensorium evaluate pairs.csv --model starter --model clip-vit-b-32", "which of two models is better on yours"),
    ("sensorium evaluate 'pairs.csv?image=photo&text=title' --directions t2i,i2t", "columns by their names"),
    ("sensorium evaluate pairs.csv --metric cosine,dot,l2 --index exact,ivf:100,5", "what a metric and an index cost"),
    ("sensorium evaluate pairs.csv --fail-under t2i.R@10=0.45", "a gate for continuous integration: exit code 1"),
    ("sensorium evaluate pairs.csv --out new.json --compare old.json", "what has changed, beyond chance"),
)
_WHAT, _HOW, _FORM, _GATE = "What is evaluated", "How", "Output", "Gates"


def _words(*names: str, help: str, panel: str, shown: str | None = None, metavar: str = "LIST") -> Any:
    return typer.Option(*names, help=help, metavar=metavar, show_default=shown or True, rich_help_panel=panel)


def _file(name: str, help: str, panel: str) -> Any:
    return typer.Option(name, help=help, metavar="FILE", rich_help_panel=panel, show_default=False)


def _number(name: str, help: str, panel: str, least: int = 0) -> Any:
    return typer.Option(name, help=help, metavar="N", min=least, rich_help_panel=panel)


Data = Annotated[
    str | None,
    typer.Argument(
        help="Pairs (CSV, TSV, JSON lines, Parquet), a folder of classes, COCO, Flickr8k, Flickr30k, ESC-50, BEIR, or "
        "a library; else the library that is meant.", metavar="DATA", show_default=False,
    ),
]  # fmt: skip
Split = Annotated[str | None, _words("--split", help="Only this part, as in test.", panel=_WHAT, metavar="NAME")]
Format = Annotated[
    str | None, _words("--format", help="What DATA is, where its files do not tell.", panel=_WHAT, metavar="NAME")
]
Most = Annotated[int | None, _number("--limit", "Only so many samples, drawn by --seed.", _WHAT, 1)]
Metrics = Annotated[str, _words("--metric", help="cosine, dot, l2.", panel=_HOW)]
Indexes = Annotated[str, _words("--index", help="exact, ivf, ivf:LISTS,PROBES.", panel=_HOW)]
STEPS = [
    digit * 10**zeros for zeros in range(10) for digit in (1, 2, 5)
]  # what dots among the numbers of --k stand for
Ks = Annotated[str, _words("--k", "-k", help="Among how many answers a right one counts.", panel=_HOW)]
Directions = Annotated[
    str, _words("--directions", help="Who asks whom, as in t2i,i2t,a2all: t(ext) i(mage) a(udio).", panel=_HOW)
]
Captions = Annotated[
    Literal["1", "all"],
    typer.Option("--captions", help="How many texts of a picture or sound count.", rich_help_panel=_HOW),
]
Measures = Annotated[
    str, _words("--measures", help="More of them, as in P@5,mAP@100.", panel=_HOW, shown="the usual ones")
]
Seed = Annotated[int, _number("--seed", "Of what is drawn: samples, intervals, cells of IVF.", _HOW)]
Resamples = Annotated[int, _number("--resamples", "How often the queries are drawn again for an interval.", _HOW, 1)]
Memory = Annotated[
    str | None,
    typer.Option(help="How much memory all processes together may take, as in 1.5GB.", metavar="SIZE",
                 rich_help_panel=_HOW, show_default="1.5GB, more with many cores"),
]  # fmt: skip
NoCache = Annotated[bool, flag("--no-cache", help="Embed all anew, and keep no vectors.", panel=_HOW)]
Out = Annotated[Path | None, _file("--out", "Write the results as JSON.", _FORM)]
Report = Annotated[Path | None, _file("--report", "Write a report with figures: one HTML file.", _FORM)]
AsJson = Annotated[bool, flag("--json", help="Print the results as one line of JSON.", panel=_FORM)]
FailUnder = Annotated[
    list[str] | None,
    typer.Option("--fail-under", help="Exit code 1 when a figure is worse; may be given more than once.",
                 metavar="FIGURE=NUMBER", rich_help_panel=_GATE, show_default=False),
]  # fmt: skip
Compare = Annotated[Path | None, _file("--compare", "Say what has changed since these results, beyond chance.", _GATE)]


# typer makes the options from the parameters, so that there are as many here as the verb has
def evaluate(
    ctx: typer.Context, data: Data = None, split: Split = None, format: Format = None, limit: Most = None,
    metric: Metrics = "cosine", index: Indexes = "exact", k: Ks = "1,5,10", directions: Directions = "all",
    captions: Captions = "all", measures: Measures = "", seed: Seed = 0, resamples: Resamples = 2000,
    memory: Memory = None, no_cache: NoCache = False, out: Out = None, report: Report = None, as_json: AsJson = False,
    fail_under: FailUnder = None, compare: Compare = None,
) -> None:  # fmt: skip
    """Measure how good a search is: on your own pairs, classes or judgments, or on the library itself.

    Vectors are kept: the same command goes on after a stop. Exit code 1 when a figure is under its limit.
    """
    from sensorium.evaluate import Plan, load, parse_limit, read
    from sensorium.evaluate.models import encoders_for, own_library
    from sensorium.library.memory import parse_memory

    if report is not None:
        from sensorium.evaluate.report.page import check as check_report
        from sensorium.evaluate.report.page import write_report

        check_report()
    given = options(ctx)
    limits = [parse_limit(text) for text in fail_under or []]
    before = None if compare is None else read(compare)
    plan = Plan(
        given.models, words(metric), index_words(index), numbers(k), words(directions),
        captions=1 if captions == "1" else "all",
        measures=[*words(measures), *(limit.name.measure.name for limit in limits)], seed=seed, resamples=resamples,
        precision=given.precision,
    )  # fmt: skip
    check(plan, limits, out, report)
    if data is None:
        data, format = own_library(given.path()), "library"
    dataset = load(data, format=format, split=split, limit=limit, seed=seed)
    encoders = encoders_for(given.models, dataset, given.precision)
    for one in limits:
        asked_for("the models are", one, one.name.model, encoders)
    most = None if memory is None else parse_memory(memory)
    results = measured(dataset, plan, encoders, most, cached=not no_cache)
    if out is not None:
        results.write(out)
    if report is not None:
        write_report(results, report)
    tell(results, limits, before, as_json=as_json)


def check(plan: Plan, limits: Sequence[Limit], *files: Path | None) -> None:
    """What can be said to be wrong before any work: the plan, limits on what is not asked, files that cannot be."""
    from dataclasses import replace

    from sensorium.evaluate.answers import How

    replace(plan, models=plan.models or ("",)).check()
    indexes = [How.of(plan.metrics[0], index).name for index in plan.indexes]
    for limit in limits:
        if "all" not in plan.directions and limit.name.direction not in plan.directions:
            raise typer.BadParameter(f"{limit.name} is not measured: add {limit.name.direction} to --directions")
        asked_for("--metric has", limit, limit.name.metric, plan.metrics)
        asked_for("--index has", limit, limit.name.index, indexes)
    named = [file.absolute() for file in files if file is not None]
    for file in named:
        if not file.parent.is_dir():
            raise typer.BadParameter(f"{file} cannot be written: there is no folder {file.parent}")
        if file.is_dir() or not os.access(file.parent, os.W_OK):
            why = "it is a folder: name a file in it" if file.is_dir() else "its folder may not be written to"
            raise typer.BadParameter(f"{file} cannot be written: {why}")
    if len(set(named)) < len(named):
        raise typer.BadParameter("--out and --report are the same file: give each its own")


def asked_for(there: str, limit: Limit, name: str | None, names: Iterable[str]) -> None:
    """Raises BadParameter when a limit is on a model, metric or index that is none of those asked for."""
    if name not in (None, *names):
        raise typer.BadParameter(f"{limit.name} is not measured: {there} {', '.join(names)}")


def measured(
    dataset: Dataset, plan: Plan, encoders: dict[str, OnnxEncoder], memory: int | None, *, cached: bool
) -> Results:  # fmt: skip
    """The results, with progress on this terminal."""
    from dataclasses import replace

    from sensorium.cli.bars import Bars
    from sensorium.evaluate import Cache, evaluate

    plan = replace(plan, models=tuple(encoders))
    opened: AbstractContextManager[Cache | None] = Cache() if cached else nullcontext()
    with Bars() as bars, opened as cache:
        results = evaluate(dataset, plan, cache=cache, progress=bars, memory=memory, encoders=encoders)
    for note in cache.notes if cache is not None else ():
        output.say(f"note: {note}")
    return results


def tell(results: Results, limits: Sequence[Limit], before: Results | None, *, as_json: bool) -> None:
    """Print the results, what has changed, and the gates; exit code 1 when one is not passed."""
    from sensorium.evaluate import compare, gate

    verdicts: list[Verdict] = gate(results, limits)
    changes: Changes | None = None if before is None else compare(before, results)
    if as_json:
        said = {**results.to_json(), "gate": [one.to_json() for one in verdicts]}
        output.answer_json(said if changes is None else {**said, "compare": changes.to_json()})
    else:
        for line in evaluation.lines(results):
            output.answer(line)
        if changes is not None:
            output.answer("\n" + output.styled("What has changed?", bold=True))
            for line in evaluation.changes(changes):
                output.answer(f"  {line}")
    for one in verdicts:
        if not (one.passed and as_json):
            output.say(evaluation.verdict(one))
    if not all(one.passed for one in verdicts):
        raise typer.Exit(1)


def words(said: str) -> list[str]:
    """`a, b,c` as a list."""
    return [word.strip() for word in said.split(",") if word.strip()]


def index_words(said: str) -> list[str]:
    """`exact,ivf:100,5` as a list: a number belongs to the word before it."""
    found: list[str] = []
    for word in words(said):
        if found and word.isdigit() and ":" in found[-1]:
            found[-1] += f",{word}"
        else:
            found.append(word)
    return found


def numbers(said: str) -> list[int]:
    """`1,5,10` as numbers; dots stand for 1, 2, 5, 10, ... in between. Wrong use (exit code 2) for anything else."""
    found: list[int] = []
    given = words(said)
    for at, word in enumerate(given):
        if word.isdecimal() and 0 < int(word) < 1 << 31:
            found.append(int(word))
        elif word == "..." and found and at + 1 < len(given) and given[at + 1].isdecimal():
            found += [step for step in STEPS if found[-1] < step < int(given[at + 1])]
        else:
            found = []
            break
    if not found:
        raise typer.BadParameter(f"--k is {said!r}: give whole numbers from 1, as in 1,5,10 or 1,5,10,...,1000")
    return sorted(set(found))
