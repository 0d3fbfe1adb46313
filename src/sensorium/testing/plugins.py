"""Reader plug-ins made on the spot: an importable package with an entry point, in a folder for `sys.path`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sensorium.readers import registry
from sensorium.readers.workers import end_idle_workers

MISBEHAVING = '''
import ctypes, os, signal, sys, time

from sensorium.core.errors import Unreadable
from sensorium.core.types import Part, Place


class Misbehaving:
    """Does what the file says, line by line; takes over reStructuredText."""

    kind = "deed"

    def accepts(self, media_type):
        return media_type == "text/x-rst"

    def read(self, source, limits):
        with source.open() as stream:
            lines = stream.read().decode().split("\\n")
        for at, line in enumerate(filter(None, lines), start=1):
            verb, _, rest = line.partition(" ")
            getattr(self, verb)(rest, source)
            yield Part("text", f"{verb} {rest}", Place(lines=(at, at)))

    def say(self, rest, source):
        pass

    def print(self, rest, source):
        os.write(1, b"x" * 5000)
        print("\\0\\0\\0\\0", flush=True)

    def signal(self, rest, source):
        os.kill(os.getpid(), int(rest))

    def crash(self, rest, source):
        ctypes.string_at(0)

    def once(self, rest, source):
        if not os.path.exists(rest):
            open(rest, "w").close()
            os.kill(os.getpid(), signal.SIGSEGV)

    def hang(self, rest, source):
        time.sleep(float(rest))

    def leave(self, rest, source):
        os._exit(3)

    def eat(self, rest, source):
        self.eaten = [bytearray(1 << 20) for _ in range(int(rest))]

    def connect(self, rest, source):
        import socket
        socket.create_connection(("127.0.0.1", int(rest)), timeout=2)

    def refuse(self, rest, source):
        raise Unreadable(rest)

    def fail(self, rest, source):
        raise KeyError(rest)


reader = Misbehaving()
'''


def write_plugin(folder: Path, name: str = "misbehaving", source: str = MISBEHAVING) -> Path:
    """A package `name` with a module-level `reader`, as if installed in `folder`; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(source, "utf-8")
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8")
    (about / "entry_points.txt").write_text(f"[sensorium.readers]\n{name} = {name}:reader\n", "utf-8")
    return folder


@contextmanager
def installed_plugin(folder: Path, name: str = "misbehaving", source: str = MISBEHAVING) -> Iterator[Path]:
    """The package of `write_plugin`, installed for as long as the block lasts, here and in worker processes."""
    before = list(sys.path)
    sys.path.insert(0, str(write_plugin(folder, name, source)))
    look_again()
    try:
        yield folder
    finally:
        sys.path[:] = before
        sys.modules.pop(name, None)
        look_again()


def look_again() -> None:
    """Forgets which readers are installed, and ends the worker processes, which know those that were."""
    importlib.invalidate_caches()
    for cached in (registry.registered, registry._loaded, registry._reader_for):
        cached.cache_clear()
    end_idle_workers()
