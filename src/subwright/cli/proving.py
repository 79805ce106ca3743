"""What `prove` does: find the agents, a server for each, and report."""

from __future__ import annotations

import itertools
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from subwright import prove, servers
from subwright.cli.common import databases, library, warn
from subwright.cli.render import Asked, setting, variants_of
from subwright.database import Database, find_database
from subwright.diagnostic import Source
from subwright.errors import SubwrightError
from subwright.output.frames import printable
from subwright.prove import process, record
from subwright.prove.report import FORMATS
from subwright.spec import Spec, parse
from subwright.template import ORIGIN, Library, Rendered, Template, Value

# without prepared statements of its own, as poolers mostly are; and more clients than 100 at once
POOLER = {"max_prepared_statements": "0", "max_client_conn": "500"}


class FailedError(SubwrightError):
    """At least one block failed; the report has said so."""

    exit_status = 1


@dataclass(frozen=True)
class Request:
    """What the command line asks for; `configured` names what it says by the project's configuration."""

    targets: tuple[str, ...]
    database: str | None
    version: str | None
    settings: tuple[str, ...]
    everything: bool
    url: str | None
    only: str | None
    style: str
    fail_fast: bool
    jobs: int | None
    record: bool
    templates: Path | None
    configured: frozenset[str] = frozenset()
    retries: int = 0

    def given(self, name: str) -> bool:
        """Whether something stands on the command line itself."""
        return bool(getattr(self, name)) and name not in self.configured


@dataclass(frozen=True)
class Agent:
    """An agent to prove; `rendered` is missing for one that no template renders to.

    `by_template` is true where a template was named and not a file.
    """

    spec: Spec
    rendered: Rendered | None = None
    by_template: bool = False

    @property
    def title(self) -> str:
        if self.rendered is None:
            return self.spec.source.path
        stack = self.rendered.variant.stack
        return self.rendered.name + (f" for {stack.title} {stack.version}" if stack else "")


def run(request: Request) -> list[prove.Proof]:
    """Prove what is asked for and print the report.

    Raises:
        FailedError: a block failed.
        SubwrightError: wrong use, or there is no server.
    """
    only = _lines(request.only)
    if request.record and only:
        raise SubwrightError("`--record` is of whole agents: it does not go with `--only`")
    if request.record and not Path("agents").is_dir():
        raise SubwrightError("`--record` needs a folder `agents` here", help="run it in a checkout")
    _require_libraries()
    if request.url is not None:
        _database_of(request.url, request.templates)
    _clean_up_when_terminated()
    agents = list(_agents(request))
    proofs = _prove_all(agents, request, only)
    if only and not any(result.block for proof in proofs for result in proof.results):
        raise SubwrightError(
            f"no code block stands at `--only {request.only}`",
            help="give lines of the agent or template",
        )
    text = FORMATS[request.style](proofs)
    if text:
        click.echo(text)
    if request.record:
        pairs = zip(proofs, agents, strict=False)
        written = record.write(
            Path("agents"), [(proof, agent.rendered) for proof, agent in pairs if agent.rendered]
        )
        click.echo(f"{len(written)} recorded in {Path('agents') / record.NAME}", err=True)
    failed = sum(len(proof.failed) for proof in proofs)
    if failed:
        raise FailedError(f"{failed} failed")
    return proofs


def _prove_all(
    agents: Sequence[Agent], request: Request, only: Sequence[range]
) -> list[prove.Proof]:
    """The proofs in the order of the agents; several are made at a time."""
    jobs = min(request.jobs or os.cpu_count() or 1, len(agents))
    proofs = []
    if jobs <= 1:
        for agent in agents:
            proofs.append(_prove(agent, request, only, lambda line: click.echo(line, err=True)))
            if request.fail_fast and proofs[-1].failed:
                break
        return proofs
    with ThreadPoolExecutor(jobs) as pool:
        lines: list[list[str]] = [[] for _ in agents]
        waiting = [
            pool.submit(_prove, agent, request, only, lines[index].append)
            for index, agent in enumerate(agents)
        ]
        try:
            for future, said in zip(waiting, lines, strict=True):
                proofs.append(future.result())
                click.echo("\n".join(said), err=True)
                if request.fail_fast and proofs[-1].failed:
                    break
        finally:
            # reached early, by an error, Ctrl-C or --fail-fast, the others are ended, not waited for
            if len(proofs) < len(agents):
                pool.shutdown(wait=False, cancel_futures=True)
                process.end_all()
    return proofs


