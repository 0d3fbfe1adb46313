"""Thousands of damaged files and every attack that we know: each gives parts, or one line that says why not."""

from __future__ import annotations

import pytest
from badfiles.corpus import ATTACKS, KINDS, PASSWORDS, SECRET, UNREAD, all_good, good, lay
from badfiles.mutants import mutants
from badfiles.trial import Outcome, beside
from badfiles.watch import trial

SEED = 12
SLOWEST = 10.0
PEAK = 700 << 20


def said(outcomes: list[Outcome], plan: str) -> str:
    """What a person needs to see it again."""
    failed = [outcome for outcome in outcomes if outcome.error or outcome.seconds > SLOWEST]
    lines = [f"{each.name} ({each.seconds:g} s): {each.error[:300]} ... {each.error[-700:]}" for each in failed[:8]]
    how = f"PYTHONPATH=tests/badinput python -m badfiles.trial '{plan}'"
    return "\n".join([f"{len(failed)} of {len(outcomes)} failed; add an `only` to see one: {how}", *lines])


def check(outcomes: list[Outcome], plan: str) -> None:
    """None died, hung, took long, or ended in another way than parts or `Unreadable`."""
    assert not any(each.error or each.seconds > SLOWEST for each in outcomes), said(outcomes, plan)
    assert all(bool(each.parts) or bool(each.why) for each in outcomes)
    assert max(each.peak for each in outcomes) < PEAK


@pytest.mark.parametrize("kind", KINDS)
def test_good_files_are_read_as_what_they_are(kind):
    outcomes = trial({"good": kind})
    check(outcomes, f'{{"good": "{kind}"}}')
    unread = {each.name: each.why for each in outcomes if not each.parts and each.name not in UNREAD}
    assert not {name: why for name, why in unread.items() if "needs the extra" not in why}
    assert {each.kind for each in outcomes if each.parts} <= {kind, *(["xml"] if kind == "image" else [])}


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_copies_give_parts_or_a_reason(kind):
    outcomes = trial({"mutants": kind, "seed": SEED})
    check(outcomes, f'{{"mutants": "{kind}", "seed": {SEED}}}')
    assert len(outcomes) == sum(1 for _ in mutants(dict(good(kind)), dict(all_good()), SEED))
    assert outcomes[0].why == "the file is empty"


def test_there_are_thousands_of_damaged_copies_and_they_follow_from_the_seed():
    names = {kind: [pair for pair in mutants(dict(good(kind)), dict(all_good()), SEED)] for kind in KINDS}
    assert sum(map(len, names.values())) >= 2_000
    assert all(len(pairs) > 50 for pairs in names.values())
    for kind in ("html", "pdf", "office"):
        again = list(mutants(dict(good(kind)), dict(all_good()), SEED))
        assert again == names[kind]
        assert again != list(mutants(dict(good(kind)), dict(all_good()), SEED + 1))


@pytest.mark.parametrize("group", ATTACKS)
def test_attacks_give_parts_or_a_reason_and_reach_nothing_else(trap, group):
    folder = lay(trap.ground, group)
    outcomes = trial({"folder": str(folder), "secrets": [SECRET, PASSWORDS]})
    check(outcomes, f'{{"folder": "{folder}"}}')
    assert len(outcomes) == len(beside(folder))
    assert trap.asked == []
