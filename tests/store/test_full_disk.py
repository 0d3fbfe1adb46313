"""A full disk in the middle of writing is said in one line, and costs nothing that was in."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sensorium.core.errors import LibraryFull
from sensorium.store.durable import full_disk_told, write_json

# In a namespace of its own, so that nobody's mounts are touched: a disk of 2 MB, filled by commits, then freed.
FILL = """
import subprocess, sys
from pathlib import Path
disk = Path(sys.argv[1])
if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], capture_output=True).returncode:
    sys.exit(77)
from sensorium.core.errors import LibraryFull
from sensorium.store.commit import Writer
from sensorium.store.lock import Lock
from sensorium.store.tables import Store
from sensorium.testing.batches import SPACE, make_batch, make_library

ballast = disk / "ballast"
ballast.write_bytes(bytes(1_000_000))
store, said, before = make_library(disk / "some.library"), "", []
with Lock(store.path) as lock:
    writer = Writer(store, lock)
    while not said:
        store.refresh()
        before = store.items()["title"].to_pylist()
        try:
            writer.commit(make_batch(writer, [f"n{len(before) + n}" for n in range(20)], preview=1000))
        except LibraryFull as full:
            said = str(full)
store = Store.open(store.path)
assert store.items()["title"].to_pylist() == before and len(before) >= 20
assert len(store.live(SPACE).parts) == 2 * len(before)
ballast.unlink()
with Lock(store.path) as lock:
    writer = Writer(store, lock)
    writer.commit(make_batch(writer, [f"n{len(before) + n}" for n in range(20)], preview=1000))
    writer.compact()
store.refresh()
assert store.items()["title"].to_pylist() == [f"n{n}" for n in range(len(before) + 20)]
assert store.items()["id"].to_pylist() == list(range(1, len(before) + 21)) and store.notes == []
print(said)
"""


def test_a_disk_that_fills_up_while_writing(tmp_path: Path) -> None:
    if not shutil.which("unshare"):
        pytest.skip("needs unshare, to mount a small disk")
    command = ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", FILL, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if run.returncode == 77 or "unshare" in run.stderr:
        pytest.skip("this machine does not let a test mount a small disk")
    assert run.returncode == 0, run.stderr
    assert "the disk is full; free some space and run the same command again" in run.stdout
    assert run.stdout.count("\n") == 1 and run.stderr == ""


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError("LanceError(IO): No space left on device (os error 28), /rust/lance-file/src/writer.rs:254:9"),
        RuntimeError("External error: Generic LocalFileSystem error: No space left on device (os error 28)"),
    ],
)
def test_every_way_of_saying_full_is_understood(error: Exception, tmp_path: Path) -> None:
    with pytest.raises(LibraryFull) as full, full_disk_told(tmp_path):
        raise error
    assert str(full.value).startswith(f"{tmp_path}: the disk is full; ") and full.value.__cause__ is error


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), full_disk_told(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied")
    with pytest.raises(FileNotFoundError):
        write_json(tmp_path / "nowhere" / "x.json", {})
