"""The values that cross package borders. Small, frozen, without behaviour beyond printing and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Modality = Literal["text", "image", "audio"]
Metric = Literal["cosine", "dot", "l2"]
Precision = Literal["auto", "float32", "int8"]
LongText = Literal["windows", "cut"]

MODALITIES: tuple[Modality, ...] = ("text", "image", "audio")
METRICS: tuple[Metric, ...] = ("cosine", "dot", "l2")
PRECISIONS: tuple[Precision, ...] = ("auto", "float32", "int8")
LONG_TEXTS: tuple[LongText, ...] = ("windows", "cut")


def clock(seconds: float) -> str:
    """Seconds as `m:ss` or `h:mm:ss`; a tenth is shown only when there is one."""
    tenths = round(seconds * 10)
    whole, rest = divmod(tenths, 10)
    hours, minutes, secs = whole // 3600, whole // 60 % 60, whole % 60
    text = f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes}:{secs:02d}"
    return f"{text}.{rest}" if rest else text


@dataclass(frozen=True, slots=True)
class Place:
    """Where in its item a part lies. All fields are optional; an empty place is the whole item.

    `seconds` is (start, end); `lines` counts from 1, both ends included; `box` is (left, top, right, bottom) in pixels.
    """

    page: int | None = None
    section: str | None = None
    seconds: tuple[float, float] | None = None
    lines: tuple[int, int] | None = None
    row: int | None = None
    box: tuple[int, int, int, int] | None = None

    def __str__(self) -> str:
        said = []
        if self.page is not None:
            said.append(f"page {self.page}")
        if self.section:
            said.append(self.section if "/" in self.section or "#" in self.section else f"#{self.section}")
        if self.seconds is not None:
            said.append(f"{clock(self.seconds[0])}-{clock(self.seconds[1])}")
        if self.lines is not None:
            first, last = self.lines
            said.append(f"line {first}" if first == last else f"lines {first}-{last}")
        if self.row is not None:
            said.append(f"row {self.row}")
        if self.box is not None:
            said.append("box {},{},{},{}".format(*self.box))
        return ", ".join(said)

    def to_json(self) -> dict[str, Any]:
        """Only the fields that are set; tuples become lists."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {n: list(v) if isinstance(v, tuple) else v for n, v in values.items() if v is not None}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Place:
        """The inverse of `to_json`."""
        fields: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in value.items()}
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Audio:
    """Mono sound: samples float32 (n,) in [-1, 1], rate in Hz."""

    samples: NDArray[np.float32]
    rate: int


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A piece of an item that can be embedded.

    `content` is a str for text, RGB pixels uint8 (height, width, 3) for image, an `Audio` for audio. `preview`, RGB
    pixels too, shows a part whose content is no picture: the page under a passage, the film's frame under its sound.
    """

    modality: Modality
    content: Any
    place: Place = Place()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    preview: NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """What the user put in. `path` is absolute; `size` in bytes; `mtime` and `added_at` in seconds since 1970."""

    id: int
    path: str
    kind: str
    size: int
    mtime: float
    title: str
    added_at: float
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return {name: dict(v) if isinstance(v := getattr(self, name), Mapping) else v for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Hit:
    """An answer: the best part of an item. Higher `score` is closer, in every metric.

    `text` is the passage for text parts, else ""; `preview` a small WebP, or None; `space` the vector space that it was
    found in: `score` is one of that space. `relevance` is the probability that the hit is relevant, under cosine; None
    where the model does not say what its scores mean.
    """

    item: int
    part: int
    path: str
    kind: str
    modality: Modality
    place: Place
    score: float
    title: str = ""
    text: str = ""
    preview: bytes | None = field(default=None, repr=False, compare=False)
    space: str = ""
    relevance: float | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain dict (without the preview): what `--json` prints, a line a hit."""
        return {
            "item": self.item, "part": self.part, "path": self.path, "kind": self.kind, "modality": self.modality,
            "place": self.place.to_json(), "score": self.score, "title": self.title, "text": self.text,
            "space": self.space, "relevance": self.relevance,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class TextRead:
    """How a text of a query was read in one space.

    `term` is its place among the terms, from 1. It has `tokens`, those around every text included; the tower of `model`
    reads `limit` of them at once. It was read in so many `windows`, whose vectors are averaged when there are several.
    `cut` is how many of its characters were read when these are not all, else None. Of a text that is longer than 32
    windows can be, `tokens` are only those that were counted.
    """

    term: int
    space: str
    model: str
    tokens: int
    limit: int
    windows: int = 1
    cut: int | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, eq=False)
