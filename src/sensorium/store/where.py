"""`--where`: an SQL expression over the items table and the items' attributes."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import lance
import numpy as np
import pyarrow as pa

from sensorium.core.errors import BadWhere
from sensorium.store.attributes import columns_of, frequent
from sensorium.store.datasets import reason
from sensorium.store.expression import Name, NoExpression, in_quotes, names_in, replaced
from sensorium.store.schemas import ITEMS

if TYPE_CHECKING:
    from lance import LanceDataset

_SHOWN = 12
_KEPT = 16  # columns
_ROW = "row (of the items)"
# By the version of the table that they come from; gone with it.
_known: WeakKeyDictionary[LanceDataset, dict[str, pa.Array | None]] = WeakKeyDictionary()


def select(items: LanceDataset, where: str, columns: Sequence[str]) -> pa.Table:
    """The `columns` of the items for which `where` is true. Raises `BadWhere`.

    DataFusion reads it as the WHERE of a query, so that numbers of any form compare (Lance's own filters refuse
    `size > 1e6`: it is no integer). A name that is no column stands for the attribute of that name, null where an item
    does not have it; `attributes.title` is the attribute where `title` is the column.
    """
    schema = pa.schema([ITEMS.field(name) for name in columns])
    try:
        names = names_in(where)
    except NoExpression as error:
        raise BadWhere(_refusal(where, str(error))) from error
    try:
        if attributes := _attributes(items, names):
            return _by_attributes(items, where, attributes, columns).select(columns).cast(schema)
        batches = _asked(items, where, columns)
    except ValueError as error:
        if is_lost_file(error):
            raise
        raise BadWhere(_refusal(where, _said(error), items)) from error
    return pa.Table.from_batches([batch.cast(schema) for batch in batches], schema=schema)


def is_lost_file(error: Exception) -> bool:
    """Whether it is the disk that speaks, not the SQL: most often a file that a writer has just compacted away."""
    said = str(error)
    return any(word in said for word in ("Not found: ", "LanceError(IO)", "No such file", "Generic LocalFileSystem"))


def _asked(table: LanceDataset, where: str, columns: Sequence[str]) -> list[pa.RecordBatch]:
    # On a line of its own: a trailing `-- comment` must not swallow the bracket.
    query = f"SELECT {', '.join(map(in_quotes, columns))} FROM dataset WHERE (\n{where}\n)"
    batches: list[pa.RecordBatch] = table.sql(query).build().to_batch_records()
    return batches


def _attributes(items: LanceDataset, names: Sequence[Name]) -> dict[Name, tuple[str, pa.Array]]:
    """The attribute that each name stands for, and its column; columns of the items are left out."""
    wanted = {name: _meant(name) for name in names if not any(said in ITEMS.names for said in name.spellings())}
    asked = {said for several in wanted.values() for said in several}
    known = _known.get(items, {})
    known = known if len(known) < _KEPT else {}
    if missing := sorted(asked - known.keys()):
        found = columns_of(_texts(items), missing)
        known = {**known, **{said: found.get(said) for said in missing}}
        _known[items] = known  # as a whole: other threads may be reading the one before
    columns = {
        name: [(s, column) for s in several if (column := known.get(s)) is not None] for name, several in wanted.items()
    }
    return {name: several[0] for name, several in columns.items() if several}


def _meant(name: Name) -> list[str]:
    """The attributes that a name may mean, the likeliest first."""
    return [said.removeprefix("attributes.") for said in name.spellings()]


def _by_attributes(
    items: LanceDataset, where: str, attributes: Mapping[Name, tuple[str, pa.Array]], columns: Sequence[str]
) -> pa.Table:
    """The items by a table in memory that has the attributes of this expression as columns beside its own."""
    words = {said for name in names_in(where) for said in name.spellings()}
    own = [said for said in ITEMS.names if said in words]
    whole = items.to_table(columns=list(dict.fromkeys([*columns, *own])))
    shown = {said: _shown(said, at) for at, (said, _) in enumerate(attributes.values())}
    beside = {shown[said]: column for said, column in attributes.values()}
    table = pa.table({_ROW: np.arange(whole.num_rows), **{said: whole[said] for said in own}, **beside})
    held = lance.write_dataset(table, f"memory://{uuid.uuid4().hex}")
    batches = _asked(
        held, replaced(where, {name: in_quotes(shown[said]) for name, (said, _) in attributes.items()}), [_ROW]
    )
    return whole.take(np.sort(np.concatenate([np.empty(0, np.int64), *(batch.column(0) for batch in batches)])))


def _shown(said: str, at: int) -> str:
    """A column name for an attribute: its own, where the items have no such column and Lance takes it."""
    if re.fullmatch(r"\w+", said) and said not in ITEMS.names:
        return said
    return re.sub(r"[^\w ]", ":", said) + f" ({at})"


def _texts(items: LanceDataset) -> pa.ChunkedArray:
    return items.to_table(columns=["attributes"])["attributes"]


def _said(error: Exception) -> str:
    why = reason(error).removeprefix("Invalid user input: ").replace("dataset.", "")
    return why.split(". Valid fields are")[0]


def _refusal(where: str, why: str, items: LanceDataset | None = None) -> str:
    shown = " ".join(where.split())
    over = ", ".join(ITEMS.names)
    if items is not None and "No field named" in why and (names := frequent(_texts(items))):
        over += f" and the attributes {', '.join(name for name, _ in names.most_common(_SHOWN))}"
    return f"where {shown!r} cannot be read: {why}; it is an SQL expression over {over}, with text in single quotes"
