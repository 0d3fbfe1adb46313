"""The bundle that made a library stays with it."""

from __future__ import annotations

import shutil

import pytest

from sensorium import Library
from sensorium.core.errors import BundleDamaged, SpaceMismatch
from sensorium.encoders import bundle as bundle_file
from sensorium.testing.bundles import tiny_bundle


@pytest.fixture
def filled(library, files):
    files.fill(texts=5, pictures=3, sounds=0, long=False)
    library.add(files.folder)
    return library


def kept(library):
    (folder,) = (library.path / "bundles").iterdir()
    return folder


def test_a_library_is_searched_with_the_model_that_made_it_whatever_the_default(filled, tmp_path, monkeypatch, files):
    other = tiny_bundle(tmp_path / "other", seed=7)
    monkeypatch.setenv("SENSORIUM_MODEL", str(other))
    with Library(filled.path, create=False) as library:
        assert list(library.search("the sea")) == list(filled.search("the sea"))
        files.text("new.txt", "the moon")
        assert library.add(files.folder).added == 1
        assert library.search("the moon", k=1)[0].score > 0.999
        assert len(library.status().spaces) == 1


def test_it_needs_the_model_no_more_once_it_has_its_copy(tmp_path, files):
    model = tiny_bundle(tmp_path / "model", seed=5)
    files.text("a.txt", "the sea")
    with Library(tmp_path / "l", model=str(model)) as library:
        library.add(files.folder)
    shutil.rmtree(model)
    with Library(tmp_path / "l") as library:
        assert library.search("the sea")[0].score > 0.999
        assert {p.name for p in kept(library).iterdir()} >= {"bundle.json", "text.onnx", "tokenizer.json", "CARD.md"}


def test_another_model_is_a_mismatch_that_says_both(filled, tmp_path, files):
    other = tiny_bundle(tmp_path / "other", seed=7, name="other")
    library = Library(filled.path, model=str(other))
    for ask in (lambda: library.search("x"), lambda: library.add(files.text("n.txt", "new"))):
        with pytest.raises(
            SpaceMismatch, match=r"was made with the model tiny .*, not with other .*: leave out --model"
        ):
            ask()
    assert filled.items().num_rows == 8


def test_the_same_model_may_be_named(filled, bundle):
    assert list(Library(filled.path, model=str(bundle)).search("x")) == list(filled.search("x"))


@pytest.mark.parametrize("damage", ["gone", "no manifest", "a file less", "another bundle"])
def test_a_damaged_copy_is_replaced_by_the_same_installed_model_and_said(filled, bundle, damage, tmp_path, monkeypatch):
    right = list(filled.search("the sea"))
    folder = kept(filled)
    if damage == "another bundle":
        shutil.rmtree(folder)
        tiny_bundle(folder, seed=9)
    elif damage == "gone":
        shutil.rmtree(folder)
    else:
        (folder / ("bundle.json" if damage == "no manifest" else "text.onnx")).unlink()
    with pytest.raises(BundleDamaged) as said:
        Library(filled.path).search("x")
    assert "\n" not in str(said.value) and str(folder) in str(said.value)
    monkeypatch.setattr(bundle_file, "BUILT_IN", bundle.parent)
    hits = Library(filled.path).search("the sea")
    assert list(hits) == right and "the installed model tiny is the same and is used instead" in hits.notes[0]


def test_an_installed_model_of_another_version_is_no_substitute(filled, tmp_path, monkeypatch):
    shutil.rmtree(kept(filled))
    tiny_bundle(tmp_path / "built-in/tiny", seed=8)
    monkeypatch.setattr(bundle_file, "BUILT_IN", tmp_path / "built-in")
    with pytest.raises(BundleDamaged):
        Library(filled.path).search("x")


def test_an_altered_tower_is_never_used(filled):
    tower = kept(filled) / "text.onnx"
    data = bytearray(tower.read_bytes())
    data[len(data) // 2] ^= 1
    tower.write_bytes(data)
    with pytest.raises(BundleDamaged, match=r"text\.onnx is not the file that was packed"):
        Library(filled.path).search("x")


def test_a_closed_library_opens_what_it_needs_again(filled):
    right = list(filled.search("the sea"))
    filled.close()
    assert filled._session.view is None and list(filled.search("the sea")) == right
    with filled as same:
        assert same is filled
    assert filled._session.view is None


def test_what_there_is_to_say_is_said_once(filled):
    filled._session.notes.append("something odd")
    assert filled.search("x").notes == ("something odd",) and filled.search("x").notes == ()
