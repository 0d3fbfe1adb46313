"""The library: one folder of searchable things. Every verb lives in a file of its own; this is where they meet."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sensorium.core.errors import LibraryMissing
from sensorium.core.progress import Progress, Silent
from sensorium.core.settings import library_path, precision_of
from sensorium.core.types import AddReport, LongText, Metric, Neighbors, ReindexReport, Status
from sensorium.library.query import Term, Text, named
from sensorium.library.session import Session
from sensorium.store.tables import Store

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from sensorium.library.hits import Hits
    from sensorium.readers.contract import Limits

Paths = str | os.PathLike[str]
OnWait = Callable[[str], None]


class Library:
    """Opens the library at `path` (a path, or a name in the per-user folder), or creates it.

    `model` is a bundle's name or folder; it makes the library's space when the first item is added. `models` make
    several: each part goes into every space whose model has a tower for it, and a query is asked of all that understand
    it. Of a library that is there they choose among its spaces: those in service, unless said. `precision` is what
    towers run at: `float32`, `int8` (where they have an 8-bit form that agrees well enough), or `auto`, the faster one;
    in a library that is there, the one that made its vectors. Unless said it is that of the environment, else `auto`.

    Raises LibraryMissing (with `create=False`), LibraryTooNew, LibraryDamaged, BadPrecision; ModelUnknown and
    BundleDamaged for the model. A model or precision that the library has no space of is a SpaceMismatch as soon as it
    is needed. Use it as a context manager, or call `close`.
    """

    def __init__(
        self, path: Paths | None = None, *, model: str | None = None, models: Sequence[str] = (),
        precision: str | None = None, create: bool = True, progress: Progress | None = None,
    ) -> None:  # fmt: skip
        at = precision_of(precision)
        place = library_path(path)
        if not create and not place.is_dir():
            way_out = "make one with `sensorium add FOLDER`, or name another with --library"
            raise LibraryMissing(f"there is no library at {place}: {way_out}")
        named = tuple(dict.fromkeys((*([model] if model is not None else ()), *models)))
        if not place.is_dir():
            _check_models(named)
        self._session = Session(Store.open(place, create=create), named, at, progress or Silent())
        if any(not self._has(model) for model in named):
            _check_models(named)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Library({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """The library's folder."""
        return self._session.store.path

    @property
    def session(self) -> Session:
        """What is open: for what is built on the library, as experiments are."""
        return self._session

    def add(
        self, *paths: Paths, wait: float = 0.0, dry_run: bool = False, on_wait: OnWait | None = None,
        memory: int | None = None, limits: Limits | None = None,
    ) -> AddReport:  # fmt: skip
        """Bring the library up to date with files and folders; a second call costs next to nothing.

        New files are added, changed ones embedded again under their id, moved ones recognised by content; items whose
        file is gone are kept but not found until it returns. `wait` is how many seconds to wait for another writer.
        `memory` is how many bytes all processes together may take (1.5 GB unless said; more with many cores), `limits`
        what one file may take. Raises SourceMissing, LibraryLocked, LibraryFull, BadMemory.
        """
        from sensorium.library import add

        if dry_run:
            return add.plan(self._session, paths)
        return add.add(self._session, paths, wait=wait, on_wait=on_wait, memory=memory, limits=limits)

    def add_rows(
        self, table: Any, column_map: Mapping[str, str], *, key: str | None = None, name: str = "table",
        wait: float = 0.0, on_wait: OnWait | None = None, memory: int | None = None, limits: Limits | None = None,
    ) -> AddReport:  # fmt: skip
        """Make each row of a table an item of the kind `row`; what has not changed since last time costs nothing.

        `table` is one of pandas, Polars, Arrow, DuckDB and others that give Arrow data, or dicts, a row each.
        `column_map` says what columns are: `text`; `image`, `audio`, `video` or `path` (any file), each as a path or
        bytes; `title`; `key`. The others become attributes, for `where`. The item of the row with the key K lies at
        `rows:NAME/K`, for `remove` and `under`, and keeps its id when the row changes; without a key a row is known by
        its content. No row is removed because it is no longer in the table. Rows that cannot be read are reported as
        skipped, and stay as they were. Raises BadTable, LibraryLocked, LibraryFull, BadMemory.
        """
        from sensorium.library.add_rows import Told, add_rows
        from sensorium.library.tabular import Columns
        from sensorium.readers.contract import Limits

        told = Told(name, Columns.of(column_map, key), limits or Limits(), memory)
        return add_rows(self._session, table, told, wait=wait, on_wait=on_wait)

    def search(
        self, *terms: str | Term, k: int = 10, kinds: str | Sequence[str] | None = None, where: str | None = None,
        under: Paths | None = None, metric: Metric = "cosine", index: str = "auto", previews: bool = False,
        long_text: LongText | None = None, min_relevance: float | None = None,
    ) -> Hits:  # fmt: skip
        """The k best items for a sum of terms, best first; plain strings are texts.

        `kinds`, `under` (a folder) and `where` (SQL over the columns of `items()`) narrow it down. `metric` is cosine,
        dot (q.c) or l2 (-sqrt((q-c).(q-c))): higher is closer. `index` is auto, exact, ivf or ivf:LISTS,PROBES.
        `previews` loads thumbnails. `long_text` says what becomes of a text beyond the tokens that a tower reads at
        once: it is read in `windows`, whose vectors are averaged, or `cut`; as the model has it, unless said.
        `Hits.terms` says what was done. `min_relevance`, from 0 to 1, leaves out hits that are less likely to be
        relevant: none may be left. Raises BadQuery, BadWhere, LibraryEmpty, SourceMissing.
        """
        from sensorium.library.search import Ask, search

        folder = None if under is None else named(under)
        ask = Ask(k, _several(kinds), where, folder, metric, index, long_text, min_relevance)
        return search(self._session, _terms(terms), ask, previews=previews)

    def neighbors(
        self, queries: NDArray[np.float32], k: int = 10, *, metric: Metric = "cosine",
        kinds: str | Sequence[str] | None = None, where: str | None = None, index: str = "auto",
    ) -> Neighbors:  # fmt: skip
        """The k nearest parts of many query vectors (q, d) at once, as columns of part ids and scores."""
        import numpy as np

        from sensorium.library.search import Ask, neighbors

        ask = Ask(k, _several(kinds), where, None, metric, index)
        return neighbors(self._session, np.atleast_2d(np.asarray(queries, np.float32)), ask)

    def encode(self, *terms: str | Term, long_text: LongText | None = None) -> NDArray[np.float32]:
        """Vectors (n, d) of terms in the library's space, not normalised: queries for `neighbors`.

        `long_text` and what is raised: as in `search`.
        """
        import numpy as np

        from sensorium.library.search import Ask, ready_view
        from sensorium.library.terms import query_vector

        view, beyond = ready_view(self._session), Ask(long_text=long_text).beyond
        return np.stack([query_vector(self._session, view, [term], beyond) for term in _terms(terms)])

    def items(self, where: str | None = None) -> pa.Table:
        """The items as a table, missing ones included.

        Columns: id, revision, path, kind, state, hash, size, mtime, title, attributes, added_at. Raises BadWhere.
        """
        self._session.store.refresh()
        return self._session.store.items(where)

    def remove(self, *what: Paths | int, wait: float = 0.0, on_wait: OnWait | None = None) -> int:
        """Remove items by path, folder or id; returns how many. The files themselves stay.

        Raises SourceMissing for what is not in the library, LibraryLocked.
        """
        from sensorium.library.remove import remove

        return remove(self._session, what, wait=wait, on_wait=on_wait)

    def label(
        self, values: Mapping[int, Mapping[str, str | float | bool | None]], *,
        revisions: Mapping[int, int] | None = None, wait: float = 0.0, on_wait: OnWait | None = None,
    ) -> int:  # fmt: skip
        """Give attributes to items by id, as in `{12: {"label": "dog"}}`, all in one commit; returns how many items.

        They are columns for `where`, and stay with the item until the content of its file changes; None takes one away.
        `revisions` (from `items()`) leaves items alone that have changed since. Raises BadQuery for a name that cannot
        be or that the file itself uses, SourceMissing for an unknown item, LibraryLocked, LibraryFull.
        """
        from sensorium.library.label import label

        return label(self._session, values, revisions=revisions, wait=wait, on_wait=on_wait)

    def reindex(
        self, model: str, *, beside: bool = False, wait: float = 0.0, on_wait: OnWait | None = None,
        memory: int | None = None, limits: Limits | None = None,
    ) -> ReindexReport:  # fmt: skip
        """Fill a space by another model, while others search in the present ones, and make it the default one.

        `beside`: it goes into service beside the others instead. A stop loses little; the same call goes on from there.
        When something could be found before and not after, the space is filled and not put into service: `use` does it
        all the same. The former space stays, for `use()`, until `drop`. Raises ModelUnknown, LibraryEmpty,
        LibraryLocked, LibraryFull, BadMemory.
        """
        from sensorium.library.reindex import Wish, reindex

        return reindex(
            self._session, Wish(model, beside), wait=wait, on_wait=on_wait, memory=memory, limits=limits
        )  # fmt: skip

    def use(
        self, space: str | None = None, *, wait: float = 0.0, on_wait: OnWait | None = None, memory: int | None = None
    ) -> ReindexReport:
        """Make a space that the library has the default one, by its name or its model's; None: the former one.

        What came while it was out of service is filled in first. Raises SpaceMismatch, and as `reindex`.
        """
        from sensorium.library.reindex import Wish, reindex

        return reindex(self._session, Wish(space, own=True), wait=wait, on_wait=on_wait, memory=memory)

    def drop(self, space: str, *, wait: float = 0.0, on_wait: OnWait | None = None) -> int:
        """Delete a space, by its name or its model's, but not the default one; returns how many vectors it had.

        Raises SpaceMismatch, LibraryLocked.
        """
        from sensorium.library.reindex import drop

        return drop(self._session, space, wait=wait, on_wait=on_wait)

    def status(self) -> Status:
        """Counts, spaces, bytes on the disk, and who is writing now."""
        from sensorium.library.status import status

        return status(self._session)

    def compact(self, wait: float = 0.0, on_wait: OnWait | None = None) -> None:
        """Rewrite the library without what was removed: afterwards no byte of it is left in any file."""
        from sensorium.library.remove import compact

        compact(self._session, wait=wait, on_wait=on_wait)

    def refresh(self) -> bool:
        """See what other processes wrote since; returns whether anything changed. `search` does it by itself."""
        return self._session.store.refresh()

    def _has(self, model: str) -> bool:
        """Whether a space of the library goes by that name, or by that of its model."""
        spaces = self._session.store.settings.spaces
        return model in spaces or model in {said.model for said in spaces.values()}

    def close(self) -> None:
        """Let go of towers and index files; they are opened again when the library is used again."""
        self._session.forget()


def _check_models(models: Sequence[str]) -> None:
    """An unknown model, or one whose bundle does not open, is said before a folder is made for it."""
    from sensorium.core.settings import default_model
    from sensorium.encoders.bundle import Bundle, find_bundle

    for model in models or (default_model(),):
        Bundle.open(find_bundle(model))


def _terms(terms: Sequence[str | Term]) -> list[Term]:
    return [Text(term) if isinstance(term, str) else term for term in terms]


def _several(kinds: str | Sequence[str] | None) -> tuple[str, ...]:
    return (kinds,) if isinstance(kinds, str) else tuple(kinds or ())
