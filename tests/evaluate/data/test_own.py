"""A library as a data set: what is taken for right answers, and that it is said."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from sensorium import Library
from sensorium.core.errors import BadData
from sensorium.core.types import Part
from sensorium.encoders.bundle import Bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.evaluate.data import load
from sensorium.evaluate.vectors import embed
from sensorium.testing.bundles import tiny_bundle
from sensorium.testing.media import Form, Scene, encoded, film, patchwork, tone, wav


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def library(tmp_path, bundle):
    with Library(tmp_path / "own.library", model=str(bundle)) as opened:
        yield opened


def pictures(place, *names):
    for name in names:
        place.write(name, encoded(patchwork(sum(name.encode()), 40, 30)))


def texts(found):
    return {one.source for one in found.samples if one.modality == "text" and isinstance(one.source, str)}


def test_captions_beside_and_within_come_first(place, library):
    pictures(place, *(f"shots/{n}.png" for n in range(12)))
    for n in range(4):
        place.write(f"shots/{n}.txt", f"picture number {n}\nshot {n} of many\n")
    place.write("captions.csv", "image,caption\n" + "".join(f"shots/{n}.png,listed {n}\n" for n in range(4, 8)))
    note = PngImagePlugin.PngInfo()
    note.add_text("Description", "a caption within")
    Image.fromarray(patchwork(99, 40, 30)).save(place / "shots/told.png", pnginfo=note)
    place.write("shots/essay.md", "# An essay\n\nNothing to do with pictures.")
    library.add(place.folder)
    found = load(library.path)
    assert (found.name, found.relation) == ("own", "pairs")
    assert {"picture number 0", "shot 3 of many", "listed 7", "a caption within"} <= texts(found)
    # pictures without a caption, and the essay, are there to be wrong answers; captions are not found by themselves
    files = {one.key.rpartition("/")[2]: one for one in found.samples if not isinstance(one.source, str)}
    assert set(files) == {*(f"{n}.png" for n in range(12)), "told.png", "essay.md"}
    assert files["essay.md"].modality == "text" and files["0.png"].kept[0] == str(library.path)
    sizes = {name: sum(other.group == one.group for other in found.samples) for name, one in files.items()}
    assert (sizes["0.png"], sizes["5.png"], sizes["told.png"], sizes["11.png"], sizes["essay.md"]) == (3, 2, 2, 1, 1)
    assert found.notes[0].startswith("right answers from captions: 9 of 19 items; weak")


def test_folders_are_classes(place, library):
    pictures(place, *(f"{sort}/{n}.png" for sort in ("dogs", "cats") for n in range(6)), "2021-03/1.png", "alone/x.png")
    pictures(place, "1.png", "2.png")  # beside the folders of classes: of none
    library.add(place.folder)
    found = load(library.path)
    assert found.relation == "classes" and texts(found) == {"a photo of a dogs", "a photo of a cats"}
    assert {one.label for one in found.samples} == {"dogs", "cats", ""}
    assert found.notes == (
        "right answers from the names of folders: 12 of 16 items; weak, since what is not said may be right as well",
    )
    with pytest.raises(BadData, match="has no captions that say what a right answer is"):
        load(f"{library.path}?truth=captions")
    with pytest.raises(BadData, match="there is no truth 'x': choose among captions, labels, folders, stems"):
        load(f"{library.path}?truth=x")
    with pytest.raises(BadData, match="a library has no splits"):
        load(library.path, split="test")


def test_names_of_files_when_there_is_nothing_else(place, library):
    pictures(place, "golden_gate_at_night.png", "red-barn-2.png", "red_barn_3.png", "IMG_2034.png", "scan 0007.png")
    library.add(place.folder)
    found = load(library.path)
    assert found.relation == "pairs" and texts(found) == {"golden gate at night", "red barn"}
    assert sum(one.group == "red barn" for one in found.samples) == 3
    assert found.notes[0].startswith("right answers from the words of file names: 3 of 5 items")


def test_labels_that_were_given(place, library):
    pictures(place, *(f"{n}.png" for n in range(12)))
    library.add(place.folder)
    ids = library.items()["id"].to_pylist()
    library.label({item: {"label": "odd" if item % 2 else "even"} for item in ids})
    found = load(library.path)
    assert found.relation == "classes" and {one.label for one in found.samples} == {"odd", "even"}
    assert "the attribute 'label' (if a model gave it, figures say how far models agree): 12 of 12" in found.notes[0]


def test_rows_of_tables_are_pairs(place, library):
    pictures(place, *(f"{n}.png" for n in range(4)))
    rows = [{"id": n, "photo": str(place / f"{n}.png"), "words": f"row {n} says so"} for n in range(4)]
    library.add_rows(rows, {"photo": "image", "words": "text"}, key="id")
    found = load(library.path)
    assert found.relation == "pairs" and texts(found) == {f"row {n} says so" for n in range(4)}
    encoder = OnnxEncoder(Bundle.open(library._session.bundle_of(library.status().spaces[0].space)))
    made = embed(found.samples, encoder)
    assert len(made.rows) == 8 and made.failures == () and made.reused == 4
    images = [row for row, one in enumerate(found.samples) if one.modality == "image"]
    names = [f"{n}.png" for n in range(4)]
    own = encoder.encode([Part("image", patchwork(sum(name.encode()), 40, 30)) for name in names])
    assert np.allclose(made.vectors[images], own, atol=2e-3)  # stored as float16; without the texts of the rows


def test_what_is_missing_is_left_out_and_said(place, library):
    pictures(place, *(f"{sort}/{n}.png" for sort in ("a", "b") for n in range(3)))
    library.add(place.folder)
    (place / "a/0.png").unlink()
    library.add(place.folder)
    found = load(library.path)
    said = [note.partition(" (the first")[0] for note in found.notes]
    assert said[0] == "left out because items are missing on the disk: 1"
    assert sum(one.modality == "image" for one in found.samples) == 5


def test_a_video_is_what_its_shots_show(place, library, bundle):
    pictures(place, *(f"{sort}/{n}.png" for sort in ("a", "b") for n in range(3)))
    scenes = [Scene(patchwork(seed), 0.6) for seed in (1, 20)]
    place.write("a/film.mp4", film(scenes, Form()))
    library.add(place.folder)
    found = load(library.path)
    assert "videos that are taken for pictures, each the mean of its shots: 1" in found.notes
    (row,) = (row for row, one in enumerate(found.samples) if one.key.endswith("film.mp4"))
    assert (found.samples[row].modality, found.samples[row].group) == ("image", "a")
    encoder = OnnxEncoder(Bundle.open(bundle))
    kept = embed([found.samples[row]], encoder)
    anew = embed([replace(found.samples[row], kept=None)], encoder)
    assert (kept.reused, anew.reused) == (1, 0) and kept.failures == anew.failures == ()
    assert np.allclose(kept.vectors, anew.vectors, atol=2e-3)


def test_a_librarys_own_vectors_are_used(place, library, bundle, tmp_path):
    pictures(place, *(f"{sort}/{n}.png" for sort in ("a", "b") for n in range(3)))
    for n in range(3):
        place.write(f"a/{n}.wav", wav(tone(300 + 99 * n, seconds=12)))  # several parts each
    library.add(place.folder)
    found = load(library.path)
    files = [row for row, one in enumerate(found.samples) if not isinstance(one.source, str)]
    encoder = OnnxEncoder(Bundle.open(bundle))
    kept = embed(found.samples, encoder)
    assert kept.reused == len(files) == 9
    alone = load(place.folder)  # the same files, without the library
    anew = embed(alone.samples, encoder)
    assert anew.reused == 0
    of = {str(alone.samples[row].source): vector for row, vector in zip(anew.rows, anew.vectors, strict=True)}
    for row in files:
        assert np.allclose(kept.vectors[row], of[str(found.samples[row].source)], atol=2e-3)  # stored as float16
    other = OnnxEncoder(Bundle.open(tiny_bundle(tmp_path / "other", seed=5, name="other")))
    assert embed(found.samples, other).reused == 0  # another space: embedded from the files
    assert len(embed(found.samples, other).rows) == len(found.samples)


def test_library_means_the_one_that_is_used(place, library, monkeypatch):
    pictures(place, *(f"{sort}/{n}.png" for sort in ("a", "b") for n in range(3)))
    library.add(place.folder)
    monkeypatch.setenv("SENSORIUM_LIBRARY", str(library.path))
    assert load("library") == load(library.path)
    assert load("library?truth=folders").samples == load(library.path).samples


def test_a_library_of_nothing(library):
    with pytest.raises(BadData, match="has nothing in it to evaluate on: add something first"):
        load(library.path)
