"""Paths as people give them, and files that are there whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sensorium.core.paths import absolute, at_home, write_whole


def test_the_home_folder_and_names_that_nobody_has(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert at_home("~/x") == absolute("x") == tmp_path / "x"
    assert at_home("~nobody-of-this-name/x") == Path("~nobody-of-this-name/x")
    assert absolute("~nobody-of-this-name/x") == tmp_path / "~nobody-of-this-name/x"


def test_a_file_is_replaced_whole_and_what_stops_that_is_named(tmp_path):
    path = tmp_path / "out.json"
    write_whole(path, "old")
    write_whole(path, json.dumps({"name": "caf\udce9"}, ensure_ascii=False))
    assert json.loads(path.read_text("utf-8")) == {"name": "caf\udce9"}
    (tmp_path / "folder").mkdir()
    for bad in (tmp_path / "folder", tmp_path / "none/out.json"):
        with pytest.raises(OSError, match=bad.name):
            write_whole(bad, "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "out.json"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_device_is_written_into_and_stays_one():
    with pytest.raises(OSError, match="/dev/full") as full:
        write_whole(Path("/dev/full"), "x" * 100_000)
    assert full.value.filename == "/dev/full" and Path("/dev/full").is_char_device()
    write_whole(Path("/dev/null"), "x")
    assert Path("/dev/null").is_char_device()
