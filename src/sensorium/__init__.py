"""Sensorium finds things by meaning, whatever they are. Every name below is imported when it is first used."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sensorium.core.errors import SensoriumError as SensoriumError
    from sensorium.core.types import AddReport as AddReport
    from sensorium.core.types import Hit as Hit
    from sensorium.core.types import Item as Item
    from sensorium.core.types import Neighbors as Neighbors
    from sensorium.core.types import Part as Part
    from sensorium.core.types import Place as Place
    from sensorium.core.types import ReindexReport as ReindexReport
    from sensorium.core.types import Skipped as Skipped
    from sensorium.core.types import Status as Status
    from sensorium.library.library import Library as Library
    from sensorium.library.query import File as File
    from sensorium.library.query import Like as Like
    from sensorium.library.query import Text as Text
    from sensorium.library.query import Vector as Vector

__version__ = "0.1.0"

# ONNX Runtime (1.29 and later) tells its maker about each process and model unless this is set before it is imported.
# Nothing is sent from here. Processes that are started from this one have it too.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

_HOMES = {
    "AddReport": "core.types", "File": "library.query", "Hit": "core.types", "Item": "core.types",
    "Library": "library.library", "Like": "library.query", "Neighbors": "core.types", "Part": "core.types",
    "Place": "core.types", "ReindexReport": "core.types", "SensoriumError": "core.errors", "Skipped": "core.types",
    "Status": "core.types", "Text": "library.query", "Vector": "library.query",
}  # fmt: skip

__all__ = [
    "AddReport", "File", "Hit", "Item", "Library", "Like", "Neighbors", "Part", "Place", "ReindexReport",
    "SensoriumError", "Skipped", "Status", "Text", "Vector", "__version__",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'sensorium' has no attribute {name!r}")
    value = getattr(import_module(f"sensorium.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
