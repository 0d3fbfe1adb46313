"""The README's tree, a phrase for each package, is the tree on the disk."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# made by tools or by use, and ignored by git
MADE = {"demo", "work", "build", "dist"}


def tree_of(readme):
    """Path -> phrase, from the block under the heading `The tree`."""
    block = re.search(r"^## The tree\n.*?^```text\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)[1]
    found, parents = {}, []
    for line in block.splitlines():
        indent, name, phrase = re.fullmatch(r"( *)(\S+)(?:\s{2,}(\S.*))?", line).groups()
        assert len(indent) % 2 == 0, line
        parents[len(indent) // 2 :] = [name]
        found["/".join(part.rstrip("/") for part in parents) + ("/" if name.endswith("/") else "")] = phrase
    return found


TREE = tree_of((ROOT / "README.md").read_text("utf-8"))


def test_there_is_a_tree():
    assert "src/sensorium/" in TREE and len(TREE) > 10


@pytest.mark.parametrize("path", TREE)
def test_what_the_tree_names_is_there_with_a_phrase(path):
    on_disk = ROOT / path
    assert on_disk.is_dir() if path.endswith("/") else on_disk.is_file()
    assert TREE[path], f"{path} has no phrase"


def test_every_package_is_in_the_tree():
    packages = {f"src/sensorium/{p.parent.name}/" for p in (ROOT / "src/sensorium").glob("*/__init__.py")}
    assert packages == {path for path in TREE if re.fullmatch(r"src/sensorium/[^/]+/", path)}


def test_every_folder_at_the_top_is_in_the_tree():
    folders = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith((".", "__"))} - MADE
    named = {path.split("/")[0] for path in TREE if "/" in path and not path.startswith(".")}
    assert {name for name in folders if any((ROOT / name).rglob("*.*"))} == named
