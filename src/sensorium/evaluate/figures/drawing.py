"""The paper that figures are drawn on: matplotlib's SVG made small, light and dark, and the same every time.

Every colour is written twice: as an attribute, for light paper and for programs that know no style sheets, and as a
class (`f-` for fills, `s-` for strokes) that `style_sheet` overrides where the reader's system is dark.
"""

from __future__ import annotations

import hashlib
import io
import re
import textwrap
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

from sensorium.core.errors import ExtraMissing

WIDTH = 480  # pixels; text is 12 of them high, so that it is 10 high in a column of 400
FONTS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
MISSING = "figures need the extra evaluate: run pip install 'sensorium[evaluate]'"

# (on light paper, on dark). The series are Okabe and Ito's colours (https://jfly.uni-koeln.de/color), lighter on dark.
COLOURS: dict[str, tuple[str, str]] = {
    "card": ("#ffffff", "#1c1f26"), "ink": ("#1d2128", "#e8eaf0"), "soft": ("#5b616c", "#a4abb8"),
    "line": ("#e2ddd2", "#333945"), "rest": ("#b4b9c3", "#59606d"),
    "a": ("#0072b2", "#4aa8e8"), "b": ("#d55e00", "#ff8a3d"), "c": ("#009e73", "#2cc99c"), "d": ("#cc79a7", "#e7a3c8"),
    "e": ("#0b0b0b", "#ffffff"), "f": ("#e69f00", "#ffdc58"), "g": ("#56b4e9", "#b4e0fb"),
}  # fmt: skip
SERIES = ("a", "b", "c", "d", "e", "f", "g")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (7, 2, 2, 2)), (0, (4, 1.5)), (0, (1, 1)), (0, (9, 3)))
_TITLE = 600  # characters, at most
LEVELS = 12  # of a map, from nothing to all
_RAMP = (("#f4f6fb", "#6f9fd0", "#08306b"), ("#222732", "#3f7fc0", "#d8ebff"))
_NUMBER = re.compile(r"-?\d+\.\d+")
_RECTANGLE = re.compile(r"M (\S+) (\S+) L (\S+) \2 L \3 (\S+) L \1 \4 z ?")
_PLACES = {"d", "x", "y", "width", "height", "transform"}
_NS = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"


def light(name: str) -> str:
    """The colour of that name on light paper."""
    return COLOURS[name][0]


def word(name: str, most: int = 48) -> str:
    """A name as a figure can show it: on one line, without control characters and halves of characters, not too long.

    Names come from folders and files, which may be called anything.
    """
    whole = name.encode("utf-8", "replace").decode()
    plain = " ".join("".join(one if one.isprintable() else " " for one in whole).split())
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def level(share: float) -> int:
    """The step of a map's ramp for a share from 0 to 1; what lies outside is drawn as the nearer end."""
    return min(LEVELS - 1, max(0, int(share * LEVELS)))