def _prove(
    agent: Agent, request: Request, only: Sequence[range], say: Callable[[str], object]
) -> prove.Proof:
    for number in range(1, request.retries + 2):
        proof = _try(agent, request, only, say)
        proof.tries = number
        if not proof.failed or process.is_stopping():
            break
    return proof


def _try(
    agent: Agent, request: Request, only: Sequence[range], say: Callable[[str], object]
) -> prove.Proof:
    with _server(agent, request) as place:
        say(printable(f"{agent.title} on {place.version}"))
        return prove.prove(
            agent.spec,
            agent.rendered,
            url=place.url,
            front=place.front,
            environment=place.environment,
            database=place.database,
            server=place.version,
            only=only,
            by_template=agent.by_template,
            fail_fast=request.fail_fast,
            report=lambda result: say(_progress(result)),
            # a server that was started for this proof goes with all that is in it
            warn=warn if request.url is not None else lambda message: None,
        )


def _progress(result: prove.Result) -> str:
    mark = {
        "passed": click.style("passed ", fg="green"),
        "failed": click.style("failed ", fg="red", bold=True),
    }.get(result.status, f"{result.status} ")
    line = f" (line {result.line})" if result.line else ""
    why = f": {result.message}" if result.message and result.status != "passed" else ""
    return f"  {mark} {printable(result.title)}{line}{printable(why)}"


def _clean_up_when_terminated() -> None:
    """Let SIGTERM and SIGHUP unwind like Ctrl-C, so that databases, servers and folders go."""
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        # under `nohup` it is ignored, and stays so
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, frame: sys.exit(128 + number))


def _require_libraries() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("pyflakes", "sqlalchemy") if find_spec(name) is None]
    if missing:
        raise SubwrightError(
            f"`prove` needs {' and '.join(missing)}", help="install `subwright[prove]`"
        )


def _lines(text: str | None) -> list[range]:
    lines = []
    for part in text.split(",") if text is not None else ():
        found = re.fullmatch(r"\s*([0-9]{1,9})\s*(?:-\s*([0-9]{1,9})\s*)?", part)
        named = range(int(found[1]), int(found[2] or found[1]) + 1) if found else range(0)
        if not named:
            raise SubwrightError(
                f"`--only {text}` names no lines", help="write it as in 120-140,200"
            )
        lines.append(named)
    return lines


def _agents(request: Request) -> Iterator[Agent]:
    """The agents that the targets name, each rendered first where it is a template."""
    files = [t for t in request.targets if t.endswith(".md") and Path(t).is_file()]
    names = [t for t in request.targets if t not in files]
    for target in names:
        if "/" in target or (target.endswith(".md") and not Path(target).exists()):
            raise SubwrightError(f"there is no file `{target}`")
    if names or not files:
        for template in _templates(library(request.templates), names, request):
            yield from _rendered(template, request)
    elif any(map(request.given, ("database", "version", "settings", "everything"))):
        raise SubwrightError(
            "`--database`, `--version`, `--set` and `--all` are for templates, not for files"
        )
    for file in files:
        yield _file(Path(file), request)


def _templates(found: Library, names: Sequence[str], request: Request) -> list[Template]:
    """The templates that are named; without a name all that have what is asked for."""
    about = [option for option in ("database", "version") if request.given(option)]
    if names:
        chosen = found.named(names)
        for template in chosen:
            for option in about:
                if template.variable_of(option) is None:
                    raise SubwrightError(f"`{template.name}` has no variable for `--{option}`")
        return chosen
    for error in found.broken.values():
        raise error
    chosen = [t for t in found.templates.values() if all(t.variable_of(o) for o in about)]
    if not chosen:
        raise SubwrightError(
            "no template has a variable for " + " and ".join(f"`--{o}`" for o in about)
        )
    return chosen


