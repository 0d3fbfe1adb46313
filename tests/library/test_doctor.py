"""`doctor`: each thing that can be wrong is found, and said with what to do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from importlib import metadata

import pytest

from sensorium import Library
from sensorium.library import doctor as doctor_file
from sensorium.library import offline
from sensorium.library.doctor import doctor
from sensorium.readers import registry
from sensorium.store.library_json import FORMAT


@pytest.fixture
def filled(library, files):
    files.fill(texts=5, pictures=3, sounds=2, long=False)
    library.add(files.folder)
    return library


@pytest.fixture
def no_proof(monkeypatch):
    """Without the process that proves it, which takes a second."""
    monkeypatch.setattr(offline, "prove", lambda: (True, "not looked at"))


def examine(path=None):
    """Name -> check; a check that is not well has a fix, and no check has more than one line."""
    checks = doctor(path)
    assert all("\n" not in f"{check.found}{check.fix}" and bool(check.fix) != check.ok for check in checks)
    assert len({check.name for check in checks}) == len(checks)
    json.dumps([check.to_json() for check in checks])
    return {check.name: check for check in checks}


def bad(path=None):
    """The checks that are not well."""
    return {name: check for name, check in examine(path).items() if not check.ok}


@pytest.fixture(autouse=True)
def model(bundle, monkeypatch):
    monkeypatch.setenv("SENSORIUM_MODEL", str(bundle))


def test_all_is_well_with_a_good_library(filled):
    checks = examine(filled.path)
    assert all(check.ok for check in checks.values())
    space = filled.status().spaces[0].space
    assert checks["library"].found == f"{filled.path}, format {FORMAT}, 10 items"
    assert checks["towers"].found == "text, image, audio work"
    assert checks[f"vectors {space}"].found == "10 parts of 10 present items"
    assert checks[f"index {space}"].found == "10 parts, every byte checked, up to date"
    assert checks["files"].found == "10 of 10 looked for, all are there"
    assert checks["lock"].found == "nobody is writing"
    assert checks["numpy"].found == metadata.version("numpy") and checks["pylance"].found == metadata.version("pylance")
    assert {"reader text", "reader image", "reader audio", "python", "disk", "model"} <= set(checks)
    assert "added and searched 3 texts" in checks["network"].found and "0 tries to connect" in checks["network"].found


def test_every_core_dependency_is_looked_at(no_proof):
    checks = examine()
    for line in metadata.requires("sensorium"):
        if "extra" not in line:
            assert re.split("[<>=]", line)[0] in checks


def test_without_a_library_there_is_none_yet(no_proof, own_home):
    assert not bad()
    assert "none yet at" in examine()["library"].found
    missing = bad(own_home / "nowhere")
    assert set(missing) == {"library"} and missing["library"].fix.endswith("nowhere add FOLDER")


def test_a_package_that_is_missing_old_or_broken_is_named_with_its_command(no_proof, monkeypatch):
    honest = metadata.version

    def version(name):
        if name == "pillow":
            raise metadata.PackageNotFoundError(name)
        return "1.0" if name == "numpy" else "15.0.0" if name == "pylance" else honest(name)

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setitem(sys.modules, "av", None)
    found = bad()
    assert {"pillow", "numpy", "pylance", "av"} <= set(found)
    assert found["pillow"].fix == "pip install 'pillow>=12'" and found["pillow"].found == "not installed"
    assert found["numpy"].fix == "pip install --force-reinstall 'numpy>=2.1'" and "1.0, but" in found["numpy"].found
    assert "15.0.0, but pylance" in found["pylance"].found
    assert found["av"].found.startswith("cannot be loaded: ")


def test_a_folder_that_was_never_installed_says_so(no_proof, monkeypatch):
    def requires(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", requires)
    assert bad()["sensorium"].fix == "pip install ."


def test_a_reader_plug_in_that_does_not_load_is_named(no_proof, monkeypatch):
    broken = metadata.EntryPoint("pages", "no_such_package.reader:reader", registry.GROUP)
    monkeypatch.setattr(registry, "registered", lambda: {"pages": broken})
    assert "no_such_package" in bad()["reader pages"].found


def test_a_model_that_is_missing_or_altered_is_said(no_proof, monkeypatch, tmp_path, bundle):
    monkeypatch.setenv("SENSORIUM_MODEL", str(tmp_path / "none"))
    assert "no model" in bad()["model"].found and "towers" not in examine()
    shutil.copytree(bundle, tmp_path / "altered")
    (tmp_path / "altered/audio.onnx").write_bytes(b"x")
    monkeypatch.setenv("SENSORIUM_MODEL", str(tmp_path / "altered"))
    assert "audio.onnx is not the file that was packed" in bad()["model"].found


def test_each_fault_of_a_library_is_found(no_proof, filled, files):
    space = filled.status().spaces[0].space
    snapshot = next(filled.path.glob("indexes/*/*.snapshot"))
    data = bytearray(snapshot.read_bytes())
    data[-1000] ^= 0xFF if data[-1000] else 0
    snapshot.write_bytes(data[:-1])
    (filled.path / "bundles" / space / "text.onnx").write_bytes(b"x")
    for name in ("texts/t01.txt", "texts/t02.txt"):
        (files.folder / name).unlink()
    found = bad(filled.path)
    assert set(found) == {f"index {space}", f"bundle {space}", "files"}
    assert found[f"index {space}"].fix == f"sensorium --library {filled.path} search anything"
    assert found[f"bundle {space}"].fix.endswith(f"{filled.path}/bundles/{space}/")
    assert found["files"].found.startswith("2 of 10 looked for are gone, such as ")
    assert found["files"].fix == f"sensorium --library {filled.path} add {files.folder}/texts"
    filled.add(files.folder)
    assert set(bad(filled.path)) == {f"bundle {space}"}


def test_items_without_vectors_are_found(no_proof, filled):
    import lance

    space = filled.status().spaces[0].space
    lance.dataset(str(filled.path / f"vectors/{space}.lance")).delete("item = 4")
    found = bad(filled.path)
    assert (
        set(found) == {f"vectors {space}"}
        and found[f"vectors {space}"].found == "1 items have no vectors, the first is 4"
    )


def test_an_index_that_is_behind_or_not_there_is_no_fault(no_proof, filled, files):
    import lance

    space = filled.status().spaces[0].space
    lance.dataset(str(filled.path / "items.lance")).delete("id = 4")
    assert "behind" in examine(filled.path)[f"index {space}"].found
    shutil.rmtree(filled.path / "indexes")
    assert examine(filled.path)[f"index {space}"].found == "none yet: the next search builds it"


def test_a_damaged_or_newer_library_is_a_bad_check_not_an_error(no_proof, filled):
    (filled.path / "library.json").write_text("{")
    assert "cannot be read" in bad(filled.path)["library"].found
    (filled.path / "library.json").write_text('{"format": 9}')
    assert "format 9" in bad(filled.path)["library"].found


def test_a_writer_is_named(no_proof, filled):
    from sensorium.store.lock import Lock

    with Lock(filled.path, "sensorium add").acquire():
        assert "being written by process" in examine(filled.path)["lock"].found


def test_too_little_room_is_said(no_proof, monkeypatch):
    monkeypatch.setattr(doctor_file, "FREE", 1 << 60)
    assert "free some space" in bad()["disk"].fix


TRIES = {
    "socket.connect": "import socket; socket.socket().connect(('192.0.2.1', 80))",
    "socket.getaddrinfo": "import urllib.request; urllib.request.urlopen('http://example.org')",
    "socket.gethostbyname": "import socket; socket.gethostbyname('example.org')",
    "socket.sendto": "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 80))",
}


@pytest.mark.parametrize("event", TRIES)
def test_every_way_to_a_network_is_refused_and_noted(event):
    code = (
        "from sensorium.readers.confinement import refuse_connections\nattempts = refuse_connections()\n"
        f"try:\n    {TRIES[event]}\nexcept OSError:\n    print(attempts[0].split()[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split()[-1] == event, done.stderr


def test_a_model_that_needs_a_network_fails_the_proof(monkeypatch, tmp_path):
    """A stand-in for a package that phones home when it is imported."""
    (tmp_path / "tokenizers.py").write_text("import socket\nsocket.getaddrinfo('example.org', 80)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    well, seen = offline.prove()
    assert not well and "socket.getaddrinfo" in seen


def test_a_proof_that_cannot_be_run_is_not_well(monkeypatch, tmp_path):
    monkeypatch.setenv("SENSORIUM_MODEL", str(tmp_path / "none"))
    well, seen = offline.prove()
    assert not well and "no model" in seen and "\n" not in seen


def test_the_network_is_left_where_the_system_lets_it():
    code = (
        "from sensorium.readers.confinement import leave_network\n"
        "print(leave_network(), open('/proc/self/net/dev').read().count(':'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    left, interfaces = done.stdout.split()
    assert left == "False" or interfaces == "1", done.stderr  # the loopback interface alone, and it is down


def test_the_library_is_untouched_by_an_examination(no_proof, filled):
    before = {p: p.stat().st_mtime_ns for p in filled.path.rglob("*")}
    examine(filled.path)
    assert {p: p.stat().st_mtime_ns for p in filled.path.rglob("*")} == before
    assert Library(filled.path).search("x").notes == ()
