"""What trains is what the collections' `train` splits hold, and nothing that any of them holds out."""

from __future__ import annotations

import csv
import shutil

import pytest

from sensorium.train import data


@pytest.fixture
def root(tiny_root, tmp_path):
    """A tiny data folder to change."""
    return shutil.copytree(tiny_root, tmp_path / "data")


def add_row(root, name, file, label, split):
    with (root / name / "labels.csv").open("a", newline="") as labels:
        csv.writer(labels).writerow([file, label, split])


def test_the_data_folder_is_the_one_that_the_environment_names(monkeypatch, tmp_path):
    monkeypatch.setenv("SENSORIUM_DATA", str(tmp_path))
    assert data.data_root() == tmp_path.resolve()


def test_training_pictures_come_flickr_first_and_then_set_by_set(tiny_root):
    pictures = data.training_pictures(tiny_root)

    assert [p.path.name for p in pictures[:8]] == [f"{i}_flickr.png" for i in range(8)]
    assert all(p.label is None for p in pictures[:8]) and all(p.label in ("dog", "rain") for p in pictures[8:])
    assert [p.collection for p in pictures[8:]] == [name for name in data.PICTURE_SETS for _ in range(4)]


def test_a_picture_that_bears_the_name_of_a_held_out_one_does_not_train(root):
    held = root / "flickr8k/images/9_flickr.png"
    (root / "esc50_pictures/sea").mkdir()
    (root / "esc50_pictures/sea/9_flickr.png").write_bytes(held.read_bytes() + b"\0")  # another encoding of it
    before = len(data.training_pictures(root))
    add_row(root, "esc50_pictures", "sea/9_flickr.png", "sea_waves", "train")

    assert len(data.training_pictures(root)) == before


def test_a_picture_with_the_content_of_a_held_out_one_does_not_train(root):
    shutil.copy(root / "weather/dog/2.png", root / "esc50_pictures/another.png")
    before = len(data.training_pictures(root))
    add_row(root, "esc50_pictures", "another.png", "dog", "train")

    assert len(data.training_pictures(root)) == before


def test_a_picture_that_is_twice_in_a_set_trains_once(root):
    shutil.copy(root / "weather/dog/0.png", root / "weather/again.png")
    before = len(data.training_pictures(root))
    add_row(root, "weather", "again.png", "dog", "train")

    assert len(data.training_pictures(root)) == before


def test_underscores_in_labels_are_spaces(root):
    shutil.copy(root / "flickr8k/images/0_flickr.png", root / "weather/x.png")
    add_row(root, "weather", "x.png", "heavy_rain", "train")

    assert {p.label for p in data.training_pictures(root)} == {None, "dog", "rain", "heavy rain"}


def test_sounds_are_those_of_one_split(tiny_root):
    train, test = (data.sounds(tiny_root, split) for split in ("train", "test"))

    assert (len(train), len(test)) == (12, 4)
    assert not {s.path for s in train} & {s.path for s in test}
    assert all(s.path.is_file() for s in train + test)


def test_captions_are_stripped_and_by_picture(tiny_root):
    captions = data.flickr_captions(tiny_root, "dev")

    assert list(captions) == ["8_flickr.png", "9_flickr.png"]
    assert captions["8_flickr.png"] == ["a bright green field number 8", "green water under a green sky 8"]


def test_sound_captions_leave_out_empty_lines(tiny_root):
    assert len(data.sound_captions(tiny_root)) == 4 + 1 + 5
    assert "a soft hum" in data.sound_captions(tiny_root)


def test_a_noun_gives_its_names_and_its_definition(tiny_root):
    assert data.noun_definitions(tiny_root) == [
        "sea lion", "seal", "an animal of the sea", "sea lion: an animal of the sea",
    ]  # fmt: skip


def held_out_files(root):
    flickr = [root / "flickr8k/images" / n for split in ("dev", "test") for n in data.flickr_names(root, split)]
    labelled = [
        root / name / ("audio" if name in data.SOUND_SETS else "") / row["file"]
        for name in (*data.PICTURE_SETS, *data.SOUND_SETS)
        for row in data.rows(root / name / "labels.csv")
        if row["split"] != "train"
    ]
    return flickr, labelled


@pytest.mark.data
def test_no_held_out_file_of_the_data_folder_trains_under_its_path_its_name_or_with_its_content(real_data):
    flickr, labelled = held_out_files(real_data)
    training = [item.path for item in data.training_pictures(real_data) + data.sounds(real_data, "train")]

    assert len(training) > 10_000 and len(flickr) == 2000 and len(labelled) > 1000
    assert not set(training) & {*flickr, *labelled}
    # names are unique in flickr8k; elsewhere image_0001 may be anything
    assert not {path.name for path in training} & {path.name for path in flickr}
    assert not {data.digest(path) for path in training} & {data.digest(path) for path in (*flickr, *labelled)}


@pytest.mark.data
def test_few_held_out_sounds_share_a_recording_with_a_training_sound(real_data):
    rows = [row for name in data.SOUND_SETS for row in data.rows(real_data / name / "labels.csv")]
    recordings = {row["source"] for row in rows if row["split"] == "train"}
    shared = [row["file"] for row in rows if row["split"] == "test" and row["source"] in recordings]

    assert len(shared) <= 9, "see data.sounds: the two sets were split each for itself"