class Neighbors:
    """Answers as columns. ids int64 (q, k), scores float32 (q, k), best first.

    When fewer than k exist, rows are shorter for all queries alike or padded at the end as `counts` int64 (q,) says.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]
    counts: NDArray[np.int64]

    def __iter__(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """(ids, scores) of each query, without padding."""
        for ids, scores, count in zip(self.ids, self.scores, self.counts, strict=True):
            yield ids[:count], scores[:count]


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """The answers of an experiment, best first: query_ids int64 (q,), ids int64 (q, k), scores float32 (q, k).

    `counts`, int64 (q,), says how many answers each row has where these are fewer than k; None: all have k. The order
    of a row counts, its scores do not.
    """

    query_ids: NDArray[np.int64]
    ids: NDArray[np.int64]
    scores: NDArray[np.float32]
    counts: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that could not be read, and why."""

    path: str
    why: str

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return {"path": self.path, "why": self.why}


@dataclass(frozen=True, slots=True)
class AddReport:
    """What `add` did, in items. `missing` are items whose file is gone: kept, not found until it returns."""

    added: int = 0
    updated: int = 0
    moved: int = 0
    unchanged: int = 0
    missing: int = 0
    skipped: tuple[Skipped, ...] = ()
    seconds: float = 0.0
    bytes: int = 0

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        names = ("added", "updated", "moved", "unchanged", "missing", "seconds", "bytes")
        return {**{n: getattr(self, n) for n in names}, "skipped": [s.to_json() for s in self.skipped]}


@dataclass(frozen=True, slots=True)
class ReindexReport:
    """What `reindex` did. `items` were encoded, of which those in `skipped` could not be; `vectors` the space has now.

    `served` says whether the space is in service. It is not when `lost` items could be found before and not after, the
    first of them at `lost_first`.
    """

    space: str
    model: str
    items: int
    vectors: int
    skipped: tuple[Skipped, ...] = ()
    lost: int = 0
    lost_first: str = ""
    served: bool = True
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {**values, "skipped": [skip.to_json() for skip in self.skipped]}


@dataclass(frozen=True, slots=True)
class SpaceStatus:
    """One vector space of a library: `default`, or in service (`served`), or kept; `left` items are not done in it.

    `precision` is what its towers run at on this machine: `int8` where one of them has an 8-bit form that is used,
    else `float32`; "" when the bundle is damaged. `bytes` are those of its vectors, its indexes and its bundle.
    """

    space: str
    model: str
    dimension: int
    vectors: int
    default: bool
    served: bool = True
    left: int = 0
    precision: str = ""
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """A library at a glance. `kinds` counts present items by kind; sizes in bytes."""

    path: str
    format: int
    items: int
    missing: int
    parts: int
    skipped: int
    kinds: Mapping[str, int]
    spaces: tuple[SpaceStatus, ...]
    bytes: int
    lock: str | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        names = ("path", "format", "items", "missing", "parts", "skipped", "bytes", "lock")
        plain = {n: getattr(self, n) for n in names}
        spaces = [{n: getattr(s, n) for n in SpaceStatus.__slots__} for s in self.spaces]
        return {**plain, "kinds": dict(self.kinds), "spaces": spaces}


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `doctor`: what was looked at, whether it is well, and what to do when it is not."""

    name: str
    ok: bool
    found: str
    fix: str = ""

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return {n: getattr(self, n) for n in self.__slots__}
