"""Importing does nothing and costs little: no heavy module, no logging set up. `benchmarks/start.py` has the times."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"numpy", "pyarrow", "lance", "faiss", "onnxruntime", "PIL", "av", "tokenizers", "torch", "puremagic", "rich"}

PROBE = """
import json, logging, sys, threading, warnings
before = set(sys.modules)
{action}
print("\\n" + json.dumps({{
    "modules": sorted(set(sys.modules) - before), "handlers": len(logging.getLogger().handlers),
    "threads": threading.active_count(), "warnings": len(warnings.filters),
}}))
"""
IMPORT = "import sensorium"
HELP = "from sensorium.cli.main import main\nassert main(['--help']) == 0"


def probe(action):
    """What a fresh process looks like after `action`."""
    command = [sys.executable, "-c", PROBE.format(action=action)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(ran.stdout.splitlines()[-1])


def test_import_sensorium_loads_nothing_heavy_and_sets_nothing_up():
    found, nothing = probe(IMPORT), probe("pass")
    assert not HEAVY & set(found["modules"])
    assert len(found["modules"]) < 40
    assert {k: found[k] for k in ("handlers", "threads", "warnings")} == {
        k: nothing[k] for k in ("handlers", "threads", "warnings")
    }


def test_help_loads_nothing_heavy_but_what_draws_it():
    assert not (HEAVY - {"rich"}) & set(probe(HELP)["modules"])


@pytest.mark.parametrize(
    "verb", ["add", "search", "classify", "evaluate", "remove", "status", "demo", "doctor", "models"]
)
def test_the_help_of_a_verb_loads_nothing_heavy(verb):
    action = f"from sensorium.cli.main import main\nassert main(['{verb}', '--help']) == 0"
    assert not (HEAVY - {"rich"}) & set(probe(action)["modules"])
