"""A process that adds folders to a library and searches it; it is looked at from the outside.

`python -m badfiles.adding PLAN`: JSON with `library`, `model`, `folders`, optionally `limits`, `searches` (texts).
It prints one line of JSON: `report`, `hits` (a list of paths a search), `left` (its own children that are zombies).
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from badfiles.watch import environment


@dataclass
class Ended:
    """What a process said in the end, and how much it took: seconds, and bytes at the peak of all its processes."""

    said: dict[str, Any]
    seconds: float
    peak: int
    left: list[int]

    @property
    def skipped(self) -> dict[str, str]:
        """Path -> why."""
        return {skip["path"]: skip["why"] for skip in self.said["report"]["skipped"]}


class Sampler(threading.Thread):
    """Looks at a process and all that it started, some 20 times a second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.root, self.peak, self.seen, self.stop = psutil.Process(pid), 0, set[psutil.Process](), threading.Event()

    def run(self) -> None:
        """Until it is told to stop."""
        while not self.stop.wait(0.05):
            total = 0
            try:
                everyone = [self.root, *self.root.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            for process in everyone:
                self.seen.add(process)
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.peak = max(self.peak, total)


def add_outside(plan: dict[str, Any], patience: float, paths: tuple[Path, ...] = ()) -> Ended:
    """Run a plan in a process of its own; `paths` are where it finds more packages."""
    surroundings = environment()
    surroundings["PYTHONPATH"] = ":".join([*map(str, paths), surroundings["PYTHONPATH"]])
    started = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", "badfiles.adding", json.dumps(plan)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=surroundings,
    )  # fmt: skip
    sampler = Sampler(child.pid)
    sampler.start()
    try:
        out, errors = child.communicate(timeout=patience)
    finally:
        child.kill()
        child.wait()
        sampler.stop.set()
        sampler.join()
    assert child.returncode == 0, f"exit code {child.returncode}: {errors.decode('utf-8', 'replace')[-3000:]}"
    psutil.wait_procs(list(sampler.seen), timeout=5)
    left = [process for process in sampler.seen if process.is_running()]  # their numbers may have been given anew
    return Ended(
        json.loads(out.splitlines()[-1]), time.monotonic() - started, sampler.peak, [each.pid for each in left]
    )


def main() -> None:
    """Carry out a plan."""
    from sensorium import Library
    from sensorium.readers.contract import Limits

    plan = json.loads(sys.argv[1])
    more = {"limits": Limits(**plan["limits"])} if "limits" in plan else {}
    with Library(plan["library"], model=plan["model"]) as library:
        report = library.add(*plan["folders"], **more)
        hits = [[hit.path for hit in library.search(text, k=3)] for text in plan.get("searches", [])]
        kinds = dict(library.status().kinds)
    zombies = [each.pid for each in psutil.Process().children() if each.status() == psutil.STATUS_ZOMBIE]
    print(json.dumps({"report": report.to_json(), "hits": hits, "kinds": kinds, "zombies": zombies}))


if __name__ == "__main__":
    main()
