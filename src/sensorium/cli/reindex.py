"""The verb `reindex`: a library under another model, or under several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli import output
from sensorium.cli.add import skips
from sensorium.cli.options import examples, flag, opened, options
from sensorium.library.memory import parse_memory

if TYPE_CHECKING:
    from sensorium import Library
    from sensorium.core.types import ReindexReport

EXAMPLES = examples(
    ("sensorium reindex --model clip-vit-b-32", "fill a space by another model, then search in it"),
    ("sensorium reindex --model clap-general --beside", "a model for sounds beside the one for pictures"),
    ("sensorium reindex --back", "search by the former model again"),
    ("sensorium reindex --use starter", "by one that the library has, by name"),
    ("sensorium reindex --drop clip-vit-b-32", "delete what a model has made"),
)


def reindex(
    ctx: typer.Context,
    beside: Annotated[bool, flag("--beside", help="Put the model into service beside the others.")] = False,
    back: Annotated[bool, flag("--back", help="Go back to the former model.")] = False,
    use: Annotated[
        str | None,
        typer.Option("--use", help="Make a model or space that the library has the default one.", metavar="NAME"),
    ] = None,
    drop: Annotated[
        str | None, typer.Option("--drop", help="Delete a space and its model from the library.", metavar="NAME")
    ] = None,
    wait: Annotated[
        float, typer.Option(help="Wait so many seconds for another writer.", metavar="SECONDS", min=0)
    ] = 0.0,
    as_json: Annotated[bool, flag("--json", help="Print the report as one line of JSON.")] = False,
    memory: Annotated[
        str | None,
        typer.Option(
            help="How much memory all processes together may take, as in 1.5GB.", metavar="SIZE",
            show_default="1.5GB, more with many cores",
        ),
    ] = None,
) -> None:  # fmt: skip
    """Fill a space by the model of --model while others search, then search in it.

    A stop loses little: the same command goes on from there. Exit code 1 when the space is filled and not put into
    service, since something could not be found in it.
    """
    models = options(ctx).models
    wishes = [*models, *(["back"] if back else []), *([use] if use else []), *([drop] if drop else [])]
    if len(wishes) != 1:
        raise typer.BadParameter("give one of --model NAME, --back, --use NAME and --drop NAME")
    if beside and not models:
        raise typer.BadParameter("--beside goes with --model NAME")
    most = None if memory is None else parse_memory(memory)
    with opened(ctx, create=False, models=()) as library:
        if drop:
            dropped(library, drop, wait, as_json=as_json)
            return
        if models:
            report = library.reindex(models[0], beside=beside, wait=wait, on_wait=output.say, memory=most)
        else:
            report = library.use(use, wait=wait, on_wait=output.say, memory=most)
    tell(report, as_json=as_json)
    if not report.served:
        raise typer.Exit(1)


def dropped(library: Library, name: str, wait: float, *, as_json: bool) -> None:
    """Delete a space, and say so."""
    count = library.drop(name, wait=wait, on_wait=output.say)
    if as_json:
        output.answer_json({"dropped": name, "vectors": count})
    else:
        output.answer(f"{output.clean(name)} dropped: {count:,} vectors")


def tell(report: ReindexReport, *, as_json: bool) -> None:
    """What was done, and what is to be done where that was not all."""
    if as_json:
        output.answer_json(report.to_json())
        return
    for line in skips(report, "reindex --json"):
        output.say(line)
    name = f"{output.clean(report.model)} (space {report.space})"
    done = f"{report.items:,} items in {output.seconds_said(report.seconds)}, {report.vectors:,} vectors in all"
    if report.served:
        output.answer(f"{name} is in service: {done}")
        return
    output.answer(f"{name} is filled, and not in service: {done}")
    output.say(
        f"{report.lost:,} items would not be found any more, the first is {output.shown_path(report.lost_first)}: "
        "bring the library up to date with `sensorium add` and reindex again, take --beside, or switch all the same "
        f"with `sensorium reindex --use {report.space}`"
    )
