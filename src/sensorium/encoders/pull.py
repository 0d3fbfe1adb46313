"""The verbs behind `sensorium models`: fetch a model, convert it, install it in the models' home, all or nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from sensorium.core.errors import BadModel, BundleDamaged, PullFailed, SourceMissing
from sensorium.core.paths import absolute
from sensorium.core.progress import Silent
from sensorium.core.settings import models_home
from sensorium.encoders import home, hub
from sensorium.encoders.bundle import Bundle, digest
from sensorium.encoders.catalog import HUB_ID, Model, catalog, named, plain_name
from sensorium.encoders.disk import is_full

if TYPE_CHECKING:
    from sensorium.core.progress import Progress
    from sensorium.encoders.convert.convert import Sample

NEEDS = ("huggingface_hub", "onnx", "safetensors", "torch", "transformers")
# A bundle weighs about 1.3 times what the weights do: they are in it whole, and in 8 bits.
ROOM = 1.3
STARTER = "without a network, the built-in model starter works"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A model's files on this disk: by name their SHA-256, at `commit` of the hub, "" where that is not known.

    `ours`: the names of those that were fetched into `folder` for this, and need not stay.
    """

    folder: Path
    commit: str
    files: Mapping[str, str]
    ours: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Installed:
    """A model that is there now; `new` when this call has put it there."""

    bundle: Bundle
    new: bool


@dataclass(frozen=True, slots=True)
class _How:
    """What is passed on to the conversion; `licence` is that of the catalog, None where it has none."""

    int8: bool
    sample: Sample | None
    progress: Progress
    licence: str | None = None


