"""The verb `add`: files and folders into the library."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorium.cli import output
from sensorium.cli.options import examples, flag, opened, options, path
from sensorium.core.machine import available_cores
from sensorium.library.memory import Budget, parse_memory
from sensorium.readers.contract import Limits

if TYPE_CHECKING:
    from sensorium.core.types import AddReport, ReindexReport

EXAMPLES = examples(
    ("sensorium add ~/Pictures ~/Notes", "two folders with all that is in them; unchanged files cost nothing"),
    ("sensorium add --dry-run ~/Pictures", "how many files that would be, and how large"),
    ("sensorium --library photos add ~/Pictures", "into a library of its own"),
    ("sensorium add --json ~/Pictures", "the report for another program"),
    ("sensorium add --model clip-vit-b-32 --model clap-general ~/Media", "a new library, with a model for each sense"),
    ("sensorium add --memory 4GB ~/Films", "with more memory: more files at a time, and larger ones"),
)
_SHOWN_SKIPS = 10
_LIMITS = "What a file may take"
_DEFAULTS = Limits()


def _limit(name: str, default: float, help: str) -> Any:
    return typer.Option(name, help=help, metavar="N", min=1, show_default=f"{int(default):,}", rich_help_panel=_LIMITS)


def add(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files and folders.", metavar="PATHS", parser=path)],
    dry_run: Annotated[bool, flag("--dry-run", "-n", help="Say what would be done, and do nothing.")] = False,
    wait: Annotated[
        float, typer.Option(help="Wait so many seconds for another writer.", metavar="SECONDS", min=0)
    ] = 0.0,
    as_json: Annotated[bool, flag("--json", help="Print the report as one line of JSON.")] = False,
    memory: Annotated[
        str | None,
        typer.Option(
            help="How much memory all processes together may take, as in 1.5GB.",
            metavar="SIZE",
            show_default="1.5GB, more with many cores",
            rich_help_panel=_LIMITS,
        ),
    ] = None,
    max_seconds: Annotated[float, _limit("--max-seconds", _DEFAULTS.max_seconds, "Seconds, in all.")] = (
        _DEFAULTS.max_seconds
    ),
    max_pixels: Annotated[int, _limit("--max-pixels", _DEFAULTS.max_pixels, "Pixels of a picture.")] = (
        _DEFAULTS.max_pixels
    ),
    max_parts: Annotated[int, _limit("--max-parts", _DEFAULTS.max_parts, "Parts; the rest is left out.")] = (
        _DEFAULTS.max_parts
    ),
) -> None:
    """Add files and folders, or bring them up to date."""
    limits = replace(_DEFAULTS, max_seconds=max_seconds, max_pixels=max_pixels, max_parts=max_parts)
    most = None if memory is None else parse_memory(memory)
    if not dry_run and not options(ctx).path().exists():
        from sensorium.readers.workers import warm_up

        warm_up(Budget.of(most, available_cores()).workers)  # a new library is to be filled, whatever else is found
    with opened(ctx, create=True) as library:
        report = library.add(*paths, wait=wait, dry_run=dry_run, on_wait=output.say, memory=most, limits=limits)
    if as_json:
        output.answer_json(report.to_json())
        return
    for line in skips(report):
        output.say(line)
    output.answer(summary(report, dry_run=dry_run))


def summary(report: AddReport, *, dry_run: bool = False) -> str:
    """One line: counts that are not zero, bytes, seconds."""
    counts = {
        "added": report.added, "updated": report.updated, "moved": report.moved, "unchanged": report.unchanged,
        "missing": report.missing, "skipped": len(report.skipped),
    }  # fmt: skip
    said = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "nothing to add"
    effort = f"{output.bytes_said(report.bytes)} in {output.seconds_said(report.seconds)}"
    return f"would be: {said} ({output.bytes_said(report.bytes)})" if dry_run else f"{said} ({effort})"


def skips(report: AddReport | ReindexReport, verb: str = "add --json") -> list[str]:
    """A line for each of the first skipped files, and how many more there are."""
    lines = [f"skipped {output.shown_path(skip.path)}: {skip.why}" for skip in report.skipped[:_SHOWN_SKIPS]]
    more = len(report.skipped) - _SHOWN_SKIPS
    return [*lines, f"... and {more:,} more; `{verb}` names them all"] if more > 0 else lines
