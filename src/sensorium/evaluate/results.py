"""What an evaluation found: one JSON (format 1), which the report, the gate and the comparison read.

`Results.to_json()` is, by key:

- `format` 1; `measured` (UTC, ISO 8601), `seconds` it took; `sensorium` its version, `commit` of its source ("+" at the
  end: with changes; null: not known), `machine` {"cores", "system"};
- `data` {"name", "source", "hash", "samples": {modality: n}, "relation", "notes": [..]};
- `models` {name: {"space", "version", "precision", "dimension", "modalities": [..]}};
- `plan` {"metrics", "indexes", "ks", "directions", "measures", "captions", "seed", "resamples", "confidence", "depth",
  "timed_k": 10};
- `runs` [{"model", "metric", "index", "direction", "queries": n, "gallery": n, "depth": k, "search_seconds": a query,
  median of single ones for the first 10, "build_seconds", "figures": {"R@10": {"value", "low", "high", "chance"}, ..},
  "share": {"text": .., "image": ..} of the modalities among the first 10 and "expected" the same of the gallery (both
  only in "x2all"), "asked": a key of `asked`, "answered": hash of the gallery, "first": packed int32, the rank of each
  query's first right answer, 0 when it is not among the answers, "values": {measure: packed float32, a query each} of
  the measures that do not follow from `first`, "notes": [..]}];
- `asked` {id: {"keys": packed uint64, a hash of each query's key, "groups": packed int32 of equal length, queries of
  one group are resampled together, or null}};
- `spaces` {model: {"gap": {"text-image": ..}}};
- `matrix` [{"model", "metric", "index", "measure": "R@10", "from": "text", "to": "image", "value", "low", "high",
  "chance"}];
- `hardest` [{"model", "metric", "index", "direction", "rank": of the first right answer, "query": S, "right":
  [S], "found": [{"score", "right": bool, "sample": S}]}] with S {"key", "modality", "text", "path", "label"}: `text` of
  a text, `path` of a file, else "";
- `failures` [{"path", "why"}]; `notes` [..].

Shares are fractions from 0 to 1. A value that is not finite (the median rank when most are not found) is null. Packed:
"int32:" and the base64 of the zlib of the array's bytes, little-endian.
"""

from __future__ import annotations

import base64
import json
import math
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import BadData
from sensorium.core.paths import write_whole
from sensorium.core.types import MODALITIES, Modality, Skipped

FORMAT = 1
LETTERS: dict[str, Modality] = {modality[0]: modality for modality in MODALITIES}
ALL = "all"


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its interval, and what a random ranking expects (None when that is not known)."""

    value: float
    low: float
    high: float
    chance: float | None = None

    def to_json(self) -> dict[str, float | None]:
        """A plain dict; what is not finite is None."""
        return {name: _plain(getattr(self, name)) for name in self.__slots__}

    @classmethod
    def from_json(cls, said: Mapping[str, float | None]) -> Figure:
        """The inverse of `to_json`; a value that is None is infinite."""
        value, low, high = (math.inf if said[name] is None else float(said[name] or 0) for name in _ENDS)
        return cls(value, low, high, said["chance"])


_ENDS = ("value", "low", "high")


@dataclass(frozen=True, slots=True)
class Data:
    """What was evaluated on; `hash` is of all samples and their content."""

    name: str
    source: str
    hash: str
    samples: Mapping[str, int]
    relation: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """What embedded the samples."""

    space: str
    version: str
    precision: str
    dimension: int
    modalities: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One run: `direction` asked of `model` by `metric` in `index`, and all its figures by measure.

    `first`, int32 (q,), is the rank of each query's first right answer, 0 when it was not found; `values` are float32
    (q,) of the measures that do not follow from it. `search_seconds` is the median of single queries for 10 answers.
    """

    model: str
    metric: str
    index: str
    direction: str
    queries: int
    gallery: int
    depth: int
    figures: Mapping[str, Figure]
    search_seconds: float
    build_seconds: float
    asked: str
    answered: str
    first: NDArray[np.int32]
    values: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    share: Mapping[str, float] = field(default_factory=dict)
    expected: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`starter/cosine/exact/t2i`."""
        return f"{self.model}/{self.metric}/{self.index}/{self.direction}"

    def per_query(self, measure: str) -> NDArray[np.float64] | None:
        """The measure's value of each query, float64 (q,); None when it was not kept."""
        if measure in self.values:
            return np.asarray(self.values[measure], np.float64)
        first = self.first.astype(np.float64)
        if measure == "MRR":
            return np.divide(1.0, first, out=np.zeros_like(first), where=first > 0)
        if measure == "median_rank":
            return np.where(first > 0, first, np.inf)
        if measure.startswith("R@") and measure[2:].isdigit():
            return ((first > 0) & (first <= int(measure[2:]))).astype(np.float64)
        return None

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        return {
            **plain,
            "figures": {name: figure.to_json() for name, figure in self.figures.items()},
            "first": packed(self.first),
            "values": {name: packed(array) for name, array in self.values.items()},
            "share": dict(self.share), "expected": dict(self.expected), "notes": list(self.notes),
        }  # fmt: skip

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Measured:
        """The inverse of `to_json`."""
        return cls(**{
            **{name: said[name] for name in cls.__slots__},
            "figures": {name: Figure.from_json(one) for name, one in said["figures"].items()},
            "first": unpacked(said["first"]),
            "values": {name: unpacked(one) for name, one in said["values"].items()},
            "notes": tuple(said["notes"]),
        })  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Queries:
    """Who asked: a hash of each query's key, uint64 (q,), and the group it belongs to, int32 (q,), or None."""

    keys: NDArray[np.uint64]
    groups: NDArray[np.int32] | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return {"keys": packed(self.keys), "groups": None if self.groups is None else packed(self.groups)}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Queries:
        """The inverse of `to_json`."""
        return cls(unpacked(said["keys"]), None if said["groups"] is None else unpacked(said["groups"]))


