"""The verb `demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli.options import examples

EXAMPLES = examples(
    ("sensorium demo", "samples, searches in every direction, and a page that shows them"),
    ("sensorium demo ~/Pictures", "on your own folder"),
)


def demo(
    ctx: typer.Context,
    folder: Annotated[Path | None, typer.Argument(help="Your own folder.", metavar="[DIR]")] = None,
    page: Annotated[Path | None, typer.Option(help="Where to write the page.", metavar="FILE")] = None,
) -> None:
    """Show what it does."""
