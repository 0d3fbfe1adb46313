"""A bundle that is not what it should be is refused in one line, and no library ever has anything of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from PIL import Image
from small_towers import GOOD, add_form, description

from sensorium import Library
from sensorium.core.errors import BadQuery, BundleDamaged, SpaceMismatch
from sensorium.core.types import Part
from sensorium.encoders.bundle import Bundle, write_bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.library.query import Vector
from sensorium.testing.bundles import tiny_bundle

COMMAND = Path(sys.executable).with_name("sensorium")
WAYS_OUT = ("put the bundle's original files back", "pip install --upgrade sensorium",
            "upgrade onnxruntime, or get the bundle anew", "save it as one file, and pack the bundle anew")  # fmt: skip


def gone(name):
    return lambda folder: (folder / name).unlink()


def altered(name):
    """One bit of it is another."""

    def change(folder):
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)

    return change


def packed(name, content):
    """A file with this content, and its hash in the description: as somebody might make it."""

    def change(folder):
        (folder / name).write_bytes(content)
        write_bundle(folder, description(folder))

    return change


def described(**values):
    """A description with other values: `text__side=5` is one of the text tower's."""

    def change(folder):
        whole = json.loads((folder / "bundle.json").read_text())
        for place, value in values.items():
            *towers, name = place.split("__")
            (whole["towers"][towers[0]] if towers else whole)[name] = value
        (folder / "bundle.json").write_text(json.dumps(whole))

    return change


def said(old, new):
    """A description with some of its text replaced."""

    def change(folder):
        text = (folder / "bundle.json").read_text()
        assert old in text
        (folder / "bundle.json").write_text(text.replace(old, new))

    return change


def lacks(key):
    def change(folder):
        whole = json.loads((folder / "bundle.json").read_text())
        del whole[key]
        (folder / "bundle.json").write_text(json.dumps(whole))

    return change


def with_form(change):
    """The same of a bundle whose text tower has an 8-bit form."""

    def both(folder):
        add_form(folder, "text", GOOD)
        change(folder)

    return both


def ends_in(*nodes, dimension="numbers"):
    """A text tower whose vectors go through these nodes, from `own` to `vectors`; its file promises nothing of them."""

    def change(folder):
        model = onnx.load(str(folder / "text.onnx"))
        (last,) = (made for made in model.graph.node if "vectors" in made.output)
        last.output[0] = "own"
        model.graph.node.extend(nodes)
        shape = model.graph.output[0].type.tensor_type.shape
        shape.dim[1].Clear()
        shape.dim[1].dim_param = dimension
        onnx.save(model, str(folder / "text.onnx"))
        write_bundle(folder, description(folder))

    return change


def in_pieces(location):
    """A text tower whose weights lie in another file, which is there and is as it should be."""

    def change(folder):
        model = onnx.load(str(folder / "text.onnx"))
        options = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 1024}
        onnx.save_model(model, str(folder / "text.onnx"), **options)
        (folder / "weights.bin").rename(folder / location)
        (folder / "text.onnx").write_bytes(renamed(folder, location))
        write_bundle(folder, description(folder))

    return change


