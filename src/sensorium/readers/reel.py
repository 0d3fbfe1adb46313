"""A film's pictures at a glance: its key frames, and what lies between two of them only where they leave it open.

Decoding every frame of a film in 1080p takes two cores a tenth of its length; its key frames alone a hundredth of that.
What is between two key frames is told from them and from the sizes of the packets: a cut costs about as many bytes as a
key frame, an ordinary frame far fewer. Only where that leaves it open are the frames between them decoded.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.readers.footage import DAMAGED, Clock, Decoder
from sensorium.readers.frames import Developer, Look

STEP = 0.4  # seconds: of films with key frames closer than that (all of them, in many cameras') some are left out
PATIENCE = 10.0  # seconds without a glance
SIGHT = 0.5  # seconds between glances where every frame is decoded
_FREE, _SHARE = 600, 0.35  # packets, and a share of all: more are not decoded where it is not needed
_MOST_SECONDS, _MOST_BYTES = 20.0, 48 << 20  # of packets that are held until the next key frame
ALIKE, OTHER = 0.45, 1.6  # how unlike two frames are (`Look.unlike`): surely of one shot, surely not
_BLACK_BYTES = 200  # of a frame in a stretch of black: more is too much for nothing
_DENSE = 1 / 15  # seconds between frames: of more frames some are left out
_SHORT = 2.0  # seconds between key frames: so short that nothing need be decoded for a moment's sake
# Frames from key frame to key frame where an encoder was told a number: a second or two, or what x264 and others take.
_CLOCKED = frozenset({12, 15, 24, 25, 30, 48, 50, 60, 249, 250, 251, 300})


@dataclass(slots=True)
class Glance:
    """A frame that was looked at: when (seconds), how it looks, and as a picture.

    `cut` is when the picture changed at once between the glance before and this one, if it did.
    """

    time: float
    look: Look
    picture: NDArray[np.uint8]
    cut: float | None = None


@dataclass(slots=True)
class Stretch:
    """What is between two key frames: moments and sizes of the packets, in the order in which they are decoded.

    `key` is the size of the larger key frame, `clocked` whether the second one stands where it does because it was
    time for one, and not for what is in it. `usual` is how many bytes a second had before this stretch; 0 if unknown.
    """

    start: float
    end: float
    times: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    key: int = 0
    clocked: bool = True
    usual: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be thought of a stretch: there is a `cut` in it, or it must be decoded up to `inside`, or neither."""

    cut: float | None = None
    inside: float | None = None
    unsure: bool = False  # then `cut` is what is to be thought if nothing is decoded


def leaps(stretch: Stretch) -> list[float]:
    """Moments of packets as large as those of cuts: a quarter of a key frame, and twice all of the second before.

    Right after the key frame, which takes bytes from those that follow, twice all of the half second behind.
    """
    found = []
    for at, size in enumerate(stretch.sizes):
        around = stretch.sizes[max(0, at - 24) : at] if at > 2 else stretch.sizes[at + 1 : at + 13]
        if size * 4 >= stretch.key and around and size >= 2 * max(around):
            found.append(stretch.times[at])
    return found


def swell(stretch: Stretch) -> float | None:
    """When the packets, having grown for half a second or more as where one picture fades into another, shrink again.

    None when they do not.
    """
    bins: dict[int, int] = Counter()
    for time, size in zip(stretch.times, stretch.sizes, strict=True):
        bins[max(0, int((time - stretch.start) / SIGHT))] += size
    sums = [bins[at] for at in range(2, max(bins, default=0) + 1)]  # right after a key frame encoders are at pains
    if len(sums) < 3 or max(sums) < 2.5 * median(sums) or 2 * max(sums) < stretch.key:
        return None
    last = max(at for at, total in enumerate(sums) if total >= 2.5 * median(sums))
    return min(stretch.end, stretch.start + (last + 3) * SIGHT)


