"""The verb `search`: terms to a vector, a vector to parts, parts to items."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import BadQuery, LibraryEmpty, Unreadable
from sensorium.core.types import METRICS, MODALITIES, Hit, Metric, Modality
from sensorium.library.query import File, Like, Term, Text, Vector, local_path
from sensorium.library.rows import LiveView, live_view

if TYPE_CHECKING:
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

    def __post_init__(self) -> None:
        if self.k < 1:
            raise BadQuery(f"k is {self.k}: ask for at least 1 hit")
        if self.metric not in METRICS:
            raise BadQuery(f"the metric {self.metric!r} is unknown: choose one of {', '.join(METRICS)}")


class Hits(list[Hit]):
    """Hits, best first, with how they were found; shows itself in a notebook.

    `seconds` is the search itself, `encode_seconds` making the query's vector; `index` names what was searched.
    """

    def __init__(self, hits: Iterable[Hit] = (), *, seconds: float = 0.0, encode_seconds: float = 0.0, index: str = "",
                 notes: Sequence[str] = ()) -> None:  # fmt: skip
        super().__init__(hits)
        self.seconds, self.encode_seconds, self.index, self.notes = seconds, encode_seconds, index, tuple(notes)

    def _repr_html_(self) -> str:
        rows = []
        for rank, hit in enumerate(self, 1):
            shown = html.escape(hit.text[:200])
            if hit.preview:
                from base64 import b64encode

                shown = f'<img style="max-height:96px" src="data:image/webp;base64,{b64encode(hit.preview).decode()}">'
            elif hit.kind == "audio":
                shown = f'<audio controls preload="none" src="{html.escape(Path(hit.path).as_uri())}"></audio>'
            where = html.escape(f"{hit.path} {hit.place}".strip())
            rows.append(f"<tr><td>{rank}</td><td>{hit.score:.3f}</td><td>{hit.kind}</td><td>{shown}</td><td>{where}</td></tr>")
        return f"<table><tr><th></th><th>score</th><th>kind</th><th></th><th>path</th></tr>{''.join(rows)}</table>"


def query_vector(session: Session, view: LiveView, terms: Sequence[Term]) -> tuple[NDArray[np.float32], Modality]:
    """The sum of the terms as a vector (d,), and the modality of the heaviest one.

    One term of weight 1 is the encoder's own vector, so that dot and L2 see its length. Several are summed as unit vectors times
    their weights, and the sum is given the mean length of the terms.
    """
    rows, weights, modalities = [], [], []
    for term in terms:
        vector, modality = _term_vector(session, view, term)
        rows.append(vector)
        weights.append(term.weight)
        modalities.append(modality)
    heaviest = modalities[int(np.argmax(np.abs(weights)))]
    if len(rows) == 1 and weights[0] == 1:
        return rows[0], heaviest
    lengths = [float(np.linalg.norm(r)) for r in rows]
    total = sum((w * r / n for w, r, n in zip(weights, rows, lengths, strict=True)), np.zeros_like(rows[0]))
    size = float(np.linalg.norm(total))
    if size < 1e-6:
        raise BadQuery("the terms cancel each other out: give them other weights, or leave one out")
    return (total / size * np.mean(lengths)).astype(np.float32), heaviest


def _term_vector(session: Session, view: LiveView, term: Term) -> tuple[NDArray[np.float32], Modality]:
    from sensorium.core.types import Part

    if isinstance(term, Text):
        return session.encoder.encode([Part("text", term.text)])[0], "text"
    if isinstance(term, Vector):
        vector = np.asarray(term.vector, np.float32).reshape(-1)
        wanted = session.store.settings.spaces[session.store.settings.default_space or ""].dimension
        if vector.size != wanted or not np.isfinite(vector).all() or not vector.any():
            raise BadQuery(f"a query vector needs {wanted} finite numbers, not all zero; this one has shape {np.shape(term.vector)}")
        return vector, "image"
    vectors, modalities = view.vectors_of(term.item) if isinstance(term, Like) else _file_vectors(session, term)
    if isinstance(term, Like) and not len(vectors):
        raise BadQuery(f"no item {term.item} in the library: `sensorium search ... --json` shows the ids of items")
    first = modalities[0]
    of_one = vectors[[m == first for m in modalities]]
    return of_one.mean(0, dtype=np.float32), first


def _file_vectors(session: Session, term: File) -> tuple[NDArray[np.float32], list[Modality]]:
    from sensorium.readers.registry import Limits, Source, read

    if isinstance(term.source, bytes):
        source, name = Source.from_bytes(term.source), "the query"
    else:
        path = local_path(term.source)
        if path.is_dir():
            raise BadQuery(f"{path} is a folder: give a file as the query, or search in the folder with --in {path}")
        source, name = Source.from_path(path), str(path)
    encoder = session.encoder
    try:
        _, parts = read(source, Limits(**encoder.limits()))
        found = []
        for part in parts:
            found.append(part)
            if len(found) == 64:  # the mean of the first passages or windows stands for a long file
                break
    except Unreadable as error:
        raise BadQuery(f"{name} cannot be read as a query: {error.why}; give a text, a picture or a sound") from error
    usable = [p for p in found if p.modality in encoder.modalities]
    if not usable:
        raise BadQuery(f"{name} holds nothing to search with: give a text, a picture or a sound that is not empty")
    same = [p for p in usable if p.modality == usable[0].modality]
    return encoder.encode(same), [p.modality for p in same]


def allowed_parts(session: Session, view: LiveView, ask: Ask) -> NDArray[np.int64] | None:
    """Ids of the parts that filters leave, None for all."""
    catalog = view.catalog
    keep = np.asarray(catalog.arrays["present"], bool)
    if ask.kinds:
        kinds = catalog.strings("kind")
        known = set(kinds) | {"text", "image", "audio"}
        for kind in ask.kinds:
            if kind not in known:
                raise BadQuery(f"the kind {kind!r} is unknown here: choose among {', '.join(sorted(known))}")
        keep = keep & np.isin(kinds, ask.kinds)
    if ask.under is not None:
        folder = ask.under.rstrip("/\\")
        keep = keep & np.array([p == folder or p.startswith((folder + "/", folder + "\\")) for p in catalog.strings("path")], bool)
    if ask.where:
        chosen = session.store.items(ask.where, columns=["id"])["id"].to_numpy()
        keep = keep & np.isin(catalog.arrays["items"], chosen)
    if keep.all() and len(catalog):
        return None
    return view.column("parts")[np.isin(view.column("items"), catalog.arrays["items"][keep])]


def search(session: Session, terms: Sequence[Term], ask: Ask, *, previews: bool = False) -> Hits:
    """Hits grouped by item; BadQuery, BadWhere, LibraryEmpty or SourceMissing when that cannot be."""
    if not terms:
        raise BadQuery("nothing to search for: give a text, a file or an item")
    view = ready_view(session)
    started = perf_counter()
    vector, modality = query_vector(session, view, terms)
    encoded = perf_counter()
    allow = allowed_parts(session, view, ask)
    searcher, name = pick_index(session, view, ask.index, ask.metric)
    best = _best_items(searcher, view, vector, ask, allow, _shifts(session, modality, ask.metric))
    seconds = perf_counter() - encoded
    hits = [_hit(view, part, score) for part, score in best]
    if previews and hits:
        found = session.store.previews([h.part for h in hits])
        hits = [_with_preview(h, found.get(h.part)) for h in hits]
    notes, session.notes = [*session.notes, *session.store.notes], []
    return Hits(hits, seconds=seconds, encode_seconds=encoded - started, index=name, notes=notes)


def ready_view(session: Session) -> LiveView:
    """The live rows, or LibraryEmpty."""
    space = session.store.settings.default_space
    view = live_view(session, space) if space is not None else None
    if view is None or not len(view.catalog):
        raise LibraryEmpty(f"the library {session.store.path} is empty: add something first, as in: sensorium add ~/Pictures")
    return view


def pick_index(session: Session, view: LiveView, index: str, metric: Metric) -> tuple[Any, str]:
    """The searcher that `exact`, `ivf`, `ivf:LISTS,PROBES` or `auto` means, and its name."""
    if index in ("auto", "exact"):
        return view.searcher(metric), "exact"
    from sensorium.library.ann import ivf_over, parse_ivf

    lists, probes = parse_ivf(index)
    return ivf_over(session, view, metric, lists, probes), f"ivf:{lists},{probes}"


def _shifts(session: Session, query: Modality, metric: Metric) -> dict[int, tuple[float, float]] | None:
    """Modality code -> (mean, deviation) of unrelated cosines to a query of this modality, from the bundle's calibration."""
    if metric != "cosine":
        return None
    calibration = session.encoder.bundle.calibration
    shifts = {}
    for code, modality in enumerate(MODALITIES):
        entry = calibration.get(f"{query}-{modality}")
        if entry is not None:
            shifts[code] = (entry.mean, entry.std)
    return shifts or None


