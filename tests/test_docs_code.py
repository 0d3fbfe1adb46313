"""Every example of the README and the docs is run.

`console` blocks: each line that starts with `$ ` runs in a shell, with the real command, in a temporary folder;
the home folder holds `~/Pictures`, `~/Notes` and `~/Sounds`. Lines below it, if any, are the output it must have, where
`...` stands for anything.
`python` blocks: run in order, in one namespace a document, in the same folder.
A block is left out only by a comment right above it that says why: `<!-- not run: takes minutes -->`.
"""

from __future__ import annotations

import doctest
import math
import os
import re
import subprocess
import sys
import wave
from array import array
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")),
             *sorted((ROOT / "examples").rglob("README.md"))]  # fmt: skip
NOT_SHOWN_AS_CODE = {"text", "toml", "json", "makefile", "html", "yaml", "sql"}
FENCE = re.compile(r"(?:<!-- not run: (?P<why>[^\n]*?) -->\n+)?^```(?P<language>\S*)\n(?P<code>.*?)^```$", re.M | re.S)
SAME = doctest.OutputChecker()


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its code, the line where the code begins, why it is not run."""

    language: str
    code: str
    line: int
    why: str | None


def blocks_of(document):
    """The fenced blocks of a Markdown text, in order."""
    for found in FENCE.finditer(document):
        line = document.count("\n", 0, found.start("code")) + 1
        yield Block(found["language"], found["code"], line, found["why"])


def commands_of(code):
    """(command, expected output) pairs of a `console` block."""
    pairs = []
    for line in code.splitlines():
        if line.startswith("$ "):
            pairs.append([line[2:], ""])
        elif pairs and pairs[-1][0].endswith("\\"):
            pairs[-1][0] += "\n" + line
        elif pairs and line.strip():
            pairs[-1][1] += line + "\n"
        else:
            assert not line.strip(), f"output without a command: {line}"
    return [tuple(pair) for pair in pairs]


@pytest.fixture
def someone(own_home, tmp_path, monkeypatch):
    """A person at a shell: a home with a few files, an empty working folder, the command on the path."""
    for name in ("Pictures", "Notes", "Sounds"):
        (own_home / name).mkdir()
    for name, colour in (("red", "red"), ("blue", "blue"), ("sunset", "orange")):
        picture = Image.new("RGB", (160, 120), colour)
        ImageDraw.Draw(picture).ellipse((40, 20, 120, 100), fill="white")
        picture.save(own_home / f"Pictures/{name}.jpg")
    (own_home / "Notes/beach.md").write_text("# The beach\n\nA dog runs along the beach, into the waves.\n")
    (own_home / "Notes/bread.txt").write_text("Flour, water, salt and yeast; bake it for forty minutes.\n")
    with wave.open(str(own_home / "Sounds/tone.wav"), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(array("h", [int(9000 * math.sin(n / 6)) for n in range(32000)]).tobytes())
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)


def run_console(block, document):
    """Run the commands of a block; the exit code is 0, and the output is as shown."""
    for command, expected in commands_of(block.code):
        ran = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=300)
        where = f"{document.name}, block of line {block.line}: $ {command}\n{ran.stdout}{ran.stderr}"
        assert ran.returncode == 0, where
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        assert not expected or SAME.check_output(expected, ran.stdout, flags), f"{where}\nnot as shown:\n{expected}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_example_runs(document, someone):
    namespace = {"__name__": "example"}
    for block in blocks_of(document.read_text("utf-8")):
        if block.why is not None:
            assert block.why.strip(), "say why"
        elif block.language == "console":
            run_console(block, document)
        elif block.language == "python":
            code = "\n" * (block.line - 1) + block.code
            exec(compile(code, document, "exec"), namespace)
        else:
            assert block.language in NOT_SHOWN_AS_CODE, (
                f"{document.name}:{block.line}: make it a console or python block"
            )


def test_a_failing_example_is_noticed(someone, tmp_path):
    page = tmp_path / "page.md"
    for code, good in (
        ("$ true\n", True),
        ("$ false\n", False),
        ("$ echo one two\none ...\n", True),
        ("$ echo a\nb\n", False),
    ):
        (block,) = blocks_of(f"# Page\n\n```console\n{code}```\n")
        if good:
            run_console(block, page)
        else:
            with pytest.raises(AssertionError):
                run_console(block, page)


def test_blocks_and_their_reasons_are_read():
    text = "a\n```python\nx = 1\n```\n\n<!-- not run: takes minutes -->\n```console\n$ make demo\n```\n"
    assert list(blocks_of(text)) == [
        Block("python", "x = 1\n", 3, None),
        Block("console", "$ make demo\n", 8, "takes minutes"),
    ]
    assert commands_of("$ a \\\n  b\n$ c\nout\n") == [("a \\\n  b", ""), ("c", "out\n")]
