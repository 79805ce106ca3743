"""What Python code calls: `lint`, `render` and `load`, with results as plain data; `subwright` hands them out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from subwright import agent as reading
from subwright import claude_code, config, data, discovery, linter, run
from subwright.diagnostic import Diagnostic, DiagnosticError, Source, Span
from subwright.errors import SubwrightError, did_you_mean
from subwright.output.frames import printable
from subwright.rules import every
from subwright.settings import KEYS, Settings, settings

if TYPE_CHECKING:
    from subwright.config import Config
    from subwright.discovery import Targets
    from subwright.template import Template, Value

StrPath: TypeAlias = "str | os.PathLike[str]"
Severity: TypeAlias = Literal["error", "warning", "info"]

# an option in a message, with its value where there is one
_OPTION = re.compile(r"`--([a-z][\w-]*)(?: ([^`]+))?`")


# Findings


@dataclass(frozen=True)
class Edit:
    """Text to put in place of a part of a file; lines and columns count from 1, the end is the first place after it."""

    line: int
    column: int
    end_line: int
    end_column: int
    text: str


@dataclass(frozen=True)
class Fix:
    """Edits that mend one finding and change nothing else; `title` says what they do."""

    title: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class Related:
    """Another place that a finding speaks of, and what is there."""

    path: str
    line: int
    column: int
    message: str


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a file; as a string the line that `--output-format concise` prints.

    Attributes:
        path: of the file, written as the path that was asked for; `-` for a text without one.
        line: where it starts, from 1.
        column: where it starts, in characters, from 1.
        end_line: the line of the first place after it.
        end_column: the column of the first place after it.
        rule: that found it; None for what is wrong with a template.
        severity: `error`, `warning` or `info`.
        message: what is wrong.
        help: what to do about it.
        fix: edits that do it, where that is safe.
        related: other places that it speaks of.
    """

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    rule: str | None
    severity: Severity
    message: str
    help: str | None = None
    fix: Fix | None = None
    related: tuple[Related, ...] = ()

    def __str__(self) -> str:
        rule = f" [{self.rule}]" if self.rule else ""
        place = f"{self.path}:{self.line}:{self.column}"
        return printable(f"{place}: {self.severity}: {self.message}{rule}")


@dataclass(frozen=True)
class Lint:
    """What a run of the linter found.

    Attributes:
        findings: in the order of their files and places.
        files: the paths of all files that were linted, also of those in which nothing was found.
        strict: warnings are failures too.
        exit_status: what `subwright lint` would leave with: 1 for an error, with `strict` for a warning too, else 0.
    """

    findings: tuple[Finding, ...]
    files: tuple[str, ...]
    strict: bool
    exit_status: Literal[0, 1]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that are errors."""
        return tuple(found for found in self.findings if found.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that are warnings."""
        return tuple(found for found in self.findings if found.severity == "warning")

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that must not be there: errors, with `strict` warnings too."""
        bad = ("error", "warning") if self.strict else ("error",)
        return tuple(found for found in self.findings if found.severity in bad)


def lint(
    *paths: StrPath,
    select: Iterable[str] | None = None,
    extend_select: Iterable[str] | None = None,
    ignore: Iterable[str] | None = None,
    strict: bool | None = None,
    config: StrPath | Literal[False] | None = None,
    templates: StrPath | None = None,
    jobs: int = 1,
) -> Lint:
    """Say what Claude Code will really do with agent files, as `subwright lint` does.

    What is left out is as the configuration says.

    Args:
        paths: files and folders; without any the agents of this project, or what the configuration names.
        select: rules to run instead of the usual ones: names of rules or families, or `ALL`.
        extend_select: rules to run beside the usual ones.
        ignore: rules to leave out.
        strict: let `exit_status` be 1 for a warning too.
        config: the configuration file, or a folder in or above which it stands; by default the working directory; False
            for none.
        templates: the folder whose fact files templates are read with; by default the one in which each stands.
        jobs: how many processes to use.

    Raises:
        SubwrightError: wrong use, a path without any agent, a file that cannot be read, or a wrong configuration.
    """
    with _clear():
        given = _given(config, select, extend_select, ignore, strict)
        targets = _targets(paths, given.settings)
        folder = Path(templates) if templates is not None else given.templates
        load = run.template_loader(folder)
        result = run.lint(targets, given.settings, jobs=jobs, load=load)
    return _lint(result.diagnostics, result.files, given)


def lint_text(
    text: str | bytes,
    path: StrPath | None = None,
    *,
    select: Iterable[str] | None = None,
    extend_select: Iterable[str] | None = None,
    ignore: Iterable[str] | None = None,
    strict: bool | None = None,
    config: StrPath | Literal[False] | None = None,
) -> Lint:
    """Lint a text that is in no file, as `subwright lint -` does.

    Args:
        text: of an agent file.
        path: that it would have, for messages and for what is configured for paths; nothing is read from there.
        select: as for `lint`, and so are all others.

    Raises:
        SubwrightError: a name that is no rule, or a wrong configuration.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    with _clear():
        given = _given(config, select, extend_select, ignore, strict)
        name = os.fspath(path) if path is not None else None
        agent = linter.unwritten(raw, name, given.settings)
        found = linter.check_text(agent, given.settings)
    return _lint(found, (agent.source.path,), given)


