"""A library is filled and searched at the precision that its vectors were made with, wherever it is opened."""

from __future__ import annotations

import json
import shutil

import numpy as np
import onnx
import pytest
from onnx import helper

from sensorium import Library
from sensorium.core.errors import BadPrecision, BundleDamaged, SpaceMismatch
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


# --- a precision that is asked for


def open_at(place, precision, how, monkeypatch, **more):
    """A library at a precision that the caller or the environment says."""
    if how == "environment":
        monkeypatch.setenv("SENSORIUM_PRECISION", precision)
        return Library(place, **more)
    return Library(place, precision=precision, **more)


said_by = pytest.mark.parametrize("how", ["argument", "environment"])
precisions = pytest.mark.parametrize("precision", ["float32", "int8"])


@machines
@said_by
@precisions
def test_a_new_library_is_made_at_the_precision_asked_for(
    machine, model, tmp_path, files, monkeypatch, opened_on, how, precision
):
    machine(opened_on)
    for i, said in enumerate(SAID):
        files.text(f"{i}.txt", said)
    with open_at(tmp_path / "l", precision, how, monkeypatch, model=str(model.folder)) as library:
        library.add(files.folder)
        (space,) = library.status().spaces
        assert (space.space, space.precision) == (model.space_of(precision), precision)
        assert library.search(SAID[0], k=1)[0].score > 0.999
    assert_made_at(tmp_path / "l", model, precision)


@machines
@said_by
@precisions
def test_where_any_makes_the_space_the_one_asked_for_is_used(
    machine, alike, tmp_path, files, monkeypatch, opened_on, how, precision
):
    """The form, the wrong way round, shows which one made the query's vector."""
    files.text("a.txt", SAID[0])
    with Library(tmp_path / "l", model=str(alike.folder), precision="float32") as library:
        library.add(files.folder)
    machine(opened_on)

    with open_at(tmp_path / "l", precision, how, monkeypatch) as library:
        score = library.search(SAID[0], k=1)[0].score
        assert library.status().spaces[0].precision == precision
        files.text("b.txt", SAID[1])
        library.add(files.folder)
        assert library.search(SAID[1], k=1)[0].score > 0.999  # what is added is made at it too
    assert score > 0.999 if precision == "float32" else score < -0.999


def test_the_argument_is_before_the_environment(machine, alike, tmp_path, files, monkeypatch):
    machine(True)
    monkeypatch.setenv("SENSORIUM_PRECISION", "float32")
    for precision, used in ((None, "float32"), ("int8", "int8"), ("auto", "int8")):
        with Library(tmp_path / f"{precision}", model=str(alike.folder), precision=precision) as library:
            library.add(files.text("a.txt", SAID[0]))
            assert library.status().spaces[0].precision == used
    monkeypatch.setenv("SENSORIUM_PRECISION", "")
    assert Library(tmp_path / "int8").status().spaces[0].precision == "int8"


@kinds
@machines
@said_by
def test_a_precision_that_would_give_another_space_is_a_mismatch_with_both_names_and_the_way_out(
    made, machine, model, files, monkeypatch, fast, opened_on, how
):
    place = made(fast)
    machine(opened_on)
    was, other = ("int8", "float32") if fast else ("float32", "int8")
    files.text("new.txt", "a red bicycle")

    with open_at(place, other, how, monkeypatch) as library:
        for ask in (lambda: library.search("x"), lambda: library.add(files.folder), lambda: library.encode("x")):
            with pytest.raises(SpaceMismatch) as caught:
                ask()
            said = str(caught.value)
            assert f"tiny at precision {was} (space {model.space_of(was)}), not at {other}" in said
            assert model.space_of(other) in said and "leave out --precision and SENSORIUM_PRECISION" in said
            assert f"sensorium --precision {other} reindex --model tiny" in said and "\n" not in said
        assert library.status().spaces[0].precision == was and library.items().num_rows == len(SAID)


