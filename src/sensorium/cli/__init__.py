"""The command line: one file per verb, all printing in `output`. It translates, it never decides."""

from __future__ import annotations

import sys
from typing import NoReturn


def run() -> NoReturn:
    """The console entry point. Ctrl-C ends the command quietly even while its code is still being read."""
    try:
        from sensorium.cli.main import run as whole
    except KeyboardInterrupt:
        sys.exit(130)
    whole()