def agent_files(*paths: StrPath) -> tuple[str, ...]:
    """The paths of the files that `lint` is about, in their order.

    Raises:
        SubwrightError: as for `lint`.
    """
    with _clear():
        return _targets(paths, _given(None, None, None, None, None).settings).paths


def _targets(paths: Iterable[StrPath], chosen: Settings) -> Targets:
    wanted = [Path(path) for path in paths] or chosen.paths
    return discovery.find(wanted, chosen.roots) if wanted else discovery.defaults(Path.cwd())


@dataclass(frozen=True)
class _Given:
    """What arguments and configuration say together."""

    settings: Settings
    strict: bool
    exit_zero: bool
    templates: Path | None


def _given(
    where: StrPath | Literal[False] | None,
    select: Iterable[str] | None,
    extend_select: Iterable[str] | None,
    ignore: Iterable[str] | None,
    strict: bool | None,
) -> _Given:
    for key, value in (("select", select), ("extend_select", extend_select), ("ignore", ignore)):
        if isinstance(value, str):
            raise SubwrightError(f"`{key}` is a text", help=f'write `{key}=["{value}"]`')
    found = _configuration(where)
    table = found.table.get("lint", {}) if found else {}
    if found and not isinstance(table, dict):
        raise found.error("", "lint", "`lint` is not a table")
    for key in table if found else ():
        if found and key not in KEYS:
            raise found.unknown("lint", key, KEYS)

    def names(key: str) -> list[str] | None:
        return (found.strings("lint", key) if found else None) or None

    def flag(key: str) -> bool:
        value = table.get(key, False)
        if found and not isinstance(value, bool):
            raise found.error("lint", key, f"`{key}` is not true or false")
        return bool(value)

    folder = None
    if found:
        own = table.get("templates", found.table.get("templates"))
        if own is not None and not isinstance(own, str):
            inner = "lint" if "templates" in table else ""
            raise found.error(inner, "templates", "`templates` is not a string")
        folder = Path(found.absolute(own)) if own else None
    chosen = settings(
        found,
        select=names("select") if select is None else select,
        extend_select=names("extend-select") or () if extend_select is None else extend_select,
        ignore=names("ignore") or () if ignore is None else ignore,
    )
    strictly = flag("strict")
    return _Given(chosen, strictly if strict is None else strict, flag("exit-zero"), folder)


def _configuration(where: StrPath | Literal[False] | None) -> Config | None:
    if where is False:
        return None
    if where is None:
        return config.nearest()
    path = Path(where)
    if not path.exists():
        raise SubwrightError(f"there is no file or folder `{path}`", help="`config` names one")
    return config.find(path.absolute()) if path.is_dir() else config.read(path.absolute())


def _lint(found: Iterable[Diagnostic], files: tuple[str, ...], given: _Given) -> Lint:
    result = Lint(tuple(map(_finding, found)), files, given.strict, 0)
    return result if given.exit_zero or not result.failures else replace(result, exit_status=1)