def renamed(folder, location):
    model = onnx.load(str(folder / "text.onnx"), load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            entry.value = location if entry.key == "location" else entry.value
    return model.SerializeToString()


FIRST_NUMBER = onnx.numpy_helper.from_array(np.arange(16) < 1)
ONE_NUMBER = (
    helper.make_node("Constant", [], ["chosen"], value=FIRST_NUMBER),
    helper.make_node("Compress", ["own", "chosen"], ["vectors"], axis=1),
)
FIRST_ROW = (helper.make_node("Constant", [], ["first"], value_ints=[0]),
             helper.make_node("Gather", ["own", "first"], ["vectors"], axis=0))  # fmt: skip
NOT_FINITE = (helper.make_node("Abs", ["own"], ["a"]), helper.make_node("Neg", ["a"], ["b"]),
              helper.make_node("Sqrt", ["b"], ["vectors"]))  # fmt: skip
# Seen when the description is read: no library is made.
ILL_DESCRIBED = {
    "a tower is missing": (gone("text.onnx"), "text.onnx is missing"),
    "a tokenizer is missing": (gone("tokenizer.json"), "tokenizer.json is missing"),
    "an 8-bit form is missing": (with_form(gone("text.int8.onnx")), "text.int8.onnx is missing"),
    "a newer format": (described(format=99), "has format 99, and this Sensorium reads up to 2"),
    "no format": (lacks("format"), "is not the description of a bundle"),
    "format 0": (described(format=0), "is not the description of a bundle"),
    "not JSON": (said("{", ""), "is not JSON"),
    "very deep JSON": (said('"format": 2', f'"format": {"[" * 100_000}'), "is not JSON"),
    "a name of two lines": (described(name="bad\nworse"), "name must be a line of text"),
    "no towers said": (lacks("towers"), "lacks 'towers'"),
    "no hashes": (lacks("files"), "lacks 'files'"),
    "a dimension below 0": (described(dimension=-16), "dimension must be above 0"),
    "a huge dimension": (described(dimension=10**12), "dimension must be at most 65,536, not 1e.12"),
    "a number beyond all": (said('"dimension": 16', f'"dimension": {"9" * 400}'), "int too large"),
    "a number of 5000 digits": (said('"dimension": 16', f'"dimension": {"9" * 5000}'), "is not JSON"),
    "tokens below 0": (described(text__max_tokens=-1), "max_tokens must be 4 or more"),
    "huge tokens": (described(text__max_tokens=10**30), "max_tokens must be at most 131,072, not 1e.30"),
    "a side below 0": (described(image__side=-32), "side must be above 0"),
    "a huge side": (described(image__side=10**9), "side must be at most 8,192, not 1e.09"),
    "huge seconds": (described(audio__seconds=1e300), "seconds must be at most 600"),
    "huge bins": (described(audio__bins=10**12), "bins must be at most 4,096"),
    "seconds that are no number": (said('"seconds": 5.0', '"seconds": NaN'), "seconds must be a finite number"),
    "endless seconds": (said('"seconds": 5.0', '"seconds": 1e999'), "seconds must be a finite number"),
    "an endless mean": (said('"mean": 0.0', '"mean": -1e999'), "mean must be a finite number"),
    "a file elsewhere": (described(text__file="../text.onnx"), "../text.onnx has no hash"),
    "a hashed file elsewhere": (said('"text.onnx"', '"../text.onnx"'), "must be a file in the bundle's own folder"),
}  # fmt: skip
# Seen when its files are: there may be an empty library, as any other model makes it.
ILL_MADE = {
    "an altered tower": (altered("text.onnx"), "text.onnx is not the file that was packed"),
    "an altered card": (altered("CARD.md"), "CARD.md is not the file that was packed"),
    "an altered tokenizer": (altered("tokenizer.json"), "tokenizer.json is not the file that was packed"),
    "an altered 8-bit form": (with_form(altered("text.int8.onnx")), "text.int8.onnx is not the file that was packed"),
    "another dimension": (described(dimension=17), "text.onnx .* has no output 'vectors' of 17 numbers, but one of 16"),
    "another side": (described(image__side=48), "image.onnx .* fails"),
    "no ONNX file": (packed("text.onnx", b"not a network"), "text.onnx .* cannot be loaded by ONNX Runtime"),
    "an empty ONNX file": (packed("image.onnx", b""), "image.onnx .* cannot be loaded by ONNX Runtime"),
    "no ONNX file in 8 bits": (with_form(packed("text.int8.onnx", b"?")), "text.int8.onnx .* cannot be loaded"),
    "no tokenizer": (packed("tokenizer.json", b"{}"), "tokenizer.json is not a tokenizer"),
    "no vectors": (ends_in(*NOT_FINITE), "text.onnx .* gives vectors that are zero or not finite"),
    "one number for 16": (ends_in(*ONE_NUMBER), r"text.onnx .* fails .*vectors of the shape \(1, 1\) for 1 rows"),
    "weights in another file": (in_pieces("weights.bin"), "text.onnx .* keeps weights in other files"),
    "weights elsewhere": (in_pieces("../weights.bin"), "text.onnx .* keeps weights in other files"),
}
BAD = {**ILL_DESCRIBED, **ILL_MADE}


@pytest.fixture
def bad(tmp_path):
    """A bad bundle by its kind."""

    def make(kind):
        folder = tiny_bundle(tmp_path / "bad", name="bad")
        BAD[kind][0](folder)
        return folder

    return make


@pytest.fixture
def good(tmp_path):
    return tiny_bundle(tmp_path / "good", 24, seed=5, name="good")


@pytest.fixture
def things(tmp_path):
    """A text and a picture."""
    folder = tmp_path / "things"
    folder.mkdir()
    (folder / "dog.txt").write_text("A dog on a beach.")
    Image.effect_noise((64, 48), 60).convert("RGB").save(folder / "noise.png")
    return folder


def assert_said(line, kind, folder):
    assert "\n" not in line and str(folder) in line
    assert re.search(BAD[kind][1], line), line
    assert line.endswith(WAYS_OUT), line


def installed(library):
    """The bundles that a library has copies of, whole or not."""
    return sorted(path.name for path in library.glob("bundles/*"))


@pytest.mark.parametrize("kind", BAD)
def test_a_new_library_refuses_it_and_takes_another_model_then(kind, bad, good, things, tmp_path):
    folder, place = bad(kind), tmp_path / "my.library"

    with pytest.raises(BundleDamaged) as caught, Library(place, models=[str(good), str(folder)]) as library:
        library.add(things)

    assert_said(str(caught.value), kind, folder)
    assert place.exists() == (kind in ILL_MADE) and installed(place) == []
    with Library(place, model=str(good)) as library:
        assert library.status().items == 0 and library.status().spaces == ()
        assert library.add(things).added == 2
        assert [space.model for space in library.status().spaces] == ["good"]
        assert library.search("A dog on a beach.", k=1)[0].score > 0.999


@pytest.mark.parametrize("kind", BAD)
def test_a_library_that_is_there_refuses_it_as_a_further_space_and_stays_as_it_was(kind, bad, good, things, tmp_path):
    folder, place = bad(kind), tmp_path / "my.library"
    with Library(place, model=str(good)) as library:
        library.add(things)
        before = (library.status().spaces, (place / "library.json").read_bytes(), installed(place))

        with pytest.raises(BundleDamaged) as caught:
            library.reindex(str(folder), beside=True)

        assert_said(str(caught.value), kind, folder)
        assert (library.status().spaces, (place / "library.json").read_bytes(), installed(place)) == before
        assert library.search("A dog on a beach.", k=1)[0].score > 0.999


def refused(*command, cwd):
    """The one line with which a process ends."""
    ran = subprocess.run([COMMAND, *map(str, command)], capture_output=True, text=True, timeout=60, cwd=cwd)
    assert (ran.returncode, ran.stdout) == (1, ""), ran
    assert ran.stderr.startswith("sensorium: ") and ran.stderr.count("\n") == 1, ran.stderr
    return ran.stderr.rstrip("\n")


@pytest.mark.parametrize("kind", BAD)
def test_the_command_says_it_in_one_line(kind, bad, things, tmp_path):
    folder, place = bad(kind), tmp_path / "my.library"

    assert_said(refused("--library", place, "--model", folder, "add", things, cwd=tmp_path), kind, folder)
    assert place.exists() == (kind in ILL_MADE) and installed(place) == []


@pytest.mark.parametrize("kind", ["a newer format", "another dimension", "no ONNX file"])
def test_the_command_does_not_fill_a_space_by_it(kind, bad, good, things, tmp_path):
    place = tmp_path / "my.library"
    with Library(place, model=str(good)) as library:
        library.add(things)
    folder, before = bad(kind), installed(place)

    assert_said(refused("--library", place, "reindex", "--model", folder, cwd=tmp_path), kind, folder)
    assert installed(place) == before


def test_a_model_of_another_dimension_than_the_librarys_is_refused_by_both_names(good, things, tmp_path):
    other, place = tiny_bundle(tmp_path / "other", 16, name="other"), tmp_path / "my.library"
    with Library(place, model=str(good)) as library:
        library.add(things)
        for wrong in (np.ones(16, np.float32), np.ones(7, np.float32)):
            with pytest.raises(BadQuery, match="needs 24 finite numbers"):
                library.search(Vector(wrong))
            with pytest.raises(BadQuery) as caught:
                library.neighbors(wrong[None])
            assert "\n" not in str(caught.value)
    before = installed(place)

    with Library(place, model=str(other)) as library:
        for call in (lambda: library.search("a dog"), lambda: library.add(things), lambda: library.encode("a dog")):
            with pytest.raises(SpaceMismatch) as caught:
                call()
            line = str(caught.value)
            assert "good" in line and "other" in line and "sensorium reindex --model" in line and "\n" not in line
    for verb in (("search", "a dog"), ("add", things)):
        line = refused("--library", place, "--model", other, *verb, cwd=tmp_path)
        assert "was made with the model good" in line and "not with other" in line
    assert installed(place) == before


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (gone("text.onnx"), "text.onnx is missing"),
        (altered("text.onnx"), "text.onnx is not the file that was packed"),
        (described(format=99), "has format 99"),
        (described(dimension=25), "is not the one that made the library"),
    ],
)
def test_the_librarys_own_copy_is_not_used_when_it_is_another(change, why, good, things, tmp_path):
    place = tmp_path / "my.library"
    with Library(place, model=str(good)) as library:
        library.add(things)
    good.rename(tmp_path / "away")
    change(place / "bundles" / installed(place)[0])

    line = refused("--library", place, "search", "a dog", cwd=tmp_path)

    assert why in line and str(place / "bundles") in line


