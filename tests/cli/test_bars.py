"""Progress bars: on terminals only, for long work only, gone afterwards."""

from __future__ import annotations

import io
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from sensorium.cli import bars as bars_file
from sensorium.cli.bars import Bars


class Clock:
    """Time that passes when the test says so."""

    now = 100.0

    def monotonic(self):
        return self.now


class Screen(io.StringIO):
    """A terminal's stream."""

    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    clock = Clock()
    monkeypatch.setattr(bars_file.time, "monotonic", clock.monotonic)
    return clock


@pytest.fixture
def screen():
    return Screen()


def text_of(screen):
    """What was written, without colours and cursor moves."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())


def test_long_work_shows_what_rate_time_left_and_skips(clock, screen):
    with Bars(screen) as bars:
        bars.start("adding", 8000)
        clock.now += 2
        bars.advance(400, skipped=3)
        assert bars.shown and bars.said() == "400/8,000  200/s  0:38 left  3 skipped"
    assert "adding" in text_of(screen) and "400/8,000  200/s  0:38 left  3 skipped" in text_of(screen)


def test_work_that_ends_soon_is_never_drawn(clock, screen):
    with Bars(screen) as bars:
        bars.start("adding", 1000)
        for _ in range(100):
            clock.now += 0.015
            bars.advance(10)
    assert screen.getvalue() == ""


def test_nothing_is_drawn_in_the_first_second(clock, screen):
    with Bars(screen) as bars:
        bars.start("adding", 100_000)
        clock.now += 0.9
        bars.advance(10)
        assert not bars.shown
        clock.now += 0.2
        bars.advance(10)
        assert bars.shown


def test_a_total_that_is_unknown_has_no_time_left(clock, screen):
    with Bars(screen) as bars:
        bars.start("looking", None)
        clock.now += 4
        bars.advance(10)
        assert bars.shown and bars.said() == "10  2.5/s"


def test_the_bar_is_gone_afterwards_and_the_cursor_is_back(clock, screen):
    with pytest.raises(KeyboardInterrupt), Bars(screen) as bars:
        bars.start("adding", 8000)
        clock.now += 2
        bars.advance(1)
        raise KeyboardInterrupt
    assert not bars.shown
    assert screen.getvalue().rindex("\x1b[?25h") > screen.getvalue().rindex("\x1b[?25l")
    assert screen.getvalue().endswith("\x1b[2K")


def test_a_task_after_another_counts_from_zero(clock, screen):
    with Bars(screen) as bars:
        bars.start("looking", None)
        clock.now += 5
        bars.advance(5)
        bars.start("adding", 10)
        assert not bars.shown
        clock.now += 1
        bars.advance(2)
        assert bars.said() == "2/10  2.0/s  0:04 left"


def test_a_pipe_gets_nothing(clock):
    pipe = io.StringIO()
    with Bars(pipe) as bars:
        bars.start("adding", 8000)
        clock.now += 60
        bars.advance(1)
    assert pipe.getvalue() == ""


def test_a_dumb_terminal_gets_nothing(clock, screen, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    with Bars(screen) as bars:
        bars.start("adding", 8000)
        clock.now += 60
        bars.advance(1)
    assert screen.getvalue() == ""


def test_threads_may_advance_together(clock, screen):
    with Bars(screen) as bars, ThreadPoolExecutor(8) as pool:
        bars.start("adding", 40_000)
        clock.now += 2
        list(pool.map(lambda _: bars.advance(1), range(4000)))
        assert bars.said().startswith("4,000/40,000")
