"""Runs trials and looks at them from the outside: who dies or hangs is noted, and the rest is read by another one."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from badfiles.corpus import SECRET
from badfiles.markup import Ground
from badfiles.trial import SECRET_COLOUR, Outcome

HOME = Path(__file__).parents[1]


def environment() -> dict[str, str]:
    """A child's environment, in which it finds this package."""
    paths = [str(HOME), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1"}


def trial(plan: dict[str, Any], patience: float = 30.0) -> list[Outcome]:
    """The outcome of every file of a plan (see `badfiles.trial`); `patience`: seconds for one of them."""
    outcomes: list[Outcome] = []
    while True:
        found, unfinished, end = _run({**plan, "skip": len(outcomes)}, patience)
        outcomes += found
        if unfinished is None:
            assert end == "exit code 0", f"the trial itself failed: {end}"
            return outcomes
        outcomes.append(Outcome(unfinished, error=end, seconds=patience if end.startswith("hangs") else 0.0))


def _run(plan: dict[str, Any], patience: float) -> tuple[list[Outcome], str | None, str]:
    """(outcomes, the file that it ended over or None, how it ended)."""
    outcomes, begun, late = [], None, False
    with tempfile.TemporaryFile() as said:
        command = [sys.executable, "-m", "badfiles.trial", json.dumps(plan)]
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=said, env=environment(), start_new_session=True
        )
        try:
            for line in _lines(child, patience):
                if line is None:
                    late = True
                    break
                message = json.loads(line)
                begun = message.get("begun")
                if "ended" in message:
                    outcomes.append(Outcome(**message["ended"]))
        finally:
            if child.poll() is None and late:
                os.kill(child.pid, signal.SIGABRT)  # faulthandler then says where it was
            if child.poll() is None:
                _wait(child)
            assert child.stdout is not None
            child.stdout.close()
        said.seek(max(0, said.seek(0, 2) - 4000))
        words = said.read().decode("utf-8", "replace")
    end = f"hangs for {patience:g} s" if late else _end_of(child.returncode)
    return outcomes, begun, end if end == "exit code 0" else f"{end}\n{words}"


def _wait(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(timeout=10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _lines(child: subprocess.Popen[bytes], patience: float) -> Iterator[bytes | None]:
    """Lines of its output; None when there was none for `patience` seconds, twice that at the start."""
    assert child.stdout is not None
    held, pipe, allowed = b"", child.stdout.fileno(), patience + 30
    while True:
        if not select.select([pipe], [], [], allowed)[0]:
            yield None
            return
        read = os.read(pipe, 1 << 16)
        if not read:
            return
        *whole, held = (held + read).split(b"\n")
        if whole:
            allowed = patience
        yield from whole


def _end_of(status: int) -> str:
    return f"died of {signal.Signals(-status).name}" if status < 0 else f"exit code {status}"


@contextmanager
def listening() -> Iterator[tuple[int, list[bytes]]]:
    """(port, what was asked): a server of this machine that nobody should ever ask."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server, asked), daemon=True)
        thread.start()
        yield server.getsockname()[1], asked
        with socket.create_connection(server.getsockname()) as last:
            last.sendall(b"stop")
        thread.join(10)


def _serve(server: socket.socket, asked: list[bytes]) -> None:
    while True:
        connection, _ = server.accept()
        with connection:
            connection.settimeout(2)
            try:
                first = connection.recv(200)
            except OSError:
                first = b"nothing was said"
            if first == b"stop":
                return
            asked.append(first)


def prepare(folder: Path, port: int) -> Ground:
    """Ground for attacks, with a secret text and a secret picture outside of its folder."""
    inside, outside = folder / "given", folder / "outside"
    inside.mkdir()
    outside.mkdir()
    ground = Ground(inside, port, outside / "secret.txt", outside / "secret.png")
    ground.secret.write_text(SECRET)
    Image.fromarray(np.full((64, 64, 3), SECRET_COLOUR, np.uint8)).save(ground.picture)
    return ground