def test_an_installed_model_says_how_it_is_mended(things, tmp_path, monkeypatch):
    monkeypatch.setenv("SENSORIUM_MODELS", str(tmp_path / "models"))
    altered("text.onnx")(tiny_bundle(tmp_path / "models/mine", name="mine"))

    line = refused("--library", tmp_path / "l", "--model", "mine", "add", things, cwd=tmp_path)

    assert "text.onnx is not the file" in line and line.endswith("run sensorium models pull mine --again")


def test_a_good_bundle_is_tried_and_then_let_go(good, things, tmp_path):
    with Library(tmp_path / "my.library", model=str(add_form(good, "text", GOOD).folder)) as library:
        library.add(things)
        (encoder,) = (library._session.encoder_of(space.space) for space in library.status().spaces)
        assert encoder.loaded == ("text", "image"), "nothing was heard"


def test_a_tower_that_answers_several_rows_with_one_is_refused(tmp_path):
    """numpy would spread the one over all."""
    folder = tiny_bundle(tmp_path / "tiny")
    ends_in(*FIRST_ROW)(folder)
    encoder = OnnxEncoder(Bundle.open(folder))

    assert encoder.encode([Part("text", "a dog")]).shape == (1, 16)
    with pytest.raises(BundleDamaged, match=r"vectors of the shape \(1, 16\) for 2 rows"):
        encoder.encode([Part("text", "a dog"), Part("text", "a cat")])
