"""The page of formats says what its JSON says."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def formats(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import formats

    yield formats
    for name in ("formats", "mainstream", "process"):
        sys.modules.pop(name)


def test_the_page_is_the_one_that_the_command_writes(formats):
    figures = json.loads((ROOT / "benchmarks/formats.json").read_text())
    assert (ROOT / "docs/formats.md").read_text() == formats.page(figures)


def test_the_rows_add_up():
    figures = json.loads((ROOT / "benchmarks/formats.json").read_text())
    rows = figures["formats"].values()
    assert sum(row["files"] for row in rows) == figures["files"]
    assert sum(row["read"] for row in rows) == figures["read"]
    assert sum(row["opened_elsewhere"] for row in rows) == figures["opened_elsewhere"]
    for row in rows:
        assert row["read"] + row["skipped"] == row["files"]
        assert sum(row["why"].values()) == row["skipped"]
    assert figures["add"]["items"] + figures["add"]["skipped"] == figures["files"]
