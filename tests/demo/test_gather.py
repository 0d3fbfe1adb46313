"""The sample folder: enough of each kind, names that give nothing away, nothing of others touched."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter

import pytest

from sensorium.demo import pictures
from sensorium.demo.gather import gather
from sensorium.demo.pictures import DRAWINGS, PHOTOGRAPHS
from sensorium.readers.contract import Source
from sensorium.readers.registry import find


@pytest.fixture
def cheap_sounds(monkeypatch):
    """One sound only, so that a test may gather several times."""
    from sensorium.demo import sounds

    monkeypatch.setattr(sounds, "SOUNDS", sounds.SOUNDS[16:17])


@pytest.fixture
def no_extra(monkeypatch):
    monkeypatch.setattr(pictures.importlib.util, "find_spec", lambda name: None)


def test_there_are_more_than_twenty_of_each_kind(photographs):
    counts = Counter(sample.kind for sample in photographs.samples)
    assert counts["image"] >= 21 and counts["audio"] >= 21 and counts["text"] >= 22
    assert photographs.note == ""


def test_every_sample_is_a_file_of_its_kind(gathered):
    for sample in gathered.samples:
        reader = find(Source.from_path(sample.path))
        assert reader is not None and reader.kind == sample.kind


def test_names_give_nothing_away(gathered):
    for sample in gathered.samples:
        assert re.fullmatch(r"(picture|drawing|sound|text)-\d\d\.\w+", sample.path.name)


def test_every_sample_says_what_it_is_and_no_two_of_a_kind_say_the_same(gathered):
    said = [(sample.kind, sample.about) for sample in gathered.samples]
    assert len(set(said)) == len(said) and all(about for _, about in said)
    some = gathered.samples[3]
    assert gathered.path(some.kind, some.about) == some.path and gathered.about(str(some.path)) == some.about
    assert gathered.path("image", "a unicorn") is None and gathered.about("/elsewhere.png") == ""


def test_paths_are_the_files_in_the_folder(gathered):
    on_disk = {p for p in gathered.folder.rglob("*") if p.is_file() and not p.name.startswith(".")}
    assert set(gathered.paths) == on_disk


def test_a_second_time_no_file_is_written(tmp_path, cheap_sounds):
    stamps = {p: p.stat().st_mtime_ns for p in gather(tmp_path).paths}
    assert {p: p.stat().st_mtime_ns for p in gather(tmp_path).paths} == stamps


def test_what_was_deleted_or_altered_comes_back(tmp_path, cheap_sounds):
    first = {p: p.read_bytes() for p in gather(tmp_path).paths}
    sound = next(p for p in first if p.suffix == ".wav")
    text = next(p for p in first if p.suffix == ".md")
    sound.unlink()
    text.write_text("something else")
    assert {p: p.read_bytes() for p in gather(tmp_path).paths} == first


def test_sounds_are_made_anew_when_the_code_that_makes_them_has_changed(tmp_path, cheap_sounds):
    sound = next(p for p in gather(tmp_path).paths if p.suffix == ".wav")
    right = sound.read_bytes()
    sound.write_bytes(b"of an older version")
    (tmp_path / ".made-from").write_text("0badc0de")
    gather(tmp_path)
    assert sound.read_bytes() == right


def test_without_the_extra_there_are_drawings_and_the_way_to_photographs(tmp_path, cheap_sounds, no_extra):
    result = gather(tmp_path)
    shown = [s.about for s in result.samples if s.kind == "image"]
    assert shown == [d.about for d in DRAWINGS]
    assert 'pip install "sensorium[demo]"' in result.note and "\n" not in result.note


def test_drawings_go_when_photographs_come(tmp_path, cheap_sounds, photographs, monkeypatch):
    with monkeypatch.context() as without:
        without.setattr(pictures.importlib.util, "find_spec", lambda name: None)
        gather(tmp_path)
    names = {p.name for p in gather(tmp_path).paths}
    assert not any(name.startswith("drawing") for name in names)
    assert not list(tmp_path.rglob("drawing*"))


def test_files_of_others_are_left_alone(tmp_path, cheap_sounds):
    mine = [tmp_path / "pictures/picture-99.png", tmp_path / "letter.txt"]
    mine[0].parent.mkdir()
    for path in mine:
        path.write_bytes(b"mine")
    gather(tmp_path)
    assert all(path.read_bytes() == b"mine" for path in mine)


def test_progress_hears_of_every_sample(tmp_path, cheap_sounds):
    heard = []

    class Ear:
        def start(self, what, total):
            heard.append(total)

        def advance(self, done=1, *, skipped=0):
            heard.append(-done)

        def finish(self):
            heard.append("over")

    count = len(gather(tmp_path, Ear()).samples)
    assert heard == [count, *[-1] * count, "over"]


def test_packages_with_photographs_are_found_without_importing_them():
    code = (
        "import sys; from sensorium.demo.pictures import PHOTOGRAPHS; [p.find() for p in PHOTOGRAPHS];"
        "print([m for m in ('skimage', 'sklearn', 'scipy', 'PIL', 'numpy') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_a_photograph_of_an_absent_package_or_name_is_none():
    assert pictures.Photograph("x", "no_such_package", "x.png").find() is None
    assert pictures.Photograph("x", "sensorium", "x.png").find() is None


def test_photographs_have_different_contents(photographs):
    found = [p.find().read_bytes() for p in PHOTOGRAPHS]
    assert len(set(found)) == len(PHOTOGRAPHS)


def test_drawings_are_pictures_and_differ():
    from io import BytesIO

    from PIL import Image

    made = [d.png() for d in DRAWINGS]
    assert len(set(made)) == len(made) >= 8
    for png in made:
        with Image.open(BytesIO(png)) as picture:
            assert picture.size == (320, 320) and len(picture.getcolors(1 << 17)) >= 2