@dataclass(frozen=True, slots=True)
class Seen:
    """A sample for people: `text` of a text, `path` of a file, else ""."""

    key: str
    modality: str
    text: str = ""
    path: str = ""
    label: str = ""

    def to_json(self) -> dict[str, str]:
        """A plain dict."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Found:
    """An answer, and whether it is right."""

    sample: Seen
    score: float
    right: bool

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return {"sample": self.sample.to_json(), "score": self.score, "right": self.right}


@dataclass(frozen=True, slots=True)
class Hardest:
    """A query that was answered badly: the `rank` of its first right answer, None when it was not among the answers."""

    model: str
    metric: str
    index: str
    direction: str
    rank: int | None
    query: Seen
    right: tuple[Seen, ...]
    found: tuple[Found, ...]

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        named = {name: getattr(self, name) for name in ("model", "metric", "index", "direction", "rank")}
        answers = {"right": [one.to_json() for one in self.right], "found": [one.to_json() for one in self.found]}
        return {**named, "query": self.query.to_json(), **answers}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Hardest:
        """The inverse of `to_json`."""
        found = (Found(Seen(**one["sample"]), one["score"], one["right"]) for one in said["found"])
        right = tuple(Seen(**one) for one in said["right"])
        return cls(**{**said, "query": Seen(**said["query"]), "right": right, "found": tuple(found)})


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the modality x modality matrix: `source` asks, `target` answers."""

    model: str
    metric: str
    index: str
    measure: str
    source: str
    target: str
    figure: Figure

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        named = {name: getattr(self, name) for name in ("model", "metric", "index", "measure")}
        return {**named, "from": self.source, "to": self.target, **self.figure.to_json()}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Cell:
        """The inverse of `to_json`."""
        named = {name: said[name] for name in ("model", "metric", "index", "measure")}
        return cls(**named, source=said["from"], target=said["to"], figure=Figure.from_json(said))


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """All that an evaluation found. See the module's docstring for what each field says."""

    data: Data
    models: Mapping[str, Model]
    plan: Mapping[str, Any]
    runs: tuple[Measured, ...]
    asked: Mapping[str, Queries]
    spaces: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    matrix: tuple[Cell, ...] = ()
    hardest: tuple[Hardest, ...] = ()
    failures: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    measured: str = ""
    seconds: float = 0.0
    sensorium: str = ""
    commit: str | None = None
    machine: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A plain dict, as the module's docstring says."""
        return {
            "format": FORMAT, "measured": self.measured, "seconds": self.seconds, "sensorium": self.sensorium,
            "commit": self.commit, "machine": dict(self.machine), "data": _fields(self.data),
            "models": {name: _fields(model) for name, model in self.models.items()}, "plan": dict(self.plan),
            "runs": [run.to_json() for run in self.runs],
            "asked": {name: queries.to_json() for name, queries in self.asked.items()},
            "spaces": {name: dict(space) for name, space in self.spaces.items()},
            "matrix": [cell.to_json() for cell in self.matrix], "hardest": [one.to_json() for one in self.hardest],
            "failures": [one.to_json() for one in self.failures], "notes": list(self.notes),
        }  # fmt: skip

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Results:
        """The inverse of `to_json`. Raises KeyError, TypeError or ValueError for what is no such dict."""
        models = {n: Model(**{**m, "modalities": tuple(m["modalities"])}) for n, m in said["models"].items()}
        return cls(
            Data(**{**said["data"], "notes": tuple(said["data"]["notes"])}), models, said["plan"],
            tuple(Measured.from_json(run) for run in said["runs"]),
            {name: Queries.from_json(one) for name, one in said["asked"].items()}, said["spaces"],
            tuple(Cell.from_json(cell) for cell in said["matrix"]),
            tuple(Hardest.from_json(one) for one in said["hardest"]),
            tuple(Skipped(**one) for one in said["failures"]), tuple(said["notes"]),
            said["measured"], said["seconds"], said["sensorium"], said["commit"], said["machine"],
        )  # fmt: skip

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the JSON, in one step: a reader sees the former file or the whole new one. Raises OSError."""
        write_whole(Path(path), json.dumps(self.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n")

    def find(self, direction: str, model: str = "", metric: str = "", index: str = "") -> list[Measured]:
        """The runs of a direction, in their order, of one model, metric or index where these are given."""
        wanted = {"direction": direction, "model": model, "metric": metric, "index": index}
        return [run for run in self.runs if all(not v or getattr(run, n) == v for n, v in wanted.items())]


def read(path: str | os.PathLike[str]) -> Results:
    """The results that `write` wrote. Raises BadData for any other file, for none, and for a newer format."""
    try:
        said: Any = json.loads(Path(path).read_bytes())
        if said["format"] > FORMAT:
            raise BadData(
                f"{path} has format {said['format']} of results, and this Sensorium reads up to {FORMAT}: upgrade it "
                "with pip install --upgrade sensorium"
            )
        return _whole(Results.from_json(said))
    except OSError as error:
        why = error.strerror or error
        raise BadData(f"{path} cannot be read ({why}): give a file that `sensorium evaluate --out` wrote") from error
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error, RecursionError) as error:
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        raise BadData(
            f"{path} holds no results of an evaluation ({why}): give a file that `sensorium evaluate --out` wrote"
        ) from error


def _whole(found: Results) -> Results:
    """The results, where each run has a value for each of its queries. Raises KeyError and ValueError elsewhere."""
    for run in found.runs:
        queries = found.asked[run.asked]
        groups = () if queries.groups is None else (queries.groups,)
        if {len(one) for one in (queries.keys, run.first, *run.values.values(), *groups)} != {int(run.queries)}:
            raise ValueError(f"not one value for each of the {run.queries} queries of {run.name}")
        if int(run.gallery) < 1:
            raise ValueError(f"{run.name} searched nothing")
    return found


def ways(direction: str) -> tuple[Modality, Modality | None]:
    """(who asks, who answers) of a direction such as `t2i`; None answers for `all`. Raises BadData."""
    asks, two, answers = direction.partition("2")
    if not two or asks not in LETTERS or answers not in (*LETTERS, ALL):
        raise BadData(
            f"{direction!r} is no direction: write who asks and who answers, t(ext) i(mage) a(udio), as in t2i, i2t, "
            "a2a, or t2all for all of them in one list; or all"
        )
    return LETTERS[asks], LETTERS.get(answers)


def packed(array: NDArray[Any]) -> str:
    """An array (n,) of numbers as text."""
    little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
    return f"{array.dtype.name}:{base64.b64encode(zlib.compress(little.tobytes(), 6)).decode('ascii')}"


def unpacked(text: str) -> NDArray[Any]:
    """The inverse of `packed`. Raises ValueError or zlib.error."""
    kind, _, body = text.partition(":")
    if kind not in _KINDS:
        raise ValueError(f"{kind[:20]!r} is no type of packed numbers")
    data = zlib.decompress(base64.b64decode(body, validate=True))
    return np.frombuffer(data, np.dtype(kind).newbyteorder("<")).astype(kind)


_KINDS = ("int32", "uint64", "float32")


def _plain(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _fields(value: Data | Model) -> dict[str, Any]:
    plain = {name: getattr(value, name) for name in value.__slots__}
    return {n: list(v) if isinstance(v, tuple) else dict(v) if isinstance(v, Mapping) else v for n, v in plain.items()}
