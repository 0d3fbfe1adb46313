"""A library is filled and searched at the precision that its vectors were made with, wherever it is opened."""

from __future__ import annotations

import json
import shutil

import numpy as np
import onnx
import pytest
from onnx import helper

from sensorium import Library
from sensorium.core.errors import BundleDamaged, SpaceMismatch
from sensorium.core.types import Part
from sensorium.encoders import bundle as bundle_file
from sensorium.encoders.bundle import Bundle, write_bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.library import offline
from sensorium.library.doctor import doctor
from sensorium.testing.bundles import tiny_bundle
from sensorium.testing.naive import live_rows

SAID = ("the sea was calm", "bread rises slowly", "thunder over hills")


def write_model(folder, cosine, seed=0, name="tiny"):
    """A bundle whose 8-bit text tower gives its vectors the other way round: mixed with its own, nothing is found."""
    tiny_bundle(folder, seed=seed, name=name, modalities=["text", "image"])
    model = onnx.load(str(folder / "text.onnx"))
    model.graph.node[-1].output[0] = "own"
    model.graph.node.append(helper.make_node("Neg", ["own"], ["vectors"]))
    onnx.save(model, str(folder / "text.int8.onnx"))
    described = json.loads((folder / "bundle.json").read_text())
    described["towers"]["text"]["int8"] = {"file": "text.int8.onnx", "cosine": cosine, "overlap": 1.0}
    return write_bundle(folder, {k: v for k, v in described.items() if k not in ("format", "files")})


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model whose 8-bit form makes a space of its own."""
    return write_model(tmp_path_factory.mktemp("models") / "tiny", cosine=0.995)


@pytest.fixture
def machine(monkeypatch):
    """Says whether the machine is fast with 8 bits from now on."""
    return lambda fast: monkeypatch.setattr("sensorium.encoders.onnx.fast_int8", lambda: fast)


@pytest.fixture
def made(machine, model, tmp_path, files):
    """Makes a library on a machine that is fast with 8 bits, or on one that is not; returns where it is."""

    def make(fast):
        machine(fast)
        for i, said in enumerate(SAID):
            files.text(f"{i}.txt", said)
        with Library(tmp_path / "made.library", model=str(model.folder)) as library:
            assert library.add(files.folder).added == len(SAID)
        return tmp_path / "made.library"

    return make


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def assert_made_at(place, model, precision):
    """Every vector of a library is that of its text at a precision."""
    rows = live_rows(place)
    parts = [Part("text", row.text) for row in rows]
    expected = OnnxEncoder(model, precision=precision).encode(parts)
    np.testing.assert_allclose(unit(np.stack([row.vector for row in rows])), unit(expected), atol=2e-3)


kinds = pytest.mark.parametrize("fast", [True, False], ids=["made with 8 bits", "made with floats"])
machines = pytest.mark.parametrize("opened_on", [True, False], ids=["opened on fast", "opened on slow"])


@kinds
@machines
def test_a_library_finds_and_adds_with_the_precision_that_made_it(made, machine, model, files, fast, opened_on):
    place, precision = made(fast), "int8" if fast else "float32"
    space = f"{model.space}-int8" if fast else model.space
    assert_made_at(place, model, precision)
    machine(opened_on)

    with Library(place, create=False) as library:
        for said in SAID:
            hit = library.search(said, k=1)[0]
            assert hit.score > 0.999 and hit.text == said
        files.text("new.txt", "a red bicycle")
        assert library.add(files.folder).added == 1
        assert library.search("a red bicycle", k=1)[0].score > 0.999
        assert [found.space for found in library.status().spaces] == [space]
    assert_made_at(place, model, precision)
    assert Bundle.open(place / "bundles" / space).space == model.space


@kinds
@machines
def test_the_same_model_may_be_named_whatever_the_machine(made, machine, model, fast, opened_on):
    place = made(fast)
    machine(opened_on)

    with Library(place, model=str(model.folder)) as library:
        assert library.search(SAID[0], k=1)[0].score > 0.999


@kinds
@machines
def test_another_model_is_still_refused_also_when_it_has_a_form(made, machine, model, tmp_path, fast, opened_on):
    place = made(fast)
    other = write_model(tmp_path / "other", cosine=0.995, seed=7, name="other")
    machine(opened_on)

    said = r"was made with the model tiny .*, not with other .*: leave out --model"
    with Library(place, model=str(other.folder)) as library, pytest.raises(SpaceMismatch, match=said) as caught:
        library.search("x")
    assert model.space in str(caught.value) and other.space in str(caught.value)


def test_the_same_towers_with_a_form_that_differs_less_are_another_model(made, tmp_path):
    """The description is hashed: what agreed by how much is part of it."""
    place = made(True)
    other = write_model(tmp_path / "other", cosine=0.9999)

    with Library(place, model=str(other.folder)) as library, pytest.raises(SpaceMismatch):
        library.search("x")


@kinds
@pytest.mark.parametrize("damage", ["gone", "another bundle"])
def test_a_lost_copy_is_replaced_by_the_same_installed_model(made, model, monkeypatch, fast, damage):
    place = made(fast)
    (kept,) = (place / "bundles").iterdir()
    shutil.rmtree(kept)
    if damage == "another bundle":
        write_model(kept, cosine=0.995, seed=9)
    with pytest.raises(BundleDamaged):
        Library(place).search("x")
    monkeypatch.setattr(bundle_file, "BUILT_IN", model.folder.parent)

    hits = Library(place).search(SAID[1], k=1)

    assert hits[0].score > 0.999 and "is the same and is used instead" in hits.notes[0]


def test_a_copy_without_that_space_is_no_substitute(made, machine):
    """A library of 8-bit vectors, and a bundle of the same towers whose form is no good any more."""
    place = made(True)
    (kept,) = (place / "bundles").iterdir()
    write_model(kept, cosine=0.5)

    with pytest.raises(BundleDamaged, match="is not the one that made the library: put that one back"):
        Library(place).search("x")


@pytest.fixture
def alike(tmp_path):
    """A model whose 8-bit form agrees with its tower so well that both make one space."""
    return write_model(tmp_path / "alike", cosine=0.9995)


@kinds
@machines
def test_where_both_make_one_space_each_machine_takes_what_is_fast(machine, alike, tmp_path, files, fast, opened_on):
    files.text("a.txt", SAID[0])
    machine(fast)
    with Library(tmp_path / "l", model=str(alike.folder)) as library:
        library.add(files.folder)
        assert [found.space for found in library.status().spaces] == [alike.space]
    machine(opened_on)

    with Library(tmp_path / "l", create=False) as library:
        score = library.search(SAID[0], k=1)[0].score
    # this form, the wrong way round, shows which one made the query's vector
    assert score > 0.999 if fast == opened_on else score < -0.999


def test_a_library_of_a_format_1_bundle_opens_on_any_machine(machine, tmp_path, files):
    folder = tiny_bundle(tmp_path / "old", modalities=["text", "image"])
    described = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**described, "format": 1}))
    files.text("a.txt", SAID[0])
    machine(False)
    with Library(tmp_path / "l", model=str(folder)) as library:
        library.add(files.folder)
    machine(True)

    with Library(tmp_path / "l") as library:
        assert library.search(SAID[0], k=1)[0].score > 0.999
        assert [found.space for found in library.status().spaces] == [Bundle.open(folder).space]


@pytest.mark.parametrize(
    "fast",
    [
        True,
        False,
    ],
    ids=["made with 8 bits", "made with floats"],
)
def test_the_doctor_finds_such_a_library_well(made, model, monkeypatch, fast):
    monkeypatch.setattr(offline, "prove", lambda: (True, "not looked at"))
    monkeypatch.setenv("SENSORIUM_MODEL", str(model.folder))

    assert [check for check in doctor(made(fast)) if not check.ok] == []
