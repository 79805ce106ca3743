"""Run commands and measure them: time side by side, and memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import IO, NamedTuple

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


class Taken(NamedTuple):
    """What one run took, in seconds: by the clock, and of all processors (0 where the system does not tell)."""

    clock: float
    processors: float


@dataclass(frozen=True)
class Ratio:
    """What one command takes beside another: medians in seconds, and the medians of the ratios of each pair.

    On a machine that others use too the clock measures them as well; the time of the processors says what is ours.
    """

    ours: float
    theirs: float
    clock: float
    processors: float


def taken(command: Command) -> Taken:
    """What one run takes."""
    command.prepare()
    with (command.output or Path(os.devnull)).open("wb") as output:
        before, start = _used(), time.perf_counter()
        status = command.start(output).wait()
        took = Taken(time.perf_counter() - start, _used() - before)
    command.ended(status)
    return took


def _used() -> float:
    """Seconds of processors that all ended children have used, to the microsecond: `os.times` counts hundredths."""
    if sys.platform == "win32":
        return 0.0
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def printed(command: Command) -> str:
    """What a run prints, errors too."""
    command.prepare()
    # into a file: some programs end before a pipe has taken all that they print
    with tempfile.TemporaryFile() as file:
        status = command.start(file).wait()
        file.seek(0)
        text = file.read()
    command.ended(status)
    return text.decode(errors="replace")


def compare(
    ours: Command, others: Sequence[Command], rounds: int, *, warm_up: bool = True
) -> list[Ratio]:
    """Run commands in turn, and in every second round in the other order; ours beside each of the others."""
    commands = [ours, *others]
    if warm_up:
        for command in commands:
            taken(command)
    runs: list[list[Taken]] = []
    for number in range(rounds):
        order = range(len(commands))
        took = {
            index: taken(commands[index]) for index in (reversed(order) if number % 2 else order)
        }
        runs.append([took[index] for index in order])
    return [_ratio([(run[0], run[index]) for run in runs]) for index in range(1, len(commands))]


def _ratio(pairs: Sequence[tuple[Taken, Taken]]) -> Ratio:
    return Ratio(
        median(own.clock for own, _ in pairs),
        median(other.clock for _, other in pairs),
        median(own.clock / other.clock for own, other in pairs),
        median(own.processors / (other.processors or 1.0) for own, other in pairs),
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
