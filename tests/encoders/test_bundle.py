"""A bundle opens as it was written, is known by its content, and is never used when it was altered."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from sensorium.core.errors import BundleDamaged, ModelUnknown
from sensorium.encoders import bundle as module
from sensorium.encoders.bundle import Bundle, find_bundle, write_bundle
from sensorium.encoders.scores import Relevance
from sensorium.testing.bundles import tiny_bundle

MAP = {"z": 1.0, "log_parts": -0.5, "bias": -2.0}


@pytest.fixture
def folder(tmp_path):
    return tiny_bundle(tmp_path / "tiny")


def rewrite(folder, change):
    """Apply `change` to the description in bundle.json."""
    described = json.loads((folder / "bundle.json").read_text())
    described = change(described) or described
    (folder / "bundle.json").write_text(json.dumps(described))


def damage(folder, call) -> str:
    """The one line that `call` is refused with."""
    with pytest.raises(BundleDamaged) as caught:
        call()
    line = str(caught.value)
    assert "\n" not in line
    assert str(folder) in line
    assert line.endswith(("put the bundle's original files back", "pip install --upgrade sensorium"))
    return line


def test_a_bundle_says_what_it_is(folder):
    bundle = Bundle.open(folder)

    assert (bundle.name, bundle.version, bundle.dimension, bundle.storage) == ("tiny", "0", 16, "float16")
    assert bundle.modalities == ("text", "image", "audio")
    assert bundle.towers["text"].settings.max_tokens == 32
    assert bundle.towers["text"].files == ("text.onnx", "tokenizer.json")
    assert bundle.towers["image"].settings.mean == (0.5, 0.5, 0.5)
    assert bundle.towers["audio"].settings.frames == 501
    assert bundle.calibration["text-image"].std == 0.25
    assert sorted(bundle.files) == ["CARD.md", "audio.onnx", "image.onnx", "text.onnx", "tokenizer.json"]
    bundle.verify()


def test_the_space_is_16_hex_digits_and_the_same_wherever_the_bundle_lies(folder, tmp_path):
    space = Bundle.open(folder).space
    moved = shutil.copytree(folder, tmp_path / "moved")

    assert re.fullmatch("[0-9a-f]{16}", space)
    assert Bundle.open(moved).space == space
    assert Bundle.open(tiny_bundle(tmp_path / "again")).space == space


def test_the_space_does_not_change_with_the_order_of_keys(folder):
    space = Bundle.open(folder).space

    def turn(value):
        return {k: turn(value[k]) for k in reversed(value)} if isinstance(value, dict) else value

    rewrite(folder, turn)

    assert list(json.loads((folder / "bundle.json").read_text()))[-1] == "format"
    assert Bundle.open(folder).space == space


@pytest.mark.parametrize("name", ["CARD.md", "audio.onnx", "image.onnx", "text.onnx", "tokenizer.json"])
def test_the_space_changes_with_the_content_of_any_file(folder, name):
    space = Bundle.open(folder).space
    (folder / name).write_bytes((folder / name).read_bytes() + b"\n")
    described = json.loads((folder / "bundle.json").read_text())
    del described["format"], described["files"]

    assert write_bundle(folder, described).space != space


@pytest.mark.parametrize("key", ["version", "dimension", "towers"])
def test_the_space_changes_with_the_description(folder, key):
    space = Bundle.open(folder).space

    def change(described):
        if key == "towers":
            described["towers"]["image"]["mean"] = [0.5, 0.5, 0.4]
        else:
            described[key] = {"version": "1", "dimension": 17}[key]

    rewrite(folder, change)

    assert Bundle.open(folder).space != space


def test_what_scores_mean_is_no_part_of_the_space(folder):
    before = Bundle.open(folder)
    assert before.relevance == {}
    rewrite(folder, set_in("relevance", to={"word-image": {"z": 1.5, "log_parts": -0.5, "bias": -2}}))
    bundle = Bundle.open(folder)
    assert bundle.relevance == {"word-image": Relevance(1.5, -0.5, -2.0)}
    assert (bundle.space, bundle.spaces) == (before.space, before.spaces)
    bundle.verify()


def test_the_built_in_bundle_says_what_its_scores_mean_and_its_space_is_that_of_before():
    folder = find_bundle("starter")
    bundle = Bundle.open(folder)
    recipe = json.loads((Path(__file__).parents[2] / "recipes/starter.json").read_text())
    assert set(bundle.relevance) >= {"text-image", "word-image", "phrase-image", "text-text", "text-audio"}
    assert bundle.space == recipe["test"]["space"]


@pytest.mark.parametrize("name", ["CARD.md", "audio.onnx", "image.onnx", "text.onnx", "tokenizer.json"])
def test_an_altered_file_is_found_by_verify_and_before_use(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    bundle = Bundle.open(folder)

    assert f"{name} is not the file that was packed" in damage(folder, bundle.verify)
    assert f"{name} is not the file that was packed" in damage(folder, lambda: bundle.checked(name))


@pytest.mark.parametrize("name", ["CARD.md", "text.onnx", "tokenizer.json"])
def test_a_missing_file_is_named_when_the_bundle_is_opened(folder, name):
    (folder / name).unlink()

    assert f"{name} is missing" in damage(folder, lambda: Bundle.open(folder))


def test_a_file_that_goes_away_later_is_named(folder):
    bundle = Bundle.open(folder)
    (folder / "image.onnx").unlink()

    assert "image.onnx: No such file" in damage(folder, lambda: bundle.checked("image.onnx"))
    assert "image.onnx: No such file" in damage(folder, bundle.verify)


def set_in(*keys, to):
    def change(described):
        inner = described
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = to

    return change


def drop(*keys):
    def change(described):
        inner = described
        for key in keys[:-1]:
            inner = inner[key]
        del inner[keys[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _: [1, 2], "not the description of a bundle"),
        (drop("format"), "not the description of a bundle"),
        (set_in("format", to=3), "has format 3, and this Sensorium reads up to 2"),
        (drop("name"), "lacks 'name'"),
        (drop("files"), "lacks 'files'"),
        (set_in("name", to=5), "name must be str"),
        (set_in("dimension", to="16"), "dimension must be int"),
        (set_in("dimension", to=True), "dimension must be int"),
        (set_in("dimension", to=0), "dimension must be above 0"),
        (set_in("storage", to="int3"), "storage float16 or float32"),
        (set_in("towers", to={}), "there must be a tower"),
        (set_in("towers", to=[]), "cannot be understood"),
        (set_in("towers", "smell", to={}), "no towers for 'smell'"),
        (set_in("towers", "text", "inputs", to=["ids", "mask", "more"]), "must have 2 inputs, not 3"),
        (set_in("towers", "text", "inputs", to="ids"), "inputs must be list"),
        (set_in("towers", "text", "max_tokens", to=2.5), "max_tokens must be int"),
        (set_in("towers", "text", "max_tokens", to=1), "max_tokens must be 4 or more"),
        (set_in("towers", "text", "file", to="other.onnx"), "other.onnx has no hash"),
        (set_in("towers", "text", "tokenizer", to="other.json"), "other.json has no hash"),
        (drop("towers", "image", "side"), "not those of format 2: side"),
        (set_in("towers", "image", "gamma", to=2.2), "not those of format 2: gamma"),
        (set_in("towers", "image", "resize", to="pad"), "resize must be squash or crop"),
        (set_in("towers", "image", "mean", to=[0.5, 0.5]), "three numbers"),
        (set_in("towers", "audio", "seconds", to="long"), "could not convert"),
        (set_in("towers", "audio", "high", to=1e6), "low and high"),
        (set_in("calibration", "text-image", to={"mean": 0.0}), "cannot be understood"),
        (set_in("relevance", to={"text-smell": MAP}), "not for 'text-smell'"),
        (set_in("relevance", to={"image-word": MAP}), "not for 'image-word'"),
        (set_in("relevance", to={"text-text": {**MAP, "z": 0}}), "must rise with z"),
        (set_in("relevance", to={"text-text": {**MAP, "bias": 1e9}}), "relevance must be at most 1,000"),
        (set_in("relevance", to={"text-text": {**MAP, "bias": float("nan")}}), "finite number"),
        (set_in("relevance", to={"text-text": {"z": 1.0}}), "cannot be understood"),
        (set_in("relevance", to=[1]), "cannot be understood"),
        (set_in("files", to="none"), "damaged"),
        (set_in("files", "CARD.md", to="abc"), "with its SHA-256"),
        (set_in("files", "CARD.md", to=5), "damaged"),
        (set_in("files", "../secret", to="0" * 64), "in the bundle's own folder"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused_with_the_reason(folder, change, said):
    rewrite(folder, change)

    assert said in damage(folder, lambda: Bundle.open(folder))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[" * 100])
def test_a_description_that_is_not_json_is_refused(folder, content):
    (folder / "bundle.json").write_bytes(content)

    assert "is not JSON" in damage(folder, lambda: Bundle.open(folder))


def test_a_folder_without_description_is_no_bundle(tmp_path):
    assert "bundle.json: No such file" in damage(tmp_path, lambda: Bundle.open(tmp_path))


def test_a_large_file_is_hashed_once_and_again_when_it_changes(folder, monkeypatch):
    monkeypatch.setattr(module, "HASHED_ALWAYS", 0)
    hashed = []
    digest = module.digest
    monkeypatch.setattr(module, "digest", lambda path: hashed.append(path.name) or digest(path))

    for _ in range(3):
        Bundle.open(folder).checked("image.onnx")
    assert hashed == ["image.onnx"]

    os.utime(folder / "image.onnx", (1, 1))
    Bundle.open(folder).checked("image.onnx")
    assert hashed == ["image.onnx"] * 2

    content = bytearray((folder / "image.onnx").read_bytes())
    content[-1] ^= 1
    (folder / "image.onnx").write_bytes(content)
    damage(folder, lambda: Bundle.open(folder).checked("image.onnx"))


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff"])
def test_a_broken_memory_of_hashes_is_forgotten(folder, monkeypatch, content):
    monkeypatch.setattr(module, "HASHED_ALWAYS", 0)
    (folder / module.REMEMBERED).write_bytes(content)

    assert Bundle.open(folder).checked("image.onnx") == folder / "image.onnx"
    assert "image.onnx" in json.loads((folder / module.REMEMBERED).read_text())


def test_verify_trusts_no_memory(folder, monkeypatch):
    monkeypatch.setattr(module, "HASHED_ALWAYS", 0)
    bundle, path = Bundle.open(folder), folder / "image.onnx"
    bundle.checked("image.onnx")
    stat, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    assert "image.onnx is not the file" in damage(folder, bundle.verify)


def test_a_bundle_is_found_by_path(folder, monkeypatch):
    assert find_bundle(folder) == find_bundle(str(folder)) == folder
    monkeypatch.chdir(folder.parent)
    assert find_bundle("tiny") == find_bundle("./tiny") == folder


def test_a_built_in_bundle_is_found_by_name_wherever_one_stands(folder, monkeypatch):
    monkeypatch.setattr(module, "BUILT_IN", folder.parent)

    assert find_bundle("tiny") == folder
    with pytest.raises(ModelUnknown, match="built-in: tiny"):
        find_bundle("huge")


def test_a_damaged_built_in_bundle_is_mended_by_reinstalling(folder, monkeypatch):
    monkeypatch.setattr(module, "BUILT_IN", folder.parent)
    (folder / "text.onnx").unlink()

    with pytest.raises(BundleDamaged, match=r"reinstall Sensorium: pip install --force-reinstall sensorium$"):
        Bundle.open(folder)


@pytest.mark.parametrize("name", ["nonsense", "no/such/folder", "..", "", "a name"])
def test_an_unknown_model_is_named_with_those_that_there_are(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ModelUnknown) as caught:
        find_bundle(name)

    line = str(caught.value)
    assert repr(name) in line
    assert "built-in: " in line
    assert "\n" not in line
