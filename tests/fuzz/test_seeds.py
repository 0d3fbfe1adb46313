"""What fuzzing once found telling is read again; and the fuzzing itself works, with and without atheris."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from badfiles.watch import trial
from fuzzing import SEEDS
from fuzzing.findings import signature
from fuzzing.mutation import Mutation
from fuzzing.targets import LARGEST, LIMITS, TARGETS
from fuzzing.window import Window


@pytest.fixture(scope="session")
def replayed():
    """Every seed, read in a process of its own."""
    folders = [str(SEEDS / reader) for reader in TARGETS if (SEEDS / reader).is_dir()]
    return trial({"folders": folders, "held": True, "limits": LIMITS})


@pytest.mark.parametrize("reader", TARGETS)
def test_every_seed_gives_parts_or_a_reason(replayed, reader):
    outcomes = [each for each in replayed if each.name.startswith(f"{reader}/")]
    assert not [each for each in outcomes if each.error or each.seconds > 10]
    assert all(bool(each.parts) or bool(each.why) for each in outcomes)


def test_seeds_are_small():
    sizes = [path.stat().st_size for path in SEEDS.rglob("*") if path.is_file()]
    assert sum(sizes) < 3_000_000


@pytest.mark.parametrize("reader", TARGETS)
def test_changes_follow_from_the_seed_and_stay_small(reader):
    target = TARGETS[reader]
    inputs = target.beginnings()
    assert inputs
    mutation = Mutation(target.words, inputs)
    ones, others = ([mutation(inputs[n % len(inputs)], LARGEST, random.Random(n)) for n in range(60)] for _ in range(2))
    assert ones == others
    assert all(0 < len(one) <= LARGEST for one in ones)
    assert sum(one != inputs[n % len(inputs)] for n, one in enumerate(ones)) > 50


def test_a_parent_sees_what_its_child_is_at(tmp_path):
    parent, child = Window(tmp_path / "window", create=True), Window(tmp_path / "window")
    assert parent.present == ("", b"") and parent.running == 0
    child.begin("x.html", b"<p>words")
    assert parent.present == ("x.html", b"<p>words") and parent.running > 0
    child.end(0.5)
    child.begin("y.html", b"")
    child.end(0.25)
    assert parent.totals == (0.5, 2) and parent.present == ("", b"")


def test_findings_of_one_cause_are_alike():
    told = (
        'Traceback (most recent call last):\n  File "/a/sensorium/readers/pdf.py", line {}, in read\n{}: {} is wrong\n'
    )
    assert signature(told.format(3, "KeyError", 17)) == signature(told.format(5, "KeyError", 18))
    assert signature(told.format(3, "KeyError", 17)) != signature(told.format(3, "IndexError", 17))
    assert signature("died of SIGSEGV\nx") != signature("died of SIGABRT\nx")


BROKEN = """
import os, signal, zlib
from sensorium.core.types import Part

class Broken:
    kind = "text"

    def accepts(self, media_type):
        return media_type.startswith("text/")

    def read(self, source, limits):
        with source.open() as stream:
            way = zlib.crc32(stream.read()) % 400
        if way == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if way == 1:
            raise Forgotten("nobody handled this")
        yield Part("text", "words")

class Forgotten(Exception):
    pass

reader = Broken()
"""


def fuzz(folder, *options):
    """Fuzz the reader of texts for some seconds, as `make fuzz` does; a broken one takes its place."""
    about = folder / "broken-1.0.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    (folder / "broken.py").write_text(BROKEN)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[sensorium.readers]\ntext = broken:reader\n")
    paths = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    surroundings = {**os.environ, "PYTHONPATH": paths, "SENSORIUM_FUZZ": str(folder / "written")}
    command = [sys.executable, Path(__file__).with_name("run.py"), "text", "--engine", "plain", *options]
    return subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=120)


def test_what_dies_and_what_is_raised_is_found_and_a_run_is_taken_up_again(tmp_path):
    expected, ends, notes = {"died of SIGKILL", "broken.Forgotten: nobody handled this"}, set(), []
    for seconds in ("8", "24", "60"):  # a machine with other work gets fewer inputs done, and goes on
        done = fuzz(tmp_path, "--seconds", seconds)
        assert done.returncode == 1, done.stdout + done.stderr
        notes = [json.loads(path.read_text()) for path in (tmp_path / "written/findings/text").glob("*.json")]
        ends = {note["error"].strip().splitlines()[-1 if "Traceback" in note["error"] else 0] for note in notes}
        if expected <= ends:
            break
    assert expected <= ends
    results = json.loads((tmp_path / "written/results.json").read_text())["text"]
    assert results["executions"] > 100 and results["findings"] == len(notes) and results["seconds"] >= 7
    assert "are done since its source last changed" in fuzz(tmp_path, "--seconds", "7").stdout
