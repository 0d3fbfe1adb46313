"""The verb `demo`: samples or somebody's own folder, searched in every direction, as lines and as a page."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli import output
from sensorium.cli.options import examples, opened, options, path

if TYPE_CHECKING:
    from sensorium.demo.run import Answer, DemoResult

EXAMPLES = examples(
    ("sensorium demo", "samples that it makes itself, and a page that shows what it finds among them"),
    ("sensorium demo ~/Pictures", "the same on a folder of yours"),
    ("sensorium demo --page here/index.html", "where the page goes, with samples and library beside it"),
)
_SHOWN, _ASKED = 3, 52


def demo(
    ctx: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(help="A folder of yours; without one, samples.", metavar="DIR", parser=path)
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(help="The page to write; samples and library go beside it.", metavar="FILE", parser=path),
    ] = None,
) -> None:
    """Show what it finds, in every direction, and write a page of it. Nothing comes from the network."""
    from sensorium.cli.bars import Bars
    from sensorium.demo.page import write_page
    from sensorium.demo.run import run_demo

    page = _page(folder, page)
    library_at = options(ctx).path() if options(ctx).library else page.with_name(f"{page.stem}.library")
    page.parent.mkdir(parents=True, exist_ok=True)
    with Bars() as bars, opened(ctx, create=True, at=library_at, progress=bars) as library:
        result = run_demo(folder or page.with_name("samples"), library, own=folder is not None, progress=bars)
    written = write_page(result, page)
    if result.note:
        output.say(f"note: {result.note}")
    for line in lines(result):
        output.answer(line)
    output.answer(f"\nthe page    {output.shown_path(str(written))}")
    output.answer(f"your turn   {_command()} --library {shlex.quote(output.shown_path(str(library_at)))} search ...")


def _command() -> str:
    """How to call this command: by its name, or by its path where a shell does not find the name (`make demo`)."""
    run = Path(sys.argv[0])
    hidden = run.name == "sensorium" and run.is_file() and shutil.which(run.name) is None
    return shlex.quote(output.shown_path(str(run))) if hidden else "sensorium"


def _page(folder: Path | None, page: Path | None) -> Path:
    from sensorium.core.paths import absolute
    from sensorium.core.settings import data_home

    name = "index.html" if folder is None else "own.html"
    page = absolute(data_home() / "demo" / name if page is None else page)
    if page.is_dir():
        raise typer.BadParameter(f"{page} is a folder: name a file, as in --page {page / name}")
    return page


def lines(result: DemoResult) -> Iterator[str]:
    """A line a search, under its direction: what was asked, and what the first hits are; then how well that went."""
    for pair, answers in groupby(result.answers, key=lambda answer: answer.query.pair):
        yield ""
        yield output.styled(pair.replace("->", " -> "), bold=True)
        yield from (_line(answer, result.folder) for answer in answers)
    yield ""
    yield from _sums(result)


def _line(answer: Answer, folder: Path) -> str:
    mark = {True: output.styled("ok", fg="green"), False: output.styled("--", fg="red"), None: "  "}[answer.passed]
    found = [_named(hit.path, shows, folder) for hit, shows in zip(answer.hits, answer.shows, strict=True)]
    if answer.rank is not None and answer.rank <= len(found):
        found[answer.rank - 1] = output.styled(found[answer.rank - 1], bold=True)
    return f"{mark}  {output.snippet(answer.query.says, _ASKED):<{_ASKED}}  {' | '.join(found[:_SHOWN])}"


def _named(path: str, shows: str, folder: Path) -> str:
    return shows or output.clean(os.path.relpath(path, folder))


def _sums(result: DemoResult) -> Iterator[str]:
    items = ", ".join(f"{count:,} {kind}" for kind, count in sorted(result.kinds.items()))
    yield f"{items} in {output.shown_path(str(result.folder))}"
    if result.checked:
        yield f"{result.passed} of {result.checked} searches have a right answer among the first 3"
    if result.answers:
        mean = sum(answer.seconds for answer in result.answers) / len(result.answers)
        yield f"a search takes {output.seconds_said(mean)}, all took {output.seconds_said(result.seconds)}"
