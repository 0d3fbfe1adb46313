"""Writes the demo as one HTML page that needs nothing else: pictures, players and style are inside it."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from sensorium.core.paths import absolute, at_home
from sensorium.demo import media
from sensorium.demo.run import TOP

if TYPE_CHECKING:
    from sensorium.core.types import Hit
    from sensorium.demo.queries import Clue
    from sensorium.demo.run import Answer, DemoResult

_PLURAL = {"image": ("picture", "pictures"), "text": ("text", "texts"), "audio": ("sound", "sounds")}
_PASSAGE = 260
_HEADING_MARKS = re.compile(r"^(#+\s+|[=~^*-]{3,}\s*$)", re.MULTILINE)


def write_page(result: DemoResult, path: str | Path) -> Path:
    """Write the page, self-contained, light or dark as the reader's system is; returns its absolute path."""
    path = absolute(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(_page(result)), encoding="utf-8")
    return path


def _page(result: DemoResult) -> Iterator[str]:
    style = resources.files("sensorium.demo").joinpath("page.css").read_text(encoding="utf-8")
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<title>Sensorium: {escape(result.folder.name)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
    yield from _header(result)
    sections = _sections(result.answers)
    yield '<nav aria-label="Directions"><div class="wide">'
    yield from (f'<a href="#{_anchor(pair)}">{_direction(pair)}</a>' for pair in sections)
    yield '</div></nav>\n<main class="wide">\n'
    media_once = _Media()
    for pair, answers in sections.items():
        yield f'<section id="{_anchor(pair)}">\n<h2>{_direction(pair)}</h2>\n'
        for answer in answers:
            yield from _article(answer, result, media_once)
        yield "</section>\n"
    yield '</main>\n<footer class="wide">On your own folder: <code>sensorium demo ~/Pictures</code></footer>\n'
    yield "</body>\n</html>\n"


def _header(result: DemoResult) -> Iterator[str]:
    yield '<header class="wide"><h1>Found by meaning</h1>\n'
    yield f'<p class="lead">What Sensorium answers over {escape(_at_home(result.folder))}, without the network.</p>\n'
    yield '<ul class="facts">'
    yield from (f"<li><b>{escape(figure)}</b><span>{escape(what)}</span></li>" for figure, what in _facts(result))
    yield "</ul>\n"
    if result.note:
        yield f'<p class="note">{escape(result.note[0].upper() + result.note[1:])}</p>\n'
    yield "</header>\n"


def _at_home(folder: Path) -> str:
    """A folder as people say it."""
    home = at_home("~")
    return f"~/{folder.relative_to(home).as_posix()}" if home in folder.parents else str(folder)


def _facts(result: DemoResult) -> Iterator[tuple[str, str]]:
    for kind, (one, many) in _PLURAL.items():
        count = result.kinds.get(kind, 0)
        if count:
            yield str(count), one if count == 1 else many
    if result.report.added:
        yield f"{result.report.seconds:.1f} s", f"to add {result.report.added} of them"
    else:
        yield f"{result.report.seconds:.2f} s", "to see that nothing has changed"
    if result.answers:
        yield _milliseconds(statistics.median(a.seconds for a in result.answers)), "for half of the searches"
        yield _milliseconds(statistics.median(a.encode_seconds for a in result.answers)), "to understand a query"
    if result.checked:
        yield f"{result.passed} of {result.checked}", f"right answers in the top {TOP}"


def _sections(answers: Iterable[Answer]) -> dict[str, list[Answer]]:
    """The answers by pair: the plain pairs in a fixed order, then the composed queries."""
    plain: dict[str, list[Answer]] = {f"{a}->{b}": [] for a in ("text", "image", "audio") for b in _PLURAL}
    for answer in answers:
        plain.setdefault(answer.query.pair, []).append(answer)
    return {pair: found for pair, found in plain.items() if found}


def _anchor(pair: str) -> str:
    return escape("".join(c if c.isalnum() else "-" for c in pair))


def _direction(pair: str) -> str:
    """`text+audio->image` as people say it: words + sound → pictures."""
    asked, _, found = pair.partition("->")
    asked = asked.replace("text", "words").replace("image", "picture").replace("audio", "sound")
    asked = asked.replace("+", " + ").replace("-", " − ")
    return escape(f"{asked} → {_PLURAL[found][1]}")


def _article(answer: Answer, result: DemoResult, seen: _Media) -> Iterator[str]:
    yield '<article>\n<div class="asked">'
    if answer.clues[0].kind != "text" or len(answer.clues) > 1 or isinstance(answer.clues[0].source, Path):
        yield f"<h3>{escape(answer.query.says)}</h3>"
    for clue in answer.clues:
        yield from _clue(clue, seen)
    if answer.passed is False:
        yield f'<span class="missed">the right one is not in the top {TOP}</span>'
    yield f'<span class="timing">{_timing(answer)}</span></div>\n'
    if not answer.hits:
        yield '<p class="none">Nothing found.</p>\n</article>\n'
        return
    yield "<ol>\n"
    for hit, shows in zip(answer.hits, answer.shows, strict=True):
        yield from _hit(hit, shows, answer, result, seen)
    yield "</ol>\n</article>\n"


def _timing(answer: Answer) -> str:
    return f"query {_milliseconds(answer.encode_seconds)} · search {_milliseconds(answer.seconds)}"


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.{1 if seconds < 0.01 else 0}f} ms"


