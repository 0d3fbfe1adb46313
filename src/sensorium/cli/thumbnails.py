"""Small pictures in terminals that can show them (kitty graphics protocol, iTerm2 inline images), else none."""

from __future__ import annotations

import base64
import io
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Literal, TextIO

Protocol = Literal["kitty", "iterm"]

ROWS = 4
"""Height of a thumbnail in lines of text."""
COLUMNS = 10
"""Width of the room kept for a thumbnail; a cell is about twice as high as wide, so a square picture takes 8."""

_BY_PROGRAM: dict[str, Protocol] = {"ghostty": "kitty", "WezTerm": "iterm", "iTerm.app": "iterm"}
_BY_TERM: dict[str, Protocol] = {"xterm-kitty": "kitty", "xterm-ghostty": "kitty"}
_KITTY_CHUNK = 4096


def protocol(environment: Mapping[str, str] | None = None, stream: TextIO | None = None) -> Protocol | None:
    """How this terminal takes pictures; None when it cannot, is not a terminal, or sits behind tmux or screen."""
    known = os.environ if environment is None else environment
    stream = sys.stdout if stream is None else stream
    if not stream.isatty() or known.get("TMUX") or known.get("STY"):
        return None
    if known.get("KITTY_WINDOW_ID"):
        return "kitty"
    return _BY_TERM.get(known.get("TERM", "")) or _BY_PROGRAM.get(known.get("TERM_PROGRAM", ""))


def beside(preview: bytes, lines: list[str], how: Protocol) -> str:
    """Terminal output that shows `preview` (any encoded picture) with `lines` to the right of it.

    A preview that does not decode is left out: the lines are what the reader came for.
    """
    picture = _png(preview)
    if picture is None:
        return "".join(f"{line}\n" for line in lines)
    drawn = "".join(_kitty(*picture) if how == "kitty" else _iterm(picture[0]))
    # scroll first, then go back up: a picture drawn at the foot of the screen would be cut
    room = "\n" * ROWS + f"\x1b[{ROWS}A"
    padded = [*lines, *[""] * (ROWS - len(lines))]
    words = "".join(f"\x1b[{COLUMNS + 1}C{line}\n" if line else "\n" for line in padded)
    return f"{room}\x1b7{drawn}\x1b8{words}"


def _png(preview: bytes) -> tuple[bytes, float] | None:
    """The picture as PNG (the one format that all of these terminals read) and its width over its height."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(preview)) as opened:
            picture = opened.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError):
        return None
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue(), picture.width / picture.height


def _kitty(png: bytes, aspect: float) -> Iterator[str]:
    # q=2: no reply, which would land in the shell's input; C=1: the cursor stays
    size = f"r={ROWS}" if aspect * ROWS * 2 <= COLUMNS else f"c={COLUMNS}"
    data = base64.standard_b64encode(png).decode("ascii")
    chunks = [data[at : at + _KITTY_CHUNK] for at in range(0, len(data), _KITTY_CHUNK)]
    for number, chunk in enumerate(chunks):
        head = f"a=T,f=100,q=2,C=1,{size}," if number == 0 else ""
        yield f"\x1b_G{head}m={int(number + 1 < len(chunks))};{chunk}\x1b\\"


def _iterm(png: bytes) -> Iterator[str]:
    data = base64.standard_b64encode(png).decode("ascii")
    yield f"\x1b]1337;File=inline=1;size={len(png)};width={COLUMNS};height={ROWS};preserveAspectRatio=1:{data}\x07"
