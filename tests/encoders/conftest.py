"""What several tests of encoders share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for what several tests share: `small_towers`


@pytest.fixture(params=[True, False], ids=["fast", "slow"])
def fast(request, monkeypatch):
    """A machine that is fast with 8 bits, and one that is not."""
    monkeypatch.setattr("sensorium.encoders.onnx.fast_int8", lambda: request.param)
    return request.param
