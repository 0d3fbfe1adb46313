"""Files are read ahead without the later ones ever starving the first."""

from __future__ import annotations

import random
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from threading import Thread

import pytest

from sensorium.library.intake import Turns


@pytest.mark.parametrize("most", [1, 2, 5])
@pytest.mark.parametrize("seed", range(4))
def test_long_files_that_are_held_open_never_keep_the_first_from_beginning(most, seed):
    """As in an add: threads look at files for a while, then read; long ones stay open until the consumer comes."""
    chance = random.Random(seed)
    files = [(chance.random() < 0.6, chance.random() / 500) for _ in range(60)]
    turns, reading, peak = Turns(most), [0], [0]

    def take(turn: int, long: bool, pause: float) -> bool:
        time.sleep(pause)
        turns.take(turn)
        reading[0] += 1
        peak[0] = max(peak[0], reading[0])
        if not long:
            reading[0] -= 1
            turns.over(turn)
        return long

    def everything() -> None:
        with ThreadPoolExecutor(most) as pool:
            queued = [turns.queue() for _ in files]
            futures = [pool.submit(take, turn, *file) for turn, file in zip(queued, files, strict=True)]
            for turn, future in zip(queued, futures, strict=True):
                if future.result():
                    reading[0] -= 1
                    turns.over(turn)
                turns.leave(turn)

    run = Thread(target=everything, daemon=True)
    run.start()
    run.join(30)
    assert not run.is_alive(), "the first waits for ever"
    assert peak[0] <= most and reading[0] == 0


def test_who_waits_is_sent_away_when_all_is_over():
    turns = Turns(1)
    first, second = turns.queue(), turns.queue()
    turns.take(first)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(turns.take, second)
        turns.close()
        with pytest.raises(CancelledError):
            waiting.result(timeout=10)