def _rendered(template: Template, request: Request) -> Iterator[Agent]:
    given: dict[str, Value] = dict(map(setting, request.settings))
    # a default for one database says nothing of another
    elsewhere = request.given("database") or request.given("url")
    for option in ("database", "version"):
        variable, value = template.variable_of(option), getattr(request, option)
        if variable is None or value is None:
            continue
        if request.given(option):
            if variable.name in given and request.given("settings"):
                raise click.UsageError(f"`{variable.name}` is given by its option and by --set")
            given[variable.name] = value
        elif not elsewhere:
            given.setdefault(variable.name, value)
    _fill(template, given, request)
    for variant in variants_of(template, Asked(given, {}, request.everything)):
        rendered = template.render(variant)
        yield Agent(rendered.spec, rendered, by_template=True)


def _fill(template: Template, given: dict[str, Value], request: Request) -> None:
    """Choose database and version where they were left open, by the URL or for the SQLite that is here."""
    chosen, versions = template.database, template.variable_of("version")
    if chosen is None:
        return
    server = None if request.url is None else _database_of(request.url, request.templates)
    if chosen.name not in given:
        if server is not None:
            given[chosen.name] = server.name
        elif not request.everything:
            given[chosen.name] = "sqlite" if "sqlite" in chosen.choices else chosen.choices[0]
    if chosen.name not in given:
        return
    database = find_database(str(given[chosen.name]), template.databases)
    if database is None:
        return  # `resolve` says so
    if server is not None:
        _refuse_another(server, database.name, database.title)
    if versions is None or versions.name in given or request.everything:
        return
    if request.url is not None:
        given[versions.name] = prove.server_version(_async_url(request.url, request.templates))
    elif database.name == "sqlite":
        import sqlite3

        given[versions.name] = sqlite3.sqlite_version


def _refuse_another(server: Database, name: str, title: str) -> None:
    # SQLAlchemy reaches MariaDB by the name of MySQL too
    if server.name not in ((name, "mysql") if name == "mariadb" else (name,)):
        raise SubwrightError(f"`--url` is of {server.title}, not of {title}")


def _database_of(url: str, templates: Path | None) -> Database:
    """The database that a URL is of.

    Raises:
        SubwrightError: it is no URL, or of no database that subwright knows.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        name = make_url(url).get_backend_name()
    except (ArgumentError, ValueError):
        raise SubwrightError(
            "`--url` is no database URL",
            help="write it as in postgresql://user:password@host:5432/name",
        ) from None
    found = find_database(name, databases(templates))
    if found is None:
        raise SubwrightError(f"`{name}` is no database that subwright knows")
    return found


def _async_url(url: str, templates: Path | None, driver: str | None = None) -> str:
    """A URL with an async driver: the one that it names, else the default of its database."""
    from sqlalchemy import make_url

    found = _database_of(url, templates)
    parsed = make_url(url)
    if "+" not in parsed.drivername or driver:
        wanted = next((d for d in found.drivers if d.name == driver), found.drivers[0])
        parsed = parsed.set(drivername=wanted.dialect)
    return parsed.render_as_string(hide_password=False)


def _file(path: Path, request: Request) -> Agent:
    """An agent file; what renders to exactly its text, if anything, says how to prove it."""
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise SubwrightError(f"{path}: not UTF-8 (byte {error.start})") from None
    if b"\ntemplate:" in text.encode() and not ORIGIN.match(text):
        raise SubwrightError(
            f"`{path}` is a template",
            help=f"name it: `subwright prove --templates {path.parent} {path.stem}`",
        )
    rendered = _renders_to(text, library(request.templates)) if ORIGIN.match(text) else None
    if rendered is None and ORIGIN.match(text):
        warn(
            f"{path}: edited since it was rendered, or rendered by another version: only read, not run"
        )
    return Agent(parse(Source(str(path), text.replace("\r\n", "\n"))), rendered)


def _renders_to(text: str, found: Library) -> Rendered | None:
    """The variant whose text this is."""
    match = ORIGIN.match(text)
    assert match is not None
    words = text[match.end() :].partition(":")[0].split(" for ")
    template = found.templates.get(words[0])
    if template is None:
        return None
    free: dict[str, list[Value]] = {}
    chosen, versions = template.database, template.variable_of("version")
    for variable in template.variables.values():
        if variable.type == "bool":
            free[variable.name] = [True, False]
        elif variable.type == "choice":
            free[variable.name] = list(variable.choices)
    if chosen is not None and len(words) == 2:
        title, _, version = words[1].rpartition(" ")
        database = next((d for d in template.databases.values() if d.title == title), None)
        if database is None:
            return None
        free[chosen.name] = [database.name]
        if versions is not None:
            free[versions.name] = [version]
        driver = template.variable_of("driver")
        if driver is not None:
            free[driver.name] = [d.name for d in database.drivers]
    for values in itertools.product(*free.values()):
        try:
            rendered = template.render(template.resolve(dict(zip(free, values, strict=True))))
        except SubwrightError:
            continue
        if rendered.text == text:
            return rendered
    return None


@dataclass(frozen=True)
class Place:
    """Where an agent's code runs: the URL of a server, of a pooler before it, the environment for it, what it is."""

    url: str
    database: str
    version: str
    environment: Mapping[str, str]
    front: str | None = None


