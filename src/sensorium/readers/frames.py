"""A film's frames as pictures, upright, with square pixels, no larger than is of use; and how alike two frames are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from sensorium.readers.contract import Limits
from sensorium.readers.highrange import HLG, PQ, to_ordinary
from sensorium.readers.pixels import check_size

_LOOK = (64, 36)  # width and height of what frames are compared by
_GRID = 4
_BLACK = 32.0
_LIGHT, _DUSK = 110.0, 25.0  # mean levels: of an ordinary picture, and of the darkest that is made up for
# 1 - correlation: less is the same picture in another light, or, where that changes much, perhaps has moved meanwhile.
_STEADY, _FADING = 0.2, 0.5
# Four shades of each colour, finer in the dark, as the eye sees them.
_SHADES = np.minimum(3, np.sqrt(np.arange(256) / 255) * 4).astype(np.int64)
_HD = 720  # rows; films of so many that do not say their colour matrix are taken to have that of HDTV
_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
_SLIGHT = 1 << 12  # of 1 << 16: a sixteenth
# Numpy's own: turned left by so many quarters, then mirrored. By the signs of a display matrix (ISO 14496-12, 6.2.2).
_TURNS = {
    (1, 0, 0, 1): (0, False), (0, 1, -1, 0): (3, False), (-1, 0, 0, -1): (2, False), (0, -1, 1, 0): (1, False),
    (-1, 0, 0, 1): (0, True), (1, 0, 0, -1): (2, True), (0, 1, 1, 0): (3, True), (0, -1, -1, 0): (1, True),
}  # fmt: skip


class Look(NamedTuple):
    """A frame at a glance: mean colours of 16 x 9 fields (9, 16, 3) from 0 to 255; shares of 64 colours (64,)."""

    grid: NDArray[np.float32]
    colours: NDArray[np.float32]

    @property
    def black(self) -> bool:
        """Whether there is nothing to be seen."""
        return float(self.grid.max()) < _BLACK

    def moved(self, other: Look) -> float:
        """How much the fields differ, 0 to 255, as they would in ordinary light: other things are in other places."""
        light = min(_LIGHT, max(_DUSK, float(self.grid.mean() + other.grid.mean()) / 2))
        return float(np.abs(self.grid - other.grid).mean()) * _LIGHT / light

    def recoloured(self, other: Look) -> float:
        """How much the colours differ, 0 to 1, wherever they are."""
        return float(np.abs(self.colours - other.colours).sum()) / 2

    def unlike(self, other: Look) -> float:
        """How much another picture it is, 0 to 16; the same one in another light is not.

        Measured on photos: for two of them 2 and more (95 of 100), for one of them and itself after a pan by a fifth of
        its width 1.3 and less (99 of 100).
        """
        changed = self.recoloured(other) * math.sqrt(self.moved(other))
        one, two = sorted((float(self.grid.mean()) + 1.0, float(other.grid.mean()) + 1.0))
        return changed * min(1.0, (1.0 - self._resemblance(other)) / (_FADING if two > 1.3 * one else _STEADY))

    def _resemblance(self, other: Look) -> float:
        """The correlation of the fields; 0 where one is all of one colour."""
        one, two = (grid - grid.mean() for grid in (self.grid, other.grid))
        size = float(np.sqrt(np.square(one).sum() * np.square(two).sum()))
        return float((one * two).sum()) / size if size > 1.0 else 0.0


def look_at(pixels: NDArray[np.uint8]) -> Look:
    """`pixels` uint8 (36, 64, 3) at a glance."""
    height, width = pixels.shape[0] // _GRID, pixels.shape[1] // _GRID
    grid = pixels.reshape(height, _GRID, width, _GRID, 3).mean(axis=(1, 3), dtype=np.float32)
    shades = _SHADES[pixels]
    codes = (shades[..., 0] << 4) | (shades[..., 1] << 2) | shades[..., 2]
    counts = np.bincount(codes.ravel(), minlength=64).astype(np.float32)
    return Look(grid, counts / counts.sum())


def look_of(picture: Image.Image) -> Look:
    """An RGB picture at a glance."""
    return look_at(np.asarray(picture.resize(_LOOK, Image.Resampling.BOX)))


def telling(picture: NDArray[np.uint8]) -> float:
    """How much there is to be seen in a picture: contrast and sharpness. Dark, blurred and pale ones have little."""
    grey = picture[..., 1].astype(np.float32)
    edges = np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean() if min(grey.shape) > 1 else 0.0
    return float(grey.std() + 4.0 * edges)


@dataclass(frozen=True, slots=True)
class Turn:
    """How the frames of a film are to be turned: quarters to the left, then mirrored."""

    quarters: int = 0
    mirrored: bool = False

    @property
    def sideways(self) -> bool:
        """Whether width and height change places."""
        return self.quarters % 2 == 1

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """`pixels` (height, width, 3), turned."""
        turned = np.rot90(pixels, self.quarters)
        return np.ascontiguousarray(turned[:, ::-1] if self.mirrored else turned)


def turn_of(frame: Any) -> Turn:
    """How a frame says that it is to be turned."""
    matrix = next((bytes(data) for data in frame.side_data if data.type.name == "DISPLAYMATRIX"), b"")
    if len(matrix) < 36:
        return Turn()
    a, b, _, c, d = np.sign(np.frombuffer(matrix, np.int32)[:5] // _SLIGHT).tolist()
    return Turn(*_TURNS.get((a, b, c, d), (0, False)))


class Developer:
    """Makes pictures of decoded frames. One for each film: it keeps what scaling needs."""

    def __init__(self, limits: Limits, shape: float = 1.0) -> None:
        """`shape` is how much wider than high a pixel is."""
        self.limits, self.shape = limits, shape
        self._turn: Turn | None = None
        self._glances, self._pictures = VideoReformatter(), VideoReformatter()

    def look(self, frame: Any) -> Look:
        """A frame at a glance, as it is stored: frames of one film are compared among themselves."""
        check_size((frame.width, frame.height), self.limits)
        return look_at(self._scaled(self._glances, frame, *_LOOK, as_is=True))

    def size(self, frame: Any) -> tuple[int, int]:
        """(width, height) of the whole frame with square pixels, upright."""
        width, height = max(1, round(frame.width * self.shape)), frame.height
        return (height, width) if self._turned(frame).sideways else (width, height)

    def picture(self, frame: Any) -> NDArray[np.uint8]:
        """RGB uint8 (height, width, 3), upright; the shorter side twice `limits.image_side`, unless it was shorter."""
        check_size((frame.width, frame.height), self.limits)
        width, height = max(1.0, frame.width * self.shape), float(frame.height)
        scale = min(1.0, 2 * self.limits.image_side / min(width, height))
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        if frame.interlaced_frame and frame.height > 1:
            # The two fields are of two moments, and together show a comb where something moves: one of them is shown.
            field = self._scaled(self._pictures, frame, width, frame.height)[::2]
            small = np.asarray(Image.fromarray(field).resize((width, height), Image.Resampling.BOX))
        else:
            small = self._scaled(self._pictures, frame, width, height)
        return self._turned(frame)(small)

    def _turned(self, frame: Any) -> Turn:
        # Asked of one frame only: each one that is asked is kept in memory until garbage is collected (PyAV 18).
        self._turn = self._turn or turn_of(frame)
        return self._turn

    def _scaled(
        self, reformatter: VideoReformatter, frame: Any, width: int, height: int, *, as_is: bool = False
    ) -> NDArray[np.uint8]:
        high = frame.color_trc in (PQ, HLG) and not as_is
        options: dict[str, Any] = {"interpolation": "AREA", "threads": 1}
        if frame.colorspace == _UNSPECIFIED and frame.height >= _HD:
            options["src_colorspace"] = "ITU709"
        small: Any = reformatter.reformat(frame, width, height, "rgb48le" if high else "rgb24", **options).to_ndarray()
        return to_ordinary(small, frame.color_trc) if high else np.asarray(small, np.uint8)
