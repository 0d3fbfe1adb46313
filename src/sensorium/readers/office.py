"""Office documents: Word, PowerPoint, OpenDocument, RTF; their text by section or slide, and their pictures."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from sensorium.core.errors import Unreadable
from sensorium.core.types import Part
from sensorium.readers import rtf
from sensorium.readers.chapters import Illustration
from sensorium.readers.contract import Limits, Source
from sensorium.readers.damage import unreadable
from sensorium.readers.opendocument import OpenDocument
from sensorium.readers.openxml import Package
from sensorium.readers.packed import opened
from sensorium.readers.sections import Section, described, known, text_parts
from sensorium.readers.slides import Presentation
from sensorium.readers.sniff import sniff
from sensorium.readers.word import WordDocument

_OPENXML = "application/vnd.openxmlformats-officedocument."
_WORD = _OPENXML + "wordprocessingml.document"
_SLIDES = _OPENXML + "presentationml.presentation"
_OPEN = frozenset({"application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.presentation"})
_RTF = "application/rtf"


class OfficeReader:
    """Text parts with the section or page they stand in, and the pictures as image parts."""

    kind = "office"

    def accepts(self, media_type: str) -> bool:
        """docx, pptx, odt, odp and rtf."""
        return media_type in (_WORD, _SLIDES, _RTF) or media_type in _OPEN

    def read(self, source: Source, limits: Limits) -> Iterator[Part]:
        """Text parts with `Place(section=...)` or, of slides and where pages are known, `Place(page=...)`.

        Raises `Unreadable` for damaged documents, for those locked with a password, and for those whose text unpacks
        to more than `limits.max_text_bytes`.
        """
        media_type = sniff(source)
        if media_type == _RTF:
            yield from rtf.parts(_bytes(source, limits), limits)
            return
        with opened(source, "Office document") as archive:
            found, about = _openxml(archive, media_type, limits) if media_type not in _OPEN else _open(archive, limits)
            first = next(found, None)
            if first is None:
                raise Unreadable("an Office document without text or pictures")
            title = known(title=first.attributes.get("heading"))
            yield from described(chain((first,), found), {**title, **about})


def _bytes(source: Source, limits: Limits) -> bytes:
    if source.size > limits.max_text_bytes:
        raise Unreadable(f"an RTF of {source.size} bytes: no more than {limits.max_text_bytes} are read")
    with unreadable("cannot be read"), source.open() as stream:
        return stream.read(limits.max_text_bytes)


_Found = tuple[Iterator[Part], dict[str, Any]]  # the parts, and what is known of the whole document


def _openxml(archive: zipfile.ZipFile, media_type: str, limits: Limits) -> _Found:
    package = Package(archive, limits)
    about = package.properties()
    if media_type == _WORD:
        return _parts(package, WordDocument(package).sections(), limits), about
    presentation = Presentation(package)
    return _parts(package, presentation.sections(), limits), {**about, "slides": presentation.count}


def _open(archive: zipfile.ZipFile, limits: Limits) -> _Found:
    document = OpenDocument(archive, limits)
    return _parts(document.package, document.sections(), limits), document.properties()


def _parts(package: Package, found: Iterable[Section | Illustration], limits: Limits) -> Iterator[Part]:
    for one in found:
        if isinstance(one, Section):
            yield from text_parts(one, limits)
        elif (part := package.part(one)) is not None:
            yield part


reader = OfficeReader()
