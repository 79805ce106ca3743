"""`subwright install`, `status` and `uninstall`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from subwright.cli.common import color_option, templates_option
from subwright.cli.render import RenderCommand, TemplateName

if TYPE_CHECKING:
    from pathlib import Path

F = TypeVar("F", bound=Callable[..., Any])


def _place_options(function: F) -> F:
    """Where the agents are: the project's folder, the user's, or another."""
    for option in (
        click.option(
            "--dir",
            "folder",
            metavar="DIR",
            type=click.Path(file_okay=False),
            help="Any folder of agents.",
        ),
        click.option(
            "--user", "place", flag_value="user", help="The user's agents, in ~/.claude/agents."
        ),
        click.option(
            "--project",
            "place",
            flag_value="project",
            help="The project's, in .claude/agents of the nearest folder with .git or .claude.  [default]",
        ),
    ):
        function = option(function)
    return function


class Installed(TemplateName):
    """The name of a template or the file of an installed agent."""

    name = "installed"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from subwright.cli import installing
        from subwright.errors import SubwrightError

        try:
            entries = installing.installed(ctx.params.get("place"), ctx.params.get("folder"))
        except (SubwrightError, OSError):
            return []
        names = dict.fromkeys(n for entry in entries for n in (entry.template, entry.file))
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.command("install", cls=RenderCommand, short_help="Install agents, or bring them up to date.")
@click.argument("names", metavar="[TEMPLATE]...", nargs=-1, type=TemplateName())
@click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    help="Give a variable by its name; works for every variable.",
)
@_place_options
@click.option(
    "-n",
    "--dry-run",
    is_flag=True,
    help="Say what would be done and why; exit 1 if anything would.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Overwrite what was edited by hand or is not subwright's; what it held is kept as FILE.bak.",
)
@click.option("-y", "--yes", is_flag=True, help="Ask nothing.")
@templates_option
@color_option
@click.pass_context
def install_command(
    ctx: click.Context,
    /,
    names: tuple[str, ...],
    settings: tuple[str, ...],
    place: str | None,
    folder: str | None,
    dry_run: bool,
    force: bool,
    yes: bool,
    templates: Path | None,
    **variables: Any,
) -> None:
    """Install TEMPLATEs into .claude/agents, or bring what is installed up to date.

    Database, version and driver are read from the project's files where no option gives them: compose files, .env and
    .env.example, alembic.ini, pyproject.toml, requirements, lock files, GitHub workflows. What was found is shown.
    Without TEMPLATE: the installed agents, or when there is none, every template that fits the project.

    What was installed is recorded in subwright.lock beside the agents: commit it. A file that was edited by hand is
    never overwritten without --force. All files of a run are written, or none.

    Exit status: 0 done, 1 something stands against it (with -n: something would be done), 2 wrong use, or a project
    whose files do not say what is to be installed.

    \b
    Examples:
      subwright install
      subwright install --database postgresql --version 17
      subwright install -n
    """
    from subwright.cli import installing

    installing.install(ctx, names, settings, variables, place, folder, dry_run, force, yes)


@click.command("status", short_help="Say how installed agents stand.")
@_place_options
@click.option("--diff", is_flag=True, help="Show how files differ from what they should be.")
@click.option(
    "--output-format",
    "style",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print it.",
)
@color_option
def status_command(place: str | None, folder: str | None, diff: bool, style: str) -> None:
    """Say of each installed agent how it stands.

    \b
    current    as it would be written today
    outdated   its template has changed, or the project's database has moved on
    edited     changed by hand
    missing    recorded, and not there
    foreign    written by subwright, and not recorded
    broken     its template is gone or cannot be rendered

    Exit status: 0 all are current, 1 something is to be done, 2 wrong use.
    """
    from subwright.cli import installing

    installing.status(place, folder, diff, style)


@click.command("uninstall", short_help="Take installed agents away.")
@click.argument("names", metavar="[TEMPLATE|FILE]...", nargs=-1, type=Installed())
@_place_options
@click.option(
    "-n", "--dry-run", is_flag=True, help="Say what would be done; exit 1 if anything would."
)
@click.option("-y", "--yes", is_flag=True, help="Ask nothing.")
@color_option
def uninstall_command(
    names: tuple[str, ...], place: str | None, folder: str | None, dry_run: bool, yes: bool
) -> None:
    """Take away what was installed, all of it or what is named.

    A file that was edited by hand stays, and is yours from then on.

    Exit status: 0 done, 1 with -n: something would be done, 2 wrong use.
    """
    from subwright.cli import installing

    installing.uninstall(names, place, folder, dry_run, yes)