@contextmanager
def _server(agent: Agent, request: Request) -> Iterator[Place]:
    """A server for an agent: the user's own, or one that is started."""
    stack = agent.rendered.variant.stack if agent.rendered else None
    if request.url is not None:
        if stack is not None:
            _refuse_another(_database_of(request.url, request.templates), stack.name, stack.title)
        url = _async_url(request.url, request.templates, stack.driver.name if stack else None)
        # "PostgreSQL 17.2 (Debian 17.2-1) on x86_64", "11.8.2-MariaDB-deb12"
        said = prove.server_version(url)
        version = re.search(r"\d+(\.\d+)*", said)
        title = stack.title if stack else _database_of(request.url, request.templates).title
        yield Place(url, title, version[0] if version else said, {})
        return
    name = stack.name if stack else "sqlite"
    binary = _binary(name, stack.version if stack else None, agent)
    dialect = stack.driver.dialect if stack else "sqlite+aiosqlite"
    pooler = agent.rendered.prove.get("pooler") if agent.rendered else None
    with servers.start(binary) as server, ExitStack() as fronts:
        front = None
        if pooler:
            front = fronts.enter_context(servers.start_pooler(server, POOLER)).url(dialect)
        url = server.url(dialect)
        title = stack.title if stack else "SQLite"
        yield Place(url, title, server.version, server.environment, front)


def _binary(name: str, series: str | None, agent: Agent) -> servers.Binary:
    if series is None:
        return servers.find(name)[0]
    can = [s.series for s in servers.sources() if s.database == name]
    if series in can:
        return servers.find_or_fetch(name, series)
    installed = servers.find(name, series)
    if installed:
        return installed[0]
    nearest = _nearest(series, can, agent)
    warn(f"no server of {name} {series} can be had: its nearest neighbour is {nearest}")
    return servers.find_or_fetch(name, nearest)


def _nearest(series: str, can: Sequence[str], agent: Agent) -> str:
    assert agent.rendered is not None
    stack = agent.rendered.variant.stack
    assert stack is not None
    template = agent.rendered.template
    database = template.databases[stack.name]
    order = [series.version for series in database.series]

    def differences(version: str) -> tuple[int, int]:
        other = database.at(version, None, template.databases.values())
        different = sum(other.has(name) != stack.has(name) for name in template.features)
        return different, -order.index(version)

    # the one of which the same is true; of two alike the newer
    return min((version for version in can if version in order), key=differences)
