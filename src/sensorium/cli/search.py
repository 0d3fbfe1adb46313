"""The verb `search`: texts, files and items into hits."""

from __future__ import annotations

import sys
import tempfile
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sensorium.cli import output
from sensorium.cli.options import examples, flag, opened
from sensorium.core.errors import BadQuery, LibraryLocked
from sensorium.core.types import LongText, Metric

if TYPE_CHECKING:
    from sensorium import File, Library, Like, Text
    from sensorium.library.hits import Hits

EXAMPLES = examples(
    ('sensorium search "a dog on a beach"', "by words"),
    ("sensorium search --file dog.jpg --kinds audio", "sounds that go with a picture"),
    ('sensorium search "2:golden retriever" --and pool.jpg --without fruit', "a sum of terms with weights"),
    ('sensorium search "two parrots" --in ~/Pictures', "bring that folder up to date, then search in it"),
    ("cat photo.jpg | sensorium search --file -", "a query from another program"),
    ("sensorium search cat -k 3 -0 | xargs -0 cp -t out", "hits into another program"),
    ("sensorium search zebra --min-relevance 0.5", "only what is likely to be right; it may answer: nothing here"),
    ("sensorium search beach --where \"kind = 'image' and size > 1e6\"", "SQL over the items"),
)
_QUERY, _WHICH, _HOW, _FORM = "Query", "Which items", "How", "Output"


def _option(*names: str, help: str, panel: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=help, metavar=metavar, rich_help_panel=panel)


def _number(name: str, help: str) -> Any:
    return typer.Option(name, help=help, metavar="N", min=1, show_default=True, rich_help_panel=_HOW)


def _choice(help: str) -> Any:
    return typer.Option(help=help, show_default=True, rich_help_panel=_HOW)


Words = Annotated[list[str] | None, typer.Argument(help="What to look for, in quotes.", metavar="TEXT")]
Files = Annotated[
    list[str] | None,
    _option(
        "--file", "-f", help="A text, picture or sound as the query; - reads standard input.", panel=_QUERY,
        metavar="FILE",
    ),
]  # fmt: skip
Likes = Annotated[list[int] | None, _option(help="More like this item.", panel=_QUERY, metavar="ITEM")]
Plus = Annotated[
    list[str] | None,
    _option(
        "--and", help="Add words or a file; a weight may stand in front, as in 0.5:red.", panel=_QUERY, metavar="TERM"
    ),
]
Minus = Annotated[
    list[str] | None, _option("--without", help="Take words or a file away.", panel=_QUERY, metavar="TERM")
]
Folder = Annotated[
    Path | None,
    _option("--in", help="Only in this folder, which is brought up to date first.", panel=_WHICH, metavar="FOLDER"),
]
NoUpdate = Annotated[bool, flag("--no-update", help="Do not bring the folder up to date.", panel=_WHICH)]
Kinds = Annotated[str | None, _option(help="Only these kinds, as in image,text.", panel=_WHICH, metavar="KINDS")]
Where = Annotated[str | None, _option(help="Only items for which this is true.", panel=_WHICH, metavar="SQL")]
Most = Annotated[int, _number("-k", help="How many hits.")]
Score = Annotated[Metric, _choice("What a score is; higher is closer, always.")]
Structure = Annotated[Literal["auto", "exact", "ivf"], _choice("What is searched.")]
Lists = Annotated[int, _number("--lists", help="Lists of the IVF index.")]
Probes = Annotated[int, _number("--probes", help="Lists that a query looks into.")]
Beyond = Annotated[
    LongText | None,
    _option(help="What becomes of words beyond what a model reads at once; else as the model has it.", panel=_HOW),
]
Least = Annotated[
    float | None,
    typer.Option(
        "--min-relevance", help="Only hits that are at least so likely to be relevant, as in 0.5.", metavar="SHARE",
        rich_help_panel=_WHICH,
    ),
]  # fmt: skip
Timing = Annotated[bool, flag("--time", help="Say how long each step took.", panel=_FORM)]
AsJson = Annotated[bool, flag("--json", help="A line of JSON a hit.", panel=_FORM)]
PathsOnly = Annotated[bool, flag("--paths", "-p", help="Paths only.", panel=_FORM)]
Null = Annotated[bool, flag("--null", "-0", help="Paths only, each ended by a zero byte.", panel=_FORM)]
Show = Annotated[bool, flag("--open", help="Show the hits as a page in the browser.", panel=_FORM)]


@dataclass(frozen=True, slots=True)
class Asked:
    """The terms as they were given."""

    text: str | None
    files: list[str]
    like: list[int]
    plus: list[str]
    minus: list[str]


@dataclass(frozen=True, slots=True)
class Form:
    """How hits are to be printed; `likely` also says how likely each is relevant, and so why there may be none."""

    as_json: bool = False
    paths: bool = False
    null: bool = False
    show: bool = False
    likely: bool = False

    @property
    def previews(self) -> bool:
        """Whether pictures are shown."""
        return self.show or (output.draws_pictures() and not (self.as_json or self.paths or self.null))


