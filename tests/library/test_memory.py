"""How much memory an `add` may take: what is said of it, and what it means for the workers."""

from __future__ import annotations

import pytest

from sensorium.core.errors import BadMemory
from sensorium.library import memory as memory_file
from sensorium.library.memory import Budget, default_memory, parse_memory


@pytest.mark.parametrize(
    ("said", "bytes_"),
    [
        ("1.5GB", 1_500_000_000),
        ("900 mb", 900_000_000),
        ("2g", 2_000_000_000),
        ("1000000", 1_000_000),
        ("64KB", 64_000),
    ],
)
def test_amounts_are_read_as_people_write_them(said, bytes_):
    assert parse_memory(said) == bytes_


@pytest.mark.parametrize("said", ["", "much", "-1GB", "1.5.2GB", "1 TBB", "GB"])
def test_what_is_no_amount_is_said_with_an_example(said):
    with pytest.raises(BadMemory, match=r"is not an amount of memory: write it as in 1\.5GB or 800MB"):
        parse_memory(said)


def test_too_little_is_said_with_what_is_needed():
    with pytest.raises(BadMemory, match="300 MB of memory is too little to add files: give at least 860 MB"):
        Budget.of(300_000_000, 2)
    assert Budget.of(860_000_000, 2) == Budget(1, 300_000_000)


@pytest.mark.parametrize("cores", [1, 2, 3, 8, 64])
@pytest.mark.parametrize("memory", [900_000_000, 1_500_000_000, 4_000_000_000, 64_000_000_000])
def test_the_workers_stay_within_what_is_given_and_use_the_cores(cores, memory):
    budget = Budget.of(memory, cores)
    assert budget.workers * budget.worker_bytes + memory_file.OWN_BYTES <= memory
    assert budget.worker_bytes >= memory_file.WORKER_BYTES
    assert budget.workers == cores or memory < memory_file.OWN_BYTES + (budget.workers + 1) * memory_file.WORKER_BYTES


def test_the_default_grows_with_cores_up_to_a_quarter_of_the_machine(monkeypatch):
    monkeypatch.setattr(memory_file, "_machine_bytes", lambda: 24_000_000_000)
    assert default_memory(2) == 1_500_000_000
    assert default_memory(8) == 560_000_000 + 8 * 300_000_000
    assert default_memory(64) == 6_000_000_000
