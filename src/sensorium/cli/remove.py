"""The verb `remove`: items out of the library. The files themselves are never touched."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli import output
from sensorium.cli.options import examples, opened, path

SETTLING = 60.0  # seconds for a writer that came between the removal and the compaction
EXAMPLES = examples(
    ("sensorium remove ~/Pictures/old", "all items below a folder; the files stay where they are"),
    ("sensorium remove --item 12 --item 15", "by the ids that `search --json` shows"),
)


def remove(
    ctx: typer.Context,
    paths: Annotated[list[Path] | None, typer.Argument(help="Files and folders.", metavar="PATHS", parser=path)] = None,
    item: Annotated[list[int] | None, typer.Option(help="An item by its id.", metavar="ID")] = None,
    wait: Annotated[
        float, typer.Option(help="Wait so many seconds for another writer.", metavar="SECONDS", min=0)
    ] = 0.0,
) -> None:
    """Take items out of the library, to the last byte. Your files stay where they are."""
    targets: list[Path | int] = [*(paths or []), *(item or [])]
    if not targets:
        raise typer.BadParameter("give paths, or --item ID")
    with opened(ctx, create=False) as library:
        removed = library.remove(*targets, wait=wait, on_wait=output.say)
        if removed:
            library.compact(wait=max(wait, SETTLING))
    if not removed:
        output.say("nothing in the library is there")
        raise typer.Exit(1)
    output.answer(f"{removed:,} removed")