def pull(  # a parameter for each option of the verb
    name: str,
    *,
    called: str | None = None,
    again: bool = False,
    update: bool = False,
    keep: bool = False,
    int8: bool = True,
    sample: Sample | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Installed:
    """Have a model of the catalog, or of an id on the hub, installed by name (`called`, else its own).

    One that is installed and undamaged is left as it is, unless `again`. It is had once more at the commit that the
    lock names, and its files must be those of then, unless `update`. What was fetched is deleted once it is converted,
    unless `keep`. `say` hears what a person may want to know, a line each.

    Raises ModelUnknown, PullFailed, and BadModel when it cannot be converted or a package for that is missing.
    """
    model = named(name)
    called = _usable(called or model.name)
    if model.folder is not None:
        return Installed(Bundle.open(model.folder), new=False)
    if not again and not update and (there := _whole(called, model, say)) is not None:
        if sample is not None:
            say(f"{called} is installed already: --again makes it anew, with this sample")
        return Installed(there, new=False)
    _require()
    how = _How(int8, sample, progress or Silent(), model.licence or None)
    with _alone(called), _room_for(called):
        lock = None if update else _first(called, model)
        if update:
            fetched = _from_hub(model, model.revision, how.progress, say)
        else:
            fetched = _fetched(model, called, lock, how.progress, say)
        record = home.Lock(model.source, fetched.commit, fetched.files)
        # What is installed meanwhile is still the bundle of before, if any.
        home.write_lock(called, replace(record, bundle=lock.bundle if lock is not None else ""))
        bundle = _installed(fetched.folder, called, record, how)
        if not keep:
            _forget(fetched)
    return Installed(bundle, new=True)


def convert(
    source: str | Path,
    *,
    called: str | None = None,
    out: Path | None = None,
    again: bool = False,
    int8: bool = True,
    sample: Sample | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Bundle:
    """A bundle of a model's folder, a file of weights, or an id on the hub (which is pulled): installed, or at `out`.

    Raises SourceMissing, PullFailed, BadModel.
    """
    path = absolute(source)
    text = str(source)
    if not path.exists():
        if text not in catalog() and not HUB_ID.fullmatch(text):
            raise SourceMissing(
                f"{text} is no folder, no name of the catalog and no id of the hub: look at its spelling"
            )
        if out is not None:
            raise PullFailed(f"{text} is to be pulled, which goes by name and not to {out}: leave --out away")
        return pull(text, called=called, again=again, int8=int8, sample=sample, progress=progress, say=say).bundle
    _require()
    how = _How(int8, sample, progress or Silent())
    if out is not None:
        if out.exists():
            raise PullFailed(f"{out} is there already: delete it, or choose another folder")
        with _room_for(str(out), out.absolute().parent):
            return _converted(path, out, called or plain_name(path.stem if path.is_file() else path.name), how)
    called = _usable(called or plain_name(path.stem if path.is_file() else path.name))
    if (models_home() / called).exists() and not again:
        raise PullFailed(f"a model {called!r} is installed already: choose another --name, or replace it with --again")
    with _alone(called), _room_for(called):
        return _installed(path, called, home.Lock(str(path), "", {}), how)


def downloads(model: Model) -> Path:
    """Where a model's files are fetched to, and where they may be put by hand."""
    return models_home() / home.DOWNLOADS / model.source.replace("/", "--")


def _whole(called: str, model: Model, say: Callable[[str], None]) -> Bundle | None:
    """The installed model, every file of it hashed; None when there is none, or it is damaged and had once more.

    Raises PullFailed when another model has that name.
    """
    try:
        folder = home.installed(called)
        if folder is None:
            return None
        lock = home.read_lock(called)
        if lock is None or lock.source != model.source:
            whose = f"from {lock.source}" if lock is not None else "from elsewhere"
            raise PullFailed(f"a model {called!r} is installed already, {whose}: choose another --name, or say --again")
        bundle = Bundle.open(folder)
        bundle.verify()
    except BundleDamaged as error:
        say(f"{error}: now being done")
        return None
    return bundle


def _first(called: str, model: Model) -> home.Lock | None:
    """What was recorded of the model when it was first fetched."""
    lock = home.read_lock(called)
    return lock if lock is not None and lock.source == model.source and lock.files else None


def _fetched(
    model: Model, called: str, lock: home.Lock | None, progress: Progress, say: Callable[[str], None]
) -> Fetched:  # fmt: skip
    """The model's files, from where they are nearest: put there by hand or before, huggingface_hub's cache, the hub."""
    folder, revision = downloads(model), lock.commit if lock is not None and lock.commit else model.revision
    if names := hub.complete(folder):
        ours = _ours(folder)
        fetched = Fetched(folder, lock.commit if lock is not None else "", _hashes(folder, names), ours)
        if lock is None or fetched.files == lock.files:
            say(f"its files are in {folder}: nothing is fetched")
            return fetched
        if not ours:
            raise _altered(called, lock, fetched)
    if (cached := hub.in_cache(model.source, revision)) is not None:
        say(f"its files are in the cache of huggingface_hub, {cached}: nothing is fetched")
        fetched = Fetched(cached, cached.name, _hashes(cached, hub.complete(cached)))
    else:
        fetched = _from_hub(model, revision, progress, say)
    if lock is not None and fetched.files != lock.files:
        raise _altered(called, lock, fetched)
    return fetched


def _from_hub(model: Model, revision: str, progress: Progress, say: Callable[[str], None]) -> Fetched:
    folder = downloads(model)

    def note(name: str) -> None:
        (folder / _OURS).write_text("\n".join({*_ours(folder), name}), encoding="utf-8")

    try:
        if hub.offline():
            raise hub.Refused("HF_HUB_OFFLINE forbids the network", unreachable=True)
        listing = hub.list_files(model.source, revision)
        if listing.note:
            say(listing.note)
        _enough_room(model, listing.size, folder)
        say(f"fetching {listing.size / hub.MB:,.1f} MB from {hub.endpoint()}/{model.source} into {folder}")
        hub.download(listing, folder, progress, note)
    except hub.Refused as refused:
        raise PullFailed(_refusal(model, folder, refused)) from refused
    names = tuple(file.name for file in listing.files)
    return Fetched(folder, listing.commit, _hashes(folder, names), _ours(folder))


_OURS = ".fetched"  # names what was fetched into a folder of downloads: all else was put there by hand


def _ours(folder: Path) -> tuple[str, ...]:
    said = folder / _OURS
    return tuple(said.read_text("utf-8").splitlines()) if said.is_file() else ()


def _refusal(model: Model, folder: Path, refused: hub.Refused) -> str:
    if not refused.unreachable:
        return f"{model.source} cannot be pulled: {refused}"
    go_on = " what has come is kept, and the same command goes on from there; or" if _begun(folder) else ""
    by_hand = f"put its files, {', '.join(model.files)}, into {folder} and run the same command again"
    return f"{model.source} cannot be pulled: {refused};{go_on} {by_hand}; {STARTER}"


def _begun(folder: Path) -> bool:
    return any(path.is_file() and path.name != _OURS for path in folder.rglob("*"))


def _altered(called: str, lock: home.Lock, fetched: Fetched) -> PullFailed:
    found = fetched.files
    names = sorted(name for name in lock.files.keys() | found.keys() if lock.files.get(name) != found.get(name))
    return PullFailed(
        f"{called} is not what it was when it was first fetched: {', '.join(names)} in {fetched.folder} not as in "
        f"{home.lock_path(called)}; delete that folder and pull again, or take what is new with --update"
    )


def _enough_room(model: Model, size: int, folder: Path) -> None:
    """Raises PullFailed before anything is fetched when the disk is too small for it."""
    at = next(place for place in (folder, *folder.parents) if place.exists())
    needed, free = size * (1 + ROOM), shutil.disk_usage(at).free
    if free < needed:
        why = f"needs about {needed / hub.MB:,.1f} MB of disk, and {at} has {free / hub.MB:,.1f} MB left"
        raise PullFailed(f"{model.source} {why}: free some, or name a folder on another disk with SENSORIUM_MODELS")


def _hashes(folder: Path, names: tuple[str, ...]) -> dict[str, str]:
    return {name: digest(folder / name) for name in names}


def _forget(fetched: Fetched) -> None:
    """Delete what was fetched for this, and the folders that are empty then."""
    if not fetched.ours:
        return
    for path in (*(fetched.folder / name for name in fetched.ours), *fetched.folder.rglob(f"*{hub.PART}")):
        path.unlink(missing_ok=True)
    (fetched.folder / _OURS).unlink()
    below = sorted((path for path in fetched.folder.rglob("*") if path.is_dir()), reverse=True)
    for folder in (*below, fetched.folder, fetched.folder.parent):
        if not any(folder.iterdir()):
            folder.rmdir()


def _installed(source: Path, called: str, record: home.Lock, how: _How) -> Bundle:
    """Convert beside, then put in its place at once. Whoever calls holds the model's lock."""
    place = models_home() / called
    making, old = place.with_name(f".{called}.making"), place.with_name(f".{called}.old")
    leftovers = (making, making.with_name(f"{making.name}.partial"), old)
    _put_back(old, place)
    _delete(*leftovers)
    try:
        _converted(source, making, called, how)
        if place.exists():
            place.rename(old)
        home.record_bundle(called, record, making)
        making.rename(place)
    finally:
        _put_back(old, place)
        _delete(*leftovers)
    return Bundle.open(place)


def _put_back(old: Path, place: Path) -> None:
    """The model of before, when the new one did not come to its place, perhaps because all ended in that moment."""
    if old.exists() and not place.exists():
        old.rename(place)


def _converted(source: Path, out: Path, called: str, how: _How) -> Bundle:
    from sensorium.encoders.convert.convert import convert as convert_to

    return convert_to(
        source, out, name=called, int8=how.int8, sample=how.sample, licence=how.licence, progress=how.progress
    )


def _delete(*folders: Path) -> None:
    for folder in folders:
        if folder.exists():
            shutil.rmtree(folder)


def _usable(called: str) -> str:
    if not home.is_name(called):
        raise PullFailed(f"a model cannot be called {called!r}: letters, digits, dots, - and _, as in --name my-clip")
    from sensorium.encoders.bundle import BUILT_IN, MANIFEST

    if (BUILT_IN / called / MANIFEST).is_file():
        raise PullFailed(f"{called!r} is the name of a built-in model: choose another with --name")
    return called


def _require() -> None:
    if missing := [name for name in NEEDS if find_spec(name) is None]:
        have = f"converting a model needs {', '.join(missing)}, not installed here"
        raise BadModel(f'{have}: run pip install "sensorium[convert]"')


@contextmanager
def _alone(called: str) -> Iterator[None]:
    """No other process has this model in its hands meanwhile. Raises PullFailed when one has."""
    from filelock import FileLock, Timeout

    at = models_home()
    try:
        at.mkdir(parents=True, exist_ok=True)
        with FileLock(at / f".{called}.busy", timeout=0):
            yield
    except Timeout as error:
        raise PullFailed(f"{called} is being pulled or converted by another process: wait until it is done") from error


@contextmanager
def _room_for(called: str, at: Path | None = None) -> Iterator[None]:
    """Turns what libraries say of a full disk into one line."""
    try:
        yield
    except Exception as error:
        if isinstance(error, PullFailed) or not is_full(error):
            raise
        raise PullFailed(
            f"{called} is not installed: the disk of {at or models_home()} is full; free some, or name a folder on "
            "another disk with SENSORIUM_MODELS, and run the same command again"
        ) from error
