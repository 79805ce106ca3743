"""The rows of the table: each a function from a `Bench` to what it measured."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TypeAlias

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
NO_CACHE = "no cache yet"
SLOW = "agnix"
TARGETS = {"agnix-off": 4.0, SLOW: 1 / 50}  # of the others the least: to be ahead


@dataclass(frozen=True)
class Row:
    """One line of the table; `met` is None where there is nothing to meet."""

    what: str
    against: str
    ours: str = ""
    theirs: str = ""
    ratio: str = ""
    processors: str = ""
    target: str = ""
    met: bool | None = None


@dataclass(frozen=True)
class Bench:
    """Where and how to measure.

    Attributes:
        programs: the folder of the `subwright` and `python` that are measured.
        work: an empty folder for all that is made.
        files: how many the corpus has.
        rounds: how often a quick command is run; one that takes seconds a third as often.
        others: the linters beside ours.
        growth: the numbers of files between which the time per file is compared.
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

    def has_cache(self) -> bool:
        """Whether this version of subwright has a cache."""
        return "--no-cache" in printed(self.ours(self.work, "lint", "--help"))


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
    title = "reading the files and a libyaml `compose` of their frontmatter"
    others: list[tuple[str, Command, float]] = [(title, limit, 6)]
    missing = []
    for key, peer in bench.others.items():
        target = TARGETS.get(key, 1.0)
        if peer.missing:
            missing.append(Row("the same", peer.title, ratio=peer.missing, target=_most(target)))
        elif key != SLOW:
            for each in (folder, witness) if key == "agentlint" else ():
                peers.policy(each)
            _saw_all(peer.title, peer.command(witness, *peer.report), witness)
            others.append((peer.title, peer.command(folder), target))
    found = compare(bench.all_rules(folder), [command for _, command, _ in others], bench.few)
    what = f"`lint` of {bench.files:,} files, cold, all rules"
    for (title, _, target), ratio in zip(others, found, strict=True):
        yield _row(what, title, ratio, target)
        what = "the same"
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
    yield _row("the same", peer.title, found, TARGETS[SLOW])


def _saw_all(title: str, report: Command, witness: Path) -> None:
    unseen = peers.unseen(report, witness)
    if unseen:
        raise BenchmarkError(f"{title} did not lint {len(unseen):,} files: {min(unseen)}, …")


def warm(bench: Bench) -> Iterator[Row]:
    """Runs with what an earlier one remembered."""
    what, against = "the same, warm", "`python -I -c pass` plus reading and hashing the files"
    again, warm = "the same after one file changed", "the warm run"
    if not bench.has_cache():
        yield Row(what, against, ratio=NO_CACHE, target=_most(2))
        yield Row(again, warm, ratio=NO_CACHE, target=_most(1.5))
        return
    folder = bench.folder(bench.files)
    args = ("lint", "--select", "ALL")
    run, without = bench.ours(folder, *args), bench.ours(folder, *args, "--no-cache")
    _same(run, without)
    limit = bench.python("-I", LIMITS, "hash", folder / ".claude/agents")
    [found] = compare(run, [limit], bench.few)
    yield _row(what, against, found, 2)
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
    yield _row(again, warm, found, 1.5)


def _named(folder: Path) -> Iterator[Path]:
    """The files of a corpus whose frontmatter has the name of the file."""
    for path in sorted((folder / ".claude/agents").iterdir()):
        if f"\nname: {path.stem}\n" in path.read_text(encoding="utf-8"):
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
    yield _row("`lint` of one 7 kB file, cold", '`python -c "import click, yaml"`', found, 1.5)


def help_text(bench: Bench) -> Iterator[Row]:
    """The start without any work."""
    [found] = compare(bench.ours(bench.work, "--help"), [_click(bench)], bench.rounds)
    yield _row("`subwright --help`", '`python -c "import click"`', found, 1.3)


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
        yield _row(f"completion of `{words}`", '`python -c "import click"`', found, 1.6)


def _click(bench: Bench) -> Command:
    return bench.python("-c", "import click")


def render(bench: Bench) -> Iterator[Row]:
    """One variant, and all of them."""
    one = bench.ours(bench.work, "render", "--database", "postgresql", "--version", "17")
    limit = bench.python("-c", "import click, jinja2, yaml")
    against = '`python -c "import click, jinja2, yaml"`'
    [found] = compare(one, [limit], bench.rounds)
    yield _row("`render` of one variant", against, found, 1.8)
    folder = bench.work / "rendered"

    def forget() -> None:
        shutil.rmtree(folder, ignore_errors=True)

    matrix = bench.ours(bench.work, "render", "--all", "-o", folder)
    [found] = compare(replace(matrix, prepare=forget), [one], bench.few)
    variants = len(list(folder.glob("*/*.md")))
    yield _row(f"`render --all`, {variants} variants", "one variant", found, 6)


# Memory and growth


def memory(bench: Bench) -> Iterator[Row]:
    """What all processes hold."""
    command = bench.all_rules(bench.folder(bench.files))
    # the highest of several runs, as a peak can be between two looks
    held = [most for _ in range(bench.few) if (most := peak_memory(command)) is not None]
    what = f"memory for {bench.files:,} files, the sum of PSS over all processes"
    if not held:
        yield Row(what, "", ratio="this system does not tell", target="at most 120 MiB")
    else:
        mib = max(held) / MIB
        yield Row(what, "", f"{mib:.0f} MiB", target="at most 120 MiB", met=mib <= 120)


def growth(bench: Bench) -> Iterator[Row]:
    """Whether a file costs more among many, in one process: how many there are depends on the number of files."""
    folders = {1: bench.one()} | {files: bench.folder(files) for files in bench.growth}
    runs: dict[int, list[Taken]] = {files: [] for files in folders}
    for number in range(bench.rounds):
        for files, folder in folders.items():
            if number < bench.few or files < MANY:
                command = bench.cold(folder, "lint", "--select", "ALL", "--jobs", "1")
                runs[files].append(taken(command))
    clock = _each(runs, lambda took: took.clock)
    processors = _each(runs, lambda took: took.processors)
    yield Row(
        f"growth from {min(clock):,} to {max(clock):,} files in one process, time per file without the start",
        "",
        ", ".join(f"{files:,}: {seconds * 1000:.2f} ms" for files, seconds in clock.items()),
        ratio=f"spread of {_spread(clock.values()):.0%}",
        processors=f"spread of {_spread(processors.values()):.0%}",
        target="within 20%",
        met=_spread(clock.values()) <= 0.2,
    )


def _each(
    runs: Mapping[int, Sequence[Taken]], seconds: Callable[[Taken], float]
) -> dict[int, float]:
    """What each file takes beyond the first, by the number of files."""
    took = {files: median(map(seconds, each)) for files, each in runs.items()}
    return {files: (took[files] - took[1]) / (files - 1) for files in took if files > 1}


def _spread(values: Collection[float]) -> float:
    least, most = min(values), max(values)
    return most / least - 1 if least > 0 else 0.0


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


def _row(what: str, against: str, found: Ratio, target: float) -> Row:
    return Row(
        what,
        against,
        _time(found.ours),
        _time(found.theirs),
        _times(found.clock),
        _times(found.processors) if found.processors else "",
        _most(target),
        found.clock <= target,
    )


def _most(target: float) -> str:
    return f"at most {_times(target)}"


def _times(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.1 else f"1/{1 / ratio:.0f}"


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
