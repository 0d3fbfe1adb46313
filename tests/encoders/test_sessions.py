"""Towers are loaded when they are needed, let go when they are not, and what they take of memory stays the same."""

from __future__ import annotations

import gc
import os
import threading
import time
import weakref

import numpy as np
import psutil
import pytest

from sensorium.core.types import Audio, Part
from sensorium.encoders import sessions
from sensorium.encoders.bundle import Bundle, find_bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.encoders.sessions import Sessions
from sensorium.testing.bundles import tiny_bundle

TEXT = Part("text", "a dog")
SLOW = bool(os.environ.get("SENSORIUM_SLOW"))
TIMES = 20_000 if SLOW else 800
needs_time = pytest.mark.skipif(not SLOW, reason="takes minutes: make parity")


@pytest.fixture
def bundle(tmp_path):
    return Bundle.open(tiny_bundle(tmp_path / "tiny"))


@pytest.fixture
def opened(monkeypatch):
    """The files that were loaded, one by one."""
    honest, files = sessions.opened, []
    monkeypatch.setattr(sessions, "opened", lambda b, t, file, n: files.append(file) or honest(b, t, file, n))
    return files


def wait_until(true, seconds=10.0):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    assert true()


def test_a_tower_that_nobody_uses_is_let_go_and_loaded_again(bundle, opened):
    towers = Sessions(bundle, idle_seconds=0.1)
    session = towers.get(bundle.towers["text"], "text.onnx", 1)
    assert towers.files == {"text.onnx"}
    wait_until(lambda: not towers.files)
    assert session.get_inputs()[0].name == "ids"  # who holds it may go on
    towers.get(bundle.towers["text"], "text.onnx", 1)
    assert opened == ["text.onnx"] * 2


def test_a_tower_that_is_used_stays_and_others_go(bundle, opened):
    towers = Sessions(bundle, idle_seconds=0.5)
    towers.get(bundle.towers["image"], "image.onnx", 1)

    def kept_busy():
        towers.get(bundle.towers["text"], "text.onnx", 1)
        return towers.files == {"text.onnx"}

    wait_until(kept_busy)
    assert opened == ["image.onnx", "text.onnx"]


def test_waiting_to_let_go_keeps_nothing_alive(bundle):
    encoder = OnnxEncoder(bundle)
    encoder.encode([TEXT])
    gone = weakref.ref(encoder._sessions)
    del encoder
    gc.collect()
    assert gone() is None


def test_many_encoders_need_one_thread_more(bundle):
    before = threading.active_count()
    encoders = [OnnxEncoder(bundle, threads=1) for _ in range(20)]
    for encoder in encoders:
        encoder.encode([TEXT])
    assert threading.active_count() <= before + 1


def test_unloaded_towers_give_the_same_when_they_are_loaded_again(bundle):
    encoder = OnnxEncoder(bundle)
    before = encoder.encode([TEXT])
    encoder.unload()
    assert encoder.loaded == ()
    np.testing.assert_array_equal(encoder.encode([TEXT]), before)


@pytest.mark.parametrize(("model", "times"), [("tiny", TIMES), pytest.param("starter", TIMES // 4, marks=needs_time)])
def test_memory_stays_the_same_however_much_is_encoded(model, times, bundle):
    """A little more for every query is the classic fault of demos: with SENSORIUM_SLOW=1, 20,000 of each modality.

    Of the starter's own towers 5,000, in three minutes; 20,000 took twelve on two busy cores, and 0.2 MB.
    """
    encoder = OnnxEncoder(bundle if model == "tiny" else Bundle.open(find_bundle(model)), threads=1)
    random, rate = np.random.default_rng(0), encoder.limits()["audio_rate"]
    parts = {
        "text": [Part("text", "word " * n) for n in range(1, 9)],
        "image": [Part("image", random.integers(0, 255, (20 + n, 30, 3), dtype=np.uint8)) for n in range(8)],
        "audio": [Part("audio", Audio(random.normal(size=800 * n).astype(np.float32), rate)) for n in range(1, 9)],
    }
    process = psutil.Process()

    def encode(times):
        for number in range(times):
            for modality in encoder.modalities:
                encoder.encode([parts[modality][number % 8]])
        gc.collect()
        return process.memory_info().rss

    before = encode(300)
    grown = encode(times) - before
    print(f"{times} of each modality by {model}: {grown / 1e6:+.2f} MB from {before / 1e6:.0f} MB")
    assert encoder.modalities == ("text", "image", "audio") and grown < 4 << 20
