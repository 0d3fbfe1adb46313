"""Whether something failed because a disk is full."""

from __future__ import annotations

import errno
import os


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or one that it comes from, is that of a full disk.

    What is written in Rust or C++ only says so in words.
    """
    while error is not None:
        if getattr(error, "errno", None) == errno.ENOSPC or os.strerror(errno.ENOSPC) in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
