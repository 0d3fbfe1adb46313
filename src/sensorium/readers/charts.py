"""What DrawingML draws, as text: text frames, charts, diagrams."""

from __future__ import annotations

from lxml import etree

from sensorium.readers.openxml import attribute, child
from sensorium.readers.safe_xml import local

_MOST_ROWS = 200


def paragraphs(body: etree._Element | None) -> str:
    """The paragraphs of a text frame as lines, lower levels indented."""
    lines = []
    for paragraph in body.iter("{*}p") if body is not None else ():
        text = "".join(
            "\n" if local(piece) == "br" else piece.text or "" for piece in paragraph.iter("{*}t", "{*}br")
        ).strip()
        level = attribute(child(paragraph, "pPr"), "lvl")
        if text:
            lines.append(
                ("  " * int(level) + "- " if level.isdecimal() and int(level) else "") + text.replace("\v", "\n")
            )
    return "\n".join(lines)


def chart(root: etree._Element) -> str:
    """A chart's titles, and its numbers as a table."""
    titles = [said for title in root.iter("{*}title") if (said := " ".join(paragraphs(title).split()))]
    series = list(root.iter("{*}ser"))
    names = [" ".join(_values(child(one, "tx"))) for one in series]
    columns = [_values(_first(one, "val", "yVal")) for one in series]
    labels = _values(_first(series[0], "cat", "xVal")) if series else []
    rows = [" | ".join(["", *names])] if any(names) else []
    length = min(max(map(len, (labels, *columns))), _MOST_ROWS)
    rows += [" | ".join(c[at] if at < len(c) else "" for c in (labels, *columns)) for at in range(length)]
    return "\n".join([*dict.fromkeys(titles), *(row.removeprefix(" | ") for row in rows)])


def diagram(root: etree._Element) -> str:
    """The texts of a diagram (SmartArt), a line each."""
    return "\n".join(filter(None, (paragraphs(child(point, "t")) for point in root.iter("{*}pt"))))


def _first(element: etree._Element, *names: str) -> etree._Element | None:
    return next((one for name in names if (one := child(element, name)) is not None), None)


def _values(element: etree._Element | None) -> list[str]:
    """The values that a chart keeps of its sheet."""
    return [_number(e.text or "") for e in element.iter("{*}v")] if element is not None else []


def _number(said: str) -> str:
    """Without the noise of binary fractions: 0.30000000000000004 is 0.3."""
    try:
        return f"{float(said):.10g}"
    except ValueError:
        return said.strip()
