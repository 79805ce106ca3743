"""The rows of the table: each a function from a `Bench` to what it measured."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple, TypeAlias

from benchmarks import corpus, peers
from benchmarks.measure import (
    BenchmarkError,
    Command,
    Ratio,
    Taken,
    compare,
    peak_memory,
    printed,
    taken,
)
from benchmarks.peers import Peer

LIMITS = Path(__file__).with_name("limits.py")
MIB = 1 << 20
GROWTH = (100, 1000, 3000, 10_000, 30_000)
MANY = 1000  # files that take about a second
ONE = 7000  # bytes of the file that is linted alone
SLOW = "agnix"
# what rows are measured beside that the README leaves out
COMPOSE = "reading the files and a libyaml `compose` of their frontmatter"
WARM = "the warm run"


class Target(NamedTuple):
    """What a ratio has to be at most, and what it would be at best."""

    most: float
    stretch: float | None = None

    def __str__(self) -> str:
        least = f", stretch {_share(self.stretch)}" if self.stretch else ""
        return f"at most {_share(self.most)}{least}"

    def verdict(self, ratio: float) -> str:
        """Which of them a ratio meets."""
        if self.stretch and ratio <= self.stretch:
            return "stretch met"
        return _verdict(ratio <= self.most)


TARGETS = {"agnix-off": Target(4, 2), SLOW: Target(1 / 50)}
AHEAD = Target(1)  # of the other linters


@dataclass(frozen=True)
class Row:
    """One line of the table, with its cells in their order."""

    what: str
    ours: str = ""
    against: str = ""
    theirs: str = ""
    ratio: str = ""
    processors: str = ""
    target: str = ""
    verdict: str = ""


@dataclass(frozen=True)
class Bench:
    """Where and how to measure.

    Attributes:
        programs: the folder of the `subwright` and `python` that are measured.
        work: an empty folder for all that is made.
        files: how many the corpus has.
        rounds: how often a quick command is run; one that takes seconds a third as often.
        others: the linters beside ours.
        growth: numbers of files, of which each two that follow each other tell what a further file takes.
    """

    programs: Path
    work: Path
    files: int = corpus.FILES
    rounds: int = 15
    others: Mapping[str, Peer] = field(default_factory=dict)
    growth: tuple[int, ...] = GROWTH

    @property
    def few(self) -> int:
        """How often a command is run that takes seconds."""
        return max(1, self.rounds // 3)

    def folder(self, files: int, *, witness: bool = False) -> Path:
        """A folder with a corpus of that many files."""
        folder = self.work / f"{'witness' if witness else 'corpus'}-{files}" / "project"
        if not folder.exists():
            corpus.write(folder, files, witness=witness)
        return folder

    def one(self) -> Path:
        """A folder with one agent file of the usual size."""
        folder = self.work / "one"
        agents = folder / ".claude" / "agents"
        if not agents.exists():
            head, body = corpus.agent(corpus.Draw("one"), "api-reviewer", ONE)
            agents.mkdir(parents=True)
            (agents / "api-reviewer.md").write_text(f"---\n{head}---\n{body}", encoding="utf-8")
        return folder

    def python(self, *args: str | Path) -> Command:
        """A run of the interpreter that subwright runs on."""
        return Command((self.programs / "python", *args), self.work)

    def ours(self, folder: Path, *args: str | Path) -> Command:
        """A run of subwright, with its cache below the work folder."""
        environment = {"SUBWRIGHT_CACHE_DIR": str(self.work / "cache")}
        command = (self.programs / "subwright", *args)
        return Command(command, folder, environment, (0, 1) if "lint" in args else (0,))

    def cold(self, folder: Path, *args: str | Path) -> Command:
        """A run of subwright that finds no cache."""

        def forget() -> None:
            shutil.rmtree(self.work / "cache", ignore_errors=True)

        return replace(self.ours(folder, *args), prepare=forget)

    def all_rules(self, folder: Path) -> Command:
        """A run of all rules over a folder that finds no cache."""
        return self.cold(folder, "lint", "--select", "ALL")


def measured(bench: Bench) -> Iterator[Row]:
    """All rows, one after the other.

    Raises:
        BenchmarkError: a command fails, or a linter did not read all files.
    """
    for row in ROWS:
        yield from row(bench)


Measure: TypeAlias = Callable[[Bench], Iterator[Row]]


# Many files


def beside_others(bench: Bench) -> Iterator[Row]:
    """What CPython and libyaml allow, and the other linters, each shown to have read all files."""
    folder, witness = bench.folder(bench.files), bench.folder(bench.files, witness=True)
    _saw_all("subwright", bench.ours(witness, "lint", "--output-format", "json"), witness)
    limit = bench.python("-I", LIMITS, "compose", folder / ".claude/agents")
    others: list[tuple[str, Command, Target]] = [(COMPOSE, limit, Target(6, 3))]
    what, missing = _cold(bench), []
    for key, peer in bench.others.items():
        target = TARGETS.get(key, AHEAD)
        if peer.missing:
            missing.append(Row(what, against=peer.title, ratio=peer.missing, target=str(target)))
        elif key != SLOW:
            for each in (folder, witness) if key == "agentlint" else ():
                peers.policy(each)
            _saw_all(peer.title, peer.command(witness, *peer.report), witness)
            others.append((peer.title, peer.command(folder), target))
    found = compare(bench.all_rules(folder), [command for _, command, _ in others], bench.few)
    for (title, _, target), ratio in zip(others, found, strict=True):
        yield _row(what, title, ratio, target)
    yield from missing


def beside_agnix(bench: Bench) -> Iterator[Row]:
    """agnix with all its rules, which takes minutes: one run, which is itself looked at."""
    peer = bench.others.get(SLOW)
    if peer is None or peer.missing:
        return
    folder, report = bench.folder(bench.files), bench.work / "agnix.json"
    command = replace(peer.command(folder, *peer.report), output=report)
    [found] = compare(bench.all_rules(folder), [command], 1, warm_up=False)
    if f'"files_checked": {bench.files},' not in report.read_text(encoding="utf-8"):
        raise BenchmarkError(f"{peer.title} did not lint all {bench.files:,} files")
    yield _row(_cold(bench), peer.title, found, TARGETS[SLOW])


def _cold(bench: Bench) -> str:
    return f"`lint` of {bench.files:,} files, cold, all rules"


def _saw_all(title: str, report: Command, witness: Path) -> None:
    unseen = peers.unseen(report, witness)
    if unseen:
        raise BenchmarkError(f"{title} did not lint {len(unseen):,} files: {min(unseen)}, …")


def warm(bench: Bench) -> Iterator[Row]:
    """Runs with what an earlier one remembered."""
    what = f"`lint` of {bench.files:,} files, warm, all rules"
    against = "`python -I -c pass` plus reading and hashing the files"
    again = f"`lint` of {bench.files:,} files after one changed, all rules"
    folder = bench.folder(bench.files)
    args = ("lint", "--select", "ALL")
    run, without = bench.ours(folder, *args), bench.ours(folder, *args, "--no-cache")
    _same(run, without)
    limit = bench.python("-I", LIMITS, "hash", folder / ".claude/agents")
    [found] = compare(run, [limit], bench.few)
    yield _row(what, against, found, Target(2))
    other, own = islice(_named(folder), 2)
    text = own.read_text(encoding="utf-8")
    times = 0

    def change() -> None:
        nonlocal times
        times += 1
        own.write_text(f"{text}\nChanged {times} times.\n", encoding="utf-8")

    [found] = compare(replace(run, prepare=change), [run], bench.few)
    # of two agents with one name the first is not loaded, which is found though only the second was changed
    own.write_text(text.replace(f"name: {own.stem}", f"name: {other.stem}"), encoding="utf-8")
    if not re.search(rf"{other.name}:.*\[duplicate-name\]", _same(run, without)):
        raise BenchmarkError("the rules across files do not see what changed")
    own.write_text(text, encoding="utf-8")
    _same(run, without)
    yield _row(again, WARM, found, Target(1.5, 1.2))


def _named(folder: Path) -> Iterator[Path]:
    """The files of a corpus that load under the name of the file."""
    for path in sorted((folder / ".claude/agents").iterdir()):
        text = path.read_text(encoding="utf-8")
        if f"\nname: {path.stem}\n" in text and "\ndescription: " in text:
            yield path


def _same(run: Command, without: Command) -> str:
    """What both print; with the cache also when it is as the run before left it."""
    text = printed(without)
    if {printed(run), printed(run)} != {text}:
        raise BenchmarkError("with the cache other things are found than without it")
    return text


# One start


def one_file(bench: Bench) -> Iterator[Row]:
    """One file, as an editor or a commit hook has it."""
    own = bench.cold(bench.one(), "lint", ".claude/agents/api-reviewer.md")
    limit = bench.python("-c", "import click, yaml")
    [found] = compare(own, [limit], bench.rounds)
    against = '`python -c "import click, yaml"`'
    yield _row("`lint` of one 7 kB file, cold", against, found, Target(1.5, 1.2))


def help_text(bench: Bench) -> Iterator[Row]:
    """The start without any work."""
    [found] = compare(bench.ours(bench.work, "--help"), [_click(bench)], bench.rounds)
    yield _row("`subwright --help`", '`python -c "import click"`', found, Target(1.3))


def completion(bench: Bench) -> Iterator[Row]:
    """What a shell waits for at each press of the tab key."""
    for words in ("lint --output-format", "render --database"):
        asked = {
            "_SUBWRIGHT_COMPLETE": "bash_complete",
            "COMP_WORDS": f"subwright {words} ",
            "COMP_CWORD": "3",
        }
        plain = bench.ours(bench.work)
        own = replace(plain, environment={**plain.environment, **asked})
        if len(printed(own).split()) < 3:
            raise BenchmarkError(f"`{words}` is not completed")
        [found] = compare(own, [_click(bench)], bench.rounds)
        against = '`python -c "import click"`'
        yield _row(f"completion of `{words}`", against, found, Target(1.6, 1.4))


def _click(bench: Bench) -> Command:
    return bench.python("-c", "import click")


def render(bench: Bench) -> Iterator[Row]:
    """One variant, and all of them."""
    one = bench.ours(bench.work, "render", "--database", "postgresql", "--version", "17")
    limit = bench.python("-c", "import click, jinja2, yaml")
    against = '`python -c "import click, jinja2, yaml"`'
    [found] = compare(one, [limit], bench.rounds)
    yield _row("`render` of one variant", against, found, Target(1.8, 1.4))
    folder = bench.work / "rendered"

    def forget() -> None:
        shutil.rmtree(folder, ignore_errors=True)

    matrix = bench.ours(bench.work, "render", "--all", "-o", folder)
    [found] = compare(replace(matrix, prepare=forget), [one], bench.few)
    variants = len(list(folder.glob("*/*.md")))
    yield _row(f"`render --all`, {variants} variants", "one variant", found, Target(6))


# Memory and growth


def memory(bench: Bench) -> Iterator[Row]:
    """What all processes hold."""
    command = bench.all_rules(bench.folder(bench.files))
    # the highest of several runs, as a peak can be between two looks
    held = [most for _ in range(bench.few) if (most := peak_memory(command)) is not None]
    what = f"memory for {bench.files:,} files, the sum of PSS over all processes"
    if not held:
        yield Row(what, ratio="this system does not tell", target="at most 120 MiB")
    else:
        mib = max(held) / MIB
        yield Row(what, f"{mib:.0f} MiB", target="at most 120 MiB", verdict=_verdict(mib <= 120))


def growth(bench: Bench) -> Iterator[Row]:
    """Whether a file costs more among many, in one process: how many there are depends on the number of files.

    What a further file takes is told by two numbers of files. Whatever a run does once, the patterns that it compiles
    when it first meets what they are for among it, is not in that.
    """
    runs: dict[int, list[Taken]] = {files: [] for files in bench.growth}
    for number in range(bench.rounds):
        for files in runs:
            if number < bench.few or files < MANY:
                command = bench.cold(bench.folder(files), "lint", "--select", "ALL", "--jobs", "1")
                runs[files].append(taken(command))
    clock = _further(runs, lambda took: took.clock)
    processors = _further(runs, lambda took: took.processors)
    yield Row(
        f"growth from {min(runs):,} to {max(runs):,} files in one process, time of a further file",
        ", ".join(f"to {files:,}: {seconds * 1000:.2f} ms" for files, seconds in clock.items()),
        ratio=f"spread of {_spread(clock.values()):.0%}",
        processors=f"spread of {_spread(processors.values()):.0%}",
        target="within 20%",
        verdict=_verdict(_spread(clock.values()) <= 0.2),
    )


def _further(
    runs: Mapping[int, Sequence[Taken]], seconds: Callable[[Taken], float]
) -> dict[int, float]:
    """What each file takes that one number of files has more than the number before it, by the greater number."""
    took = {files: median(map(seconds, each)) for files, each in runs.items()}
    return {
        more: (took[more] - took[fewer]) / (more - fewer) for fewer, more in pairwise(sorted(took))
    }


def _spread(values: Collection[float]) -> float:
    least, most = min(values), max(values)
    return most / least - 1 if least > 0 else math.inf


ROWS: tuple[Measure, ...] = (
    beside_others,
    beside_agnix,
    warm,
    one_file,
    help_text,
    completion,
    render,
    memory,
    growth,
)


def _row(what: str, against: str, found: Ratio, target: Target) -> Row:
    return Row(
        what,
        _time(found.ours),
        against,
        _time(found.theirs),
        _times(found.clock),
        _times(found.processors) if found.processors else "",
        str(target),
        target.verdict(found.clock),
    )


def _verdict(met: bool) -> str:
    return "met" if met else "not met"


def _times(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.1 else _share(ratio)


def _share(ratio: float) -> str:
    return f"{ratio:g}" if ratio >= 0.1 else f"1/{1 / ratio:.0f}"


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
