"""SVG: the words in a drawing, and the drawing as a picture (with the extra `svg`)."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator

import numpy as np
from lxml import etree
from numpy.typing import NDArray
from PIL import GifImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from sensorium.core.errors import Unreadable
from sensorium.core.types import Part, Place
from sensorium.readers.contract import HEAD_BYTES, Limits
from sensorium.readers.damage import DAMAGE, reason
from sensorium.readers.data_urls import data_of
from sensorium.readers.flow import one_line
from sensorium.readers.marks import by_mark
from sensorium.readers.safe_xml import MOST_ATTRIBUTES, attributes_of, language, local
from sensorium.readers.sections import Section, known
from sensorium.readers.svg_work import bound

MISSING = "SVG pictures need the extra svg: pip install 'sensorium[svg]'"
_SMALLEST_DRAWING = 512
_LARGEST_EMBEDDED = 4 << 20  # pixels of a picture inside a drawing
_WORDS = frozenset({"title", "desc", "text"})
_HREFS = ("href", "{http://www.w3.org/1999/xlink}href")
# Asked themselves, and not through `Image.open`, which judges sizes by a limit of its own.
_BITMAPS: dict[str, Callable[[io.BytesIO, str], ImageFile.ImageFile]] = {
    "image/png": PngImagePlugin.PngImageFile, "image/jpeg": JpegImagePlugin.JpegImageFile,
    "image/gif": GifImagePlugin.GifImageFile, "image/webp": WebPImagePlugin.WebPImageFile,
}  # fmt: skip
_OUTSIDE = re.compile(r"url\(\s*[\"']?(?!\s*[\"']?#)[^)]*\)|@import[^;]*;?", re.IGNORECASE)
# Work that grows with a number in the file, and what it may grow to.
_COSTLY = {"numOctaves": 8.0, "stdDeviation": 200.0, "order": 15.0, "radius": 100.0}


class Drawing:
    """An SVG's tree, made harmless: nothing in it points out of the file. `outside` are the files it pointed to."""

    def __init__(self, root: etree._Element) -> None:
        self._root = root
        self.about = known(
            title=one_line(root.find("{*}title")),
            description=one_line(root.find("{*}desc")),
            language=language(root),
        )
        self.outside: list[str] = []

    def section(self) -> Section:
        """All words of the drawing: titles, descriptions, labels."""
        lines = [one_line(e) for e in self._root.iter(etree.Element) if local(e) in _WORDS and not _in_words(e)]
        return Section("\n".join(dict.fromkeys(filter(None, lines))), Place(section="/svg"))

    def picture(self, limits: Limits) -> Part | None:
        """The drawing on white, its longer side twice `limits.image_side` or 512; None when nothing is seen on it.

        Raises `Unreadable` when the extra is missing or the drawing cannot be rendered.
        """
        self._confine()
        bound(self._root)
        pixels = _rendered(etree.tostring(self._root, encoding="unicode"), _side(limits))
        if pixels.min() == pixels.max():
            return None
        return Part("image", pixels, Place(section="/svg"), known(alt=self.about.get("title", "")))

    def _confine(self) -> None:
        for element in list(self._root.iter(etree.Element)):
            if local(element) == "script":
                element.clear(keep_tail=True)
            if local(element) == "style" and element.text:
                element.text = _OUTSIDE.sub("", element.text)
            if len(element.attrib) > MOST_ATTRIBUTES:  # not all of them would be looked at
                element.attrib.clear()
            for name, value in attributes_of(element):
                self._confine_attribute(element, name, value)

    def _confine_attribute(self, element: etree._Element, name: str, value: str) -> None:
        if name in _HREFS:
            self._confine_link(element, name, value.strip())
        elif name in _COSTLY:
            numbers = re.findall(r"[\d.]+(?:e\+?\d+)?", value, re.IGNORECASE)
            if any(_number(number) > _COSTLY[name] for number in numbers):
                del element.attrib[name]
        elif "url(" in value.lower():
            element.set(name, _OUTSIDE.sub("none", value))

    def _confine_link(self, element: etree._Element, name: str, said: str) -> None:
        if said.startswith("#") or (said.startswith("data:") and _is_bearable(said)):
            return
        del element.attrib[name]
        if local(element) in ("image", "feImage", "use"):
            self.outside.append(said)


def parts(drawing: Drawing, limits: Limits) -> Iterator[Part]:
    """The picture of a drawing. Raises `Unreadable` as `Drawing.picture`."""
    found = drawing.picture(limits)
    if found is not None:
        yield found


def _in_words(element: etree._Element) -> bool:
    """Whether an element stands in a text whose words are read anyway."""
    return any(local(outer) == "text" for outer in element.iterancestors())


_DPI = 96  # of CSS; without it a drawing in millimetres has no size


def _side(limits: Limits) -> int:
    return min(max(2 * limits.image_side, _SMALLEST_DRAWING), int(limits.max_pixels**0.5))


def _rendered(svg: str, side: int) -> NDArray[np.uint8]:
    try:
        from resvg_py import svg_to_bytes
    except ImportError as error:
        raise Unreadable(MISSING) from error
    try:
        # Both sides are given: the drawing is fitted in, whatever shape it says that it has.
        png = svg_to_bytes(svg_string=svg, width=side, height=side, background="white", dpi=_DPI)
        with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
            return np.asarray(picture.convert("RGB"))
    except BaseException as error:  # a slip of the renderer is a PanicException, which is no Exception
        if isinstance(error, DAMAGE):
            raise Unreadable(f"an SVG that cannot be drawn: {reason(error)}") from error
        if type(error).__name__ == "PanicException":
            raise Unreadable("an SVG that the renderer cannot draw") from error
        raise


def _is_bearable(url: str) -> bool:
    """Whether a data URL holds a bitmap of a size that the renderer can bear; it would open an SVG's own links."""
    data = data_of(url) or b""
    plugin = _BITMAPS.get(by_mark(data[:HEAD_BYTES]))
    try:
        width, height = plugin(io.BytesIO(data), "").size if plugin else (0, 0)
    except DAMAGE:
        return False
    return 0 < width * height <= _LARGEST_EMBEDDED


def _number(said: str) -> float:
    try:
        return float(said)
    except ValueError:
        return float("inf")


def unseen(drawing: Drawing) -> Unreadable:
    """Why a drawing without words and without a visible line is not read."""
    if drawing.outside:
        return Unreadable("an SVG that shows nothing but other files, which are not opened")
    return Unreadable("an SVG without anything to see in it")
