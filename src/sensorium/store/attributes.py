"""The attributes of items as columns: JSON that is read only for the names that are asked for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

GIVEN = "given attributes"  # names the attributes of an item that were given to it, not read from it
Value = str | int | float | bool
_AT_ONCE = 5000  # texts that are read as one: half the time of one by one


def columns_of(texts: pa.ChunkedArray, names: Sequence[str]) -> dict[str, pa.Array]:
    """A column for each name that any of the `texts` (n,), JSON objects, has; null where one has not.

    Numbers are int64 or float64, truth values bool, all else text: lists joined by ", ", and what differs from item to
    item as it is written.
    """
    said = pc.or_kleene(pc.match_substring(texts, "\\u"), _any_of(texts, names)).fill_null(False)
    rows = pc.indices_nonzero(said).to_numpy()
    values: dict[str, list[Any]] = {name: [None] * len(texts) for name in names}
    for row, attributes in zip(rows.tolist(), read(texts.filter(said)), strict=True):
        for name in names:
            if (value := attributes.get(name)) is not None:
                values[name][row] = value
    return {name: typed(column) for name, column in values.items() if any(value is not None for value in column)}


def frequent(texts: pa.ChunkedArray) -> Counter[str]:
    """How many of the `texts` have each name."""
    return Counter(name for attributes in read(texts) for name in attributes if name != GIVEN)


def given(text: str | None) -> dict[str, Any]:
    """Of an item's attributes as JSON those that were given to it, and the list of their names, as a part of these."""
    attributes = _object(text or "{}")
    names = attributes.get(GIVEN) if isinstance(attributes, dict) else None
    if not isinstance(names, list):
        return {}
    return {GIVEN: names, **{name: attributes[name] for name in names if name in attributes}}


def give(text: str | None, values: Mapping[str, Value | None]) -> str:
    """An item's attributes as JSON with `values` given to it; None takes away what was given before.

    Raises KeyError for a name that the item has of itself.
    """
    attributes = _object(text or "{}")
    attributes = attributes if isinstance(attributes, dict) else {}
    names = given(text).get(GIVEN, [])
    for name, value in values.items():
        if name in attributes and name not in names:
            raise KeyError(name)
        attributes.pop(name, None)
        names = [one for one in names if one != name]
        if value is not None:
            attributes[name] = value
            names.append(name)
    attributes.pop(GIVEN, None)
    return json.dumps({**attributes, **({GIVEN: names} if names else {})}, ensure_ascii=False)


def read(texts: pa.ChunkedArray) -> Iterator[dict[str, Any]]:
    """The objects; an empty one for what is none."""
    for start in range(0, len(texts), _AT_ONCE):
        some = [text or "{}" for text in texts[start : start + _AT_ONCE].to_pylist()]
        try:
            found = json.loads(f"[{','.join(some)}]")
        except ValueError:
            found = []
        for one in found if len(found) == len(some) else map(_object, some):
            yield one if isinstance(one, dict) else {}


def typed(values: list[Any]) -> pa.Array:
    """Values of any kinds, None for those that are not there, as one column."""
    kinds = {type(value) for value in values} - {type(None)}
    if kinds <= {bool}:
        return pa.array(values, pa.bool_())
    if kinds & {int, float} and kinds <= {bool, int, float, str} and (numbers := _numbers(values)) is not None:
        return numbers
    return pa.array([value if value is None else _text(value) for value in values], pa.string())


def _any_of(texts: pa.ChunkedArray, names: Sequence[str]) -> pa.ChunkedArray:
    found = pc.match_substring(texts, json.dumps(names[0], ensure_ascii=False))
    for name in names[1:]:
        found = pc.or_(found, pc.match_substring(texts, json.dumps(name, ensure_ascii=False)))
    return found


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {}


def _numbers(values: list[Any]) -> pa.Array | None:
    """The values as numbers; None when one is a text that is no number, or beyond all that can be held."""
    try:
        numbers = [_number(value) if isinstance(value, str) else value for value in values]
        return _array(numbers)
    except (ValueError, OverflowError):
        return None


def _array(numbers: list[Any]) -> pa.Array:
    if all(value is None or (isinstance(value, int) and abs(value) < 1 << 63) for value in numbers):
        return pa.array([value if value is None else int(value) for value in numbers], pa.int64())
    return pa.array([value if value is None else float(value) for value in numbers], pa.float64())


def _number(text: str) -> int | float:
    return int(text) if text.isdecimal() else float(text)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return json.dumps(value, ensure_ascii=False)
