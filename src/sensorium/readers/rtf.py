"""Rich Text Format: its text by headings and pages, its pictures, what it says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

from striprtf.striprtf import rtf_to_text

from sensorium.core.errors import Unreadable
from sensorium.core.types import Part, Place
from sensorium.readers.chapters import Chapters, Illustration
from sensorium.readers.contract import Limits
from sensorium.readers.damage import unreadable
from sensorium.readers.dates import ymd
from sensorium.readers.embedded import picture
from sensorium.readers.sections import Section, described, known, text_parts

# Private characters that stand for what the text does not keep: the end of a page, a heading of level 0 to 8, a note.
_PAGE, _NOTE, _HEADING = "\ue000", "\ue001", "\ue010"
_MARKED = (
    (re.compile(r"\\page(?![a-z])"), rf"\\par{{\\uc0\\u{ord(_PAGE)} }}\\par "),
    (re.compile(r"\\outlinelevel([0-8])(?!\d)"), lambda found: rf"{{\uc0\u{ord(_HEADING) + int(found[1])} }}"),
    (re.compile(r"\\footnote(?![a-z])"), rf"{{\\uc0\\u{ord(_NOTE)} }}"),
)
_CODE = re.compile(r"\\u(-?\d{5,})")
_BRACES = re.compile(r"\\[{}\\]|[{}]|\\bin(\d+) ?")
_PICTURE = re.compile(r"\{\\(?:pict|\*\\objdata|\*\\themedata|\*\\datastore)\b")
_LARGEST = 16 << 20  # bytes, read in some 25 s
_BITMAP = re.compile(r"\\(?:png|jpeg)blip")
_HEX = re.compile(r"(?<=[\s}])[0-9a-fA-F][0-9a-fA-F\s]{63,}")
_HEADING_MARK = re.compile("[\ue010-\ue018]")
_INFO = re.compile(r"\{\\(title|author|subject|keywords|doccomm)\b ?((?:[^{}\\]|\\[^{}]|\\[{}])*)\}")
_CREATED = re.compile(r"\{\\creatim\\yr(\d+)\\mo(\d+)(?:\\dy(\d+))?")
_HEAD = 100_000
_LONGEST_HEADING = 300


def parts(data: bytes, limits: Limits) -> Iterator[Part]:
    """The passages of an RTF, then its pictures. Raises `Unreadable` when there is nothing in it."""
    text, pictures = _without_pictures(data.decode("latin-1"))
    if len(text) > _LARGEST:
        raise Unreadable(f"an RTF with more than {_LARGEST} bytes beside its pictures: save it as .docx")
    with unreadable("damaged RTF"):
        about = _about(text[:_HEAD])
        for mark, stands_for in _MARKED:
            text = mark.sub(stands_for, text)
        text = _CODE.sub(_bearable, text)
        plain = rtf_to_text(text, encoding=_encoding(text), errors="replace")
        plain = plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # halves of letters come apart
    sections = (found for found in _sections(plain) if isinstance(found, Section))
    texts = (part for section in sections for part in text_parts(section, limits))
    images = (image for group in pictures if (image := _image(group, limits)) is not None)
    found = chain(texts, images)
    first = next(found, None)
    if first is None:
        raise Unreadable("an RTF without text or pictures")
    title = known(title=first.attributes.get("heading"))
    yield from described(chain((first,), found), {**title, **about})


def _bearable(found: re.Match[str]) -> str:
    """The number of a letter, or of a question mark where there is no such letter."""
    return found[0] if len(found[1]) <= 7 and -0x8000 <= int(found[1]) <= 0x10FFFF else "\\u63"


def _sections(plain: str) -> Iterator[Section | Illustration]:
    chapters, in_table = Chapters(page=1 if _PAGE in plain else None), False
    for line in plain.replace("\xa0", " ").replace("\xad", "").split("\n"):
        if _PAGE in line and chapters.page is not None:
            chapters.page += line.count(_PAGE)
        level = _HEADING_MARK.search(line)
        before, *notes = _HEADING_MARK.sub("", line).replace(_PAGE, "").split(_NOTE)
        words = _row(before.strip())
        if level and words and len(words) <= _LONGEST_HEADING:
            yield from chapters.heading(words, ord(level[0]) - ord(_HEADING) + 1)
        else:
            yield from chapters.paragraph(words, tight=in_table and " | " in words)
        in_table = " | " in words
        for note in notes:
            chapters.note(note)
    for found in chapters.end():
        if isinstance(found, Section) and not found.attributes and chapters.page is None:
            yield Section(found.text, Place())
        else:
            yield found


def _row(line: str) -> str:
    """A table's row: "a|b|" is "a | b"."""
    return " | ".join(cell.strip() for cell in line[:-1].split("|")) if line.endswith("|") else line


def _without_pictures(text: str) -> tuple[str, list[str]]:
    """The RTF without its pictures, which may be most of it, and each picture's own RTF where it is a bitmap."""
    kept, pictures, seen = [], [], 0
    for found in _PICTURE.finditer(text):
        if found.start() < seen:
            continue
        end = _end_of_group(text, found.start())
        kept.append(text[seen : found.start()])
        group = text[found.start() : end]
        if _BITMAP.search(group[:2000]):
            pictures.append(group)
        seen = end
    return "".join([*kept, text[seen:]]), pictures


def _end_of_group(text: str, start: int) -> int:
    depth, at = 0, start
    while found := _BRACES.search(text, at):
        at = found.end() + (int(found[1]) if found[1] and len(found[1]) < 10 else 0)
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if depth == 0:
            return at
    return len(text)


def _image(group: str, limits: Limits) -> Part | None:
    hexes = max(_HEX.findall(group), key=len, default="")
    digits = "".join(hexes.split())
    return picture(bytes.fromhex(digits[: len(digits) // 2 * 2]), limits, Place(), {}) if digits else None


def _encoding(text: str) -> str:
    return "cp1252" if "\\mac" not in text[:200] else "mac_roman"


def _about(head: str) -> dict[str, Any]:
    said = {
        name: " ".join(rtf_to_text("{\\rtf1 " + text + "}", errors="replace").split())
        for name, text in _INFO.findall(head)
    }
    created = _CREATED.search(head)
    date = ymd(*(piece or "" for piece in created.groups())) if created else ""
    keywords = [word for word in map(str.strip, re.split("[,;]", said.get("keywords", ""))) if word]
    return known(
        title=said.get("title"), author=said.get("author"), subject=said.get("subject"),
        description=said.get("doccomm"), keywords=keywords, created=date, date=date,
    )  # fmt: skip
