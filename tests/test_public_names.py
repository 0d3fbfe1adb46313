"""The flat public names: what is promised is there, and type checkers are told the same."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import sensorium

SOURCE = Path(sensorium.__file__).read_text("utf-8")
OWN = {"__version__"}  # defined in the package itself


def names_for_type_checkers():
    """Public name -> module, as the `if TYPE_CHECKING` block imports them."""
    (block,) = [
        node for node in ast.parse(SOURCE).body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ]  # fmt: skip
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert len(imports) == len(block.body), "the block holds only imports"
    return {alias.asname: node.module for node in imports for alias in node.names if alias.asname == alias.name}


def test_type_checkers_see_exactly_the_public_names_from_their_homes():
    homes = {name: f"sensorium.{home}" for name, home in sensorium._HOMES.items()}
    assert names_for_type_checkers() == homes
    assert set(sensorium.__all__) == set(homes) | OWN


def test_all_is_sorted_and_without_doubles():
    assert sensorium.__all__ == sorted(set(sensorium.__all__))
    assert dir(sensorium) == sorted(sensorium.__all__)


@pytest.mark.parametrize("name", sorted(set(sensorium.__all__) - OWN))
def test_each_name_is_the_thing_of_its_home_and_documented(name):
    value = getattr(importlib.import_module(f"sensorium.{sensorium._HOMES[name]}"), name)
    assert getattr(sensorium, name) is value
    assert value.__name__ == name and value.__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Librari'"):
        sensorium.Librari  # noqa: B018


def test_every_error_is_drawn_in_the_tree_of_errors():
    from sensorium.core import errors

    defined = {name for name, value in vars(errors).items() if isinstance(value, type)}
    drawn = {line.split("-- ")[1].split()[0] for line in errors.__doc__.splitlines() if "-- " in line}
    assert drawn | {"SensoriumError"} == defined
    assert all(issubclass(getattr(errors, name), errors.SensoriumError) for name in defined)
