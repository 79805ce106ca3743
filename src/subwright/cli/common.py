"""What the commands share: options, reports, progress."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from subwright.errors import SubwrightError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from subwright.database import Database
    from subwright.template import Library, Rendered
    from subwright.template.outline import Outlines

# where a context keeps the values that the configuration gives variables, each with its place
VARIABLES = "subwright.variables"
# and the configuration itself
CONFIGURATION = "subwright.configuration"

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def _set_color(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Colour by the option, else by NO_COLOR and FORCE_COLOR, else by whether the output is a terminal."""
    if value is None and "color" in ctx.meta:
        return
    color: bool | None = None
    if value in ("always", "never"):
        color = value == "always"
    elif os.environ.get("NO_COLOR"):
        color = False
    elif os.environ.get("FORCE_COLOR"):
        color = True
    if value is not None:
        ctx.meta["color"] = value
    ctx.color = color
    ctx.find_root().color = color


def color_option(function: F) -> F:
    """`--color`, understood before and after the command's name."""
    return click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        expose_value=False,
        is_eager=True,
        callback=_set_color,
        help="When to colour the output.  [default: auto]",
    )(function)


def _path(ctx: click.Context, param: click.Parameter, value: str | None) -> Path | None:
    # a start without pathlib is a fifth faster, and most starts are for help or completion
    from pathlib import Path

    if value == "":
        raise click.UsageError(f"`{param.opts[0]}` is empty: it takes a folder")
    return Path(value) if value is not None else None


def _folders(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="dir")]


def templates_option(function: F) -> F:
    """`--templates`, the folder of own templates."""
    return click.option(
        "--templates",
        metavar="DIR",
        callback=_path,
        shell_complete=_folders,
        help="Folder of your own templates, used instead of the ones that come with subwright.",
    )(function)


def report(error: SubwrightError) -> None:
    """Print an error to stderr."""
    diagnostics = getattr(error, "diagnostics", None)
    if diagnostics:
        from subwright.output.frames import frames

        click.echo(frames(diagnostics), err=True)
        return
    click.echo(f"{click.style('error:', fg='red', bold=True)} {error.message}", err=True)
    for line in getattr(error, "log", "").splitlines()[-10:]:
        click.echo(f"  | {line}", err=True)  # of the server that did not start
    if error.help:
        click.echo(f"  {click.style('help:', fg='cyan', bold=True)} {error.help}", err=True)


def warn(message: str) -> None:
    """Print a warning to stderr."""
    click.echo(f"{click.style('warning:', fg='yellow', bold=True)} {message}", err=True)


def peek(command: click.Command, parent: click.Context, args: Sequence[str]) -> dict[str, Any]:
    """The options among a command's arguments, as its own parser reads them, whatever else is wrong.

    `help` among them is whether help is asked for, by whatever name click keeps it.
    """
    ctx = click.Context(command, parent=parent, info_name=command.name, resilient_parsing=True)
    parser = command.make_parser(ctx)
    parser.ignore_unknown_options = True
    given = parser.parse_args(list(args))[0]
    option = command.get_help_option(ctx)
    return {**given, "help": option is not None and bool(given.get(option.name or ""))}


def configured_at(option: str, variable: str) -> str | None:
    """Where the configuration gives the value that the running command has for an option, if it does."""
    from click.core import ParameterSource

    ctx = click.get_current_context(silent=True)
    places: Mapping[str, str] = ctx.meta.get("subwright.places", {}) if ctx else {}
    if ctx is None or not places:
        return None
    by_name = ctx.params.get("settings") or ()
    if any(text.startswith(f"{variable}=") for text in by_name):
        configured = ctx.get_parameter_source("settings") is ParameterSource.DEFAULT_MAP
        return places.get("set") if configured else None
    for param in ctx.command.get_params(ctx):
        if option in param.opts and param.name:
            configured = ctx.get_parameter_source(param.name) is ParameterSource.DEFAULT_MAP
            return places.get(option.removeprefix("--")) if configured else None
    return None


def template_folder(templates: Path | None) -> Path:
    """The folder of the templates, by default the package's own.

    Raises:
        SubwrightError: there is no such folder.
    """
    from subwright import data

    folder = templates if templates is not None else data.folder("templates")
    if not folder.is_dir():
        ctx = click.get_current_context(silent=True)
        value, place = (ctx.meta.get("subwright.templates") if ctx else None) or (None, "")
        problem = f"there is no folder `{folder}`"
        if str(folder) == value:
            raise SubwrightError(f"{place}: {problem}", help="`templates` names a folder")
        raise SubwrightError(problem, help="`--templates` names a folder")
    return folder


def databases(templates: Path | None) -> Mapping[str, Database]:
    """The fact files of the package, and over them those of an own template folder."""
    from subwright.database import known

    return known(templates)


def library(templates: Path | None, *, checked: bool | None = None) -> Library:
    """The templates of a folder, by default the package's own.

    Args:
        templates: the folder.
        checked: as for `load`; by default the user's own templates are checked, and the package's are not, which its
            tests hold right.

    Raises:
        SubwrightError: there is no such folder or no template in it.
    """
    from subwright.template import load_all

    checked = templates is not None if checked is None else checked
    return load_all(template_folder(templates), databases(templates), checked=checked)


def outlines(templates: Path | None) -> Outlines:
    """The names and variables of the templates of a folder, by default the package's own.

    Raises:
        SubwrightError: there is no such folder, or a fact file in it is wrong.
    """
    from subwright.template import outline

    return outline.outlines(template_folder(templates), databases(templates))


def is_over(agent: Rendered) -> bool:
    """Whether the series that an agent is for is out of support today; one without a database never is."""
    from datetime import date

    stack = agent.variant.stack
    if stack is None:
        return False
    known = agent.template.databases[stack.name].series
    return next(s for s in known if s.version == stack.version).is_eol(date.today())


def progress(items: Iterable[T], length: int, label: str) -> Iterator[T]:
    """The items, with a bar on stderr from the first second on, where that is a terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield from items
        return
    import time

    start = time.monotonic()
    remaining = iter(items)
    done = 0
    for item in remaining:
        yield item
        done += 1
        if time.monotonic() - start > 1:
            break
    with click.progressbar(
        remaining, length=length, label=label, file=sys.stderr, show_pos=True, hidden=done == length
    ) as bar:
        bar.update(done)
        yield from bar


def table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns, the first as their titles."""
    from subwright.output.report import aligned

    for number, line in enumerate(aligned(rows)):
        click.echo(click.style(line, bold=True) if number == 0 else line)
