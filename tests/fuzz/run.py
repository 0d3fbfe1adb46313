"""Fuzz the readers: `python tests/fuzz/run.py [READER ...] [--seconds 600] [--engine plain] [--fresh]`.

Findings are written to tests/fuzz/findings, the totals to tests/fuzz/results.json. A reader that was fuzzed so long
since its source last changed is passed over; `--fresh` begins again. The exit code is 1 when something was found.
`--keep READER` copies the telling inputs of the corpus into the seeds.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fuzzing import FINDINGS, results
from fuzzing.driver import Tally, engine_here, fuzz
from fuzzing.findings import found, headline
from fuzzing.seeds import keep
from fuzzing.targets import TARGETS


def main() -> int:
    """One reader after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readers", nargs="*", choices=[*TARGETS, []], default=[], metavar="READER")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--engine", choices=("atheris", "plain"), default=engine_here())
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--keep", action="store_true")
    given = parser.parse_args()
    readers = given.readers or list(TARGETS)
    if given.keep:
        for reader in readers:
            print(f"{reader}: {keep(reader)} seeds")
        return 0
    for reader in readers:
        one(reader, given.seconds, given.engine, fresh=given.fresh)
    notes = {reader: found(reader) for reader in readers}
    for reader, several in notes.items():
        for each in several:
            print(f"{reader}: {each['input']}: {headline(str(each['error']))}")
    if any(notes.values()):
        print(f"findings are in {FINDINGS}; read one again with: python tests/fuzz/again.py FILE")
    return int(any(notes.values()))


def one(reader: str, seconds: float, engine: str, *, fresh: bool) -> None:
    """Fuzz one reader for what is left of its time."""
    before = {} if fresh else results.load().get(reader, {})
    left = seconds - (0.0 if fresh else results.done(reader))
    if left <= 1:
        print(f"{reader}: {seconds:g} s are done since its source last changed (--fresh begins again)")
        return
    print(f"{reader}: {left:.0f} s with {engine}", flush=True)

    def report(tally: Tally) -> None:
        results.save(reader, before, tally)

    tally = fuzz(reader, left, engine, report)
    report(tally)
    print(
        f"{reader}: {tally.executions} inputs, slowest {tally.slowest:g} s, {tally.findings} findings {tally.ends}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
