"""Zero-shot labels for the items of a library and for files: `sensorium classify`.

Parts are labelled one by one. What has several (a film's shots and sounds, a document's pages) is answered by the mean
of its parts' probabilities: a label that one shot of thirty shows is not what the film is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import BadQuery, SourceMissing
from sensorium.core.types import MODALITIES, Modality, Place
from sensorium.evaluate.classify.zero_shot import (
    TEMPLATES,
    Floats,
    Unrelated,
    Vectors,
    checked_labels,
    label_vectors,
    probabilities,
    unit,
    unrelated,
)

if TYPE_CHECKING:
    from sensorium.encoders.onnx import OnnxEncoder
    from sensorium.library.library import Library
    from sensorium.library.rows import LiveView, Rows
    from sensorium.library.scan import Found
    from sensorium.library.session import Session

Ids = NDArray[np.int64]

SAMPLE = 4096  # parts of a library from which is learnt what is usual
CELLS = 1 << 22  # cosines that are learnt from, and worked on, at a time
NONE = "none of these"


@dataclass(frozen=True, slots=True)
class Answer:
    """What something is. `label` is None for none of the labels; `probability` is that of the answer.

    `best` are the likeliest labels with their probabilities, `none` is that of none of them. `place` is where the
    label shows most, of `parts` parts. `item` is its id where it is one of the library, as it is there. What could not
    be labelled has a `why`.
    """

    path: str
    kind: str = ""
    item: int | None = None
    label: str | None = None
    probability: float = 0.0
    none: float = 0.0
    best: tuple[tuple[str, float], ...] = ()
    parts: int = 0
    place: Place = Place()  # noqa: RUF009 - frozen
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """A plain dict: what `--json` prints, a line an item."""
        if self.why:
            return {"path": self.path, "why": self.why}
        names = ("path", "kind", "item", "label", "probability", "none", "parts")
        return {
            **{name: getattr(self, name) for name in names}, "labels": dict(self.best), "place": self.place.to_json(),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Labels of one modality in one space: unit `vectors` float32 (c, d), and what is usual there."""

    encoder: OnnxEncoder
    space: str
    vectors: Vectors
    usual: Unrelated

    def of(self, vectors: Vectors, *, none: bool) -> Floats:
        """Probabilities (n, c + 1) for vectors (n, d), of any length."""
        return probabilities(unit(np.asarray(vectors, np.float32)) @ self.vectors.T, self.usual, none=none)


class _Piece(NamedTuple):
    """Some parts of the library: in which rows they are held, by which modality; and whose they are."""

    items: Ids
    rows: Rows
    at: Ids
    modality: Modality


@dataclass(frozen=True)
class Wish:
    """What is to be said: the `labels`, the `templates` by modality, how many of the best (`top`).

    `none`: whether "none of these" is an answer.
    """

    labels: tuple[str, ...]
    templates: Mapping[Modality, tuple[str, ...]] = field(default_factory=lambda: TEMPLATES)
    none: bool = True
    top: int = 5

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", checked_labels(self.labels))
        if self.top < 1:
            raise BadQuery(f"top is {self.top}: ask for at least 1 label")


