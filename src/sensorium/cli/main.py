"""The command `sensorium`: global options, the verbs, and how errors become one line and an exit code.

Exit codes: 0 found or done, 1 error or nothing found, 2 wrong use, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from sensorium.cli import add as add_file
from sensorium.cli import classify as classify_file
from sensorium.cli import demo as demo_file
from sensorium.cli import doctor as doctor_file
from sensorium.cli import evaluate as evaluate_file
from sensorium.cli import models as models_file
from sensorium.cli import output
from sensorium.cli import reindex as reindex_file
from sensorium.cli import remove as remove_file
from sensorium.cli import search as search_file
from sensorium.cli import status as status_file
from sensorium.cli.options import Options, examples, flag, help_of
from sensorium.core.errors import SensoriumError
from sensorium.core.types import Precision

STOPPED = 130
_GO_ON = ("add", "reindex", "evaluate", "demo", "models")  # verbs of which a stop keeps what was done
_TAKE_VALUE = ("--library", "-L", "--model", "--precision")
_JOINED = ("--library=", "--model=", "--precision=")

app = typer.Typer(
    name="sensorium",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        ("sensorium add ~/Pictures", "take a folder in"),
        ('sensorium search "a dog on a beach"', "find things in it"),
        ("sensorium demo", "see what it does, on samples that it makes itself"),
        foot="[bold]sensorium VERB --help[/bold] shows what a verb can do.",
    ),
)
for verb, shown in (
    (add_file.add, add_file.EXAMPLES),
    (search_file.search, search_file.EXAMPLES),
    (classify_file.classify, classify_file.EXAMPLES),
    (remove_file.remove, remove_file.EXAMPLES),
    (reindex_file.reindex, reindex_file.EXAMPLES),
    (status_file.status, status_file.EXAMPLES),
    (evaluate_file.evaluate, evaluate_file.EXAMPLES),
    (demo_file.demo, demo_file.EXAMPLES),
    (doctor_file.doctor, doctor_file.EXAMPLES),
):
    app.command(help=help_of(verb), epilog=shown)(verb)
app.add_typer(models_file.app, name="models", epilog=models_file.EXAMPLES)


@app.callback(invoke_without_command=True)
def sensorium(
    ctx: typer.Context,
    # the environment is read below, so that what is said here stays apart: a demand on any library, not a default
    library: Annotated[
        str | None,
        typer.Option("--library", "-L", help="A name or a path; else SENSORIUM_LIBRARY.", metavar="NAME-OR-PATH"),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="What makes a new library, a name or a path, or several of them; else SENSORIUM_MODEL.",
            metavar="MODEL",
        ),
    ] = None,
    precision: Annotated[
        Precision | None,
        typer.Option(help="What models run at; else SENSORIUM_PRECISION, else auto, which is the faster one."),
    ] = None,
    version: Annotated[bool, flag("--version", help="Print the version.")] = False,
    debug: Annotated[bool, flag("--debug", help="Show the whole traceback of an error.")] = False,
) -> None:
    """Find things by meaning, whatever they are: a sentence finds a photo, a photo finds a sound, a sound finds a page.

    Everything happens on this machine. The options below stand before the verb or after it.
    """
    if version:
        from sensorium import __version__

        output.answer(f"sensorium {__version__}")
        raise typer.Exit(0)
    if ctx.invoked_subcommand is None:
        output.answer(ctx.get_help())
        raise typer.Exit(0)
    ctx.obj = Options(library or None, tuple(name for name in model or () if name), precision)


def run() -> NoReturn:
    """The console entry point."""
    open_streams()
    sys.exit(main(sys.argv[1:]))


def open_streams() -> None:
    """Standard streams that are closed, as `>&-` and some daemons leave them, go nowhere.

    Else the next file that is opened, of the library perhaps, would get their number, and what is printed.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - as long as the process


def main(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; every error is printed here, as one line."""
    given = globals_first(arguments)
    output.escape_unprintable()
    try:
        code = app(given, prog_name="sensorium", standalone_mode=False)
        output.flush()
    except (SensoriumError, OSError) as error:
        return _failed(error, 1, debug="--debug" in given)
    except typer.TyperException as error:
        return _failed(error, error.exit_code, debug=False)
    except typer.Abort:
        code = STOPPED
    if code == STOPPED:
        kept = "; what was done is kept, and the same command goes on from there"
        output.complain("stopped" + (kept if verb_of(given) in _GO_ON else ""))
    return code if isinstance(code, int) else 0


def globals_first(arguments: Sequence[str]) -> list[str]:
    """Global options may stand anywhere before a `--`; typer wants them in front of the verb."""
    mine, rest, left = list[str](), list[str](), list(arguments)
    while left and left[0] != "--":
        word = left.pop(0)
        if word in _TAKE_VALUE and left:
            mine += [word, left.pop(0)]
        elif word == "--debug" or word.startswith(_JOINED):
            mine.append(word)
        else:
            rest.append(word)
    return [*mine, *rest, *left]


def verb_of(given: Sequence[str]) -> str:
    """The verb of a command line whose global options stand in front; "" when it has none."""
    left = list(given)
    while left and left[0].startswith("-"):
        del left[: 2 if left[0] in _TAKE_VALUE else 1]
    return left[0] if left else ""


def _failed(error: Exception, code: int, *, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    output.complain(_one_line(error))
    return code


def _one_line(error: Exception) -> str:
    if isinstance(error, typer.TyperException):
        ctx = getattr(error, "ctx", None)
        seen = f" (see {ctx.command_path} --help)" if ctx is not None else ""
        return error.format_message().rstrip(".") + seen
    if isinstance(error, FileNotFoundError) and error.filename is None and _nowhere():
        return "the folder that you are in is gone: go to another with cd, and run the command again"
    if isinstance(error, OSError):
        named = f": {error.filename}" if error.filename is not None else ""
        return f"{error.strerror or error}{named} (--debug shows where)"
    return str(error)


def _nowhere() -> bool:
    """Whether the working folder has been deleted."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False
