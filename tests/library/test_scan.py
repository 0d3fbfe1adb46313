"""What of a folder is taken in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sensorium.core.errors import SourceMissing
from sensorium.library.scan import Known, by_path, file_at, is_gone, is_under, roots_of, scan, with_parents


@pytest.fixture
def folder(tmp_path):
    """Two files, a folder in a folder, and what must be left out."""
    for name in ("b.txt", "a.txt", "sub/c.txt", "sub/deep/er/d.txt", ".hidden", ".git/config", "photos.library/x.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    for name in ("library.json", "items.lance/x", "bundle.txt"):
        (tmp_path / "unnamed" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "unnamed" / name).write_text("{}")
    return tmp_path


def found(*roots, library="/nowhere"):
    return [os.path.relpath(f.path, roots[0]) for f in scan([Path(r) for r in roots], Path(library))]


def test_files_come_in_a_fixed_order_without_hidden_ones_and_libraries(folder):
    assert found(folder) == ["a.txt", "b.txt", "sub/c.txt", "sub/deep/er/d.txt"]


def test_the_library_itself_is_left_out_whatever_its_name(folder):
    assert found(folder, library=folder / "sub") == ["a.txt", "b.txt"]


def test_a_hidden_file_or_folder_that_is_named_is_taken(folder):
    assert found(folder / ".hidden") == ["."]
    assert found(folder / ".git") == ["config"]


def test_links_to_files_are_files_and_links_to_folders_are_not_followed(folder):
    (folder / "sub/link.txt").symlink_to(folder / "a.txt")
    (folder / "sub/up").symlink_to(folder)
    (folder / "sub/broken.txt").symlink_to(folder / "nothing")
    (folder / "sub/round.txt").symlink_to(folder / "sub/round.txt")
    os.mkfifo(folder / "sub/pipe")
    assert found(folder / "sub") == ["c.txt", "deep/er/d.txt", "link.txt"]


def test_sizes_and_times_are_those_of_the_file(folder):
    os.utime(folder / "a.txt", (5, 1234.5))
    assert [(f.size, f.mtime) for f in scan([folder / "a.txt"], folder)] == [(5, 1234.5)]


def test_a_folder_that_cannot_be_read_is_passed_over(folder, monkeypatch):
    honest = os.scandir

    def refusing(path):
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return honest(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert found(folder) == ["a.txt", "b.txt"]


def test_roots_within_roots_are_walked_once(folder):
    roots = roots_of([folder / "sub/deep", folder / "sub", folder / "a.txt", folder / "sub/../sub"])
    assert roots == [folder / "a.txt", folder / "sub"]
    assert roots_of(["/", folder]) == [Path("/")]
    with pytest.raises(SourceMissing):
        roots_of([folder, folder / "nothing"])


def test_under_is_by_whole_names():
    assert is_under("/a/b/c", {"/a/b"}) and is_under("/a/b", {"/x", "/a/b"}) and is_under("/a", {"/"})
    assert not is_under("/a/bc", {"/a/b"}) and not is_under("/a", {"/a/b"}) and not is_under("/a", set())
    assert list(with_parents("/a/b")) == ["/a/b", "/a", "/"]


def test_gone_is_only_what_is_certainly_not_there(folder, monkeypatch):
    assert is_gone(str(folder / "nothing")) and is_gone(str(folder / "a.txt/x")) and is_gone(str(folder / "sub"))
    assert not is_gone(str(folder / "a.txt"))
    assert file_at(str(folder / "sub")) is None

    def refusing(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "stat", refusing)
    gone = is_gone(str(folder / "nothing"))
    monkeypatch.undo()
    assert not gone


def test_of_items_with_one_path_the_present_one_counts_else_the_newest():
    def known(number, present):
        return Known(number, "/x", str(number), 1, 1.0, present, "x")

    assert by_path([known(1, False), known(2, True), known(3, False)])["/x"].id == 2
    assert by_path([known(3, False), known(1, False)])["/x"].id == 3
