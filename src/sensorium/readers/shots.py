"""From glances at a film to its shots, and from each shot the frames that tell what is in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensorium.readers.frames import Look, telling
from sensorium.readers.reel import OTHER, Glance

PIECE_SECONDS = 10.0  # a shot whose content changes gives a picture for each
SHORTEST_PIECE = 3.0  # a shorter rest of a shot is left to the piece before it
LONGEST_PIECE = 120.0  # what stands still longer is handed over in several, the first with its picture
_BRIEF = 0.4  # seconds: a flash, not a shot
_PASSING = 1.2  # seconds: between two slow borders, the middle of a slow change
_SLOWLY = 2.0  # how unlike a picture must become within those seconds to be another shot
_CHANGED = 0.3  # how unlike its picture a shot must become to give another
_SLOW_SECONDS = 3.0  # how far back a slow change may have begun


@dataclass(slots=True)
class Piece:
    """A stretch of a shot, in seconds; `ends` says whether the shot ends with it.

    `picture` shows it, RGB uint8 (height, width, 3); None where nothing is to be seen, or nothing new.
    """

    start: float
    end: float
    picture: NDArray[np.uint8] | None
    ends: bool = False


class Shots:
    """Takes glances in order and gives the pieces that are complete, in order and without gaps."""

    def __init__(self) -> None:
        self._start = 0.0  # of the shot
        self._begun = 0.0  # the piece
        self._slow = False  # whether the shot's first border was a slow one
        self._latest: Glance | None = None
        self._best: Glance | None = None
        self._score = 0.0
        self._earlier: deque[tuple[float, Look]] = deque()  # of this shot, the last seconds
        self._shown: Look | None = None  # of the picture that was handed over last
        self._first: Glance | None = None
        self._held: Piece | None = None  # with a rest of its shot to come, which may be too short to stand alone

    def take(self, glance: Glance) -> Iterator[Piece]:
        """The pieces that a further glance completes."""
        if self._latest is None:
            self._first = glance
            self._begin(glance.time, glance, slow=True)
        elif (border := self._border(self._latest, glance)) is not None:
            when, slow = border
            when = min(max(when, self._latest.time), glance.time)
            if self._is_no_shot(when, slow):
                self._slow = slow
                self._again(glance)
            else:
                yield from self._close(when)
                self._begin(when, glance, slow=slow)
        else:
            yield from self._further(glance)
        self._latest = glance
        self._earlier.append((glance.time, glance.look))
        while self._earlier and self._earlier[0][0] < glance.time - _SLOW_SECONDS:
            self._earlier.popleft()

    def end(self, time: float) -> Iterator[Piece]:
        """The last piece, up to `time`. Of a film in which nothing is to be seen its first frame is the picture."""
        if self._latest is None or self._first is None:
            return
        *before, last = self._close(max(time, self._latest.time))
        if self._shown is None:
            last.picture = self._first.picture
        yield from (*before, last)

    def _border(self, before: Glance, now: Glance) -> tuple[float, bool] | None:
        """When a new shot began between two glances, and whether slowly; None when none did."""
        if before.look.black and now.look.black:
            return None
        if now.cut is not None:
            return now.cut, False
        middle = (before.time + now.time) / 2
        if before.look.black != now.look.black:
            return middle, True
        if before.look.unlike(now.look) >= OTHER:
            return middle, True
        if not self._earlier:
            return None
        time, look = self._earlier[0]
        if now.time - time >= 1 and look.unlike(now.look) >= _SLOWLY:
            return (time + now.time) / 2, True
        return None

    def _is_no_shot(self, until: float, slow: bool) -> bool:
        length = until - self._start
        dark = self._best is None or self._best.look.black
        return length < _BRIEF or (slow and self._slow and not dark and length < _PASSING)

    def _begin(self, time: float, glance: Glance, *, slow: bool) -> None:
        self._start = self._begun = time
        self._slow = slow
        self._again(glance)

    def _again(self, glance: Glance) -> None:
        """What was seen of the shot so far was no shot; it begins with this glance."""
        self._best, self._score = glance, self._value(glance)
        self._earlier.clear()

    def _value(self, glance: Glance) -> float:
        return -1.0 if glance.look.black else telling(glance.picture)

    def _further(self, glance: Glance) -> Iterator[Piece]:
        """Another glance at the same shot."""
        length = glance.time - self._begun
        if self._best is not None and length < PIECE_SECONDS:
            if (score := self._value(glance)) > self._score:
                self._best, self._score = glance, score
            return
        known = self._best.look if self._best else self._shown
        if known is None or known.unlike(glance.look) >= _CHANGED or known.moved(glance.look) >= 8:
            yield from self._hold(self._piece(glance.time))
            self._best, self._score = glance, self._value(glance)
        elif length >= LONGEST_PIECE:
            yield from self._hold(self._piece(glance.time))

    def _hold(self, piece: Piece) -> Iterator[Piece]:
        if self._held is not None:
            yield self._held
        self._held = piece

    def _close(self, end: float) -> Iterator[Piece]:
        """What is left of a shot that ends."""
        held, self._held = self._held, None
        if held is not None and end - held.end < SHORTEST_PIECE:
            held.end, held.ends = end, True
            yield held
            return
        if held is not None:
            yield held
        last = self._piece(end)
        last.ends = True
        yield last

    def _piece(self, end: float) -> Piece:
        best, start = self._best, self._begun
        self._begun, self._best = end, None
        if best is None or best.look.black or (self._shown is not None and _same(best.look, self._shown)):
            return Piece(start, end, None)
        self._shown = best.look
        return Piece(start, end, best.picture)


def _same(one: Look, other: Look) -> bool:
    return one.recoloured(other) < 0.04 and one.moved(other) < 2.5
