"""Make the corpus, install the other linters, measure, and print the table."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks import corpus, peers, report, rows
from benchmarks.measure import BenchmarkError
from benchmarks.rows import Bench

CORES = 2
QUICK = (100, 300, 1000)  # numbers of files between which the quick form looks at growth


def main() -> int:
    """Run it all; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--files", type=int, metavar="N", help="of the corpus")
    parser.add_argument("--rounds", type=int, metavar="N", help="of a command that takes no second")
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--quick", action="store_true", help="for a look: few files and rounds, no other linters"
    )
    form.add_argument(
        "--write", action="store_true", help="write RESULTS.md, and what the README shows of it"
    )
    given = parser.parse_args()
    _pin()
    measured = report.conditions()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            _say("installing")
            bench = Bench(
                peers.environment(folder / "ours", str(corpus.ROOT)),
                folder / "work",
                given.files or (300 if given.quick else corpus.FILES),
                given.rounds or (9 if given.quick else 15),
                {} if given.quick else peers.peers(folder),
                QUICK if given.quick else rows.GROWTH,
            )
            bench.work.mkdir()
            _say("measuring")
            found = []
            for row in rows.measured(bench):
                _say(f"{row.what} / {row.against}: {row.ours} {row.theirs} {row.ratio}")
                found.append(row)
            text = report.results(found, bench, measured)
    except BenchmarkError as error:
        _say(f"error: {error}")
        return 1
    print(text, end="")
    if given.write:
        report.write(text)
    return 0


def _pin() -> None:
    """Stay on as many processors as the targets are about, where the system lets a process choose."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
