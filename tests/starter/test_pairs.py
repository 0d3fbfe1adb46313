"""Between every two modalities the right item outranks more than twenty others of its kind.

One file of each class of the held-out parts of ESC-50 (50 sounds), Caltech-101 (100 pictures) and the pictures of sound
sources (39; this set is drawn from others, so that some of its held-out photos do train under another set's name),
through the real readers, the real store and the real search. The queries are examples, not a measure: that is
`recipes/starter.json`.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from sensorium import File, Library

DATA = Path(os.environ.get("SENSORIUM_DATA", Path(__file__).resolve().parents[2] / "../shared/data")).resolve()

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the data folder is not here: {DATA} (set SENSORIUM_DATA)"),
]

TEXTS = {
    "dog": "A dog barks at the postman.",
    "rooster": "At dawn the rooster crows.", "rain": "Rain falls on the roof.",
    "crying baby": "The baby is crying again.", "siren": "An ambulance drives by with its siren on.",
    "train": "A train rolls over the rails.", "glass": "The window breaks, glass everywhere.",
    "motorbike": "Two motorbikes stand by the road.", "sunflower": "Sunflowers grow in the field.",
    "airplane": "A plane with two wings and a propeller is in the air.", "pizza": "A pizza with cheese and tomato.",
    "piano": "A grand piano stands in the hall.", "soccer": "A ball for football, black and white.",
    "watch": "A wrist watch that shows the time.", "umbrella": "An open umbrella.",
    "bread": "Bake the bread for an hour.",
    "taxes": "Fill in the tax form before the end of May.", "dentist": "My tooth hurts, I need a dentist.",
    "knitting": "Wool and needles for a warm scarf.", "moon": "The full moon rises behind the hills.",
    "garden": "Plant the tomatoes after the last frost.", "bees": "The bees bring pollen to the hive.",
    "laptop": "The computer on the desk is switched on.", "keys": "Somebody types on a keyboard.",
    "clapping": "The audience claps their hands.",
}  # fmt: skip


def held_out(name, folder):
    """Class -> held-out files of a set, in the order of its table."""
    found = {}
    with (DATA / name / "labels.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["split"] == "test":
                found.setdefault(row["label"].replace("_", " "), []).append(folder / row["file"])
    return found


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    """Class -> files, for sounds, objects and pictures of sound sources."""
    return {
        "sounds": held_out("esc50", DATA / "esc50/audio"),
        "objects": held_out("caltech101", DATA / "caltech101"),
        "sources": held_out("esc50_pictures", DATA / "esc50_pictures"),
    }


@pytest.fixture(scope="module")
def libraries(things, tmp_path_factory):
    """One library a set, with a single file of each class; and one of texts."""
    made = {}
    for name, files in things.items():
        made[name] = Library(tmp_path_factory.mktemp(name) / "test.library")
        made[name].add(*(paths[0] for paths in files.values()))
    folder = tmp_path_factory.mktemp("notes")
    for name, text in TEXTS.items():
        (folder / f"{name}.txt").write_text(text)
    made["texts"] = Library(tmp_path_factory.mktemp("texts") / "test.library")
    made["texts"].add(folder)
    yield made
    for library in made.values():
        library.close()


def first(library, query):
    """The path of the best hit, among more than twenty items."""
    assert library.status().items > 20
    return Path(library.search(query, k=1)[0].path)


@pytest.mark.parametrize(
    ("query", "right"),
    [("my teeth are aching", "dentist"), ("honey insects", "bees"), ("money for the government", "taxes")],
)
def test_text_finds_text(libraries, query, right):
    found = first(libraries["texts"], query)
    assert found.stem == right


@pytest.mark.parametrize(
    "query", ["an accordion", "a sunflower", "a pizza", "a stop sign", "an umbrella", "motorbikes"]
)
def test_text_finds_a_picture(libraries, things, query):
    right = {"an accordion": "accordion", "a sunflower": "sunflower", "a pizza": "pizza", "a stop sign": "stop sign",
             "an umbrella": "umbrella", "motorbikes": "motorbikes"}[query]  # fmt: skip
    assert first(libraries["objects"], query) == things["objects"][right][0]


@pytest.mark.parametrize(
    ("query", "right"),
    [("a dog barking", "dog"), ("a rooster crows in the morning", "rooster"), ("heavy rain", "rain"),
     ("a baby is crying", "crying baby"), ("church bells", "church bells"), ("somebody sneezes", "sneezing")],
)  # fmt: skip
def test_text_finds_a_sound(libraries, things, query, right):
    assert first(libraries["sounds"], query) == things["sounds"][right][0]


@pytest.mark.parametrize(
    ("shown", "right"),
    [("sunflower", "sunflower"), ("umbrella", "umbrella"), ("motorbikes", "motorbike"), ("grand piano", "piano")],
)
def test_a_picture_finds_a_text(libraries, things, shown, right):
    assert first(libraries["texts"], File(things["objects"][shown][0])).stem == right


@pytest.mark.parametrize("right", ["accordion", "stop sign", "menorah", "sunflower", "motorbikes"])
def test_a_picture_finds_another_of_its_class(libraries, things, right):
    kept, *_, other = things["objects"][right]
    assert first(libraries["objects"], File(other)) == kept


@pytest.mark.parametrize("right", ["dog", "cow", "rain", "train"])
def test_a_picture_finds_a_sound(libraries, things, right):
    assert first(libraries["sounds"], File(things["sources"][right][0])) == things["sounds"][right][0]


@pytest.mark.parametrize("right", ["dog", "rooster", "rain", "siren"])
def test_a_sound_finds_a_text(libraries, things, right):
    assert first(libraries["texts"], File(things["sounds"][right][0])).stem == right


@pytest.mark.parametrize("right", ["dog", "cow", "train", "crying baby"])
def test_a_sound_finds_a_picture(libraries, things, right):
    assert first(libraries["sources"], File(things["sounds"][right][0])) == things["sources"][right][0]


@pytest.mark.parametrize("right", ["dog", "rooster", "crying baby", "siren", "glass breaking"])
def test_a_sound_finds_another_recording_of_its_class(libraries, things, right):
    kept, *_, other = things["sounds"][right]
    assert first(libraries["sounds"], File(other)) == kept
