"""Nothing is sent, and nothing is written down to be sent, by anything that Sensorium runs on."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest


def ran(home, *command):
    """A real process in a home folder of its own, with nothing around that looks like continuous integration."""
    kept = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")
    surroundings = {name: os.environ[name] for name in kept if name in os.environ} | {"HOME": str(home)}
    done = subprocess.run([sys.executable, *command], env=surroundings, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def told(home):
    """What a runtime keeps to tell its maker: who this is, and what was done."""
    return [str(path) for path in home.rglob("*") if {"deviceid", "onnxruntime.db"} & {path.name}]


def test_an_addition_and_a_search_leave_nothing_to_be_sent(tmp_path):
    said = json.loads(ran(tmp_path, "-m", "sensorium.library.offline").splitlines()[-1])
    assert said["found"] == 3 and said["attempts"] == []
    assert told(tmp_path) == []


def test_without_that_setting_something_would_be_kept(tmp_path):
    """So that the test above tells: this runtime does keep it, unless it is told not to."""
    import onnxruntime

    if tuple(int(part) for part in onnxruntime.__version__.split(".")[:2]) < (1, 29):
        pytest.skip("this ONNX Runtime is older than 1.29, and keeps nothing on Linux")
    ran(tmp_path, "-c", "import onnxruntime, time; onnxruntime.SessionOptions(); time.sleep(1)")
    assert told(tmp_path)
