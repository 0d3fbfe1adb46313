"""What the verbs share: which library, model and precision are meant, paths, and how their help shows examples."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from sensorium import Library
    from sensorium.core.progress import Progress

VERB_FOOT = "Also --library NAME-OR-PATH, --model MODEL, --precision and --debug: see [bold]sensorium --help[/bold]"


@dataclass(frozen=True, slots=True)
class Options:
    """The global options of the command line; None means what the environment says, or the default."""

    library: str | None = None
    models: tuple[str, ...] = ()
    precision: str | None = None

    def path(self) -> Path:
        """Where the library lies that is meant."""
        from sensorium.core.settings import library_path

        return library_path(self.library)


def options(ctx: typer.Context) -> Options:
    """The global options of this run."""
    found = ctx.find_object(Options)
    return found if found is not None else Options()


@contextmanager
def opened(
    ctx: typer.Context, *, create: bool, at: Path | None = None, progress: Progress | None = None,
    models: Sequence[str] | None = None,
) -> Iterator[Library]:  # fmt: skip
    """The library that is meant (or the one `at`), drawing its progress on this terminal, closed at the end.

    `models` are those of the command line, unless said.

    Raises:
        LibraryMissing: there is none and `create` is false.
    """
    from sensorium import Library
    from sensorium.cli.bars import Bars

    given = options(ctx)
    named = given.models if models is None else models
    asked: dict[str, Any] = {"models": named} if len(named) > 1 else {"model": next(iter(named), None)}
    if given.precision is not None:
        asked["precision"] = given.precision
    with Bars() as bars:
        library = Library(at or given.path(), **asked, create=create, progress=progress or bars)
        try:
            yield library
        finally:
            library.close()


def path(text: str) -> Path:
    """A path of the command line.

    Raises BadParameter when it is empty, as a variable that is not set leaves it: to Python that is the working folder.
    """
    if not text:
        raise typer.BadParameter("a path is empty (a variable that is not set?): name it, or write . for this folder")
    return Path(text)


def flag(*names: str, help: str, panel: str | None = None) -> Any:
    """An option without a value; the empty metavar keeps typer from writing `<bool>` behind it."""
    return typer.Option(*names, help=help, metavar="", rich_help_panel=panel)


def help_of(verb: Callable[..., Any]) -> str:
    """What a verb's docstring says, a line a paragraph, which typer then wraps as wide as the terminal is."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in (inspect.getdoc(verb) or "").split("\n\n"))


def examples(*lines: tuple[str, str], foot: str = VERB_FOOT) -> str:
    """The foot of a help page: (command, what it does) pairs, in the markup that typer draws."""
    rows = [f"  {command}\n      [dim]{what}[/dim]" for command, what in lines]
    return "\n".join(["[bold]Examples[/bold]", *rows, "", foot])
