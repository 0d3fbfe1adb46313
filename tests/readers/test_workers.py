"""Worker processes: the rows are those of the readers, and a file costs itself at most."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import psutil
import pytest

from sensorium.core.errors import BundleDamaged, Unreadable
from sensorium.readers import registry, workers
from sensorium.readers.contract import Limits, Source
from sensorium.readers.workers import Make, Workers, end_idle_workers
from sensorium.testing import media
from sensorium.testing.plugins import installed_plugin

PLAIN = "makers_of_rows:plain"
MAKERS = """
import numpy as np

def plain():
    def make(part):
        content = getattr(part.content, "samples", part.content)
        return {"modality": part.modality, "place": part.place.to_json(), "content": content, "by": part.attributes}
    return make

def picky(said):
    def make(part):
        raise ImportError(said)
    return make

def damaged():
    from sensorium.core.errors import BundleDamaged
    raise BundleDamaged("the bundle is damaged: put it back")
"""


@pytest.fixture(scope="module", autouse=True)
def plugin(tmp_path_factory):
    """Readers that misbehave, and makers of rows, for workers started from now on."""
    with installed_plugin(tmp_path_factory.mktemp("plugins")) as folder:
        (folder / "makers_of_rows.py").write_text(MAKERS)
        yield


@pytest.fixture
def deed(tmp_path):
    def write(*lines: str, name: str = "deed.rst") -> Source:
        (tmp_path / name).write_text("\n".join(lines))
        return Source.from_path(tmp_path / name)

    return write


def rows(source: Source, limits: Limits | None = None, memory: int = 0, make: str = PLAIN, **arguments: str):
    with Workers(memory, Make(make, arguments)) as pool:
        kind, found = pool.read(source, limits or Limits())
        return kind, list(found)


def test_rows_are_what_the_reader_gives_in_this_process(tmp_path):
    (tmp_path / "a.txt").write_text("\n\n".join(f"Paragraph {i}: " + "word " * 60 for i in range(100)))
    (tmp_path / "b.png").write_bytes(media.encoded(media.picture(300, 200), "PNG"))
    (tmp_path / "c.wav").write_bytes(media.wav(media.tone(440, 12.0)))
    for name in ("a.txt", "b.png", "c.wav"):
        source = Source.from_path(tmp_path / name)
        kind, parts = registry.read(source)
        expected = list(parts)
        found_kind, found = rows(source)
        assert found_kind == kind and len(found) == len(expected)
        for row, part in zip(found, expected, strict=True):
            content = getattr(part.content, "samples", part.content)
            assert np.array_equal(row["content"], content) if kind != "text" else row["content"] == content
            assert row["place"] == part.place.to_json() and row["by"] == dict(part.attributes)


def test_bytes_are_read_as_files_are(tmp_path):
    data = media.encoded(media.picture(90, 60), "PNG")
    kind, found = rows(Source.from_bytes(data, "query"))
    assert kind == "image" and found[0]["content"].shape == (60, 90, 3)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("say one", "signal 9"), "killed, most likely for want of memory"),
        (("crash now",), "its decoder died over it (SIGSEGV)"),
        (("signal 6",), "its decoder died over it (SIGABRT)"),
        (("leave now",), "its decoder died over it (exit code 3)"),
        (("say one", "refuse no words in it"), "no words in it"),
        (("fail badly",), "cannot be decoded: 'badly'"),
    ],
)
def test_what_goes_wrong_is_said_in_one_line_and_costs_one_file(deed, lines, why):
    with Workers(0, Make(PLAIN)) as pool:
        with pytest.raises(Unreadable) as caught:
            list(pool.read(deed(*lines), Limits())[1])
        assert why in caught.value.why and "\n" not in caught.value.why
        assert pool.read(deed("say well"), Limits())[0] == "deed"


def test_a_file_that_gives_nothing_is_given_up(deed):
    limits = replace(Limits(), stall_seconds=0.6)
    with pytest.raises(Unreadable, match=r"gave nothing for 0.6 s"):
        rows(deed("say one", "hang 60"), limits)


def test_a_file_that_takes_too_long_in_all_is_given_up(deed):
    limits = replace(Limits(), max_seconds=1.5, stall_seconds=1.2)
    with pytest.raises(Unreadable, match=r"took more than 1.5 s, the most that a file may take"):
        rows(deed(*["hang 0.6"] * 30), limits)


def test_waiting_for_the_one_who_asked_does_not_count(deed):
    limits = replace(Limits(), max_seconds=5.0, stall_seconds=2.0)
    with Workers(0, Make(PLAIN)) as pool:
        _, found = pool.read(deed(*["say on"] * 20_000), replace(limits, max_parts=20_000))
        next(found)
        time.sleep(2.5)
        assert sum(1 for _ in found) == 19_999


@pytest.mark.skipif(sys.platform != "linux", reason="this system has no limit for a process's data")
def test_a_file_that_wants_too_much_memory_is_given_up(deed):
    with pytest.raises(Unreadable, match="needs more memory than a file may have: give more with --memory"):
        rows(deed("eat 2000"), memory=400_000_000)
    assert rows(deed("eat 100"), memory=400_000_000)[0] == "deed"


def test_what_a_decoder_prints_is_not_taken_for_an_answer(deed):
    assert [row["content"] for row in rows(deed("print it", "say so"))[1]] == ["print it", "say so"]


def test_an_innocent_file_is_read_again_by_a_new_worker(deed, tmp_path):
    """A worker that dies may have been left in disorder by the file before."""
    kind, found = rows(deed(f"once {tmp_path / 'marker'}", "say well"))
    assert kind == "deed" and len(found) == 2


def test_nothing_reaches_the_network(deed):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        with pytest.raises(Unreadable):
            rows(deed(f"connect {server.getsockname()[1]}"))
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_model_that_fails_is_no_fault_of_the_file(deed):
    with pytest.raises(RuntimeError, match="the worker process failed: ImportError: no such thing"):
        rows(deed("say well"), make="makers_of_rows:picky", said="no such thing")
    with pytest.raises(BundleDamaged, match="the bundle is damaged: put it back"):
        rows(deed("say well"), make="makers_of_rows:damaged")


def test_a_stopped_reading_ends_its_worker(deed):
    before = set(psutil.Process().children())
    with Workers(0, Make(PLAIN)) as pool:
        next(pool.read(deed(*["say on"] * 5_000, "hang 60"), Limits())[1])
    end_idle_workers()
    assert set(psutil.Process().children()) <= before


def test_workers_are_used_again(deed):
    end_idle_workers()
    for _ in range(3):
        rows(deed("say well"))
    assert len(workers._IDLE) == 1


def test_many_threads_read_at_once(deed):
    sources = [deed(*["say on"] * (1 + i % 7), name=f"{i}.rst") for i in range(60)]
    before = threading.active_count()  # those of models that other tests keep open, too
    with Workers(0, Make(PLAIN)) as pool, ThreadPoolExecutor(6) as threads:
        found = list(threads.map(lambda source: len(list(pool.read(source, Limits())[1])), sources))
        assert found == [1 + i % 7 for i in range(60)]
    assert threading.active_count() <= before + 2


def test_workers_end_with_the_process_that_started_them(tmp_path, deed):
    """Killed without a chance to tidy up: a worker in the middle of a file ends all the same."""
    source = deed("say one", "hang 600")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from sensorium.readers.workers import Workers, Make\nfrom sensorium.readers.contract import Source, Limits\n"
        f"kind, rows = Workers(0, Make({PLAIN!r})).read(Source.from_path(sys.argv[2]), Limits())\n"
    )
    plugins = sys.path[0]
    with subprocess.Popen([sys.executable, "-c", code, plugins, source.path], stderr=subprocess.DEVNULL) as parent:
        deadline = time.monotonic() + 20
        while not (children := psutil.Process(parent.pid).children()) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert children and not alive