def _best_items(searcher: Any, view: LiveView, vector: NDArray[np.float32], ask: Ask, allow: NDArray[np.int64] | None,
                shifts: dict[int, tuple[float, float]] | None) -> list[tuple[int, float]]:  # fmt: skip
    """(part, score) of the best part of each of the k best items, best first.

    When hits mix modalities, cosines are put on one scale by the bundle's calibration before they are ranked: a text is always nearer
    to a text than a picture is.
    """
    modality, parts = view.column("modality"), view.column("parts")
    live = modality if allow is None else modality[np.isin(parts, allow)]
    codes = np.unique(live)
    if shifts is None or len(codes) < 2 or any(int(c) not in shifts for c in codes):
        return [(p, s) for p, s, _ in _grouped(searcher, view, vector, ask.k, allow)]
    found: list[tuple[float, int, int, float]] = []
    for code in codes:
        mean, deviation = shifts[int(code)]
        chosen = parts[modality == code]
        chosen = chosen if allow is None else np.intersect1d(chosen, allow)
        found += [((s - mean) / deviation, i, p, s) for p, s, i in _grouped(searcher, view, vector, ask.k, chosen)]
    found.sort(key=lambda f: (-f[0], f[1]))
    best: dict[int, tuple[int, float]] = {}
    for _, item, part, score in found:
        best.setdefault(item, (part, score))
    return list(best.values())[: ask.k]


