"""What is found by files that were made worse is what a count by hand says; what cannot be asked is said."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sensorium.core.errors import BadData, BadQuery
from sensorium.encoders.bundle import Bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.evaluate.cache import Cache
from sensorium.evaluate.dataset import Dataset, Sample
from sensorium.evaluate.robustness.degrade import Condition, degraded
from sensorium.evaluate.robustness.recall import robustness
from sensorium.evaluate.robustness.trial import Trial
from sensorium.evaluate.robustness.vectors import degraded_vectors
from sensorium.indexes.exact import ExactIndex
from sensorium.readers.registry import Limits, Source, read
from sensorium.testing.bundles import tiny_bundle

COUNT, CLASSES = 12, 4
NOISE, HARD_NOISE, CROP = Condition("noise", 64), Condition("noise", 400), Condition("crop", 0.1)
HISS = Condition("white_noise", -5)
FAST = {"measures": ("R@1", "MRR"), "resamples": 200}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A tiny model, whose modalities have nothing to do with each other."""
    folder = tiny_bundle(tmp_path_factory.mktemp("models") / "tiny")
    return OnnxEncoder(Bundle.open(folder), threads=1)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Pictures of coloured fields, two captions each."""
    folder, chance = tmp_path_factory.mktemp("pictures"), np.random.default_rng(5)
    samples = []
    for number in range(COUNT):
        path = folder / f"{number}.png"
        fields = Image.fromarray(chance.integers(0, 255, (4, 4, 3), np.uint8))
        fields.resize((96, 96), Image.Resampling.NEAREST).save(path)
        samples.append(Sample(path.name, "image", path, path.stem))
        samples += [Sample(f"{number}#{c}", "text", f"{number} {'abc'[c]} picture", path.stem) for c in range(2)]
    return Dataset("fields", str(folder), samples, "pairs")


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """Tones of a few heights with some hiss, three of each class and the class's name; the last is of 12 seconds."""
    folder, chance = tmp_path_factory.mktemp("sounds"), np.random.default_rng(6)
    samples = []
    for number in range(CLASSES * 3):
        label, path = f"tone{number % CLASSES}", folder / f"{number}.wav"
        at = np.arange(16_000 * (12 if number == CLASSES * 3 - 1 else 2)) / 16_000
        heard = np.sin(at * 2 * np.pi * (300 + 700 * (number % CLASSES))) + 0.3 * chance.normal(size=at.size)
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes((6000 * heard).astype("<i2").tobytes())
        samples.append(Sample(path.name, "audio", path, label, label))
    samples += [Sample(f"class {c}", "text", f"tone{c}", f"tone{c}", f"tone{c}") for c in range(CLASSES)]
    return Dataset("tones", str(folder), samples, "classes")


def vector(encoder, path, condition=None):
    """By the reader and the encoder alone: the mean of the unit vectors of a file's parts."""
    parts = [p for p in read(Source.from_path(path), Limits(**encoder.limits()))[1] if p.modality != "text"]
    made = encoder.encode([degraded(part, condition) if condition else part for part in parts]).astype(np.float64)
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).mean(axis=0)


def ranks(asking, answering, right, not_these=None):
    """The rank of the best right answer of each query, counted one by one."""
    found = []
    for at, query in enumerate(asking):
        scores = answering @ query / np.linalg.norm(answering, axis=1) / np.linalg.norm(query)
        own = np.asarray(right[at])
        others = np.ones(len(answering), bool)
        if not_these is not None:
            others[not_these[at]] = False
        best = max(scores[a] for a in own)
        wrong = [a for a in range(len(answering)) if others[a] and a not in own]
        found.append(1 + sum(scores[a] > best for a in wrong))
    return np.array(found)


def agrees(figures, found):
    """Whether figures are those of these ranks."""
    assert figures["R@1"].value == pytest.approx(np.mean(found == 1))
    assert figures["MRR"].value == pytest.approx(np.mean(1 / found))


