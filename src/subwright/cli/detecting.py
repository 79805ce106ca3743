"""What commands do with what a project's files say: show it, ask about it, refuse what is not clear."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from subwright.cli.common import VARIABLES, warn
from subwright.cli.render import Asked
from subwright.detect import Choice, Gathered, Hint, excludes, gather
from subwright.errors import SubwrightError
from subwright.install import project
from subwright.install.values import Settled, settle
from subwright.template import Library, Rendered, Template, Value, Variable

if TYPE_CHECKING:
    from subwright.install import Entry

LOOKED_FOR = (
    "looked for: images in compose files, database URLs in .env, .env.example and alembic.ini, drivers in "
    "pyproject.toml, requirements*.txt, uv.lock and poetry.lock, services in .github/workflows"
)


class UndecidedError(SubwrightError):
    """A project whose files do not say which values an agent is to have, or say several."""


def for_render(found: Library, names: Sequence[str], asked: Asked) -> Asked:
    """What is asked for, with what the project's files say behind it.

    Raises:
        SubwrightError: they say nothing, or several things.
    """
    chosen = found.named(names) if names else found.templates.values()
    templates = [t for t in chosen if t.database and set(asked.given) <= set(t.variables)]
    gathered = read(project(Path.cwd()))
    values: dict[str, Value] = {}
    places: dict[str, str] = {}
    given = dict(asked.given)
    for template in templates:
        settled, given = decided(template, given, asked.configured, gathered)
        show(template, settled)
        values = {**settled.values, **values}
        places.update(places_of(settled))
    return Asked(given, {**asked.configured, **values}, places=places)


def read(root: Path) -> Gathered:
    """What the files of a project say; those that cannot be read are said."""
    gathered = gather(root)
    for problem in gathered.problems:
        warn(problem)
    return gathered


def configured() -> tuple[dict[str, Value], dict[str, str]]:
    """The values that the configuration gives variables, and where."""
    entries: Mapping[str, tuple[Value, str]] = click.get_current_context().meta.get(VARIABLES) or {}
    return {n: v for n, (v, _) in entries.items()}, {n: p for n, (_, p) in entries.items()}


def decided(
    template: Template,
    given: Mapping[str, Value],
    configured: Mapping[str, Value],
    gathered: Gathered | None,
    entry: Entry | None = None,
    *,
    ask: bool = False,
) -> tuple[Settled, dict[str, Value]]:
    """The values of an agent, and those given, with what the user answered.

    Args:
        template: of the agent.
        given: values of this run.
        configured: values of the configuration.
        gathered: what the project's files say.
        entry: of the installed agent.
        ask: whether to ask where they are at odds.

    Raises:
        UndecidedError: they are at odds and nobody is asked, or nothing says which database it is.
    """
    given = dict(given)
    while True:
        settled = settle(template, given, configured, gathered, entry)
        if not settled.conflicts:
            break
        name, choices = next(iter(settled.conflicts.items()))
        variable = template.variables[name]
        if not ask:
            raise _conflict(variable, choices)
        given[name] = _answer(variable, choices)
    chooser = template.database
    if chooser is not None and chooser.name not in {**settled.values, **given}:
        raise _unknown(template, chooser, gathered, settled)
    return settled, given


def is_terminal() -> bool:
    """Whether there is somebody to ask."""
    # Python has no stream where the descriptor is closed
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def places_of(settled: Settled) -> dict[str, str]:
    """Where the values were read."""
    return {name: choice.place for name, choice in settled.found.items()}


def show(template: Template, settled: Settled, names: Iterable[str] | None = None) -> None:
    """Say what was found and where."""
    for name, choice in settled.found.items():
        if names is None or name in names:
            variable = template.variables[name]
            said = _said(choice.hints)
            also = settled.decision.alternatives if variable.type == "database" else ()
            if also:
                said += f"; if it is {' or '.join(also)}, give `{variable.option} {also[0]}`"
            _note(f"found {variable.option[2:]} {choice.value}: {said}")
    for hint in settled.decision.others:
        _note(f"no agent is for {hint.databases[0]}: {_said([hint])}")


def show_defaults(template: Template, settled: Settled, agent: Rendered) -> None:
    """Say what the project's files do not, and the template's default was taken for."""
    variable = template.variable_of("version")
    if variable and settled.found and variable.name not in settled.values:
        version = agent.variant.values[variable.name]
        _note(f"no file says a version: {variable.option} {version} is taken")


def warn_of_sqlalchemy(agent: Rendered, gathered: Gathered) -> None:
    """Say where the project keeps to a SQLAlchemy that is older than what the agent is written for."""
    stack = agent.variant.stack
    _, _, minimum = (stack.driver.requires if stack else "").partition(">=")
    minimum = minimum.split(" ")[0]
    for place, requirement in gathered.sqlalchemy:
        if minimum and excludes(requirement, minimum):
            warn(f"{place}: SQLAlchemy {requirement}, and the agent is for {minimum} and later")
            return


def _conflict(variable: Variable, choices: Sequence[Choice]) -> UndecidedError:
    listing = "".join(f"\n       {choice.value}: {_said(choice.hints)}" for choice in choices)
    options = ", ".join(f"`{variable.option} {choice.value}`" for choice in choices)
    return UndecidedError(
        f"the project's files do not agree on its {variable.type}{listing}",
        help=f"choose one: {options}",
    )


def _answer(variable: Variable, choices: Sequence[Choice]) -> str:
    click.echo(f"the project's files do not agree on its {variable.type}", err=True)
    for choice in choices:
        click.echo(f"  {choice.value}: {_said(choice.hints)}", err=True)
    kind = click.Choice([choice.value for choice in choices])
    return str(click.prompt(f"which {variable.type}", type=kind, err=True))


def _unknown(
    template: Template, chooser: Variable, gathered: Gathered | None, settled: Settled
) -> UndecidedError:
    choices = f"`{chooser.option}`: " + ", ".join(chooser.choices)
    for hint in settled.decision.others:
        name = hint.databases[0]
        reason = (chooser.unavailable or {}).get(name, f"`{template.name}` has no variant for it")
        return UndecidedError(
            f"no agent is for {name} yet: {reason}\n       {_said([hint])}",
            help=f"if the project has another database, give {choices}",
        )
    if gathered is None:
        return UndecidedError(
            f"`{chooser.option}` is missing: an agent for all projects is read from none",
            help=f"give {choices}",
        )
    return UndecidedError(
        f"nothing in `{gathered.root}` says which database the project uses\n{LOOKED_FOR}",
        help=f"give {choices}",
    )


def _said(hints: Sequence[Hint], most: int = 3) -> str:
    text = "; ".join(f"{hint.place}, {hint.says}" for hint in hints[:most])
    return text + (f" and {len(hints) - most} more" if len(hints) > most else "")


def _note(text: str) -> None:
    click.echo(text, err=True)