def _clue(clue: Clue, seen: _Media) -> Iterator[str]:
    weight = getattr(clue.term, "weight", 1.0)
    if weight != 1.0:
        yield f'<span class="weight">× {weight:g}</span>'
    if clue.kind == "text" and isinstance(clue.source, str):
        yield f"<blockquote>“{escape(clue.source)}”</blockquote>"
    elif clue.kind == "text" and isinstance(clue.source, Path):
        yield f'<blockquote class="passage">{escape(_beginning(clue.source))}</blockquote>'
    elif clue.kind == "image" and not isinstance(clue.source, str):
        yield _picture(seen.picture(clue.source), "the query")
    elif not isinstance(clue.source, str):
        yield _player(seen.sound(clue.source, 0.0))


def _hit(hit: Hit, shows: str, answer: Answer, result: DemoResult, seen: _Media) -> Iterator[str]:
    path = Path(hit.path)
    right = path in answer.right
    name = path.relative_to(result.folder).as_posix() if result.folder in path.parents else path.name
    yield '<li class="right">' if right else "<li>"
    yield f'<div class="seen">{_content(hit, shows or name, seen)}</div><div class="said">'
    yield f'<span class="what">{escape(shows)}</span>' if shows else ""
    place = f" · {hit.place}" if str(hit.place) and hit.kind != "image" else ""
    yield f'<span class="file">{escape(name + place)}</span>'
    share = max(0.0, min(1.0, hit.score / answer.hits[0].score)) if answer.hits[0].score > 0 else 0.0
    yield f'<span class="score">{hit.score:.3f}<i style="--share:{share:.0%}"></i></span>'
    yield '<span class="tick">✓ the right answer</span>' if right else ""
    yield "</div></li>\n"


def _content(hit: Hit, name: str, seen: _Media) -> str:
    if hit.modality == "image":
        return _picture(seen.picture(Path(hit.path)), name)
    if hit.modality == "audio":
        return _player(seen.sound(Path(hit.path), hit.place.seconds[0] if hit.place.seconds else 0.0))
    return f"<p>{escape(_plain(hit.text))}</p>"


def _picture(uri: str | None, name: str) -> str:
    return "<p>no preview</p>" if uri is None else f'<img src="{uri}" alt="{escape(name)}" loading="lazy">'


def _player(found: tuple[str, list[float]] | None) -> str:
    if found is None:
        return "<p>cannot be played here</p>"
    uri, heights = found
    bars = "".join(f"M{4 * i + 1.5:g} {22 - 20 * h:.1f}v{max(40 * h, 1):.1f}" for i, h in enumerate(heights))
    drawn = f'<path d="{bars}" stroke="currentColor" stroke-width="2.4" stroke-linecap="round"/>'
    box = f'viewBox="0 0 {4 * len(heights)} 44" preserveAspectRatio="none" aria-hidden="true"'
    return f'<div class="heard"><svg {box}>{drawn}</svg><audio controls preload="none" src="{uri}"></audio></div>'


def _beginning(path: Path) -> str:
    with path.open("rb") as file:
        return _plain(file.read(4 * _PASSAGE).decode("utf-8", "replace"))


def _plain(text: str) -> str:
    """The beginning of a passage, without the marks of Markdown's and reStructuredText's headings."""
    return " ".join(_HEADING_MARKS.sub("", text).split())[:_PASSAGE]


class _Media:
    """Each picture and stretch of sound is made small once, however often the page shows it."""

    def __init__(self) -> None:
        self.picture = cache(media.picture_uri)
        self.sound = cache(media.sound)
