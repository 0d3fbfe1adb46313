"""A sample folder, filled once for all tests of the demo, and a library that answers what it is told to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pytest

from sensorium.core.types import AddReport, Hit, Place
from sensorium.demo.gather import gather
from sensorium.demo.pictures import PHOTOGRAPHS
from sensorium.library.hits import Hits
from sensorium.library.query import Like

KINDS = {".png": "image", ".jpg": "image", ".wav": "audio"} | dict.fromkeys((".md", ".txt", ".rst", ".py"), "text")


@pytest.fixture(scope="session")
def gathered(tmp_path_factory):
    return gather(tmp_path_factory.mktemp("demo") / "samples")


@pytest.fixture(scope="session")
def photographs(gathered):
    missing = sorted({p.package for p in PHOTOGRAPHS if p.find() is None})
    if missing:
        pytest.skip(f'the extra is not installed ({", ".join(missing)}): pip install "sensorium[demo]"')
    return gathered


@dataclass
class ScriptedLibrary:
    """Answers every search with the wanted files first, then the rest of the kind by name."""

    wanted: list[Path] = field(default_factory=list)
    asked: list[tuple] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    gone: set[Path] = field(default_factory=set)

    def add(self, *roots):
        for root in map(Path, roots):
            self.files += sorted(p for p in root.rglob("*") if p.is_file() and p.suffix in KINDS)
        return AddReport(added=len(self.files), seconds=1.5)

    def items(self, where=None):
        states = ["missing" if f in self.gone else "present" for f in self.files]
        kinds = [KINDS[f.suffix] for f in self.files]
        paths = [str(f) for f in self.files]
        return pa.table({"id": list(range(len(paths))), "kind": kinds, "path": paths, "state": states})

    def search(self, *terms, k=10, kinds=None, under=None, previews=False):
        self.asked.append((terms, tuple(kinds), under))
        likes = [self.files[t.item] for t in terms if isinstance(t, Like)]
        of_kind = [f for f in self.files if KINDS[f.suffix] in kinds and f not in self.gone]
        first = [f for f in [*likes, *self.wanted] if f in of_kind]
        found = [*first, *(f for f in of_kind if f not in first)][:k]
        hits = [self._hit(f, 0.9 - 0.1 * rank) for rank, f in enumerate(found)]
        return Hits(hits, seconds=0.0004, encode_seconds=0.0125)

    def _hit(self, path, score):
        kind, item = KINDS[path.suffix], self.files.index(path)
        place = {"audio": Place(seconds=(0.0, 5.0)), "text": Place(lines=(1, 3)), "image": Place()}[kind]
        text = path.read_text(encoding="utf-8")[:300] if kind == "text" else ""
        return Hit(item, item, str(path), kind, kind, place, score, text=text)


@pytest.fixture
def library():
    return ScriptedLibrary()


@pytest.fixture(scope="session")
def scripted():
    """The class, for fixtures that live longer than a test."""
    return ScriptedLibrary