def judge(before: Look, now: Look, stretch: Stretch) -> Verdict:
    """What is between two key frames that look like `before` and `now`."""
    length, found, unlike = stretch.end - stretch.start, leaps(stretch), before.unlike(now)
    if before.black or now.black:
        return _judge_dark(before, now, stretch, found)
    if unlike < ALIKE:
        # Another picture may have come and gone.
        there = len(found) > 1 or (found and stretch.end - found[-1] >= SIGHT)
        return Verdict(inside=found[-1] + 0.3) if there else Verdict()
    if found:
        alone = len(found) == 1 and (stretch.clocked or stretch.end - found[0] < 0.7)
        return Verdict(cut=found[0]) if alone else Verdict(inside=found[-1] + 0.3)
    end = stretch.end
    fades = swell(stretch) if length > _SHORT else None
    if unlike >= OTHER and length <= _SHORT and sum(stretch.sizes) > 2 * stretch.usual * length > 0:
        return Verdict((stretch.start + end) / 2)  # one fades into the other
    if unlike >= OTHER:
        # A key frame that was due seldom falls on a cut.
        return Verdict(end, fades or (end if stretch.clocked and length > _SHORT else None), unsure=True)
    if not stretch.clocked and unlike >= 1.0:
        return Verdict(end, fades, unsure=True)
    return Verdict(None, fades or (end if unlike >= 1.3 and length > _SHORT else None), unsure=True)


def _judge_dark(before: Look, now: Look, stretch: Stretch, found: list[float]) -> Verdict:
    """Out of black, into it, or from black to black: when does it end, or does anything come up between?"""
    if before.black and not now.black:
        return Verdict(stretch.end, stretch.end if stretch.end - stretch.start > SIGHT else None)
    much = sum(stretch.sizes) > max(stretch.key, _BLACK_BYTES * len(stretch.sizes))
    busy = bool(found) or swell(stretch) is not None or (before.black and much)
    return Verdict(stretch.end, stretch.end if busy else None)


class Watch:
    """Tells cuts from movement where frames follow each other closely."""

    def __init__(self, last: Look | None = None) -> None:
        self.last = last
        self._usual: deque[float] = deque(maxlen=12)

    def cut(self, look: Look) -> bool:
        """Whether another picture begins with this frame."""
        last, self.last = self.last, look
        if last is None:
            return False
        moved = last.moved(look)
        usual = sum(self._usual) / len(self._usual) if self._usual else 0.0
        unlike = last.unlike(look)
        found = (unlike >= 1.0 and moved >= 2 * usual) or (unlike >= ALIKE and moved >= max(18, 4 * usual))
        if not found:
            self._usual.append(moved)
        return found


