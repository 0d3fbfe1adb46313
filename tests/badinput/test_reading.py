"""Thousands of damaged files and every attack that we know: each gives parts, or one line that says why not."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from badfiles.corpus import ATTACKS, KINDS, MAY_DIE, PASSWORDS, SECRET, UNREAD, all_good, good, lay
from badfiles.mutants import mutants
from badfiles.trial import Outcome, beside
from badfiles.watch import listening, prepare, trial

SEED = 12
SLOWEST = 10.0
PEAK = 700 << 20
HALVES = (KINDS[::2], KINDS[1::2])


def told(outcomes: list[Outcome], plan: dict[str, object]) -> str:
    """What a person needs to see it again."""
    lines = [f"{each.name} ({each.seconds:g} s): {each.error[:300]} ... {each.error[-700:]}" for each in outcomes[:8]]
    how = (
        [f"PYTHONPATH=tests/badinput python -m badfiles.trial '{json.dumps({**plan, 'only': outcomes[0].name})}'"]
        if outcomes
        else []
    )
    return "\n".join([f"{len(outcomes)} failed", *how, *lines])


def check(outcomes: list[Outcome], plan: dict[str, object]) -> None:
    """None died, hung, took long, or ended in another way than parts or `Unreadable`."""
    failed = [each for each in outcomes if each.error or each.seconds > SLOWEST]
    failed = [each for each in failed if not (each.name in MAY_DIE and each.error.startswith("died"))]
    assert not failed, told(failed, plan)
    assert all(bool(each.parts) or bool(each.why) or each.error for each in outcomes)
    assert max(each.peak for each in outcomes) < PEAK


@pytest.fixture(scope="session")
def damaged():
    """Every good file and every damaged copy of it, by kind; read by two processes."""
    with ThreadPoolExecutor(2) as pool:
        halves = pool.map(lambda kinds: trial({"kinds": kinds, "seed": SEED}), HALVES)
        outcomes = [outcome for half in halves for outcome in half]
    return {kind: [each for each in outcomes if each.name.startswith(f"{kind}/")] for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_good_files_are_read_as_what_they_are(damaged, kind):
    outcomes = damaged[kind][: len(good(kind))]
    assert [each.name for each in outcomes] == [f"{kind}/{name}" for name in good(kind)]
    unread = {each.name: each.why for each in outcomes if not each.parts and each.name.split("/")[1] not in UNREAD}
    assert not {name: why for name, why in unread.items() if "pip install" not in why}
    assert {each.kind for each in outcomes if each.parts} <= {kind, *(["xml"] if kind == "image" else [])}


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_copies_give_parts_or_a_reason(damaged, kind):
    check(damaged[kind], {"kinds": [kind], "seed": SEED})
    assert len(damaged[kind]) > 50
    nothing = next(each for each in damaged[kind] if each.name == f"{kind}/nothing")
    assert nothing.why == "the file is empty"


def test_there_are_thousands_of_damaged_copies_and_they_follow_from_the_seed(damaged):
    assert sum(len(outcomes) - len(good(kind)) for kind, outcomes in damaged.items()) >= 2_000
    for kind in ("html", "pdf", "office"):
        ones, again, others = (list(mutants(good(kind), all_good(), seed)) for seed in (SEED, SEED, SEED + 1))
        assert ones == again != others
        assert len(dict(ones)) == len(ones)


@pytest.fixture(scope="session")
def attacked(tmp_path_factory):
    """(outcomes by group, how many files there were, what the server was asked); read by two processes."""
    with listening() as (port, asked):
        ground = prepare(tmp_path_factory.mktemp("attacks"), port)
        folders = {group: lay(ground, group) for group in ATTACKS}
        plans = [
            {"folders": [str(path) for path in half], "secrets": [SECRET, PASSWORDS]}
            for half in _halves(list(folders.values()))
        ]
        with ThreadPoolExecutor(2) as pool:
            outcomes = [outcome for half in pool.map(trial, plans) for outcome in half]
    groups = {group: [each for each in outcomes if each.name.startswith(f"{group}/")] for group in ATTACKS}
    return groups, folders, asked


def _halves(things):
    return things[::2], things[1::2]


# What must be read in spite of all, as what; and what must be refused, with which words.
READ = {
    "pdfs/open-lock.pdf": "pdf", "pdfs/own-form.pdf": "pdf", "pdfs/actions.pdf": "pdf", "sounds/nans.wav": "audio",
    "sounds/one-sample.wav": "audio", "sounds/eight-channels.wav": "audio", "films/damaged-frames.mkv": "video",
    "films/one-frame.mp4": "video", "pages/outside.html": "html", "pages/active.html": "html",
    "pages/deep.html": "html", "xml/base.xml": "xml", "xml/include-0.xml": "xml", "xml/sheet.xml": "xml",
    "documents/links.docx": "office", "documents/links.epub": "epub", "tables/ragged.csv": "table",
    "tables/broken.jsonl": "table", "xml/controls.xml": "xml",
    "texts/invalid.txt": "text", "texts/line.txt": "text", "pictures/frames.gif": "video",
    "pictures/scans.jpg": "image",
}  # fmt: skip
REFUSED = {
    "pdfs/locked.pdf": "password", "pictures/50000x50000.png": "50000 x 50000 pixels", "archives/bomb.zip": "unpack it",
    "documents/bomb.docx": "unpacked", "documents/bomb.epub": "unpacked", "drawings/bomb.svgz": "unpacked",
    "pages/fifo.png": "not a regular file", "pages/zero.png": "not a regular file",
    "texts/blank.txt": "nothing but blank", "pdfs/minus.pdf": "a damaged PDF", "films/odd-edits.mp4": "its edit list",
    "tables/long-line.jsonl": "longer than the 1048576 characters",
}  # fmt: skip


def test_what_is_odd_is_read_and_what_does_harm_is_refused_in_words(attacked):
    outcomes = {each.name: each for group in attacked[0].values() for each in group}
    assert {name: outcomes[name].kind if outcomes[name].parts else outcomes[name].why for name in READ} == READ
    assert not {name: outcomes[name].why for name, words in REFUSED.items() if words not in outcomes[name].why}


@pytest.mark.parametrize("group", ATTACKS)
def test_attacks_give_parts_or_a_reason(attacked, group):
    outcomes, folders, _ = attacked
    check(outcomes[group], {"folders": [str(folders[group])]})
    assert len(outcomes[group]) == len(beside(folders[group]))


def test_attacks_reach_nothing_else(attacked):
    """Every outcome was looked through for a text and a picture that lie outside; here, that no one was asked."""
    outcomes, _, asked = attacked
    assert sum(map(len, outcomes.values())) > 250
    assert asked == []
