"""Formulas of Office (OMML) and MathML, written in a line: "(a+b)/(2)", "x^2"."""

from __future__ import annotations

from lxml import etree

from sensorium.readers.flow import names
from sensorium.readers.safe_xml import local

_SKIPPED = names(
    "annotation annotation-xml rPr ctrlPr fPr sSupPr sSubPr sSubSupPr radPr dPr naryPr funcPr mPr accPr limLowPr"
)
_APPLIED = "\u2061"  # stands unseen between a function and what it is applied to
_FRACTIONS, _POWERS, _INDICES = ("f", "mfrac"), ("sSup", "msup", "mover"), ("sSub", "msub", "munder", "limLow")
_BOTH = ("sSubSup", "msubsup", "munderover")


def equation(element: etree._Element) -> str:
    """A formula as text."""
    name = local(element)
    if name in _SKIPPED or not name:
        return ""
    if not len(element):
        text = (element.text or "").replace(_APPLIED, " ")
        return text if name == "t" else text.strip()
    pieces = [equation(child) for child in element if local(child) not in _SKIPPED]
    if name in _FRACTIONS and len(pieces) == 2:
        return f"{_grouped(pieces[0])}/{_grouped(pieces[1])}"
    if name in _POWERS and len(pieces) == 2:
        return f"{pieces[0]}^{_grouped(pieces[1])}"
    if name in _INDICES and len(pieces) == 2:
        return f"{pieces[0]}_{_grouped(pieces[1])}"
    if name in _BOTH and len(pieces) == 3:
        return f"{pieces[0]}_{_grouped(pieces[1])}^{_grouped(pieces[2])}"
    if name in ("rad", "msqrt"):
        return f"√{_grouped(pieces[-1])}"
    if name == "nary":
        return _sum(element, pieces)
    if name == "d":
        return f"({', '.join(pieces)})"
    return ("; " if name in ("m", "mtable") else " " if name in ("mr", "mtr") else "").join(pieces)


def _sum(element: etree._Element, pieces: list[str]) -> str:
    sign = next((value for e in element.iter("{*}chr") for value in e.attrib.values()), "∫")
    low, high, rest = (*pieces, "", "", "")[:3]
    return sign + (f"_{_grouped(low)}" if low else "") + (f"^{_grouped(high)}" if high else "") + " " + rest


def _grouped(piece: str) -> str:
    return piece if len(piece) <= 1 or piece.isalnum() else f"({piece})"
