"""Figures by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sensorium.encoders.bundle import Bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.testing.bundles import tiny_bundle
from sensorium.train import examine

SCORES = np.array([[0.9, 0.5, 0.1], [0.9, 0.5, 0.1], [0.2, 0.2, 0.1], [0.1, 0.3, 0.3]], np.float32)


def right(*columns):
    return np.array([[column in chosen for column in range(3)] for chosen in columns])


def test_a_rank_is_the_number_of_wrong_answers_that_are_as_good():
    # the best; third; tied with a wrong one, which counts against it; two right ones tied with each other
    assert examine.ranks(SCORES, right({0}, {2}, {0}, {1, 2})).tolist() == [0, 2, 1, 0]


def test_the_best_of_several_right_answers_counts():
    assert examine.ranks(SCORES, right({0, 2}, {1, 2}, {1, 2}, {0})).tolist() == [0, 1, 1, 2]


def test_an_encoder_that_says_the_same_of_everything_recalls_nothing():
    same, diagonal = np.ones((20, 20), np.float32), np.eye(20, dtype=bool)
    assert examine.recalls(same, diagonal) == {"R@1": 0.0, "R@5": 0.0, "R@10": 0.0}


def test_recalls_are_shares_of_queries_in_percent():
    scores = -np.arange(20, dtype=np.float32)[None].repeat(3, 0)  # column 0 is first, for every query
    truth = np.zeros((3, 20), bool)
    truth[0, 0] = truth[1, 4] = truth[2, 10] = True
    assert examine.recalls(scores, truth) == {"R@1": 33.33, "R@5": 66.67, "R@10": 66.67}


def test_unit_rows():
    assert examine.unit(np.array([[3.0, 4.0]], np.float32)).tolist() == [[pytest.approx(0.6), pytest.approx(0.8)]]


@pytest.fixture
def encoder(tmp_path):
    return OnnxEncoder(Bundle.open(tiny_bundle(tmp_path / "tiny")), threads=1)


def test_files_have_a_vector_each_in_their_order(encoder, tiny_root):
    paths = [tiny_root / f"flickr8k/images/{i}_flickr.png" for i in range(3)]
    rows = examine.encode_files(encoder, paths)

    assert rows.shape == (3, 16)
    assert np.allclose(rows[::-1], examine.encode_files(encoder, paths[::-1]), atol=1e-5)


def test_labelled_files_are_those_of_a_split_and_of_a_column_that_says_yes(tiny_root, tmp_path):
    paths, labels = examine.labelled(tiny_root, "esc50", "test", "esc10")

    assert labels == ["dog", "rain"] and [p.name for p in paths] == ["dog3.wav", "rain3.wav"]
    assert all(p.is_file() for p in paths)
    folder = tmp_path / "esc50"
    folder.mkdir()
    (folder / "labels.csv").write_text("file,label,split,esc10\na.wav,sea_waves,test,no\nb.wav,dog,test,yes\n")
    assert examine.labelled(tmp_path, "esc50", "test", "esc10") == ([folder / "audio/b.wav"], ["dog"])
    assert examine.labelled(tmp_path, "esc50", "test")[1] == ["sea waves", "dog"]


class Knowing:
    """An encoder that knows the words of texts and the names of files."""

    def __init__(self, names):
        self.names = names

    def encode(self, parts):
        return np.array([[float(name in part.content) + 0.01 for name in self.names] for part in parts], np.float32)


def test_naming_counts_files_whose_own_label_is_nearest(monkeypatch, tmp_path):
    encoder = Knowing(["dog", "rain", "sea"])
    files = [tmp_path / name for name in ("dog1", "dog2", "rain1", "sea1")]
    vectors = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]], np.float32)  # the second sounds like rain
    monkeypatch.setattr(examine, "encode_files", lambda encoder, paths: vectors)

    assert examine.naming(encoder, files, ["dog", "dog", "rain", "sea"], "the sound of {}") == {
        "files": 4, "classes": 3, "top1": 75.0, "chance": 33.33,
    }  # fmt: skip


def test_a_bundle_is_examined_on_all_that_is_held_out(tiny_root, tmp_path):
    figures = examine.examine(tiny_bundle(tmp_path / "tiny"), tiny_root)

    assert figures["split"] == "test" and len(figures["space"]) == 16
    assert figures["flickr8k"]["pictures"] == 2 and figures["flickr8k"]["captions"] == 4
    assert figures["flickr8k"]["text_to_image"]["R@10"] == 100.0
    assert set(figures["sounds"]) == {"esc10", "esc50", "urbansound"}
    assert set(figures["pictures"]) == {"caltech101", "actions", "weather", "clothing"}
    assert figures["sounds"]["esc10"]["files"] == 2 and figures["pictures"]["weather"]["chance"] == 50.0
    assert set(examine.examine(tmp_path / "tiny", tiny_root, "dev")) == {"space", "split", "precision", "flickr8k"}