class Reel:
    """The pictures of a film, glance by glance."""

    def __init__(self, decoder: Decoder, developer: Developer, clock: Clock) -> None:
        self.decoder, self.developer, self.clock = decoder, developer, clock
        self.size: tuple[int, int] | None = None  # of the first frame: width and height, upright
        self.ended = False  # whether all packets are known
        self._usual = 0.0  # bytes a second, without key frames
        self._lengths: deque[int] = deque(maxlen=8)
        self._given = self._passed = self._decoded = 0  # glances, and packets
        self._last: Look | None = None  # of the latest frame, where all were decoded up to it

    def glances(self, packets: Iterator[Any]) -> Iterator[Glance]:
        """The glances of the film stream's packets, in order."""
        waiting = _Waiting((packet, self.clock(packet)) for packet in packets)
        held = _Held()
        before: Glance | None = None
        for packet, time in waiting:
            now = self._still(packet, time) if packet.is_keyframe and held.apart(time) else None
            if now is not None:
                if before is not None:
                    yield from self._between(before, now, held, packet.size)
                yield now
                before, held = now, _Held((packet, time))
            else:
                held.add(packet, time)
                if held.full:
                    for glance in self._every(chain(held.items, waiting.up_to_key()), before):
                        yield glance
                        before = glance
                    held = _Held()
        self.ended = True
        if before is None or self._worth(held):
            yield from self._every(held.items, before)

    def _worth(self, held: _Held) -> bool:
        """Whether to decode what is behind the last key frame; where little has been seen, always."""
        if len(held.items) < 2:
            return False
        stretch = held.stretch(held.items[-1][1], 0, clocked=True)
        length = stretch.end - stretch.start
        return length > PATIENCE or (
            length > STEP and (self._given < 3 or bool(leaps(stretch)) or swell(stretch) is not None)
        )

    def _credit(self) -> float:
        """How many packets may be decoded only to be sure."""
        return _FREE + _SHARE * self._passed - self._decoded

    def _still(self, packet: Any, time: float) -> Glance | None:
        frame = self.decoder.still(packet)
        return None if frame is None else self._glance(frame, self.clock.of(frame, time))

    def _glance(self, frame: Any, time: float, look: Look | None = None, cut: float | None = None) -> Glance | None:
        try:
            look = look or self.developer.look(frame)
            picture = self.developer.picture(frame)
        except DAMAGED:
            return None
        self.size = self.size or self.developer.size(frame)
        self._given += 1
        return Glance(time, look, picture, cut)

    def _between(self, before: Glance, now: Glance, held: _Held, size: int) -> Iterator[Glance]:
        """What is to be seen between two key frames; says of the second whether a cut is before it."""
        if not held.items:  # every frame up to the second was decoded
            now.cut = now.time if self._last is not None and _is_other(self._last, now.look, near=True) else None
            return
        count = len(held.items)
        clocked = count in _CLOCKED or self._lengths.count(count) > 1
        stretch = held.stretch(now.time, size, clocked=clocked)
        stretch.usual = self._usual
        self._usual = sum(stretch.sizes) / max(STEP, stretch.end - stretch.start)
        self._lengths.append(count)
        self._passed += count
        verdict = judge(before.look, now.look, stretch)
        now.cut = verdict.cut
        if verdict.inside is None:
            return
        cost = sum(time <= verdict.inside for time in stretch.times)
        if verdict.unsure and cost > self._credit():
            return
        self._decoded += cost
        now.cut = None
        yield from self._every(held.items, before, verdict.inside, now.look if stretch.clocked else None)
        near = verdict.inside >= now.time or not stretch.clocked
        if self._last is not None and _is_other(self._last, now.look, near=near):
            now.cut = now.time

    def _every(
        self,
        items: Iterable[tuple[Any, float]],
        before: Glance | None,
        until: float = math.inf,
        like: Look | None = None,
    ) -> Iterator[Glance]:
        """Decodes all frames after `before`, up to `until` and until they look `like` that.

        Gives a glance at every cut, and every `SIGHT` seconds.
        """
        watch = Watch(before.look if before else None)
        time = shown = before.time if before else -math.inf
        for frame in self.decoder.frames((packet for packet, _ in items), some=self.clock.frame < _DENSE):
            moment = self.clock.of(frame, time + self.clock.frame)
            if moment <= time:  # the key frame once more
                continue
            time = moment
            if time > until and (like is None or watch.last is None or like.unlike(watch.last) < 1.0):
                break
            try:
                look = self.developer.look(frame)
            except DAMAGED:
                continue
            is_cut = watch.cut(look)
            if (is_cut or time - shown >= SIGHT) and (found := self._glance(frame, time, look)):
                found.cut = time if is_cut else None
                yield found
                shown = time - SIGHT / 2 if is_cut else time  # the first frame after a cut is often the worst
        self._last = watch.last


def _is_other(last: Look, now: Look, *, near: bool) -> bool:
    """Whether a key frame shows something else than a frame before it, right before it if `near`."""
    return last.unlike(now) >= (1.0 if near else OTHER)


class _Held:
    """The packets since the latest key frame, it among them, and their moments."""

    def __init__(self, *items: tuple[Any, float]) -> None:
        self.items = list(items)
        self.bytes = sum(packet.size for packet, _ in items)

    def add(self, packet: Any, time: float) -> None:
        self.items.append((packet, time))
        self.bytes += packet.size

    def apart(self, time: float) -> bool:
        """Whether a key frame at `time` is far enough from the one before it to be looked at."""
        return not self.items or not 0 <= time - self.items[0][1] < STEP

    @property
    def full(self) -> bool:
        return self.bytes > _MOST_BYTES or self.items[-1][1] - self.items[0][1] > _MOST_SECONDS

    def stretch(self, end: float, size: int, *, clocked: bool) -> Stretch:
        times, sizes = [time for _, time in self.items[1:]], [packet.size for packet, _ in self.items[1:]]
        return Stretch(self.items[0][1], end, times, sizes, max(size, self.items[0][0].size), clocked)


class _Waiting:
    """Packets with their moments, of which the latest can be put back."""

    def __init__(self, items: Iterator[tuple[Any, float]]) -> None:
        self._items = items

    def __iter__(self) -> _Waiting:
        return self

    def __next__(self) -> tuple[Any, float]:
        return next(self._items)

    def up_to_key(self) -> Iterator[tuple[Any, float]]:
        """Those before the next key frame, which comes next then."""
        for item in self._items:
            if item[0].is_keyframe:
                self._items = chain((item,), self._items)
                return
            yield item
