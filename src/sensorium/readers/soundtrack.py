"""What is heard and said in a film: its sound and its subtitles, read up to a moment at a time."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import Unreadable
from sensorium.readers.audio import Mixer
from sensorium.readers.footage import DAMAGED, Clock, best_of, packets_of
from sensorium.readers.subtitles import Cue, cue_of, is_text

_APART = 0.25  # seconds: what begins so much later than the sound before it ended is put where it says
_SILENCE = 1e-4
_SHORTEST = 1.0  # seconds


class Soundtrack:
    """Sound and subtitles on a handle of their own, so that nothing but what was asked for is held."""

    def __init__(self, container: Any, rate: int) -> None:
        self.rate, self.now, self.ended = rate, 0.0, False
        self.clock = Clock(container, 25.0)
        self.sound = best_of(container, "audio")
        if self.sound is not None:
            self.sound.thread_type = "NONE"
        words = [each for each in container.streams.subtitles if is_text(each)]
        self.cues: deque[Cue] = deque()
        self._packets = packets_of(container, [*([self.sound] if self.sound is not None else []), *words])
        if self.sound is None and not words:
            self._packets = iter(())
        self._mix = Mixer(rate)
        self._held: deque[tuple[int, NDArray[np.float32]]] = deque()  # samples by the number of the first
        self._next: int | None = None

    def read_to(self, moment: float) -> None:
        """Read on until `moment`, in seconds, or the end."""
        while not self.ended and self.now < moment:
            packet = next(self._packets, None)
            if packet is None:
                self._hear(None, self.now)
                self.ended = True
                return
            time = self.clock(packet)
            self.now = max(self.now, time)
            if self.sound is not None and packet.stream_index == self.sound.index:
                self._hear(packet, time)
            elif cue := cue_of(packet, time):
                self.cues.append(cue)

    @property
    def end(self) -> float:
        """Seconds up to which sound was heard so far."""
        return (self._next or 0) / self.rate

    def resumes(self, moment: float) -> float:
        """When, from `moment` on, the next sound begins of which something was read; infinite when there is none."""
        self._forget(round(moment * self.rate))
        return max(moment, self._held[0][0] / self.rate) if self._held else math.inf

    def between(self, start: float, end: float) -> NDArray[np.float32] | None:
        """Samples (n,) from `start` to `end`; None when nothing is heard. What was before `start` is forgotten."""
        first, last = round(start * self.rate), round(end * self.rate)
        self._forget(first)
        samples = np.zeros(max(0, last - first), np.float32)
        reached = 0
        for at, chunk in takewhile(lambda held: held[0] < last, self._held):
            piece = chunk[max(0, first - at) : last - at]
            begin = max(0, at - first)
            samples[begin : begin + len(piece)] = piece
            reached = begin + len(piece)
        samples = samples[:reached]
        np.clip(np.nan_to_num(samples, copy=False), np.float32(-1), np.float32(1), out=samples)
        return samples if reached and float(np.abs(samples).max()) > _SILENCE else None

    def _forget(self, first: int) -> None:
        while self._held and self._held[0][0] + len(self._held[0][1]) <= first:
            self._held.popleft()

    def _hear(self, packet: Any | None, time: float) -> None:
        """Decodes a packet of the sound, or what is left in the decoder."""
        if self.sound is None or (packet is not None and packet.has_sidedata("encryption_info")):
            return
        try:
            frames = self.sound.codec_context.decode(packet)
            if frames and (self._next is None or time - self.end > _APART):
                self._next = round(time * self.rate)
            ready = self._mix([*frames, *([None] if packet is None else [])])
        except MemoryError:
            raise
        except (*DAMAGED, Unreadable):  # the film is no worse for it
            return
        for chunk in ready:
            at = self._next or 0
            self._held.append((at, chunk))
            self._next = at + len(chunk)


def cut_up(start: float, end: float, window: float, *, ends: bool) -> Iterator[tuple[float, float]]:
    """`start` to `end` as windows of `window` seconds. Unless it `ends`, the last one or two are left for later.

    A rest of less than a second is not left alone: it is shared with the window before.
    """
    while end - start >= 2 * window:
        yield start, start + window
        start += window
    if not ends or end <= start:
        return
    if end - start <= window * 1.001:
        yield start, end
        return
    middle = (start + end) / 2 if end - start - window < _SHORTEST else start + window
    yield start, middle
    yield middle, end