def _finding(found: Diagnostic) -> Finding:
    source = found.source
    return Finding(
        source.path,
        *_place(source, found.span),
        rule=found.rule,
        severity=found.severity.value,
        message=found.message,
        help=found.help,
        fix=Fix(
            found.fix.title,
            tuple(Edit(*_place(source, edit.span), edit.text) for edit in found.fix.edits),
        )
        if found.fix
        else None,
        related=tuple(
            Related(other.source.path, *other.source.position(other.span.start), other.message)
            for other in found.related
        ),
    )


def _place(source: Source, span: Span) -> tuple[int, int, int, int]:
    return (*source.position(span.start), *source.position(span.end))


# Rendering


@dataclass(frozen=True)
class Rendered:
    """An agent that was rendered; as a string its text.

    Attributes:
        text: of its file.
        name: of the agent.
        file_name: what its file is to be called.
        template: the name of the template.
        values: of all variables of the template, by their names in lower case.
        database: the database that it is for, as in `postgresql`; None for a template without one.
        version: the series of that database, as in `17`.
        driver: the Python driver of that database.
        end_of_life: the day on which support for that series ends, as in `2029-11-08`; None where none is announced.
    """

    text: str
    name: str
    file_name: str
    template: str
    values: Mapping[str, str | bool] = field(hash=False)
    database: str | None = None
    version: str | None = None
    driver: str | None = None
    end_of_life: str | None = None

    def __str__(self) -> str:
        return self.text


def render(
    template: str, /, *, templates: StrPath | None = None, **values: str | int | None
) -> Rendered:
    """Render an agent for one stack, as `subwright render` does; defaults in a configuration are not looked at.

    Args:
        template: its name, as `subwright list templates` shows it.
        templates: a folder of own templates, used instead of the ones that come with subwright.
        values: of variables, by their names in lower or upper case: strings, and true or false for switches. A version
            can be a whole number. None is as good as left out.

    Raises:
        SubwrightError: there is no such template, it is wrong, or it does not take a value; and when the agent does not
            fit the template's contract.
    """
    from subwright.database import known
    from subwright.template import VariableError, load_all

    folder = Path(templates) if templates is not None else data.folder("templates")
    with _clear():
        if not folder.is_dir():
            raise SubwrightError(f"there is no folder `{folder}`", help="`templates` names one")
        own = folder if templates is not None else None
        library = load_all(folder, known(own), checked=own is not None)
        (found,) = library.named([template])
        given = {
            name: value
            for name, value in (_value(found, *item) for item in values.items())
            if value is not None
        }
        try:
            agent = found.render(found.resolve(given))
        except VariableError as error:
            option = f"--{error.variable.lower().replace('_', '-')}"
            said = error.message
            said = said if f"`{option}" in said else f"{error.variable.lower()}: {said}"
            raise SubwrightError(_in_python(said), help=_in_python(error.help)) from None
    stack = agent.variant.stack
    return Rendered(
        agent.text,
        agent.name,
        agent.file_name,
        found.name,
        MappingProxyType({name.lower(): value for name, value in agent.variant.values.items()}),
        stack.name if stack else None,
        stack.version if stack else None,
        stack.driver.name if stack else None,
        (stack.eol or None) if stack else None,
    )


def _value(template: Template, name: str, value: object) -> tuple[str, Value | None]:
    variable = template.variables.get(name.upper())
    if variable is None:
        known = [other.lower() for other in template.variables]
        raise SubwrightError(
            f"`{template.name}` has no variable `{name}`",
            help=did_you_mean(name.lower(), known) or "it has " + ", ".join(sorted(known)),
        )
    if value is None or isinstance(value, str | bool):
        return variable.name, value
    if isinstance(value, int) and variable.type == "version":
        return variable.name, str(value)
    raise SubwrightError(f"{name}: `{value!r}` is no string", help=f'write `{name}="{value}"`')


def _in_python(text: str | None) -> str:
    """A message that names options, with the arguments in their places."""

    def argument(found: re.Match[str]) -> str:
        name = found[1].replace("-", "_")
        return f'`{name}="{found[2]}"`' if found[2] else f"`{name}`"

    return _OPTION.sub(argument, text or "")


