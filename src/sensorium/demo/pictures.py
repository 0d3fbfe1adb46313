"""Where the demo's pictures come from: photographs inside packages of the extra `demo`, else simple drawings."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

WITHOUT_PHOTOGRAPHS = 'photographs are missing, drawings stand in; to have them: pip install "sensorium[demo]"'

_SIDE = 320


@dataclass(frozen=True, slots=True)
class Photograph:
    """A picture that an installed package carries; `file` is relative to the package's folder."""

    about: str
    package: str
    file: str

    def find(self) -> Path | None:
        """Where it lies, or None when package or file is not there. The package is never imported: that is slow."""
        spec = importlib.util.find_spec(self.package)
        for folder in (spec and spec.submodule_search_locations) or ():
            path = Path(folder) / self.file
            if path.is_file():
                return path
        return None


def photographs_installed() -> bool:
    """Whether every package that carries photographs is there."""
    return all(importlib.util.find_spec(package) is not None for package in {p.package for p in PHOTOGRAPHS})


PHOTOGRAPHS: tuple[Photograph, ...] = (
    Photograph("an astronaut", "skimage", "data/astronaut.png"),
    Photograph("bricks", "skimage", "data/brick.png"),
    Photograph("a cameraman", "skimage", "data/camera.png"),
    Photograph("a cell under the microscope", "skimage", "data/cell.png"),
    Photograph("a cat", "skimage", "data/chelsea.png"),
    Photograph("a chessboard", "skimage", "data/chessboard_RGB.png"),
    Photograph("a blur", "skimage", "data/clock_motion.png"),
    Photograph("a cup of coffee", "skimage", "data/coffee.png"),
    Photograph("coins", "skimage", "data/coins.png"),
    Photograph("a colour wheel", "skimage", "data/color.png"),
    Photograph("grass", "skimage", "data/grass.png"),
    Photograph("gravel", "skimage", "data/gravel.png"),
    Photograph("a horse's outline", "skimage", "data/horse.png"),
    Photograph("distant galaxies", "skimage", "data/hubble_deep_field.jpg"),
    Photograph("stained tissue", "skimage", "data/ihc.png"),
    Photograph("a snake as a logo", "skimage", "data/logo.png"),
    Photograph("the moon", "skimage", "data/moon.png"),
    Photograph("a motorcycle", "skimage", "data/motorcycle_left.png"),
    Photograph("a printed page", "skimage", "data/page.png"),
    Photograph("a scan of a head", "skimage", "data/phantom.png"),
    Photograph("a retina", "skimage", "data/retina.jpg"),
    Photograph("a rocket", "skimage", "data/rocket.jpg"),
    Photograph("handwriting", "skimage", "data/text.png"),
    Photograph("small veins", "skimage", "data/microaneurysms.png"),
    Photograph("a Chinese temple", "sklearn", "datasets/images/china.jpg"),
    Photograph("a flower", "sklearn", "datasets/images/flower.jpg"),
)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture that is drawn on the spot: shapes on a plain ground."""

    about: str
    ground: str
    shapes: Callable[[ImageDraw], None]

    def png(self) -> bytes:
        """The drawing as a PNG file, 320 x 320."""
        import io

        from PIL import Image, ImageDraw

        picture = Image.new("RGB", (_SIDE, _SIDE), self.ground)
        self.shapes(ImageDraw.Draw(picture))
        file = io.BytesIO()
        picture.save(file, "PNG")
        return file.getvalue()


def _tree(draw: ImageDraw) -> None:
    draw.rectangle((0, 250, 320, 320), "#6aa84f")
    draw.rectangle((145, 180, 175, 270), "#7f5530")
    for x, y in ((160, 90), (115, 130), (205, 130), (160, 150)):
        draw.ellipse((x - 60, y - 55, x + 60, y + 55), "#2e7d32")


def _house(draw: ImageDraw) -> None:
    draw.rectangle((0, 250, 320, 320), "#8bc34a")
    draw.rectangle((80, 150, 240, 270), "#f4e1c1", "#5d4037", 3)
    draw.polygon(((60, 150), (160, 70), (260, 150)), "#b33a3a")
    draw.rectangle((140, 200, 180, 270), "#5d4037")
    draw.rectangle((95, 175, 125, 205), "#9fd3ff", "#5d4037", 3)
    draw.rectangle((195, 175, 225, 205), "#9fd3ff", "#5d4037", 3)


def _sea(draw: ImageDraw) -> None:
    draw.ellipse((110, 100, 210, 200), "#ffd54f")
    draw.rectangle((0, 190, 320, 320), "#1565c0")
    for y in range(205, 320, 22):
        for x in range(-20 + y % 40, 320, 60):
            draw.arc((x, y, x + 40, y + 14), 0, 180, "#90caf9", 3)


def _face(draw: ImageDraw) -> None:
    draw.ellipse((50, 50, 270, 270), "#ffe082", "#795548", 4)
    draw.ellipse((110, 115, 135, 150), "#3e2723")
    draw.ellipse((185, 115, 210, 150), "#3e2723")
    draw.arc((105, 120, 215, 225), 25, 155, "#3e2723", 7)


def _flower(draw: ImageDraw) -> None:
    draw.line((160, 170, 160, 310), "#2e7d32", 10)
    for x, y in ((160, 80), (232, 130), (205, 215), (115, 215), (88, 130)):
        draw.ellipse((x - 45, y - 45, x + 45, y + 45), "#e91e63")
    draw.ellipse((120, 110, 200, 190), "#ffeb3b")


def _board(draw: ImageDraw) -> None:
    for row in range(8):
        for column in range(8):
            if (row + column) % 2:
                draw.rectangle((column * 40, row * 40, column * 40 + 39, row * 40 + 39), "#222222")


def _night(draw: ImageDraw) -> None:
    draw.ellipse((180, 40, 270, 130), "#fdf6d8")
    for i in range(60):
        x, y, size = i * 89 % 320, i * 53 % 300, 1 + i % 3
        draw.ellipse((x, y, x + size, y + size), "#ffffff")


def _sailing(draw: ImageDraw) -> None:
    draw.rectangle((0, 220, 320, 320), "#1e88e5")
    draw.polygon(((90, 215), (240, 215), (210, 255), (115, 255)), "#8d4b2b")
    draw.line((160, 215, 160, 60), "#4e342e", 5)
    draw.polygon(((166, 65), (166, 200), (245, 200)), "#fafafa")
    draw.polygon(((154, 85), (154, 200), (95, 200)), "#ef5350")


DRAWINGS: tuple[Drawing, ...] = (
    Drawing("a drawn tree", "#bfe3ff", _tree),
    Drawing("a drawn house", "#cfe8ff", _house),
    Drawing("a drawn sunset at sea", "#ff8a65", _sea),
    Drawing("a drawn smiling face", "#ffffff", _face),
    Drawing("a drawn flower", "#e8f5e9", _flower),
    Drawing("a drawn chessboard", "#f5f5f5", _board),
    Drawing("a drawn night sky", "#0b1030", _night),
    Drawing("a drawn sailing boat", "#b3e5fc", _sailing),
    Drawing("a drawn red disc", "#ffffff", lambda draw: draw.ellipse((60, 60, 260, 260), "#d32f2f")),
    Drawing("a drawn blue square", "#ffffff", lambda draw: draw.rectangle((70, 70, 250, 250), "#1e4fd8")),
)
