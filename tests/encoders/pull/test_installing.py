"""A model is installed whole or not at all, and stays what it was."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from pathlib import Path

import pytest
from pulling import CLIP, FILES, TAKEN, WEIGHTS, refused

from sensorium.core.errors import BadModel, BundleDamaged, PullFailed, SourceMissing
from sensorium.core.progress import Silent
from sensorium.core.types import Part
from sensorium.encoders import catalog, home, hub
from sensorium.encoders import pull as module
from sensorium.encoders.bundle import Bundle, find_bundle
from sensorium.encoders.convert import convert as converting
from sensorium.encoders.pull import convert, downloads, pull

pytestmark = pytest.mark.usefixtures("made")


def test_a_pulled_model_is_found_by_name_and_leaves_only_itself(loopback, models, made):
    done = pull("clip-vit-b-32")

    assert done.new and done.bundle.folder == models / "clip-vit-b-32" == find_bundle("clip-vit-b-32")
    assert made[0]["files"] - {".fetched"} == TAKEN
    assert home.names() == ("clip-vit-b-32",)
    assert {p.name for p in models.iterdir()} == {"clip-vit-b-32", "clip-vit-b-32.lock.json", ".clip-vit-b-32.busy"}


def test_the_hash_of_each_file_and_of_the_bundle_is_recorded(loopback, models):
    pull("clip-vit-b-32")
    lock = home.read_lock("clip-vit-b-32")

    assert lock.source == CLIP and lock.commit == loopback.commit(CLIP, "main")
    assert lock.files == {name: hashlib.sha256(FILES[name]).hexdigest() for name in TAKEN}
    assert lock.bundle == hashlib.sha256((models / "clip-vit-b-32/bundle.json").read_bytes()).hexdigest()


def test_pulling_what_is_there_asks_no_hub_and_makes_nothing(loopback, made):
    first = pull("clip-vit-b-32")
    loopback.asked.clear()
    again = pull("clip-vit-b-32")

    assert not again.new and again.bundle.space == first.bundle.space
    assert len(made) == 1 and not loopback.asked


def test_again_and_keep_do_what_they_say(loopback, models, made):
    pull("clip-vit-b-32", keep=True, int8=False)
    assert hub.complete(downloads(catalog.named("clip-vit-b-32")))
    loopback.asked.clear()
    assert pull("clip-vit-b-32", again=True).new and len(made) == 2 and not made[0]["int8"]
    assert not loopback.fetched("model.safetensors")
    assert not (models / "downloads").exists()


def test_the_licence_of_the_catalog_goes_with_its_models_and_with_no_other(loopback, made, tmp_path):
    loopback.repositories["somebody/else"] = {"main": FILES}
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"w")
    for make in (
        lambda: pull("clip-vit-b-32"),
        lambda: pull(CLIP, called="by-id"),
        lambda: pull("somebody/else"),
        lambda: convert(folder),
    ):
        make()
    assert [one["licence"] for one in made] == ["MIT", "MIT", None, None]


def test_a_sample_and_news_of_progress_reach_the_conversion(loopback, made, tmp_path):
    sample, news, said = [Part("text", "mine")], Silent(), []
    pull("clip-vit-b-32", sample=sample, progress=news)
    convert(CLIP, called="again", sample=sample, progress=news)
    (tmp_path / "m").mkdir()
    (tmp_path / "m/model.safetensors").write_bytes(b"w")
    convert(tmp_path / "m", sample=sample, progress=news)
    convert(tmp_path / "m", out=tmp_path / "made", sample=sample, progress=news)
    assert all(one["sample"] is sample and one["progress"] is news for one in made) and len(made) == 4

    assert not pull("clip-vit-b-32", sample=sample, say=said.append).new
    assert said == ["clip-vit-b-32 is installed already: --again makes it anew, with this sample"]


def test_an_id_of_the_hub_goes_by_its_last_part_or_by_a_name_that_is_said(loopback):
    loopback.repositories["somebody/My.Fine_Tune"] = {"main": FILES}
    assert pull("somebody/My.Fine_Tune").bundle.folder.name == "my.fine_tune"
    assert pull("somebody/My.Fine_Tune", called="mine").bundle.folder.name == "mine"
    assert pull(CLIP).bundle.folder.name == "clip-vit-b-32"  # the catalog knows it


def test_files_that_are_not_those_of_the_first_time_are_refused(loopback, models):
    pull("clip-vit-b-32", keep=True)
    folder = downloads(catalog.named("clip-vit-b-32"))
    (folder / ".fetched").unlink()  # as if they had been put there by hand
    (folder / "model.safetensors").write_bytes(WEIGHTS[::-1])
    line = refused("clip-vit-b-32", again=True)
    assert "not what it was when it was first fetched: model.safetensors" in line and "--update" in line
    assert Bundle.open(find_bundle("clip-vit-b-32")).name == "clip-vit-b-32"  # what was installed stays


def test_an_installed_model_whose_description_was_changed_is_refused_and_pulled_anew(loopback, models):
    pull("clip-vit-b-32")
    path = models / "clip-vit-b-32/bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": "9"}))
    with pytest.raises(BundleDamaged, match=r"not the one that was installed .* --again$"):
        find_bundle("clip-vit-b-32")

    said = []
    assert pull("clip-vit-b-32", say=said.append).new and "damaged" in said[0]
    assert Bundle.open(find_bundle("clip-vit-b-32")).version == "0"


@pytest.mark.parametrize("name", ["image.onnx", "tokenizer.json"])
def test_an_installed_model_with_an_altered_or_missing_file_is_pulled_anew(loopback, models, name):
    pull("clip-vit-b-32")
    path = models / "clip-vit-b-32" / name
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(BundleDamaged, match=r"run sensorium models pull clip-vit-b-32 --again$"):
        Bundle.open(find_bundle("clip-vit-b-32")).checked(name)
    assert pull("clip-vit-b-32").new
    path.unlink()
    assert pull("clip-vit-b-32").new
    Bundle.open(find_bundle("clip-vit-b-32")).verify()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"source": 5}', b"\xff"])
def test_a_lock_that_cannot_be_read_is_an_error_with_the_way_out(loopback, models, content):
    pull("clip-vit-b-32")
    home.lock_path("clip-vit-b-32").write_bytes(content)
    with pytest.raises(BundleDamaged, match=r"delete it, and run sensorium models pull clip-vit-b-32 --again$"):
        find_bundle("clip-vit-b-32")


def test_a_failed_conversion_leaves_the_model_of_before(loopback, models, monkeypatch):
    before = pull("clip-vit-b-32").bundle.space

    def fails(source, out, **_):
        out.mkdir()
        (out / "half.onnx").write_bytes(b"x")
        raise BadModel("it cannot be converted: because; so")

    monkeypatch.setattr(converting, "convert", fails)
    with pytest.raises(BadModel):
        pull("clip-vit-b-32", again=True)
    assert Bundle.open(find_bundle("clip-vit-b-32")).space == before
    assert not list(models.glob(".*making*")) and not list(models.glob(".*old*"))


def test_what_a_killed_conversion_left_is_swept_by_the_next(loopback, models):
    for name in (".clip-vit-b-32.making", ".clip-vit-b-32.making.partial"):
        (models / name).mkdir(parents=True)
        (models / name / "half.onnx").write_bytes(b"x")
    pull("clip-vit-b-32")
    assert not list(models.glob(".*making*"))


def test_a_missing_package_is_one_line_before_anything_is_fetched(loopback, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None if name in ("torch", "transformers") else name)
    for call in (lambda: pull("clip-vit-b-32"), lambda: convert(Path(__file__).parent)):
        with pytest.raises(BadModel, match=r'needs torch, transformers, .*pip install "sensorium\[convert\]"$'):
            call()
    assert not loopback.asked


def test_two_processes_do_not_make_the_same_model_at_once(loopback):
    with module._alone("clip-vit-b-32"):
        assert "by another process" in refused("clip-vit-b-32")
    assert pull("clip-vit-b-32").new


@pytest.mark.parametrize("name", ["starter", "a name", "../x", ".x", "downloads", ""])
def test_a_name_that_cannot_be_had_is_refused(loopback, name):
    if name:
        assert repr(name) in refused("clip-vit-b-32", called=name)
    assert not home.is_name("") and not loopback.asked


def test_another_model_of_that_name_is_not_taken_for_this_one(loopback):
    pull("clip-vit-b-32", called="mine")
    line = refused("minilm-l6", called="mine")
    assert f"installed already, from {CLIP}" in line


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(loopback, models, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: type("Use", (), {"free": 2_000_000}))
    line = refused("clip-vit-b-32")
    assert "needs about 2.9 MB of disk" in line and "has 2.0 MB left" in line and "SENSORIUM_MODELS" in line
    assert not loopback.fetched("model.safetensors")


@pytest.mark.filterwarnings("ignore:Not enough free disk space")
def test_a_disk_that_fills_up_while_fetching_leaves_nothing_large(loopback, small_disk, grown, monkeypatch):
    monkeypatch.setattr(module, "_enough_room", lambda *_: None)  # something else fills it meanwhile
    line = refused("clip-vit-b-32")
    assert f"the disk of {small_disk} is full" in line and "SENSORIUM_MODELS" in line
    assert home.names() == ()
    assert sum(p.stat().st_size for p in small_disk.rglob("*") if p.is_file()) < 2000

    grown(small_disk, "4m")
    assert pull("clip-vit-b-32").new


@pytest.mark.parametrize("words", [False, True], ids=["errno", "words"])
def test_a_disk_that_fills_up_while_converting_leaves_nothing(loopback, small_disk, monkeypatch, words):
    def fills(source, out, **_):
        out.mkdir()
        try:
            with (out / "image.onnx").open("wb") as file:
                file.write(bytes(2 << 20))
        except OSError as error:
            if words:
                raise RuntimeError(f"serialization failed: {error.strerror} (os error 28)") from None
            raise

    loopback.repositories[CLIP]["main"] = {**FILES, "model.safetensors": b"small"}
    monkeypatch.setattr(converting, "convert", fills)
    line = refused("clip-vit-b-32")
    assert f"the disk of {small_disk} is full" in line
    assert home.names() == () and not list(small_disk.glob(".*making*"))
    assert sum(p.stat().st_size for p in small_disk.rglob("*") if p.is_file()) < 2000


def test_a_folder_is_converted_and_installed_under_its_name(models, tmp_path, made):
    folder = tmp_path / "My Model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"w")
    assert convert(folder).folder == models / "my-model" == find_bundle("my-model")
    with pytest.raises(PullFailed, match="installed already"):
        convert(folder)
    assert convert(folder, again=True, called="my-model").name == "my-model"
    assert home.read_lock("my-model").source == str(folder)
    (models / "my-model/text.onnx").unlink()
    with pytest.raises(BundleDamaged, match=rf"run sensorium models convert {folder} --again$"):
        Bundle.open(find_bundle("my-model"))


def test_a_bundle_can_go_anywhere_and_is_not_installed_then(models, tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m/model.safetensors").write_bytes(b"w")
    assert convert(tmp_path / "m", out=tmp_path / "made").folder == tmp_path / "made"
    assert home.names() == ()
    with pytest.raises(PullFailed, match="there already"):
        convert(tmp_path / "m", out=tmp_path / "made")


def test_an_id_or_a_name_of_the_catalog_is_pulled_to_be_converted(loopback, tmp_path):
    assert convert(CLIP, called="mine").folder.name == "mine"
    with pytest.raises(PullFailed, match="leave --out away"):
        convert(CLIP, out=tmp_path / "x")
    with pytest.raises(SourceMissing, match="no/such/folder is no folder"):
        convert("no/such/folder")


def test_what_converting_needs_is_what_the_extra_installs_with_one_torch_for_all():
    said = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))
    convert, train = (said["project"]["optional-dependencies"][name] for name in ("convert", "train"))
    assert set(module.NEEDS) <= {re.split("[=<>]", line)[0] for line in convert}
    torch = [line for line in (*convert, *train) if line.startswith("torch")]
    assert len(torch) == 2 and len(set(torch)) == 1
    assert torch[0] in (Path(__file__).parents[3] / "Makefile").read_text("utf-8").split()
