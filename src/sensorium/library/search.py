"""The verb `search`: vectors to parts, parts to items, items to hits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import BadQuery, LibraryEmpty
from sensorium.core.types import LONG_TEXTS, METRICS, MODALITIES, Hit, LongText, Metric, Modality, Neighbors, TextRead
from sensorium.indexes.files import IndexDamaged
from sensorium.indexes.rows import among
from sensorium.library.hits import Hits
from sensorium.library.query import Term
from sensorium.library.ranking import Asked, Scale, Scaled, best_items
from sensorium.library.relevance import must_be_known, relevance
from sensorium.library.rows import LiveView
from sensorium.library.snapshots import live_view, replace_damaged
from sensorium.library.terms import CannotAsk, query_vectors, said, texts_read, wording_of

if TYPE_CHECKING:
    from sensorium.indexes.contract import Index
    from sensorium.library.session import Session


@dataclass(frozen=True)
class Ask:
    """Everything about a search but its terms."""

    k: int = 10
    kinds: tuple[str, ...] = ()
    where: str | None = None
    under: str | None = None
    metric: Metric = "cosine"
    index: str = "auto"
    long_text: LongText | None = None
    min_relevance: float | None = None

    def __post_init__(self) -> None:
        if self.k < 1:
            raise BadQuery(f"k is {self.k}: ask for at least 1 hit")
        if self.metric not in METRICS:
            raise BadQuery(f"the metric {self.metric!r} is unknown: choose one of {', '.join(METRICS)}")
        if self.long_text not in (None, *LONG_TEXTS):
            raise BadQuery(f"long_text is {self.long_text!r}: choose one of {', '.join(LONG_TEXTS)}, or leave it out")
        if self.min_relevance is not None and not 0 <= self.min_relevance <= 1:
            raise BadQuery(f"min_relevance is {self.min_relevance:g}: it is a probability, from 0 to 1, such as 0.5")
        if self.min_relevance is not None and self.metric != "cosine":
            raise BadQuery(f"what {self.metric} means is not known: leave out min_relevance, or take the metric cosine")

    @property
    def beyond(self) -> str | None:
        """`long_text` as encoders call it."""
        return "window" if self.long_text == "windows" else self.long_text


class Plan(NamedTuple):
    """The spaces that understand all terms, and what is searched in them.

    `seconds` is how long making the query's vectors took, `read` how each text was read.
    """

    asked: list[Asked]
    index_name: str
    seconds: float
    read: list[TextRead]


def search(session: Session, terms: Sequence[Term], ask: Ask, *, previews: bool = False) -> Hits:
    """Hits grouped by item; BadQuery, BadWhere, LibraryEmpty or SourceMissing when that cannot be."""
    if not terms:
        raise BadQuery("nothing to search for: give a text, a file or an item")
    views = ready_views(session)
    try:
        return _search(session, views, terms, ask, previews=previews)
    except IndexDamaged as damage:  # beyond what the checks on opening saw
        for view in views:
            replace_damaged(session, view.space, damage)
    return _search(session, ready_views(session), terms, ask, previews=previews)


def neighbors(session: Session, queries: NDArray[np.float32], ask: Ask) -> Neighbors:
    """The k nearest parts of query vectors (q, d), as columns. Raises as `search`."""
    view = ready_view(session)
    try:
        return _neighbors(session, view, queries, ask)
    except IndexDamaged as damage:
        replace_damaged(session, view.space, damage)
    return _neighbors(session, ready_view(session), queries, ask)


def ready_view(session: Session) -> LiveView:
    """The live rows of the first space that is asked, or LibraryEmpty."""
    return ready_views(session, most=1)[0]


def ready_views(session: Session, most: int | None = None) -> list[LiveView]:
    """The live rows of the spaces that are asked, or LibraryEmpty. Raises SpaceMismatch."""
    session.store.refresh()
    session.let_go()
    views = [live_view(session, space) for space in session.spaces[:most]]
    if not views or not len(views[0].catalog):
        where = session.store.path
        raise LibraryEmpty(f"the library {where} is empty: add something first, as in: sensorium add ~/Pictures")
    return views


def _neighbors(session: Session, view: LiveView, queries: NDArray[np.float32], ask: Ask) -> Neighbors:
    index, _ = pick_index(session, view, ask)
    mask = allowed(session, view, ask)
    try:
        return index.search(queries, ask.k, allow=None if mask is None else view.parts[mask])
    except IndexDamaged:
        raise
    except ValueError as error:
        raise BadQuery(f"these queries cannot be searched for: {error}") from error


def _search(session: Session, views: Sequence[LiveView], terms: Sequence[Term], ask: Ask, *, previews: bool) -> Hits:
    began = perf_counter()
    plan = _plan(session, views, terms, ask)
    chosen, likeliest = _chosen(session, plan.asked, ask)
    hits = [_hit(plan.asked[one.space].view, one, likely) for one, likely in chosen]
    seconds = perf_counter() - began - plan.seconds
    load = session.store.previews
    if previews and hits:
        found = load([hit.part for hit in hits])
        hits = [replace(hit, preview=found.get(hit.part)) for hit in hits]
    notes = [*session.take_notes(), *said(plan.read, terms, ask.beyond)]
    return Hits(
        hits, seconds=seconds, encode_seconds=plan.seconds, index_name=plan.index_name, terms=plan.read, notes=notes,
        previews=load, likeliest=likeliest,
    )  # fmt: skip


def _chosen(
    session: Session, asked: Sequence[Asked], ask: Ask
) -> tuple[list[tuple[Scaled, float | None]], float | None]:
    """What is answered, each with its relevance, and the highest relevance of all that was found."""
    found = best_items(asked, ask.k)
    if ask.metric != "cosine":
        return [(one, None) for one in found[: ask.k]], None
    if ask.min_relevance is None:
        found = found[: ask.k]
    else:
        must_be_known(asked, [session.store.settings.spaces[one.view.space].model for one in asked])
    known = [(one, relevance(asked[one.space], one)) for one in found]
    likeliest = max((likely for _, likely in known if likely is not None), default=None)
    least = ask.min_relevance or 0.0
    return [(one, likely) for one, likely in known if likely is None or likely >= least][: ask.k], likeliest


def _plan(session: Session, views: Sequence[LiveView], terms: Sequence[Term], ask: Ask) -> Plan:
    """Of several spaces, one in which nothing is wanted is not asked, and no tower of it loaded."""
    asked: list[Asked] = []
    read: list[TextRead] = []
    refusals: list[CannotAsk] = []
    name, encoding = ask.index, 0.0
    for view in views:
        mask = allowed(session, view, ask)
        if len(views) > 1 and not (len(view.parts) if mask is None else mask.any()):
            continue
        began = perf_counter()
        try:
            vectors, modalities = query_vectors(session, view, terms, ask.beyond)
            read += texts_read(session, view.space, terms, ask.beyond)
        except CannotAsk as refusal:
            refusals.append(refusal)
            continue
        finally:
            encoding += perf_counter() - began
        index, name = pick_index(session, view, ask)
        scales = [_scale(session, view.space, one) if ask.metric == "cosine" else {} for one in modalities]
        meanings = session.meanings_of(view.space)
        asked.append(Asked(view, index, vectors, scales, mask, modalities, meanings, wording_of(terms)))
    if refusals and not asked:
        raise refusals[0]
    if len(asked) > 1 and ask.metric != "cosine":
        models = " and ".join(session.store.settings.spaces[one.view.space].model for one in asked)
        raise BadQuery(f"{ask.metric} of {models} cannot be compared: name one with --model, or take cosine")
    return Plan(asked, name, encoding, read)


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


def _scale(session: Session, space: str, query: Modality | None) -> Scale:
    """Modality code -> (mean, deviation) of unrelated cosines to a query of this modality: the bundle's calibration."""
    calibration = session.encoder_of(space).bundle.calibration
    pairs = ((code, calibration.get(f"{query}-{modality}")) for code, modality in enumerate(MODALITIES))
    return {code: (entry.mean, entry.std) for code, entry in pairs if entry is not None and entry.std > 0}


def _hit(view: LiveView, one: Scaled, likely: float | None) -> Hit:
    rows, row = view.row_of(one.part)
    item, catalog = int(rows.arrays["items"][row]), view.catalog
    at = int(catalog.find(np.array([item]))[0])
    return Hit(
        item=item, part=one.part, path=catalog.path(at), kind=catalog.kind(at),
        modality=MODALITIES[int(rows.arrays["modality"][row])], place=rows.place(row), score=float(one.score),
        title=catalog.title(at), text=rows.text(row), space=view.space, relevance=likely,
    )  # fmt: skip
