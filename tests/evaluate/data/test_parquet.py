"""Parquet as the Hugging Face hub has it: files within, numbered classes, several files to a table."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sensorium.core.errors import BadData
from sensorium.encoders.bundle import Bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.evaluate.data import load
from sensorium.evaluate.data.tables import read_table
from sensorium.evaluate.vectors import embed
from sensorium.testing.bundles import tiny_bundle
from sensorium.testing.media import encoded, patchwork, tone, wav

FILE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def picture(seed):
    return encoded(patchwork(seed, 40, 30))


def table(path, files, features=None, **columns):
    """Writes a table with a column `image` of files within."""
    written = pa.table({"image": pa.array(files, FILE), **columns})
    if features is not None:
        written = written.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(written, path)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SENSORIUM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_files_within_are_read_and_one_that_stands_in_two_rows_is_one(place, cache, tmp_path):
    files = [{"bytes": picture(seed), "path": name} for seed, name in ((1, "a.png"), (1, "again.png"), (2, None))]
    table(place / "p.parquet", files, caption=["a dog", "a hound", "a cat"])
    assert read_table(place / "p.parquet").rows == [{"caption": said} for said in ("a dog", "a hound", "a cat")]
    found = load(place / "p.parquet")
    groups = {}
    for one in found.samples:
        groups.setdefault(one.group, []).append(one.source)
    (dog, *said), (cat, *of_cat) = groups.values()
    assert said == ["a dog", "a hound"] and of_cat == ["a cat"]
    assert dog.read_bytes() == picture(1) and cat.read_bytes() == picture(2)
    assert f"files that lie in the table are read from {cache / 'unpacked'}, which may be deleted" in found.notes
    made = embed(found.samples, OnnxEncoder(Bundle.open(tiny_bundle(tmp_path / "tiny"))))
    assert len(made.rows) == 5 and not made.failures
    assert not [path for path in (cache / "unpacked").iterdir() if path.name.startswith(".")]
    assert load(place / "p.parquet").samples == found.samples  # and not written anew


def test_sounds_and_bare_bytes_are_files_too(place, cache):
    path = place / "p.parquet"
    sounds = [wav(tone(300 + 50 * n)) for n in range(4)]
    place.write("x", "")
    pq.write_table(pa.table({"audio": sounds, "label": ["high", "low"] * 2}), path)
    found = load(path)
    assert found.relation == "classes"
    assert [one.source.read_bytes() for one in found.samples if one.modality == "audio"] == sounds


def test_classes_that_are_numbers_have_the_names_of_the_schema(place, cache):
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["cat", "big dog"]}}
    files = [{"bytes": picture(seed), "path": None} for seed in range(4)]
    table(place / "p.parquet", files, features, label=[0, 1, 0, 1])
    assert {one.label for one in load(place / "p.parquet").samples} == {"cat", "big dog"}
    table(place / "q.parquet", files, {"label": {"_type": "Value"}}, label=[0, 1, 0, 1])
    assert {one.label for one in load(place / "q.parquet").samples} == {"0", "1"}


@pytest.mark.parametrize("inner", ["", "data/"])
def test_a_folder_of_shards_is_one_table_with_splits(place, cache, inner):
    for name, seeds in (
        ("train-00000-of-00002", (1, 2)),
        ("train-00001-of-00002", (3,)),
        ("test-00000-of-00001", (4, 5)),
    ):
        files = [{"bytes": picture(seed), "path": f"{seed}.png"} for seed in seeds]
        table(place / f"{inner}{name}.parquet", files, caption=[f"picture {seed}" for seed in seeds])
    assert {one.source for one in load(place.folder).samples if isinstance(one.source, str)} == {
        f"picture {seed}" for seed in range(1, 6)
    }
    assert len(list((cache / "unpacked").iterdir())) == 5
    held_out = load(place.folder, split="test")
    assert {one.source for one in held_out.samples if isinstance(one.source, str)} == {"picture 4", "picture 5"}


def test_only_the_split_that_is_asked_for_is_unpacked(place, cache):
    files = [{"bytes": picture(seed), "path": None} for seed in range(4)]
    table(place / "p.parquet", files, caption=list("abcd"), split=["train", "train", "val", "val"])
    assert len(load(place / "p.parquet", split="dev").samples) == 4
    assert len(list((cache / "unpacked").iterdir())) == 2


def test_what_has_no_content_is_looked_for_by_its_path(place, cache):
    place.write("images/b.png", picture(2))
    files = [{"bytes": picture(1), "path": "a.png"}, {"bytes": None, "path": "b.png"}, {"bytes": b"", "path": None}]
    table(place / "p.parquet", files, caption=list("abc"))
    found = load(place / "p.parquet")
    assert [one.source.read_bytes() for one in found.samples if one.modality == "image"] == [picture(1), picture(2)]
    assert "left out because rows name no file: 1 (the first: row 3)" in found.notes


def test_what_goes_wrong_is_one_line(place, cache, monkeypatch):
    for name, column in (("a-00000-of-00002", "caption"), ("a-00001-of-00002", "text")):
        table(place / f"{name}.parquet", [{"bytes": picture(1), "path": None}], **{column: ["a dog"]})
    with pytest.raises(BadData, match=r"a-00001-of-00002\.parquet: has other columns than the files beside it"):
        load(place.folder)
    one = place / "a-00000-of-00002.parquet"
    data = one.read_bytes()
    one.write_bytes(data[:4] + bytes(60) + data[64:])  # its files have no beginning, its schema is whole
    with pytest.raises(BadData, match="cannot be read as Parquet"):
        load(one)
    one.write_bytes(data)
    place.write("taken", "a file, not a folder")
    monkeypatch.setenv("SENSORIUM_CACHE", str(place / "taken"))
    with pytest.raises(BadData, match=r"cannot be unpacked into .*taken/unpacked \(.*\): set SENSORIUM_CACHE"):
        load(one)
