"""The verb `add`: files and folders into the library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli import output
from sensorium.cli.options import examples, flag, opened

if TYPE_CHECKING:
    from sensorium.core.types import AddReport

EXAMPLES = examples(
    ("sensorium add ~/Pictures ~/Notes", "two folders with all that is in them; unchanged files cost nothing"),
    ("sensorium add --dry-run ~/Pictures", "how many files that would be, and how large"),
    ("sensorium --library photos add ~/Pictures", "into a library of its own"),
    ("sensorium add --json ~/Pictures", "the report for another program"),
)
_SHOWN_SKIPS = 10


def add(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files and folders.", metavar="PATHS")],
    dry_run: Annotated[bool, flag("--dry-run", "-n", help="Say what would be done, and do nothing.")] = False,
    wait: Annotated[
        float, typer.Option(help="Wait so many seconds for another writer.", metavar="SECONDS", min=0)
    ] = 0.0,
    as_json: Annotated[bool, flag("--json", help="Print the report as one line of JSON.")] = False,
) -> None:
    """Add files and folders, or bring them up to date."""
    with opened(ctx, create=True) as library:
        report = library.add(*paths, wait=wait, dry_run=dry_run, on_wait=output.say)
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


def skips(report: AddReport) -> list[str]:
    """A line for each of the first skipped files, and how many more there are."""
    lines = [f"skipped {output.shown_path(skip.path)}: {skip.why}" for skip in report.skipped[:_SHOWN_SKIPS]]
    more = len(report.skipped) - _SHOWN_SKIPS
    return [*lines, f"... and {more:,} more; `add --json` names them all"] if more > 0 else lines
