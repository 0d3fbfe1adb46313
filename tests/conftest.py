"""What every test shares: nothing of this user's environment or libraries leaks in."""

from __future__ import annotations

import signal

import pytest


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_is_heeded():
    """In a shell's background jobs it is ignored, and so it would be in the processes that tests interrupt."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    """A home folder without libraries, and no setting of the person who runs the tests."""
    for name in (
        "SENSORIUM_CACHE",
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
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    return home
