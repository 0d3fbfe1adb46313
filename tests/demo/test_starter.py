"""The demo with the built-in model: the right answer is among the first three of each search."""

from __future__ import annotations

import importlib.util

import pytest

import sensorium
from sensorium.demo.run import run_demo

pytestmark = pytest.mark.skipif(
    not (importlib.util.find_spec("skimage") and importlib.util.find_spec("sklearn")),
    reason="the demo's photographs come with the extra: pip install 'sensorium[demo]'",
)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """The whole demo, once."""
    folder = tmp_path_factory.mktemp("demo")
    with sensorium.Library(folder / "demo.library") as library:
        return run_demo(folder / "samples", library)


def test_every_search_has_a_right_answer_among_the_first_three(result):
    wrong = [(a.query.pair, a.query.says, a.rank) for a in result.answers if a.rank is None or a.rank > 3]
    assert not wrong
    assert result.passed == result.checked >= 40


def test_all_directions_are_searched_among_more_than_twenty_items_of_a_kind(result):
    assert {"text->image", "image->text", "image->image", "audio->audio", "text->audio", "audio->image"} <= {
        a.query.pair for a in result.answers
    }
    assert min(result.kinds.values()) > 20 and sum(result.kinds.values()) >= 40


def test_nothing_of_the_demo_trained_the_model():
    """The samples come from installed packages and from the demo's own code; training reads the data folder alone."""
    import ast
    from pathlib import Path

    train = Path(sensorium.__file__).parent / "train"
    imports = {
        node.module
        for file in train.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module
    }
    assert not any(name.startswith(("sensorium.demo", "skimage", "sklearn")) for name in imports)
