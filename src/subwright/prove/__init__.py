"""Prove an agent: run the code that it teaches, on the database that it is about."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from subwright.diagnostic import Diagnostic, Source, Span
from subwright.errors import SubwrightError
from subwright.languages import Problem
from subwright.prove import process
from subwright.prove.blocks import Block, BlockError, blocks
from subwright.prove.database import DatabaseError, scratch_database, server_version, through
from subwright.prove.printed import compare
from subwright.prove.project import Project, ProjectError
from subwright.prove.statements import Statements
from subwright.prove.static import check, check_python, whole_file

if TYPE_CHECKING:
    from subwright.spec import Spec
    from subwright.template import Rendered

__all__ = [
    "Block",
    "BlockError",
    "DatabaseError",
    "Proof",
    "ProofError",
    "Result",
    "blocks",
    "prove",
    "server_version",
]

COMMAND_SECONDS = 300.0
# what the shell's trap writes: the line of the script that failed
_TRAPPED = re.compile(r"(?m)^subwright: line (\d{1,9})\n?")
LIBRARIES = (
    *("sqlalchemy", "alembic", "fastapi", "pydantic", "asyncpg", "psycopg", "aiomysql", "asyncmy"),
    "aiosqlite",
)


class ProofError(SubwrightError):
    """A proof that cannot be made."""


@dataclass(frozen=True)
class Result:
    """What one block, or one test of the frame, came to.

    `status` is `passed`, `failed`, `parsed` (it was only read, and `message` says why) or `skipped`.
    """

    title: str
    status: str
    line: int = 0
    language: str = ""
    message: str = ""
    detail: str = ""
    diagnostic: Diagnostic | None = None
    statements: int = 0
    block: int = 0


@dataclass
class Proof:
    """All results of one agent on one server; `tries` is how often it took, where a failed proof was made again."""

    agent: str
    variant: str = ""
    database: str = ""
    server: str = ""
    tries: int = 1
    results: list[Result] = field(default_factory=list)
    libraries: dict[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> list[Result]:
        """The results that are failures."""
        return [result for result in self.results if result.status == "failed"]

    def count(self, *statuses: str, language: str | None = None) -> int:
        """How many blocks, tests not counted, have one of the statuses."""
        return sum(
            1
            for result in self.results
            if result.block
            and result.status in statuses
            and (language is None or result.language == language)
        )

    @property
    def statements(self) -> int:
        """The SQL statements that ran."""
        return sum(result.statements for result in self.results)


@dataclass
class _Run:
    """One proof in the making."""

    proof: Proof
    spec: Spec
    rendered: Rendered | None
    found: list[Block]
    only: Sequence[range]
    by_template: bool
    fail_fast: bool
    report: Callable[[Result], object]
    printed: dict[int, str] = field(default_factory=dict)

    @cached_property
    def printers(self) -> dict[int, Block]:
        """For each block that says what is printed the block that prints it."""
        printers, last = {}, None
        for block in self.found:
            if block.role == "output" and last is not None:
                printers[block.number] = last
            elif block.role in ("statements", "commands"):
                last = block
        return printers

    @property
    def frame(self) -> Mapping[str, Any]:
        return self.rendered.prove if self.rendered else {}

    def add(self, result: Result) -> None:
        self.proof.results.append(result)
        self.report(result)

    def wanted(self, block: Block) -> bool:
        """Whether `--only` names a line of a block or its fences, of what it prints, or nothing at all."""
        if not self.only or self._named(block):
            return True
        outputs = [n for n, printer in self.printers.items() if printer is block]
        return any(self._named(self.found[number - 1]) for number in outputs)

    def _named(self, block: Block) -> bool:
        first, last = block.line - 1, block.line + block.code.count("\n")
        if self.rendered is None or not self.by_template:
            return any(line in lines for line in range(first, last + 1) for lines in self.only)
        return any(
            source is self.rendered.template.source and any(number in lines for lines in self.only)
            for source, number in self.rendered.origins[first - 1 : last]
        )

    def runs(self, block: Block) -> bool:
        """Whether a block is run: in an agent without a template only what its own marks ask for."""
        if block.role == "output":
            printer = self.printers.get(block.number)
            return printer is not None and not block.skip and self.runs(printer)
        if block.skip or block.role == "text":
            return False
        if self.frame:
            return True
        return block.python and (block.role == "file" or block.raises is not None)

    def parsed(self, block: Block, reason: str) -> None:
        self.add(
            Result(block.title, "parsed", block.line, block.language, reason, block=block.number)
        )

    def passed(self, block: Block, statements: int = 0, printed: str = "") -> None:
        self.printed[block.number] = printed
        self.add(
            Result(
                block.title,
                "passed",
                block.line,
                block.language,
                statements=statements,
                block=block.number,
            )
        )

    def failed(
        self,
        block: Block,
        line: int | None,
        problem: str,
        detail: str = "",
        help: str | None = None,
    ) -> None:
        at = line or block.line
        self.add(
            Result(
                block.title,
                "failed",
                at,
                block.language,
                problem,
                detail,
                self.diagnostic(at, problem, help),
                block=block.number,
            )
        )

    def diagnostic(self, line: int, message: str, help: str | None = None) -> Diagnostic:
        """A finding at a line of the agent, or at the line of the template that was named instead."""
        source: Source = self.spec.source
        if self.rendered is not None and self.by_template:
            source, line = self.rendered.origins[min(line, len(self.rendered.origins)) - 1]
        start, end = source.line_span(line)
        text = source.text[start:end]
        return Diagnostic(source, Span(end - len(text.lstrip()), end), message, help)

    @property
    def over(self) -> bool:
        return self.fail_fast and bool(self.proof.failed)


def prove(
    spec: Spec,
    rendered: Rendered | None = None,
    *,
    url: str | None = None,
    front: str | None = None,
    environment: Mapping[str, str] | None = None,
    database: str = "",
    server: str = "",
    only: Sequence[range] = (),
    by_template: bool = False,
    fail_fast: bool = False,
    report: Callable[[Result], object] = lambda result: None,
    warn: Callable[[str], object] = lambda message: None,
) -> Proof:
    """Read every code block of an agent, and run those whose role says so.

    Args:
        spec: the agent.
        rendered: how it was rendered, where it was: its template's frame and comments say what to run.
        url: an async URL of the server that the code is run on; nothing is run without one.
        front: the URL of a pooler that stands before the server, for the agent's code to connect to.
        environment: what a process needs to use that server, beside its URL.
        database: the title of the server's database, for the report.
        server: its version, likewise.
        only: lines; blocks elsewhere are not run, files are still written.
        by_template: whether these, and the lines of what is found, are the template's, not the agent's.
        fail_fast: stop after the first failure.
        report: called with each result as it comes.
        warn: called with what the user should know beside the results.

    Raises:
        ProofError, DatabaseError, BlockError: the proof cannot be made.
    """
    variant = rendered.variant if rendered else None
    proof = Proof(
        agent=rendered.name if rendered else str(spec.data.get("name") or spec.source.path),
        variant=variant.name if variant else "",
        database=database,
        server=server,
        libraries=_libraries(),
    )
    found = blocks(spec, rendered, by_template)
    run = _Run(proof, spec, rendered, found, only, by_template, fail_fast, report)
    sound = _read(run)
    to_run = [block for block in run.found if run.runs(block)]
    if url is None or all(block.role == "file" for block in to_run):
        for block in to_run:
            if block.number in sound and run.wanted(block) and not run.over:
                run.parsed(block, "nothing is run")
    else:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="subwright-")))
            # the code of the agent may have left folders without rights behind
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            home = folder / "home"
            home.mkdir()
            project = folder / "project"
            project.mkdir()
            place = stack.enter_context(scratch_database(url, home, warn))
            if front is not None:
                place = through(front, place)
            _execute(run, to_run, sound, project, home, place, environment or {})
    return proof


def _read(run: _Run) -> set[int]:
    """Parse every block; the numbers of those that are sound."""
    sound = set()
    files: dict[str, list[Block]] = {}
    preamble = str(run.frame.get("preamble", ""))
    for block in run.found:
        if block.role == "file" and block.python and block.path:
            files.setdefault(block.path, []).append(block)
    whole: dict[str, list[tuple[int, Problem]]] = {}
    for path, parts in files.items():
        code, lines = whole_file(parts)
        whole[path] = [
            (lines[p.line] if p.line < len(lines) else parts[0].line, p) for p in check_python(code)
        ]
    for block in run.found:
        if run.over:
            break
        if block.role == "file" and block.python and block.path:
            last = block.line + block.code.count("\n")
            problems = [(at, p) for at, p in whole[block.path] if block.line <= at <= last]
        else:
            problems = [(block.line + p.line, p) for p in check(block, preamble)]
        if problems:
            for at, problem in problems[:1] if run.wanted(block) else []:
                more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
                run.failed(block, at, problem.message + more, help=problem.help)
            continue
        sound.add(block.number)
        if not run.runs(block) and run.wanted(block):
            run.parsed(block, block.skip or _REASONS.get(block.role, "no role says to run it"))
    return sound


_REASONS = {"text": "", "output": "no block before it is run"}


def _execute(
    run: _Run,
    to_run: Sequence[Block],
    sound: set[int],
    folder: Path,
    home: Path,
    database: str,
    extra: Mapping[str, str],
) -> None:
    """Walk through the blocks in the order in which a reader meets them."""
    frame = run.frame
    project = Project(folder)
    project.write(frame.get("files", {}))
    tests = frame.get("tests")
    if tests and run.rendered:
        source = run.rendered.template.path.parent / str(tests)
        shutil.copytree(source, folder / "tests", dirs_exist_ok=True)
    reports = home / "tests.jsonl"
    stack = run.rendered.variant.stack if run.rendered else None
    paths = [str(folder), *([extra["PYTHONPATH"]] if "PYTHONPATH" in extra else [])]
    environment = process.clean_environment(
        home,
        {
            **extra,
            # the shim of another SQLite comes first, the project last
            "PYTHONPATH": _path_list(reversed(paths)),
            "DATABASE_URL": database,
            "SUBWRIGHT_REPORT": str(reports),
            "SUBWRIGHT_FACTS": json.dumps(_facts(run.rendered)) if stack else "{}",
            "PYTEST_ADDOPTS": "-x" if run.fail_fast else "",
            "PYTEST_PLUGINS": "subwright.prove.pytest_report",
            **{key: str(value) for key, value in frame.get("environment", {}).items()},
        },
    )
    statements = Statements(
        project, environment, str(frame.get("preamble", "")), str(frame.get("cleanup", ""))
    )
    with statements:
        for block in to_run:
            if run.over:
                return
            if (
                block.before
                and run.wanted(block)
                and not _set_scene(run, block, project, environment)
            ):
                continue
            if block.role == "file":
                _file(run, block, project, block.number in sound)
            elif block.number not in sound or not run.wanted(block):
                continue
            elif block.role == "commands":
                statements.stop()  # a command may change the schema under its connections
                _commands(run, block, project, environment, reports)
            elif block.role == "output":
                _output(run, block)
            else:
                _statements(run, block, statements)


def _file(run: _Run, block: Block, project: Project, sound: bool) -> None:
    try:
        project.add(block)
    except ProjectError as error:
        run.failed(block, block.line - 1, error.message)
        return
    if sound and run.wanted(block):
        run.passed(block)


def _output(run: _Run, block: Block) -> None:
    """Hold what an agent says that a block prints against what it printed."""
    printed = run.printed.get(run.printers[block.number].number)
    if printed is None:
        message = "the block before it did not pass"
        run.add(
            Result(block.title, "skipped", block.line, block.language, message, block=block.number)
        )
        return
    difference = compare(block.code, printed)
    if difference is None:
        run.passed(block)
    else:
        run.failed(block, block.line + difference.line, difference.message, _tail(printed))


def _set_scene(run: _Run, block: Block, project: Project, environment: Mapping[str, str]) -> bool:
    assert block.before is not None
    command = ["bash", "-eo", "pipefail", "-c", block.before]
    done = process.run(command, project.folder, environment, COMMAND_SECONDS)
    if done.status != 0:
        problem = (
            f"`{block.before}`, which the frame runs before it, ends with status {done.status}"
        )
        run.failed(block, None, problem, _tail(done.output))
    return done.status == 0


def _path_list(paths: Iterator[str]) -> str:
    import os

    return os.pathsep.join(paths)


def _facts(rendered: Rendered | None) -> dict[str, Any]:
    """What the tests of the frame may ask about the variant."""
    assert rendered is not None
    stack = rendered.variant.stack
    assert stack is not None
    template = rendered.template
    return {
        "database": stack.name,
        "version": stack.version,
        "driver": stack.driver.name,
        "features": sorted(name for name in template.features if stack.has(name)),
        "values": dict(rendered.variant.values),
    }


def _statements(run: _Run, block: Block, statements: Statements) -> None:
    answer = statements.ask(block)
    if answer.timed_out:
        run.failed(block, None, f"it did not end within {answer.seconds:g} seconds")
        return
    if answer.message and answer.stage != "block":
        run.failed(block, None, f"the frame's {answer.stage} fails: {answer.message}")
        return
    if block.raises:
        if not answer.message:
            run.failed(block, None, f"it does not raise `{block.raises}`: it passes")
        elif block.raises not in answer.names:
            run.failed(
                block,
                answer.line,
                f"it raises another error than `{block.raises}`: {answer.message}",
            )
        else:
            run.passed(block, answer.statements, answer.printed)
    elif answer.message:
        run.failed(block, answer.line, answer.message)
    elif block.statements is not None and answer.statements != block.statements:
        run.failed(
            block, None, f"it costs {answer.statements} SQL statements, not {block.statements}"
        )
    else:
        run.passed(block, answer.statements, answer.printed)


def _commands(
    run: _Run, block: Block, project: Project, environment: Mapping[str, str], reports: Path
) -> None:
    reports.unlink(missing_ok=True)
    lines = [line.removeprefix("$ ") for line in block.code.splitlines()]
    # each command is one line for the reader; bash tells which one failed
    script = "set -eEo pipefail\ntrap 'echo \"subwright: line $LINENO\" >&2' ERR\n" + "\n".join(
        lines
    )
    done = process.run(
        ["bash", "-c", script], project.folder, environment, block.seconds or COMMAND_SECONDS
    )
    tests = _tests(run, block, project, reports)
    for result in tests:
        run.add(result)
    output = done.output
    if done.status == 0:
        run.passed(block, printed=_TRAPPED.sub("", output))
        return
    trapped = _TRAPPED.search(output)
    at = block.line + int(trapped[1]) - 3 if trapped else None
    if at is not None and not 0 <= at - block.line < len(lines):
        at = None  # the command printed such a line itself
    if done.status is None:
        seconds = block.seconds or COMMAND_SECONDS
        run.failed(block, at, f"it did not end within {seconds:g} seconds", _tail(output))
        return
    if any(result.status == "failed" for result in tests):
        run.failed(block, at, "its tests fail", _tail(output))
        return
    command = lines[at - block.line] if at is not None else block.title
    named = project.named(output)
    run.failed(block, named or at, f"`{command}` ends with status {done.status}", _tail(output))


def _tail(output: str, lines: int = 25) -> str:
    return "\n".join(_TRAPPED.sub("", output).rstrip().splitlines()[-lines:])


def _tests(run: _Run, block: Block, project: Project, reports: Path) -> list[Result]:
    """What the tests came to that a command ran; one that fails outside of the agent's code stands at the command."""
    if not reports.exists():
        return []
    results = []
    before = 0
    for text in reports.read_text(encoding="utf-8").splitlines():
        entry = json.loads(text)
        # each process of pytest counts from 0
        statements = (
            entry["statements"] - before if entry["statements"] >= before else entry["statements"]
        )
        before = entry["statements"]
        if entry["outcome"] == "passed":
            results.append(Result(entry["test"], "passed", statements=statements))
        elif entry["outcome"] == "skipped":
            results.append(Result(entry["test"], "skipped", message=entry.get("message", "")))
        else:
            line = project.innermost([(file, number) for file, number in entry.get("frames", [])])
            message = f"{entry['test']}: {entry.get('message', 'failed')}"
            results.append(
                Result(
                    entry["test"],
                    "failed",
                    line or 0,
                    message=message,
                    diagnostic=run.diagnostic(line or block.line, message),
                    statements=statements,
                )
            )
    return results


def _libraries() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
