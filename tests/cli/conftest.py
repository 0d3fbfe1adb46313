"""A library that answers from a script, so that these tests see the face alone."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass, field
from typing import Any

import pytest
from PIL import Image

import sensorium
from sensorium.cli import output
from sensorium.cli.main import main
from sensorium.core.errors import LibraryMissing
from sensorium.core.types import AddReport, Hit, Place, ReindexReport, SpaceStatus, Status


class Hits(list):
    """What a library's search returns, as far as the command line looks at it."""

    seconds, encode_seconds, index_name, terms, notes = 0.0031, 0.02, "exact", (), ()
    likeliest = None

    def _repr_html_(self):
        return "<table><tr><td>hits</td></tr></table>"


@dataclass
class Script:
    """What the fake library answers, and what it was asked: (verb, arguments, options)."""

    hits: Any = field(default_factory=Hits)
    report: AddReport = field(default_factory=AddReport)
    removed: int = 0
    reindexed: ReindexReport = field(default_factory=lambda: ReindexReport("ab12", "clip", 41, 1200, seconds=4.13))
    raises: dict[str, BaseException] = field(default_factory=dict)
    exists: bool = True
    asked: list[tuple[str, tuple, dict]] = field(default_factory=list)

    def options(self, verb):
        """The options of the one call of `verb`."""
        (found,) = [(args, options) for name, args, options in self.asked if name == verb]
        return found[1]

    def arguments(self, verb):
        """The arguments of the one call of `verb`."""
        (found,) = [args for name, args, _ in self.asked if name == verb]
        return found


def status_of(path):
    spaces = (SpaceStatus("ab12", "starter", 256, 6, True),)
    return Status(str(path), 1, 5, 1, 6, 2, {"image": 3, "text": 2}, spaces, 1_234_567)


@pytest.fixture
def script(monkeypatch):
    """The script of the fake library that takes the real one's place."""
    script = Script()

    class Library:
        def __init__(self, path=None, *, model=None, models=(), precision=None, create=True, progress=None):
            if not create and not script.exists:
                raise LibraryMissing(f"no library at {path}: make one with sensorium add FOLDER")
            self.path = path
            also = {"models": tuple(models), "precision": precision}
            asked = {"model": model, "create": create} | {name: said for name, said in also.items() if said}
            self.record("open", (path,), asked)

        def record(self, verb, args, options):
            script.asked.append((verb, args, options))
            if verb in script.raises:
                raise script.raises[verb]

        def add(self, *paths, **options):
            self.record("add", paths, options)
            return script.report

        def search(self, *terms, **options):
            self.record("search", terms, options)
            return script.hits

        def remove(self, *targets, **options):
            self.record("remove", targets, options)
            return script.removed

        def compact(self, **options):
            self.record("compact", (), options)

        def reindex(self, model, **options):
            self.record("reindex", (model,), options)
            return script.reindexed

        def use(self, space=None, **options):
            self.record("use", (space,), options)
            return script.reindexed

        def drop(self, space, **options):
            self.record("drop", (space,), options)
            return 1234

        def status(self):
            self.record("status", (), {})
            return status_of(self.path)

        def close(self):
            self.record("close", (), {})

    monkeypatch.setitem(sensorium.__dict__, "Library", Library)
    return script


@dataclass
class Ran:
    """One run of the command: exit code and what came out."""

    code: int
    out: str
    err: str


@pytest.fixture
def sensorium_run(capfdbinary, monkeypatch, tmp_path):
    """Runs a command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = main([str(a) for a in arguments])
        out, err = capfdbinary.readouterr()
        return Ran(code, out.decode(), err.decode())

    return run


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def shown_in_terminal(monkeypatch):
    """What `output.answer_hits` writes to a terminal that understands colours."""
    monkeypatch.setenv("TERM", "xterm-256color")

    def show(hits):
        with monkeypatch.context() as patch:  # only for the call: pytest's own capture sits in `sys.stdout` too
            patch.setattr("sys.stdout", Terminal())
            output.answer_hits(hits)
            return sys.stdout.getvalue()

    return show


def webp(color=(200, 30, 30), size=(32, 16)):
    """A small WebP, as previews are."""
    written = io.BytesIO()
    Image.new("RGB", size, color).save(written, "WEBP", lossless=True)
    return written.getvalue()


@pytest.fixture
def hits(tmp_path):
    """Three hits: a picture below the working folder, a sound with a place, a text with a passage."""
    return Hits([
        Hit(7, 70, str(tmp_path / "pictures/beach.jpg"), "image", "image", Place(), 0.3124, preview=webp()),
        Hit(8, 81, "/far/away/waves.wav", "audio", "audio", Place(seconds=(5.0, 10.0)), 0.28),
        Hit(9, 93, "/far/away/notes.md", "text", "text", Place(lines=(3, 9)), -0.05, text="The sea\n\tand  the sand"),
    ])  # fmt: skip
