"""The verbs `models list`, `models pull` and `models convert`: other models than the built-in one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorium.cli import output
from sensorium.cli.options import examples, flag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sensorium.core.progress import Progress
    from sensorium.encoders.bundle import Bundle
    from sensorium.library.sample import FolderSample

_FOOT = "Then: [bold]sensorium --library NAME --model MODEL add ...[/bold]"
EXAMPLES = examples(
    ("sensorium models list", "what can be had, and what is here"),
    ("sensorium models pull clip-vit-b-32", "fetch and install one"),
    ("sensorium models convert my-fine-tune/", "install one of your own"),
    foot=_FOOT,
)
_PULL = examples(
    ("sensorium models pull clip-vit-b-32", "one of the list"),
    ("sensorium models pull openai/clip-vit-large-patch14-336 --name big", "any of the hub that can be converted"),
    ("HF_ENDPOINT=https://hub.example.org sensorium models pull minilm-l6", "from another hub"),
    foot=_FOOT,
)
_CONVERT = examples(
    ("sensorium models convert my-fine-tune/", "a folder of transformers, sentence-transformers or OpenCLIP"),
    ("sensorium models convert my-fine-tune/ --out my.bundle", "into a folder, not installed"),
    ("sensorium models convert my-fine-tune/ --sample ~/Pictures", "its 8-bit forms made for pictures like yours"),
    foot=_FOOT,
)

app = typer.Typer()

_INT8 = flag("--float-only", help="Leave the towers in 8 bits away: smaller, and slower on a CPU.")
_AGAIN = flag("--again", help="Even if it is installed: replace it.")
_NAME = typer.Option("--name", help="What it is to be called here.", metavar="NAME")
_SAMPLE = typer.Option(
    "--sample", help="A folder of your own files: 8-bit forms and scores are fitted to the like.", metavar="FOLDER"
)
_JSON = flag("--json", help="Print it as one line of JSON.")


@app.callback(invoke_without_command=True)
def models(ctx: typer.Context) -> None:
    """See, fetch and convert other models than the built-in one."""
    if ctx.invoked_subcommand is None:
        output.answer(ctx.get_help())
        raise typer.Exit(0)


@app.command("list")
def list_models(as_json: Annotated[bool, _JSON] = False) -> None:
    """Say which models there are: built in, installed, and to be had."""
    rows = _rows()
    if as_json:
        output.answer_json(rows)
        return
    for line in lines(rows):
        output.answer(line)


@app.command(epilog=_PULL)
def pull(
    name: Annotated[str, typer.Argument(help="A name of the list, or an id on the hub.", metavar="NAME")],
    called: Annotated[str | None, _NAME] = None,
    again: Annotated[bool, _AGAIN] = False,
    update: Annotated[
        bool, flag("--update", help="Take what is newest on the hub, not what was first fetched.")
    ] = False,
    keep: Annotated[bool, flag("--keep", help="Keep the fetched files once they are converted.")] = False,
    float_only: Annotated[bool, _INT8] = False,
    sample: Annotated[Path | None, _SAMPLE] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Fetch a model from huggingface.co (or HF_ENDPOINT), check it, convert it and install it.

    Broken off, it goes on where it stopped. The hash of each file is recorded the first time, and must stay the same.
    """
    from sensorium.cli.bars import Bars
    from sensorium.encoders.pull import pull as fetch

    with Bars() as bars:
        done = fetch(
            name,
            called=called,
            again=again,
            update=update,
            keep=keep,
            int8=not float_only,
            sample=_sample(sample, bars),
            progress=bars,
            say=output.say,
        )
    _answer(done.bundle, new=done.new, as_json=as_json)


@app.command(epilog=_CONVERT)
def convert(
    source: Annotated[str, typer.Argument(help="A folder, a file of weights, or an id on the hub.", metavar="SOURCE")],
    called: Annotated[str | None, _NAME] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="A new folder for the bundle, which is not installed.", metavar="DIR")
    ] = None,
    again: Annotated[bool, _AGAIN] = False,
    float_only: Annotated[bool, _INT8] = False,
    sample: Annotated[Path | None, _SAMPLE] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Make a bundle of somebody's model and install it: CLIP, SigLIP, CLAP, BERT and the like, as safetensors."""
    from sensorium.cli.bars import Bars
    from sensorium.encoders.pull import convert as make

    with Bars() as bars:
        bundle = make(
            source,
            called=called,
            out=out,
            again=again,
            int8=not float_only,
            sample=_sample(sample, bars),
            progress=bars,
            say=output.say,
        )
    _answer(bundle, new=True, as_json=as_json)


