"""Hits in a terminal, and how sizes, times and paths are said."""

from __future__ import annotations

import re

import pytest

from sensorium.cli import output
from sensorium.core.types import Hit, Place


def test_a_terminal_gets_colour_and_the_passage_on_its_own_line(shown_in_terminal, hits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = shown_in_terminal(hits)
    assert "\x1b[1mpictures/beach.jpg\x1b[0m" in shown
    assert re.sub(r"\x1b\[\d+m", "", shown).splitlines() == [
        "1   0.312  image  pictures/beach.jpg",
        "2   0.280  audio  /far/away/waves.wav  0:05-0:10",
        "3  -0.050  text   /far/away/notes.md  lines 3-9",
        "    The sea and the sand",
    ]


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_colour_where_none_is_wanted(shown_in_terminal, hits, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert "\x1b" not in shown_in_terminal(hits)


def test_a_terminal_that_can_shows_previews(shown_in_terminal, hits, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-kitty")
    assert shown_in_terminal(hits).count("\x1b_Ga=T") == 1


def test_ten_hits_line_up():
    lines = output.plain_lines([Hit(n, n, f"/{n}", "text", "text", Place(), 100.0 if n else 1.5) for n in range(10)])
    assert (lines[0], lines[-1]) == (" 1    1.500  text  /0", "10  100.000  text  /9")


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (5e15, "5000.0 TB"),
    ],
)
def test_bytes_in_powers_of_1000(count, said):
    assert output.bytes_said(count) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.0031, "3.1 ms"), (0.0852, "85 ms"), (4.23, "4.2 s"), (187.4, "3:07"), (7265, "2:01:05")]
)
def test_seconds_in_the_unit_that_fits(seconds, said):
    assert output.seconds_said(seconds) == said


def test_a_path_is_relative_only_where_that_is_shorter(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert output.shown_path(str(tmp_path / "a/b.jpg")) == "a/b.jpg"
    assert output.shown_path("/x.jpg") == "/x.jpg"


def test_a_long_passage_is_cut():
    assert output.snippet("word " * 100, 12) == "word word w…"
    assert output.snippet("exactly so", 10) == "exactly so"
