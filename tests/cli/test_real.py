"""The command with a real library and a little model: what a shell, a terminal and Ctrl-C see."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from sensorium.testing.bundles import tiny_bundle

COMMAND = Path(sys.executable).with_name("sensorium")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A bundle of random towers."""
    return tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture
def shell(model, tmp_path, monkeypatch):
    """Runs the command in a folder with a picture, two texts and a file that is none of these."""
    for name, value in (("SENSORIUM_MODEL", model), ("SENSORIUM_LIBRARY", tmp_path / "my.library")):
        monkeypatch.setenv(name, str(value))
    things = tmp_path / "things"
    things.mkdir()
    Image.effect_noise((64, 48), 60).convert("RGB").save(things / "noise.png")
    (things / "dog.txt").write_text("A dog on a beach.")
    (things / "bread.txt").write_text("Flour, water and salt.")
    (things / "odd.zip").write_bytes(b"PK\x03\x04" + bytes(40))

    def run(*arguments, **options):
        options = {"capture_output": True, "text": True, "cwd": tmp_path, "timeout": 120, **options}
        return subprocess.run([COMMAND, *arguments], **options)

    return run


def test_add_search_remove_status(shell):
    added = shell("add", "things")
    assert added.returncode == 0 and added.stdout.startswith("3 added, 1 skipped (")
    assert added.stderr.startswith("skipped things/odd.zip: ") and added.stderr.count("\n") == 1
    found = shell("search", "A dog on a beach.", "--kinds", "text", "-k", "1")
    assert found.stdout == "1  1.000  text  things/dog.txt  line 1  A dog on a beach.\n"
    assert shell("remove", "things/dog.txt").stdout == "1 removed\n"
    assert "items    2 (1 image, 1 text)" in shell("status").stdout
    assert "dog" not in shell("search", "A dog on a beach.", "--paths").stdout


def test_a_picture_from_a_pipe_finds_itself(shell, tmp_path):
    shell("add", "things")
    with (tmp_path / "things/noise.png").open("rb") as picture:
        found = shell("search", "--file", "-", "-k", "1", "--json", stdin=picture)
    hit = json.loads(found.stdout)
    assert hit["path"] == str(tmp_path / "things/noise.png") and hit["score"] == pytest.approx(1, abs=1e-3)


def test_in_makes_the_library_and_answers_at_once(shell, tmp_path):
    found = shell("search", "Flour, water and salt.", "--in", "things", "--kinds", "text", "--paths", "-k", "1")
    assert found.stdout == f"{tmp_path / 'things/bread.txt'}\n"
    assert found.stderr.startswith("things: 3 added, 1 skipped (")


ERRORS = [
    (["search", "x", "--library", "nowhere"], "there is no library at "),
    (["search", "x", "--where", "size >"], "where 'size >' cannot be read"),
    (["search", "--file", "gone.jpg"], "gone.jpg does not exist"),
    (["search", "https://example.org/dog.jpg"], "https://example.org/dog.jpg is not a file on this machine"),
    (["add", "gone"], "gone does not exist"),
    (["add", "things", "--library", "./new", "--model", "nothing"], "nothing"),
    (["remove", "elsewhere"], "elsewhere is not in the library"),
]


def test_errors_are_one_line_that_says_what_to_do(shell, sensorium_run):
    sensorium_run("add", "things")
    for arguments, said in ERRORS:
        ran = sensorium_run(*arguments)
        assert (ran.code, ran.out) == (1, ""), arguments
        assert ran.err.startswith("sensorium: ") and said in ran.err and ran.err.count("\n") == 1


def test_an_empty_library_says_so(shell, sensorium_run, tmp_path):
    (tmp_path / "empty").mkdir()
    sensorium_run("add", "empty")
    ran = sensorium_run("search", "x")
    assert ran.code == 1 and "is empty" in ran.err and ran.err.count("\n") == 1


def test_ctrl_c_stops_with_one_line_and_the_next_run_goes_on(shell, tmp_path):
    many = tmp_path / "many"
    many.mkdir()
    for number in range(1500):
        (many / f"{number}.txt").write_text(f"Page {number} of a long story. " * 20)
    command = [COMMAND, "add", "many"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("my.library/vectors/*")) and time.monotonic() < deadline:
            time.sleep(0.005)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (130, "")
    assert err.startswith("sensorium: stopped") and err.count("\n") == 1
    again = shell("add", "many", "--json")
    report = json.loads(again.stdout)
    assert report["added"] + report["unchanged"] == 1500 and report["added"] > 0
    assert json.loads(shell("status", "--json").stdout)["items"] == 1500


def test_a_terminal_sees_colour_and_a_thumbnail(shell, tmp_path, monkeypatch):
    shell("add", "things")
    monkeypatch.setenv("TERM", "xterm-kitty")
    ours, theirs = pty.openpty()
    command = [COMMAND, "search", "x", "--kinds", "image"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        seen = b"".join(iter(lambda: read_terminal(ours), b""))
    os.close(ours)
    assert running.returncode == 0
    assert b"\x1b_Ga=T,f=100" in seen and b"\x1b[1mthings/noise.png\x1b[0m" in seen


def read_terminal(descriptor):
    """The next bytes, empty at the end, which Linux reports as an input/output error."""
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""


@pytest.mark.parametrize(
    "verb", [("add",), ("search", "--file"), ("search", "cat", "--and"), ("search", "cat", "--in")]
)
def test_a_url_is_refused_as_it_was_given(shell, verb):
    shell("add", "things")
    refused = shell(*verb, "https://example.org/cat.jpg")
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1
    assert "https://example.org/cat.jpg is not a file on this machine: nothing is fetched" in refused.stderr
