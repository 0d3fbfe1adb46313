"""The verb `search`: vectors to parts, parts to items, items to hits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import BadQuery, LibraryEmpty
from sensorium.core.types import METRICS, MODALITIES, Hit, Metric, Modality, Neighbors
from sensorium.indexes.files import IndexDamaged
from sensorium.indexes.rows import among
from sensorium.library.hits import Hits
from sensorium.library.query import Term
from sensorium.library.rows import LiveView
from sensorium.library.snapshots import live_view, replace_damaged
from sensorium.library.terms import query_vectors

if TYPE_CHECKING:
    from sensorium.indexes.contract import Index
    from sensorium.library.session import Session

Ids = NDArray[np.int64]
Scale = dict[int | None, tuple[float, float]]
Found = tuple[int, float, int]  # part, score, item
Scaled = tuple[float, int, int, float]  # score on the common scale, item, part, score

NEIGHBORHOOD = 20  # items: how near a query's vector is to its best ones is what is usual for it
SHARPNESS = 2.0  # of the soft maximum over a query's vectors


@dataclass(frozen=True)
class Ask:
    """Everything about a search but its terms."""

    k: int = 10
    kinds: tuple[str, ...] = ()
    where: str | None = None
    under: str | None = None
    metric: Metric = "cosine"
    index: str = "auto"

    def __post_init__(self) -> None:
        if self.k < 1:
            raise BadQuery(f"k is {self.k}: ask for at least 1 hit")
        if self.metric not in METRICS:
            raise BadQuery(f"the metric {self.metric!r} is unknown: choose one of {', '.join(METRICS)}")


def search(session: Session, terms: Sequence[Term], ask: Ask, *, previews: bool = False) -> Hits:
    """Hits grouped by item; BadQuery, BadWhere, LibraryEmpty or SourceMissing when that cannot be."""
    if not terms:
        raise BadQuery("nothing to search for: give a text, a file or an item")
    view = ready_view(session)
    try:
        return _search(session, view, terms, ask, previews=previews)
    except IndexDamaged as damage:  # beyond what the checks on opening saw
        replace_damaged(session, view.space, damage)
    return _search(session, ready_view(session), terms, ask, previews=previews)


def neighbors(session: Session, queries: NDArray[np.float32], ask: Ask) -> Neighbors:
    """The k nearest parts of query vectors (q, d), as columns. Raises as `search`."""
    view = ready_view(session)
    try:
        return _neighbors(session, view, queries, ask)
    except IndexDamaged as damage:
        replace_damaged(session, view.space, damage)
    return _neighbors(session, ready_view(session), queries, ask)


def ready_view(session: Session) -> LiveView:
    """The live rows, or LibraryEmpty."""
    session.store.refresh()
    space = session.store.settings.default_space
    view = live_view(session, space) if space is not None else None
    if view is None or not len(view.catalog):
        where = session.store.path
        raise LibraryEmpty(f"the library {where} is empty: add something first, as in: sensorium add ~/Pictures")
    return view


def _neighbors(session: Session, view: LiveView, queries: NDArray[np.float32], ask: Ask) -> Neighbors:
    index, _ = pick_index(session, view, ask)
    mask = allowed(session, view, ask)
    try:
        return index.search(queries, ask.k, allow=None if mask is None else view.parts[mask])
    except IndexDamaged:
        raise
    except ValueError as error:
        raise BadQuery(f"these queries cannot be searched for: {error}") from error


def _search(session: Session, view: LiveView, terms: Sequence[Term], ask: Ask, *, previews: bool) -> Hits:
    started = perf_counter()
    vectors, modalities = query_vectors(session, view, terms)
    encoded = perf_counter()
    mask = allowed(session, view, ask)
    index, name = pick_index(session, view, ask)
    scales = [_scale(session, modality) if ask.metric == "cosine" else {} for modality in modalities]
    best = _best_items(_Grouped(index, view, vectors, ask.k), mask, scales)
    hits = [_hit(view, part, score) for part, score in best]
    seconds = perf_counter() - encoded
    load = session.store.previews
    if previews and hits:
        found = load([hit.part for hit in hits])
        hits = [replace(hit, preview=found.get(hit.part)) for hit in hits]
    return Hits(
        hits, seconds=seconds, encode_seconds=encoded - started, index_name=name, notes=session.take_notes(),
        previews=load,
    )  # fmt: skip


def allowed(session: Session, view: LiveView, ask: Ask) -> NDArray[np.bool_] | None:
    """Which live parts the filters leave, bool (n,), None for all."""
    catalog = view.catalog
    keep = np.array(catalog.arrays["present"], bool)
    if ask.kinds:
        kinds = catalog.kinds
        known = {*kinds, *MODALITIES}
        unknown = [kind for kind in ask.kinds if kind not in known]
        if unknown:
            raise BadQuery(f"the kind {unknown[0]!r} is unknown here: choose among {', '.join(sorted(known))}")
        wanted = np.array([kind in ask.kinds for kind in kinds], bool)
        keep &= wanted[catalog.arrays["kind"]]
    if ask.under is not None:
        keep &= catalog.under(ask.under)
    if ask.where is not None:
        chosen = session.store.items(ask.where, columns=["id"])["id"].to_numpy()
        keep &= among(catalog.arrays["items"], chosen)
    if keep.all():
        return None
    return np.asarray(keep[catalog.find(view.items)], bool)


def pick_index(session: Session, view: LiveView, ask: Ask) -> tuple[Index, str]:
    """The index that `exact`, `ivf`, `ivf:LISTS,PROBES` or `auto` means, and its name."""
    if ask.index in ("auto", "exact"):
        return view.exact(ask.metric), "exact"
    from sensorium.library.ann import ivf_over, parse_ivf

    lists, probes = parse_ivf(ask.index)
    return ivf_over(session, view, ask.metric, lists, probes), f"ivf:{lists},{probes}"


def _scale(session: Session, query: Modality | None) -> Scale:
    """Modality code -> (mean, deviation) of unrelated cosines to a query of this modality: the bundle's calibration."""
    calibration = session.encoder.bundle.calibration
    pairs = ((code, calibration.get(f"{query}-{modality}")) for code, modality in enumerate(MODALITIES))
    return {code: (entry.mean, entry.std) for code, entry in pairs if entry is not None and entry.std > 0}


