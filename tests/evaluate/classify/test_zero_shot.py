"""Labels and templates as people give them, and probabilities that follow from cosines: worked by hand, and learnt."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sensorium.core.errors import BadQuery
from sensorium.encoders.bundle import Bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.encoders.scores import Calibration
from sensorium.evaluate.classify.zero_shot import (
    FEWEST,
    PRIOR,
    SLOPE,
    TEMPLATES,
    Unrelated,
    checked_labels,
    checked_templates,
    label_vectors,
    probabilities,
    read_labels,
    unrelated,
)
from sensorium.testing.bundles import tiny_bundle


def test_labels_come_from_a_line_or_from_a_file(tmp_path):
    file = tmp_path / "labels.txt"
    file.write_text("\ufeffdog\n\n a street, at night \ncat\n", "utf-8")
    assert read_labels("dog, cat") == ["dog", " cat"]
    assert read_labels(str(file)) == read_labels(f"@{file}") == ["dog", " a street, at night ", "cat"]
    assert checked_labels(read_labels(f"@{file}")) == ("dog", "a street, at night", "cat")


def test_labels_that_look_like_somebodys_home_are_labels():
    assert read_labels("~nobody-has-this-name,cats") == ["~nobody-has-this-name", "cats"]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "there are no labels"),
        ("  ", "there are no labels"),
        ("dog", "'dog' is the only label, and no file of that name is there"),
        ("~nobody-has-this-name", "is the only label"),
        ("x" * 5000, "is the only label"),
        ("dog,,cat", "label 2 is empty"),
        ("dog,cat,", "label 3 is empty"),
        ("dog,cat,Dog ", "'Dog' is there twice"),
    ],
)
def test_bad_labels_are_said_in_one_line(said, why):
    with pytest.raises(BadQuery, match=why) as error:
        checked_labels(read_labels(said))
    assert "\n" not in str(error.value)


def test_a_file_of_labels_that_is_not_there_or_no_text_is_said(tmp_path):
    with pytest.raises(BadQuery, match=r"labels in .*nothing\.txt cannot be read \(No such file"):
        read_labels(f"@{tmp_path}/nothing.txt")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00d")
    with pytest.raises(BadQuery, match="it is not UTF-8"):
        read_labels(f"@{tmp_path}/bytes.txt")


def test_templates_are_for_all_modalities_or_for_one():
    assert checked_templates([]) == TEMPLATES
    own = checked_templates(["a sketch of {}", "audio=the noise of {}", "a = {}"])
    assert own["image"] == own["text"] == ("a sketch of {}", "a = {}")
    assert own["audio"] == ("a sketch of {}", "the noise of {}", "a = {}")
    assert checked_templates(["audio=the noise of {}"])["image"] == TEMPLATES["image"]
    for bad in ("a photo", "{} and {}", "image=a photo"):
        with pytest.raises(BadQuery, match=r"needs one \{\} where the label goes"):
            checked_templates([bad])


def test_a_label_is_the_mean_of_its_texts_as_unit_vectors(tmp_path):
    encoder = OnnxEncoder(Bundle.open(tiny_bundle(tmp_path / "tiny")))
    found = label_vectors(encoder, ["dog", "a {} cat"], ["the {}", "{}!"])
    from sensorium.core.types import Part

    for row, texts in enumerate((["the dog", "dog!"], ["the a {} cat", "a {} cat!"])):
        each = np.concatenate([encoder.encode([Part("text", text)]) for text in texts])
        mean = (each / np.linalg.norm(each, axis=1, keepdims=True)).mean(0)
        np.testing.assert_allclose(found[row], mean / np.linalg.norm(mean), atol=1e-6)


def test_probabilities_worked_by_hand():
    # z of 2 and 0; "none" lies at log(2) + 1.5^2 / 2
    odds = [math.exp(1.5 * 2), math.exp(0), 2 * math.exp(1.5**2 / 2)]
    found = probabilities(np.array([[0.5, 0.1]]), Unrelated(0.1, 0.2), slope=1.5)
    np.testing.assert_allclose(found, [[one / sum(odds) for one in odds]], rtol=1e-12)
    certain = probabilities(np.array([[0.5, 0.1]]), Unrelated(0.1, 0.2), none=False, slope=1.5)
    np.testing.assert_allclose(certain, [[odds[0] / sum(odds[:2]), odds[1] / sum(odds[:2]), 0]], rtol=1e-12)


def test_probabilities_are_those_of_things_that_are_as_the_method_supposes():
    """Right pairs SLOPE deviations above the others, half of the things with no label: then 0.7 means 70 of 100."""
    random, count, n = np.random.default_rng(3), 8, 60_000
    truth = random.integers(0, 2 * count, n).clip(max=count)  # half are `count`: none
    cosines = random.normal(0.2, 0.1, (n, count))
    cosines[np.flatnonzero(truth < count), truth[truth < count]] += SLOPE * 0.1
    said = probabilities(cosines, Unrelated(0.2, 0.1))
    for column in (0, count):
        for low in np.arange(0, 1, 0.1):
            mine = (said[:, column] >= low) & (said[:, column] < low + 0.1)
            if mine.sum() > 300:
                came = (truth[mine] == column).mean()
                assert abs(came - said[mine, column].mean()) < 4 * math.sqrt(0.25 / mine.sum()), (column, low)


def test_a_library_corrects_what_the_bundle_says_of_unrelated_pairs():
    """Pictures of one sort are nearer to all labels than any pictures are: 0.30, where the bundle says 0.05."""
    random, n = np.random.default_rng(5), 2_000
    cosines = random.normal(0.30, 0.08, (n, 10))
    cosines[np.arange(n), random.integers(0, 10, n)] += SLOPE * 0.08
    found = unrelated(cosines, Calibration(0.05, 0.1))
    assert found.parts == n
    assert abs(found.mean - 0.30) < 0.01 and abs(found.std - 0.08) < 0.01
    assert unrelated(None, Calibration(0.05, 0.1)) == Unrelated(0.05, 0.1, 0)


def test_the_few_parts_of_a_small_library_move_little():
    cosines = np.full((1, 4), 0.3) + np.array([[0, 0.01, 0.02, 0.03]])
    found = unrelated(cosines, Calibration(0.05, 0.1))
    assert abs(found.mean - 0.05) < 0.3 / PRIOR and found.parts == 1


def test_a_library_of_dogs_does_not_make_dogs_the_usual_thing():
    """Whatever is learnt from a library, the order of the labels stays that of the cosines."""
    random = np.random.default_rng(6)
    cosines = random.normal(0.1, 0.05, (500, 3))
    cosines[:, 0] += 0.2
    usual = unrelated(cosines, Calibration(0.05, 0.1), slope=1.5)
    found = probabilities(cosines, usual, slope=1.5)
    np.testing.assert_array_equal(found[:, :3].argmax(1), cosines.argmax(1))
    assert (found.argmax(1) == 0).mean() > 0.9


@pytest.mark.parametrize("said", [None, Calibration(0.3, 0.0)])
def test_a_bundle_without_a_word_on_unrelated_pairs_needs_a_library_of_some_size(said):
    random = np.random.default_rng(7)
    assert unrelated(None, said) is None
    assert unrelated(random.normal(0.3, 0.1, (FEWEST - 1, 5)), said) is None
    found = unrelated(random.normal(0.3, 0.1, (400, 5)), said)
    assert abs(found.mean - 0.3) < 0.05 and 0.05 < found.std < 0.15