def test_bad_pictures_find_what_a_count_by_hand_finds(encoder, pictures):
    found = robustness(pictures, encoder, conditions=[NOISE, HARD_NOISE, CROP], **FAST)
    files = [s.source for s in pictures.samples if s.modality == "image"]
    clean = np.array([vector(encoder, path) for path in files])
    texts = encoder.encode([next(iter(read(Source.from_bytes(s.source.encode(), "a.txt"))[1])) for s in pictures.samples
                            if s.modality == "text"]).astype(np.float64)  # fmt: skip
    itself, captions = [[at] for at in range(COUNT)], [[2 * at, 2 * at + 1] for at in range(COUNT)]
    assert [c.degradation for c in found.curves] == ["noise", "crop"] * 2
    for condition in (NOISE, HARD_NOISE, CROP):
        bad = np.array([vector(encoder, path, condition) for path in files])
        for direction, right, answering, truth in (
            ("i2i", "original", clean, itself), ("i2t", "group", texts, captions),
        ):  # fmt: skip
            curve = found.find(condition.name, direction, right)
            point = next(p for p in curve.points if p.strength == condition.strength)
            agrees(curve.undegraded, ranks(clean, answering, truth))
            agrees(point.figures, ranks(bad, answering, truth))
            change = point.figures["MRR"].value - curve.undegraded["MRR"].value
            assert point.lost["MRR"].difference == pytest.approx(change)
            assert (curve.queries, curve.gallery) == (COUNT, len(answering))
    curve = found.find("noise", "i2i")
    assert curve.undegraded["R@1"].value == 1 and curve.undegraded["R@1"].chance == pytest.approx(1 / COUNT)
    one = found.find("crop", "i2i").points[0]
    assert one.figures["R@1"].low < one.figures["R@1"].value < one.figures["R@1"].high < 1 and one.lost["R@1"].p < 0.01
    assert found.notes == ("i2i has no right answer in fields: none of the pictures has another of the pictures",)


