"""One way for decoders to fail: whatever they raise over a damaged file becomes `Unreadable`."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from sensorium.core.errors import Unreadable

# What Pillow, FFmpeg's binding and the codecs of Python raise over malformed files, as met in fuzzing and in their
# sources; warnings too, where the caller has made them errors. Anything else is a mistake of ours and must be seen.
DAMAGE: tuple[type[Exception], ...] = (
    OSError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError, SyntaxError,
    EOFError, RuntimeError, MemoryError, struct.error, zlib.error, Warning,
)  # fmt: skip

TOO_LARGE = "needs more memory than a file may have: give more with --memory"

_NOISE = re.compile(r"<[^<>]* at 0x[0-9a-fA-F]+>|b?'[^']{40,}'")
_CHECKSUM = re.compile(r"CRC|checksum", re.IGNORECASE)
_LONGEST = 120


@contextmanager
def unreadable(what: str, *more: type[Exception]) -> Iterator[None]:
    """Within this block the errors of decoders, and `more`, become `Unreadable("WHAT: the decoder's word for it")`."""
    try:
        yield
    except Unreadable:
        raise
    except MemoryError as error:
        raise Unreadable(TOO_LARGE) from error
    except (*DAMAGE, *more) as error:
        raise Unreadable(f"{what}: {reason(error)}") from error


def reason(error: Exception) -> str:
    """A decoder's error in a few words on one line, without paths and memory addresses."""
    # what Python says of these means nothing to those who do not program
    if isinstance(error, (struct.error, EOFError)):
        return "it ends too early"
    if isinstance(error, UnicodeDecodeError):
        return "some of its characters do not exist, or are in another encoding than it says"
    said = getattr(error, "strerror", None) or str(error)
    if _CHECKSUM.search(said):
        return "its checksum is wrong"
    said = "".join(mark if mark.isprintable() else " " for mark in _NOISE.sub("", said))
    said = " ".join(said.split()).rstrip(" .:") or "it makes no sense"
    said = said if len(said) <= _LONGEST else said[: _LONGEST - 3] + "..."
    return said[:1].lower() + said[1:] if said[1:2].islower() else said
