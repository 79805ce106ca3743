"""What `install`, `status` and `uninstall` do."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from subwright import files
from subwright import install as installed_agents
from subwright.cli import detecting
from subwright.cli.common import library, warn
from subwright.cli.render import (
    LIBRARY,
    Asked,
    asked_for,
    chosen_templates,
    unknown_variable,
    variants_of,
    warn_of_end_of_life,
)
from subwright.cli.writing import ChangedError, show_difference
from subwright.detect import Gathered
from subwright.errors import SubwrightError, did_you_mean
from subwright.install import AGENTS, Agent, Entry, Lock, Plan, Status, Step, lockfile, transaction
from subwright.install.values import Settled, chosen_by_hand
from subwright.template import Library, Rendered, Template, Value

DOING = {
    "write": ("write", "wrote"),
    "update": ("update", "updated"),
    "replace": ("replace", "replaced"),
    "remove": ("take away", "took away"),
    "record": ("record", "recorded"),
    "forget": ("forget", "forgot"),
    "keep": ("keep", "kept"),
    "refuse": ("leave", "left"),
    "current": ("leave", "left"),
}
STATES = {
    "current": "green",
    "outdated": "yellow",
    "edited": "yellow",
    "missing": "red",
    "foreign": "yellow",
    "broken": "red",
}


@dataclass
class Place:
    """A folder of agents, and the project that their values are read from, if they are of one."""

    folder: Path
    root: Path | None
    libraries: dict[str, Library] = field(default_factory=dict)

    @cached_property
    def gathered(self) -> Gathered | None:
        """What the project's files say."""
        return detecting.read(self.root) if self.root is not None else None

    def shown(self, file: str) -> Path:
        """The path of an agent for messages."""
        return self.folder / file

    def library(self, entry: Entry) -> Library:
        """The templates that an installed agent is from.

        Raises:
            SubwrightError: they are gone.
        """
        if entry.templates not in self.libraries:
            folder = (
                Path(os.path.normpath(self.folder.resolve() / entry.templates))
                if entry.templates
                else None
            )
            self.libraries[entry.templates] = library(folder)
        return self.libraries[entry.templates]

    def template(self, entry: Entry) -> Template:
        """The template that an installed agent is from.

        Raises:
            SubwrightError: it is gone, or wrong.
        """
        (found,) = self.library(entry).named([entry.template])
        return found

    def name_of(self, templates: Path | None) -> str:
        """What the lock file calls a folder of templates: the way to it from the agents."""
        if templates is None:
            return ""
        here, there = self.folder.resolve(), templates.resolve()
        try:
            return Path(os.path.relpath(there, here)).as_posix()
        except ValueError:  # another drive of Windows
            return there.as_posix()


@dataclass(frozen=True)
class Job:
    """An agent to render: a template, the values that count, and the installed agent it takes the place of."""

    template: Template
    given: Mapping[str, Value]
    entry: Entry | None
    templates: str


@dataclass(frozen=True)
class Result:
    """A rendered job."""

    job: Job
    rendered: Rendered
    settled: Settled
    agent: Agent


def _place(place: str | None, folder: str | None) -> Place:
    if place is not None and folder is not None:
        raise click.UsageError(f"--{place} and --dir name two places")
    if folder is not None:
        if not folder:
            raise click.UsageError("`--dir` is empty: it takes a folder")
        around = Path(os.path.abspath(folder))  # noqa: PTH100  # `absolute` keeps `..`
        return Place(Path(folder), installed_agents.project(around))
    if place == "user":
        try:
            return Place(Path.home() / AGENTS, None)
        except RuntimeError:
            raise SubwrightError("the user has no home folder", help="give `--dir`") from None
    here = Path.cwd()
    root = installed_agents.project(here)
    try:
        leads = (root / AGENTS).resolve()
    except (OSError, RuntimeError):
        raise SubwrightError(
            f"`{root / AGENTS}` is a link in a circle", help="take it away, or give `--dir`"
        ) from None
    if not leads.is_relative_to(root.resolve()):
        raise SubwrightError(
            f"`{root / AGENTS}` leads out of the project",
            help="`--dir` names the folder it leads to",
        )
    shown = Path(os.path.relpath(root, here))
    return Place(shown / AGENTS, root)


def installed(place: str | None, folder: str | None) -> list[Entry]:
    """What the lock file names."""
    return list(lockfile.read(_place(place, folder).folder).entries.values())


@contextlib.contextmanager
def _opened(place: Place, dry_run: bool) -> Iterator[tuple[Lock, bytes | None]]:
    """The lock file of a folder that no other run uses meanwhile."""
    if dry_run:
        with _reading(place.folder):
            yield _locked(place)
        return
    with installed_agents.opened(place.folder) as kept:
        for name in kept:
            warn(f"{place.shown(name)}: was changed since a run was interrupted, and is left")
        yield _locked(place)


