"""What a stream is coded in that cannot be decoded: PyAV does not say it, FFmpeg does where it describes a file."""

from __future__ import annotations

import re
from threading import Lock
from typing import Any

import av

_LEVEL = Lock()  # of FFmpeg's log: there is one for the whole process
# As in "Stream #0:1[0x2](und): Video: evc (Baseline) (EVC1 / 0x31435645), none, 48x48".
_DESCRIPTION = r"Stream #0:%d\b.*?: %s: (\w+)(?: \([^()\n]*\))*?(?: \(([\w .-]{1,4}) / 0x[0-9A-F]+\))?(?:,|$)"


def no_decoder(container: Any, stream: Any) -> str:
    """In words that FFmpeg has no decoder for a stream, with the codec's name or the tag that stands for it."""
    found = re.search(_DESCRIPTION % (stream.index, stream.type.capitalize()), _description(container), re.MULTILINE)
    known, tag = (found[1], found[2]) if found else ("none", None)
    named = [name for name in (known if known != "none" else "", (tag or "").strip()) if name]
    return "FFmpeg has no decoder for its codec" + (f" ({', '.join(named)})" if named else "")


def _description(container: Any) -> str:
    with _LEVEL:
        level = av.logging.get_level()
        av.logging.set_level(av.logging.INFO)
        try:
            return str(container.dumps_format())
        finally:
            av.logging.set_level(level)
