"""Where bad files are laid, and who listens for what they ask."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from badfiles.markup import Ground
from badfiles.watch import listening, prepare


@dataclass
class Trap:
    """Ground for attacks, and what its server was asked."""

    ground: Ground
    asked: list[bytes]

    def is_silent(self) -> bool:
        """Whether nobody asked the server, and nobody read what lies outside of the folder."""
        return not self.asked


@pytest.fixture
def trap(tmp_path):
    if sys.platform == "win32":
        pytest.skip("needs pipes and links")
    with listening() as (port, asked):
        yield Trap(prepare(tmp_path, port), asked)
