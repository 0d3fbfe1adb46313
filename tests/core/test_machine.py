"""What a machine can do is taken from what it says, and from what this process may use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sensorium.core import machine
from sensorium.core.machine import available_cores, fast_int8


@pytest.fixture(autouse=True)
def asked_anew():
    """What is said of other machines is forgotten again."""
    fast_int8.cache_clear()
    yield
    fast_int8.cache_clear()


@pytest.fixture
def on(monkeypatch, tmp_path):
    """A machine with this architecture and this /proc/cpuinfo; None for a system that has no such file."""

    def on(architecture: str, cpuinfo: bytes | None) -> None:
        told = tmp_path / "cpuinfo"
        if cpuinfo is not None:
            told.write_bytes(cpuinfo)
        monkeypatch.setattr(machine.platform, "machine", lambda: architecture)
        monkeypatch.setattr(machine, "Path", lambda name: told if name == "/proc/cpuinfo" else Path(name))

    return on


def flags(*names: str) -> bytes:
    """Two cores of a processor that has these."""
    core = f"processor\t: 0\nmodel name\t: Some(R) CPU @ 2.00GHz\nflags\t\t: fpu sse4_2 avx2 {' '.join(names)}\n"
    return f"{core}\n{core}\n".encode()


@pytest.mark.parametrize(
    ("architecture", "cpuinfo", "fast"),
    [
        ("x86_64", flags("avx512f", "avx512_vnni"), True),
        ("x86_64", flags("avx_vnni"), True),
        ("x86_64", flags("avx512f", "avx512bw"), False),
        ("x86_64", flags(), False),
        ("x86_64", flags("avx512_vnni_not", "xavx_vnni"), False),
        ("x86_64", b"", False),
        ("x86_64", b"flags\t: \xff\xfe avx_vnni\n", True),
        ("x86_64", None, False),  # macOS
        ("AMD64", None, False),  # Windows
        ("arm64", None, True),
        ("ARM64", None, True),
        ("aarch64", b"Features\t: fp asimd\n", True),
    ],
)
def test_8_bits_are_fast_where_the_processor_multiplies_them_without_overflow(on, architecture, cpuinfo, fast):
    on(architecture, cpuinfo)

    assert fast_int8() is fast


def test_a_machine_is_asked_once(on):
    on("x86_64", flags("avx_vnni"))
    assert fast_int8()
    on("x86_64", flags())
    assert fast_int8()


def test_this_machine_answers():
    assert fast_int8() in (True, False)
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not give a process its own cores")
def test_cores_that_are_taken_from_a_process_do_not_count():
    code = (
        "import os; from sensorium.core.machine import available_cores; "
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); print(available_cores())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "1\n"


@pytest.mark.parametrize(("counted", "cores"), [(7, 7), (None, 1)])
def test_where_a_system_does_not_say_more_all_cores_count(monkeypatch, counted, cores):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)

    assert available_cores() == cores
