"""What every test shares: nothing of this user's environment or libraries leaks in."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    """A home folder without libraries, and no setting of the person who runs the tests."""
    for name in (
        "SENSORIUM_LIBRARY",
        "SENSORIUM_MODEL",
        "SENSORIUM_MODELS",
        "SENSORIUM_PRECISION",
        "HF_ENDPOINT",
        "HF_HUB_OFFLINE",
        "NO_COLOR",
        "FORCE_COLOR",
        "TMUX",
        "STY",
    ):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / ".local/share"))
    return home
