"""The command as a whole: exit codes, one-line errors, global options, pipes."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from itertools import groupby, pairwise
from pathlib import Path

import pytest

import sensorium as package
from sensorium.cli.main import globals_first, main
from sensorium.core import errors

VERBS = ("add", "search", "evaluate", "remove", "status", "demo", "doctor", "models")
COMMAND = Path(sys.executable).with_name("sensorium")


def real(*arguments, **options):
    """The command as a shell runs it."""
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, timeout=60, **options)


DELIBERATE = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, errors.SensoriumError)]


@pytest.mark.parametrize("error", DELIBERATE)
def test_every_deliberate_error_is_one_line_and_exit_code_1(sensorium_run, script, error):
    script.raises["search"] = error("the thing: the cause;\n  the way out")
    ran = sensorium_run("search", "x")
    assert (ran.code, ran.out, ran.err) == (1, "", "sensorium: the thing: the cause; the way out\n")


def test_debug_shows_the_traceback_too(sensorium_run, script):
    script.raises["search"] = errors.BadWhere("bad where")
    for arguments in (("--debug", "search", "x"), ("search", "x", "--debug")):
        ran = sensorium_run(*arguments)
        assert ran.code == 1 and "Traceback" in ran.err and ran.err.endswith("sensorium: bad where\n")


def test_an_error_of_the_system_is_one_line_that_names_the_file(sensorium_run, script):
    script.raises["add"] = PermissionError(13, "Permission denied", "/root/photos")
    ran = sensorium_run("add", "x")
    assert (ran.code, ran.err) == (1, "sensorium: Permission denied: /root/photos (--debug shows where)\n")


def test_ctrl_c_is_one_line_and_exit_code_130_and_closes_the_library(sensorium_run, script):
    script.raises["add"] = KeyboardInterrupt()
    ran = sensorium_run("add", "x")
    assert ran.code == 130 and ran.err.startswith("sensorium: stopped") and ran.err.count("\n") == 1
    assert script.asked[-1][0] == "close"


@pytest.mark.parametrize("before", [(), ("--model", "add", "--precision=int8"), ("-L", "add")])
def test_only_what_a_second_run_goes_on_with_is_said_to_be_kept(sensorium_run, script, before):
    script.raises.update(add=KeyboardInterrupt(), search=KeyboardInterrupt())
    assert "what was done is kept" in sensorium_run(*before, "add", "x").err
    assert sensorium_run(*before, "search", "x").err == "sensorium: stopped\n"


@pytest.mark.parametrize("stream", ["0", "1", "2"])
def test_a_closed_standard_stream_stops_nothing_and_its_number_goes_to_no_file(own_home, tmp_path, stream):
    (tmp_path / "empty").mkdir()
    script = (
        "from sensorium.cli.main import open_streams; open_streams(); import sys; sys.exit(open('new', 'w').fileno())"
    )
    for command in ([COMMAND, "add", "empty"], [COMMAND, "status"], [sys.executable, "-c", script]):
        line = f"{shlex.join(map(str, command))} {stream}>&-"
        ran = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert ran.stderr == "" and bool(ran.stdout) == (command[0] == COMMAND and stream != "1")
        assert ran.returncode == 0 if command[0] == COMMAND else ran.returncode > 2


def test_a_working_folder_that_is_gone_is_said(own_home, tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    command = f"cd gone && rmdir ../gone && {shlex.quote(str(COMMAND))} add x"
    ran = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (1, "")
    said = "the folder that you are in is gone: go to another with cd, and run the command again"
    assert ran.stderr == f"sensorium: {said}\n"


@pytest.mark.parametrize(
    "arguments", [("add", ""), ("add", "x", ""), ("remove", ""), ("demo", ""), ("demo", "--page", "")]
)
def test_an_empty_path_is_not_the_working_folder(sensorium_run, script, arguments):
    ran = sensorium_run(*arguments)
    assert ran.code == 2 and ran.out == "" and script.asked == []
    assert "a path is empty" in ran.err and ran.err.count("\n") == 1


def test_a_missing_library_is_an_error_for_readers_and_none_for_add(sensorium_run, script):
    script.exists = False
    for arguments in (("search", "x"), ("status",), ("remove", "x")):
        ran = sensorium_run(*arguments)
        assert ran.code == 1 and ran.err.startswith("sensorium: no library at ")
    assert sensorium_run("add", "x").code == 0


@pytest.mark.parametrize("arguments", ["ad", "--nonsense", "add", "add x --wait -1", "-L", "status x"])
def test_wrong_use_is_exit_code_2_and_one_line(sensorium_run, script, arguments):
    ran = sensorium_run(*arguments.split())
    assert ran.code == 2 and ran.out == "" and not script.asked
    assert ran.err.startswith("sensorium: ") and ran.err.count("\n") == 1


@pytest.mark.parametrize("arguments", ["-L photos status", "status --library photos", "status --library=photos"])
def test_a_library_goes_by_name_before_or_after_the_verb(sensorium_run, script, own_home, arguments):
    sensorium_run(*arguments.split())
    assert script.arguments("open") == (own_home / ".local/share/sensorium/photos.library",)


def test_the_library_comes_from_the_environment(sensorium_run, script, monkeypatch, tmp_path):
    monkeypatch.setenv("SENSORIUM_LIBRARY", str(tmp_path / "my.library"))
    sensorium_run("add", "x")
    assert script.arguments("open") == (tmp_path / "my.library",)


def test_a_model_is_demanded_only_when_it_is_named(sensorium_run, script, monkeypatch):
    monkeypatch.setenv("SENSORIUM_MODEL", "other")
    sensorium_run("add", "x")
    assert script.options("open")["model"] is None
    script.asked.clear()
    sensorium_run("add", "x", "--model", "third")
    assert script.options("open")["model"] == "third"


@pytest.mark.parametrize("given", ["--precision int8 add x", "add x --precision int8", "add --precision=int8 x"])
def test_a_precision_goes_before_or_after_the_verb(sensorium_run, script, given):
    sensorium_run("add", "x")
    assert "precision" not in script.options("open")  # the library asks the environment
    script.asked.clear()
    sensorium_run(*given.split())
    assert script.options("open")["precision"] == "int8"


def test_an_unknown_precision_is_wrong_use_and_one_line(sensorium_run, script):
    ran = sensorium_run("search", "x", "--precision", "int4")
    assert ran.code == 2 and "'int4' is not one of 'auto', 'float32', 'int8'" in ran.err and ran.err.count("\n") == 1
    assert not script.asked


def test_globals_move_to_the_front_but_not_from_behind_two_dashes():
    assert globals_first(["search", "x", "-L", "a", "--debug"]) == ["-L", "a", "--debug", "search", "x"]
    assert globals_first(["search", "--model=m", "--", "--debug"]) == ["--model=m", "search", "--", "--debug"]
    assert globals_first(["search", "-L"]) == ["search", "-L"]


def test_version(sensorium_run):
    assert sensorium_run("--version").out == f"sensorium {package.__version__}\n"


@pytest.mark.parametrize("arguments", [(), ("-h",), ("--help",)])
def test_help_names_every_verb_and_shows_examples(sensorium_run, arguments):
    ran = sensorium_run(*arguments)
    assert ran.code == 0 and ran.err == ""
    assert all(
        word in ran.out for word in ("add", "search", "remove", "status", "demo", "doctor", "Examples", "--library")
    )


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_every_verb_has_examples(sensorium_run, verb):
    for option in ("-h", "--help"):
        ran = sensorium_run(verb, option)
        assert ran.code == 0 and f"sensorium {verb}" in ran.out.split("Examples")[1]


@pytest.mark.parametrize("verb", ["classify", "evaluate", "reindex"])
def test_help_is_wrapped_where_the_terminal_ends_and_nowhere_else(sensorium_run, monkeypatch, verb):
    monkeypatch.setenv("COLUMNS", "80")
    text = sensorium_run(verb, "--help").out.split("Usage:")[1].split("Options")[0].splitlines()
    paragraphs = [
        [line.strip() for line in part] for full, part in groupby(text, key=lambda line: bool(line.strip())) if full
    ]
    long = [
        (line, after.split()[0]) for part in paragraphs for line, after in pairwise(part) if "─" not in line + after
    ]
    assert long and all(len(line) + 1 + len(word) > 74 for line, word in long)


def test_the_installed_command_runs_and_its_exit_code_is_the_shells(tmp_path):
    ran = real("search", "x", env={**os.environ, "SENSORIUM_LIBRARY": str(tmp_path / "none.library")})
    assert ran.returncode == 1 and ran.stdout == ""
    assert ran.stderr.startswith("sensorium: ") and ran.stderr.count("\n") == 1


CLOSED_PIPE = """
import sys, time
from sensorium.cli import output
from sensorium.cli.main import app, main
@app.command()
def flood():
    for _ in range(200_000):
        output.answer("a hit")
sys.exit(main(["flood"]))
"""


def test_a_reader_that_leaves_ends_the_run_quietly():
    with subprocess.Popen(
        [sys.executable, "-c", CLOSED_PIPE], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout.readline() == b"a hit\n"
        running.stdout.close()
        assert running.stderr.read() == b"" and running.wait(30) == 0


def test_completion_is_there_for_the_shell():
    ran = real(
        env={**os.environ, "_SENSORIUM_COMPLETE": "complete_bash", "COMP_WORDS": "sensorium sea", "COMP_CWORD": "1"}
    )
    assert ran.stdout.split() == ["search"]


def test_running_twice_in_one_process_is_the_same(sensorium_run, script):
    assert main(["status"]) == main(["status"]) == 0
