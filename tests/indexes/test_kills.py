"""SIGKILL at every line of a write leaves the old snapshot or the new one, and the next write leaves nothing else."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from sensorium.indexes.exact import ExactIndex
from sensorium.indexes.files import read_snapshot, write_snapshot
from sensorium.indexes.ivf import IvfIndex

SEAMS = """
import os, signal, sys
from pathlib import Path
import numpy as np
from sensorium.indexes.files import write_snapshot
folder, name, nth, after = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] == "after"
honest, calls = getattr(os, name), []

def deadly(*args, **options):
    calls.append(args)
    if len(calls) == nth and not after:
        os.kill(os.getpid(), signal.SIGKILL)
    result = honest(*args, **options)
    if len(calls) == nth:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(os, name, deadly)
write_snapshot(folder, {"all": np.full(5000, 2.0)}, {"version": 2})
print(len(calls))
"""

# Lines are counted while they run; a forked child dies at its n-th, and the parent looks at what is left.
LINES = """
import json, os, signal, sys
from pathlib import Path
import numpy as np
from sensorium.indexes import durable, files
folder, ours = Path(sys.argv[1]), {durable.__file__, files.__file__}

def write(version):
    files.write_snapshot(folder, {"all": np.full(50, float(version))}, {"version": version})

def dying_at(n):
    count = 0
    def trace(frame, event, _):
        nonlocal count
        if frame.f_code.co_filename not in ours:
            return None
        if event == "line":
            count += 1
            if count == n:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace
    return trace

write(0)
seen = []
for n in range(1, 10_000):
    child = os.fork()
    if not child:
        sys.settrace(dying_at(n))
        write(n)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    snapshot = files.read_snapshot(folder, verify=True)
    seen.append((snapshot.header["version"], bool((snapshot.arrays["all"] == snapshot.header["version"]).all())))
    if status == 0:
        break
left = len(list(folder.iterdir()))
write(n + 1)
print(json.dumps({"seen": seen, "left": left, "after": sorted(path.name for path in folder.iterdir())}))
"""


def run(code, *args):
    return subprocess.run([sys.executable, "-c", code, *map(str, args)], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("name", "nth"), [("fsync", 1), ("fsync", 2), ("fsync", 3), ("fsync", 4), ("replace", 1)])
def test_a_kill_around_a_sync_or_the_swap_leaves_old_or_new(tmp_path, name, nth, moment):
    write_snapshot(tmp_path, {"all": np.full(5000, 1.0)}, {"version": 1})
    killed = run(SEAMS, tmp_path, name, nth, moment)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    snapshot = read_snapshot(tmp_path, verify=True)
    swapped = (name, nth, moment) in {("replace", 1, "after"), ("fsync", 4, "before"), ("fsync", 4, "after")}
    assert snapshot.header["version"] == (2 if swapped else 1)
    assert set(snapshot.arrays["all"]) == {float(snapshot.header["version"])}
    write_snapshot(tmp_path, {"all": np.full(5000, 3.0)}, {"version": 3})
    assert {path.name for path in tmp_path.iterdir()} == {"current", read_snapshot(tmp_path).path.name}


def test_those_were_all_the_seams(tmp_path):
    for name, times in (("fsync", "4"), ("replace", "1")):
        assert run(SEAMS, tmp_path, name, 1000, "before").stdout.strip() == times


def test_a_kill_at_any_line_leaves_old_or_new_and_no_litter_grows(tmp_path):
    done = run(LINES, tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    versions = [version for version, _ in report["seen"]]
    assert len(versions) > 60
    assert all(whole for _, whole in report["seen"])
    assert all(version in (before, n) for n, (before, version) in enumerate(pairwise([0, *versions]), start=1))
    assert versions[0] == 0
    assert versions[-1] == len(versions)
    assert report["left"] == len(report["after"]) == 2


def test_an_index_file_killed_while_saved_is_the_old_one_and_swept_by_the_next(tmp_path):
    draw = np.random.default_rng(0)
    ids, vectors = np.arange(200), draw.standard_normal((200, 8)).astype(np.float32)
    path = tmp_path / "lists.ivf"
    IvfIndex.build(ids, vectors, "dot", lists=5).save(path)
    code = (
        "import os, signal, sys, numpy as np; from pathlib import Path; from sensorium.indexes.ivf import IvfIndex\n"
        "os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "IvfIndex.build(np.arange(9), np.eye(9, dtype=np.float32), 'l2', lists=2).save(Path(sys.argv[1]))"
    )
    assert run(code, path).returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2
    loaded = IvfIndex.load(path, ids, vectors)
    assert np.array_equal(
        loaded.search(vectors[:4], 3, probes=5).ids, ExactIndex(ids, vectors, "dot").search(vectors[:4], 3).ids
    )
    loaded.save(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["lists.ivf"]
