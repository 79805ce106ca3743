"""`subwright lint`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from subwright.cli.common import CONFIGURATION, color_option, templates_option

if TYPE_CHECKING:
    from pathlib import Path

# keys of `[tool.subwright.lint]` that are no options
LINT_KEYS = ("allowed-keys", "mcp-servers", "paths", "per-file-ignores", "roots")
FORMATS = ("full", "concise", "json", "sarif", "github", "junit")


def _names(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...] | None:
    """The names in lists that commas part; None where the option is not given."""
    if not values:
        return None
    names = tuple(name.strip() for value in values for name in value.split(",") if name.strip())
    if not names and param.name == "select":
        raise click.BadParameter("it names no rule, so none would run")
    return names


def complete_rules(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Rule names, after what a list already has."""
    from subwright.rules import FAMILIES, every

    before, comma, last = incomplete.rpartition(",")
    names = ["ALL", *FAMILIES, *every()]
    return [CompletionItem(before + comma + name) for name in names if name.startswith(last)]


@click.command("lint", short_help="Say what Claude Code will do with agent files.")
@click.argument("paths", metavar="[PATH|-]...", nargs=-1, type=click.Path())
@click.option("--fix", is_flag=True, help="Mend what is safe to mend, and report the rest.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, and change nothing.")
@click.option(
    "--select",
    metavar="R,..",
    multiple=True,
    callback=_names,
    shell_complete=complete_rules,
    help="Run these rules instead of the usual ones: names of rules or families, or ALL.",
)
@click.option(
    "--extend-select",
    metavar="R,..",
    multiple=True,
    callback=_names,
    shell_complete=complete_rules,
    help="Run these rules beside the usual ones.",
)
@click.option(
    "--ignore",
    metavar="R,..",
    multiple=True,
    callback=_names,
    shell_complete=complete_rules,
    help="Leave these rules out.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
@click.option(
    "--add-ignores",
    is_flag=True,
    help="Write a comment that allows it beside each finding of today.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print findings alone, no summary.")
@click.option(
    "--output-format",
    "style",
    type=click.Choice(FORMATS),
    default="full",
    show_default=True,
    help="How to print the findings.",
)
@click.option(
    "-o",
    "--output-file",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Write the findings to a file.",
)
@click.option(
    "--stdin-filename",
    metavar="NAME",
    help="The path of the text from stdin, for messages and for what is configured for paths.",
)
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever is found.")
@click.option("--statistics", is_flag=True, help="Print how often each rule found something.")
@click.option(
    "-j",
    "--jobs",
    metavar="N",
    type=click.IntRange(1),
    help="How many processes to use.  [default: as many as pay]",
)
@click.option(
    "--cache/--no-cache",
    default=True,
    help="Whether to use what earlier runs found in files that did not change.  [default: cache]",
)
@click.option(
    "--client",
    metavar="PATH",
    is_flag=False,
    flag_value="claude",
    help="Ask a Claude Code too, offline, what it loads: this one, or without PATH the one on PATH.",
)
@templates_option
@color_option
def lint_command(
    paths: tuple[str, ...],
    fix: bool,
    diff: bool,
    select: tuple[str, ...] | None,
    extend_select: tuple[str, ...] | None,
    ignore: tuple[str, ...] | None,
    strict: bool,
    add_ignores: bool,
    quiet: bool,
    style: str,
    output_file: str | None,
    stdin_filename: str | None,
    exit_zero: bool,
    statistics: bool,
    jobs: int | None,
    cache: bool,
    client: str | None,
    templates: Path | None,
) -> None:
    """Say what Claude Code will really do with agent files, and mend what is safe to mend.

    PATH is a file or a folder: each `.claude/agents`, plugin and marketplace in a folder is a set of agents of its own.
    Without PATH it is those of this project, or what `[tool.subwright.lint]` in pyproject.toml names. `-` reads stdin.
    Templates are linted as each variant that they render to.

    A comment allows what a rule finds on its line or the next: `# subwright: allow unknown-key -- reason`, in Markdown
    `<!-- subwright: allow broken-link -- reason -->`. `subwright explain` lists and explains the rules.

    Exit status: 0 nothing found, 1 an error (with --strict a warning too), 2 wrong use or a file that cannot be read.
    """
    from subwright.cli import linting

    linting.run(
        linting.Request(
            paths,
            fix,
            diff,
            select,
            extend_select or (),
            ignore or (),
            strict,
            add_ignores,
            quiet,
            style,
            output_file,
            stdin_filename,
            exit_zero,
            statistics,
            jobs,
            client,
            templates,
            cache,
        ),
        click.get_current_context().meta[CONFIGURATION],
    )
