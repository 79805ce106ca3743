"""What `subwright lint` does where files are to be looked at: check them, mend them, ask the client."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

from subwright import linter, output
from subwright import run as running
from subwright.agent import Agent
from subwright.cache import FileCache, Part, Printed, ReportCache
from subwright.cli import linting
from subwright.cli.common import progress
from subwright.cli.linting import Request
from subwright.config import Config
from subwright.diagnostic import Diagnostic, Severity, Span
from subwright.discovery import Targets
from subwright.errors import SubwrightError
from subwright.settings import Settings, settings

if TYPE_CHECKING:
    from subwright import client

T = TypeVar("T")


def run(
    request: Request,
    configuration: Config | None,
    targets: Targets,
    memory: FileCache | None,
    reports: ReportCache | None,
) -> NoReturn:
    """Lint files, print what was found, and leave with the exit status that it asks for.

    Args:
        request: the options.
        configuration: of the project.
        targets: the files.
        memory: what earlier runs found in them.
        reports: where the output is remembered.

    Raises:
        SubwrightError: wrong use, or what is wrong with the configuration.
        OSError: a file that cannot be read or written.
    """
    chosen = _settings(request, configuration)
    if not targets:
        linting.say(
            request, "no agents here: no `.claude/agents`, no plugin; name a file or a folder"
        )
        sys.exit(0)
    if request.diff:
        sys.exit(int(_mend(targets, chosen, show=True) > 0 and not request.exit_zero))
    mended = _mend(targets, chosen, show=False) if request.fix else 0
    if request.add_ignores:
        mended += _add_ignores(request, targets, chosen)
    result = _lint(request, targets, chosen, memory)
    parts: dict[str, Part] = {}
    if reports is not None and request.style in output.BY_FILE and not request.statistics:
        parts = _parts(request, result, reports.parts())
        told = _told_in_parts(request, result, parts)
    else:
        found = list(result.diagnostics)
        if request.client is not None:
            found = sorted([*found, *_ask(request.client, targets)], key=linter.order)
        told = _told(request, output.Report(tuple(found), result.files, chosen.rules, mended))
    if reports is not None:
        reports.put(targets, result.across, result.looked, told, parts)
    linting.tell(request, told)


def _settings(request: Request, configuration: Config | None) -> Settings:
    return settings(
        configuration,
        select=request.select,
        extend_select=request.extend_select,
        ignore=request.ignore,
    )


def _lint(
    request: Request, targets: Targets, chosen: Settings, memory: FileCache | None = None
) -> running.Result:
    jobs = request.jobs or _processors()
    load = running.template_loader(request.templates)
    return running.lint(targets, chosen, jobs=jobs, load=load, watch=_watch, memory=memory)


def _processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _watch(items: Iterable[T], length: int) -> Iterator[T]:
    return progress(items, length, "linting")


def _told(request: Request, report: output.Report) -> Printed:
    """What a run prints, and its exit status."""
    # what a program reads keeps its form, whatever a project's configuration says
    counted = request.statistics and _is_for_people(request)
    text = output.statistics(report) if counted else output.render(request.style, report)
    return _printed(request, text, report.counts, len(report.files), report.mended)


def _parts(request: Request, result: running.Result, known: Mapping[str, Part]) -> dict[str, Part]:
    """What a run prints of each file, which is known of those that are as they were."""
    coloured = linting.is_coloured()
    parts = {}
    for found in result.found:
        part = known.get(found.path)
        if part is None or part.key != found.key:
            report = output.Report(tuple(found.tell()), (found.path,))
            text = output.render(request.style, report)
            # once for all that it is remembered for
            plain = text if coloured else click.unstyle(text)
            part = Part(found.key, plain, tuple(report.counts))
        parts[found.path] = part
    return parts


def _told_in_parts(request: Request, result: running.Result, parts: Mapping[str, Part]) -> Printed:
    """What a run prints that is made of what it prints of each file, and its exit status."""
    text = "\n".join(part.text for part in parts.values() if part.text)
    counts = output.Counts.total(part.counts for part in parts.values())
    return _printed(request, text, counts, len(result.files))


def _printed(
    request: Request, text: str, counts: output.Counts, files: int, mended: int = 0
) -> Printed:
    summary = output.summary(counts, files, mended) if _is_for_people(request) else ""
    bad = counts.errors + (counts.warnings if request.strict else 0)
    return Printed(text, summary, int(bad > 0 and not request.exit_zero))


def _is_for_people(request: Request) -> bool:
    return request.style in ("full", "concise")


# Texts from stdin


def run_on_stdin(request: Request, configuration: Config | None) -> NoReturn:
    """Lint the text on stdin.

    Raises:
        SubwrightError: stdin is closed, or what is wrong with the configuration.
    """
    if sys.stdin is None:
        raise SubwrightError("stdin is closed", help="`-` reads an agent's text from there")
    chosen = _settings(request, configuration)
    raw = sys.stdin.buffer.read()
    agent = linter.unwritten(raw, request.stdin_filename or None, chosen)
    path = Path(agent.source.path)
    mended = linter.mend(agent, chosen) if request.fix or request.diff else agent.text
    if request.diff:
        if mended != agent.text:
            from subwright.cli.writing import show_difference

            show_difference(path, raw, mended.encode())
        sys.exit(int(mended != agent.text and not request.exit_zero))
    if request.fix:
        # the text goes on to whoever asked for it, with the findings beside it
        sys.stdout.buffer.write(mended.encode() if mended != agent.text else raw)
        if mended != agent.text:
            agent = Agent.of(agent.source.path, mended.encode(), agent.place)
    found = linter.check_text(agent, chosen)
    rules = chosen.rules_for(agent.source.path)
    report = output.Report(tuple(found), (agent.source.path,), rules)
    told = _told(request, report)
    linting.print_told(request, told, err=request.fix)
    sys.exit(told.status)


# Changing files


def _mend(targets: Targets, chosen: Settings, *, show: bool) -> int:
    """Make all fixes, or only show them; how many files change.

    Raises:
        SubwrightError: a file cannot be written.
        OSError: a file cannot be read.
    """
    places = {name: linter.place(name, root, chosen) for name, root in targets.files.items()}
    places |= {str(path): linter.template_place(str(path)) for path in targets.templates}
    changed: dict[Path, bytes] = {}
    for name, where in places.items():
        path = Path(name)
        raw = path.read_bytes()
        agent = Agent.of(name, raw, where)
        text = linter.mend(agent, chosen)
        if text != agent.text:
            changed[path] = text.encode()
            if show:
                from subwright.cli.writing import show_difference

                show_difference(path, raw, changed[path])
    if not show:
        _write(changed)
    return len(changed)


def _write(changed: Mapping[Path, bytes]) -> None:
    """Write files.

    Raises:
        SubwrightError: one cannot be written; those before it are.
    """
    from subwright import files

    for done, (path, content) in enumerate(changed.items()):
        try:
            files.write(path, content)
        except OSError as error:
            raise SubwrightError(
                f"cannot write `{path}`: {error.strerror}",
                help=f"{done} of {len(changed)} files were changed before it; the rest is as it was",
            ) from error


def _add_ignores(request: Request, targets: Targets, chosen: Settings) -> int:
    """Write comments that allow what is found today; how many files change.

    Raises:
        SubwrightError: a file cannot be written.
        OSError: a file cannot be read.
    """
    result = _lint(request, targets, chosen)
    by_path: dict[str, list[Diagnostic]] = {}
    for diagnostic in result.diagnostics:
        by_path.setdefault(diagnostic.source.path, []).append(diagnostic)
    from subwright import ignores

    changed: dict[Path, bytes] = {}
    real: set[str] = set()
    neighbours = {file for root in targets.roots for file in root.files} - targets.files.keys()
    for name, found in by_path.items():
        path = Path(name)
        target = os.path.realpath(path)
        # of two names of one file the first counts
        if name in neighbours or target in real:
            continue
        real.add(target)
        raw = path.read_bytes()
        root = targets.files.get(name)
        where = linter.place(name, root, chosen) if root else linter.template_place(name)
        agent = Agent.of(name, raw, where)
        text = ignores.added(agent, found)
        if text != agent.text:
            changed[path] = text.encode()
    _write(changed)
    return len(changed)


# The client


def _ask(named: str, targets: Targets) -> Iterator[Diagnostic]:
    """What the user's own Claude Code makes of each file.

    Raises:
        SubwrightError: there is no client, or it does not answer.
    """
    from subwright import client

    binary = client.find(named)
    if binary is None:
        looks_like_target = Path(named).is_dir() or named.endswith(".md")
        raise SubwrightError(
            f"there is no Claude Code at `{named}`"
            if os.sep in named or looks_like_target
            else f"there is no program `{named}` on PATH",
            help="write the paths before `--client`"
            if looks_like_target
            else "give the path of the program: `--client PATH`",
        )
    try:
        title = f"Claude Code {client.version(binary)}"
        for plugin in (False, True):
            asked = [Path(path) for path, root in targets.files.items() if root.plugin is plugin]
            for verdict in client.ask(binary, asked, plugin=plugin, tools=True) if asked else ():
                source = Agent.of(str(verdict.path), verdict.path.read_bytes()).source
                yield from _said(title, verdict, partial(Diagnostic, source, Span(0, 0)))
    except client.ClientError as error:
        raise SubwrightError(
            str(error), help="without `--client` no Claude Code is asked"
        ) from None


def _said(
    title: str, verdict: client.Verdict, tell: Callable[..., Diagnostic]
) -> Iterator[Diagnostic]:
    if verdict.loaded:
        tools = ", ".join(verdict.tools or ()) or "no tools"
        said = f"{title} loads it as `{verdict.name}` with {tools}"
        yield tell(said, severity=Severity.INFO)
    else:
        silently = "" if verdict.messages else ", and says nothing"
        yield tell(f"{title} does not load it{silently}", severity=Severity.ERROR)
    for message in verdict.messages:
        yield tell(f"{title} logs: {message}", severity=Severity.INFO)
