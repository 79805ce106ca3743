"""What was measured as RESULTS.md, and the part of it that the README shows."""

from __future__ import annotations

import datetime
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple
from pathlib import Path

from benchmarks import corpus
from benchmarks.measure import printed
from benchmarks.rows import COMPOSE, WARM, Bench, Row

RESULTS = Path(__file__).with_name("RESULTS.md")
README = corpus.ROOT / "README.md"
START = "<!-- speed: measured, python -m benchmarks --write writes it -->\n"
END = "<!-- end of speed -->\n"
CONDITIONS = ["measured", ""]
HEADER = ["what", "ours", "against", "theirs", "ratio", "of processor time", "target", ""]


def conditions() -> dict[str, str]:
    """When and where is measured, to be asked before anything runs."""
    found = {
        "date": f"{datetime.date.today():%Y-%m-%d}",
        "machine": f"{platform.system()}, {platform.machine()}",
        "processor": f"{_processor()}, {_cores()} of {os.cpu_count() or 1} cores",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
    }
    if sys.platform != "win32":
        found["load average at the start"] = f"{os.getloadavg()[0]:.2f}"
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def results(found: Iterable[Row], bench: Bench, measured: dict[str, str]) -> str:
    """All rows, with when and where they were measured.

    Args:
        found: the rows.
        bench: that they were measured with.
        measured: the conditions.
    """
    titles = [peer.title for peer in bench.others.values() if not peer.missing]
    linters = ", ".join([printed(bench.ours(bench.work, "--version")).strip(), *titles])
    runs = f"{bench.rounds} of a quick command, {bench.few} of one that takes seconds, one of agnix with all its rules"
    about = f"""\
# Speed

Measured in one go by `python -m benchmarks --write`. Times are medians of whole processes, ratios medians of the ratios
of runs that took turns: by the clock, and of the time that they had of all processors. A *cold* run finds an empty
cache and fills it, a *warm* one finds what the run before left. The targets are about the clock.

{_table(CONDITIONS, [*measured.items(), ("linters", linters), ("runs", runs)])}

The corpus: {bench.files:,} distinct agent files, 20 MB by 3,000 files, half of them below 7 kB, one in a hundred above
50 kB, one in twenty with a defect (`benchmarks/corpus.py` makes it). Each linter named every file of a copy in which
every file has a defect; agnix as it comes, which takes long, says how many it checked. Two of its rules read the folder
again for each file, so it is measured without them too.

"""
    return about + _table(HEADER, map(astuple, found)) + "\n"


def summary(text: str) -> str:
    """The block of the README: what of the results a user wants to know."""
    tables = list(_tables(text))
    [measured] = [dict(rows) for header, *rows in tables if header == CONDITIONS]
    [found] = [[Row(*cells) for cells in rows] for header, *rows in tables if header == HEADER]
    cells = [
        (row.what, row.ours, row.against, row.theirs, row.ratio) for row in found if _told(row)
    ]
    return f"""
What runs at each commit must not be waited for. These are medians of runs that took turns on {measured["date"]}, with
{measured["processor"]}, and {measured["Python"]}; a ratio below 1 is for subwright. A *cold* run finds an empty cache,
in a *warm* one nothing has changed. [benchmarks/RESULTS.md](benchmarks/RESULTS.md) has all that is measured, and the
targets.

{_table(["", "subwright", "beside", "takes", "ratio"], cells)}
"""


def _told(row: Row) -> bool:
    """Whether a row is about linting, and beside something that a user knows."""
    return row.what.startswith("`lint`") and row.ours != "" and row.against not in (COMPOSE, WARM)


def with_summary(readme: str, text: str) -> str:
    """The README with the block that the results give.

    Args:
        readme: that has the comments around the block.
        text: the results.
    """
    start = readme.index(START) + len(START)
    return readme[:start] + summary(text) + readme[readme.index(END, start) :]


def write(text: str) -> None:
    """Write the results, and the README's block from them."""
    RESULTS.write_text(text, encoding="utf-8")
    readme = README.read_text(encoding="utf-8")
    README.write_text(with_summary(readme, text), encoding="utf-8")


def _table(header: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    return "\n".join([_line(header), "|---" * len(header) + "|", *map(_line, rows)])


def _line(cells: Iterable[str]) -> str:
    return "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"


def _tables(text: str) -> Iterator[list[list[str]]]:
    """The cells of each table, without the line below its header."""
    for part in text.split("\n\n"):
        if part.startswith("|"):
            lines = [line[1:-1].split("|") for line in part.strip().splitlines()]
            del lines[1]
            yield [[cell.strip() for cell in line] for line in lines]
