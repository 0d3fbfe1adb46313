"""Thumbnails: which terminals get them, and that what is sent is the picture."""

from __future__ import annotations

import base64
import io
import re

import pytest
from PIL import Image

from sensorium.cli.thumbnails import COLUMNS, ROWS, beside, protocol


class Screen(io.StringIO):
    """A terminal's stream."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "iterm"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, None),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux"}, None),
        ({"TERM": "screen", "STY": "1.pts", "KITTY_WINDOW_ID": "1"}, None),
        ({}, None),
    ],
)
def test_only_terminals_that_can(environment, expected):
    assert protocol(environment, Screen()) == expected


def test_never_into_a_pipe():
    assert protocol({"TERM": "xterm-kitty"}, io.StringIO()) is None


def picture(size):
    """Noise, which compresses badly, as a lossless WebP, and its pixels."""
    image = Image.effect_noise(size, 100).convert("RGB")
    written = io.BytesIO()
    image.save(written, "WEBP", lossless=True)
    return written.getvalue(), image.tobytes()


@pytest.mark.parametrize(
    ("size", "room"), [((96, 96), f"r={ROWS}"), ((60, 200), f"r={ROWS}"), ((200, 60), f"c={COLUMNS}")]
)
def test_kitty_gets_the_whole_picture_in_chunks_that_fit(size, room):
    preview, pixels = picture(size)
    sent = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", beside(preview, ["one"], "kitty"))
    assert room in sent[0][0].split(",") and "q=2" in sent[0][0].split(",")
    assert [head[-3:] for head, _ in sent] == ["m=1"] * (len(sent) - 1) + ["m=0"]
    assert len(sent) > 1 and all(len(data) <= 4096 for _, data in sent)
    assert all(len(data) % 4 == 0 for _, data in sent)
    with Image.open(io.BytesIO(base64.b64decode("".join(data for _, data in sent)))) as shown:
        assert (shown.format, shown.size, shown.tobytes()) == ("PNG", size, pixels)


def test_iterm_gets_the_whole_picture_at_once():
    preview, pixels = picture((40, 30))
    ((size, data),) = re.findall(
        r"\x1b\]1337;File=inline=1;size=(\d+);[^:]*:([^\x07]*)\x07", beside(preview, [], "iterm")
    )
    decoded = base64.b64decode(data)
    assert len(decoded) == int(size)
    with Image.open(io.BytesIO(decoded)) as shown:
        assert shown.tobytes() == pixels


def test_words_stand_to_the_right_and_take_as_many_lines_as_the_picture():
    shown = beside(picture((8, 8))[0], ["one", "two"], "kitty")
    assert shown.startswith("\n" * ROWS + f"\x1b[{ROWS}A\x1b7")
    right = f"\x1b[{COLUMNS + 1}C"
    assert shown.split("\x1b8")[1] == f"{right}one\n{right}two\n" + "\n" * (ROWS - 2)


def test_a_preview_that_does_not_decode_leaves_the_words():
    for damaged in (b"", b"RIFF....WEBP", picture((8, 8))[0][:40]):
        assert beside(damaged, ["one", "two"], "kitty") == "one\ntwo\n"
