"""Run commands and measure them: time side by side, and memory."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import IO

MEMORY_OF_PROCESS = Path("/proc/self/smaps_rollup")
SAMPLE = 0.01  # seconds between two looks at the memory


class BenchmarkError(Exception):
    """A command that does not do what is measured."""


@dataclass(frozen=True)
class Command:
    """A command to measure.

    Attributes:
        args: with the program.
        cwd: where it runs.
        environment: beside that of this process.
        statuses: exit statuses that say that it did its work.
        prepare: what has to be done before each run, and is not measured.
        output: where what a measured run prints goes; None throws it away.
    """

    args: Sequence[str | Path]
    cwd: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    statuses: tuple[int, ...] = (0,)
    prepare: Callable[[], None] = lambda: None
    output: Path | None = None

    def start(self, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
        """The running process; what it prints goes to `output`."""
        return subprocess.Popen(
            self.args,
            cwd=self.cwd,
            env={**os.environ, "NO_COLOR": "1", **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def ended(self, status: int) -> None:
        """Look at its exit status.

        Raises:
            BenchmarkError: it is none that a run which did its work has.
        """
        if status not in self.statuses:
            raise BenchmarkError(f"{' '.join(map(str, self.args))}: exit status {status}")


@dataclass(frozen=True)
class Ratio:
    """How long one command takes beside another: medians in seconds, and the median of the ratios of each pair."""

    ours: float
    theirs: float
    ratio: float


def seconds(command: Command) -> float:
    """How long one run takes."""
    command.prepare()
    with (command.output or Path(os.devnull)).open("wb") as output:
        start = time.perf_counter()
        status = command.start(output).wait()
        took = time.perf_counter() - start
    command.ended(status)
    return took


def printed(command: Command) -> str:
    """What a run prints, errors too."""
    command.prepare()
    process = command.start(subprocess.PIPE)
    text, _ = process.communicate()
    command.ended(process.returncode)
    return text.decode(errors="replace")


def compare(ours: Command, theirs: Command, rounds: int, *, warm_up: bool = True) -> Ratio:
    """Run two commands in turn, and the other one first in every second round."""
    if warm_up:
        seconds(ours), seconds(theirs)
    pairs = []
    for number in range(rounds):
        if number % 2:
            other = seconds(theirs)
            pairs.append((seconds(ours), other))
        else:
            own = seconds(ours)
            pairs.append((own, seconds(theirs)))
    return Ratio(
        median(own for own, _ in pairs),
        median(other for _, other in pairs),
        median(own / other for own, other in pairs),
    )


def peak_memory(command: Command) -> int | None:
    """The most bytes that a command and its processes hold at once, shared pages by their share (the sum of PSS).

    None where the system does not tell.
    """
    if not MEMORY_OF_PROCESS.exists():
        return None
    command.prepare()
    process = command.start(subprocess.DEVNULL)
    most = 0
    while (status := process.poll()) is None:
        most = max(most, sum(map(_held, _family(process.pid))))
        time.sleep(SAMPLE)
    command.ended(status)
    return most


def _family(process: int) -> list[int]:
    """A process and all that come from it."""
    found = [process]
    for parent in found:
        try:
            for thread in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (thread / "children").read_text().split())
        except OSError:
            continue  # it has ended
    return found


def _held(process: int) -> int:
    try:
        rows = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(row.split()[1]) * 1024 for row in rows if row.startswith("Pss:"))
