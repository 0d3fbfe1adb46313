"""A third package's reader that does what a broken decoder does: it dies, hangs, eats, prints, floods."""

from __future__ import annotations

from pathlib import Path

FILES = (
    "kill", "segv", "abort", "leave", "hang", "sleep", "eat", "eat-outside", "print", "raise", "exit", "flood",
    "endless", "nonsense", "late",
)  # fmt: skip
_READER = """
import ctypes, mmap, os, signal, sys, time
from sensorium.core.types import Part

class Broken:
    kind = "broken"

    def accepts(self, media_type):
        return media_type == "application/postscript"

    def read(self, source, limits):
        with source.open() as stream:
            way = stream.read().split()[1].decode()
        if way == "late":
            yield Part("text", "It begins well.")
        if way in ("kill", "late"):
            os.kill(os.getpid(), signal.SIGKILL)
        if way == "segv":
            ctypes.string_at(0)
        if way == "abort":
            os.abort()
        if way == "leave":
            os._exit(0)
        if way == "exit":
            sys.exit("an exit in a reader")
        while way == "hang":
            pass
        if way == "sleep":
            time.sleep(100_000)
        held = []
        while way == "eat":
            held.append(bytearray(1 << 24))
        while way == "eat-outside":
            held.append(mmap.mmap(-1, 1 << 24, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
            held[-1].write(b"x" * (1 << 24))
        if way == "print":
            print("{" * 100_000)
            os.write(1, os.urandom(1 << 20))
            os.write(2, b"noise" * 100_000)
        if way == "raise":
            raise BrokenReader("this was never handled")
        if way == "flood":
            yield Part("text", "word " * 20_000_000)
        while way == "endless":
            yield Part("text", "Again and again.")
        if way == "nonsense":
            yield {"not": "a part"}
        yield Part("text", f"The broken reader survived {way}.")

class BrokenReader(Exception):
    pass

reader = Broken()
"""


def install(folder: Path) -> Path:
    """Write the package, as pip would leave it, into a folder that is then a place to import from."""
    about = folder / "broken_reader-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "broken_reader.py").write_text(_READER)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-reader\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[sensorium.readers]\nbroken = broken_reader:reader\n")
    return folder


def write_files(folder: Path) -> None:
    """A file for each way to break, and good ones between them."""
    folder.mkdir(parents=True)
    for way in FILES:
        (folder / f"{way}.ps").write_text(f"%!PS {way} ")
        (folder / f"{way}-after.txt").write_text(f"What comes after {way} is read as ever.\n")
