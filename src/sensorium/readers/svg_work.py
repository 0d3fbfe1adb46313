"""How much work a drawing is once all that it refers to stands in place, so that no small file takes hours."""

from __future__ import annotations

import re

from lxml import etree

from sensorium.core.errors import Unreadable
from sensorium.readers.safe_xml import local

# The renderer descends by recursion and dies of some 200 levels; drawings by hand and by programs stay below 30.
DEEPEST = 90
MOST_NODES = 500_000
# A filter's step goes over the whole picture: 5 to 300 ms.
_STEP_NODES, _STEPS = 1_000, {"feTurbulence": 20_000, "feDiffuseLighting": 10_000, "feSpecularLighting": 10_000}
_MOST_LETTERS = 20_000  # 6 s

_REFERENCE = re.compile(r"url\(\s*[\"']?#([^)\"']+)[\"']?\s*\)")
_FILTER = re.compile(r"\bfilter\s*:[^;{}]*")
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_CLASS = re.compile(r"\.([\w-]+)\s*$")
_HREFS = ("href", "{http://www.w3.org/1999/xlink}href")


def bound(root: etree._Element) -> None:
    """Takes filters and letters away from a drawing that has far too many.

    Raises `Unreadable` for a drawing that goes too deep, or repeats itself too often, all the same.
    """
    _cut_texts(root)
    try:
        _Work(root).of(root, 0)
    except Unreadable:
        _without_filters(root)
        _Work(root).of(root, 0)


def _cut_texts(root: etree._Element) -> None:
    letters = 0
    for element in root.iter("{*}text", "{*}tspan", "{*}textPath"):
        letters += len(element.text or "") + len(element.tail or "")
        if letters > _MOST_LETTERS:
            element.text = element.tail = None


def _without_filters(root: etree._Element) -> None:
    for element in root.iter(etree.Element):
        element.attrib.pop("filter", None)
        if style := element.get("style"):
            element.set("style", _FILTER.sub("", style))
        if local(element) == "style" and element.text:
            element.text = _FILTER.sub("", element.text)


class _Work:
    def __init__(self, root: etree._Element) -> None:
        self._named = {name: e for e in root.iter(etree.Element) if (name := e.get("id"))}
        self._styled = _styled(root)
        self._known: dict[etree._Element, tuple[int, int]] = {}
        self._open: set[etree._Element] = set()

    def of(self, element: etree._Element, level: int) -> tuple[int, int]:
        """(levels, nodes) of an element; what refers to itself ends there."""
        if element in self._known or element in self._open:
            return self._known.get(element, (0, 0))
        self._open.add(element)
        name = local(element)
        levels, nodes = 0, _STEPS.get(name, _STEP_NODES) if name.startswith("fe") else 1
        corners = 1 + len(element.get("d") or element.get("points") or "") // 4
        for inner in (*element.iterchildren(etree.Element), *self._referred(element)):
            if level >= DEEPEST:
                raise Unreadable(f"an SVG of more than {DEEPEST} levels: it is not drawn")
            deeper, more = self.of(inner, level + 1)
            levels, nodes = max(levels, deeper), nodes + more * (corners if local(inner) == "marker" else 1)
            if level + levels >= DEEPEST or nodes > MOST_NODES:
                raise Unreadable("an SVG that repeats itself without end: it is not drawn")
        self._open.discard(element)
        self._known[element] = (levels + 1, nodes)
        return levels + 1, nodes

    def _referred(self, element: etree._Element) -> list[etree._Element]:
        names = [value[1:] for key in _HREFS if (value := (element.get(key) or "").strip()).startswith("#")]
        for value in element.attrib.values():
            if "url(" in value:
                names += _REFERENCE.findall(value)
        for name in ("", *(element.get("class") or "").split()):
            names += self._styled.get(name, ())
        return [self._named[name] for name in names if name in self._named]


def _styled(root: etree._Element) -> dict[str, list[str]]:
    """What style sheets refer to, by the class that does; under "" what every element may refer to."""
    styled: dict[str, list[str]] = {}
    for element in root.iter(etree.Element):
        if local(element) != "style" or not element.text:
            continue
        for selectors, body in _RULE.findall(element.text):
            if found := _REFERENCE.findall(body):
                for selector in selectors.split(","):
                    name = _CLASS.search(selector.strip())
                    styled.setdefault(name[1] if name else "", []).extend(found)
    return styled
