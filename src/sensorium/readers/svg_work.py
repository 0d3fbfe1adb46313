"""How deep and how large a drawing is once all that it refers to stands in place: what a renderer has to go through."""

from __future__ import annotations

import re

from lxml import etree

from sensorium.core.errors import Unreadable
from sensorium.readers.safe_xml import local

# The renderer descends by recursion and dies of some 200 levels; drawings by hand and by programs stay below 30.
DEEPEST = 90
MOST_NODES = 500_000

_REFERENCE = re.compile(r"url\(\s*[\"']?#([^)\"']+)[\"']?\s*\)")
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_CLASS = re.compile(r"\.([\w-]+)\s*$")
_HREFS = ("href", "{http://www.w3.org/1999/xlink}href")


def refuse_boundless(root: etree._Element) -> None:
    """Raises `Unreadable` for a drawing that goes too deep, or repeats itself too often."""
    _Work(root).of(root, 0)


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
        levels, nodes = 0, 1
        for inner in (*element.iterchildren(etree.Element), *self._referred(element)):
            if level >= DEEPEST:
                raise Unreadable(f"an SVG of more than {DEEPEST} levels: it is not drawn")
            deeper, more = self.of(inner, level + 1)
            levels, nodes = max(levels, deeper), nodes + more
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
