"""What this machine has and can do."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path


def available_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def fast_int8() -> bool:
    """Whether it multiplies whole numbers of 8 bits faster than floats, and without overflow."""
    if platform.machine().lower() in ("arm64", "aarch64"):
        return True
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split())
    except OSError:  # not Linux
        return False
    return not flags.isdisjoint(("avx512_vnni", "avx_vnni"))
