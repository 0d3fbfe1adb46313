"""Snapshots: what goes in comes out, mapped; whatever is wrong is IndexDamaged; swaps never disturb a reader."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensorium.indexes import files
from sensorium.indexes.durable import claim
from sensorium.indexes.exact import ExactIndex
from sensorium.indexes.files import IndexDamaged, pack_strings, read_snapshot, unpack, write_snapshot

ARRAYS = {
    "ids": np.arange(50) * 3,
    "vectors": np.random.default_rng(0).standard_normal((50, 8)).astype(np.float32),
    "kinds": np.array([0, 1, 2], np.int8),
    "none": np.empty((0, 8), np.float32),
    "flag": np.array(True),
}
HEADER = {"version": 7, "space": "ab" * 8, "name": "é", "deep": {"a": [1, None]}}


def generation(folder):
    (path,) = folder.glob("*.snapshot")
    return path


def test_what_goes_in_comes_out(tmp_path):
    write_snapshot(tmp_path / "indexes" / "space", ARRAYS, HEADER)
    snapshot = read_snapshot(tmp_path / "indexes" / "space", verify=True)
    assert snapshot.header == HEADER
    assert list(snapshot.arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert snapshot.arrays[name].dtype == array.dtype
        assert snapshot.arrays[name].shape == array.shape
        assert np.array_equal(snapshot.arrays[name], array)
        assert not snapshot.arrays[name].flags.writeable


def test_arrays_that_are_not_contiguous_or_not_little_endian_go_in_as_well(tmp_path):
    odd = {"turned": ARRAYS["vectors"].T, "big": ARRAYS["ids"].astype(">i8"), "step": ARRAYS["ids"][::3]}
    write_snapshot(tmp_path, odd, {})
    found = read_snapshot(tmp_path, verify=True).arrays
    assert all(np.array_equal(found[name], odd[name]) for name in odd)


@pytest.mark.parametrize("array", [np.array(["text"]), np.array([{}], object), np.array([b"x"])])
def test_arrays_of_anything_but_numbers_are_refused(tmp_path, array):
    with pytest.raises(TypeError, match=r"'words'.*pack_strings"):
        write_snapshot(tmp_path, {"words": array}, {})
    assert list(tmp_path.iterdir()) == []


@settings(deadline=None)
@given(st.lists(st.text()))
def test_strings_come_back(strings):
    blob, offsets = pack_strings(strings)
    assert (blob.dtype, offsets.dtype, len(offsets)) == (np.uint8, np.int64, len(strings) + 1)
    assert [unpack(blob, offsets, i) for i in range(len(strings))] == strings


def test_file_names_that_are_not_unicode_come_back():
    name = os.fsdecode(b"caf\xe9.jpg")
    assert unpack(*pack_strings(["a", name]), 1) == name


@pytest.mark.parametrize("i", [-1, 2])
def test_a_string_that_is_not_there_is_an_index_error(i):
    with pytest.raises(IndexError):
        unpack(*pack_strings(["a", "b"]), i)


def test_every_flipped_byte_is_noticed(tmp_path):
    write_snapshot(tmp_path, {"ids": np.arange(40), "flag": np.array(True)}, {"a": 1})
    for path in (generation(tmp_path), tmp_path / "current"):
        good = path.read_bytes()
        said = []
        for i in range(len(good)):
            path.write_bytes(good[:i] + bytes([good[i] ^ 0x10]) + good[i + 1 :])
            try:
                read_snapshot(tmp_path, verify=True)
            except IndexDamaged as error:
                said.append(str(error))
        path.write_bytes(good)
        padding = 64 * (2 + len(ARRAYS))  # bytes that fill up to the next array hold nothing
        assert len(said) >= len(good) - padding
        assert all("build it again" in line and "\n" not in line for line in said)
    assert read_snapshot(tmp_path, verify=True).arrays["ids"].tolist() == list(range(40))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.binary(max_size=40), st.booleans())
def test_no_cut_and_no_garbage_raises_anything_else(tmp_path, cut, garbage, verify):
    folder = tmp_path / "damaged"
    if not folder.exists():
        write_snapshot(folder, ARRAYS, HEADER)
        shutil.copytree(folder, tmp_path / "good")
    good = generation(tmp_path / "good").read_bytes()
    at = cut % len(good)
    for damaged in (good[:at], good[:at] + garbage, good[:at] + garbage + good[at + len(garbage) :], garbage):
        generation(folder).write_bytes(damaged)
        try:
            read = read_snapshot(folder, verify=verify)
        except IndexDamaged:
            continue
        assert np.array_equal(read.arrays["vectors"], ARRAYS["vectors"])
        del read  # and with it its map of the file


@pytest.mark.parametrize("pointer", [b"", b"\n", b"g-0123456789abcdef.snapshot", b"../secret\n", b"\xff" * 300])
def test_a_pointer_that_names_no_snapshot_is_damage(tmp_path, pointer):
    write_snapshot(tmp_path, ARRAYS, HEADER)
    (tmp_path / "current").write_bytes(pointer)
    with pytest.raises(IndexDamaged, match="build it again"):
        read_snapshot(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: shutil.rmtree(folder),
        lambda folder: (folder / "current").unlink(),
        lambda folder: generation(folder).unlink(),
        lambda folder: generation(folder).write_bytes(b""),
        lambda folder: (folder / "current").unlink() or (folder / "current").mkdir(),
        lambda folder: shutil.rmtree(folder) or folder.write_text("a file"),
        lambda folder: make_generation_a_folder(folder),
    ],
)
def test_what_is_missing_or_not_a_file_is_damage_and_the_next_write_mends_it(tmp_path, damage):
    folder = tmp_path / "space"
    write_snapshot(folder, ARRAYS, HEADER)
    damage(folder)
    with pytest.raises(IndexDamaged, match="build it again"):
        read_snapshot(folder)
    if folder.is_dir() and not (folder / "current").is_dir():
        write_snapshot(folder, ARRAYS, {"again": True})
        assert read_snapshot(folder).header == {"again": True}


def make_generation_a_folder(folder):
    path = generation(folder)
    path.unlink()
    path.mkdir()


def test_a_flip_in_the_middle_of_a_large_array_is_found_by_verify(tmp_path):
    big = np.random.default_rng(0).standard_normal(400_000).astype(np.float32)
    write_snapshot(tmp_path, {"big": big}, {})
    path = generation(tmp_path)
    good = bytearray(path.read_bytes())
    good[len(good) // 2 - 20_000] ^= 1
    path.write_bytes(good)
    with pytest.raises(IndexDamaged, match="'big' does not match"):
        read_snapshot(tmp_path, verify=True)
    for spot in (200, len(good) - 10):  # the quick check looks at both ends, and between
        path.write_bytes(good[:spot] + bytes([good[spot] ^ 1]) + good[spot + 1 :])
        with pytest.raises(IndexDamaged):
            read_snapshot(tmp_path)


def test_a_reader_of_an_old_generation_goes_on(tmp_path):
    write_snapshot(tmp_path, ARRAYS, {"version": 1})
    old = read_snapshot(tmp_path)
    index = ExactIndex(old.arrays["ids"], old.arrays["vectors"], "cosine")
    before = index.search(ARRAYS["vectors"][:3], 5)
    for version in (2, 3, 4):
        write_snapshot(tmp_path, {"ids": np.arange(2)}, {"version": version})
    assert not old.path.exists()
    after = index.search(ARRAYS["vectors"][:3], 5)
    assert np.array_equal(before.ids, after.ids)
    assert np.array_equal(old.arrays["vectors"], ARRAYS["vectors"])
    assert read_snapshot(tmp_path).header == {"version": 4}


def test_one_generation_is_kept_and_its_caches_go_with_it(tmp_path):
    write_snapshot(tmp_path, ARRAYS, {"version": 1})
    cache = read_snapshot(tmp_path).beside("ivf-cosine-100")
    cache.write_text("lists")
    strangers = {"notes.txt", "g-string.pdf", "g-000000000000000a-notes"}
    for name in strangers:
        (tmp_path / name).write_text("not ours")
    write_snapshot(tmp_path, ARRAYS, {"version": 2})
    assert not cache.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"current", generation(tmp_path).name, *strangers}


def test_leftovers_are_removed_but_not_what_a_living_writer_holds(tmp_path):
    for name in ("g-00000000000000aa.snapshot", "g-00000000000000bb.ivf.12.tmp", "current.12ab.tmp"):
        (tmp_path / name).write_bytes(b"half")
    held, file = claim(tmp_path, "g-", ".snapshot")
    with file:
        write_snapshot(tmp_path, ARRAYS, HEADER)
        assert {path.name for path in tmp_path.iterdir()} == {"current", held.name, read_snapshot(tmp_path).path.name}
    write_snapshot(tmp_path, ARRAYS, HEADER)
    assert not held.exists()


def test_a_full_disk_leaves_the_old_snapshot_and_nothing_else(tmp_path, monkeypatch):
    write_snapshot(tmp_path, ARRAYS, {"version": 1})
    before = sorted(path.name for path in tmp_path.iterdir())

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            write_snapshot(tmp_path, ARRAYS, {"version": 2})
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert read_snapshot(tmp_path, verify=True).header == {"version": 1}


def test_readers_and_writers_at_once_see_whole_snapshots_only(tmp_path):
    write_snapshot(tmp_path, {"all": np.zeros(20_000)}, {"version": 0})
    stop, seen, failed = threading.Event(), [], []

    def write(start):
        for version in range(start, start + 25):
            write_snapshot(tmp_path, {"all": np.full(20_000, float(version))}, {"version": version})

    def read():
        while not stop.is_set():
            try:
                snapshot = read_snapshot(tmp_path, verify=True)
            except ValueError as error:
                failed.append(error)
                continue
            seen.append(bool((snapshot.arrays["all"] == snapshot.header["version"]).all()))

    writers = [threading.Thread(target=write, args=(start,)) for start in (100, 200)]
    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in [*writers, *readers]:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in readers:
        thread.join()
    assert not failed
    assert all(seen)
    assert len(seen) > 10
    assert len(list(tmp_path.glob("g-*"))) == 1


def test_a_reader_that_comes_between_swap_and_delete_takes_the_new_one(tmp_path, monkeypatch):
    write_snapshot(tmp_path, ARRAYS, {"version": 1})
    pointed, calls = files._pointed, []

    def overtaken(folder):
        name = pointed(folder)
        if not calls:
            calls.append(name)
            write_snapshot(tmp_path, ARRAYS, {"version": 2})
        return name

    monkeypatch.setattr(files, "_pointed", overtaken)
    assert read_snapshot(tmp_path).header == {"version": 2}


def test_what_a_search_loads_is_numpy_alone():
    """Neither Faiss nor pyarrow nor Lance comes with the snapshot, the exact index and the delta."""
    code = (
        "import sys, json, sensorium.indexes.files, sensorium.indexes.exact, sensorium.indexes.delta;"
        "print(json.dumps([m for m in ('faiss', 'pyarrow', 'lance', 'onnxruntime') if m in sys.modules]))"
    )
    assert json.loads(subprocess.check_output([sys.executable, "-c", code], text=True)) == []
