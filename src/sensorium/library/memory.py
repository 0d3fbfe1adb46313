"""How much memory an `add` may take, and what that means for the worker processes."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from sensorium.core.errors import BadMemory

DEFAULT_BYTES = 1_500_000_000
OWN_BYTES = 560_000_000  # this process with its towers, tables, and what waits to be encoded
WORKER_BYTES = 300_000_000  # the least that a worker can do its work with
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "K": 10**3, "M": 10**6, "G": 10**9}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMG]?B?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Budget:
    """`workers` processes, each with `worker_bytes` for its data."""

    workers: int
    worker_bytes: int

    @classmethod
    def of(cls, memory: int | None, cores: int) -> Budget:
        """What `memory` bytes (of all processes together) allow on so many cores; the default when None.

        With more than three cores the default grows by WORKER_BYTES a core, up to a quarter of the machine's memory.
        Raises BadMemory when it is less than one worker needs.
        """
        most = memory if memory is not None else default_memory(cores)
        if most < OWN_BYTES + WORKER_BYTES:
            least = -(-(OWN_BYTES + WORKER_BYTES) // 10**7) * 10
            raise BadMemory(f"{most / 1e6:.0f} MB of memory is too little to add files: give at least {least} MB")
        workers = max(1, min(cores, (most - OWN_BYTES) // WORKER_BYTES))
        return cls(workers, (most - OWN_BYTES) // workers)


def default_memory(cores: int) -> int:
    """Bytes that an `add` may take when nobody says: 1.5 GB, more on machines of many cores and much memory."""
    return max(DEFAULT_BYTES, min(OWN_BYTES + cores * WORKER_BYTES, _machine_bytes() // 4))


def parse_memory(text: str) -> int:
    """`1.5GB`, `800 MB` or a number of bytes. Raises BadMemory."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise BadMemory(f"{text!r} is not an amount of memory: write it as in 1.5GB or 800MB")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def _machine_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):  # a system that does not say
        return 0
