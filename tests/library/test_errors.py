"""What can go wrong on purpose: one line that names the thing, the cause and the way out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from sensorium import Library
from sensorium.core.errors import (
    BadQuery,
    BadWhere,
    LibraryDamaged,
    LibraryEmpty,
    LibraryLocked,
    LibraryMissing,
    LibraryTooNew,
    ModelUnknown,
    SensoriumError,
    SourceMissing,
)
from sensorium.store.library_json import FORMAT
from sensorium.store.lock import Lock, writing_now

HOLD = """
import sys, time
from pathlib import Path
from sensorium.store.lock import Lock
with Lock(Path(sys.argv[1]), "sensorium add"):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def filled(library, files):
    files.text("a.txt", "the sea")
    library.add(files.folder)
    return library


def one_line(said):
    """The message of what was raised, which must be one line."""
    message = str(said.value)
    assert message and "\n" not in message and isinstance(said.value, SensoriumError)
    return message


def test_a_missing_library(tmp_path):
    with pytest.raises(LibraryMissing) as said:
        Library(tmp_path / "none", create=False)
    assert one_line(said) == (
        f"there is no library at {tmp_path}/none: make one with `sensorium add FOLDER`, or name another with --library"
    )
    (tmp_path / "folder").mkdir()
    with pytest.raises(LibraryMissing, match="no library here; make one with: sensorium add FOLDER"):
        Library(tmp_path / "folder", create=False)
    (tmp_path / "folder/x").touch()
    with pytest.raises(LibraryMissing, match="holds other things"):
        Library(tmp_path / "folder", model=None)


def test_an_unknown_model_is_said_before_anything_is_made(tmp_path, filled):
    with pytest.raises(ModelUnknown) as said:
        Library(tmp_path / "new", model="no-such-model")
    assert "no model 'no-such-model'" in one_line(said) and not (tmp_path / "new").exists()
    with pytest.raises(ModelUnknown):
        Library(filled.path, model="no-such-model")


def test_an_empty_library(library):
    for ask in (lambda: library.search("x"), lambda: library.neighbors([[1.0] * 16]), lambda: library.encode("x")):
        with pytest.raises(LibraryEmpty) as said:
            ask()
        assert one_line(said).endswith("is empty: add something first, as in: sensorium add ~/Pictures")
    assert library.items().num_rows == 0 and library.status().items == 0


def test_a_newer_library_is_refused_with_both_numbers(filled):
    path = filled.path / "library.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(LibraryTooNew) as said:
        Library(filled.path)
    assert "format 99" in one_line(said) and f"format {FORMAT}" in str(said.value)


@pytest.mark.parametrize("create", [True, False])
def test_a_damaged_library(filled, create):
    (filled.path / "library.json").write_text("{")
    with pytest.raises(LibraryDamaged, match=r"library\.json: cannot be read") as said:
        Library(filled.path, create=create)
    one_line(said)


