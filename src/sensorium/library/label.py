"""The verb `label`: attributes that a person or a model gives to items, beside those that their files say themselves.

They are columns for `where` like all others. An item keeps them while its content is the same, wherever its file goes
and however often the library is brought up to date, reindexed or compacted; when its content changes they go, for they
were said of the old one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sensorium.core.errors import BadQuery, SourceMissing
from sensorium.library.snapshots import settle

if TYPE_CHECKING:
    import pyarrow as pa

    from sensorium.library.session import Session
    from sensorium.store.attributes import Value

_NAME = re.compile(r"[^\W\d]\w*")


def label(
    session: Session, values: Mapping[int, Mapping[str, Value | None]], *, revisions: Mapping[int, int] | None = None,
    wait: float = 0.0, on_wait: Callable[[str], None] | None = None,
) -> int:  # fmt: skip
    """Give attributes to items by id, all in one commit; returns how many items have them now. None takes one away.

    `revisions` are those that the values were found for: an item that has another now, or has gone, is left as it is.
    Raises BadQuery for a name or value that cannot be, SourceMissing for an unknown item, LibraryLocked, LibraryFull.
    """
    from sensorium.store.commit import Writer
    from sensorium.store.lock import Lock

    for name in {name for one in values.values() for name in one}:
        check_name(name)
    _check_values(values)
    with Lock(session.store.path, "sensorium label").acquire(wait, on_wait) as lock:
        writer = Writer(session.store, lock)
        session.store.refresh()
        rows = _changed(session, values, revisions)
        if rows.num_rows:
            writer.update_items(rows)
            settle(session)
    return int(rows.num_rows)


def check_name(name: str) -> None:
    """Raises BadQuery for a name that `where` could not ask for as it is."""
    from sensorium.store.expression import TABLE, names_in
    from sensorium.store.schemas import ITEMS

    if name in ITEMS.names:
        raise BadQuery(f"{name!r} is a column that every item has: choose another name for an attribute, as in label")
    if not _NAME.fullmatch(name) or name == TABLE or not names_in(f"{name} = 1"):
        raise BadQuery(f"{name!r} cannot be an attribute's name: take a word of letters, digits and _, as in label")


def check_free(session: Session, name: str, items: Iterable[int] | None = None) -> None:
    """Raises BadQuery for a name that is no good, or that one of the items, or of all, has from its own file."""
    from sensorium.store.attributes import give

    check_name(name)
    rows, asked = session.store.items(columns=["id", "path", "attributes"]), None if items is None else set(items)
    for row in rows.to_pylist():
        if asked is None or row["id"] in asked:
            try:
                give(row["attributes"], {name: None})
            except KeyError as own:
                raise _taken(name, row["path"]) from own


def given_to(session: Session, item: int, digest: str) -> dict[str, Any]:
    """The attributes that were given to an item, as a part of all; none when its content is no longer that one."""
    from sensorium.store.attributes import given

    rows = session.store.items(f"id = {item}", columns=["hash", "attributes"]).to_pylist()
    return given(rows[0]["attributes"]) if rows and rows[0]["hash"] == digest else {}


def _changed(
    session: Session, values: Mapping[int, Mapping[str, Value | None]], revisions: Mapping[int, int] | None
) -> pa.Table:
    """The items to write: `id`, `attributes`."""
    import pyarrow as pa

    from sensorium.store.attributes import give

    ids, texts = [], []
    items = session.store.items(columns=["id", "revision", "attributes", "path"])
    columns = (items[name].to_pylist() for name in ("id", "revision", "attributes", "path"))
    known = {id: rest for id, *rest in zip(*columns, strict=True) if id in values}
    unknown = values.keys() - known.keys()
    if unknown and revisions is None:
        raise SourceMissing(f"no item {min(unknown)} in the library {session.store.path}: `items()` shows the ids")
    for item, (revision, text, path) in known.items():
        if revisions is not None and revisions.get(item) != revision:
            continue
        try:
            new = give(text, values[item])
        except KeyError as own:
            raise _taken(own.args[0], path) from own
        ids.append(item)
        texts.append(new)
    return pa.table({"id": pa.array(ids, pa.int64()), "attributes": pa.array(texts, pa.string())})


def _check_values(values: Mapping[int, Mapping[str, Value | None]]) -> None:
    for item, given in values.items():
        for name, value in given.items():
            whole = value is None or isinstance(value, str | int)
            if not whole and not (isinstance(value, float) and math.isfinite(value)):
                raise BadQuery(f"{name} of item {item} is {value!r}: give a text, a finite number, true or false")


def _taken(name: str, path: str) -> BadQuery:
    return BadQuery(f"{name!r} is what {path} says of itself: choose another name, so that both can be asked for")
