"""The verb `reindex`: a further space is filled while the first is searched, then takes its place or stands beside."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np

from sensorium.core.errors import LibraryEmpty, SpaceMismatch
from sensorium.core.types import ReindexReport, Skipped
from sensorium.library import retry
from sensorium.library.intake import wanted
from sensorium.library.memory import Budget
from sensorium.library.snapshots import settle, settle_space

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensorium.encoders.onnx import OnnxEncoder
    from sensorium.library.session import Session
    from sensorium.readers.contract import Limits
    from sensorium.store.commit import Writer

OnWait = Callable[[str], None] | None


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to become of the space of `model`: the default one, or one `beside` it.

    `own`: `model` names a space that the library has, and it takes its place whatever cannot be found then; None for
    the one that was the default before.
    """

    model: str | None
    beside: bool = False
    own: bool = False


def reindex(
    session: Session, wish: Wish, *, wait: float = 0.0, on_wait: OnWait = None, memory: int | None = None,
    limits: Limits | None = None,
) -> ReindexReport:  # fmt: skip
    """Fill a space, and put it into service unless something could be found before and not after.

    Every few hundred items are committed: a stop loses at most those, and the same call goes on from there.
    """
    from sensorium.core.machine import available_cores
    from sensorium.encoders.trial import prove
    from sensorium.readers.contract import Limits
    from sensorium.store.commit import Writer
    from sensorium.store.lock import Lock

    started, budget = monotonic(), Budget.of(memory, available_cores())
    with Lock(session.store.path, "sensorium reindex").acquire(wait, on_wait) as lock:
        session.store.refresh()
        encoder = _encoder(session, wish)
        if encoder.space not in session.store.settings.spaces:
            prove(encoder.bundle)
            session.store.add_spaces({encoder.space: session.keep(encoder)})
        writer = Writer(session.store, lock)
        session.store.refresh()
        served = _served(session, encoder.space, wish)
        limits = wanted([session.encoder_of(space) for space in served], limits or Limits())
        report = _filled(session, writer, encoder, limits, budget)
        lost = () if wish.own else _lost(session, served)
        if not lost:
            settle_space(session, encoder.space)
            _serve(session, served)
            session.models = ()  # what was asked for on opening may be out of service now
        settle(session)
    return ReindexReport(
        encoder.space, encoder.bundle.name, *report, lost=len(lost), lost_first=_path(session, lost),
        served=not lost, seconds=monotonic() - started,
    )  # fmt: skip


def drop(session: Session, name: str, *, wait: float = 0.0, on_wait: OnWait = None) -> int:
    """Delete a space by its name or its model's, with its bundle and what only it had; returns how many vectors.

    Raises SpaceMismatch for the default one, and when no space, or more than one, goes by that name.
    """
    from sensorium.store.commit import Writer
    from sensorium.store.lock import Lock

    with Lock(session.store.path, "sensorium reindex --drop").acquire(wait, on_wait) as lock:
        session.store.refresh()
        space, settings = session.called(name), session.store.settings
        if space == settings.default_space:
            raise SpaceMismatch(
                f"{session.store.path}: {settings.spaces[space].model} ({space}) is the default space; fill another "
                "with `sensorium reindex --model NAME` first"
            )
        writer = Writer(session.store, lock)
        previous = settings.previous_space if settings.previous_space != space else None
        session.store.serve(settings.served[0], [one for one in settings.beside if one != space], previous)
        count = writer.drop(space)
        session.forget()
        shutil.rmtree(session.indexes(space), ignore_errors=True)
        session.drop_bundle(space)
        settle(session)
    return count


def _encoder(session: Session, wish: Wish) -> OnnxEncoder:
    """The encoder of the space that is wished for. Raises ModelUnknown, SpaceMismatch, LibraryEmpty."""
    settings, where = session.store.settings, session.store.path
    if settings.default_space is None:
        raise LibraryEmpty(f"the library {where} is empty: add something first, as in: sensorium add ~/Pictures")
    if wish.model is None:
        if settings.previous_space is None:
            raise SpaceMismatch(f"{where}: there is no space to go back to; `sensorium status` shows those there are")
        return session.encoder_of(settings.previous_space)
    if wish.own:
        return session.encoder_of(session.called(wish.model))
    return session.encoder_for(wish.model)


def _served(session: Session, space: str, wish: Wish) -> tuple[str, ...]:
    """The spaces that will be in service, the default one first."""
    settings = session.store.settings
    if wish.beside or space == settings.default_space:
        return tuple(dict.fromkeys((*settings.served, space)))
    kept = settings.served if space in settings.beside else settings.beside
    return tuple(dict.fromkeys((space, *kept)))


def _serve(session: Session, served: Sequence[str]) -> None:
    """The switch: one write."""
    settings, (default, *beside) = session.store.settings, served
    if tuple(served) != settings.served:
        moved = default != settings.default_space
        session.store.serve(default, beside, settings.default_space if moved else settings.previous_space)
        (session.store.path / retry.NAME).unlink(missing_ok=True)  # other towers: what was skipped may be of use now


def _filled(
    session: Session, writer: Writer, encoder: OnnxEncoder, limits: Limits, budget: Budget
) -> tuple[int, int, tuple[Skipped, ...]]:
    from sensorium.library.refill import Left

    left = Left(session, writer, encoder)
    session.progress.start("reindexing", len(left.items))
    try:
        left.everything(limits, budget)
    finally:
        session.progress.finish()
    session.store.refresh()
    return left.done, len(session.store.live_ids(encoder.space).parts), tuple(left.out)


def _lost(session: Session, served: Sequence[str]) -> list[int]:
    """The present items that are found now, and would not be with these spaces in service."""
    store, none = session.store, np.empty(0, np.int64)

    def found(spaces: Sequence[str]) -> NDArray[np.int64]:
        return np.unique(np.concatenate([none, *(store.live_ids(space).items for space in spaces)]))

    present = store.items("state = 'present'", columns=["id"])["id"].to_numpy()
    lost = np.setdiff1d(found(store.settings.served), found(served))
    return [int(item) for item in np.intersect1d(lost, present)]


def _path(session: Session, items: Sequence[int]) -> str:
    """Where the first of some items lies."""
    return str(session.store.items(f"id = {items[0]}", columns=["path"])["path"][0]) if items else ""