def test_damaged_tables_are_said_by_all_who_need_them(filled, files):
    for path in (filled.path / "items.lance/data").iterdir():
        size = path.stat().st_size
        path.write_bytes(b"\xff" * (size // 2) + path.read_bytes()[size // 2 :])
    library = Library(filled.path)
    for ask in (
        library.items,
        library.status,
        lambda: library.add(files.folder),
        lambda: library.search("x", where="id > 0"),
    ):
        with pytest.raises(LibraryDamaged) as said:
            ask()
        assert "backup" in one_line(said)
    assert writing_now(filled.path) is None


def test_a_bad_where(filled):
    for where in ("size >", "colour = 'red'", "1; drop table items", ""):
        for ask in (lambda where=where: filled.search("x", where=where), lambda where=where: filled.items(where)):
            with pytest.raises(BadWhere) as said:
                ask()
            assert "it is an SQL expression over id, revision, path, kind" in one_line(said)


def test_addresses_and_missing_files_are_said_alike_everywhere(filled):
    for what in ("http://a.b/c", "https://a.b/c.jpg", "s3://bucket"):
        with pytest.raises(SourceMissing) as said:
            filled.add(what)
        assert (
            one_line(said) == f"{what} is not a file on this machine: nothing is fetched; download it and give its path"
        )
    with pytest.raises(SourceMissing, match="nope does not exist: check the path"):
        filled.add("nope")
    assert writing_now(filled.path) is None and filled.items().num_rows == 1


def test_a_second_writer_is_told_who_the_first_is_and_waits_or_leaves(filled, files):
    files.text("b.txt", "bread")
    command = [sys.executable, "-c", HOLD, str(filled.path)]
    with subprocess.Popen([*command, "60"], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        for ask in (lambda: filled.add(files.folder), lambda: filled.remove(1), filled.compact):
            with pytest.raises(LibraryLocked) as said:
                ask()
            message = one_line(said)
            assert f"is being written by process {holder.pid} on " in message and "(sensorium add)" in message
            assert message.endswith("try again later or wait with --wait 60")
        assert len(filled.search("x")) == 1 and filled.items().num_rows == 1
        assert f"process {holder.pid}" in (filled.status().lock or "")
        with pytest.raises(LibraryLocked):
            filled.add(files.folder, wait=0.2)
        holder.kill()
    assert filled.status().lock is None
    told = []
    with subprocess.Popen([*command, "0.5"], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        assert filled.add(files.folder, wait=30, on_wait=told.append).added == 1
    assert len(told) == 1 and told[0].endswith("waiting") and f"process {holder.pid}" in told[0]


def test_the_lock_is_free_after_every_error(filled, monkeypatch):
    from sensorium.library import add as add_file

    def broken(*arguments):
        raise RuntimeError("a bug")

    monkeypatch.setattr(add_file, "take_census", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        filled.add("/")
    with pytest.raises(SourceMissing):
        filled.remove(99)
    assert writing_now(filled.path) is None
    with Lock(filled.path).acquire():
        pass


def test_a_query_is_bad_before_a_library_is_asked(library):
    for empty in ("", "  "):
        with pytest.raises(BadQuery, match="the query is empty"):
            library.search(empty)


def test_the_default_library_is_the_users_own(bundle, monkeypatch, own_home, files):
    monkeypatch.setenv("SENSORIUM_MODEL", str(bundle))
    with Library() as library:
        assert library.path == own_home / ".local/share/sensorium/default.library"
    monkeypatch.setenv("SENSORIUM_LIBRARY", str(own_home / "other"))
    with Library() as library:
        assert library.path == own_home / "other"
    with Library("named") as library:
        assert library.path == own_home / ".local/share/sensorium/named.library"
        assert repr(library) == f"Library({str(library.path)!r})"
        assert library.add(files.text("a.txt", "x")).added == 1


def test_status_is_a_library_at_a_glance(filled, files):
    files.picture("p.png", 1), files.bytes("bad.png", b"\x89PNG\r\n\x1a\n")
    gone = files.text("gone.txt", "bread")
    filled.add(files.folder)
    gone.unlink()
    filled.add(files.folder)
    status = filled.status()
    assert (status.items, status.missing, status.skipped, status.parts) == (2, 1, 1, 3)
    assert status.kinds == {"image": 1, "text": 1} and status.lock is None and status.format == FORMAT
    (space,) = status.spaces
    assert (space.model, space.dimension, space.vectors, space.default) == ("tiny", 16, 3, True)
    on_disk = sum(p.stat().st_size for p in filled.path.rglob("*") if p.is_file())
    assert status.bytes == on_disk and status.path == str(filled.path)
    json.dumps(status.to_json())
    with Lock(filled.path, "sensorium add").acquire():
        assert f"process {os.getpid()}" in (filled.status().lock or "")
    assert time.time() - json.loads((filled.path / "library.json").read_text())["created_at"] < 3600