def _sample(folder: Path | None, progress: Progress) -> FolderSample | None:
    if folder is None:
        return None
    from sensorium.library.sample import FolderSample

    return FolderSample(folder, progress=progress, say=output.say)


def lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A line a model under a head, `*` before those that are here."""
    head = ("name", "takes", "dim", "MB", "licence", "good at")
    cells = [
        (
            row["name"], "+".join(row["modalities"]), str(row["dimension"]), f"{row['megabytes']:,}",
            output.snippet(row["licence"], 24), row["good_at"],
        )
        for row in rows
    ]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)][:-1]
    marks = [" ", *("*" if row["installed"] else " " for row in rows)]
    said = []
    for mark, (*fields, last) in zip(marks, (head, *cells), strict=True):
        padded = (f"{field:<{width}}" for field, width in zip(fields, widths, strict=True))
        said.append("  ".join((f"{mark} {next(padded)}", *padded, last)).rstrip())
    return [output.styled(said[0], bold=True), *map(output.clean, said[1:]), "", _hint(rows)]


def _hint(rows: Sequence[dict[str, Any]]) -> str:
    from sensorium.core.settings import models_home

    more = next((row["name"] for row in rows if not row["installed"]), None)
    pull = f"; sensorium models pull {more} fetches one" if more else ""
    return f"* is on this machine, in {output.clean(str(models_home()))} or built in{pull}"


def _rows() -> list[dict[str, Any]]:
    """The built-in models, the installed ones, then the rest of the catalog."""
    from sensorium.core.errors import BundleDamaged
    from sensorium.encoders import catalog, home
    from sensorium.encoders.bundle import BUILT_IN, MANIFEST, Bundle, find_bundle

    known, rows = catalog.catalog(), []
    built_in = sorted(path.parent.name for path in BUILT_IN.glob(f"*/{MANIFEST}"))
    brought = (name for name, model in known.items() if model.folder is not None)
    for name in dict.fromkeys((*built_in, *home.names(), *brought)):
        entry = known.get(name)
        good_at = entry.good_at if entry else "everything at once, and the first minute" if name in built_in else ""
        try:
            rows.append(_row(Bundle.open(find_bundle(name)), name, good_at, _source(name)))
        except BundleDamaged as error:
            output.say(str(error))
    there = {row["name"] for row in rows}
    rest = (model for name, model in known.items() if name not in there and model.folder is None)
    return rows + [
        {
            "name": model.name, "installed": False, "modalities": list(model.modalities), "dimension": model.dimension,
            "megabytes": model.megabytes, "licence": model.licence, "good_at": model.good_at, "source": model.source,
            "path": None, "space": None,
        }
        for model in rest
    ]  # fmt: skip


def _row(bundle: Bundle, name: str, good_at: str, source: str) -> dict[str, Any]:
    weight = sum((bundle.folder / file).stat().st_size for file in bundle.files)
    return {
        "name": name, "installed": True, "modalities": list(bundle.modalities), "dimension": bundle.dimension,
        "megabytes": round(weight / 1e6), "licence": bundle.licence, "good_at": good_at, "source": source,
        "path": str(bundle.folder), "space": bundle.space,
    }  # fmt: skip


def _source(name: str) -> str:
    from sensorium.encoders import home

    lock = home.read_lock(name)
    return lock.source if lock is not None else ""


def _answer(bundle: Bundle, *, new: bool, as_json: bool) -> None:
    from sensorium.core.settings import models_home

    source = _source(bundle.folder.name) if bundle.folder.parent == models_home() else ""
    row = {**_row(bundle, bundle.folder.name, "", source), "new": new}
    if as_json:
        output.answer_json(row)
        return
    word = "installed" if new else "is installed already"
    takes = f"{'+'.join(row['modalities'])}, {row['dimension']} dimensions, {row['megabytes']:,} MB, {row['licence']}"
    output.answer(f"{row['name']} {word}: {takes}, in {output.shown_path(row['path'])}")
