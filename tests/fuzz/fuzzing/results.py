"""What fuzzing came to, a line a reader, in `results.json`; a run that was stopped is taken up again."""

from __future__ import annotations

import fcntl
import json
import subprocess
import time
from typing import Any

from fuzzing import HOME, RESULTS
from fuzzing.driver import Tally
from fuzzing.findings import source


def load() -> dict[str, dict[str, Any]]:
    """Reader -> what is known."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def commit() -> str:
    """The commit that is checked out, "" outside of git."""
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HOME, capture_output=True, text=True)
    return done.stdout.strip()


def done(reader: str) -> float:
    """Seconds that this reader was fuzzed as it is now."""
    known = load().get(reader, {})
    return float(known.get("seconds", 0.0)) if known.get("source") == source() else 0.0


def save(reader: str, before: dict[str, Any], tally: Tally) -> None:
    """Write what a run came to, on top of what was known `before` of the same source."""
    same = before.get("source") == source()
    line = {
        "seconds": round(tally.seconds + (before["seconds"] if same else 0), 1),
        "executions": tally.executions + (before["executions"] if same else 0),
        "findings": tally.findings,
        "slowest_input_seconds": max(tally.slowest, before["slowest_input_seconds"] if same else 0),
        "peak_mib": max(tally.peak >> 20, before["peak_mib"] if same else 0), "engine": tally.engine,
        "date": time.strftime("%F"), "commit": commit(), "source": source(),
    }  # fmt: skip
    with RESULTS.with_name(".lock").open("w") as lock:  # several readers may be fuzzed at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        beside = RESULTS.with_name(".results")
        beside.write_text(json.dumps({**load(), reader: line}, indent=1, sort_keys=True) + "\n")
        beside.replace(RESULTS)
