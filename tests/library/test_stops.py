"""Runs of `add` that are stopped: by Ctrl-C, by a full disk. What was committed stays, the next run goes on."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
from PIL import Image

from sensorium import Library, Like
from sensorium.core.errors import LibraryFull, SensoriumError
from sensorium.library import filling
from sensorium.store.lock import writing_now
from sensorium.testing.naive import live_rows


class Watching:
    """A progress that keeps what it is told, and may stop the run."""

    def __init__(self, stop_at=None):
        self.stop_at, self.started, self.done, self.skipped, self.finished = stop_at, [], 0, 0, 0

    def start(self, what, total):
        self.started.append((what, total))

    def advance(self, done=1, *, skipped=0):
        self.done, self.skipped = self.done + done, self.skipped + skipped
        if self.done == self.stop_at:
            raise KeyboardInterrupt

    def finish(self):
        self.finished += 1


def test_progress_is_told_of_every_file(tmp_path, bundle, files):
    files.fill(texts=5, pictures=0, sounds=0, long=False)
    files.bytes("bad.png", b"\x89PNG\r\n\x1a\n")
    watching = Watching()
    with Library(tmp_path / "l", model=str(bundle), progress=watching) as library:
        library.add(files.folder)
    assert (watching.started, watching.done, watching.skipped, watching.finished) == ([("adding", 6)], 6, 1, 1)


def test_ctrl_c_loses_at_most_a_batch_and_the_next_run_goes_on(tmp_path, bundle, files, monkeypatch):
    for n in range(40):
        files.text(f"{n:02}.txt", f"story number {n}")
    monkeypatch.setattr(filling, "BATCH_ITEMS", 8)
    with Library(tmp_path / "l", model=str(bundle), progress=Watching(stop_at=30)) as library:
        with pytest.raises(KeyboardInterrupt):
            library.add(files.folder)
        assert writing_now(library.path) is None
        assert library.items()["id"].to_pylist() == list(range(1, 25))
        assert len(library.search("story number 7", k=50)) == 24
        report = library.add(files.folder)
        assert (report.added, report.unchanged) == (16, 24)
        assert library.items()["id"].to_pylist() == list(range(1, 41))
        assert library.search("story number 33", k=1)[0].path.endswith("33.txt")


def test_a_full_disk_in_the_middle_loses_nothing_and_the_next_run_goes_on(mounted, bundle, files, tmp_path):
    noise = np.random.default_rng(0)
    for n in range(100):  # their previews take 3 kB each
        Image.fromarray(noise.integers(0, 256, (160, 160, 3), np.uint8)).save(files.at(f"p{n:03}.png"))
    disk = mounted("size=450k")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filling, "BATCH_ITEMS", 25)
        with Library(disk.place / "l.library", model=str(bundle)) as library:
            with pytest.raises(LibraryFull, match="the disk is full; free some space and run the same command again"):
                library.add(files.folder)
            assert writing_now(library.path) is None
            before = library.items()["id"].to_pylist()
            assert 25 <= len(before) < 100 and before == list(range(1, len(before) + 1))
            assert len(library.search("anything", k=200)) == len(before)
            with pytest.raises(LibraryFull):
                library.add(files.folder)
        disk.change("size=64m")
        with Library(disk.place / "l.library") as library, Library(tmp_path / "whole", model=str(bundle)) as whole:
            assert library.items()["id"].to_pylist()[: len(before)] == before
            assert library.add(files.folder).added > 0
            whole.add(files.folder)
            rows, expected = live_rows(library.path), live_rows(whole.path)
            assert [(r.item, r.path) for r in rows] == [(r.item, r.path) for r in expected]
            np.testing.assert_allclose([r.vector for r in rows], [r.vector for r in expected], atol=2e-3)
            assert list(library.search(Like(7), k=100)) == list(whole.search(Like(7), k=100))


def test_a_disk_too_small_for_the_model_is_said_and_leaves_no_half_of_it(mounted, bundle, files):
    files.text("a.txt", "the sea")
    disk = mounted("size=40k")
    library = Library(disk.place / "l.library", model=str(bundle))
    with pytest.raises(SensoriumError, match="the disk is full"):
        library.add(files.folder)
    assert not list((library.path / "bundles").glob("*"))
    disk.change("size=32m")
    assert library.add(files.folder).added == 1


def test_ctrl_c_does_not_wait_for_the_hash_of_a_huge_file(tmp_path, bundle, files, monkeypatch):
    files.text("a.txt", "the sea")
    huge = files.text("b.txt", "words " * 10)
    os.truncate(huge, 50 << 30)
    library = Library(tmp_path / "l", model=str(bundle), progress=Watching(stop_at=1))
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        library.add(files.folder)
    assert time.monotonic() - began < 10
