"""Real conversions on disks that are too small, and killed ones: nothing half-made stays, and the next run works."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

for needed in ("torch", "transformers", "huggingface_hub"):
    pytest.importorskip(needed)

import small_models  # noqa: E402

from sensorium.core.errors import PullFailed  # noqa: E402
from sensorium.core.types import Part  # noqa: E402
from sensorium.encoders import home  # noqa: E402
from sensorium.encoders.bundle import Bundle, find_bundle  # noqa: E402
from sensorium.encoders.convert.samples import sample_texts  # noqa: E402
from sensorium.encoders.pull import convert, pull  # noqa: E402

SAMPLE = sample_texts(40)
# A conversion of the installed model `mine`, with as many texts as make 8-bit forms.
CODE = """
import sys
from sensorium.encoders.convert.samples import sample_texts
from sensorium.encoders.pull import convert
convert(sys.argv[1], called="mine", again=True, sample=sample_texts(40))
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return small_models.text_encoder(tmp_path_factory.mktemp("source") / "bert", "bert")


def left(place):
    """What lies in the models' home beside the lock files of running processes."""
    return {path.name for path in place.iterdir() if not path.name.endswith(".busy")}


def megabytes(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def test_a_disk_that_fills_up_at_any_stage_of_a_conversion_leaves_nothing(source, small_disk, grown, tmp_path):
    """From a disk that does not hold the float tower to one that lacks room for the last file."""
    whole = megabytes(convert(source, out=tmp_path / "made", sample=SAMPLE).folder)
    lines = []
    for share in (0.2, 0.5, 0.9, 1.0):
        grown(small_disk, f"{int(share * whole * 1000)}k")
        with pytest.raises(PullFailed) as caught:
            convert(source, called="mine", sample=SAMPLE)
        lines.append(str(caught.value))
        assert left(small_disk) == set() and home.names() == ()
    assert all(f"the disk of {small_disk} is full" in line and "\n" not in line for line in lines)

    grown(small_disk, "40m")
    assert convert(source, called="mine", sample=SAMPLE).towers["text"].int8 is not None
    find_bundle("mine")
    assert left(small_disk) == {"mine", "mine.lock.json"}


def test_a_disk_that_fills_up_leaves_the_model_of_before(source, small_disk, grown, tmp_path):
    grown(small_disk, "20m")
    before = convert(source, called="mine", int8=False, sample=SAMPLE)
    grown(small_disk, f"{int(megabytes(small_disk) * 1000) + 2000}k")
    with pytest.raises(PullFailed, match="is full"):
        convert(source, called="mine", again=True, sample=SAMPLE)

    assert Bundle.open(find_bundle("mine")).space == before.space
    assert left(small_disk) == {"mine", "mine.lock.json"}


@pytest.mark.parametrize("reached", ["text.onnx", "plain.onnx"])
def test_a_killed_conversion_leaves_the_model_of_before_and_the_next_run_works(source, models, reached):
    """Killed when it has come so far as to write a file: the float tower, what its 8-bit form is made from."""
    before = convert(source, called="mine", int8=False, sample=SAMPLE[:6])
    child = subprocess.Popen([sys.executable, "-c", CODE, str(source)], env=os.environ)
    making, deadline = models / ".mine.making.partial", time.monotonic() + 60
    while not any(making.rglob(reached)) and time.monotonic() < deadline:
        assert child.poll() is None
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    child.wait()

    assert making.is_dir() and home.names() == ("mine",)
    bundle = Bundle.open(find_bundle("mine"))
    bundle.verify()
    assert bundle.space == before.space

    assert convert(source, called="mine", again=True, sample=SAMPLE).towers["text"].int8 is not None
    assert left(models) == {"mine", "mine.lock.json"}


def test_killed_between_two_names_the_model_of_before_comes_back(source, models, monkeypatch, tmp_path):
    """The moment in which the old model has been put aside, and the new one is not in its place."""
    before = convert(source, called="mine", int8=False, sample=SAMPLE[:6])
    (models / "mine").rename(models / ".mine.old")
    (tmp_path / "broken").mkdir()
    assert home.names() == ()

    with pytest.raises(Exception, match=r"config\.json"):
        convert(tmp_path / "broken", called="mine", again=True)
    assert Bundle.open(find_bundle("mine")).space == before.space


def test_a_failed_pull_does_not_make_the_model_of_before_less_checked(source, loopback, models):
    loopback.add_folder("somebody/tiny", source)
    sample = [Part("text", text) for text in small_models.NASTY[:6]]
    pull("somebody/tiny", called="mine", int8=False, sample=sample)
    known = home.read_lock("mine")

    def fails(*_):
        raise PullFailed("no sample: because; so")

    with pytest.raises(PullFailed, match="no sample"):
        pull("somebody/tiny", called="mine", again=True, sample=fails)
    assert home.read_lock("mine") == known and known.bundle
    path = models / "mine/bundle.json"
    assert json.loads(path.read_text())["licence"] == "unknown (its source does not say)"
