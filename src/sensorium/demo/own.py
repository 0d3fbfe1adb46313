"""Searches over somebody's own folder: more like some of its items, and sentences that suit most folders."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sensorium.demo.queries import Clue, DemoQuery, Words
from sensorium.library.query import Like

if TYPE_CHECKING:
    import pyarrow as pa

    from sensorium.demo.gather import Gathered

_SENTENCES = {
    "image": ("people outdoors", "an animal", "food on a table", "a building", "by the water", "a page with text"),
    "audio": ("somebody speaks", "music", "an engine", "birds"),
    "text": ("a plan for a journey", "money", "how to install it", "a recipe"),
}
_EACH = 3


@dataclass(frozen=True, slots=True)
class OwnItem:
    """An item of the folder, as a query: more like this."""

    item: int
    kind: str
    path: Path

    def clue(self, gathered: Gathered) -> Clue | None:
        """Always there."""
        return Clue(Like(self.item), self.kind, self.path)


def own_items(items: pa.Table, folder: Path) -> list[OwnItem]:
    """The items that lie under the folder and are there now."""
    columns = (items.column(name).to_pylist() for name in ("id", "kind", "path", "state"))
    found = (OwnItem(i, kind, Path(path)) for i, kind, path, state in zip(*columns, strict=True) if state == "present")
    return [item for item in found if item.path == folder or folder in item.path.parents]


def own_queries(items: Sequence[OwnItem], seed: int = 0) -> Iterator[DemoQuery]:
    """For each kind that the folder holds: a few sentences, more like a few random items, and across to other kinds."""
    chance = random.Random(seed)
    kinds = [kind for kind in _SENTENCES if any(item.kind == kind for item in items)]
    for kind in kinds:
        for sentence in _SENTENCES[kind]:
            yield DemoQuery(f"text->{kind}", sentence, (Words(sentence),), (kind,))
    for kind in kinds:
        of_kind = [item for item in items if item.kind == kind]
        for item in chance.sample(of_kind, min(_EACH, len(of_kind))):
            yield DemoQuery(f"{kind}->{kind}", f"more like {item.path.name}", (item,), (kind,))
        for other in (k for k in kinds if k != kind):
            item = chance.choice(of_kind)
            yield DemoQuery(f"{kind}->{other}", f"what goes with {item.path.name}", (item,), (other,))