def _locked(place: Place) -> tuple[Lock, bytes | None]:
    path = place.folder / lockfile.NAME
    if path.is_symlink():
        raise SubwrightError(f"`{path}` is a link", help="put the file itself there")
    content = files.read(path)
    return (lockfile.parse(content, str(path)) if content is not None else Lock()), content


@contextlib.contextmanager
def _reading(folder: Path) -> Iterator[None]:
    if not folder.is_dir():
        yield
        return
    with transaction.locked(folder, shared=True):
        yield


# --- install --------------------------------------------------------------------------------------


def install(
    ctx: click.Context,
    names: Sequence[str],
    settings: Sequence[str],
    variables: Mapping[str, Any],
    place: str | None,
    folder: str | None,
    dry_run: bool,
    force: bool,
    yes: bool,
) -> None:
    """Render what is asked for, say what is to be done, and do it.

    Raises:
        SubwrightError: it cannot be done; nothing is.
    """
    found: Library = ctx.meta[LIBRARY]
    asked = asked_for(ctx, found, variables, settings, everything=False)
    own: Path | None = ctx.params["templates"]
    at = _place(place, folder)
    at.libraries[at.name_of(own)] = found
    ask = detecting.is_terminal() and not yes and not dry_run
    with _opened(at, dry_run) as (lock, before):
        results = _results(at, found, names, asked, lock, at.name_of(own), ask)
        for result in results:
            _say_what_was_found(at, result)
        warn_of_end_of_life([result.rendered for result in results])
        plan = installed_agents.plan(
            at.folder, lock, before, [(r.agent, r.job.entry) for r in results], force=force
        )
        if dry_run:
            _say_what_would_be_done(at, plan)
            return
        if plan.refused:
            raise _refusal(at, plan)
        guessed = any(r.job.entry is None and r.settled.found for r in results)
        if ask and guessed and plan.changing:
            for step in plan.changing:
                click.echo(_would(at, step), err=True)
            click.confirm("go on?", default=True, abort=True, err=True)
        _carry_out(at, plan)


def _results(
    place: Place,
    found: Library,
    names: Sequence[str],
    asked: Asked,
    lock: Lock,
    templates: str,
    ask: bool,
) -> list[Result]:
    """What is to be installed, rendered."""
    results: list[Result] = []
    if not names and lock.entries:
        return [_rendered(place, job, ask) for job in _installed_jobs(place, asked.given, lock)]
    if names:
        for template in found.named(names):
            entries = [
                entry
                for entry in lock.entries.values()
                if (entry.template, entry.templates) == (template.name, templates)
            ]
            same = [
                result
                for entry in entries
                if (result := _rendered(place, Job(template, asked.given, entry, templates), ask))
                and (not asked.given or result.agent.entry.file == entry.file)
            ]
            new = Job(template, asked.given, None, templates)
            results += same or [_rendered(place, new, ask)]
        return results
    errors: list[SubwrightError] = []
    for template in _fitting(found, asked):
        try:
            results.append(_rendered(place, Job(template, asked.given, None, templates), ask))
        except SubwrightError as error:
            errors.append(error)
    if not results:
        raise errors[0]
    return results


def _fitting(found: Library, asked: Asked) -> list[Template]:
    """The templates that have all variables that are given."""
    fitting = [t for t in found.templates.values() if set(asked.given) <= set(t.variables)]
    for error in found.broken.values():
        raise error
    return fitting or chosen_templates(found, [], asked)


def _installed_jobs(place: Place, given: Mapping[str, Value], lock: Lock) -> list[Job]:
    """The installed agents, each with what is given for it."""
    jobs = []
    known: set[str] = set()
    taken: set[str] = set()
    for entry in lock.entries.values():
        try:
            template = place.template(entry)
        except SubwrightError as error:
            raise SubwrightError(
                f"{place.shown(entry.file)}: {error.message}",
                help=f"`subwright uninstall {entry.file}` takes it away; name templates to leave it out",
            ) from error
        known |= set(template.variables)
        own = {n: v for n, v in given.items() if n in template.variables}
        if set(own) == set(given):
            taken |= set(own)
        else:
            own = {}
        jobs.append(Job(template, own, entry, entry.templates))
    for name in given:
        if name not in known:
            raise unknown_variable(name, known)
    if set(given) - taken:
        raise SubwrightError(
            "no installed agent has all of " + ", ".join(f"`{name}`" for name in given),
            help="name the template that they are for",
        )
    return jobs


