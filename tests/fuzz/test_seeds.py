"""What fuzzing once found telling is read again; and the fuzzing itself works, with and without atheris."""

from __future__ import annotations

import random

import pytest
from badfiles.watch import trial
from fuzzing import SEEDS
from fuzzing.findings import signature
from fuzzing.mutation import Mutation
from fuzzing.targets import LARGEST, LIMITS, TARGETS
from fuzzing.window import Window


@pytest.mark.parametrize("reader", TARGETS)
def test_every_seed_gives_parts_or_a_reason(reader):
    folder = SEEDS / reader
    if not folder.is_dir():
        pytest.skip("nothing is kept for this reader yet")
    outcomes = trial({"folder": str(folder), "limits": LIMITS})
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
    told = 'Traceback (most recent call last):\n  File "/a/sensorium/readers/pdf.py", line {}, in read\n{}: {} is wrong\n'
    assert signature(told.format(3, "KeyError", 17)) == signature(told.format(5, "KeyError", 18))
    assert signature(told.format(3, "KeyError", 17)) != signature(told.format(3, "IndexError", 17))
    assert signature("died of SIGSEGV\nx") != signature("died of SIGABRT\nx")
