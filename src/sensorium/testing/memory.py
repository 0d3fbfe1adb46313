"""How much memory a process has taken."""

from __future__ import annotations

import re
import sys
from pathlib import Path


def peak_bytes() -> int:
    """The most resident memory that this process has had.

    Not `ru_maxrss` where it can be helped: on Linux a child begins with what its parent had, however large that was.
    """
    if sys.platform == "linux":
        said = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
        if said is not None:
            return int(said[1]) << 10
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
