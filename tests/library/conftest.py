"""Files to add, a tiny model to encode them, and libraries of both."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sensorium import Library
from sensorium.encoders.bundle import write_bundle
from sensorium.testing.bundles import tiny_bundle
from sensorium.testing.files import Files


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of all three modalities."""
    return tiny_bundle(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tilted_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose calibration says: texts are always near to texts, pictures are not."""
    folder = tiny_bundle(tmp_path_factory.mktemp("models") / "tilted", seed=3, name="tilted")
    described = json.loads((folder / "bundle.json").read_text())
    described["calibration"] = {
        "text-text": {"mean": 0.9, "std": 0.05}, "text-image": {"mean": 0.0, "std": 0.2},
        "text-audio": {"mean": -0.1, "std": 0.1}, "image-image": {"mean": 0.1, "std": 0.1},
    }  # fmt: skip
    write_bundle(folder, {name: value for name, value in described.items() if name not in ("format", "files")})
    return folder


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """An empty folder to fill."""
    return Files(tmp_path / "things")


@pytest.fixture
def library(tmp_path: Path, bundle: Path) -> Iterator[Library]:
    """An empty library."""
    with Library(tmp_path / "some.library", model=str(bundle)) as opened:
        yield opened


@dataclass
class Shared:
    """A library with a bit of everything, only to be read."""

    library: Library
    files: Files


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> Shared:
    """25 texts, 20 pictures, 10 sounds, and a text and a sound of more than 64 parts."""
    files = Files(tmp_path_factory.mktemp("shared") / "things")
    files.fill()
    library = Library(files.folder.parent / "shared.library", model=str(bundle))
    library.add(files.folder)
    return Shared(library, files)


class Disk:
    """A small disk in memory."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def change(self, options: str) -> None:
        """Mount it anew with other options, such as `ro` or `size=64m`."""
        subprocess.run(["mount", "-o", f"remount,{options}", self.place], check=True)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Disk]]:
    """Mounts a disk in memory with these options, or skips: only root may."""
    places: list[Path] = []

    def mount(options: str) -> Disk:
        place = tmp_path / f"disk{len(places)}"
        place.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"a disk in memory cannot be mounted here: {done.stderr.strip()}")
        places.append(place)
        return Disk(place)

    yield mount
    for place in places:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[None]:
    """A reader that does what .rst files say, good or bad, in the worker processes."""
    from sensorium.testing.plugins import installed_plugin

    with installed_plugin(tmp_path / "plugins"):
        yield
