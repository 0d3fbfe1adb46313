"""A second space: filled beside the first, which answers meanwhile; switched to in one step, and back."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from sensorium import File, Library
from sensorium.core.errors import LibraryEmpty, LibraryFull, LibraryLocked, ModelUnknown, SpaceMismatch
from sensorium.library import filling, refill
from sensorium.library.doctor import _library
from sensorium.store.lock import Lock
from sensorium.testing.bundles import tiny_bundle
from sensorium.testing.naive import live_rows, table_of


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Models by name: other towers for everything, and models of fewer senses."""
    home = tmp_path_factory.mktemp("models")
    makes = {"new": {}, "texts": {"modalities": ["text"]}, "seen": {"modalities": ["text", "image"]},
             "heard": {"modalities": ["text", "audio"]}}  # fmt: skip
    return {
        name: str(tiny_bundle(home / name, 24, seed=at + 1, name=name, **made))
        for at, (name, made) in enumerate(makes.items())
    }


@pytest.fixture
def filled(library, files):
    """Texts, pictures and sounds."""
    files.fill(texts=13, pictures=8, sounds=5, long=False)
    assert library.add(files.folder).added == 26
    return library


def space_of(library, model):
    (found,) = [space.space for space in library.status().spaces if space.model == model]
    return found


def said(library, *queries, **how):
    """What is found, and how near."""
    queries = queries or ("the sea was calm", "a red bicycle")
    return [[(hit.path, str(hit.place), round(hit.score, 5)) for hit in library.search(q, **how)] for q in queries]


def content(rows):
    return [(row.item, row.place, row.text, row.modality) for row in rows]


def test_a_reindexed_library_is_as_if_made_with_the_new_model(library, files, models, tmp_path):
    files.fill(texts=13, pictures=8, sounds=5)  # a text and a sound of more than 64 parts, too
    filled = library
    filled.add(files.folder)

    report = filled.reindex(models["new"])

    assert (report.model, report.items, report.skipped, report.lost, report.served) == ("new", 28, (), 0, True)
    with Library(tmp_path / "fresh.library", model=models["new"]) as fresh:
        fresh.add(files.folder)
        queries = ("the sea was calm", File(files.folder / "pictures/p02.png"), File(files.folder / "sounds/s01.wav"))
        assert said(filled, *queries, k=30) == said(fresh, *queries, k=30)
        rows = live_rows(filled.path, space=report.space)
        right = live_rows(fresh.path)
        assert content(rows) == content(right) and report.vectors == len(rows)
        np.testing.assert_array_equal([row.vector for row in rows], [row.vector for row in right])
    assert {hit.space for hit in filled.search("the sea")} == {report.space}
    assert len(table_of(filled.path, "parts")) == len(rows), "its parts are the first space's"


def test_the_first_space_stays_as_it_was_and_is_searched_without_a_table(filled, models):
    space = space_of(filled, "tiny")
    before, token = live_rows(filled.path), filled._session.store.token(space)
    right = said(filled)

    filled.reindex(models["heard"])  # pictures would be lost: it is filled, and not put into service

    after = live_rows(filled.path, space=space)
    assert content(after) == content(before) and [r.part for r in after] == [r.part for r in before]
    assert filled._session.store.token(space) == token and said(filled) == right
    with Library(filled.path, create=False) as other:
        assert said(other) == right and other._session.store._opened is None, "a search opened the tables"


def test_there_is_a_way_back_and_what_came_meanwhile_is_filled_in(filled, files, models):
    right = said(filled)
    filled.reindex(models["new"])
    assert said(filled) != right
    files.text("late.txt", "a lighthouse in the fog")
    assert filled.add(files.folder).added == 1
    assert [space.left for space in filled.status().spaces] == [1, 0]

    report = filled.use()

    assert (report.model, report.items, report.served) == ("tiny", 1, True)
    assert filled.search("a lighthouse in the fog", k=1)[0].score > 0.999
    files.folder.joinpath("late.txt").unlink()
    filled.remove(files.folder / "late.txt")
    assert said(filled) == right
    assert filled.use().model == "new" and filled.use("tiny").items == 0
    assert filled.use(space_of(filled, "new")).model == "new"


def test_another_process_sees_the_switch(filled, models):
    with Library(filled.path, create=False) as other:
        right = said(other)
        assert filled.reindex(models["new"]).served
        assert said(other) == said(filled) != right
        assert len(other._session.views) == len(other._session._encoders) == 1, "the former model is still loaded"
        assert other.encode("the sea").shape == (1, 24)


def test_one_who_asked_for_the_former_model_is_told_both_names_and_the_way_out(filled, bundle, models):
    with Library(filled.path, model=str(bundle)) as other:
        assert said(other) == said(filled)
        filled.reindex(models["new"])
        with pytest.raises(SpaceMismatch, match=r"space of tiny .* is not in service, that of new .* reindex --use"):
            other.search("the sea")