def test_bad_pictures_as_answers(encoder, pictures):
    found = robustness(pictures, encoder, conditions=[HARD_NOISE], side="answers", **FAST)
    files = [s.source for s in pictures.samples if s.modality == "image"]
    texts = encoder.encode([next(iter(read(Source.from_bytes(s.source.encode(), "a.txt"))[1])) for s in pictures.samples
                            if s.modality == "text"]).astype(np.float64)  # fmt: skip
    bad = np.array([vector(encoder, path, HARD_NOISE) for path in files])
    curve = found.find("noise", "t2i", "group")
    agrees(curve.points[0].figures, ranks(texts, bad, [[at // 2] for at in range(2 * COUNT)]))
    assert found.side == "answers" and curve.queries == 2 * COUNT
    clean = np.array([vector(encoder, path) for path in files])
    agrees(found.find("noise", "i2i").points[0].figures, ranks(clean, bad, [[at] for at in range(COUNT)]))


def test_bad_sounds_find_their_class_and_never_count_themselves(encoder, sounds):
    found = robustness(sounds, encoder, conditions=[HISS], **FAST)
    files = [s.source for s in sounds.samples if s.modality == "audio"]
    clean, bad = (np.array([vector(encoder, path, c) for path in files]) for c in (None, HISS))
    own = [[at] for at in range(len(files))]
    others = [[b for b in range(len(files)) if b != a and b % CLASSES == a % CLASSES] for a in range(len(files))]
    agrees(found.find("white_noise", "a2a", "original").points[0].figures, ranks(bad, clean, own))
    curve = found.find("white_noise", "a2a", "group")
    agrees(curve.points[0].figures, ranks(bad, clean, others, own))
    agrees(curve.undegraded, ranks(clean, clean, others, own))
    assert curve.gallery == len(files) - 1
    assert curve.undegraded["R@1"].chance == pytest.approx(2 / (len(files) - 1))
    assert found.find("white_noise", "a2t").gallery == CLASSES


def test_without_conditions_all_are_taken_that_the_files_and_the_model_have(encoder, sounds):
    found = robustness(sounds, encoder, measures=("R@1",), resamples=100)
    assert {curve.degradation for curve in found.curves} == {"white_noise", "clipping", "telephone"}
    said = json.dumps(found.to_json(), allow_nan=False)
    again = json.loads(said)
    assert again["curves"][0]["points"][0].keys() == {"strength", "figures", "lost"}
    assert again["data"]["samples"] == {"audio": 12, "text": 4} and len(again["data"]["hash"]) == 16
    with pytest.raises(BadData, match=r"no curve of blur in a2a: there are white_noise a2a original"):
        found.find("blur", "a2a")


def test_damaged_and_missing_files_are_said_and_the_others_are_asked(encoder, pictures, tmp_path):
    broken, gone = tmp_path / "broken.png", tmp_path / "gone.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    more = [Sample(path.name, "image", path, path.stem) for path in (broken, gone)]
    found = robustness(Dataset("some", "", [*more, *pictures.samples], "pairs"), encoder, conditions=[NOISE], **FAST)
    assert {Path(one.path).name for one in found.failures} == {"broken.png", "gone.png"}
    assert found.find("noise", "i2i").gallery == COUNT


def test_what_cannot_be_asked_is_one_line(encoder, pictures, sounds):
    texts = Dataset("texts", "", [s for s in pictures.samples if s.modality == "text"], "pairs")
    with pytest.raises(BadData, match="texts has no image or audio files that can be asked for by tiny"):
        robustness(texts, encoder, **FAST)
    with pytest.raises(BadData, match="tones has no image files"):
        robustness(sounds, encoder, conditions=[NOISE], **FAST)
    with pytest.raises(BadQuery, match="side 'both' is unknown"):
        robustness(pictures, encoder, side="both")
    with pytest.raises(BadQuery, match="one modality at a time, not audio, image"):
        degraded_vectors(pictures.samples, encoder, [NOISE, HISS])


def test_a_second_time_all_comes_from_the_cache(encoder, pictures, tmp_path, monkeypatch):
    with Cache(tmp_path / "vectors.sqlite") as cache:
        first = degraded_vectors(pictures.samples, encoder, [NOISE, CROP], cache=cache)
        monkeypatch.setattr(encoder, "embed", None)
        again = degraded_vectors(pictures.samples, encoder, [CROP, NOISE], cache=cache)
        assert (again.vectors == first.vectors[::-1]).all() and (again.rows == first.rows).all()
        with pytest.raises(TypeError):  # another seed is another noise
            degraded_vectors(pictures.samples, encoder, [NOISE, CROP], cache=cache, seed=1)


@pytest.mark.parametrize("among", [True, False])
def test_a_trial_ranks_as_the_exact_index_does_ties_too(among):
    chance, count = np.random.default_rng(3), 300
    gallery = chance.normal(size=(count, 8)).astype(np.float32)
    gallery[200:] = gallery[:100]  # every third row comes twice
    rows = np.arange(count) * 3
    trial = Trial.of_originals("i2i", rows, rows)
    trial = Trial("i2i", "group", rows, rows, trial.truth, None, among)
    asking = (gallery + 0.8 * chance.normal(size=gallery.shape)).astype(np.float32)
    judged = trial.judged(asking, gallery)
    if among:  # the query itself is left out, and it is the only right answer
        assert not len(judged.rows) and judged.size == count - 1
        return
    found = ExactIndex(rows, gallery, "cosine").search(asking, trial.depth)
    expected = [np.flatnonzero(ids == own) + 1 for ids, own in zip(found.ids, rows, strict=True)]
    ranked = {int(row): int(rank) for row, rank in zip(judged.rows, judged.ranks, strict=True)}
    assert ranked == {at: int(rank[0]) for at, rank in enumerate(expected) if len(rank)}
    assert 0 < len(ranked) < count
