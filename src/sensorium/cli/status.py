"""The verb `status`: a library at a glance, and the other libraries of this user."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli import output
from sensorium.cli.options import examples, flag, opened, options
from sensorium.core.errors import LibraryMissing

if TYPE_CHECKING:
    from sensorium.core.types import SpaceStatus, Status

EXAMPLES = examples(
    ("sensorium status", "the default library, and the names of the others"),
    ("sensorium --library photos status --json", "one library, for another program"),
)


def status(
    ctx: typer.Context,
    as_json: Annotated[bool, flag("--json", help="Print it as one line of JSON.")] = False,
) -> None:
    """Say what a library holds, and which libraries there are."""
    try:
        with opened(ctx, create=False) as library:
            found = library.status()
    except LibraryMissing:
        if not as_json:
            tell_libraries(options(ctx).path())
        raise
    if as_json:
        output.answer_json(found.to_json())
        return
    for line in lines(found):
        output.answer(line)
    tell_libraries(Path(found.path))


def lines(found: Status) -> list[str]:
    """The library as a small table, a fact a line."""
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(found.kinds.items()))
    facts = [("items", f"{found.items:,}" + (f" ({kinds})" if kinds else "")), ("parts", f"{found.parts:,}")]
    if found.missing:
        facts.append(("missing", f"{found.missing:,} whose file is gone: kept, not found until it returns"))
    if found.skipped:
        facts.append(("skipped", f"{found.skipped:,} of the files could not be read"))
    facts += [("model", model(space)) for space in found.spaces]
    facts.append(("on disk", output.bytes_said(found.bytes)))
    if found.lock:
        facts.append(("lock", found.lock))
    return [output.styled(output.clean(found.path), bold=True), *(f"  {name:<8} {said}" for name, said in facts)]


def model(space: SpaceStatus) -> str:
    """A space on one line."""
    said = f"{output.clean(space.model)}, {space.dimension} dimensions, {space.vectors:,} vectors"
    if space.precision:
        said += f", precision {space.precision}"
    if space.bytes:
        said += f", {output.bytes_said(space.bytes)}"
    said += ", default" if space.default else ", in service" if space.served else ", not in service"
    if space.left:
        said += f", {space.left:,} items to do"
    return said if space.default else f"{said} (space {space.space})"


def tell_libraries(here: Path) -> None:
    """Name the libraries in the per-user folder; the one at `here` has a star."""
    from sensorium.core.settings import data_home

    found = sorted(data_home().glob("*.library"))
    if found:
        output.answer(f"\nlibraries in {output.clean(str(data_home()))} (choose one with --library NAME):")
    for path in found:
        output.answer(f"{'*' if path == here else ' '} {output.clean(path.stem)}")
