"""A bundle: a folder with towers that share one space, their preprocessing as data, a card, and every file's hash.

`bundle.json` describes it (format 2; in format 1 no tower had an 8-bit form). Its canonical form, hashes included, is
hashed into the name of the space: two bundles have the same space only if everything that makes vectors is the same.
Only `relevance` is not part of it: what scores mean can be learnt later, and the vectors stay what they are.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from sensorium.core.errors import BundleDamaged, ModelUnknown
from sensorium.core.paths import absolute
from sensorium.core.settings import models_home
from sensorium.core.types import MODALITIES, Modality
from sensorium.encoders.foreign_weights import has_foreign_weights
from sensorium.encoders.pixels import ImageSettings
from sensorium.encoders.scores import MEANT, Calibration, Relevance
from sensorium.encoders.sound import AudioSettings
from sensorium.encoders.tokens import TextSettings

FORMAT = 2
MANIFEST = "bundle.json"
EIGHT_BITS = "-int8"  # ends the name of a space of 8-bit forms that is not their towers' own
BUILT_IN = Path(__file__).parent / "bundles"
REMEMBERED = ".verified.json"
# SHA-256 takes 1 to 2 ms a MB: files up to here are hashed whenever they are loaded, larger ones once.
HASHED_ALWAYS = 16 << 20

_T = TypeVar("_T")
_N = TypeVar("_N", int, float)
Settings = TextSettings | ImageSettings | AudioSettings
_SETTINGS: dict[Modality, type[Any]] = {"text": TextSettings, "image": ImageSettings, "audio": AudioSettings}
# An 8-bit form whose vectors agree with the tower's own by less is not used, or makes a space of its own.
GOOD_COSINE, GOOD_OVERLAP, SAME_SPACE_COSINE = 0.99, 0.95, 0.999
_INPUTS: dict[Modality, tuple[int, ...]] = {"text": (1, 2), "image": (1,), "audio": (1,)}
# Settings that came later: a description without them means their defaults.
_LATER = {"pad_id", "pad_to", "beyond", "around", "shorter", "centre", "scale", "norm", "level", "fill"}
# The largest numbers that make sense. What asks for more would take all memory, or is a slip.
_MOST = {
    "dimension": 1 << 16, "side": 1 << 13, "shorter": 1 << 13, "max_tokens": 1 << 17, "pad_to": 1 << 17,
    "pad_id": 1 << 31, "rate": 400_000, "seconds": 600, "fft": 1 << 16, "hop": 1 << 20, "bins": 1 << 12,
    "relevance": 1000,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class EightBits:
    """A tower in 8 bits: its file, and how much its vectors agreed with the tower's own when it was made."""

    file: str
    cosine: float
    overlap: float

    @property
    def good(self) -> bool:
        """Whether it may stand for the tower."""
        return self.cosine >= GOOD_COSINE and self.overlap >= GOOD_OVERLAP


@dataclass(frozen=True, slots=True)
class Tower:
    """One network of a bundle: its file, the names of its inputs in order, and its preprocessing."""

    modality: Modality
    file: str
    inputs: tuple[str, ...]
    settings: Settings
    int8: EightBits | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that the tower needs."""
        forms = (self.file, self.int8.file) if self.int8 else (self.file,)
        return (*forms, self.settings.tokenizer) if isinstance(self.settings, TextSettings) else forms


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened bundle. `files` maps names to SHA-256 in hex.

    `calibration` and `relevance` go by "query-answer" modalities, `relevance` of short texts by "word-image" or
    "phrase-image" too; some pairs may be missing.
    """

    folder: Path
    name: str
    version: str
    dimension: int
    licence: str
    storage: str
    towers: Mapping[Modality, Tower]
    calibration: Mapping[str, Calibration]
    files: Mapping[str, str]
    space: str
    relevance: Mapping[str, Relevance] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Bundle:
        """Read and check a bundle's description; its files must be there, their content is compared when they are used.

        Raises BundleDamaged.
        """
        path = absolute(folder)
        with _blaming(path):
            described = _described(path)
            bundle = _parsed(path, described)
            for name in bundle.files:
                if not (path / name).is_file():
                    raise ValueError(f"{name} is missing")
            return bundle

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """What the bundle has towers for, in the order text, image, audio."""
        return tuple(m for m in MODALITIES if m in self.towers)

    def space_of(self, precision: str) -> str:
        """The space of the vectors at `float32` or `int8`: the same, when they agree well enough."""
        forms = [tower.int8 for tower in self.towers.values() if tower.int8 is not None and tower.int8.good]
        apart = precision == "int8" and any(form.cosine < SAME_SPACE_COSINE for form in forms)
        return f"{self.space}{EIGHT_BITS}" if apart else self.space

    @property
    def spaces(self) -> Mapping[str, str]:
        """Its spaces, and the precision that gives vectors of each (`auto`: any does)."""
        own, eight = self.space, self.space_of("int8")
        return {own: "auto"} if own == eight else {own: "float32", eight: "int8"}

    def checked(self, name: str) -> Path:
        """The path of one of the bundle's files, once its content has been found to have the hash it should have.

        A large file that was found right before, and has the same size, time and inode since, is not hashed again.
        Raises BundleDamaged.
        """
        with _blaming(self.folder):
            path = self.folder / name
            large = path.stat().st_size > HASHED_ALWAYS
            if large and _remembered(self.folder).get(name) == _stamp(path, self.files[name]):
                return path
            self._compare(name)
            if large:
                _remember(self.folder, name, _stamp(path, self.files[name]))
            return path

    def verify(self) -> None:
        """Hash every file, whatever was found before. Raises BundleDamaged at the first that is missing or altered."""
        with _blaming(self.folder):
            for name in self.files:
                self._compare(name)

    def _compare(self, name: str) -> None:
        if digest(self.folder / name) != self.files[name]:
            raise ValueError(f"{name} is not the file that was packed (its SHA-256 differs)")
        if name.endswith(".onnx") and has_foreign_weights(self.folder / name):
            why = "keeps weights in other files, which are compared with no hash"
            raise BundleDamaged(f"{name} of bundle {self.folder} {why}; save it as one file, and pack the bundle anew")


