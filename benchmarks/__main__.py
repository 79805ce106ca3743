"""Make the corpus, install the other linters, measure, and print the table."""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks import corpus, peers, rows
from benchmarks.measure import BenchmarkError
from benchmarks.rows import Bench, Row

RESULTS = Path(__file__).with_name("RESULTS.md")
CORES = 2


def main() -> int:
    """Run it all; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--files", type=int, default=corpus.FILES, help="of the corpus")
    parser.add_argument("--rounds", type=int, default=15, help="of a quick command")
    parser.add_argument("--write", action="store_true", help=f"the table to {RESULTS.name} too")
    given = parser.parse_args()
    _pin()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            _say("installing")
            programs = peers.environment(folder / "ours", str(corpus.ROOT))
            others = peers.peers(folder)
            (folder / "work").mkdir()
            bench = Bench(programs, folder / "work", given.files, given.rounds, others)
            _say("measuring")
            found = []
            for row in rows.measured(bench):
                _say(f"{row.what} / {row.against}: {row.ours} {row.theirs} {row.ratio}")
                found.append(row)
    except BenchmarkError as error:
        _say(f"error: {error}")
        return 1
    text = report(found, bench)
    print(text, end="")
    if given.write:
        RESULTS.write_text(text, encoding="utf-8")
    return 0


def report(found: Iterable[Row], bench: Bench) -> str:
    """The table, with when and where it was measured."""
    measured = (
        "Measured side by side in one session by `python -m benchmarks --write`, on"
        f" {datetime.date.today():%Y-%m-%d}: {_machine()}. Times are medians of whole processes, ratios medians of the"
        " ratios of runs that took turns."
    )
    about = (
        f"The corpus: {bench.files:,} distinct agent files, 20 MB by 3,000 files, half of them below 7 kB, one in a"
        " hundred above 50 kB, one in twenty with a defect (`benchmarks/corpus.py` makes it). Each linter named every"
        " file of a copy in which every file has a defect."
    )
    lines = [
        "# Speed",
        "",
        measured,
        "",
        about,
        "",
        "| what | ours | against | theirs | ratio | of processor time | target | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in found:
        met = {None: "", True: "met", False: "not met"}[row.met]
        cells = (
            row.what,
            row.ours,
            row.against,
            row.theirs,
            row.ratio,
            row.processors,
            row.target,
            met,
        )
        lines.append(f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |"))
    return "\n".join(lines) + "\n"


def _machine() -> str:
    return (
        f"{_cores()} cores of {_model()}, Python {platform.python_version()}, {platform.system()}"
    )


def _model() -> str:
    try:
        rows = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        rows = []
    named = [row.partition(":")[2].strip() for row in rows if row.startswith("model name")]
    return named[0] if named else platform.machine()


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _pin() -> None:
    """Stay on as many processors as the targets are about, where the system lets a process choose."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
