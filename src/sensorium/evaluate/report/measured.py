"""The end of a report: how its figures were measured, enough to measure them again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from sensorium.evaluate.report.questions import confidence_of, shown

if TYPE_CHECKING:
    from sensorium.evaluate.results import Results

_MEANINGS = (
    (
        "R@k",
        "the share of queries with a right answer among the first k (“precision rate” in the CLIP + kNN study)",
    ),
    ("recall@k", "the share of a query's right answers that are among the first k"),
    ("P@k", "the share of right ones among the first k answers"),
    ("MRR", "the mean of 1 / rank of the first right answer, 0 when it is not among the answers"),
    ("mAP@k", "the mean of the average precision over the first k answers"),
    ("nDCG@k", "the gain of the first k answers, discounted by log2(rank + 1), over that of the best order"),
    ("median_rank", "the middle of the ranks of the first right answers"),
)


def how_measured(results: Results) -> Iterator[str]:
    """The section, as pieces of HTML."""
    yield '<section id="how">\n<h2>How it was measured</h2>\n<div class="how">\n'
    yield from _list("The data", _data(results))
    for name, model in results.models.items():
        yield from _list(f"The model {name}", {
            "space": model.space, "version": model.version, "precision": model.precision,
            "dimension": f"{model.dimension:,}", "modalities": ", ".join(model.modalities),
        })  # fmt: skip
    yield from _list("The experiment", {name.replace("_", " "): _said(value) for name, value in results.plan.items()})
    yield from _list("The run", {
        "measured": results.measured, "took": f"{results.seconds:,.1f} s", "Sensorium": results.sensorium,
        "commit": results.commit or "not known",
        **{name: _said(value) for name, value in results.machine.items()},
    })  # fmt: skip
    yield "</div>\n"
    yield f"<p>Intervals are {100 * confidence_of(results):g} % bootstrap intervals; "
    yield "queries of one group (the captions of one picture) "
    yield "are resampled together. Chance is what a random order of everything that could be answered gives.</p>\n<dl>"
    named = {measure.partition("@")[0] for run in results.runs for measure in run.figures}
    for name, meaning in _MEANINGS:
        if name.partition("@")[0] in named:
            yield f"<dt>{escape(name)}</dt><dd>{escape(meaning)}</dd>"
    yield "</dl>\n"
    notes = list(dict.fromkeys(note for run in results.runs for note in run.notes))
    if notes:
        yield "<h3>Notes</h3>\n<ul>" + "".join(f"<li>{escape(note)}</li>" for note in notes) + "</ul>\n"
    yield "</section>\n"


def _data(results: Results) -> Mapping[str, str]:
    data = results.data
    samples = ", ".join(f"{count:,} {shown(modality, count)}" for modality, count in data.samples.items())
    return {"name": data.name, "source": data.source, "hash": data.hash, "samples": samples, "right": data.relation}


def _list(title: str, entries: Mapping[str, str]) -> Iterator[str]:
    yield f"<div><h3>{escape(title)}</h3><dl>"
    yield from (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in entries.items() if value)
    yield "</dl></div>\n"


def _said(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_said(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_said(one) for one in value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