def test_passages_come_from_the_store_without_a_file(filled, files, models, monkeypatch):
    shutil.rmtree(files.folder)
    monkeypatch.setattr(refill, "Reading", None)

    report = filled.reindex(models["texts"])

    assert not report.skipped and report.lost == 13 and "pictures" in report.lost_first
    rows = live_rows(filled.path, space=report.space)
    assert content(rows) == [
        row for row in content(live_rows(filled.path, space=space_of(filled, "tiny"))) if row[3] == "text"
    ]
    assert len(table_of(filled.path, f"vectors/{report.space}.without")) == 13
    assert filled.reindex(models["texts"], beside=True).items == 0, "what has nothing for it was looked at again"


def test_nothing_is_switched_when_something_would_be_lost(filled, models):
    right = said(filled)
    report = filled.reindex(models["texts"])
    assert (report.served, report.lost) == (False, 13) and said(filled) == right

    report = filled.use("texts")

    assert report.served and {hit.kind for hit in filled.search("sea", k=50)} == {"text"}
    assert filled.use().model == "tiny" and said(filled) == right


def test_what_has_changed_is_left_to_add(filled, files, models):
    changed = files.picture("pictures/p02.png", 77)
    gone = files.folder / "pictures/p01.png"
    gone.unlink()

    report = filled.reindex(models["new"])

    whys = {skip.path: skip.why for skip in report.skipped}
    assert (report.items, report.served, report.lost) == (24, False, 2) and len(whys) == 2
    assert "no longer what was added" in whys[str(changed)] and "gone" in whys[str(gone)]
    filled.add(files.folder)
    report = filled.reindex(models["new"])
    assert (report.items, report.served, len(report.skipped)) == (1, True, 1), "the changed one; the other is missing"
    assert filled.search(File(changed), k=1, kinds="image")[0].score > 0.999


def test_what_was_missing_then_is_filled_in_when_it_returns(filled, files, models):
    picture = files.folder / "pictures/p01.png"
    shutil.move(picture, files.folder.parent / "aside.png")
    filled.add(files.folder)
    assert filled.reindex(models["new"]).served
    shutil.move(files.folder.parent / "aside.png", picture)

    assert filled.add(files.folder).updated == 1

    assert filled.search(File(picture), k=1, kinds="image")[0].score > 0.999
    assert filled.add(files.folder).unchanged == 26


def test_a_sense_that_the_library_lacked(files, models, tmp_path):
    """Sounds were skipped, and films would lack their sound: files are read anew, and the skipped ones tried again."""
    files.fill(texts=3, pictures=2, sounds=3, long=False)
    with Library(tmp_path / "l", model=models["seen"]) as library:
        assert len(library.add(files.folder).skipped) == 3
        assert library.reindex(models["new"]).served
        assert library.add(files.folder).added == 3
        assert library.search(File(files.folder / "sounds/s01.wav"), k=1)[0].score > 0.999


def test_a_stop_loses_little_and_the_same_call_goes_on(filled, models, monkeypatch):
    monkeypatch.setattr(filling, "BATCH_ITEMS", 4)
    monkeypatch.setattr(filling, "ENCODE_AT", 1)
    honest, right, calls = filling.encode_rows, said(filled), []

    def stopped(encoders, rows):
        calls.append(rows)
        if len(calls) == 12:
            raise KeyboardInterrupt
        return honest(encoders, rows)

    monkeypatch.setattr(filling, "encode_rows", stopped)
    with pytest.raises(KeyboardInterrupt):
        filled.reindex(models["new"])
    assert said(filled) == right
    status = {space.model: space for space in filled.status().spaces}["new"]
    assert 0 < status.left < 26 and not status.served
    report = filled.reindex(models["new"])
    assert (
        report.items == status.left
        and report.served
        and report.vectors == len(live_rows(filled.path, space=report.space))
    )


def test_rows_of_tables_come_along_as_far_as_they_are_text(library, models):
    rows = [{"id": str(n), "caption": f"story {n}"} for n in range(5)]
    library.add_rows(rows, {"caption": "text", "id": "key"})
    report = library.reindex(models["seen"])
    assert (report.items, report.served) == (5, True)
    assert library.search("story 3", k=1)[0].path.endswith("/3")


def test_removed_is_removed_in_every_space(filled, files, models):
    filled.reindex(models["new"])
    filled.remove(files.folder / "texts")
    filled.compact()
    for model in ("tiny", "new"):
        rows = table_of(filled.path, f"vectors/{space_of(filled, model)}")
        assert rows and not {row["item"] for row in rows} - {item["id"] for item in table_of(filled.path, "items")}
    assert [path.name for path in (filled.path / "indexes").iterdir()] == [space_of(filled, "new")], (
        "removed bytes stay"
    )
    filled.use()
    assert not [hit for hit in filled.search("the sea", k=50) if "/texts/" in hit.path]