def find_bundle(model: str | os.PathLike[str]) -> Path:
    """The folder of a model: a name (of a built-in bundle, an installed one, a plug-in's), or a path to a bundle.

    Raises ModelUnknown, which says what there is, and BundleDamaged for an installed one that is not what it was.
    """
    text = os.fspath(model)
    if re.fullmatch(r"[\w.-]+", text) and (BUILT_IN / text / MANIFEST).is_file():
        return BUILT_IN / text
    from sensorium.encoders import catalog, home

    if (folder := home.installed(text)) is not None:
        return folder
    path = absolute(text)
    if (path / MANIFEST).is_file():
        return path
    known = catalog.catalog().get(text)
    if known is not None and known.folder is not None:
        return known.folder
    there = ", ".join(sorted(p.parent.name for p in BUILT_IN.glob(f"*/{MANIFEST}"))) or "none"
    if known is not None:
        pull = f"it can be had with sensorium models pull {text} ({known.megabytes:,} MB)"
        raise ModelUnknown(f"no model {text!r} on this machine: {pull}; built-in: {there}")
    why = f"the folder has no {MANIFEST}" if path.is_dir() else "it is neither a bundle known by name nor a folder"
    also = "".join(f"; installed: {', '.join(names)}" for names in (home.names(),) if names)
    raise ModelUnknown(
        f"no model {text!r}: {why}; built-in: {there}{also}; sensorium models list shows what can be had, or give the "
        "path of a bundle's folder"
    )