class Classifier:
    """Says what things are: those of a `library`, by the vectors that are there, and files, which are read.

    Without a library, `models` (else the default one) encode; what is usual is then what their bundles say. Raises
    BadQuery for labels that cannot be and for models without a text tower; ModelUnknown, BundleDamaged.
    """

    def __init__(
        self, wish: Wish, library: Library | None = None, *, models: Sequence[str] = (), precision: str | None = None
    ) -> None:  # fmt: skip
        self.wish = wish
        self._session: Session | None = None if library is None else library.session
        self._views: dict[str, LiveView] = {}
        self.towers = _towers(self._session, models, precision)
        self._judges: dict[Modality, Judge] = {}
        if self._session is not None and self._session.store.settings.default_space is not None:
            from sensorium.library.snapshots import live_view

            self._session.store.refresh()
            self._views = {space: live_view(self._session, space) for space, _ in self.towers.values()}

    @property
    def usual(self) -> Mapping[Modality, Unrelated]:
        """What is usual for unrelated pairs of a part and a label, by the modalities that were met so far."""
        return {modality: judge.usual for modality, judge in self._judges.items()}

    def judge(self, modality: Modality) -> Judge:
        """The labels as they are said of a modality, made when it is first met."""
        if modality not in self._judges:
            self._judges[modality] = self._judge(modality, *self.towers[modality])
        return self._judges[modality]

    def items(self, chosen: Ids | None = None) -> Iterator[Answer]:
        """What the present items of the library are, by id; those of `chosen` ids alone. No file is read.

        Items in which there is nothing for the towers have no answer.
        """
        pieces = list(self._pieces(chosen))
        owners = np.concatenate([np.empty(0, np.int64), *(piece.items for piece in pieces)])
        which = np.repeat(np.arange(len(pieces)), [len(piece.items) for piece in pieces])
        within = np.concatenate([np.empty(0, np.int64), *(np.arange(len(piece.items)) for piece in pieces)])
        order = np.argsort(owners, kind="stable")
        owners, which, within = owners[order], which[order], within[order]
        starts = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]]) if len(owners) else np.empty(0, np.int64)
        for low, high in _blocks(starts, len(owners), max(1, CELLS // (len(self.wish.labels) + 1))):
            yield from self._block(pieces, owners[low:high], which[low:high], within[low:high])

    def stored(self) -> frozenset[int]:
        """The present items of the library that have an answer without being read."""
        return frozenset(int(item) for piece in self._pieces(None) for item in np.unique(piece.items))

    def answer(self, path: str, kind: str, item: int | None, odds: Floats, places: Sequence[Place]) -> Answer:
        """The answer for something whose parts have the probabilities `odds` (n, c + 1)."""
        mean = odds.mean(0)
        count, best = len(self.wish.labels), int(mean.argmax())
        order = np.argsort(-mean[:count], kind="stable")[: self.wish.top]
        shown = tuple((self.wish.labels[at], float(mean[at])) for at in order)
        label = None if best == count else self.wish.labels[best]
        place = places[int(odds[:, best].argmax())]
        return Answer(path, kind, item, label, float(mean[best]), float(mean[count]), shown, len(odds), place)

    def _judge(self, modality: Modality, space: str, encoder: OnnxEncoder) -> Judge:
        vectors = label_vectors(encoder, self.wish.labels, self.wish.templates[modality])
        cosines = None if space not in self._views else self._sample(self._views[space], modality, vectors)
        usual = unrelated(cosines, encoder.bundle.calibration.get(f"text-{modality}"))
        if usual is None:
            name = encoder.bundle.name
            raise BadQuery(
                f"model {name!r} does not say how near {modality} and text are by chance, and the library has too few "
                "to learn it: add some files first, or choose another --model"
            )
        return Judge(encoder, space, vectors, usual)

    def _sample(self, view: LiveView, modality: Modality, vectors: Vectors) -> Floats | None:
        """Cosines (n, c) of labels and parts of present items, evenly picked."""
        most = max(1, min(SAMPLE, CELLS // len(vectors)))
        held = [
            (rows, at[_present(view, rows.arrays["items"][at])]) for rows, at in view.held(MODALITIES.index(modality))
        ]
        step = max(1, -(-sum(len(at) for _, at in held) // most))  # one for all, so that new parts weigh no more
        return np.concatenate(
            [np.asarray(unit(rows.arrays["vectors"][at[::step]]) @ vectors.T, np.float64) for rows, at in held]
        )

    def _pieces(self, chosen: Ids | None) -> Iterator[_Piece]:
        from sensorium.indexes.rows import among

        for modality, (space, _) in self.towers.items():
            view = self._views.get(space)
            if view is None:
                continue
            for rows, at in view.held(MODALITIES.index(modality)):
                items = rows.arrays["items"][at]
                keep = _present(view, items)
                keep = keep if chosen is None else keep & among(items, chosen)
                yield _Piece(np.asarray(items[keep], np.int64), rows, at[keep], modality)

    def _block(self, pieces: Sequence[_Piece], owners: Ids, which: Ids, within: Ids) -> Iterator[Answer]:
        """The answers for whole items: part p is row `within[p]` of piece `which[p]` and belongs to `owners[p]`."""
        odds = np.empty((len(owners), len(self.wish.labels) + 1))
        for number, piece in enumerate(pieces):
            mine = np.flatnonzero(which == number)
            at = piece.at[within[mine]]
            if len(at):
                odds[mine] = self.judge(piece.modality).of(piece.rows.arrays["vectors"][at], none=self.wish.none)
        ends = [*np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]]).tolist(), len(owners)]
        catalog = next(iter(self._views.values())).catalog
        for low, high in pairwise(ends):
            item = int(owners[low])
            row = int(catalog.find(np.array([item]))[0])
            places = _Places(pieces, which[low:high], within[low:high])
            yield self.answer(catalog.path(row), catalog.kind(row), item, odds[low:high], places)


class _Places(Sequence[Place]):
    """Where the parts of an item are; looked up for those that are asked for."""

    def __init__(self, pieces: Sequence[_Piece], which: Ids, within: Ids) -> None:
        self.pieces, self.which, self.within = pieces, which, within

    def __len__(self) -> int:
        return len(self.which)

    def __getitem__(self, part: Any) -> Any:
        piece = self.pieces[int(self.which[part])]
        return piece.rows.place(int(piece.at[self.within[part]]))


@dataclass(frozen=True)
class Asked:
    """What paths mean: `items` whose vectors are in the library, and `files` that must be read.

    `kept` has the ids of the items that some of the files are, by path. `changed` files are items of the library that
    are no longer as they were added.
    """

    items: Ids
    files: tuple[Found, ...]
    kept: Mapping[str, int]
    changed: int = 0


def asked(
    classifier: Classifier, library: Library | None, paths: Sequence[str | os.PathLike[str]]
) -> Asked:  # fmt: skip
    """Sort what lies at some paths: files, folders, rows of tables. Raises SourceMissing."""
    from sensorium.library.query import ROWS
    from sensorium.library.scan import roots_of, scan

    said = [os.fspath(path) for path in paths]
    tables = {path.rstrip("/") for path in said if path.startswith(ROWS)}
    roots = roots_of([path for path in said if not path.startswith(ROWS)])
    found = list(scan(roots, Path() if library is None else library.path))
    known = {} if library is None else _known(library)
    stored, changed = classifier.stored(), 0
    items: list[int] = []
    files: list[Found] = []
    kept: dict[str, int] = {}
    for one in found:
        id, stamp = known.get(one.path, (0, None))
        same = stamp == (one.size, one.mtime)
        changed += stamp is not None and not same
        if same and id in stored:
            items.append(id)
            continue
        files.append(one)
        if same:
            kept[one.path] = id
    items += [id for path, (id, _) in known.items() if not tables.isdisjoint((path, path.rpartition("/")[0]))]
    if not items and not files:
        raise SourceMissing(f"{', '.join(said)}: no file and no item is there; check the path")
    return Asked(np.array(items, np.int64), tuple(files), kept, changed)


def _known(library: Library) -> dict[str, tuple[int, tuple[int, float]]]:
    """Id, size and time of the present items, by path."""
    table = library.items("state = 'present'")
    columns = (table[name].to_pylist() for name in ("path", "id", "size", "mtime"))
    return {path: (id, (size, mtime)) for path, id, size, mtime in zip(*columns, strict=True)}


def _towers(
    session: Session | None, models: Sequence[str], precision: str | None
) -> dict[Modality, tuple[str, OnnxEncoder]]:
    """For each modality the first space that has a tower for it and one for texts, and its encoder."""
    towers: dict[Modality, tuple[str, OnnxEncoder]] = {}
    encoders = _encoders(session, models, precision)
    for space, encoder in encoders.items():
        for modality in encoder.modalities if "text" in encoder.modalities else ():
            towers.setdefault(modality, (space, encoder))
    if not towers:
        names = ", ".join(f"{one.bundle.name!r} ({', '.join(one.modalities)})" for one in encoders.values())
        raise BadQuery(f"labels are texts, and no tower for texts is in the model {names}: choose another --model")
    return towers


def _encoders(session: Session | None, models: Sequence[str], precision: str | None) -> Mapping[str, OnnxEncoder]:
    """By space, what encodes: that of the library, or of a new one."""
    if session is not None:
        is_new = session.store.settings.default_space is None
        return session.new_encoders() if is_new else {space: session.encoder_of(space) for space in session.spaces}
    from sensorium.core.settings import default_model, precision_of
    from sensorium.encoders.bundle import Bundle, find_bundle
    from sensorium.encoders.onnx import OnnxEncoder

    at = precision_of(precision)
    made = (OnnxEncoder(Bundle.open(find_bundle(name)), precision=at) for name in models or (default_model(),))
    return {encoder.space: encoder for encoder in made}


def _present(view: LiveView, items: Ids) -> NDArray[np.bool_]:
    """Which of the items (n,) are not missing."""
    present: NDArray[np.bool_] = np.asarray(view.catalog.arrays["present"], np.bool_)[view.catalog.find(items)]
    return present


def _blocks(starts: Ids, total: int, size: int) -> Iterator[tuple[int, int]]:
    """Ranges of parts that hold whole items, of about `size` parts; `starts` are where items begin."""
    low = 0
    while low < total:
        after = starts[starts >= low + size]
        high = int(after[0]) if len(after) else total
        yield low, high
        low = high
