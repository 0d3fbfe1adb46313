"""The verbs `models list`, `models pull` and `models convert`, as somebody at a shell meets them."""

from __future__ import annotations

import json

import pytest

from sensorium.core.errors import PullFailed
from sensorium.encoders import home
from sensorium.encoders import pull as module
from sensorium.encoders.bundle import Bundle
from sensorium.testing.bundles import tiny_bundle


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("SENSORIUM_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def asked(models, monkeypatch):
    """What `pull` and `convert` were asked, in their place; both have tests of their own."""
    calls = []

    def pull(name, **options):
        calls.append(("pull", name, options))
        if not name.islower():
            raise PullFailed(f"{name} cannot be pulled: no network; wait")
        options["say"]("fetching 1.3 MB from here into there")
        bundle = Bundle.open(tiny_bundle(models / (options["called"] or name)))
        home.record_bundle(bundle.folder.name, home.Lock("somebody/it", "c" * 40, {}), bundle.folder)
        return module.Installed(bundle, new=name != "old")

    def convert(source, **options):
        calls.append(("convert", source, options))
        return Bundle.open(tiny_bundle(options["out"] or models / (options["called"] or "converted")))

    monkeypatch.setattr(module, "pull", pull)
    monkeypatch.setattr(module, "convert", convert)
    return calls


def test_the_list_has_what_is_here_and_what_can_be_had(sensorium_run, models):
    tiny_bundle(models / "mine", name="mine")
    ran = sensorium_run("models", "list")
    lines = ran.out.splitlines()
    assert ran.code == 0 and ran.err == ""
    assert lines[0].split() == ["name", "takes", "dim", "MB", "licence", "good", "at"]
    assert [line.split()[1] for line in lines if line.startswith("*")][:2] == ["starter", "mine"]
    (clip,) = [line for line in lines if line.split()[:1] == ["clip-vit-b-32"]]
    assert clip.split()[1:5] == ["text+image", "512", "605", "MIT"]
    assert str(models) in lines[-1] and "sensorium models pull clip-vit-b-32" in lines[-1]
    assert len({line.index("text") for line in lines if "  text" in line}) == 1  # columns


def test_the_list_for_programs_has_a_field_for_each_fact(sensorium_run, models):
    tiny_bundle(models / "mine", name="mine")
    rows = {row["name"]: row for row in json.loads(sensorium_run("models", "list", "--json").out)}
    assert rows["mine"]["installed"] and rows["mine"]["path"] == str(models / "mine") and rows["mine"]["space"]
    assert rows["clap-general"] == {
        "name": "clap-general", "installed": False, "modalities": ["text", "audio"], "dimension": 512, "megabytes": 776,
        "licence": "Apache-2.0", "good_at": "sounds, music and speech by English sentences",
        "source": "laion/larger_clap_general", "path": None, "space": None,
    }  # fmt: skip


def test_a_damaged_model_is_said_and_does_not_end_the_list(sensorium_run, models):
    (tiny_bundle(models / "mine") / "text.onnx").unlink()
    ran = sensorium_run("models", "list")
    assert ran.code == 0 and "text.onnx is missing" in ran.err and "clip-vit-b-32" in ran.out


def test_pull_says_what_it_does_and_what_came_of_it(sensorium_run, asked, models):
    ran = sensorium_run("models", "pull", "some-clip", "--name", "mine")
    assert ran.code == 0 and ran.err == "fetching 1.3 MB from here into there\n"
    assert ran.out.startswith("mine installed: text+image+audio, 16 dimensions, 0 MB, ")
    assert ran.out.rstrip().endswith("models/mine")
    (call,) = asked
    assert call[:2] == ("pull", "some-clip")
    wanted = {"called": "mine", "again": False, "update": False, "keep": False, "int8": True}
    assert {key: call[2][key] for key in wanted} == wanted
    assert "is installed already" in sensorium_run("models", "pull", "old").out


def test_every_option_of_pull_and_convert_arrives(sensorium_run, asked, tmp_path):
    sensorium_run("models", "pull", "some-clip", "--again", "--update", "--keep", "--float-only")
    sensorium_run("models", "convert", "a/folder", "--out", tmp_path / "out", "--again", "--float-only")
    pulled, converted = asked[0][2], asked[1]
    assert pulled["again"] and pulled["update"] and pulled["keep"] and not pulled["int8"]
    assert converted[1] == "a/folder" and converted[2]["out"] == tmp_path / "out" and not converted[2]["int8"]


@pytest.mark.parametrize("verb", ["pull", "convert"])
def test_a_sample_of_ones_own_is_looked_at_before_anything_is_done(sensorium_run, asked, tmp_path, verb):
    (tmp_path / "mine").mkdir()
    empty = sensorium_run("models", verb, "some", "--sample", tmp_path / "mine")
    missing = sensorium_run("models", verb, "some", "--sample", tmp_path / "none")
    for ran, why in ((empty, "has no files that can be seen"), (missing, "does not exist")):
        assert ran.code == 1 and ran.out == "" and ran.err.count("\n") == 1 and why in ran.err
    assert not asked

    (tmp_path / "mine/a.txt").write_text("a")
    assert sensorium_run("models", verb, "some", "--sample", tmp_path / "mine").code == 0
    sample = asked[0][2]["sample"]
    assert sample.files == [str(tmp_path / "mine/a.txt")] and sample.progress is asked[0][2]["progress"]
    sensorium_run("models", verb, "other")
    assert asked[1][2]["sample"] is None


def test_the_answer_for_programs_is_one_line(sensorium_run, asked, models):
    for arguments in (("pull", "some-clip"), ("convert", "folder", "--name", "mine")):
        ran = sensorium_run("models", *arguments, "--json")
        said = json.loads(ran.out)
        assert ran.out.count("\n") == 1 and said["path"].startswith(str(models)) and said["new"] is True
    assert (
        said["source"] == ""
        and json.loads(sensorium_run("models", "pull", "x", "--json").out)["source"] == "somebody/it"
    )


def test_what_goes_wrong_is_one_line_and_exit_code_1(sensorium_run, asked):
    ran = sensorium_run("models", "pull", "NOTHING")
    assert (ran.code, ran.out, ran.err) == (1, "", "sensorium: NOTHING cannot be pulled: no network; wait\n")


def test_an_unknown_name_is_one_line_with_those_that_there_are(sensorium_run, models):
    ran = sensorium_run("models", "pull", "nonsense")
    assert ran.code == 1 and ran.err.count("\n") == 1 and "clip-vit-b-32" in ran.err


@pytest.mark.parametrize("arguments", [(), ("--help",), ("pull", "--help"), ("convert", "-h"), ("list", "-h")])
def test_help_is_there_at_every_level(sensorium_run, arguments):
    ran = sensorium_run("models", *arguments)
    assert ran.code == 0 and "Usage: sensorium models" in ran.out and ran.err == ""


@pytest.mark.parametrize("arguments", ["pull", "convert", "pul x", "list x", "pull x --nonsense"])
def test_wrong_use_is_exit_code_2_and_one_line(sensorium_run, arguments):
    ran = sensorium_run("models", *arguments.split())
    assert ran.code == 2 and ran.out == "" and ran.err.count("\n") == 1
