"""What `subwright lint` does."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from subwright import config, discovery, linter, output
from subwright.agent import Agent
from subwright.cli.common import progress
from subwright.diagnostic import Diagnostic, Severity, Span
from subwright.discovery import Targets
from subwright.errors import SubwrightError
from subwright.linter import Checked
from subwright.settings import Settings, settings

if TYPE_CHECKING:
    from subwright import client

STDIN = linter.NO_FILE


@dataclass(frozen=True)
class Request:
    """The options of one run, as the command line and the configuration give them."""

    paths: tuple[str, ...]
    fix: bool
    diff: bool
    select: tuple[str, ...] | None
    extend_select: tuple[str, ...]
    ignore: tuple[str, ...]
    strict: bool
    add_ignores: bool
    quiet: bool
    style: str
    output_file: str | None
    stdin_filename: str | None
    exit_zero: bool
    statistics: bool
    jobs: int | None
    client: str | None
    templates: Path | None


def run(request: Request) -> NoReturn:
    """Lint, print what was found, and leave with the exit status that it asks for.

    Raises:
        SubwrightError: wrong use, or what is wrong with the configuration.
        OSError: a file that cannot be read or written.
    """
    _refuse_what_does_not_fit(request)
    chosen = settings(
        config.find(Path.cwd()),
        select=request.select,
        extend_select=request.extend_select,
        ignore=request.ignore,
    )
    if request.paths == (STDIN,):
        _run_on_stdin(request, chosen)
    paths = [Path(path) for path in request.paths] or chosen.paths
    here = Path.cwd()
    targets = discovery.find(paths, chosen.roots) if paths else discovery.defaults(here)
    if not targets:
        _say(request, "no agents here: no `.claude/agents`, no plugin; name a file or a folder")
        sys.exit(0)
    if request.diff:
        sys.exit(int(_mend(targets, chosen, show=True) > 0 and not request.exit_zero))
    mended = _mend(targets, chosen, show=False) if request.fix else 0
    if request.add_ignores:
        mended += _add_ignores(request, targets, chosen)
    result = _lint(request, targets, chosen)
    found = list(result.diagnostics)
    if request.client is not None:
        found = sorted([*found, *_ask(request.client, targets)], key=linter.order)
    _print(request, output.Report(tuple(found), result.files, chosen.rules, mended))
    sys.exit(_status(request, found))


def _refuse_what_does_not_fit(request: Request) -> None:
    if request.fix + request.diff + request.add_ignores > 1:
        raise SubwrightError("`--fix`, `--diff` and `--add-ignores` do not go together")
    if STDIN in request.paths and len(request.paths) > 1:
        raise SubwrightError("`-` stands for stdin, and does not go with other paths")
    if request.paths == (STDIN,) and request.add_ignores:
        raise SubwrightError("`--add-ignores` writes into files, and does not go with `-`")
    if request.paths == (STDIN,) and request.client is not None:
        raise SubwrightError("`--client` reads files, and does not go with `-`")
    if request.stdin_filename is not None and request.paths != (STDIN,):
        raise SubwrightError("`--stdin-filename` goes with the path `-` alone")


def _say(request: Request, text: str) -> None:
    if not request.quiet:
        click.echo(text, err=True)


def _lint(request: Request, targets: Targets, chosen: Settings) -> linter.Result:
    jobs = request.jobs or _processors()
    load = linter.template_loader(request.templates)
    return linter.lint(targets, chosen, jobs=jobs, load=load, watch=_watch)


def _processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _watch(items: Iterable[Checked], length: int) -> Iterator[Checked]:
    return progress(items, length, "linting")


def _status(request: Request, found: Sequence[Diagnostic]) -> int:
    if request.exit_zero:
        return 0
    bad = {Severity.ERROR, Severity.WARNING} if request.strict else {Severity.ERROR}
    return int(any(diagnostic.severity in bad for diagnostic in found))


# Texts from stdin


def _run_on_stdin(request: Request, chosen: Settings) -> NoReturn:
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
        agent = Agent.of(agent.source.path, mended.encode(), agent.place)
    rules = chosen.rules_for(path)
    found = linter.settle(linter.check_agent(agent, rules), rules)
    report = output.Report(tuple(found), (agent.source.path,), rules)
    _print(request, report, err=request.fix)
    sys.exit(_status(request, found))


# Changing files


def _mend(targets: Targets, chosen: Settings, *, show: bool) -> int:
    """Make all fixes, or only show them; how many files change."""
    changed = 0
    for path, root in targets.files.items():
        raw = path.read_bytes()
        agent = Agent.of(str(path), raw, linter.place(path, root, chosen))
        changed += _change(path, raw, agent, linter.mend(agent, chosen), show=show)
    for path in targets.templates:
        raw = path.read_bytes()
        agent = Agent.of(str(path), raw, linter.template_place(path))
        changed += _change(path, raw, agent, linter.mend(agent, chosen), show=show)
    return changed


def _change(path: Path, raw: bytes, agent: Agent, text: str, *, show: bool) -> bool:
    if text == agent.text:
        return False
    if show:
        from subwright.cli.writing import show_difference

        show_difference(path, raw, text.encode())
    else:
        from subwright import files

        files.write(path, text.encode())
    return True


def _add_ignores(request: Request, targets: Targets, chosen: Settings) -> int:
    """Write comments that allow what is found today; how many files change."""
    result = _lint(request, targets, chosen)
    by_path: dict[str, list[Diagnostic]] = {}
    for diagnostic in result.diagnostics:
        by_path.setdefault(diagnostic.source.path, []).append(diagnostic)
    from subwright import ignores

    changed = 0
    neighbours = {file for root in targets.roots for file in root.files} - targets.files.keys()
    for name, found in by_path.items():
        path = Path(name)
        if path in neighbours:
            continue
        raw = path.read_bytes()
        root = targets.files.get(path)
        where = linter.place(path, root, chosen) if root else linter.template_place(path)
        agent = Agent.of(name, raw, where)
        changed += _change(path, raw, agent, ignores.added(agent, found), show=False)
    return changed


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
            asked = [path for path, root in targets.files.items() if root.plugin is plugin]
            for verdict in client.ask(binary, asked, plugin=plugin, tools=True) if asked else ():
                source = Agent.of(str(verdict.path), verdict.path.read_bytes()).source
                yield from _told(title, verdict, partial(Diagnostic, source, Span(0, 0)))
    except client.ClientError as error:
        raise SubwrightError(
            str(error), help="without `--client` no Claude Code is asked"
        ) from None


def _told(
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


# Telling


def _print(request: Request, report: output.Report, *, err: bool = False) -> None:
    """Print the findings, to stdout or where the options say, and a summary."""
    style = request.style
    for_people = style in ("full", "concise")
    # what a program reads keeps its form, whatever a project's configuration says
    counted = request.statistics and for_people
    text = output.statistics(report) if counted else output.render(style, report)
    if request.output_file is not None:
        from subwright import files

        plain = click.unstyle(text)
        files.write(Path(request.output_file), (plain + "\n" if plain else "").encode())
    elif text:
        click.echo(text, err=err)
    if for_people:
        _say(request, output.summary(report))