@kinds
def test_a_model_that_is_named_must_have_been_used_at_that_precision_too(made, model, fast):
    other = "float32" if fast else "int8"

    with (
        Library(made(fast), model=str(model.folder), precision=other) as library,
        pytest.raises(SpaceMismatch, match=f"not at {other} .* --precision {other} reindex --model {model.folder}"),
    ):
        library.search("x")


@kinds
@said_by
def test_a_mismatch_has_a_way_out_that_works(made, model, monkeypatch, fast, how):
    place, (was, other) = made(fast), ("int8", "float32") if fast else ("float32", "int8")

    with open_at(place, other, how, monkeypatch) as library:
        assert library.reindex(str(model.folder)).served
        assert library.search(SAID[0], k=1)[0].score > 0.999
        found = {space.space: (space.precision, space.default) for space in library.status().spaces}
        assert found == {model.space_of(was): (was, False), model.space_of(other): (other, True)}
    with Library(place, precision="auto", model=str(model.folder)) as library:
        assert library.search(SAID[0], k=1)[0].space == model.space_of(other)
        library.use()  # back to the former one
        assert library.search(SAID[0], k=1)[0].space == model.space_of(was)
    with Library(place, precision="auto", model=str(model.folder)) as library:  # of two, the one in service is meant
        assert library.search(SAID[0], k=1)[0].space == model.space_of(was)


def test_of_two_spaces_of_a_model_in_service_the_precision_chooses_one(made, model, files):
    place = made(True)
    with Library(place, precision="float32") as library:
        assert library.reindex(str(model.folder), beside=True).served

    assert {hit.space for hit in Library(place, precision="float32").search(SAID[0])} == {model.space}
    assert {hit.space for hit in Library(place, precision="int8").search(SAID[0])} == {model.space_of("int8")}
    with Library(place, precision="int8") as library:
        files.text("new.txt", "a red bicycle")
        library.add(files.folder)  # fills both, each at its own
        assert [space.vectors for space in library.status().spaces] == [4, 4]


def test_a_model_that_only_the_library_still_has_gets_a_space_at_the_precision_asked_for(machine, tmp_path, files):
    machine(True)
    model = write_model(tmp_path / "model", cosine=0.995)
    files.text("a.txt", SAID[0])
    with Library(tmp_path / "l", model=str(model.folder)) as library:
        library.add(files.folder)
    shutil.rmtree(model.folder)

    with Library(tmp_path / "l", precision="float32") as library:
        assert library.reindex("tiny").space == model.space
        assert library.search(SAID[0], k=1)[0].score > 0.999


@pytest.mark.parametrize("precision", ["int4", "", "INT8"])
def test_a_precision_that_there_is_none_of_is_one_line_and_makes_nothing(tmp_path, monkeypatch, precision):
    there = "choose one of auto, float32, int8"
    with pytest.raises(BadPrecision) as caught:
        Library(tmp_path / "l", precision=precision)
    assert str(caught.value) == f"the precision is {precision!r}, which there is none of: {there}"
    monkeypatch.setenv("SENSORIUM_PRECISION", precision or "8")
    with pytest.raises(BadPrecision, match=f"^SENSORIUM_PRECISION is '{precision or 8}', .*: {there}$"):
        Library(tmp_path / "l")
    assert not (tmp_path / "l").exists()


def test_status_says_what_runs_and_not_what_was_asked_where_there_is_no_form(machine, tmp_path, files):
    machine(True)
    plain = tiny_bundle(tmp_path / "plain", modalities=["text"])
    with Library(tmp_path / "l", model=str(plain), precision="int8") as library:
        library.add(files.text("a.txt", SAID[0]))
        assert library.status().to_json()["spaces"][0]["precision"] == "float32"


def test_at_8_bits_a_query_loads_the_form_and_not_the_float_tower(alike, tmp_path, files):
    with Library(tmp_path / "l", model=str(alike.folder), precision="int8") as library:
        library.add(files.text("a.txt", SAID[0]))
        library.close()
        library.search(SAID[0])
        (space,) = library.status().spaces
        assert library._session.encoder_of(space.space)._sessions.files == {"text.int8.onnx"}
