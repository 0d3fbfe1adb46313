"""The verb `doctor`: checks of the installation and of the library, with what to do."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli import output
from sensorium.cli.options import examples, flag, options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sensorium.core.types import Check

EXAMPLES = examples(
    ("sensorium doctor", "check the installation, the model and the default library"),
    ("sensorium --library photos doctor --json", "a line of JSON a check"),
)


def doctor(
    ctx: typer.Context,
    as_json: Annotated[bool, flag("--json", help="A line of JSON a check.")] = False,
) -> None:
    """Check that all is well, and say what to do where it is not. Exit code 1 when something is not."""
    from sensorium.library.doctor import doctor as examine

    given = options(ctx)
    named = given.library or os.environ.get("SENSORIUM_LIBRARY")
    checks = examine(given.path() if named or given.path().is_dir() else None)
    if as_json:
        for check in checks:
            output.answer_json(check.to_json())
    else:
        for line in lines(checks):
            output.answer(line)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


def lines(checks: Sequence[Check]) -> list[str]:
    """`ok` or `BAD`, what was looked at, what was found; the way out on the next line."""
    width = max((len(check.name) for check in checks), default=0)
    said = []
    for check in checks:
        mark = output.styled("ok ", fg="green") if check.ok else output.styled("BAD", fg="red", bold=True)
        said.append(f"{mark}  {check.name:<{width}}  {output.clean(check.found)}".rstrip())
        if check.fix:
            said.append(f"{' ' * (width + 7)}{output.clean(check.fix)}")
    return said
