"""A hub on loopback, a models' home of its own, and a stand-in for the conversion."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

pytest.importorskip("huggingface_hub")

from huggingface_hub import constants
from pulling import CLIP, FILES

from sensorium.encoders import hub
from sensorium.encoders import pull as module
from sensorium.encoders.bundle import Bundle
from sensorium.encoders.convert import convert as converting
from sensorium.testing.bundles import tiny_bundle
from sensorium.testing.hub import LoopbackHub


@pytest.fixture
def models(tmp_path, monkeypatch):
    """The models' home of this test, and no cache of anybody."""
    monkeypatch.setenv("SENSORIUM_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 20)
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 20)
    monkeypatch.setattr(hub, "PATIENCE", 0.01)
    monkeypatch.setattr(hub, "PIECE", 1000)
    return tmp_path / "models"


@pytest.fixture
def loopback(models, monkeypatch):
    """A hub with a CLIP, which `HF_ENDPOINT` names."""
    with LoopbackHub({CLIP: FILES}) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.address)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield served


@pytest.fixture
def made(monkeypatch):
    """Stands for the conversion, which has tests of its own: a bundle that follows from the weights it was given."""
    sources = []

    def convert(source, out, *, name, **how):
        source = Path(source)
        there = {p.relative_to(source).as_posix() for p in source.rglob("*") if p.is_file()}
        sources.append({"path": source, "files": there, **how})
        tiny_bundle(out, seed=(source / "model.safetensors").read_bytes()[-1], name=name)
        return Bundle.open(out)

    monkeypatch.setattr(converting, "convert", convert)
    monkeypatch.setattr(module, "find_spec", lambda name: name)
    return sources


def mounted(place, size, *options):
    """Mount a disk of this size in memory, or give a mounted one another size."""
    command = ["mount", "-t", "tmpfs", "-o", ",".join((*options, f"size={size}")), "tmpfs", place]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a disk in memory cannot be mounted here: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path, monkeypatch, models):
    """A disk of 1 MB in memory as the models' home."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted(place, "1m")
    monkeypatch.setenv("SENSORIUM_MODELS", str(place))
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture
def grown():
    """Gives such a disk another size: "2m"."""
    return lambda place, size: mounted(place, size, "remount")
