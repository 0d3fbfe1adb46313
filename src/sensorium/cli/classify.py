"""The verb `classify`: which of some labels things have, by what is in them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorium.cli import output
from sensorium.cli.options import examples, flag, opened, options
from sensorium.core.errors import BadQuery, LibraryEmpty
from sensorium.core.progress import Silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sensorium import Library
    from sensorium.core.progress import Progress
    from sensorium.evaluate.classify.items import Answer, Asked, Classifier

EXAMPLES = examples(
    ('sensorium classify photo.jpg --labels "dog,cat,horse"', "a file, in the library or not"),
    ("sensorium classify --labels labels.txt --save label", "all of the library, and what they are is kept"),
    ("sensorium search beach --where \"label = 'dog'\"", "what was kept can be asked for"),
    ('sensorium classify --labels "cat,dog" --where "label is null"', "what has no label yet"),
    ('sensorium classify clips --labels "rain,siren" --template "the noise of {}"', "in other words"),
    ('sensorium classify clips --labels "rain,siren" --json', "a line of JSON a file"),
)
_SHOWN_SKIPS = 10
_PROBABILITY = "_probability"  # ends the name of what is kept beside a label: how sure it is
_WHAT, _FORM = "What is said", "Output"

Paths = Annotated[
    list[Path] | None, typer.Argument(help="Files and folders; else all of the library.", metavar="PATHS")
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels", "-l", help="Labels with commas between, or a file (or @FILE) with one a line.", metavar="LABELS"
    ),
]
Template = Annotated[
    list[str] | None,
    typer.Option(
        "--template", help="How a label is said, as in 'a photo of a {}'; image=, audio= or text= in front: for these.",
        metavar="TEXT", rich_help_panel=_WHAT,
    ),
]  # fmt: skip
NoNone = Annotated[
    bool, flag("--no-none", help="One of the labels is right: never say none of these.", panel=_WHAT)
]  # fmt: skip
Where = Annotated[
    str | None,
    typer.Option(help="Only items of the library for which this is true.", metavar="SQL", rich_help_panel=_WHAT),
]
Save = Annotated[
    str | None,
    typer.Option(
        help="Keep the labels as this attribute of the library's items, as in label.", metavar="ATTRIBUTE",
        rich_help_panel=_FORM,
    ),
]  # fmt: skip
Top = Annotated[
    int, typer.Option("-k", help="How many of the likeliest labels JSON names.", metavar="N", min=1, show_default=True,
                      rich_help_panel=_FORM),
]  # fmt: skip
AsJson = Annotated[bool, flag("--json", help="A line of JSON an item.", panel=_FORM)]
Wait = Annotated[float, typer.Option(help="Wait so many seconds for another writer.", metavar="SECONDS", min=0)]


def classify(
    ctx: typer.Context, paths: Paths = None, labels: Labels = None, template: Template = None, no_none: NoNone = False,
    where: Where = None, save: Save = None, k: Top = 5, as_json: AsJson = False, wait: Wait = 0.0,
) -> None:  # fmt: skip
    """Say which of some labels things have, or none of these, and how likely that is.

    Nothing is trained: a label is a text, and what is nearest to it has it. Items of the library are answered from the
    vectors that are there; other files are read. Exit code 1 when nothing could be labelled.
    """
    from sensorium.cli.bars import Bars
    from sensorium.evaluate.classify.items import Classifier, Wish
    from sensorium.evaluate.classify.zero_shot import checked_templates, read_labels

    if labels is None:
        raise typer.BadParameter("give labels, as in --labels 'dog,cat'")
    if where is not None and paths:
        raise typer.BadParameter("--where chooses among the items of the library: leave out the paths")
    wish = Wish(tuple(read_labels(labels)), checked_templates(template or []), not no_none, k)
    given = options(ctx)
    alone = bool(paths) and given.library is None and not given.path().is_dir()
    if alone and save is not None:
        raise BadQuery(f"--save {save}: there is no library at {given.path()}; make one with `sensorium add` first")
    with Bars() as bars, nullcontext() if alone else opened(ctx, create=False, progress=bars) as library:
        quiet = save is None and sys.stdout.isatty()  # what is printed shows how far it is
        run = Run(library, Silent() if quiet else bars, save)  # first: it holds which state of the items is meant
        run.classifier = Classifier(wish, library, models=given.models, precision=given.precision)
        answers = run.answers(paths or [], where)
        if save is not None:
            answers = iter(list(answers))
            run.keep(wait)  # before they are printed: a reader of the pipe may stop listening
        for answer in answers:
            if as_json:
                output.answer_json(answer.to_json())
            elif not answer.why:
                output.answer(line(answer))
    tell(run, as_json=as_json)
    if not run.counts:
        if not run.skipped:
            towers = ", ".join(run.classifier.towers)
            lacking = f"the items have nothing that labels can be compared with ({towers}), or are gone"
            output.say(f"nothing to label: {lacking if run.total else 'no item is like that'}")
        raise typer.Exit(1)


class Run:
    """One run: what is asked, and what was answered. `save` is the attribute that answers are kept as, if they are."""

    classifier: Classifier

    def __init__(self, library: Library | None, bars: Progress, save: str | None) -> None:
        self.library, self.bars, self.save = library, bars, save
        self.counts: Counter[str] = Counter()
        self.skipped: list[Answer] = []
        self.changed = self.foreign = self.saved = self.total = 0
        self.values: dict[int, dict[str, Any]] = {}
        self.revisions: dict[int, int] = {}
        if library is not None and save is not None:
            items = library.items()
            self.revisions = dict(zip(items["id"].to_pylist(), items["revision"].to_pylist(), strict=True))

    def answers(self, paths: Sequence[Path], where: str | None) -> Iterator[Answer]:
        """Answers for what lies at some paths, or for the items of the library; counted, and held to be kept."""
        from sensorium.evaluate.classify.files import files
        from sensorium.evaluate.classify.items import asked

        found = asked(self.classifier, self.library, paths) if paths else None
        chosen = found.items if found is not None else self._chosen(where)
        self._prepare(found, chosen)
        kept = len(chosen) if chosen is not None else len(self.classifier.stored())
        if chosen is None and not kept and self.library is not None:
            way_out = "add something first, as in: sensorium add ~/Pictures"
            raise LibraryEmpty(
                f"the library {self.library.path} has nothing that labels can be compared with: {way_out}"
            )
        self.total = kept + (len(found.files) if found else 0)
        self.bars.start("labelling", self.total)
        for answer in self.classifier.items(chosen):
            yield self._counted(answer)
        for answer in files(self.classifier, found.files, found.kept) if found else ():
            yield self._counted(answer)
        self.bars.finish()

    def keep(self, wait: float) -> None:
        """Write the labels back, in one commit."""
        if self.library is not None and self.values:
            self.saved = self.library.label(self.values, revisions=self.revisions, wait=wait, on_wait=output.say)

    def _prepare(self, found: Asked | None, chosen: NDArray[np.int64] | None) -> None:
        """What is wrong with saving is said before the work, not after it."""
        self.changed = found.changed if found else 0
        if self.save is None or self.library is None:
            return
        from sensorium.library.label import check_free

        if self.save.endswith(_PROBABILITY):
            other = self.save.removesuffix(_PROBABILITY) or "label"
            raise BadQuery(f"--save {self.save}: there the probabilities of {other!r} are kept; choose another name")

        kept = set(found.kept.values()) if found else set[int]()
        check_free(self.library.session, self.save, None if chosen is None else {*chosen.tolist(), *kept})

    def _chosen(self, where: str | None) -> NDArray[np.int64] | None:
        import numpy as np

        if where is None or self.library is None:
            return None
        return np.asarray(self.library.session.store.items(where, columns=["id"])["id"].to_numpy(), np.int64)

    def _counted(self, answer: Answer) -> Answer:
        from sensorium.evaluate.classify.items import NONE

        self.bars.advance(skipped=int(bool(answer.why)))
        if answer.why:
            self.skipped.append(answer)
            return answer
        self.counts[answer.label or NONE] += 1
        if self.save is not None and answer.item is not None:
            sure = None if answer.label is None else round(answer.probability, 4)
            self.values[answer.item] = {self.save: answer.label, f"{self.save}{_PROBABILITY}": sure}
        self.foreign += self.save is not None and answer.item is None
        return answer


def line(answer: Answer) -> str:
    """An answer for people: how likely, what, where."""
    from sensorium.evaluate.classify.items import NONE

    place = output.clean(str(answer.place)) if answer.parts > 1 and answer.label is not None else ""
    said = output.clean(answer.label) if answer.label is not None else NONE
    fields = [f"{answer.probability:.2f}", f"{said:<16}", output.shown_path(answer.path), place]
    return "  ".join(field for field in fields if field)


def tell(run: Run, *, as_json: bool) -> None:
    """What else there is to know: how many of each, what was skipped, what was kept, and how it was calibrated."""
    from sensorium.evaluate.classify.items import NONE

    for skip in run.skipped[:_SHOWN_SKIPS]:
        output.say(f"skipped {output.shown_path(skip.path)}: {skip.why}")
    if len(run.skipped) > _SHOWN_SKIPS:
        output.say(f"... and {len(run.skipped) - _SHOWN_SKIPS:,} more; `classify --json` names them all")
    if not as_json and run.counts:
        counts = ", ".join(f"{count:,} {output.clean(label)}" for label, count in run.counts.most_common(8))
        more = f" and {len(run.counts) - 8:,} other labels" if len(run.counts) > 8 else ""
        output.say(f"{run.counts.total():,} labelled: {counts}{more}")
        if run.classifier.wish.none and 2 * run.counts[NONE] > run.counts.total():
            output.say("where one of the labels is right for everything, say --no-none")
    if run.save is not None:
        told_saved(run, run.save)
    for modality, usual in run.classifier.usual.items() if not as_json else ():
        if run.counts and usual.parts:
            output.say(f"probabilities of {modality}: calibrated on {usual.parts:,} parts of the library")


def told_saved(run: Run, name: str) -> None:
    """What was kept, and what was not, and why."""
    none = sum(one[name] is None for one in run.values.values()) if run.saved == len(run.values) else 0
    found = f": search with --where \"{name} = '...'\"" if run.saved - none else ""
    without = f", and {none:,} have none" if none else ""
    output.say(f"{run.saved - none:,} items have their {name} now{without}{found}")
    if missed := len(run.values) - run.saved:
        output.say(f"{missed:,} items have changed or gone meanwhile and were left alone: run it again")
    if run.foreign:
        changed = f", or not as they were added ({run.changed:,})" if run.changed else ""
        output.say(f"{run.foreign:,} files are not in the library{changed}: `sensorium add` them, then run it again")
