"""`add`, `remove`, `status` and `doctor`: what is asked of the library and what people and programs are told."""

from __future__ import annotations

import json
import os
import sys
import types
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sensorium.core.types import AddReport, Check, Skipped


def test_add_passes_paths_and_options_and_sums_up_in_one_line(sensorium_run, script):
    script.report = AddReport(
        added=41, unchanged=1200, skipped=(Skipped("/far/a.zip", "not read"),), seconds=4.13, bytes=12_340_000
    )
    ran = sensorium_run("add", "one", "two", "--wait", "2.5")
    assert script.arguments("add") == (Path("one"), Path("two"))
    options = script.options("add")
    assert (options["wait"], options["dry_run"]) == (2.5, False)
    assert ran.out == "41 added, 1,200 unchanged, 1 skipped (12.3 MB in 4.1 s)\n"
    assert ran.err == "skipped /far/a.zip: not read\n"


def test_add_says_whom_it_waits_for(sensorium_run, script, capfdbinary):
    sensorium_run("add", "one", "--wait", "5")
    script.options("add")["on_wait"]("waiting for process 12")
    assert capfdbinary.readouterr().err == b"waiting for process 12\n"


def test_a_dry_run_says_what_would_be(sensorium_run, script):
    script.report = AddReport(added=2, missing=1, bytes=999)
    assert sensorium_run("add", "one", "--dry-run").out == "would be: 2 added, 1 missing (999 bytes)\n"
    assert script.options("add")["dry_run"]


def test_nothing_to_add_is_said_and_is_no_error(sensorium_run, script):
    ran = sensorium_run("add", "one")
    assert (ran.code, ran.out) == (0, "nothing to add (0 bytes in 0.0 ms)\n")


def test_many_skips_are_cut_after_ten_lines(sensorium_run, script):
    script.report = AddReport(skipped=tuple(Skipped(f"/far/{n}", "odd") for n in range(14)))
    lines = sensorium_run("add", "one").err.splitlines()
    assert len(lines) == 11 and lines[-1] == "... and 4 more; `add --json` names them all"


def test_add_json_is_the_report(sensorium_run, script):
    script.report = AddReport(added=1, skipped=(Skipped("/far/ä", "odd"),), seconds=1.5, bytes=10)
    ran = sensorium_run("add", "one", "--json")
    assert json.loads(ran.out) == script.report.to_json() and ran.out.count("\n") == 1 and ran.err == ""


def test_remove_takes_paths_and_items(sensorium_run, script):
    script.removed = 1234
    ran = sensorium_run("remove", "old", "--item", "12", "--item", "15", "--wait", "1")
    assert script.arguments("remove") == (Path("old"), 12, 15)
    assert script.options("remove")["wait"] == 1.0 and not script.options("open")["create"]
    assert (ran.code, ran.out) == (0, "1,234 removed\n")


def test_removing_nothing_is_exit_code_1(sensorium_run, script):
    ran = sensorium_run("remove", "old")
    assert (ran.code, ran.out, ran.err) == (1, "", "nothing in the library is there\n")


def test_remove_without_a_target_is_wrong_use(sensorium_run, script):
    ran = sensorium_run("remove")
    assert ran.code == 2 and "give paths, or --item ID" in ran.err


def test_status_tells_the_library_and_names_the_others(sensorium_run, script, own_home):
    libraries = own_home / ".local/share/sensorium"
    for name in ("default", "photos"):
        (libraries / f"{name}.library").mkdir(parents=True)
    lines = sensorium_run("status").out.splitlines()
    assert lines == [
        str(libraries / "default.library"),
        "  items    5 (3 image, 2 text)",
        "  parts    6",
        "  missing  1 whose file is gone: kept, not found until it returns",
        "  skipped  2 of the files could not be read",
        "  model    starter, 256 dimensions, 6 vectors, default",
        "  on disk  1.2 MB",
        "",
        f"libraries in {libraries} (choose one with --library NAME):",
        "* default",
        "  photos",
    ]


def test_status_names_the_libraries_even_when_the_default_one_is_missing(sensorium_run, script, own_home):
    script.exists = False
    (own_home / ".local/share/sensorium/photos.library").mkdir(parents=True)
    ran = sensorium_run("status")
    assert ran.code == 1 and ran.out.splitlines()[-1] == "  photos"


def test_status_json_is_the_status(sensorium_run, script):
    found = json.loads(sensorium_run("status", "--json").out)
    assert found["items"] == 5 and found["spaces"][0]["model"] == "starter"


@pytest.fixture
def checks(monkeypatch):
    """The checks that a doctor finds, and the library it was asked about."""
    found = {"checks": [], "path": "not asked"}

    def doctor(path):
        found["path"] = path
        return found["checks"]

    fake = types.ModuleType("sensorium.library.doctor")
    fake.doctor = doctor
    monkeypatch.setitem(sys.modules, "sensorium.library.doctor", fake)
    return found


