"""The verb `doctor`: is the installation whole, does the model work, is the library well, is a network needed."""

from __future__ import annotations

import importlib
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from sensorium.core.errors import SensoriumError
from sensorium.core.settings import default_model, library_path, precision_of
from sensorium.core.types import MODALITIES, Audio, Check, Modality, Part

if TYPE_CHECKING:
    from sensorium.encoders.bundle import Bundle
    from sensorium.library.session import Session

OLDEST = (3, 11)
FREE = 500 << 20  # bytes that a disk should have left
SAMPLE = 200  # items whose files are looked for
_MODULES = {"pylance": "lance", "faiss-cpu": "faiss", "pillow": "PIL"}
_REINSTALL = "pip install --force-reinstall"


def doctor(path: Path | None = None) -> list[Check]:
    """Check the installation, the model and the library at `path`, or the default one; never raises for what it finds.

    Every check that is not well says the command that mends it.
    """
    place = library_path(path)
    there = path is not None or place.is_dir()
    checks = [_python(), *_packages(), *_readers(), *_model()]
    checks += _library(place) if there else [Check("library", True, f"none yet at {place}: `sensorium add` makes one")]
    return [*checks, _disk(place), _network()]


def _python() -> Check:
    version = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    needed = ".".join(map(str, OLDEST))
    well = sys.version_info >= OLDEST
    return Check("python", well, version, "" if well else f"install Python {needed} or newer, then Sensorium in it")


def _packages() -> Iterator[Check]:
    """Each core dependency: there, new enough, and loading."""
    try:
        lines = metadata.requires("sensorium") or []
    except metadata.PackageNotFoundError:
        yield Check("sensorium", False, "runs from a folder, it is not installed", "pip install .")
        return
    for line in lines:
        if "extra ==" in line:
            continue
        found = re.match(r"[\w.-]+", line)
        assert found is not None
        yield _package(found[0], line.split(";")[0].strip())


def _package(name: str, wanted: str) -> Check:
    fix = f"{_REINSTALL} '{wanted}'"
    try:
        version = metadata.version(name)
        importlib.import_module(_MODULES.get(name, name.replace("-", "_")))
    except metadata.PackageNotFoundError:
        return Check(name, False, "not installed", f"pip install '{wanted}'")
    except (ImportError, OSError) as error:
        return Check(name, False, f"cannot be loaded: {' '.join(str(error).split())}", fix)
    well = all(_holds(version, *bound) for bound in re.findall(r"(>=|==|<)\s*([\d.]+)", wanted))
    return Check(name, well, version if well else f"{version}, but {wanted} is needed", "" if well else fix)


def _holds(version: str, relation: str, bound: str) -> bool:
    """Whether numbers of a version are as a requirement says."""
    have, limit = (tuple(int(n) for n in re.findall(r"\d+", text)) for text in (version, bound))
    if relation == "==":
        return have[: len(limit)] == limit
    return have >= limit if relation == ">=" else have < limit


def _readers() -> Iterator[Check]:
    """Each reader, built in or plugged in: does it load."""
    from sensorium.readers.registry import registered

    for name, point in sorted(registered().items()):
        owner = point.dist.name if point.dist is not None else "sensorium"
        try:
            point.load()
        except (ImportError, AttributeError) as error:
            why = " ".join(str(error).split())
            yield Check(f"reader {name}", False, f"{point.value} cannot be loaded: {why}", f"{_REINSTALL} {owner}")
        else:
            yield Check(f"reader {name}", True, point.value)


def _model() -> Iterator[Check]:
    """The model of new libraries: found, unaltered, and its towers work."""
    from sensorium.encoders.bundle import Bundle, find_bundle

    name = default_model()
    fix = f"{_REINSTALL} sensorium" if name == "starter" else "set SENSORIUM_MODEL to a bundle's folder, or unset it"

    def look() -> str:
        bundle = Bundle.open(find_bundle(name))
        bundle.verify()
        what = f"{bundle.name} {bundle.version}, {bundle.dimension} dimensions, {bundle.licence}"
        return f"{what}, {len(bundle.files)} files as packed, in {bundle.folder}"

    check = _tried("model", look, fix)
    yield check
    if check.ok:
        yield _tried("towers", lambda: _towers(Bundle.open(find_bundle(name))), fix)


def _towers(bundle: Bundle) -> str:
    """Run each tower on a small part."""
    import numpy as np

    from sensorium.encoders.onnx import OnnxEncoder

    encoder = OnnxEncoder(bundle, precision=precision_of())
    rate = encoder.limits().get("audio_rate", 16000)
    tone = np.sin(np.arange(rate) * (440 * 2 * np.pi / rate)).astype(np.float32)
    small: dict[Modality, Part] = {
        "text": Part("text", "a dog on a beach"),
        "image": Part("image", np.full((48, 64, 3), (240, 200, 80), np.uint8)),
        "audio": Part("audio", Audio(0.5 * tone, rate)),
    }
    for modality in encoder.modalities:
        encoder.encode([small[modality]])  # raises for what is zero or not finite
    absent = [modality for modality in MODALITIES if modality not in encoder.modalities]
    return f"{', '.join(encoder.modalities)} work" + (f"; there is none for {', '.join(absent)}" if absent else "")


