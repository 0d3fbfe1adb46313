"""Writes the results of an evaluation as one HTML page that needs nothing else: figures, previews and style inside."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from html import escape
from importlib import resources
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING

from sensorium.core.paths import absolute, write_whole
from sensorium.evaluate.figures import drawing
from sensorium.evaluate.report.measured import how_measured
from sensorium.evaluate.report.previews import Previews
from sensorium.evaluate.report.questions import Section, in_words, questions, shown
from sensorium.evaluate.results import ALL

if TYPE_CHECKING:
    from os import PathLike

    from sensorium.evaluate.results import Found, Hardest, Measured, Results, Seen

Preview = Callable[[str], bytes | None]

_HARD = 5  # hard queries of a run that are shown; the JSON has more
_RIGHT = 2  # right answers of a hard query that are shown
_FAILURES = 200  # of what has no vector, as many are listed
_TEXT = 260  # characters of a text


def check() -> None:
    """Raise ExtraMissing where a report could not be written: worth knowing before hours of embedding."""
    drawing.ready()


def write_report(results: Results, path: str | PathLike[str], *, preview: Preview | None = None) -> Path:
    """Write the page, self-contained, light or dark as the reader's system is; returns its absolute path.

    `preview` gives a small WebP of a file, or None; without it the readers make them from the files that are still
    there. Raises ExtraMissing without matplotlib; OSError.
    """
    check()
    place = absolute(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    if preview is not None:
        page = "".join(_page(results, preview))
    else:
        with Previews() as made:
            page = "".join(_page(results, made))
    write_whole(place, page.encode("utf-8", "replace").decode())  # names of files may be no UTF-8
    return place


def _page(results: Results, preview: Preview) -> Iterator[str]:
    style = resources.files("sensorium.evaluate.report").joinpath("page.css").read_text(encoding="utf-8")
    sections = list(questions(results))
    anchors = [(section.anchor, section.short) for section in sections]
    anchors += [("hardest", "Hardest queries")] if results.hardest else []
    anchors += [("failures", "Failures")] if results.failures else []
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<title>Evaluation: {escape(results.data.name)}</title>\n"
    yield f"<style>\n{style}{drawing.style_sheet()}</style>\n</head>\n<body>\n"
    yield from _header(results)
    yield '<nav aria-label="Questions"><div class="wide">'
    yield from (
        f'<a href="#{anchor}">{escape(name)}</a>' for anchor, name in [*anchors, ("how", "How it was measured")]
    )
    yield '</div></nav>\n<main class="wide">\n'
    for section in sections:
        yield from _section(section)
    yield from _hardest(results.hardest, preview)
    yield from _failures(results)
    yield from how_measured(results)
    yield "</main>\n</body>\n</html>\n"


def _header(results: Results) -> Iterator[str]:
    models = ", ".join(results.models)
    yield f'<header class="wide"><h1>Evaluation: {escape(results.data.name)}</h1>\n'
    yield f'<p class="lead">{escape(models)} on {escape(results.data.source)}</p>\n'
    yield '<ul class="facts">'
    for modality, count in results.data.samples.items():
        if count:
            yield f"<li><b>{count:,}</b><span>{escape(shown(modality, count))}</span></li>"
    for run in _main(results):
        figure = run.figures["R@10"]
        yield f"<li><b>{100 * figure.value:.1f} %</b><span>R@10: {escape(in_words(run.direction))}</span></li>"
    if results.failures:
        yield f"<li><b>{len(results.failures):,}</b><span>without a vector</span></li>"
    yield f"<li><b>{results.seconds:,.0f} s</b><span>to measure it all</span></li></ul>\n"
    if notes := [*results.data.notes, *results.notes]:
        yield f'<ul class="note">{"".join(f"<li>{escape(note)}</li>" for note in notes)}</ul>\n'
    yield "</header>\n"


def _main(results: Results) -> list[Measured]:
    """What people ask first: an R@10 of the first model from one modality to another, two at most."""
    known = [run for run in results.runs if "R@10" in run.figures and not run.direction.endswith(ALL)]
    kept = [r for r in known if (r.model, r.metric, r.index) == (known[0].model, known[0].metric, known[0].index)]
    crossed = [run for run in kept if run.direction[0] != run.direction[-1]]
    return (crossed or kept)[:2]


def _section(section: Section) -> Iterator[str]:
    yield f'<section id="{section.anchor}">\n<h2>{escape(section.title)}</h2>\n'
    yield f'<p class="answer">{escape(section.lead)}</p>\n' if section.lead else ""
    if section.figures:
        yield '<div class="figures">'
        yield from (f"<figure>{figure}</figure>" for figure in section.figures)
        yield "</div>\n"
    yield from (f'<div class="scroll">{table}</div>\n' for table in section.tables)
    yield "</section>\n"


def _hardest(hardest: Iterable[Hardest], preview: Preview) -> Iterator[str]:
    for number, (name, ones) in enumerate(groupby(hardest, lambda h: (h.direction, h.model, h.metric, h.index))):
        if not number:
            yield '<section id="hardest">\n<h2>Hardest queries</h2>\n'
            yield '<p class="answer">Those whose right answers came last. Often the truth is at fault:'
            yield " an answer that is just as good, and that nobody has marked as right.</p>\n"
        yield f"<h3>{escape(in_words(name[0]))} <small>{escape(' / '.join(name[1:]))}</small></h3>\n"
        for one in islice(ones, _HARD):
            yield from _hard(one, preview)
    yield "</section>\n" if hardest else ""


def _hard(one: Hardest, preview: Preview) -> Iterator[str]:
    yield f'<article>\n<div class="asked">{_content(one.query, preview)}'
    late = "its right answer is not among those looked at"
    rank = late if one.rank is None else f"its first right answer has rank {one.rank:,}"
    yield f'<span class="missed">{rank}</span><span class="file">{escape(_file(one.query))}</span></div>\n<ol>\n'
    found = {found.sample.key for found in one.found}
    missing = [sample for sample in one.right if sample.key not in found]
    for sample in missing[:_RIGHT]:
        yield _card(sample, preview, "right", "✓ wanted", "")
    for answer in one.found:
        yield _found(answer, preview)
    yield "</ol>\n"
    if len(missing) > _RIGHT:
        yield '<p class="more">others would have been right too</p>\n'
    yield "</article>\n"


def _found(answer: Found, preview: Preview) -> str:
    said = "✓ right" if answer.right else ""
    return _card(answer.sample, preview, "right" if answer.right else "", said, f"{answer.score:.3f}")


def _card(sample: Seen, preview: Preview, look: str, tick: str, score: str) -> str:
    return (
        f'<li class="{look}"><div class="seen">{_content(sample, preview)}</div><div class="said">'
        + (f'<span class="what">{escape(sample.label)}</span>' if sample.label else "")
        + (f'<span class="file">{escape(_file(sample))}</span>' if sample.path else "")
        + (f'<span class="score">{score}</span>' if score else "")
        + (f'<span class="tick">{tick}</span>' if tick else "")
        + "</div></li>\n"
    )


def _file(sample: Seen) -> str:
    return Path(sample.path).name if sample.path else sample.key


def _content(sample: Seen, preview: Preview) -> str:
    if sample.text:
        cut = sample.text if len(sample.text) <= _TEXT else sample.text[:_TEXT].rsplit(" ", 1)[0] + " …"
        return f"<blockquote>“{escape(cut)}”</blockquote>"
    picture = preview(sample.path) if sample.path else None
    if picture is None:
        return f'<p class="none">no preview of {escape(_file(sample))}</p>'
    uri = b64encode(picture).decode("ascii")
    said = escape(sample.label or _file(sample))
    return f'<img src="data:image/webp;base64,{uri}" alt="{said}" loading="lazy" class="{escape(sample.modality)}">'


def _failures(results: Results) -> Iterator[str]:
    if not results.failures:
        return
    yield '<section id="failures">\n<h2>Failures</h2>\n'
    yield f'<p class="answer">{len(results.failures):,} without a vector: neither asked nor answered.</p>\n'
    yield '<div class="scroll"><table><thead><tr><th>file</th><th>why</th></tr></thead><tbody>'
    for failure in results.failures[:_FAILURES]:
        yield f"<tr><td>{escape(failure.path)}</td><td>{escape(failure.why)}</td></tr>"
    yield "</tbody></table></div>\n"
    if len(results.failures) > _FAILURES:
        yield f'<p class="more">and {len(results.failures) - _FAILURES:,} more, all of them in the JSON</p>\n'
    yield "</section>\n"
