"""Several spaces in service: every part in each that has a tower for it, and one list of what is found in all."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sensorium import File, Library, Like, Text
from sensorium.core.errors import BadQuery, SpaceMismatch
from sensorium.core.types import Part
from sensorium.encoders.bundle import Bundle, write_bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.library.query import Vector
from sensorium.testing.bundles import tiny_bundle
from sensorium.testing.naive import live_rows, table_of


def calibrated(folder, calibration, **audio):
    """A bundle with another calibration, and other settings of its audio tower."""
    described = json.loads((folder / "bundle.json").read_text())
    described["calibration"] = {pair: {"mean": mean, "std": std} for pair, (mean, std) in calibration.items()}
    if audio:
        described["towers"]["audio"].update(audio)
    write_bundle(folder, {name: value for name, value in described.items() if name not in ("format", "files")})
    return str(folder)


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """As a model of texts alone, one of pictures and one of sounds, each with words; their cosines differ in kind."""
    home = tmp_path_factory.mktemp("models")

    def make(name, seed, dimension, *modalities):
        return tiny_bundle(home / name, dimension, seed, modalities, name)

    seen = {"text-text": (0.6, 0.1), "text-image": (0.05, 0.15), "image-image": (0.3, 0.3), "image-text": (0.0, 0.2)}
    heard = {"text-text": (0.8, 0.05), "text-audio": (-0.2, 0.3), "audio-audio": (0.5, 0.2), "audio-text": (0.0, 0.3)}
    return {
        "words": calibrated(make("words", 1, 16, "text"), {"text-text": (0.7, 0.08)}),
        "seen": calibrated(make("seen", 2, 24, "text", "image"), seen),
        "heard": calibrated(make("heard", 3, 24, "text", "audio"), heard),
        "short": calibrated(
            make("short", 4, 24, "text", "audio"),
            heard,
            rate=8000,
            seconds=2.5,
            high=4000.0,
            window=200,
            hop=80,
            fft=256,
        ),
        "bare": calibrated(make("bare", 5, 24, "text", "image"), {}),
    }


@pytest.fixture
def three(models, files, tmp_path):
    """A library of three spaces."""
    files.fill(texts=12, pictures=8, sounds=5, long=False)
    with Library(tmp_path / "three.library", models=[models[name] for name in ("words", "seen", "heard")]) as library:
        assert library.add(files.folder).added == 25
        yield library


def spaces(library):
    return {space.model: space for space in library.status().spaces}


def test_each_part_goes_into_every_space_with_a_tower_for_it(three, models, files, tmp_path):
    found = spaces(three)
    assert [(name, space.vectors, space.default, space.served, space.left) for name, space in found.items()] == [
        ("words", 12, True, True, 0), ("seen", 20, False, True, 0), ("heard", 17, False, True, 0),
    ]  # fmt: skip
    assert len(table_of(three.path, "parts")) == 25 == three.status().parts
    for name, space in found.items():
        assert space.space == Bundle.open(models[name]).space
        with Library(tmp_path / name, model=models[name]) as alone:
            alone.add(files.folder)
            right = {(row.path, row.place): row.vector for row in live_rows(alone.path)}
        rows = {(row.path, row.place): row.vector for row in live_rows(three.path, space=space.space)}
        assert rows.keys() == right.keys()
        for key, vector in rows.items():
            np.testing.assert_array_equal(vector, right[key])


def naive(library, models, text):
    """(path, space) of the items by their best calibrated cosine in any space."""
    best = {}
    for name, space in spaces(library).items():
        bundle = Bundle.open(models[name])
        query = OnnxEncoder(bundle, precision=bundle.spaces[space.space]).encode([Part("text", text)])[0]
        for row in live_rows(library.path, space=space.space):
            mean, std = bundle.calibration[f"text-{row.modality}"]
            cosine = row.vector @ query / np.linalg.norm(row.vector) / np.linalg.norm(query)
            here = ((cosine - mean) / std, space.space)
            best[row.path] = max(best.get(row.path, (-np.inf, "")), here)
    ordered = sorted(best.items(), key=lambda one: -one[1][0])
    return [(path, space) for path, (_, space) in ordered]


@pytest.mark.parametrize("text", ["the sea was calm", "a red bicycle", "Story 3"])
def test_words_ask_all_spaces_and_give_one_list_on_one_scale(three, models, text):
    hits = three.search(text, k=25)
    assert [(hit.path, hit.space) for hit in hits] == naive(three, models, text)
    assert {hit.kind for hit in hits} == {"text", "image", "audio"} and len({hit.item for hit in hits}) == 25
    assert [hit.path for hit in three.search(text, k=4)] == [hit.path for hit in hits[:4]]
    assert hits[0].to_json()["space"] == hits[0].space


def test_a_picture_asks_the_spaces_that_see_and_a_sound_those_that_hear(three, files):
    found = spaces(three)
    for name, path in (("seen", "pictures/p03.png"), ("heard", "sounds/s02.wav")):
        hits = three.search(File(files.folder / path), k=25)
        assert hits[0].path == str(files.folder / path) and hits[0].score > 0.999
        assert {hit.space for hit in hits} == {found[name].space}
    both = three.search(Text("the sea"), File(files.folder / "pictures/p03.png", weight=0.5), k=25)
    assert {hit.space for hit in both} == {found["seen"].space}
    with pytest.raises(BadQuery):
        three.search(File(files.folder / "pictures/p03.png"), File(files.folder / "sounds/s02.wav"))


def test_more_like_an_item_is_looked_for_where_it_is(three, files):
    for path, where in (("sounds/s02.wav", {"heard"}), ("texts/t03.txt", {"words", "seen", "heard"})):
        item = next(hit.item for hit in three.search("x", k=25) if hit.path == str(files.folder / path))
        hits = three.search(Like(item), k=25)
        assert hits[0].item == item and {hit.space for hit in hits} <= {spaces(three)[name].space for name in where}
    with pytest.raises(BadQuery, match="no item 99"):
        three.search(Like(99))


def test_no_tower_is_loaded_of_a_space_that_has_nothing_that_is_wanted(three):
    three.close()
    assert {hit.kind for hit in three.search("the sea", kinds="audio", k=9)} == {"audio"}
    loaded = {name: three._session.encoder_of(space.space).loaded for name, space in spaces(three).items()}
    assert loaded == {"words": (), "seen": (), "heard": ("text",)}
    assert three.search("the sea", where="size < 0") == []


def test_a_page_asks_each_space_with_the_parts_that_it_understands(three, files):
    page = files.bytes(
        "page.html", b"<h1>Sea</h1><p>the sea was calm, as it was told on day 0</p><h1>Bread</h1><p>bread rises</p>"
    )
    hits = three.search(File(page), k=25)
    assert "/texts/" in hits[0].path and len({hit.item for hit in hits}) == len(hits) == 25


def test_a_model_that_is_named_is_asked_alone_and_another_is_a_mismatch(three, models, tmp_path):
    with Library(three.path, model=models["heard"]) as one:
        assert {hit.space for hit in one.search("the sea", k=25)} == {spaces(three)["heard"].space}
        assert one.encode("the sea").shape == (1, 24)
        assert one.search("the sea", metric="dot", k=3)
    with Library(three.path, models=["seen", "heard"]) as two:
        assert {hit.kind for hit in two.search("a red bicycle", k=25)} == {"text", "image", "audio"}
    with Library(three.path, model=models["bare"]) as other, pytest.raises(SpaceMismatch) as caught:
        other.search("the sea")
    said = str(caught.value)
    for name in ("words", "seen", "heard", "bare"):
        assert name in said and Bundle.open(models[name]).space in said
    assert "sensorium reindex --model" in said and "\n" not in said


def test_dot_and_l2_are_not_comparable_and_vectors_belong_to_one_space(three):
    with pytest.raises(BadQuery, match=r"dot of words and seen and heard cannot be compared: name one with --model"):
        three.search("the sea", metric="dot")
    query = three.encode("the sea")
    assert query.shape == (1, 16)
    hits = three.search(Vector(query[0]), k=3)
    assert {hit.space for hit in hits} == {spaces(three)["words"].space}
    assert three.neighbors(query, k=3).ids[0].tolist() == [hit.part for hit in hits]
    for wrong in (np.ones(24, np.float32), np.ones(7, np.float32)):
        with pytest.raises(BadQuery, match="needs 16 finite numbers"):
            three.search(Vector(wrong))


def test_changes_and_removals_hold_in_every_space(three, files):
    files.text("texts/t03.txt", "a lighthouse in the fog")
    files.folder.joinpath("pictures/p01.png").unlink()
    assert three.add(files.folder).updated == 1
    three.remove(files.folder / "sounds")
    hits = three.search("a lighthouse in the fog", k=50)
    assert hits[0].text == "a lighthouse in the fog" and len(hits) == 19
    three.compact()
    items = {(item["id"], item["revision"]) for item in table_of(three.path, "items")}
    for space in spaces(three).values():
        for table in (f"vectors/{space.space}", f"vectors/{space.space}.without"):
            if (three.path / f"{table}.lance").exists():
                rows = table_of(three.path, table)
                assert {(row["item"], row["revision"]) for row in rows} <= items
                assert len({(row.get("part"), row["item"]) for row in rows}) == len(rows)
    assert len(three.search("a lighthouse in the fog", k=50)) == 19


def test_nothing_is_read_again_when_nothing_has_changed(three, files):
    token = three._session.store.token()
    assert three.add(files.folder).unchanged == 25 and three._session.store.token() == token


def test_a_space_beside_makes_more_findable(models, files, tmp_path):
    files.fill(texts=3, pictures=2, sounds=2, long=False)
    with Library(tmp_path / "l", model=models["seen"]) as library:
        assert len(library.add(files.folder).skipped) == 2
        assert library.reindex(models["heard"], beside=True).served
        assert library.add(files.folder).added == 2
        assert library.search(File(files.folder / "sounds/s01.wav"), k=1)[0].score > 0.999
        assert {hit.kind for hit in library.search("a red bicycle", k=9)} == {"text", "image", "audio"}
        library.drop("heard")
        assert {hit.kind for hit in library.search("a red bicycle", k=9)} == {"text", "image"}
        assert library.add(files.folder).unchanged == 7


def test_models_that_hear_otherwise_share_one_reading(models, files, tmp_path):
    """Another rate, and shorter sounds: one has them resampled, both have them as short."""
    for n in range(3):
        files.sound(f"{n}.wav", n, seconds=6.0)
    with Library(tmp_path / "l", models=[models["heard"], models["short"]]) as library:
        assert library.add(files.folder).added == 3
        heard, short = (live_rows(library.path, space=spaces(library)[name].space) for name in ("heard", "short"))
        assert [row.place for row in heard] == [row.place for row in short]
        assert json.loads(heard[0].place)["seconds"] == [0.0, 2.5] and len(heard) == 9
    with Library(tmp_path / "alone", model=models["short"]) as alone:
        alone.add(files.folder)
        right = live_rows(alone.path)
        for row, other in zip(short, right, strict=True):
            assert row.place == other.place
            assert row.vector @ other.vector / np.linalg.norm(row.vector) / np.linalg.norm(other.vector) > 0.99


def test_a_space_whose_bundle_has_no_calibration_is_put_on_a_scale_of_its_own(models, files, tmp_path):
    files.fill(texts=12, pictures=12, sounds=4, long=False)
    with Library(tmp_path / "l", models=[models["words"], models["bare"]]) as library:
        library.add(files.folder)
        hits = library.search("bread rises slowly, as it was told on day 1", k=24)
        assert len(hits) == 24 and {hit.kind for hit in hits} == {"text", "image"}
        bare = Bundle.open(models["bare"])
        query = OnnxEncoder(bundle=bare).encode([Part("text", "bread rises slowly, as it was told on day 1")])[0]
        rows = [row for row in live_rows(library.path, space=bare.space) if row.modality == "image"]
        cosines = {row.path: row.vector @ query / np.linalg.norm(row.vector) / np.linalg.norm(query) for row in rows}
        assert [hit.path for hit in hits if hit.kind == "image"] == sorted(cosines, key=lambda path: -cosines[path])


def test_rows_of_a_table_go_into_every_space(models, files, tmp_path):
    rows = [{"id": str(n), "said": f"story {n}", "photo": str(files.picture(f"{n}.png", n))} for n in range(4)]
    with Library(tmp_path / "l", models=[models["words"], models["seen"]]) as library:
        told = {"said": "text", "photo": "image", "id": "key"}
        assert library.add_rows(rows, told).added == 4
        assert {name: space.vectors for name, space in spaces(library).items()} == {"words": 4, "seen": 8}
        assert library.search(File(files.folder / "2.png"), k=1)[0].path.endswith("/2")
        assert library.add_rows(rows, told).unchanged == 4
        report = library.reindex(models["heard"], beside=True)
        assert (report.items, report.served) == (0, True) and "cannot be read again" in report.skipped[0].why
        assert library.add_rows(rows, told).updated == 4
        assert [space.left for space in library.status().spaces] == [0, 0, 0]
