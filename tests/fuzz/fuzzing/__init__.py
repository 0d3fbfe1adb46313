"""Fuzzing of every reader: guided by coverage where atheris is installed, by what the reader says elsewhere."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

HOME = Path(__file__).parents[1]
sys.path.append(str(HOME.parent / "badinput"))  # the good samples, and what is wrong with an outcome

SEEDS = HOME / "seeds"
_WRITTEN = Path(os.environ.get("SENSORIUM_FUZZ", HOME))  # tests write elsewhere
CORPUS, FINDINGS, RESULTS = _WRITTEN / "corpus", _WRITTEN / "findings", _WRITTEN / "results.json"
# The readers that are fuzzed: those that are imported, wherever they lie.
SOURCE = Path(next(iter(importlib.util.find_spec("sensorium").submodule_search_locations))) / "readers"
