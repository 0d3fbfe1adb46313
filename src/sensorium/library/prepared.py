"""Parts as they are stored and encoded: what a worker process makes of what a reader gives."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.types import Audio, Modality, Part

if TYPE_CHECKING:
    from sensorium.encoders.encoder import Prepared
    from sensorium.encoders.preparer import Preparer

PREVIEW_SIDE = 160
_WAVE_HEIGHT = 48
_WAVE_COLOUR, _PAPER = (64, 96, 160), 255


@dataclass(slots=True)
class PartRow:
    """A part as it is stored, and as the towers of each space see it, in their order: None where there is no tower."""

    modality: Modality
    place: Mapping[str, Any]
    text: str
    preview: bytes | None
    attributes: Mapping[str, Any]
    prepared: list[Prepared | None]


def row_maker(bundles: str) -> Callable[[Part], dict[str, Any] | None]:
    """What makes the fields of a `PartRow` for the towers of bundles, as JSON a list of folders; None without a tower.

    Called in a worker process, by its name. Raises BundleDamaged.
    """
    from sensorium.encoders.bundle import Bundle
    from sensorium.encoders.preparer import Preparer

    preparers = [Preparer(Bundle.open(folder)) for folder in json.loads(bundles)]

    def row(part: Part) -> dict[str, Any] | None:
        if not any(part.modality in preparer.bundle.modalities for preparer in preparers):
            return None
        return {
            "modality": part.modality, "place": part.place.to_json(), "preview": preview_of(part),
            "text": storable(part.content) if part.modality == "text" else "",
            "attributes": dict(part.attributes), "prepared": [prepared(preparer, part) for preparer in preparers],
        }  # fmt: skip

    return row


def prepared(preparer: Preparer, part: Part) -> Prepared | None:
    """The part as a bundle's tower sees it, None when it has none. A sound of another rate is resampled."""
    tower = preparer.bundle.towers.get(part.modality)
    if tower is None:
        return None
    if isinstance(part.content, Audio) and part.content.rate != (rate := preparer.limits()["audio_rate"]):
        part = replace(part, content=resampled(part.content, rate))
    return preparer.prepare(part)


def resampled(sound: Audio, rate: int) -> Audio:
    """A sound at another rate, as the reader of sounds would have given it."""
    import av

    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound.samples[None], np.float32), "fltp", "mono")
    frame.sample_rate = sound.rate
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)
    frames = [one for given in (frame, None) for one in resampler.resample(given)]
    pieces = [np.empty(0, np.float32), *(one.to_ndarray()[0] for one in frames)]
    return Audio(np.concatenate(pieces), rate)


def preview_of(part: Part) -> bytes | None:
    """A small WebP of a part: its picture, else what its reader shows it by, else a sound's wave.

    None for a passage, which shows itself.
    """
    if part.modality == "image":
        return webp_of(part.content)
    if part.preview is not None:
        return webp_of(part.preview)
    return webp_of(wave_of(part.content)) if part.modality == "audio" else None


def webp_of(pixels: NDArray[np.uint8]) -> bytes:
    """RGB pixels uint8 (height, width, 3) as a WebP of at most PREVIEW_SIDE pixels a side."""
    from PIL import Image

    picture = Image.fromarray(pixels)
    # Halved, cut to a third and so on before it is resized: half the time, and nobody sees it in a small picture.
    picture.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.BILINEAR, reducing_gap=1.0)
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=60, method=0)
    return out.getvalue()


def wave_of(sound: Audio) -> NDArray[np.uint8]:
    """A drawing of a sound, RGB uint8 (height, width, 3): from left to right how far it swings up and down."""
    edges = np.linspace(0, len(sound.samples), PREVIEW_SIDE + 1).astype(np.int64)[:-1]
    edges = np.minimum(edges, max(len(sound.samples) - 1, 0))
    high, low = np.maximum.reduceat(sound.samples, edges), np.minimum.reduceat(sound.samples, edges)
    middle = (_WAVE_HEIGHT - 1) / 2
    rows = np.arange(_WAVE_HEIGHT)[:, None]
    top, bottom = np.floor(middle * (1 - high)), np.ceil(middle * (1 - low))
    inside = (rows >= top) & (rows <= bottom)
    drawing = np.full((_WAVE_HEIGHT, PREVIEW_SIDE, 3), _PAPER, np.uint8)
    drawing[inside] = _WAVE_COLOUR
    return drawing


def storable(text: str) -> str:
    """The text without lone surrogates, which no table holds."""
    return text.encode("utf-8", "replace").decode("utf-8")