@dataclass(frozen=True)
class _Grouped:
    """Search for items by vectors (n, d)."""

    index: Index
    view: LiveView
    vectors: NDArray[np.float32]
    k: int

    def best(self, allow: Ids | None) -> list[list[Found]]:
        """For each vector the best part of the k best items; asks for more parts until k items are found."""
        most = len(self.view.parts) if allow is None else len(allow)
        wide = min(4 * self.k, max(most, 1))
        while True:
            found = [self._items(*each) for each in self.index.search(self.vectors, wide, allow=allow)]
            if wide >= most or all(len(items) >= self.k for items in found):
                return [items[: self.k] for items in found]
            wide = min(4 * wide, most)

    def _items(self, ids: Ids, scores: NDArray[np.float32]) -> list[Found]:
        best: dict[int, Found] = {}
        for part, score, item in zip(*(c.tolist() for c in (ids, scores, self.view.items_of(ids))), strict=True):
            best.setdefault(item, (part, score, item))
        return list(best.values())


def _best_items(grouped: _Grouped, mask: NDArray[np.bool_] | None, scales: list[Scale]) -> list[tuple[int, float]]:
    """(part, score) of the best part of each of the k best items, best first.

    When the query or the hits mix modalities, cosines are put on one scale by the bundle's calibration before they are
    ranked: a text is always nearer to a text than a picture is. Of several query vectors, those to which an item
    stands out count.
    """
    view, k, alone = grouped.view, grouped.k, len(grouped.vectors) == 1
    modality = view.modality if mask is None else view.modality[mask]
    codes: list[int | None] = [*np.flatnonzero(np.bincount(modality, minlength=len(MODALITIES))).tolist()]
    if (alone and len(codes) < 2) or any(code not in scale for scale in scales for code in codes):
        codes, scales = [None], [{} for _ in scales]
    if not alone:
        grouped = replace(grouped, k=max(k, NEIGHBORHOOD))
    found: list[list[Scaled]] = [[] for _ in scales]
    for code in codes:
        chosen = mask if code is None else view.modality == code if mask is None else (view.modality == code) & mask
        answers = grouped.best(None if chosen is None else view.parts[chosen])
        for all_of_one, scale, items in zip(found, scales, answers, strict=True):
            mean, deviation = scale.get(code, (0.0, 1.0))
            all_of_one += [((score - mean) / deviation, item, part, score) for part, score, item in items]
    return _together([_outstanding(one) for one in found])[:k]


def _outstanding(found: list[Scaled]) -> list[Scaled]:
    """What one vector found, each item once, best first, its scores less the mean of the best ones.

    A vector that is near to many items (a heading that every page has) says little about any of them. This is the half
    of CSLS that looks at the query (Conneau et al. 2018, Word translation without parallel data, 2.3).
    """
    best = _first_of_each(found)
    scores = [scaled for scaled, *_ in best[:NEIGHBORHOOD]]
    usual = sum(scores) / max(len(scores), 1)
    return [(scaled - usual, item, part, score) for scaled, item, part, score in best]


def _together(found: list[list[Scaled]]) -> list[tuple[int, float]]:
    """(part, score) of the items that several vectors found, best first, by a soft maximum of their scores.

    The maximum alone is best where a query is about many things, the mean where all of it is about one.
    """
    totals: dict[int, float] = {}
    for scaled, item, _, _ in (one for each in found for one in each):
        totals[item] = float(np.logaddexp(totals.get(item, -np.inf), SHARPNESS * scaled))
    best = _first_of_each([one for each in found for one in each])
    best.sort(key=lambda one: -totals[one[1]])
    return [(part, score) for _, _, part, score in best]


def _first_of_each(found: list[Scaled]) -> list[Scaled]:
    """The best of each item, best first."""
    best: dict[int, Scaled] = {}
    for one in sorted(found, key=lambda one: -one[0]):
        best.setdefault(one[1], one)
    return list(best.values())


def _hit(view: LiveView, part: int, score: float) -> Hit:
    rows, row = view.row_of(part)
    item, catalog = int(rows.arrays["items"][row]), view.catalog
    at = int(catalog.find(np.array([item]))[0])
    return Hit(
        item=item, part=part, path=catalog.path(at), kind=catalog.kind(at),
        modality=MODALITIES[int(rows.arrays["modality"][row])], place=rows.place(row), score=float(score),
        title=catalog.title(at), text=rows.text(row),
    )  # fmt: skip