def _library(place: Path) -> Iterator[Check]:
    """One library: opens, its bundles, its index, its files, its lock."""
    from sensorium.library.session import Session
    from sensorium.store.tables import Store

    command = f"sensorium --library {place}"
    try:
        session = Session(Store.open(place))
        items = session.store.items(columns=["id", "state", "path"])
    except SensoriumError as error:
        yield Check("library", False, str(error), f"{command} add FOLDER")
        return
    notes, settings = session.take_notes(), session.store.settings
    found = f"{place}, format {settings.format}, {items.num_rows} items"
    torn = f"{found}; {'; '.join(notes)}"
    yield Check("library", not notes, torn if notes else found, f"{command} add FOLDER" if notes else "")
    for space in settings.spaces:
        yield _tried(f"bundle {space}", partial(_bundle, session, space), _bundle_fix(session, space))
        yield _tried(f"vectors {space}", partial(_vectors, session, space), f"{command} add FOLDER")
        if space in settings.served:
            yield _index(session, space, command)
    yield _files(items.to_pylist(), command)
    yield _lock(place)


def _tried(name: str, look: Callable[[], str], fix: str) -> Check:
    try:
        return Check(name, True, look())
    except SensoriumError as error:
        return Check(name, False, str(error), fix)


def _bundle(session: Session, space: str) -> str:
    """The library's own copy of the model that made a space."""
    from sensorium.core.errors import BundleDamaged
    from sensorium.encoders.bundle import Bundle

    bundle = Bundle.open(session.bundle_of(space))
    bundle.verify()
    if space not in bundle.spaces:
        raise BundleDamaged(f"the bundle in {bundle.folder} is not the one that made the space {space}")
    return f"{bundle.name} {bundle.version} is kept with the library, {len(bundle.files)} files as packed"


def _bundle_fix(session: Session, space: str) -> str:
    from sensorium.encoders.bundle import BUILT_IN

    made_by = session.store.settings.spaces[space].model
    source = BUILT_IN / made_by if (BUILT_IN / made_by).is_dir() else f"THE-FOLDER-OF-{made_by}"
    return f"cp -r {source}/. {session.bundle_of(space)}/"


def _vectors(session: Session, space: str) -> str:
    """Every present item must be done in a space in service, else it is not found there."""
    from sensorium.core.errors import LibraryDamaged

    live, served = session.store.live_ids(space), space in session.store.settings.served
    items = session.store.items("state = 'present'", columns=["id"])["id"].to_pylist()
    without = sorted(set(items) & set(session.store.left(space).tolist()))
    if without and served:
        raise LibraryDamaged(f"{len(without)} items have no vectors, the first is {without[0]}")
    found = f"{len(live.parts)} parts of {len(items)} present items"
    return found if served else f"{found}; not in service, {len(without)} items to do"


def _index(session: Session, space: str, command: str) -> Check:
    """The snapshot: a cache, so that its absence is well, and damage is mended by any search."""
    from sensorium.indexes.files import IndexDamaged, read_snapshot

    name, folder = f"index {space}", session.indexes(space)
    if not folder.is_dir() or not any(folder.glob("*.snapshot")):
        return Check(name, True, "none yet: the next search builds it")
    try:
        snapshot = read_snapshot(folder, verify=True)
    except IndexDamaged as damage:
        return Check(name, False, str(damage), f"{command} search anything")
    state = (
        "up to date" if snapshot.header.get("token") == session.store.token(space) else "behind: the rest is read anew"
    )
    return Check(name, True, f"{len(snapshot.arrays.get('parts', ()))} parts, every byte checked, {state}")


def _files(items: list[dict[str, str]], command: str) -> Check:
    """Whether the files of present items, evenly picked, are still there; rows of tables have none."""
    from sensorium.library.query import ROWS
    from sensorium.library.scan import is_gone

    paths = (item["path"] for item in items if item["state"] == "present")
    present = [path for path in paths if not path.startswith(ROWS)]
    sample = present[:: max(1, -(-len(present) // SAMPLE))]
    gone = [path for path in sample if is_gone(path)]
    if not gone:
        return Check("files", True, f"{len(sample)} of {len(present)} looked for, all are there")
    found = f"{len(gone)} of {len(sample)} looked for are gone, such as {gone[0]}"
    there = next((folder for folder in Path(gone[0]).parents if folder.is_dir()), Path(gone[0]).parent)
    return Check("files", False, found, f"{command} add {there}")


def _lock(place: Path) -> Check:
    from sensorium.store.lock import writing_now

    holder = writing_now(place)
    return Check("lock", True, f"being written by {holder}" if holder else "nobody is writing")


def _disk(place: Path) -> Check:
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    found = f"{free / 1e9:.1f} GB free at {there}"
    return Check("disk", free >= FREE, found, "" if free >= FREE else f"free some space: du -sh {there}/*")


def _network() -> Check:
    from sensorium.library.offline import prove

    well, seen = prove()
    return Check("network", well, seen, "" if well else f"{sys.executable} -m sensorium.library.offline")
