"""A model of transformers comes from a hub into a library, by the real command and the real conversion."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

for needed in ("torch", "transformers", "huggingface_hub"):
    pytest.importorskip(needed)

import small_models  # noqa: E402

from sensorium.encoders.convert.samples import sample_texts  # noqa: E402
from sensorium.testing.hub import LoopbackHub  # noqa: E402


def test_a_real_model_comes_from_the_hub_into_a_library_by_the_command_line(tmp_path, monkeypatch):
    models = tmp_path / "models"
    monkeypatch.setenv("SENSORIUM_MODELS", str(models))
    command = Path(sys.executable).with_name("sensorium")
    (tmp_path / "notes").mkdir()
    for name, text in (("beach.md", "A dog runs along the beach."), ("bread.txt", "Flour, water, salt and yeast.")):
        (tmp_path / "notes" / name).write_text(text)

    def run(*arguments):
        library = ("--library", tmp_path / "some.library", "--model", "tiny")
        ran = subprocess.run([command, *arguments, *library], capture_output=True, text=True, timeout=120)
        assert ran.returncode == 0, ran.stderr
        return ran

    with LoopbackHub() as served:
        served.add_folder("somebody/tiny-clip", small_models.clip(tmp_path / "clip"))
        served.faults.cut = [10_000]
        monkeypatch.setenv("HF_ENDPOINT", served.address)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        pulled = run("models", "pull", "somebody/tiny-clip", "--name", "tiny", "--float-only", "--json")
    said = json.loads(pulled.stdout)
    assert said["modalities"] == ["text", "image"] and said["source"] == "somebody/tiny-clip" and said["new"]
    assert (
        served.address in pulled.stderr and str(models / "downloads") in pulled.stderr and "Error" not in pulled.stderr
    )

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    run("add", tmp_path / "notes")
    assert "beach.md" in run("search", "a dog on the beach", "--paths", "-k", "2").stdout
    assert "is installed already" in run("models", "pull", "somebody/tiny-clip", "--name", "tiny").stdout
    assert "* tiny" in run("models", "list").stdout
    assert json.loads(run("status", "--json").stdout)["spaces"][0]["model"] == "tiny"


def test_a_model_is_fitted_to_files_of_ones_own_by_the_command_line(tmp_path, monkeypatch):
    monkeypatch.setenv("SENSORIUM_MODELS", str(tmp_path / "models"))
    command = Path(sys.executable).with_name("sensorium")
    (tmp_path / "notes").mkdir()
    for number, sample in enumerate(sample_texts(40)):
        (tmp_path / "notes" / f"{number}.txt").write_text(f"{sample.content} {number}")
    source = small_models.clip(tmp_path / "clip")
    arguments = ("models", "convert", source, "--name", "fitted", "--sample", tmp_path / "notes", "--float-only")
    ran = subprocess.run([command, *arguments], capture_output=True, text=True, timeout=120)

    assert ran.returncode == 0 and ran.stdout.startswith("fitted installed: text+image, ")
    assert ran.stderr == (
        f"{tmp_path / 'notes'} has 0 pictures, and 32 is the least: Sensorium's own sample of pictures is taken\n"
    )
    card = (tmp_path / "models/fitted/CARD.md").read_text("utf-8")
    assert "40 texts (given with --sample), 128 pictures (Sensorium's own)" in card and str(tmp_path) not in card
