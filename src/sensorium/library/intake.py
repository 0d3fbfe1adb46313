"""From a file to what is written of it: hashed, read and prepared in threads, encoded in order."""

from __future__ import annotations

import hashlib
import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import Unreadable
from sensorium.core.types import Modality, Part

if TYPE_CHECKING:
    from sensorium.encoders.encoder import Encoder, Prepared
    from sensorium.library.scan import Found
    from sensorium.readers.registry import Limits, Source

AHEAD = 48  # files that are read while earlier ones are encoded
CHUNK = 64  # parts of one file that are held decoded at a time
HASHED_AT_ONCE = 1 << 18  # bytes
PREVIEW_SIDE = 160


@dataclass(slots=True)
class PartRow:
    """A part as it is stored."""

    modality: Modality
    place: Mapping[str, Any]
    text: str
    preview: bytes | None
    attributes: Mapping[str, Any]
    prepared: Prepared | None


@dataclass
class Intake:
    """One file on its way in.

    `why` says why it could not be read, `passing` that this may end without the file changing (a permission), `gone`
    that it is not there any more, `same` that its content is known, so that nothing was read. `rest` are the parts
    beyond the first `CHUNK`.
    """

    found: Found
    hash: str = ""
    kind: str = ""
    why: str = ""
    passing: bool = False
    gone: bool = False
    same: bool = False
    rows: list[PartRow] = field(default_factory=list)
    rest: Iterator[Part] | None = None
    source: Source | None = None


def content_hash(path: str, stop: Event) -> str:
    """BLAKE2b of a file's content, 128 bits in hex: an identity, not a signature. CancelledError when told to stop."""
    digest, buffer = hashlib.blake2b(digest_size=16), memoryview(bytearray(HASHED_AT_ONCE))
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - hot, and paths are strings here
        while size := file.readinto(buffer):
            if stop.is_set():
                raise CancelledError
            digest.update(buffer[:size])
    return digest.hexdigest()


def preview_of(pixels: NDArray[np.uint8]) -> bytes:
    """A WebP of at most PREVIEW_SIDE pixels a side."""
    from PIL import Image

    picture = Image.fromarray(pixels)
    picture.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=60, method=0)
    return out.getvalue()


def storable(text: str) -> str:
    """The text without lone surrogates, which no table holds."""
    return text.encode("utf-8", "replace").decode("utf-8")


class Reading:
    """Reads files ahead in `threads`, in order, never more than AHEAD of them decoded at once."""

    def __init__(self, encoder: Encoder, limits: Limits, is_known: Callable[[str, str], bool], threads: int) -> None:
        self.encoder, self.limits, self.is_known = encoder, limits, is_known
        self.stop = Event()
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="read")

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()  # Ctrl-C should not wait for the hash of a film
        self.pool.shutdown(wait=True, cancel_futures=True)

    def intakes(self, files: Iterable[Found]) -> Iterator[Intake]:
        """An intake a file, in the order of the files."""
        waiting: deque[Future[Intake]] = deque()
        for found in files:
            waiting.append(self.pool.submit(self._take, found))
            if len(waiting) >= AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def afresh(self, found: Found) -> Intake:
        """The intake of a file that is read even if its content is known."""
        return self._take(found, ask=False)

    def prepare(self, parts: Iterator[Part]) -> list[PartRow]:
        """Rows of the next CHUNK parts, fewer only at the end."""
        return [self._row(part) for part in islice(parts, CHUNK)]

    def _take(self, found: Found, *, ask: bool = True) -> Intake:
        intake = Intake(found)
        try:
            self._look(intake, ask=ask)
        except Unreadable as error:
            intake.why = error.why
        except FileNotFoundError:
            intake.gone = True
        except OSError as error:
            intake.why, intake.passing = f"cannot be opened: {error.strerror or error}", True
        else:
            if not intake.same:
                self._read(intake)
        return intake

    def _look(self, intake: Intake, *, ask: bool) -> None:
        """Hash a file of a kind that is read; others may be very large. OSError when it cannot be opened."""
        from sensorium.readers.registry import Source, find

        path = intake.found.path
        with open(path, "rb"):  # noqa: PTH123 - the readers' own refusal would not say whether it is for good
            intake.source = Source.from_path(path)
        if find(intake.source) is not None:
            intake.hash = content_hash(path, self.stop)
            intake.same = ask and self.is_known(path, intake.hash)

    def _read(self, intake: Intake) -> None:
        from sensorium.readers.registry import read

        assert intake.source is not None
        try:
            intake.kind, parts = read(intake.source, self.limits)
            stream = (part for part in parts if part.modality in self.encoder.modalities)
            intake.rows = self.prepare(stream)
        except Unreadable as error:
            intake.why = error.why
            return
        intake.rest = stream if len(intake.rows) == CHUNK else None
        if not intake.rows:
            intake.why = f"the model has no tower for what is in it ({intake.kind})"

    def _row(self, part: Part) -> PartRow:
        text = storable(part.content) if part.modality == "text" else ""
        preview = preview_of(part.content) if part.modality == "image" else None
        return PartRow(part.modality, part.place.to_json(), text, preview, part.attributes, self.encoder.prepare(part))


def encode_rows(encoder: Encoder, rows: list[PartRow]) -> NDArray[np.float32]:
    """Vectors (n, d) of rows of any modalities, in their order; what was prepared is let go."""
    vectors = np.empty((len(rows), encoder.dimension), np.float32)
    for modality in sorted({row.modality for row in rows}):
        at = [i for i, row in enumerate(rows) if row.modality == modality]
        vectors[at] = encoder.embed(modality, [p for i in at if (p := rows[i].prepared) is not None])
    for row in rows:
        row.prepared = None
    return vectors