def _rendered(place: Place, job: Job, ask: bool) -> Result:
    """An agent with the values that count for it.

    Raises:
        SubwrightError: a value is missing, in doubt or wrong.
    """
    template, entry = job.template, job.entry
    configured, places = detecting.configured()
    configured = {n: v for n, v in configured.items() if n in template.variables}
    gathered = place.gathered if template.database else None
    settled, given = detecting.decided(template, job.given, configured, gathered, entry, ask=ask)
    if entry is not None:
        recorded = str(place.folder / lockfile.NAME)
        places = {**dict.fromkeys(entry.values, recorded), **places}
    places = {**places, **detecting.places_of(settled)}
    places = {name: place for name, place in places.items() if name not in given}
    (variant,) = variants_of(template, Asked(given, settled.values, places=places))
    rendered = template.render(variant)
    by_hand = chosen_by_hand(variant, given, settled, configured, entry)
    return Result(job, rendered, settled, installed_agents.agent(rendered, by_hand, job.templates))


def _say_what_was_found(place: Place, result: Result) -> None:
    """What the project says, in full for a new agent, and what is new of it for an installed one."""
    template, entry = result.job.template, result.job.entry
    values = result.rendered.variant.values
    names = [n for n in values if entry is None or entry.values.get(n) != values[n]]
    if names or entry is None:
        detecting.show(template, result.settled, names)
    if entry is None:
        detecting.show_defaults(template, result.settled, result.rendered)
    if place.root is not None and template.database and place.gathered:
        detecting.warn_of_sqlalchemy(result.rendered, place.gathered)


def _would(place: Place, step: Step) -> str:
    return f"would {DOING[step.action][0]} {place.shown(step.file)}: {step.why}"


def _say_what_would_be_done(place: Place, plan: Plan) -> None:
    if transaction.pending(place.folder):
        click.echo(f"would first finish what an interrupted run began in {place.folder}")
    for step in plan.steps:
        click.echo(_would(place, step))
    if plan.changing or plan.refused or transaction.pending(place.folder):
        raise click.exceptions.Exit(1)


def _refusal(place: Place, plan: Plan) -> ChangedError:
    for step in plan.refused:
        if step.before is not None and step.after is not None:
            show_difference(place.shown(step.file), step.before, step.after)
    listing = "\n       ".join(f"{place.shown(step.file)}: {step.why}" for step in plan.refused)
    first = plan.refused[0]
    if first.before is None:
        advice = "take it away, or give `--dir`"
    else:
        advice = (
            f"`--force` writes it, and keeps what it holds as `{first.file}.bak`; or take over by hand what you "
            f"want of the difference, and `subwright uninstall {first.file}` makes the file your own"
        )
    return ChangedError(f"{listing}\nnothing is written", help=advice)


def _carry_out(place: Place, plan: Plan) -> None:
    meanwhile = plan.carry_out()
    for step in plan.steps:
        if step.file in meanwhile:
            continue
        path, done = place.shown(step.file), DOING[step.action][1]
        if step.action == "current":
            click.echo(f"{path} is current", err=True)
            continue
        why = f": {step.why}" if step.action not in ("write", "remove") else ""
        also = f"; what it held is in {place.shown(step.backup)}" if step.backup else ""
        click.echo(f"{done} {path}{why}{also}", err=True)
    for name in meanwhile:
        warn(f"{place.shown(name)}: was changed while this ran, and is left")
    if meanwhile:
        raise click.exceptions.Exit(1)


