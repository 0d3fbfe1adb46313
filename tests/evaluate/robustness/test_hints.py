"""The weight of a hint is the best on dev, and what is said of it is measured on test."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sensorium.core.errors import BadData, BadQuery
from sensorium.encoders.bundle import Bundle, find_bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.evaluate.data import load
from sensorium.evaluate.dataset import Dataset, Sample
from sensorium.evaluate.provenance import data_of
from sensorium.evaluate.robustness.degrade import Condition
from sensorium.evaluate.robustness.hints import WEIGHTS, _Asking, _Chosen, hints
from sensorium.evaluate.robustness.trial import Trial
from sensorium.testing.bundles import tiny_bundle

DATA = Path(os.environ.get("SENSORIUM_DATA", Path(__file__).resolve().parents[3] / "../shared/data")).resolve()
DIMENSION, COUNT = 24, 150
NOISE = (None, 1.0, 1.6)  # of the files, as they are and under two conditions


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A tiny model."""
    folder = tiny_bundle(tmp_path_factory.mktemp("models") / "tiny")
    return OnnxEncoder(Bundle.open(folder), threads=1)


def captioned(folder, name, numbers):
    """Pictures of coloured fields with two captions each."""
    samples = []
    for number in numbers:
        path = folder / f"{number}.png"
        fields = np.random.default_rng(number).integers(0, 255, (4, 4, 3), np.uint8)
        Image.fromarray(fields).resize((64, 64), Image.Resampling.NEAREST).save(path)
        samples.append(Sample(path.name, "image", path, path.stem))
        samples += [Sample(f"{number}#{c}", "text", f"{number} {'abc'[c]} picture", path.stem) for c in range(2)]
    return Dataset(name, "", samples, "pairs")


def asking(seed):
    """Files and texts whose vectors tell, with some noise of their own, which thing they are of."""
    chance = np.random.default_rng(seed)

    def near(noise):
        return (gallery + noise * chance.normal(size=gallery.shape)).astype(np.float32)

    gallery = chance.normal(size=(COUNT, DIMENSION)).astype(np.float32)
    rows = np.arange(COUNT)
    files = np.stack([gallery if noise is None else near(noise * 1.4) for noise in NOISE])
    data = data_of(Dataset("made up", "", [], "pairs"))
    return _Asking(data, Trial.of_originals("i2i", rows, rows), near(1.3), files, gallery, ())


def by_hand(asked, condition, weight):
    """MRR of unit file vectors plus weight times unit text vectors, counted one by one."""
    files, texts = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (asked.files[condition], asked.texts))
    gallery = asked.gallery / np.linalg.norm(asked.gallery, axis=1, keepdims=True)
    scores = (files + weight * texts) @ gallery.T
    rank = 1 + (scores > np.diag(scores)[:, None]).sum(axis=1)
    return float(np.where(rank <= 100, 1 / rank, 0).mean())


def test_the_weight_is_the_best_on_dev_and_the_figures_are_those_of_test(encoder):
    dev, test = asking(1), asking(2)
    conditions = (Condition("noise", 32), Condition("noise", 128))  # names for the noise above
    found = _Chosen(dev, test, WEIGHTS, "MRR", ("R@1", "MRR"), 0, 300).all(encoder, conditions)
    every = np.array([[by_hand(dev, at, weight) for weight in WEIGHTS] for at in range(3)])
    assert found.common_weight == WEIGHTS[int(every[1:].mean(axis=0).argmax())]
    for at, one in enumerate(found.hinted):
        assert list(one.tried.values()) == pytest.approx(every[at].tolist(), abs=1e-6)
        assert one.weight == WEIGHTS[int(every[at].argmax())]
        assert one.best["MRR"].value == pytest.approx(by_hand(test, at, one.weight), abs=1e-6)
        assert one.common["MRR"].value == pytest.approx(by_hand(test, at, found.common_weight), abs=1e-6)
        assert one.file["MRR"].value == pytest.approx(by_hand(test, at, 0), abs=1e-6)
        assert one.text["MRR"].value == pytest.approx(by_hand(test, at, 1e9), abs=1e-6)
        gain = one.best["MRR"].value - one.file["MRR"].value
        assert one.over_file["MRR"].difference == pytest.approx(gain, abs=1e-9)
    plain, mild, hard = found.hinted
    assert plain.weight == 0  # it finds itself: of equal weights the smallest
    assert 0 < mild.weight < hard.weight  # the worse the file, the more the words weigh
    assert hard.over_file["MRR"].p < 0.01 and hard.over_text["MRR"].p < 0.05
    assert hard.over_file["MRR"].low > 0


def test_files_are_read_and_asked_with_a_text_of_their_own(encoder, tmp_path):
    dev, test = captioned(tmp_path, "dev", range(10)), captioned(tmp_path, "test", range(10, 24))
    conditions = [Condition("noise", 200), Condition("crop", 0.1)]
    found = hints(dev, test, encoder, conditions=conditions, weights=(1, 0, 0.3), measures=("R@1",), resamples=100)
    assert [one.condition for one in found.hinted] == [None, *conditions]
    assert (found.dev_queries, found.queries, found.gallery) == (10, 14, 14)
    assert list(found.hinted[0].tried) == [0, 0.3, 1]
    assert found.hinted[0].file["R@1"].value == 1.0
    said = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert said["hinted"][0]["degradation"] == "none" and said["hinted"][2]["strength"] == 0.1
    assert said["test"]["samples"] == {"image": 14, "text": 28} and said["chosen_by"] == "MRR"
    again = hints(dev, test, encoder, conditions=conditions, weights=(0, 0.3, 1), measures=("R@1",), resamples=100)
    assert again == found


def test_what_would_flatter_or_cannot_be_is_refused(encoder, tmp_path):
    dev, test = captioned(tmp_path, "dev", range(4)), captioned(tmp_path, "test", range(3, 8))
    bare = Dataset("bare", "", [s for s in captioned(tmp_path, "x", range(20, 23)).samples if s.modality == "image"],
                   "pairs")  # fmt: skip
    one = [Condition("noise", 30)]
    with pytest.raises(BadData, match="dev for choosing and test for reporting share 2 things"):
        hints(dev, test, encoder, conditions=one)
    with pytest.raises(BadData, match="bare has no image with a text"):
        hints(dev, bare, encoder, conditions=one)
    with pytest.raises(BadQuery, match=r"weights of a hint are \[-1\.0\]"):
        hints(dev, bare, encoder, conditions=one, weights=[-1.0])
    with pytest.raises(BadQuery, match="one modality, not audio, image"):
        hints(dev, bare, encoder, conditions=[*one, Condition("clipping", 3)])
    with pytest.raises(BadQuery, match="one modality, not none"):
        hints(dev, bare, encoder, conditions=[])


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason=f"the data folder is not here: {DATA} (set SENSORIUM_DATA)")
def test_a_blurred_photograph_with_a_caption_is_found_better_than_by_either():
    """What `benchmarks/robustness.py` measures on 1,000 photographs, on 60 of them."""
    encoder = OnnxEncoder(Bundle.open(find_bundle("starter")))
    dev, test = (load(DATA / "flickr8k", split=split, limit=60) for split in ("dev", "test"))
    found = hints(dev, test, encoder, conditions=[Condition("blur", 0.02)], measures=("R@1", "MRR"))
    _, blurred = found.hinted
    assert 0 < blurred.weight < 10
    assert blurred.over_file["MRR"].low > 0 and blurred.over_file["MRR"].p < 0.01
    assert blurred.over_text["MRR"].low > 0
