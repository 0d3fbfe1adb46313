"""`add`: what goes in, what stays out, and what a second run finds."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from sensorium import Library, Text
from sensorium.core.errors import SourceMissing
from sensorium.library import filling, intake
from sensorium.readers.contract import Limits
from sensorium.store.lock import writing_now
from sensorium.testing.bundles import tiny_bundle
from sensorium.testing.files import Files
from sensorium.testing.naive import live_rows, table_of


def counts(report):
    """The counts of a report that are not zero."""
    said = report.to_json()
    shown = {name: said[name] for name in ("added", "updated", "moved", "unchanged", "missing") if said[name]}
    return shown | ({"skipped": len(report.skipped)} if report.skipped else {})


def names(hits):
    """File names of hits."""
    return [Path(hit.path).name for hit in hits]


def states(library):
    """File name -> (id, state)."""
    return {Path(i["path"]).name: (i["id"], i["state"]) for i in library.items().to_pylist()}


def test_a_folder_of_texts_pictures_and_sounds_goes_in_whole(library, files):
    files.fill(texts=5, pictures=4, sounds=2, long=False)
    report = library.add(files.folder)
    assert counts(report) == {"added": 11}
    assert report.bytes == sum(p.stat().st_size for p in files.folder.rglob("*") if p.is_file())
    items = library.items().to_pylist()
    assert [item["id"] for item in items] == list(range(1, 12))
    assert [item["path"] for item in items] == sorted(str(p) for p in files.folder.rglob("*.*"))
    assert {item["kind"] for item in items} == {"text", "image", "audio"}
    assert all(item["mtime"] == Path(item["path"]).stat().st_mtime for item in items)
    picture = next(item for item in items if item["kind"] == "image")
    assert json.loads(picture["attributes"]) == {"width": 24, "height": 24} and picture["title"] == "p00.png"
    assert table_of(library.path, "skipped") == []


def test_a_second_run_does_nothing_and_writes_nothing(library, files):
    files.fill(texts=5, pictures=2, sounds=1, long=False)
    library.add(files.folder)

    def written():
        return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in library.path.rglob("*") if p.name != "lock"}

    before = written()
    report = library.add(files.folder)
    assert counts(report) == {"unchanged": 8} and report.bytes == 0
    assert written() == before


def test_several_roots_relative_ones_and_single_files_are_one_run(library, files, monkeypatch):
    files.text("a/one.txt", "one"), files.text("b/two.txt", "two"), files.text("b/three.txt", "three")
    monkeypatch.chdir(files.folder)
    assert counts(library.add("a", Path("b/two.txt"), files.folder / "a/one.txt")) == {"added": 2}
    assert counts(library.add("../things")) == {"added": 1, "unchanged": 2}


def test_titles_of_texts_are_their_own_and_of_others_their_names(library, files):
    files.text("notes.md", "# The harbour at dawn\n\nGulls and fog.")
    files.picture("blue.png", 1)
    library.add(files.folder)
    assert [hit.title for hit in library.search("the harbour", k=5)] == ["The harbour at dawn", "blue.png"]


def test_every_part_of_a_long_file_is_there_with_its_own_vector(library, files):
    """Beyond the first 64 parts a file is read and encoded in pieces."""
    files.fill(texts=0, pictures=0, sounds=0)
    library.add(files.folder)
    for name, least in (("long.txt", 70), ("long.wav", 67)):
        rows = [row for row in live_rows(library.path) if row.path.endswith(name)]
        assert len(rows) >= least
        cosines = np.array([row.vector / np.linalg.norm(row.vector) for row in rows])
        assert len(np.unique(cosines.round(3), axis=0)) > len(rows) / 2
    text = [row for row in live_rows(library.path) if row.modality == "text"]
    assert " ".join(row.text for row in text).split() == (files.folder / "texts/long.txt").read_text().split()
    for row in (text[0], text[66], text[-1]):
        np.testing.assert_allclose(library.encode(Text(row.text))[0], row.vector, rtol=2e-3, atol=2e-3)
    (hit,) = library.search(text[66].text, kinds="text")
    assert hit.part == text[66].part and hit.text == text[66].text and hit.place.to_json() == json.loads(text[66].place)
    sounds = [json.loads(row.place)["seconds"] for row in live_rows(library.path) if row.modality == "audio"]
    assert sounds[:2] == [[0, 5], [5, 10]] and sounds[65] == [325, 330]


def test_a_changed_file_is_embedded_again_under_its_id(library, files):
    files.text("a.txt", "the sea was calm"), files.text("b.txt", "bread rises")
    library.add(files.folder)
    files.text("a.txt", "thunder over the hills, and much rain")
    assert counts(library.add(files.folder)) == {"updated": 1, "unchanged": 1}
    assert states(library) == {"a.txt": (1, "present"), "b.txt": (2, "present")}
    assert sorted(row.text for row in live_rows(library.path)) == [
        "bread rises",
        "thunder over the hills, and much rain",
    ]
    hits = library.search("thunder over the hills, and much rain")
    assert [hit.item for hit in hits] == [1, 2] and hits[0].score > 0.999


def test_a_file_that_was_only_touched_is_not_embedded_again(library, files, monkeypatch):
    path = files.text("a.txt", "the sea was calm")
    library.add(files.folder)
    files.stamp(path)
    monkeypatch.setattr(filling, "encode_rows", None)
    assert counts(library.add(files.folder)) == {"unchanged": 1}
    assert library.items()["mtime"].to_pylist() == [path.stat().st_mtime]


def test_two_files_with_the_same_content_are_two_items(library, files):
    files.text("a.txt", "the same words"), files.text("b.txt", "the same words")
    assert counts(library.add(files.folder)) == {"added": 2}
    files.text("c.txt", "the same words")
    assert counts(library.add(files.folder)) == {"added": 1, "unchanged": 2}
    hits = library.search("the same words")
    assert [hit.item for hit in hits] == [1, 2, 3] and len({hit.score for hit in hits}) == 1


def test_a_dry_run_says_what_would_be_and_does_nothing(library, files):
    files.text("a.txt", "one"), files.text("b.txt", "two"), files.text("gone.txt", "three")
    files.bytes("broken.png", b"\x89PNG\r\n\x1a\nno")
    library.add(files.folder)
    files.text("a.txt", "one, changed"), files.text("new.txt", "four!")
    (files.folder / "gone.txt").unlink()
    token = library._session.store.token()
    report = library.add(files.folder, dry_run=True)
    assert counts(report) == {"added": 1, "updated": 1, "unchanged": 1, "missing": 1, "skipped": 1}
    assert report.bytes == len("one, changed") + len("four!")
    assert library._session.store.token() == token
    assert counts(library.add(files.folder)) == counts(report)


def test_what_cannot_be_read_is_recorded_once_and_not_tried_again(library, files, monkeypatch):
    files.text("good.txt", "good words")
    files.bytes("broken.png", b"\x89PNG\r\n\x1a\nno"), files.bytes("empty.txt", b"")
    files.bytes("blob.bin", bytes(range(256)) * 8)
    report = library.add(files.folder)
    assert counts(report) == {"added": 1, "skipped": 3}
    assert {Path(s.path).name for s in report.skipped} == {"broken.png", "empty.txt", "blob.bin"}
    assert all(s.why and "\n" not in s.why and str(files.folder) not in s.why for s in report.skipped)
    assert library.status().skipped == 3
    monkeypatch.setattr(intake, "content_hash", None)
    again = library.add(files.folder)
    assert sorted(again.skipped, key=str) == sorted(report.skipped, key=str) and counts(again)["unchanged"] == 1
    monkeypatch.undo()
    files.picture("broken.png", 3)
    (files.folder / "empty.txt").unlink()
    assert counts(library.add(files.folder)) == {"added": 1, "unchanged": 1, "skipped": 1}
    assert [Path(row["path"]).name for row in table_of(library.path, "skipped")] == ["blob.bin"]


def test_an_item_whose_file_became_unreadable_is_missing_until_it_is_readable(library, files):
    path = files.picture("a.png", 1)
    good = path.read_bytes()
    library.add(files.folder)
    files.bytes("a.png", good[:60])
    assert counts(library.add(files.folder)) == {"missing": 1, "skipped": 1}
    assert states(library) == {"a.png": (1, "missing")} and list(library.search("anything")) == []
    files.bytes("a.png", good)
    assert counts(library.add(files.folder)) == {"unchanged": 1}
    assert states(library) == {"a.png": (1, "present")} and table_of(library.path, "skipped") == []


def test_a_file_damaged_beyond_its_first_parts_is_one_skip_and_the_run_goes_on(library, files, plugin):
    files.fill(texts=2, pictures=0, sounds=0, long=False)
    files.text("texts/torn.rst", "\n".join([*["say one more"] * 66, "refuse torn in the middle"]))
    report = library.add(files.folder / "texts")
    assert counts(report) == {"added": 2, "skipped": 1} and report.skipped[0].why == "torn in the middle"
    assert sorted(item["id"] for item in library.items().to_pylist()) == [1, 2]


def test_a_decoder_that_dies_hangs_or_eats_memory_costs_one_file(library, files, plugin):
    """Many files at once, so that workers die while others are at work, and the order stays."""
    files.fill(texts=9, pictures=6, sounds=3, long=False)
    deeds = {
        "a": "crash now", "b": "signal 9", "c": "leave at once", "d": "hang 600", "e": "eat 9000", "f": "fail badly",
        "g": "\n".join(["say on"] * 50 + ["signal 11"]), "h": "print something",
    }  # fmt: skip
    for name, deed in deeds.items():
        files.text(f"{name}.rst", deed)
    limits = Limits(stall_seconds=1.5)
    report = library.add(files.folder, limits=limits)
    assert counts(report) == {"added": 18 + 1, "skipped": 7}
    assert [Path(skip.path).stem for skip in report.skipped] == list("abcdefg")
    assert all(len(skip.why) < 200 and "\n" not in skip.why for skip in report.skipped)
    assert counts(library.add(files.folder, limits=limits)) == {"unchanged": 19, "skipped": 7}


def test_a_file_that_may_not_be_opened_is_tried_again_and_its_item_stays(library, files, monkeypatch):
    path = files.text("a.txt", "the sea was calm")
    library.add(files.folder)
    files.text("a.txt", "the sea was rough")
    files.text("b.txt", "bread rises")

    def refusing(path, hashed_with, stop):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(intake, "content_hash", refusing)
    for _ in range(2):
        report = library.add(files.folder)
        assert counts(report) == {"skipped": 2}
        assert {s.why for s in report.skipped} == {"cannot be opened: Permission denied"}
    assert names(library.search("the sea was calm")) == ["a.txt"]
    monkeypatch.undo()
    assert counts(library.add(files.folder)) == {"added": 1, "updated": 1}
    assert table_of(library.path, "skipped") == [] and path.exists()


def test_a_file_that_vanishes_while_it_is_read_is_no_skip(library, files, monkeypatch):
    files.text("a.txt", "one"), files.text("b.txt", "two")
    library.add(files.folder / "a.txt")
    files.text("a.txt", "one, changed")
    honest = intake.content_hash

    def vanishing(path, hashed_with, stop):
        if path.endswith("a.txt"):
            Path(path).unlink()
        return honest(path, hashed_with, stop)

    monkeypatch.setattr(intake, "content_hash", vanishing)
    assert counts(library.add(files.folder)) == {"added": 1, "missing": 1}
    assert states(library) == {"a.txt": (1, "missing"), "b.txt": (2, "present")}


def test_a_huge_file_of_no_kind_that_is_read_is_not_hashed(library, files, monkeypatch):
    monkeypatch.setattr(intake, "content_hash", None)
    monkeypatch.setattr(intake, "HASHED_ANYWAY", 1000)
    files.bytes("film.bin", bytes(range(256)) * 100)
    assert counts(library.add(files.folder)) == {"skipped": 1}


def test_thousands_of_files_named_one_by_one_take_no_longer_than_their_folder(library, files):
    paths = [files.bytes(f"{n:04}.bin", b"\0\1\2\3" * 9) for n in range(3000)]
    began = time.monotonic()
    assert len(library.add(*paths, dry_run=True).skipped) == 0
    assert library.add(*paths, dry_run=True).added == 3000
    assert time.monotonic() - began < 5


def test_a_name_in_no_encoding_is_skipped_with_the_reason(library, files):
    files.text("fine.txt", "fine")
    (files.folder / "caf\udce9.txt").write_bytes(b"coffee")
    for expected in ({"added": 1, "skipped": 1}, {"unchanged": 1, "skipped": 1}):
        report = library.add(files.folder)
        assert counts(report) == expected
        assert report.skipped[0].path.endswith("caf\\xe9.txt") and "not UTF-8" in report.skipped[0].why
    json.dumps(report.to_json()).encode()


def test_a_model_without_a_tower_for_a_file_skips_it_and_says_so(tmp_path, files):
    files.fill(texts=1, pictures=2, sounds=2, long=False)
    with Library(tmp_path / "l", model=str(tiny_bundle(tmp_path / "m", modalities=("text", "image")))) as library:
        report = library.add(files.folder)
        assert counts(report) == {"added": 3, "skipped": 2}
        assert {s.why for s in report.skipped} == {"the model has no tower for what is in it (audio)"}


def test_vanished_files_are_missing_and_found_again_when_they_return(library, files, tmp_path):
    files.text("a.txt", "the sea was calm"), files.text("b.txt", "bread rises")
    library.add(files.folder)
    shutil.move(files.folder / "a.txt", tmp_path / "elsewhere")
    assert counts(library.add(files.folder)) == {"unchanged": 1, "missing": 1}
    assert counts(library.add(files.folder)) == {"unchanged": 1}
    assert states(library) == {"a.txt": (1, "missing"), "b.txt": (2, "present")}
    assert names(library.search("the sea was calm")) == ["b.txt"]
    assert library.status().missing == 1 and library.status().items == 1
    shutil.move(tmp_path / "elsewhere", files.folder / "a.txt")
    assert counts(library.add(files.folder)) == {"unchanged": 2}
    assert names(library.search("the sea was calm")) == ["a.txt", "b.txt"]


def test_a_file_that_is_gone_may_be_named(library, files):
    path = files.text("a.txt", "the sea")
    files.text("b.txt", "bread")
    library.add(files.folder)
    path.unlink()
    assert counts(library.add(path)) == {"missing": 1}


def test_a_folder_that_is_gone_is_an_error_and_marks_nothing_missing(library, files):
    """It may be a drive that is not mounted."""
    files.text("drive/a.txt", "the sea"), files.text("drive/b.txt", "bread"), files.text("c.txt", "star")
    library.add(files.folder)
    shutil.rmtree(files.folder / "drive")
    files.text("d.txt", "new")
    with pytest.raises(SourceMissing, match="drive does not exist"):
        library.add(files.folder / "drive", files.folder / "d.txt")
    assert {state for _, state in states(library).values()} == {"present"} and len(states(library)) == 3
    assert writing_now(library.path) is None


def test_items_in_a_folder_that_cannot_be_read_now_stay(library, files, monkeypatch):
    files.text("closed/a.txt", "the sea"), files.text("b.txt", "bread")
    library.add(files.folder)
    honest_scan, honest_stat = os.scandir, os.stat

    def refused(path):
        if "closed" in str(path):
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", lambda path: refused(path) or honest_scan(path))
    monkeypatch.setattr(os, "stat", lambda path, *a, **k: refused(path) or honest_stat(path, *a, **k))
    report = library.add(files.folder)
    monkeypatch.undo()
    assert counts(report) == {"unchanged": 1}
    assert {state for _, state in states(library).values()} == {"present"}


def test_hidden_and_linked_files_that_were_named_are_kept_up_to_date_with_their_folder(library, files):
    hidden = files.text(".secret.txt", "a secret")
    files.text("real/a.txt", "the sea")
    (files.folder / "link").symlink_to(files.folder / "real")
    library.add(hidden, files.folder / "link")
    assert counts(library.add(files.folder)) == {"added": 1, "unchanged": 2}
    files.text(".secret.txt", "another secret")
    assert counts(library.add(files.folder)) == {"updated": 1, "unchanged": 2}
    hidden.unlink()
    assert counts(library.add(files.folder)) == {"unchanged": 2, "missing": 1}


def test_nothing_to_add_is_no_error(library, files):
    files.folder.mkdir()
    assert counts(library.add(files.folder)) == counts(library.add()) == {}


def test_a_library_within_the_folder_is_not_taken_in(bundle, files):
    files.text("a.txt", "the sea")
    with Library(files.folder / "own", model=str(bundle)) as library:
        assert counts(library.add(files.folder)) == {"added": 1}
        assert counts(library.add(files.folder)) == {"unchanged": 1}
    with Library(files.folder / "other", model=str(bundle)) as library:
        assert counts(library.add(files.folder)) == {"added": 1}


def test_a_file_of_the_library_name_is_no_reason_to_stop(library, tmp_path):
    files = Files(tmp_path / "more")
    files.text("x.library", "a text file of that name")
    assert counts(library.add(files.folder)) == {"added": 1}
