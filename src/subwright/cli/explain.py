"""`subwright explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from subwright.cli.common import color_option, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from subwright.rules import Rule

WIDTH = 100  # of the longest line of prose


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from subwright.rules import FAMILIES, every

    rules = [CompletionItem(name, help=rule.summary) for name, rule in every().items()]
    families = [CompletionItem(name, help="the rules of a family") for name in FAMILIES]
    return [item for item in (*rules, *families) if item.value.startswith(incomplete)]


@click.command("explain", short_help="Say what the rules of lint find, and why.")
@click.argument("name", metavar="[RULE]", required=False, shell_complete=_complete)
@click.option(
    "--output-format",
    "style",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="How to print it.",
)
@color_option
def explain_command(name: str | None, style: str) -> None:
    """Say what a rule finds, what Claude Code does then, and what it looks like wrong and right.

    Without RULE, or with the name of a family, list the rules.
    """
    from subwright.output import explained
    from subwright.rules import FAMILIES, every, select

    known = every()
    rules = list((select([name], known) if name is not None else known).values())
    listed = name in (None, "ALL", *FAMILIES)
    if style == "json":
        click.echo(explained.as_json(rules))
    elif style == "markdown":
        click.echo(explained.markdown(rules) if listed else explained.section(*rules), nl=False)
    elif listed:
        _list(rules)
    else:
        from shutil import get_terminal_size

        (rule,) = rules
        click.echo(explained.text(rule, min(get_terminal_size().columns, WIDTH)))


def _list(rules: Iterable[Rule]) -> None:
    rows = [["family", "rule", "severity", "fix", "finds"]]
    for rule in rules:
        severity = rule.severity.value + ("" if rule.default else ", off")
        fix = "--fix" if rule.fixable else ""
        rows.append([rule.family, rule.name, severity, fix, rule.summary])
    table(rows)