# --- status ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Report:
    """How an agent stands, and what the project's files say of it."""

    status: Status
    moved: tuple[dict[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def status(place: str | None, folder: str | None, diff: bool, style: str) -> None:
    """Print how the installed agents stand; exit with 1 when something is to be done."""
    at = _place(place, folder)
    with _reading(at.folder):
        lock, _ = _locked(at)
        reports = [_report(at, lock.entries[file]) for file in sorted(lock.entries)]
        reports += [Report(found) for found in installed_agents.foreign(at.folder, lock)]
        interrupted = transaction.pending(at.folder)
    if style == "json":
        import json

        click.echo(json.dumps(_json(at, reports, interrupted), indent=2, ensure_ascii=False))
    else:
        _print(at, reports, interrupted, diff)
    if interrupted or any(report.status.state != "current" for report in reports):
        raise click.exceptions.Exit(1)


def _report(place: Place, entry: Entry) -> Report:
    try:
        job = Job(place.template(entry), {}, entry, entry.templates)
        result = _rendered(place, job, ask=False)
    except detecting.UndecidedError as error:
        return Report(Status(entry.file, "outdated", _one_line(error), entry))
    except SubwrightError as error:
        return Report(Status(entry.file, "broken", _one_line(error), entry))
    found = installed_agents.status(place.folder, entry, result.agent)
    if result.agent.entry.file != entry.file and found.state == "current":
        why = f"it is called `{result.agent.entry.file}` today"
        found = Status(entry.file, "outdated", why, entry, found.before)
    values = result.agent.entry.values
    moved = tuple(
        {
            "variable": name,
            "from": str(entry.values[name]),
            "to": str(values[name]),
            "by": choice.place,
        }
        for name, choice in result.settled.found.items()
        if name in entry.values and entry.values[name] != values.get(name)
    )
    notes = tuple(
        f"{choice.place} says {name} {choice.value}, and {installed_agents.shown(values[name])} was chosen"
        for name in entry.given
        if (choice := result.settled.says.get(name)) and choice.value != values.get(name)
    )
    return Report(found, moved, notes)


def _one_line(error: SubwrightError) -> str:
    return ", ".join(line.strip() for line in error.message.splitlines())


def _print(place: Place, reports: Sequence[Report], interrupted: bool, diff: bool) -> None:
    if interrupted:
        click.echo(f"{place.folder}: a run was interrupted: `subwright install` finishes it")
    if not reports:
        click.echo(f"no agent is installed in {place.folder}")
    for report in reports:
        found = report.status
        state = click.style(found.state, fg=STATES[found.state])
        why = f": {found.why}" if found.why else ""
        by = ", ".join(dict.fromkeys(moved["by"] for moved in report.moved))
        click.echo(f"{place.shown(found.file)}: {state}{why}{f' ({by})' if by else ''}")
        for note in report.notes:
            click.echo(f"  {note}")
        if found.state in ("current", "foreign") or found.after is None or found.before is None:
            continue
        if diff:
            show_difference(place.shown(found.file), found.before, found.after)
        else:
            added, gone = _counts(found.before, found.after)
            click.echo(f"  `--diff` shows what would change: +{added} -{gone} lines")
    todo = {report.status.state for report in reports} - {"current"}
    if todo & {"outdated", "missing"}:
        click.echo("  help: `subwright install` brings them up to date", err=True)
    if "edited" in todo:
        click.echo(
            "  help: `subwright install --force` writes an edited file anew, and keeps it as `.bak`",
            err=True,
        )
    if "foreign" in todo:
        click.echo(
            "  help: `subwright install TEMPLATE` takes a foreign file over; without its second line it is your own",
            err=True,
        )


def _counts(before: bytes, after: bytes) -> tuple[int, int]:
    from difflib import unified_diff

    lines = list(
        unified_diff(
            before.decode("utf-8", "replace").splitlines(),
            after.decode("utf-8", "replace").splitlines(),
            n=0,
            lineterm="",
        )
    )[2:]
    return sum(line[0] == "+" for line in lines), sum(line[0] == "-" for line in lines)


def _json(place: Place, reports: Iterable[Report], interrupted: bool) -> dict[str, Any]:
    return {
        "version": 1,
        "folder": place.folder.as_posix(),
        "interrupted": interrupted,
        "agents": [
            {
                "file": report.status.file,
                "state": report.status.state,
                "why": report.status.why or None,
                "outdated": report.status.outdated,
                "template": report.status.entry.template if report.status.entry else None,
                "values": dict(report.status.entry.values) if report.status.entry else None,
                "moved": list(report.moved),
                "notes": list(report.notes),
            }
            for report in reports
        ],
    }


# --- uninstall ------------------------------------------------------------------------------------


def uninstall(
    names: Sequence[str], place: str | None, folder: str | None, dry_run: bool, yes: bool
) -> None:
    """Take away what is named, or all that is installed.

    Raises:
        SubwrightError: something that is named is not installed.
    """
    at = _place(place, folder)
    if not at.folder.is_dir():
        raise SubwrightError(f"no agent is installed in `{at.folder}`")
    with _opened(at, dry_run) as (lock, before):
        entries = _named(at, lock, names)
        plan = installed_agents.plan_removal(at.folder, lock, before, entries)
        if dry_run:
            _say_what_would_be_done(at, plan)
            return
        if not names and detecting.is_terminal() and not yes:
            for step in plan.steps:
                click.echo(_would(at, step), err=True)
            click.confirm("go on?", default=True, abort=True, err=True)
        _carry_out(at, plan)


def _named(place: Place, lock: Lock, names: Sequence[str]) -> list[Entry]:
    if not lock.entries:
        raise SubwrightError(f"no agent is installed in `{place.folder}`")
    if not names:
        return list(lock.entries.values())
    found: dict[str, Entry] = {}
    for name in names:
        wanted = Path(name).name
        fitting = [e for e in lock.entries.values() if wanted in (e.file, e.template)]
        if not fitting:
            known = {n for e in lock.entries.values() for n in (e.file, e.template)}
            raise SubwrightError(
                f"`{name}` is not installed in `{place.folder}`",
                help=did_you_mean(wanted, known) or "installed are " + ", ".join(sorted(known)),
            )
        found.update((entry.file, entry) for entry in fitting)
    return list(found.values())
