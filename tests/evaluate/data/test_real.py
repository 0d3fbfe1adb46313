"""The data folder, as it lies there: every set is read whole, and nothing of it is lost in silence."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from sensorium.core.errors import BadData
from sensorium.encoders.bundle import Bundle, find_bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.evaluate.data import load
from sensorium.evaluate.vectors import embed

DATA = Path(os.environ.get("SENSORIUM_DATA", Path(__file__).resolve().parents[3] / "../shared/data")).resolve()
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the data folder is not here: {DATA} (set SENSORIUM_DATA)"),
]


def counts(dataset):
    return dict(Counter(sample.modality for sample in dataset.samples))


@pytest.mark.parametrize(
    ("name", "split", "relation", "expected"),
    [
        ("flickr8k", None, "pairs", {"image": 8091, "text": 40_445}),  # 10 of 40,455 captions come twice
        ("flickr8k", "test", "pairs", {"image": 1000, "text": 4999}),
        ("flickr8k", "dev", "pairs", {"image": 1000, "text": 4999}),
        ("esc50", None, "classes", {"audio": 731, "text": 50}),
        ("esc50", "test", "classes", {"audio": 188, "text": 50}),
        ("esc50_pictures", None, "classes", {"image": 321, "text": 44}),
        ("caltech101", None, "classes", {"image": 1200, "text": 100}),
        ("weather", "test", "classes", {"image": 50, "text": 5}),
        ("urbansound", None, "classes", {"audio": 700, "text": 10}),
        ("imagenet1", None, "classes", {"image": 998, "text": 998}),
    ],
)
def test_a_set_is_read_whole(name, split, relation, expected):
    found = load(DATA / name, split=split)
    assert (found.name, found.relation, counts(found)) == (name, relation, expected)
    files = [sample.source for sample in found.samples if isinstance(sample.source, Path)]
    assert all(path.is_file() for path in files)


def test_sounds_that_are_not_here_are_said():
    with pytest.raises(BadData, match=r"none of the 3,839 files that it names was found"):
        load(DATA / "texts/clotho_captions_train.csv")


def test_the_starter_finds_what_was_loaded():
    encoder = OnnxEncoder(Bundle.open(find_bundle("starter")))
    found = load(DATA / "flickr8k", split="dev", limit=100)
    made = embed(found.samples, encoder)
    assert len(made.rows) == len(found.samples) and made.failures == ()
    unit = made.vectors / np.linalg.norm(made.vectors, axis=1, keepdims=True)
    groups = np.array([sample.group for sample in found.samples])
    texts = np.array([sample.modality == "text" for sample in found.samples])
    best = np.argsort(-unit[texts] @ unit[~texts].T, axis=1)[:, :10]
    hit = (groups[~texts][best] == groups[texts][:, None]).any(1).mean()
    assert hit > 0.6  # chance: 0.1