def test_doctor_shows_each_check_and_the_way_out(sensorium_run, checks, tmp_path):
    checks["checks"] = [
        Check("model", True, "starter 0.1"),
        Check("library", False, "index damaged", "sensorium add anything"),
    ]
    ran = sensorium_run("doctor", "--library", tmp_path / "x.library")
    assert ran.code == 1 and checks["path"] == tmp_path / "x.library"
    assert ran.out.splitlines() == [
        "ok   model    starter 0.1",
        "BAD  library  index damaged",
        "              sensorium add anything",
    ]


def test_doctor_without_complaint_is_exit_code_0_and_json_is_a_line_a_check(sensorium_run, checks):
    checks["checks"] = [Check("a", True, "fine"), Check("b", True, "fine")]
    ran = sensorium_run("doctor", "--json")
    assert ran.code == 0 and checks["path"] is None
    assert [json.loads(line) for line in ran.out.splitlines()] == [check.to_json() for check in checks["checks"]]


@dataclass(frozen=True)
class Query:
    """A search of the demo, as the command line looks at it."""

    pair: str
    says: str


@dataclass(frozen=True)
class Answer:
    """Its hits."""

    query: Query
    hits: tuple
    shows: tuple
    rank: int | None
    passed: bool | None
    seconds: float = 0.001


@dataclass(frozen=True)
class Result:
    """All of the demo."""

    folder: Path
    answers: tuple
    note: str = "pictures are drawn"
    kinds: dict = field(default_factory=lambda: {"audio": 41, "image": 47})
    checked: int = 2
    passed: int = 1
    seconds: float = 7.25


@pytest.fixture
def played(monkeypatch, hits, tmp_path):
    """The demo with scripted answers; what it was asked."""
    asked = {}

    def run_demo(folder, library, *, own=False, progress=None):
        asked.update(folder=folder, library=library.path, own=own, progress=progress)
        shows = ("a beach", "waves", "") if not own else ("", "", "")
        answers = (
            Answer(Query("text->image", "the sea"), tuple(hits), shows, 1, None if own else True),
            Answer(Query("text->image", "a dog"), tuple(hits), shows, None, None if own else False),
        )
        return Result(tmp_path, answers)

    def write_page(result, path):
        asked["page"] = path
        return path

    monkeypatch.setattr("sensorium.demo.run.run_demo", run_demo)
    monkeypatch.setattr("sensorium.demo.page.write_page", write_page)
    return asked


def test_the_demo_goes_into_the_per_user_folder_and_tells_each_search(sensorium_run, script, played, own_home):
    place = own_home / ".local/share/sensorium/demo"
    ran = sensorium_run("demo")
    assert ran.code == 0 and ran.err == "note: pictures are drawn\n"
    assert (played["folder"], played["own"]) == (place / "samples", False)
    assert (played["library"], played["page"]) == (place / "index.library", place / "index.html")
    told = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert told[1:4] == [
        "text -> image",
        "ok the sea a beach | waves | ../../../far/away/notes.md".replace("../../..", os.path.relpath("/", Path.cwd())),
        "-- a dog a beach | waves | ../../../far/away/notes.md".replace("../../..", os.path.relpath("/", Path.cwd())),
    ]
    assert "1 of 2 searches have a right answer among the first 3" in told
    assert "a search takes 1.0 ms, all took 7.2 s" in told


def test_the_demo_on_ones_own_folder_has_a_library_of_its_own(sensorium_run, script, played, tmp_path):
    sensorium_run("demo", "mine", "--page", "out/own.html")
    assert (played["folder"], played["own"]) == (Path("mine"), True)
    assert (played["library"], played["page"]) == (tmp_path / "out/own.library", tmp_path / "out/own.html")


def test_the_demo_writes_no_page_over_a_folder_and_leaves_nothing_beside_it(sensorium_run, script, played, tmp_path):
    (tmp_path / "pages").mkdir()
    ran = sensorium_run("demo", "--page", "pages")
    assert ran.code == 2 and f"is a folder: name a file, as in --page {tmp_path}/pages/index.html" in ran.err
    assert played == {} and [path.name for path in tmp_path.iterdir()] == ["pages"]


def test_the_demo_names_a_command_that_a_shell_finds(sensorium_run, script, played, monkeypatch, tmp_path):
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin/sensorium"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    monkeypatch.setattr(sys, "argv", ["bin/sensorium"])
    monkeypatch.setenv("PATH", "/nowhere")
    turn = "your turn   {} --library out/index.library search ...\n"
    assert turn.format("bin/sensorium") in sensorium_run("demo", "--page", "out/index.html").out
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert turn.format("sensorium") in sensorium_run("demo", "--page", "out/index.html").out


def test_the_demo_takes_the_library_that_is_named_but_not_the_one_of_the_environment(
    sensorium_run, script, played, monkeypatch, tmp_path
):
    monkeypatch.setenv("SENSORIUM_LIBRARY", str(tmp_path / "daily.library"))
    sensorium_run("demo", "--page", "out/index.html")
    assert played["library"] == tmp_path / "out/index.library"
    sensorium_run("demo", "--page", "out/index.html", "--library", tmp_path / "named.library")
    assert played["library"] == tmp_path / "named.library"