def test_a_dropped_space_leaves_nothing(library, files, models, bundle):
    files.fill(texts=4, pictures=2, sounds=2, long=False)
    with Library(library.path.with_name("l"), model=models["seen"]) as library:
        library.add(files.folder)
        library.reindex(str(bundle))
        library.add(files.folder)
        parts = len(table_of(library.path, "parts"))
        library.use("seen")
        space = space_of(library, "tiny")
        with pytest.raises(SpaceMismatch, match=r"seen .* is the default space; fill another"):
            library.drop("seen")
        with pytest.raises(SpaceMismatch, match=r"no space is called 'nosuch'; there are seen .*, tiny"):
            library.drop("nosuch")

        assert library.drop("tiny") == parts

        assert [one.model for one in library.status().spaces] == ["seen"]
        assert not [path for path in library.path.rglob("*") if space in path.name]
        assert (
            len(table_of(library.path, "parts"))
            == len(live_rows(library.path, space=space_of(library, "seen")))
            < parts
        )
        with pytest.raises(SpaceMismatch, match="no space to go back to"):
            library.use()
        assert library.reindex(str(bundle)).served, "it can be made again"


def test_what_cannot_be_is_said_on_one_line(library, filled, tmp_path):
    with pytest.raises(ModelUnknown, match="no model 'nosuch'"):
        filled.reindex("nosuch")
    with pytest.raises(SpaceMismatch, match="there is no space to go back to"):
        filled.use()
    with Lock(filled.path, "sensorium add").acquire(), pytest.raises(LibraryLocked, match="sensorium add"):
        filled.reindex("starter")
    with Library(tmp_path / "empty", create=True) as empty, pytest.raises(LibraryEmpty):
        empty.reindex("starter")
    assert [space.model for space in filled.status().spaces] == ["tiny"]


def test_two_models_of_one_name_are_told_apart_by_their_spaces(filled, tmp_path):
    report = filled.reindex(str(tiny_bundle(tmp_path / "again", 24, seed=9)))
    assert report.served
    with pytest.raises(SpaceMismatch, match="several spaces are called 'tiny'"):
        filled.use("tiny")
    assert filled.use().space != report.space


def test_the_doctor_finds_every_space_well_and_says_what_is_to_do(filled, files, models):
    filled.reindex(models["new"])
    files.text("late.txt", "late")
    filled.add(files.folder)
    checks = {check.name: check for check in _library(filled.path)}
    assert all(check.ok for check in checks.values())
    assert "not in service, 1 items to do" in checks[f"vectors {space_of(filled, 'tiny')}"].found
    assert f"index {space_of(filled, 'new')}" in checks and f"index {space_of(filled, 'tiny')}" not in checks


def test_a_library_of_format_2_has_its_one_space(filled, models):
    path = filled.path / "library.json"
    described = json.loads(path.read_text())
    old = {name: value for name, value in described.items() if name not in ("beside", "previous_space")}
    path.write_text(json.dumps({**old, "format": 2}))
    with Library(filled.path, create=False) as library:
        assert said(library) == said(filled) and library.status().format == 3
        assert library.reindex(models["new"]).served


def test_a_full_disk_leaves_the_first_space_as_it_is(mounted, bundle, models, files):
    disk = mounted("size=12m")
    for n in range(400):
        files.text(f"{n}.txt", f"story {n}")
    with Library(disk.place / "l.library", model=str(bundle)) as library:
        library.add(files.folder)
        right = said(library)
        free = shutil.disk_usage(disk.place).free
        (disk.place / "ballast").write_bytes(bytes(free - 60_000))
        with pytest.raises(LibraryFull, match="the disk is full; free some space and run the same command again"):
            library.reindex(models["new"])
        with Library(library.path, create=False) as other:
            assert said(other) == right
        (disk.place / "ballast").unlink()
        assert library.reindex(models["new"]).served and said(library) != right
        assert not [left for left in library.path.rglob("*") if left.suffix in (".tmp", ".partial")]


def test_a_bundle_that_is_cut_off_while_it_is_copied_is_copied_again(mounted, bundle, models, files):
    disk = mounted("size=4m")
    files.text("a.txt", "story")
    with Library(disk.place / "l.library", model=str(bundle)) as library:
        library.add(files.folder)
        (disk.place / "ballast").write_bytes(bytes(shutil.disk_usage(disk.place).free - 20_000))
        with pytest.raises(LibraryFull):
            library.reindex(models["new"])
        assert len(list((library.path / "bundles").iterdir())) == 1 == len(library.status().spaces)
        (disk.place / "ballast").unlink()
        assert library.reindex(models["new"]).served
