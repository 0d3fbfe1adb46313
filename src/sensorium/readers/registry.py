"""Which reader reads what. Readers are entry points of the group `sensorium.readers`, the built-in ones too."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib import metadata

from sensorium.core.errors import Unreadable
from sensorium.core.types import Part
from sensorium.readers.contract import Limits, Reader, Source
from sensorium.readers.damage import unreadable
from sensorium.readers.packed import OFFICE
from sensorium.readers.reasons import why_not
from sensorium.readers.sniff import EMPTY, glimpse, sniff

__all__ = ["Limits", "Reader", "Source", "find", "read", "registered"]

GROUP = "sensorium.readers"
NAMES = ("text", "image", "audio", "video", "html", "xml", "pdf", "table", "office", "epub")
# The same lines as in pyproject.toml, for a package that runs from its source tree without being installed.
BUILT_IN = {name: f"{GROUP}.{name}:reader" for name in NAMES}


@cache
def registered() -> dict[str, metadata.EntryPoint]:
    """Every reader by name, not yet imported. A plug-in that takes a built-in's name replaces it."""
    own = {name: metadata.EntryPoint(name, value, GROUP) for name, value in BUILT_IN.items()}
    found = {point.name: point for point in metadata.entry_points(group=GROUP) if point.value not in BUILT_IN.values()}
    return own | found


@cache
def _loaded(name: str) -> Reader | None:
    try:
        reader: Reader = registered()[name].load()
    except (ImportError, AttributeError) as error:
        if name in BUILT_IN and registered()[name].value == BUILT_IN[name]:
            raise
        warnings.warn(f"the reader plug-in {name!r} cannot be loaded ({error}): reinstall or remove it", stacklevel=2)
        return None
    return reader


@cache
def _reader_for(media_type: str) -> Reader | None:
    # Plug-ins first, so that they may take over a type; then the built-in reader that the type is named after, so
    # that a folder of pictures never loads FFmpeg.
    main = media_type.partition("/")[0]
    names = sorted(registered(), key=lambda name: (name in BUILT_IN, name != main, name))
    readers = (_loaded(name) for name in names)
    return next((reader for reader in readers if reader is not None and reader.accepts(media_type)), None)


def find(source: Source) -> Reader | None:
    """The reader for what `source` holds, told by its content; None when no reader takes it.

    Raises `Unreadable` when the source cannot be opened.
    """
    return _reader_for(_recognized(source) or sniff(source))


def _recognized(source: Source) -> str:
    """The media type that a plug-in knows the source to be, "" when none does: what is new is known to no one else."""
    for name in sorted(registered().keys() - BUILT_IN.keys()):
        recognize = getattr(_loaded(name), "recognize", None)
        if recognize is not None and (found := recognize(source.head(), source.name)):
            return str(found)
    return ""


def may_be_read(source: Source) -> bool:
    """Whether a reader takes what the first bytes of `source` show. No decoder is asked. Raises as `find`."""
    media_type = _recognized(source) or glimpse(source)
    return media_type == OFFICE or _reader_for(media_type) is not None


def read(source: Source, limits: Limits | None = None) -> tuple[str, Iterator[Part]]:
    """(kind, parts): what `source` is, and its parts as they are read; there is at least one.

    Raises `Unreadable` at once when it cannot be opened or no reader takes it, and from the iterator when its content
    turns out to be damaged. No other error comes from a file, whatever is in it.
    """
    reader = find(source)
    if reader is None:
        found = sniff(source)
        raise Unreadable("the file is empty" if found == EMPTY else why_not(found, source.name))
    return reader.kind, _parts(reader, source, limits or Limits())


def _parts(reader: Reader, source: Source, limits: Limits) -> Iterator[Part]:
    count = 0
    with unreadable(f"{reader.kind} that cannot be decoded"):
        parts = iter(reader.read(source, limits))
        for part in parts:
            count += 1
            if count < limits.max_parts:
                yield part
                continue
            if next(parts, None) is not None:
                cut = f"only the first {limits.max_parts} parts were read"
                part = replace(part, attributes={**part.attributes, "cut": cut})
            yield part
            return
    if not count:
        raise Unreadable("nothing in it that can be read")
