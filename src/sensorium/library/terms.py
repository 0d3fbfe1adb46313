"""From terms to query vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import BadQuery, Unreadable
from sensorium.core.types import Modality, Part, TextRead
from sensorium.library.prepared import PartRow
from sensorium.library.query import File, Like, Term, Text, Vector, local_path
from sensorium.library.wording import wording
from sensorium.readers.contract import Limits

if TYPE_CHECKING:
    from sensorium.library.rows import LiveView
    from sensorium.library.session import Session
    from sensorium.readers.registry import Source

LONGEST = 64  # parts of a query: the first of a file, or as many spread over an item
_SHOWN = 30  # characters of a long text, to know it by


class CannotAsk(BadQuery):
    """A term that says nothing in one space; in another it may."""


Found = tuple[NDArray[np.float32], list[Modality | None]]


def query_vector(
    session: Session, view: LiveView, terms: Sequence[Term], beyond: str | None = None
) -> NDArray[np.float32]:
    """The sum of the terms as one vector (d,); what has several parts is the mean of those like its first one.

    `beyond` is what becomes of long texts: see `Preparer.prepare`.
    """
    found = [_vectors(session, view, term, beyond) for term in terms]
    return _sum([_gist(*each) for each in found], [term.weight for term in terms])


def query_vectors(session: Session, view: LiveView, terms: Sequence[Term], beyond: str | None = None) -> Found:
    """What to look for: vectors (n, d), and the modality of each, None when nobody can tell.

    There is one for each part of the heaviest term: what a page tells in one section and shows in another is lost in
    their mean. The other terms are added to each of them. `beyond` is what becomes of long texts.
    """
    found = [_vectors(session, view, term, beyond) for term in terms]
    weights = [term.weight for term in terms]
    heaviest = int(np.argmax(weights))
    gists = [_gist(*each) for each in found]
    vectors, modalities = found[heaviest]
    rows = [_sum([*gists[:heaviest], vector, *gists[heaviest + 1 :]], weights) for vector in vectors]
    return np.stack(rows), modalities


def texts_read(session: Session, space: str, terms: Sequence[Term], beyond: str | None = None) -> list[TextRead]:
    """How each text among the terms is read in a space. What is in files is taken as `add` takes it."""
    encoder = session.encoder_of(space)
    texts = ((place, term.text) for place, term in enumerate(terms, 1) if isinstance(term, Text))
    return [TextRead(place, space, encoder.bundle.name, *encoder.extent(text, beyond)) for place, text in texts]


def wording_of(terms: Sequence[Term]) -> str:
    """How much a query asks for: the wording of its text, and `text` for several terms, which are no word or phrase."""
    return wording(terms[0].text) if len(terms) == 1 and isinstance(terms[0], Text) else "text"


def said(read: Sequence[TextRead], terms: Sequence[Term], beyond: str | None = None) -> Iterator[str]:
    """A line for each text of a query that is longer than a tower reads at once."""
    for one in read:
        term = terms[one.term - 1]
        if (one.windows == 1 and one.cut is None) or not isinstance(term, Text):
            continue
        words, done = " ".join(term.text[:_SHOWN].split()), []
        if one.windows > 1:
            done.append(f"read in {one.windows} windows, whose vectors are averaged")
        if one.cut is not None:
            reads_on = " (--long-text windows reads on)" if beyond is None and one.windows == 1 else ""
            done.append(f"cut after {one.cut:,} characters{reads_on}")
        beginning = f'"{words}..." has {one.tokens:,} tokens'
        yield f"{beginning}, and {one.model} reads {one.limit} at once: it was {', and '.join(done)}"


def _sum(rows: list[NDArray[np.float32]], weights: list[float]) -> NDArray[np.float32]:
    """One term of weight 1 is the encoder's own vector, so that dot and L2 see its length.

    Several are summed as unit vectors times their weights, and the sum is given the mean length of the terms.
    """
    if len(rows) == 1 and weights[0] == 1:
        return rows[0]
    lengths = [float(np.linalg.norm(row)) for row in rows]
    total = sum((w * (r / n) for w, r, n in zip(weights, rows, lengths, strict=True)), np.zeros(rows[0].shape))
    size = float(np.linalg.norm(total))
    if size < 1e-6:
        raise BadQuery("the terms cancel each other out: give them other weights, or leave one out")
    summed: NDArray[np.float32] = np.asarray(total / size * np.mean(lengths), np.float32)
    return summed


def _gist(vectors: NDArray[np.float32], modalities: list[Modality | None]) -> NDArray[np.float32]:
    """The mean of the vectors (n, d) that are of the first one's modality: (d,)."""
    same = vectors[[modality == modalities[0] for modality in modalities]]
    mean: NDArray[np.float32] = same.mean(0, dtype=np.float32)
    return mean


def _vectors(session: Session, view: LiveView, term: Term, beyond: str | None) -> Found:
    """The vectors (n, d) of a term, without its weight."""
    if isinstance(term, Text):
        encoder = session.encoder_of(view.space)
        if "text" not in encoder.modalities:
            there, name = ", ".join(encoder.modalities), encoder.bundle.name
            raise CannotAsk(f"model {name!r} has no text tower, only {there}; choose another --model")
        return encoder.encode([Part("text", term.text)], beyond), ["text"]
    if isinstance(term, Vector):
        if view.space != session.spaces[0]:
            raise CannotAsk("a vector is one of the default space")
        return _given(term, view.base.arrays["vectors"].shape[1])[None], [None]
    return _of_item(view, term) if isinstance(term, Like) else _of_file(session, view.space, term)


def _given(term: Vector, dimension: int) -> NDArray[np.float32]:
    vector = np.asarray(term.vector, np.float32).reshape(-1)
    if vector.size != dimension or not np.isfinite(vector).all() or not vector.any():
        shape = np.shape(term.vector)
        raise BadQuery(f"a query vector needs {dimension} finite numbers, not all zero; this one has the shape {shape}")
    return vector


def _of_item(view: LiveView, term: Like) -> Found:
    vectors, modalities = view.vectors_of(term.item)
    if not len(vectors):
        raise CannotAsk(f"no item {term.item} in the library: `sensorium search ... --json` shows the ids of items")
    at = np.unique(np.linspace(0, len(vectors) - 1, LONGEST).round().astype(np.int64))
    return vectors[at], [modalities[row] for row in at]


def _of_file(session: Session, space: str, term: File) -> Found:
    from sensorium.library.intake import encode_rows, workers_for
    from sensorium.library.memory import Budget

    source, encoder = _source(term), session.encoder_of(space)
    name = "the query" if isinstance(term.source, bytes) else source.path
    limits = Limits(**encoder.limits(), max_parts=LONGEST)
    try:
        with workers_for([encoder], Budget.of(None, 1)) as workers:
            _, found = workers.read(source, limits)
            rows = [PartRow(**row) for row in found]
    except Unreadable as error:
        raise BadQuery(f"{name} cannot be read as a query: {error.why}; give a text, a picture or a sound") from error
    if not rows:
        there = ", ".join(encoder.modalities)
        raise CannotAsk(f"{name} holds nothing that the model has a tower for ({there}): give another file")
    ((_, vectors),) = encode_rows([encoder], rows)
    return vectors, [row.modality for row in rows]


def _source(term: File) -> Source:
    from sensorium.readers.registry import Source

    if isinstance(term.source, bytes):
        return Source.from_bytes(term.source)
    path = local_path(term.source)
    if path.is_dir():
        raise BadQuery(f"{path} is a folder: give a file as the query, or search in the folder with --in {path}")
    return Source.from_path(path)