def write_bundle(folder: str | os.PathLike[str], description: Mapping[str, Any]) -> Bundle:
    """Make a folder with towers, tokenizer and card into a bundle: hash its files, write `bundle.json`, open it.

    `description` is what `bundle.json` says, without "format" and "files". Raises BundleDamaged if it would not open.
    """
    path = Path(folder)
    named = sorted(p.name for p in path.iterdir() if p.is_file() and p.name not in (MANIFEST, REMEMBERED))
    whole = {"format": FORMAT, **description, "files": {name: digest(path / name) for name in named}}
    _replace(path / MANIFEST, json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    return Bundle.open(path)


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _way_out(folder: Path) -> str:
    if folder.parent == BUILT_IN:
        return "reinstall Sensorium: pip install --force-reinstall sensorium"
    if folder.parent == models_home():
        from sensorium.encoders import home

        return home.way_out(folder.name)
    return "put the bundle's original files back"


@contextmanager
def _blaming(folder: Path) -> Iterator[None]:
    """Turns what goes wrong with a bundle's files into one line that names the bundle and the way out."""
    try:
        yield
    except OSError as error:
        why = f"{Path(error.filename or folder).name}: {error.strerror or error}"
        raise BundleDamaged(f"bundle {folder} is damaged: {why}; {_way_out(folder)}") from error
    except ValueError as error:
        raise BundleDamaged(f"bundle {folder} is damaged: {error}; {_way_out(folder)}") from error


def _described(folder: Path) -> dict[str, Any]:
    try:
        described: Any = json.loads((folder / MANIFEST).read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{MANIFEST} is not JSON ({error})") from error
    if not isinstance(described, dict) or not isinstance(described.get("format"), int) or described["format"] < 1:
        raise ValueError(f"{MANIFEST} is not the description of a bundle")
    if described["format"] > FORMAT:
        have = f"has format {described['format']}, and this Sensorium reads up to {FORMAT}"
        raise BundleDamaged(f"bundle {folder} {have}: upgrade it with pip install --upgrade sensorium")
    return described


def _parsed(folder: Path, described: Mapping[str, Any]) -> Bundle:
    try:
        bundle = Bundle(
            folder=folder,
            name=_as(str, described["name"], "name"),
            version=_as(str, described["version"], "version"),
            dimension=_within(_as(int, described["dimension"], "dimension"), "dimension"),
            licence=_as(str, described["licence"], "licence"),
            storage=_as(str, described["storage"], "storage"),
            towers={name: _tower(name, value) for name, value in described["towers"].items()},
            calibration={pair: _calibration(**said) for pair, said in described.get("calibration", {}).items()},
            files=dict(described["files"]),
            space=_space(described),
            relevance={pair: _relevance(pair, **said) for pair, said in described.get("relevance", {}).items()},
        )
        _fitting(bundle)
    except KeyError as error:
        raise ValueError(f"{MANIFEST} lacks {error}") from error
    except (TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"{MANIFEST} cannot be understood ({error})") from error
    return bundle


def _as(kind: type[_T], value: Any, name: str) -> _T:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{name} must be {kind.__name__}, not {value!r}")
    return value


def _within(value: _N, name: str) -> _N:
    """A number that is finite, and no larger than makes sense."""
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number")
    if value > _MOST.get(name, math.inf):
        raise ValueError(f"{name} must be at most {_MOST[name]:,}, not {value:g}")
    return value


def _calibration(mean: float, std: float) -> Calibration:
    return Calibration(_within(float(mean), "mean"), _within(float(std), "std"))


def _relevance(pair: str, z: float, log_parts: float, bias: float) -> Relevance:
    if pair not in MEANT:
        raise ValueError(f"relevance is known for pairs such as text-image or word-image, not for {pair!r}")
    found = Relevance(*(_within(float(number), "relevance") for number in (z, log_parts, bias)))
    if found.z <= 0:
        raise ValueError(f"the relevance of {pair} must rise with z, whose factor is {found.z:g}")
    return found


def _tower(modality: Modality, value: Mapping[str, Any]) -> Tower:
    if modality not in MODALITIES:
        raise ValueError(f"there are no towers for {modality!r}")
    inputs = tuple(_as(list, value["inputs"], "inputs"))
    if len(inputs) not in _INPUTS[modality]:
        raise ValueError(f"the {modality} tower must have {_INPUTS[modality][-1]} inputs, not {len(inputs)}")
    form = value.get("int8")
    int8 = EightBits(_as(str, form["file"], "file"), float(form["cosine"]), float(form["overlap"])) if form else None
    return Tower(modality, _as(str, value["file"], "file"), inputs, _settings(modality, value), int8)


def _settings(modality: Modality, value: Mapping[str, Any]) -> Settings:
    """All settings, and none else: what is guessed or left out would give vectors that look right and are not."""
    kind = _SETTINGS[modality]
    defaults = {field.name: field.default for field in fields(kind)}
    said = {name: v for name, v in value.items() if name not in ("file", "inputs", "int8")}
    if wrong := sorted((set(said) ^ set(defaults)) - (_LATER - set(said))):
        raise ValueError(f"the {modality} tower's settings are not those of format {FORMAT}: {', '.join(wrong)}")
    given: dict[str, Any] = {}
    for name, default in defaults.items():
        if name not in said:
            given[name] = default
        elif isinstance(default, tuple):
            given[name] = tuple(_within(float(number), name) for number in _as(list, said[name], name))
        elif isinstance(default, float):
            given[name] = _within(float(said[name]), name)
        else:
            given[name] = _as(type(default), said[name], name)
            if isinstance(default, int):
                _within(given[name], name)
    settings: Settings = kind(**given)
    return settings


def _fitting(bundle: Bundle) -> None:
    """Raises ValueError when a description's values do not fit together."""
    if bundle.dimension < 1 or bundle.storage not in ("float16", "float32") or not bundle.towers:
        raise ValueError("dimension must be above 0, storage float16 or float32, and there must be a tower")
    if not bundle.name.strip() or not bundle.name.isprintable():
        raise ValueError("name must be a line of text")
    for name, sha in bundle.files.items():
        if Path(name).name != name or not re.fullmatch("[0-9a-f]{64}", sha):
            raise ValueError(f"{name!r} must be a file in the bundle's own folder, with its SHA-256")
    for tower in bundle.towers.values():
        if missing := [name for name in tower.files if name not in bundle.files]:
            raise ValueError(f"the {tower.modality} tower's {missing[0]} has no hash")


def _space(described: Mapping[str, Any]) -> str:
    makes_vectors = {name: value for name, value in described.items() if name != "relevance"}
    canonical = json.dumps(makes_vectors, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _stamp(path: Path, sha: str) -> str:
    stat = path.stat()
    return f"{sha} {stat.st_size} {stat.st_mtime_ns} {stat.st_dev} {stat.st_ino}"


def _remembered(folder: Path) -> dict[str, str]:
    try:
        found = json.loads((folder / REMEMBERED).read_bytes())
    except (OSError, ValueError):
        return {}  # nothing remembered, or not readable: the files are hashed again
    return found if isinstance(found, dict) else {}


def _remember(folder: Path, name: str, stamp: str) -> None:
    if os.access(folder, os.W_OK):
        _replace(folder / REMEMBERED, json.dumps({**_remembered(folder), name: stamp}))


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
