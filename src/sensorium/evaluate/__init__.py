"""Data sets, experiments and reports: how good a search is, on the user's own collection.

The names below are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sensorium.evaluate.data import load as load
    from sensorium.evaluate.dataset import Dataset as Dataset
    from sensorium.evaluate.dataset import Judgment as Judgment
    from sensorium.evaluate.dataset import Sample as Sample
    from sensorium.evaluate.experiment import Plan as Plan
    from sensorium.evaluate.experiment import evaluate as evaluate
    from sensorium.evaluate.results import Results as Results
    from sensorium.evaluate.results import read as read
    from sensorium.evaluate.vectors import Cache as Cache
    from sensorium.evaluate.verdicts import compare as compare
    from sensorium.evaluate.verdicts import gate as gate
    from sensorium.evaluate.verdicts import parse_limit as parse_limit

_HOMES = {
    "Cache": "vectors", "Dataset": "dataset", "Judgment": "dataset", "Plan": "experiment", "Results": "results",
    "Sample": "dataset", "compare": "verdicts", "evaluate": "experiment", "gate": "verdicts", "load": "data",
    "parse_limit": "verdicts", "read": "results",
}  # fmt: skip

__all__ = [
    "Cache", "Dataset", "Judgment", "Plan", "Results", "Sample", "compare", "evaluate", "gate", "load", "parse_limit",
    "read",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'sensorium.evaluate' has no attribute {name!r}")
    value = getattr(import_module(f"sensorium.evaluate.{home}"), name)
    globals()[name] = value
    return value
