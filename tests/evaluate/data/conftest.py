"""Folders as the benchmarks have them, with files that are only there by name: no loader opens a picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


class Place:
    """A folder to fill."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    def files(self, *names: str) -> None:
        """Empty files."""
        for name in names:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    def write(self, name: str, text: str | bytes) -> Path:
        """A file with content."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def json(self, name: str, value: object) -> Path:
        """A JSON file."""
        return self.write(name, json.dumps(value))

    def lines(self, name: str, *rows: object) -> Path:
        """A JSONL file."""
        return self.write(name, "".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty folder."""
    return Place(tmp_path / "set")
