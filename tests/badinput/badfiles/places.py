"""Files that are odd by where they lie, what they are called, or what they are: links, pipes, devices, names."""

from __future__ import annotations

import os
import socket
from pathlib import Path

ODD_NAMES = (
    b"two\nlines.txt", b"carriage\rreturn.txt", b"tab\there.txt", b"bell\x07.txt", b"escape\x1b[31mred.txt",
    b"delete\x7f.txt", b"broken-\xff\xfe.txt", b"half-\xc3.txt", b"latin-caf\xe9.txt", b"surrogate-\xed\xa0\x80.txt",
    b"-rf.txt", b"--help.txt", b" leading blank.txt", b"trailing blank.txt ", b"quote'\".txt", b"back\\slash.txt",
    b"percent%20%s%n.txt", b"star*?[a].txt", b"dollar$HOME`id`.txt", b"semi;colon&amp;.txt", b"colon:name.txt",
    b"a" * 251 + b".txt", "\u00e9".encode() * 125 + b".txt", "\U0001f980 crab.txt".encode(), "\u202egnp.txt".encode(),
    "zero\u200bwidth.txt".encode(), "e\u0301 and \u00e9.txt".encode(),
    b"<script>alert(1)</script>".replace(b"/", b"") + b".txt", b"CON.txt", b"dot.", b"..txt", b"no suffix",
)  # fmt: skip


def odd_names(folder: Path) -> list[bytes]:
    """Small texts under every odd name that the disk takes; returns those names."""
    folder.mkdir(parents=True)
    taken = []
    for number, name in enumerate(ODD_NAMES):
        try:
            with open(os.fsencode(folder) + b"/" + name, "wb") as file:  # noqa: PTH123 - a name that is no text
                file.write(f"Odd name number {number}: a lantern in the fog.\n".encode())
        except OSError:
            continue
        taken.append(name)
    return taken


def odd_places(folder: Path) -> list[socket.socket]:
    """Links in circles, into nothing and out, pipes, sockets, devices, deep folders; keep what is returned."""
    folder.mkdir(parents=True)
    for name, target in {
        "self.txt": "self.txt", "ping.txt": "pong.txt", "pong.txt": "ping.txt", "nowhere.txt": "gone/away.txt",
        "up": "..", "here": ".", "zero.txt": "/dev/zero", "random.jpg": "/dev/urandom", "null.txt": "/dev/null",
        "terminal.txt": "/dev/tty", "memory.bin": "/proc/self/mem", "root": "/", "stdin.txt": "/dev/stdin",
    }.items():  # fmt: skip
        (folder / name).symlink_to(target)
    circle = folder / "circle"
    (circle / "one").mkdir(parents=True)
    (circle / "two").mkdir()
    (circle / "one/to-two").symlink_to(circle / "two", target_is_directory=True)
    (circle / "two/to-one").symlink_to(circle / "one", target_is_directory=True)
    os.mkfifo(folder / "pipe.txt")
    os.mkfifo(folder / "pipe.mp4")
    deep = folder / "/".join(["deep"] * 300)
    deep.mkdir(parents=True)
    (deep / "down.txt").write_text("At the bottom of three hundred folders lies a pearl.\n")
    listening = socket.socket(socket.AF_UNIX)
    at = Path.cwd()
    os.chdir(folder)  # the address of a socket may have no more than 107 bytes
    try:
        listening.bind("socket.txt")
    finally:
        os.chdir(at)
    return [listening]


def forbidden(folder: Path) -> None:
    """A file and a folder that only root may read."""
    folder.mkdir(parents=True)
    (folder / "forbidden.txt").write_text("Nobody may read this.\n")
    (folder / "closed").mkdir()
    (folder / "closed/inside.txt").write_text("Nor this.\n")
    (folder / "forbidden.txt").chmod(0)
    (folder / "closed").chmod(0)
