"""What is said of a library's items and of files, against what its tables say when they are read slowly."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sensorium import Library
from sensorium.core.errors import BadQuery, SourceMissing
from sensorium.core.types import Part, Place
from sensorium.encoders.bundle import Bundle, write_bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.evaluate.classify import items as module
from sensorium.evaluate.classify.files import files as label_files
from sensorium.evaluate.classify.items import Answer, Classifier, Wish, asked
from sensorium.evaluate.classify.zero_shot import SLOPE, TEMPLATES, Unrelated, unrelated
from sensorium.library.scan import file_at
from sensorium.testing.bundles import tiny_bundle
from sensorium.testing.files import Files
from sensorium.testing.naive import live_rows

LABELS = ("the sea", "bread", "thunder", "a bicycle")


@dataclass
class World:
    """Files, and a library of them."""

    files: Files
    library: Library
    bundle: Path


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def world(tmp_path, bundle):
    files = Files(tmp_path / "things")
    files.fill(texts=8, pictures=8, sounds=4, long=False)
    files.text("texts/many.txt", "\n\n".join(f"Chapter {n} is about the sea. " * 12 for n in range(6)))
    files.sound("sounds/many.wav", 50, seconds=17)
    with Library(tmp_path / "a.library", model=str(bundle)) as library:
        library.add(files.folder)
        yield World(files, library, bundle)


def slowly(world, *, none=True, missing=False):
    """Path -> probabilities (c + 1,), from the tables, part by part and label by label."""
    encoder = OnnxEncoder(Bundle.open(world.bundle))
    rows = live_rows(world.library.path)
    texts = {}
    for modality in ("text", "image", "audio"):
        for label in LABELS:
            each = [encoder.encode([Part("text", t.format(label))])[0] for t in TEMPLATES[modality]]
            mean = np.mean([one / np.linalg.norm(one) for one in each], axis=0)
            texts[modality, label] = mean / np.linalg.norm(mean)
    cosines = {
        row.part: [float(row.vector @ texts[row.modality, label] / np.linalg.norm(row.vector)) for label in LABELS]
        for row in rows
    }
    found = {}
    for modality in ("text", "image", "audio"):
        mine = [row for row in rows if row.modality == modality]
        usual = unrelated(
            np.array([cosines[row.part] for row in mine]), Bundle.open(world.bundle).calibration[f"text-{modality}"]
        )
        for row in mine:
            odds = [np.exp(SLOPE * (one - usual.mean) / usual.std) for one in cosines[row.part]]
            odds.append(len(LABELS) * np.exp(SLOPE**2 / 2) if none else 0.0)
            found.setdefault(row.path, []).append(np.array(odds) / sum(odds))
    return {path: np.mean(each, axis=0) for path, each in found.items()}, {path: len(e) for path, e in found.items()}


def same(answer, right, parts):
    best = int(right.argmax())
    assert answer.label == (None if best == len(LABELS) else LABELS[best])
    assert answer.parts == parts
    np.testing.assert_allclose([answer.probability, answer.none], [right[best], right[-1]], atol=2e-3)
    assert [label for label, _ in answer.best] == [LABELS[at] for at in np.argsort(-right[:-1], kind="stable")]
    np.testing.assert_allclose([p for _, p in answer.best], np.sort(right[:-1])[::-1], atol=2e-3)


@pytest.mark.parametrize("none", [True, False])
def test_items_are_labelled_from_their_vectors_as_a_slow_reading_of_the_tables_says(world, none, monkeypatch):
    right, parts = slowly(world, none=none)
    monkeypatch.setattr(os, "open", None)  # no file is read
    answers = list(Classifier(Wish(LABELS, none=none), world.library).items())
    monkeypatch.undo()
    assert len(answers) == 22 and [one.item for one in answers] == sorted(one.item for one in answers)
    for answer in answers:
        same(answer, right[answer.path], parts[answer.path])
    assert max(parts.values()) > 3


def test_blocks_of_any_size_give_the_same(world, monkeypatch):
    classifier = Classifier(Wish(LABELS), world.library)
    whole = list(classifier.items())
    monkeypatch.setattr(module, "CELLS", 3 * (len(LABELS) + 1))
    for one, right in zip(classifier.items(), whole, strict=True):
        assert (one.item, one.label, one.parts, one.place) == (right.item, right.label, right.parts, right.place)
        np.testing.assert_allclose([p for _, p in one.best], [p for _, p in right.best], atol=1e-6)


def test_what_is_usual_is_learnt_from_so_many_parts_at_most(world, monkeypatch):
    monkeypatch.setattr(module, "SAMPLE", 6)
    classifier = Classifier(Wish(LABELS), world.library)
    parts = sum(answer.parts for answer in classifier.items())
    learnt = {modality: usual.parts for modality, usual in classifier.usual.items()}
    assert parts > 3 * 6 and all(3 <= count <= 6 for count in learnt.values()), learnt


def test_rows_that_came_after_the_snapshot_and_items_that_are_gone_count_as_they_should(world):
    list(Classifier(Wish(LABELS), world.library).items())
    with Library(world.library.path) as other:
        (world.files.folder / "texts/t03.txt").unlink()
        world.files.text("texts/t04.txt", "Bread and thunder.")
        world.files.text("texts/new.txt", "A bicycle by the sea.")
        other.add(world.files.folder)
    right, parts = slowly(world)
    answers = {answer.path: answer for answer in Classifier(Wish(LABELS), world.library).items()}
    assert set(answers) == set(right) and len(answers) == 22
    assert not any("t03" in path for path in answers)
    for path, answer in answers.items():
        same(answer, right[path], parts[path])


def test_files_are_read_where_the_library_does_not_have_them_and_get_the_same_answer(world, tmp_path):
    classifier = Classifier(Wish(LABELS), world.library)
    stored = {Path(answer.path).name: answer for answer in classifier.items()}
    copies = Files(tmp_path / "copies")
    for path in world.files.folder.rglob("*.*"):
        copies.bytes(path.name, path.read_bytes())
    found = asked(classifier, world.library, [copies.folder])
    assert not len(found.items) and len(found.files) == 22
    answers = list(label_files(classifier, found.files, found.kept))
    assert [answer.path for answer in answers] == [one.path for one in found.files]
    for answer in answers:
        twin = stored[Path(answer.path).name]
        assert (answer.label, answer.parts, answer.item, answer.kind) == (twin.label, twin.parts, None, twin.kind)
        assert answer.place == twin.place
        np.testing.assert_allclose(answer.none, twin.none, atol=2e-3)


def test_paths_are_sorted_into_what_is_stored_changed_and_foreign(world):
    classifier = Classifier(Wish(LABELS), world.library)
    world.files.text("texts/t01.txt", "Something else.")
    world.files.text("texts/new.txt", "New.")
    found = asked(classifier, world.library, [world.files.folder / "texts", world.files.folder / "pictures/p00.png"])
    ids = dict(zip(*(world.library.items()[name].to_pylist() for name in ("path", "id")), strict=True))
    mine = [id for path, id in ids.items() if ("/texts/" in path and "t01" not in path) or "p00" in path]
    assert sorted(found.items) == sorted(mine)
    assert [Path(one.path).name for one in found.files] == ["new.txt", "t01.txt"]
    assert (found.changed, found.kept) == (1, {})
    assert len(list(classifier.items(found.items))) == len(mine)


def test_rows_of_tables_are_asked_by_their_path(world):
    world.library.add_rows([{"words": f"row {n} of bread"} for n in range(3)], {"words": "text"}, name="bakery")
    classifier = Classifier(Wish(LABELS), world.library)
    found = asked(classifier, world.library, ["rows:bakery"])
    answers = list(classifier.items(found.items))
    assert len(answers) == 3 and all(answer.path.startswith("rows:bakery/") for answer in answers)


def test_what_cannot_be_read_has_a_reason_and_the_rest_goes_on(world, tmp_path, bundle):
    odd = Files(tmp_path / "odd")
    odd.bytes("a.png", b"\x89PNG\r\n\x1a\n"), odd.bytes("b.xyz", bytes(range(256)) * 9), odd.bytes("c.txt", b"")
    odd.text("d.txt", "The sea.")
    classifier = Classifier(Wish(LABELS), models=[str(bundle)])
    found = asked(classifier, None, [odd.folder])
    answers = list(label_files(classifier, found.files))
    assert [bool(answer.why) for answer in answers] == [True, True, True, False]
    assert answers[0].to_json() == {"path": str(odd.folder / "a.png"), "why": answers[0].why}
    gone = file_at(str(odd.folder / "d.txt"))
    (odd.folder / "d.txt").unlink()
    (answer,) = label_files(classifier, [gone])
    assert answer.why == "there is no such file any more"


@pytest.mark.parametrize("path", ["/no/where", "rows:none"])
def test_paths_without_anything_are_said(world, path):
    with pytest.raises(SourceMissing, match=path.split(":")[0]):
        asked(Classifier(Wish(LABELS), world.library), world.library, [path])


def test_without_a_library_the_bundle_alone_says_what_is_usual(bundle):
    classifier = Classifier(Wish(LABELS), models=[str(bundle)])
    said = Bundle.open(bundle).calibration
    assert classifier.usual == {}
    for modality in ("text", "image", "audio"):
        classifier.judge(modality)
    assert classifier.usual == {m: Unrelated(*said[f"text-{m}"], 0) for m in ("text", "image", "audio")}
    assert list(classifier.items()) == []


def test_a_model_without_a_text_tower_is_said_with_its_name(tmp_path):
    blind = tiny_bundle(tmp_path / "eyes", 16, 1, ("image",), "eyes")
    with pytest.raises(BadQuery, match=r"no tower for texts is in the model 'eyes' \(image\)"):
        Classifier(Wish(LABELS), models=[str(blind)])


def test_of_several_models_each_modality_goes_to_the_first_that_reads_texts(tmp_path):
    eyes = tiny_bundle(tmp_path / "eyes", 16, 1, ("text", "image"), "eyes")
    ears = tiny_bundle(tmp_path / "ears", 24, 2, ("text", "audio"), "ears")
    alone = tiny_bundle(tmp_path / "alone", 8, 3, ("image", "audio"), "alone")
    files = Files(tmp_path / "things")
    files.fill(texts=3, pictures=3, sounds=3, long=False)
    with Library(tmp_path / "b.library", models=[str(alone), str(eyes), str(ears)]) as library:
        library.add(files.folder)
        classifier = Classifier(Wish(LABELS), library)
        assert {m: encoder.bundle.name for m, (_, encoder) in classifier.towers.items()} == {
            "text": "eyes", "image": "eyes", "audio": "ears",
        }  # fmt: skip
        stored = {Path(answer.path).name: answer for answer in classifier.items()}
        assert len(stored) == 9
        read = list(label_files(classifier, [file_at(answer.path) for answer in stored.values()]))
        for answer in read:
            twin = stored[Path(answer.path).name]
            assert answer.label == twin.label
            np.testing.assert_allclose(answer.none, twin.none, atol=2e-3)


def test_a_bundle_without_calibration_is_calibrated_on_the_library_or_refused(tmp_path, bundle):
    folder = tiny_bundle(tmp_path / "mute", name="mute")
    described = json.loads((folder / "bundle.json").read_text())
    described["calibration"] = {}
    write_bundle(folder, {name: value for name, value in described.items() if name not in ("format", "files")})
    with pytest.raises(BadQuery, match="'mute' does not say how near text and text are by chance"):
        Classifier(Wish(LABELS), models=[str(folder)]).judge("text")
    files = Files(tmp_path / "things")
    files.fill(texts=21, pictures=21, sounds=21, long=False)
    with Library(tmp_path / "c.library", model=str(folder)) as library:
        library.add(files.folder)
        classifier = Classifier(Wish(LABELS), library)
        assert len(list(classifier.items())) == 63
        assert {m: usual.parts for m, usual in classifier.usual.items()} == {"text": 21, "image": 21, "audio": 21}


def test_an_answer_is_the_mean_of_its_parts_and_its_place_is_the_best_part():
    classifier = object.__new__(Classifier)
    classifier.wish = Wish(("dog", "cat"), top=1)
    odds = np.array([[0.1, 0.2, 0.7], [0.9, 0.05, 0.05], [0.7, 0.1, 0.2]])
    places = [Place(page=page) for page in (1, 2, 3)]
    answer = classifier.answer("/f.pdf", "pdf", 7, odds, places)
    assert answer.label == "dog" and answer.place == Place(page=2) and answer.parts == 3
    np.testing.assert_allclose([answer.probability, answer.none], [1.7 / 3, 0.95 / 3])
    assert len(answer.best) == 1
    said = answer.to_json()
    assert said["labels"].keys() == {"dog"} and said["place"] == {"page": 2} and said["item"] == 7
    assert classifier.answer("/f.pdf", "pdf", 7, odds[:1], places[:1]).label is None


def test_wishes_that_cannot_be_are_said():
    with pytest.raises(BadQuery, match="top is 0"):
        Wish(LABELS, top=0)
    with pytest.raises(BadQuery, match="only label"):
        Wish(("dog",))
    assert Answer("/x", why="odd").to_json() == {"path": "/x", "why": "odd"}