def _grouped(searcher: Any, view: LiveView, vector: NDArray[np.float32], k: int,
             allow: NDArray[np.int64] | None) -> list[tuple[int, float, int]]:  # fmt: skip
    """(part, score, item) of the best part of the k best items; asks for more parts until k items are found."""
    wide = 4 * k
    while True:
        (ids, scores), = searcher.search(vector[None], wide, allow=allow)
        best: dict[int, tuple[int, float]] = {}
        for part, score in zip(ids.tolist(), scores.tolist(), strict=True):
            rows, row = view.layer(part)
            best.setdefault(int(rows.arrays["items"][row]), (part, score))
        if len(best) >= k or len(ids) < wide:
            return [(p, s, i) for i, (p, s) in list(best.items())[:k]]
        wide *= 4


def _hit(view: LiveView, part: int, score: float) -> Hit:
    rows, row = view.layer(part)
    item = int(rows.arrays["items"][row])
    at = int(view.catalog.find(np.array([item]))[0])
    catalog = view.catalog
    return Hit(item, part, catalog.string("path", at), catalog.string("kind", at), MODALITIES[int(rows.arrays["modality"][row])],
               rows.place(row), float(score), catalog.string("title", at), rows.text(row))  # fmt: skip


def _with_preview(hit: Hit, preview: bytes | None) -> Hit:
    from dataclasses import replace

    return replace(hit, preview=preview)