# typer makes the options from the parameters, so that there are as many here as the verb has
def search(
    ctx: typer.Context, text: Words = None, file: Files = None, like: Likes = None, plus: Plus = None,
    minus: Minus = None, folder: Folder = None, no_update: NoUpdate = False, kinds: Kinds = None, where: Where = None,
    k: Most = 10, metric: Score = "cosine", index: Structure = "auto", lists: Lists = 100, probes: Probes = 5,
    long_text: Beyond = None, min_relevance: Least = None, timing: Timing = False, as_json: AsJson = False,
    paths: PathsOnly = False, null: Null = False, show: Show = False,
) -> None:  # fmt: skip
    """Find things by meaning. Exit code 1 when nothing was found, 0 when nothing is as relevant as was asked for."""
    asked = Asked(_one(text), file or [], like or [], plus or [], minus or [])
    form = Form(as_json, paths, null, show, min_relevance is not None)
    began = perf_counter()
    update = folder is not None and not no_update
    with opened(ctx, create=update) as library:
        if folder is not None and update:
            bring_up_to_date(library, folder)
        hits = library.search(
            *terms(asked), k=k, kinds=split(kinds), where=where, metric=metric, under=folder,
            index=f"ivf:{lists},{probes}" if index == "ivf" else index, previews=form.previews, long_text=long_text,
            min_relevance=min_relevance,
        )  # fmt: skip
    for note in hits.notes:
        output.say(f"note: {note}")
    if timing:
        output.say(times(hits, perf_counter() - began))
    tell(hits, form)
    if not hits and not (form.likely and hits.likeliest is not None):
        raise typer.Exit(1)


def tell(hits: Hits, form: Form) -> None:
    """Print the hits in the form that was asked for; only people are told that there are none."""
    if form.as_json:
        read = [term.to_json() for term in hits.terms]
        for hit in hits:
            output.answer_json({**hit.to_json(), "query": read})
    elif form.paths or form.null:
        output.answer_paths(hits, null=form.null)
    elif hits:
        output.answer_hits(hits, likely=form.likely)
    elif form.likely and hits.likeliest is not None:
        output.say(f"nothing here is likely to be relevant (best: {output.share_said(hits.likeliest)})")
    else:
        output.say("nothing found")
    if form.show and hits:
        open_page(hits)


def _one(words: list[str] | None) -> str | None:
    if words and len(words) > 1:
        raise typer.BadParameter(f'a query of several words stands in quotes: sensorium search "{" ".join(words)}"')
    return words[0] if words else None


def terms(asked: Asked) -> list[Text | File | Like]:
    """The terms that were asked for; wrong use (exit code 2) when there are none to begin with."""
    from sensorium import File, Like
    from sensorium.library.query import is_word, parse_term

    found: list[Text | File | Like] = [] if asked.text is None else [parse_term(asked.text)]
    if found and isinstance(found[0], File) and asked.text is not None and is_word(asked.text):
        said = asked.text.strip()
        output.say(f'note: "{said}" is a file in this folder, which asks; for the word: sensorium search " {said}"')
    found += [File(standard_input() if path == "-" else path) for path in asked.files]
    found += [Like(item) for item in asked.like]
    found += [parse_term(term) for term in asked.plus]
    if not found:
        raise typer.BadParameter("give words, --file FILE or --like ITEM")
    return [*found, *(parse_term(term, negative=True) for term in asked.minus)]


def standard_input() -> bytes:
    """All of standard input, which must come from a pipe or a file."""
    data = b"" if sys.stdin.isatty() else sys.stdin.buffer.read()
    if not data:
        raise BadQuery("standard input is empty: pipe a file into it, as in: cat photo.jpg | sensorium search --file -")
    return data


def split(kinds: str | None) -> list[str] | None:
    """`image, text` as a list; None when no kinds are asked for."""
    return [kind.strip() for kind in kinds.split(",") if kind.strip()] if kinds else None


def bring_up_to_date(library: Library, folder: Path) -> None:
    """Add the folder; while another writer is at work, what is there already is searched."""
    try:
        report = library.add(folder)
    except LibraryLocked as locked:
        who = str(locked).partition(";")[0]  # what comes next there is advice for writers
        output.say(f"note: {folder} was not brought up to date: {who}; search again later")
        return
    if report.added or report.updated or report.moved:
        from sensorium.cli.add import summary

        output.say(f"{output.shown_path(str(folder.absolute()))}: {summary(report)}")


def times(hits: Hits, total: float) -> str:
    """The line of `--time`."""
    said = output.seconds_said
    searched = f"search {said(hits.seconds)} ({hits.index_name})"
    return f"{searched}, query vector {said(hits.encode_seconds)}, all {said(total)}"


def open_page(hits: Hits) -> None:
    """Show the hits as a page of the system's browser."""
    page = Path(tempfile.mkdtemp(prefix="sensorium-")) / "hits.html"
    page.write_text(f'<!doctype html><meta charset="utf-8"><title>Sensorium</title>{hits._repr_html_()}', "utf-8")
    if not webbrowser.open(page.as_uri()):
        output.say(f"note: no browser was found; the page is {page}")
