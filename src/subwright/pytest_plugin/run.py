"""What a run of pytest with `--subwright` collects, and how it fails."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from subwright.api import Finding, agent_files, lint
from subwright.errors import SubwrightError
from subwright.output.frames import printable
from subwright.pytest_plugin import NAME

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr


def start(config: pytest.Config, given: list[str]) -> None:
    """Register the hooks of a run.

    Args:
        config: of the run.
        given: the paths after the option.

    Raises:
        pytest.UsageError: a path without agents, or a wrong configuration.
    """
    here = config.invocation_params.dir
    paths = tuple(given or (_shown(path, here) for path in config.getini("subwright_paths")))
    try:
        files = [_absolute(name, here) for name in agent_files(*paths)]
    except SubwrightError as error:
        advice = f"\n  help: {error.help}" if error.help else ""
        raise pytest.UsageError(f"--subwright: {error}{advice}") from None
    named = {_absolute(argument.partition("::")[0], here) for argument in config.args}
    config.pluginmanager.register(Run(here, paths, files, named.intersection(files)))


def _absolute(name: str, here: Path) -> Path:
    return Path(os.path.normpath(here / name))


def _shown(path: Path, here: Path) -> str:
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


class Run:
    """The hooks of a run with `--subwright`.

    Attributes:
        here: the folder that pytest was started in.
        paths: that were given.
        files: the agent files that they stand for.
        named: those of them that are arguments of pytest, as its reports write them: then others are not wanted.
    """

    def __init__(
        self, here: Path, paths: tuple[str, ...], files: list[Path], named: set[Path]
    ) -> None:
        self.here = here
        self.paths = paths
        self.files = files
        self.named = named

    def pytest_report_header(self) -> str:
        return f"{NAME}: {len(self.files)} agent file{'' if len(self.files) == 1 else 's'}"

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Put the files beside what the arguments name.

        They cannot be arguments themselves: pytest drops one that is in the folder of another, and would not look into
        `.claude` by itself.
        """
        report = yield
        if isinstance(collector, pytest.Session) and not self.named:
            report.result = [
                *(report.result or ()),
                *(self._node(f, collector) for f in self.files),
            ]
        return report

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> AgentFile | None:
        return self._node(file_path, parent) if file_path in self.named else None

    def _node(self, path: Path, parent: pytest.Collector) -> AgentFile:
        root = parent.config.rootpath
        # outside of it pytest has no name for a file
        name = None if path.is_relative_to(root) else os.path.relpath(path, root)
        node: AgentFile = AgentFile.from_parent(parent, path=path, nodeid=name)
        return node

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Lint when it is known which tests run, and the working directory is still where pytest was started."""
        items = {item.path: item for item in session.items if isinstance(item, AgentItem)}
        if not items or session.config.option.collectonly:
            return
        strict: bool | None = session.config.getoption("--subwright-strict") or None
        try:
            found = lint(*self.paths, strict=strict)
        except SubwrightError as error:
            for item in items.values():
                item.error = error
            return
        linted = {_absolute(name, self.here) for name in found.files}
        for path in items.keys() - linted:
            items[path].error = SubwrightError(f"`{_shown(path, self.here)}` is gone")
        for finding in found.failures:
            owner = items.get(self._owner(finding))
            if owner is not None:
                owner.findings.append(finding)

    def _owner(self, finding: Finding) -> Path:
        """The file whose test a finding belongs to.

        It may stand in a file that was not asked for on account of one that was, as where both have one name. A partial
        belongs to the first template beside or above it.
        """
        own = _absolute(finding.path, self.here)
        for path in (own, *(_absolute(other.path, self.here) for other in finding.related)):
            if path in self.files:
                return path
        return min((path for path in self.files if own.is_relative_to(path.parent)), default=own)


class LintError(Exception):
    """What is wrong with an agent file, as text."""


class AgentFile(pytest.File):
    """An agent file."""

    def collect(self) -> Iterable[AgentItem]:
        item: AgentItem = AgentItem.from_parent(self, name=NAME)
        yield item


class AgentItem(pytest.Item):
    """The test of an agent file: `<path>::subwright`."""

    def __init__(self, name: str, parent: AgentFile) -> None:
        super().__init__(name, parent)
        self.findings: list[Finding] = []
        self.error: SubwrightError | None = None
        self.add_marker(NAME)

    def runtest(self) -> None:
        if self.error is not None:
            advice = f"\n  help: {self.error.help}" if self.error.help else ""
            raise LintError(f"{self.error}{advice}")
        if self.findings:
            raise LintError("\n".join(map(_told, self.findings)))

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None
    ) -> str | TerminalRepr:
        if isinstance(excinfo.value, LintError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        line = self.findings[0].line - 1 if self.findings else 0
        return self.path, line, self.nodeid.removesuffix(f"::{NAME}")


def _told(finding: Finding) -> str:
    notes = [f"help: {finding.help}"] if finding.help else []
    notes += [f"note: {o.path}:{o.line}:{o.column}: {o.message}" for o in finding.related]
    return "\n".join([str(finding), *(f"  {printable(note)}" for note in notes)])
