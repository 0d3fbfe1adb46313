"""HEIC and HEIF pictures, by the extra `heic`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sensorium.core.errors import Unreadable

MISSING = "HEIC pictures need the extra heic: pip install 'sensorium[heic]'"


def plugin() -> Callable[..., Any]:
    """The class that opens them as one of Pillow's does. Raises `Unreadable` where the extra is not installed."""
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise Unreadable(MISSING) from error
    opened: Callable[..., Any] = HeifImageFile
    return opened
