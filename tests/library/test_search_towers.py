"""Only the towers that a call needs are loaded."""

from __future__ import annotations

import pytest

from sensorium import File, Library, Like
from sensorium.testing.bundles import tiny_bundle


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """One for pictures and one for sounds, both with words, and one for all three."""
    home = tmp_path_factory.mktemp("models")
    wanted = {"seen": ("text", "image"), "heard": ("text", "audio"), "all": ("text", "image", "audio")}
    return {name: str(tiny_bundle(home / name, 16, n, kinds, name)) for n, (name, kinds) in enumerate(wanted.items())}


@pytest.fixture
def library(models, files, tmp_path):
    """A library of three spaces in which nothing is loaded."""
    files.fill(texts=6, pictures=4, sounds=3, long=False)
    with Library(tmp_path / "l", models=list(models.values())) as library:
        library.add(files.folder)
        library.close()
        yield library


def loaded(library):
    """By model, the towers that are in memory."""
    session = library._session
    return {space.model: session.encoder_of(space.space).loaded for space in library.status().spaces}


def test_nothing_is_loaded_before_it_is_needed(library):
    library.status()
    assert loaded(library) == {"seen": (), "heard": (), "all": ()}


def test_words_load_the_text_towers_of_the_spaces_that_are_asked_and_no_other(library):
    hits = library.search("the sea was calm", k=13, previews=True)

    assert {hit.modality for hit in hits} == {"text", "image", "audio"}
    assert loaded(library) == {"seen": ("text",), "heard": ("text",), "all": ("text",)}


def test_words_that_one_model_is_asked_load_its_text_tower_alone(library, models):
    with Library(library.path, model=models["heard"]) as one:
        assert one.search("the sea was calm")
        assert loaded(one) == {"seen": (), "heard": ("text",), "all": ()}


def test_words_that_look_for_pictures_load_no_text_tower_of_a_space_without(library):
    library.search("the sea was calm", kinds="image")
    assert loaded(library) == {"seen": ("text",), "heard": (), "all": ("text",)}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("pictures/p01.png", {"seen": ("image",), "heard": (), "all": ("image",)}),
        ("sounds/s01.wav", {"seen": (), "heard": ("audio",), "all": ("audio",)}),
        ("texts/t01.txt", {"seen": ("text",), "heard": ("text",), "all": ("text",)}),
    ],
)
def test_a_file_loads_the_towers_for_what_is_in_it(library, files, path, expected):
    assert library.search(File(files.folder / path))
    assert loaded(library) == expected


def test_more_like_an_item_needs_no_tower(library):
    item = library.items("kind = 'image'")["id"][0].as_py()
    assert library.search(Like(item))[0].item == item
    assert loaded(library) == {"seen": (), "heard": (), "all": ()}


def test_adding_texts_loads_the_text_towers(library, files):
    files.text("new.txt", "a red bicycle")
    assert library.add(files.folder).added == 1
    assert loaded(library) == {"seen": ("text",), "heard": ("text",), "all": ("text",)}