# Reading


@dataclass(frozen=True)
class Agent:
    """What Claude Code reads in an agent file.

    Attributes:
        path: of the file; None for a text.
        loads: Claude Code loads the file, as far as that lies in the file itself.
        problems: why it does not.
        name: that it goes by; None where it has none.
        description: as it is told to the model.
        tools: what it can use of the tools that Claude Code gives to subagents, and what it names of MCP servers, there
            or not: `mcp__serena__*` stands for all that the server has.
        inherits: it gets all tools of the session, those of MCP servers too: `tools` is left out, or has `*`.
        model: as it is given to Claude Code; None where there is none, or one that is ignored.
        body: the prompt: the text after the frontmatter.
        fields: the frontmatter, as the client's YAML reader has it.
    """

    path: str | None
    loads: bool
    problems: tuple[Finding, ...]
    name: str | None
    description: str | None
    tools: frozenset[str]
    inherits: bool
    model: str | None
    body: str
    fields: Mapping[str, Any] = field(hash=False)


def load(path_or_text: StrPath | bytes, /) -> Agent:
    """Read an agent as Claude Code does, whether it would load it or not.

    Args:
        path_or_text: the path of a file, or a text: bytes, or a string with a line end in it.

    Raises:
        SubwrightError: the file cannot be read.
    """
    stops = tuple(rule for rule in every().values() if rule.stops)
    with _clear():
        path = None
        if isinstance(path_or_text, bytes):
            agent = reading.Agent.of(linter.NO_FILE, path_or_text, reading.Place())
        elif isinstance(path_or_text, str) and "\n" in path_or_text:
            raw = path_or_text.encode("utf-8", "surrogatepass")
            agent = reading.Agent.of(linter.NO_FILE, raw, reading.Place())
        else:
            path = Path(path_or_text)
            place = linter.place(str(path), discovery.root_of(path), Settings(()))
            agent = reading.Agent.of(str(path), path.read_bytes(), place)
        problems = tuple(map(_finding, linter.check(agent, stops)))
        fields = agent.data
        name, description, model = (fields.get(n) for n in ("name", "description", "model"))
        if not name and agent.place.plugin and path is not None:
            name = path.stem
        asked = claude_code.asked_tools(fields["tools"]) if "tools" in fields else None
        tools = claude_code.resolve(fields)
        tools |= claude_code.resolve(fields, frozenset(filter(_of_server, asked or ())))
    return Agent(
        str(path) if path is not None else None,
        not problems,
        problems,
        name if name and isinstance(name, str) else None,
        claude_code.description_read(description) if isinstance(description, str) else None,
        tools,
        asked is None,
        claude_code.model_read(model) if isinstance(model, str) else None,
        agent.text[slice(*agent.spec.body)],
        MappingProxyType(dict(fields)),
    )


def _of_server(entry: str) -> bool:
    """Whether an entry of `tools` names a tool of an MCP server, or all of them in a way that Claude Code takes."""
    server = claude_code.mcp_server(entry)
    return server is not None and "*" not in server + entry.removesuffix("__*")


# Errors


@contextmanager
def _clear() -> Iterator[None]:
    """Make one kind of error of all that a user can cause, with the place and the remedy in its words."""
    try:
        yield
    except DiagnosticError as error:
        said = [_finding(diagnostic) for diagnostic in error.diagnostics]
        if len(said) == 1:
            raise _noted(SubwrightError(str(said[0]), help=said[0].help)) from error
        parts = (f"{found}\n  help: {found.help}" if found.help else str(found) for found in said)
        raise SubwrightError("\n".join(parts)) from error
    except SubwrightError as error:
        _noted(error)
        raise
    except OSError as error:
        name = f" `{error.filename}`" if error.filename else ""
        problem = f"{error.strerror or error}{name}"
        raise SubwrightError(problem[:1].lower() + problem[1:]) from error


def _noted(error: SubwrightError) -> SubwrightError:
    """An error with its remedy under it in a traceback."""
    if error.help:
        error.add_note(f"help: {error.help}")
    return error
