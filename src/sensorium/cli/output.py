"""The one place that prints. Answers go to standard output, everything said about them to standard error."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from sensorium.core.types import Hit

# Besides the control characters what turns the direction of writing: a name with it looks like another.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_PIPE_SNIPPET = 160


def answer(text: str = "", *, end: str = "\n") -> None:
    """Print to standard output. A reader that has gone away (`| head`) ends the run quietly and well."""
    try:
        sys.stdout.write(text + end)
    except BrokenPipeError:
        leave_pipe()
        raise typer.Exit(0) from None


def answer_bytes(data: bytes) -> None:
    """Write bytes to standard output, after what was printed before."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        leave_pipe()
        raise typer.Exit(0) from None


def answer_json(value: Any) -> None:
    """Print one value as one line of JSON."""
    answer(json.dumps(value, ensure_ascii=False))


def say(text: str) -> None:
    """Print a line about the work to standard error."""
    print(clean(text), file=sys.stderr)


def complain(text: str) -> None:
    """Print the one line of an error."""
    say(f"sensorium: {' '.join(text.split())}")


def flush() -> None:
    """Write out what is buffered, quietly when nobody reads it any more."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        leave_pipe()


def leave_pipe() -> None:
    """Point standard output nowhere, so that Python's own flush at exit does not complain about the closed pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def escape_unprintable() -> None:
    """Write what the terminal's encoding lacks as escapes; in JSON these are JSON's own for lone surrogates."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def answer_paths(hits: Sequence[Hit], *, null: bool) -> None:
    """Print absolute paths only, one a line, or each ended by a zero byte: for `xargs`."""
    end = b"\0" if null else b"\n"
    # as bytes: a file's name may be in no encoding at all
    answer_bytes(b"".join(os.fsencode(hit.path) + end for hit in hits))


def answer_hits(hits: Sequence[Hit], *, likely: bool = False) -> None:
    """Print hits for people: in a terminal with colour and thumbnails, in a pipe a plain line each.

    With `likely` each says how likely it is relevant, instead of its score.
    """
    if not sys.stdout.isatty():
        for line in plain_lines(hits, likely=likely):
            answer(line)
        return
    from sensorium.cli.thumbnails import beside, protocol

    how = protocol()
    for hit, lines in zip(hits, rich_lines(hits, likely=likely), strict=True):
        if how is not None and hit.preview is not None:
            answer(beside(hit.preview, lines, how), end="")
        else:
            answer("\n".join(lines))


def draws_pictures() -> bool:
    """Whether hits come with thumbnails here."""
    from sensorium.cli.thumbnails import protocol

    return protocol() is not None


def plain_lines(hits: Sequence[Hit], *, likely: bool = False) -> list[str]:
    """One line a hit: rank, score (or how likely it is relevant), kind, path, place, snippet, two spaces between."""
    lines = []
    for head, hit in zip(_heads(hits, likely), hits, strict=True):
        fields = [head, shown_path(hit.path), clean(str(hit.place)), snippet(hit.text, _PIPE_SNIPPET)]
        lines.append("  ".join(field for field in fields if field))
    return lines


def rich_lines(hits: Sequence[Hit], *, likely: bool = False) -> list[list[str]]:
    """For a terminal: the same head, the path bold, and the snippet on a line of its own."""
    width = max(typer.get_terminal_size().columns - 24, 20)
    blocks = []
    for head, hit in zip(_heads(hits, likely), hits, strict=True):
        place = clean(str(hit.place))
        first = f"{head}  {styled(shown_path(hit.path), bold=True)}" + (
            f"  {styled(place, fg='cyan')}" if place else ""
        )
        passage = snippet(hit.text, width)
        blocks.append([first, f"{' ' * 4}{styled(passage, dim=True)}"] if passage else [first])
    return blocks


def _heads(hits: Sequence[Hit], likely: bool = False) -> list[str]:
    scores = [share_said(hit.relevance or 0.0) if likely else f"{hit.score:.3f}" for hit in hits]
    rank_width, score_width = len(str(len(hits))), max(map(len, scores), default=0)
    kind_width = max((len(hit.kind) for hit in hits), default=0)
    return [
        f"{rank:>{rank_width}}  {score:>{score_width}}  {clean(hit.kind):<{kind_width}}"
        for rank, (score, hit) in enumerate(zip(scores, hits, strict=True), start=1)
    ]


def styled(text: str, **how: Any) -> str:
    """`text` with terminal colours, unless this is no terminal or `NO_COLOR` is set."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty()
    return text if plain else typer.style(text, **how)


def clean(text: str) -> str:
    """`text` on one line and harmless: control characters, which a file's name or text may hold, become escapes."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}" if ord(found[0]) < 256 else "\ufffd", text)


def snippet(text: str, width: int) -> str:
    """The beginning of a passage on one line, at most `width` characters."""
    words = clean(" ".join(text[: 4 * width].split()))
    return words if len(words) <= width else words[: width - 1].rstrip() + "…"


def shown_path(path: str) -> str:
    """The path as people read it: relative to the working folder where that is shorter."""
    relative = os.path.relpath(path) if path.startswith(os.sep) else path
    return clean(min(path, relative, key=len))


def bytes_said(count: int) -> str:
    """`532 bytes`, `4.1 kB`, `12.3 MB`: powers of 1000, as disks are sold and filled."""
    size, unit = float(count), 0
    while size >= 999.95 and unit + 1 < len(_UNITS):
        size, unit = size / 1000, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit else f"{count} bytes"


def share_said(share: float) -> str:
    """`63 %`, `2.5 %`, `under 0.1 %`: a probability as people read it."""
    percent = 100 * share
    return "under 0.1 %" if percent < 0.1 else f"{percent:.0f} %" if percent >= 9.95 else f"{percent:.1f} %"


def seconds_said(seconds: float) -> str:
    """`85 ms`, `4.2 s`, `3:07`."""
    from sensorium.core.types import clock

    if seconds < 1:
        return f"{seconds * 1000:.{0 if seconds >= 0.01 else 1}f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else clock(round(seconds))