def _mixed(start: str, end: str, share: float) -> str:
    pairs = ((int(start[i : i + 2], 16), int(end[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _ramp(stops: tuple[str, str, str]) -> Iterator[str]:
    for step in range(LEVELS):
        place = 2 * step / (LEVELS - 1)
        yield _mixed(stops[0], stops[1], place) if place <= 1 else _mixed(stops[1], stops[2], place - 1)


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`, 0 to 1 (WCAG 2.2)."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, 1 to 21 (WCAG 2.2)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _number_on(ground: str, step: int) -> str:
    """What is read best on a step of the ramp; another number of blue a step, so that each has a name of its own."""
    return max(f"#fefe{0xF0 + step:02x}", f"#10121{step:x}", key=lambda colour: contrast(colour, ground))


for _step, _both in enumerate(zip(*map(_ramp, _RAMP), strict=True)):
    COLOURS[f"m{_step}"] = _both
    COLOURS[f"n{_step}"] = (_number_on(_both[0], _step), _number_on(_both[1], _step))
_NAMES = {colours[0]: name for name, colours in COLOURS.items()}


def ready() -> None:
    """Raise ExtraMissing where figures cannot be drawn."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ExtraMissing(MISSING) from error


@contextmanager
def any_script() -> Iterator[None]:
    """Letters that matplotlib's font lacks are no matter: they are written as text, in the reader's fonts."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")
        yield


class Paper:
    """One figure: `axes` to draw on, a title and a line about n above it, a legend below."""

    def __init__(self, title: str, about: str = "", *, height: int = 320, plain: bool = False) -> None:
        """`height` in pixels, without the title's. `plain`: no grid, no frame. Raises ExtraMissing."""
        ready()
        import matplotlib
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        title, about = word(title, _TITLE), word(about, _TITLE)
        self.title, self.about = title, about
        titles, lines = textwrap.wrap(title, 50), textwrap.wrap(about, 68)
        top = 10 + 20 * len(titles) + 16 * len(lines) + 4
        self._settings: dict[str, Any] = {**_SETTINGS, "axes.grid": not plain}
        below = (0.004, 0, 0.985, height / (height + top))
        with matplotlib.rc_context(self._settings):
            engine: Any = ConstrainedLayoutEngine(rect=below, w_pad=0.06, h_pad=0.06)
            self.figure: Any = Figure(figsize=(WIDTH / 72, (height + top) / 72), dpi=72, layout=engine)
            for row, text in enumerate(titles):
                self._write(text, 24 + 20 * row, height + top, size=15, weight="bold", color=light("ink"))
            for row, text in enumerate(lines):
                self._write(text, 24 + 20 * len(titles) + 16 * row - 1, height + top, size=12, color=light("soft"))
            self.axes: Any = self.figure.add_subplot()
            for side in ("top", "right", *(("left", "bottom") if plain else ())):
                self.axes.spines[side].set_visible(False)

    def _write(self, text: str, down: float, height: float, **looks: Any) -> None:
        self.figure.text(10 / WIDTH, 1 - down / height, text, ha="left", va="baseline", **looks)

    def say(self, x: str, y: str) -> None:
        """What the axes show, with units; long words on two lines."""
        self.axes.set_xlabel(x)
        self.axes.set_ylabel("\n".join(textwrap.wrap(y, 30)))

    def legend(self, columns: int = 2, handles: Any = None, *, scale: float = 1.4) -> None:
        """What is drawn (or `handles`), below the axes; nothing where nothing has a name."""
        if handles is None:
            handles, _ = self.axes.get_legend_handles_labels()
        labels = [str(handle.get_label()) for handle in handles]
        if labels:
            columns = 1 if max(map(len, labels)) > 34 else min(columns, len(labels))
            self.figure.legend(
                handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=12,
                labelcolor=light("ink"), handlelength=2.4, markerscale=scale,
            )  # fmt: skip

    def svg(self) -> str:
        """The figure as an `<svg>` element, with its text as text. The same figure gives the same characters."""
        import matplotlib

        out = io.StringIO()
        with matplotlib.rc_context(self._settings), any_script():
            self.figure.savefig(
                out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
            )
        return _tidied(out.getvalue(), self.title, self.about)


_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "sensorium", "font.family": "DejaVu Sans", "font.size": 12,
    "axes.edgecolor": light("soft"), "axes.labelcolor": light("ink"), "axes.labelsize": 12, "axes.linewidth": 1,
    "axes.grid": True, "axes.axisbelow": True, "grid.color": light("line"), "grid.linewidth": 1,
    "xtick.color": light("soft"), "ytick.color": light("soft"), "xtick.labelcolor": light("soft"),
    "ytick.labelcolor": light("soft"), "xtick.labelsize": 11.5, "ytick.labelsize": 11.5, "text.color": light("ink"),
    "legend.frameon": False, "legend.fontsize": 12, "legend.handlelength": 2.6, "lines.linewidth": 2,
    "lines.markersize": 5, "figure.facecolor": "none", "axes.facecolor": "none", "hatch.linewidth": 1,
    "errorbar.capsize": 3, "axes.unicode_minus": True, "text.parse_math": False, "path.simplify": False,
    "timezone": "UTC", "xtick.minor.size": 0, "ytick.minor.size": 0,
}  # fmt: skip


def style_sheet(scope: str = "svg.figure") -> str:
    """What figures inside `scope` need as CSS: once for a page with any number of them."""
    return f"{scope} text{{font-family:{FONTS}}}\n{_dark(COLOURS, scope + ' ')}\n"


def standalone(svg: str) -> str:
    """A figure as a file of its own: with its style sheet and its paper, for a code host, light and dark."""
    head, rest = svg.split(">", 1)
    names = {"card", *re.findall(r"\b[fs]-([a-z]\d*)", svg), *re.findall(r"\b[fs]-([a-z]{2,})", svg)}
    style = f"<style>text{{font-family:{FONTS}}}{_dark(sorted(names.intersection(COLOURS)))}</style>"
    paper = f'<rect class="f-card" width="100%" height="100%" rx="10" fill="{light("card")}"/>'
    return f"{head}>{style}{paper}{rest}\n"


def _dark(names: Iterable[str], scope: str = "") -> str:
    rules = (f"{scope}.f-{n}{{fill:{COLOURS[n][1]}}}{scope}.s-{n}{{stroke:{COLOURS[n][1]}}}" for n in names)
    return f"@media(prefers-color-scheme:dark){{{''.join(rules)}}}"


def _tidied(text: str, title: str, about: str) -> str:
    from lxml import etree

    root = etree.fromstring(text.encode())
    salt = hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
    for style in [*root.iter(f"{_NS}style"), *root.iter(f"{_NS}metadata")]:
        style.getparent().remove(style)
    for node in root.iter():
        _tidy(node, salt)
    for group in root.iter(f"{_NS}g"):
        _lift(group)
    for group in [*root.iter(f"{_NS}g", f"{_NS}defs")]:
        _unwrap(group)
    _, _, width, height = root.get("viewBox").split()
    for name in root.attrib:
        del root.attrib[name]
    body = b"".join(etree.tostring(child) for child in root).decode()
    body = re.sub(r' xmlns(:\w+)?="[^"]*"', "", body).replace("xlink:href", "href")
    said = escape(f"{title}. {about}" if about else title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="figure" role="img" aria-label="{said}" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="{escape(FONTS)}" '
        f'stroke-linejoin="round">{body}</svg>'
    )


def _tidy(node: Any, salt: str) -> None:
    """Styles to attributes and classes, ids that no other figure of the page has, no ids where none is needed."""
    node.tail = None
    if node.tag != f"{_NS}text":
        node.text = None
    if node.tag == f"{_NS}g":
        node.attrib.pop("id", None)
    elif (own := node.get("id")) is not None:
        node.set("id", f"{own}-{salt}")
    if (link := node.get(_LINK)) is not None:
        node.set(_LINK, f"{link}-{salt}")
    if (clip := node.get("clip-path")) is not None:
        node.set("clip-path", clip.replace(")", f"-{salt})"))
    for name in _PLACES.intersection(node.attrib):
        short = _NUMBER.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), node.get(name))
        node.set(name, _RECTANGLE.sub(_rectangle, " ".join(short.split())) if name == "d" else short)
    if node.get("transform", "").startswith("rotate(-0 "):
        del node.attrib["transform"]
    classes = []
    for declared in node.attrib.pop("style", "").split(";"):
        name, _, value = (piece.strip() for piece in declared.partition(":"))
        if not name or name == "font-family" or (name, value) == ("stroke-dashoffset", "0"):
            continue
        if name == "font":  # weight, size and family at once
            weight, size = value.split("px")[0].rsplit(" ", 1)
            node.set("font-size", f"{size}px")
            node.set("font-weight", "600" if weight in ("bold", "700") else weight)
            continue
        node.set(name, value)
        if name in ("fill", "stroke") and value in _NAMES:
            classes.append(f"{name[0]}-{_NAMES[value]}")
    if classes:
        node.set("class", " ".join(classes))


def _rectangle(found: re.Match[str]) -> str:
    left, top, right, bottom = found.groups()
    return f"M{left} {top}H{right}V{bottom}H{left}z"


def _lift(group: Any) -> None:
    """What all markers of a group have in common is said once, by the group."""
    marks = list(group)
    if len(marks) < 2 or any(mark.tag != f"{_NS}use" for mark in marks):
        return
    shared = {n: v for n, v in marks[0].attrib.items() if n not in ("x", "y", _LINK)}
    if any({n: v for n, v in m.attrib.items() if n not in ("x", "y", _LINK)} != shared for m in marks):
        return
    if group.keys() and "class" in group.attrib:
        return
    for mark in marks:
        for name in shared:
            del mark.attrib[name]
    for name, value in shared.items():
        group.set(name, value)


def _unwrap(group: Any) -> None:
    """A group that says nothing is replaced by what is in it."""
    parent = group.getparent()
    if group.tag == f"{_NS}g" and not group.attrib and parent is not None:
        place = parent.index(group)
        for child in reversed(list(group)):
            parent.insert(place, child)
        parent.remove(group)
