"""`subwright list`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from subwright.cli.common import (
    color_option,
    databases,
    is_over,
    library,
    progress,
    report,
    table,
    template_folder,
    templates_option,
)
from subwright.errors import SubwrightError

if TYPE_CHECKING:
    from pathlib import Path

    from subwright.template import Library, Rendered

KINDS = ("templates", "databases", "variants")
# what Anthropic's glossary gives for English text; code takes somewhat more tokens
CHARACTERS_PER_TOKEN = 3.5


@click.command("list", short_help="Show templates, databases and variants.")
@click.argument("kind", type=click.Choice(KINDS), required=False)
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print it.",
)
@templates_option
@color_option
def list_command(kind: str | None, style: str, templates: Path | None) -> None:
    """Show what there is: templates, databases with their series, rendered variants with their cost.

    The description of an agent is paid for in every session, its body at each start of the agent. Tokens are
    estimated at 3.5 characters each.
    """
    kinds = (kind,) if kind else KINDS
    template_folder(templates)
    tables: dict[str, list[dict[str, Any]]] = {}
    # what is wrong with one template does not hide the others
    errors: dict[str, SubwrightError] = {}
    if kind != "databases":
        found = library(templates)
        errors.update(found.broken)
    if "templates" in kinds:
        tables["templates"] = [_template(found, name) for name in found.templates]
    if "databases" in kinds:
        tables["databases"] = _databases(templates)
    if "variants" in kinds:
        tables["variants"] = _variants(found, errors)
    if style == "json":
        import json

        click.echo(json.dumps({"version": 1, **tables}, indent=2, ensure_ascii=False))
    else:
        for index, (name, rows) in enumerate(tables.items()):
            if len(tables) > 1:
                click.echo(("\n" if index else "") + click.style(name, bold=True))
            table(_columns(name, rows))
    for error in errors.values():
        report(error)
    if errors:
        raise click.exceptions.Exit(2)


def _template(found: Library, name: str) -> dict[str, Any]:
    template = found.templates[name]
    return {
        "name": name,
        "summary": template.summary,
        "variables": {
            v.name: {
                "option": v.option,
                "type": v.type,
                "help": v.help,
                "default": v.default,
                "choices": list(v.choices),
            }
            for v in template.variables.values()
        },
    }


def _databases(templates: Path | None) -> list[dict[str, Any]]:
    from datetime import date

    today = date.today()
    return [
        {
            "name": database.name,
            "title": database.title,
            "aliases": list(database.aliases),
            "drivers": [driver.name for driver in database.drivers],
            "default": database.default_series.version,
            "series": [
                {
                    "version": series.version,
                    "released": series.released or None,
                    "eol": series.eol or None,
                    "eol_estimated": series.estimated,
                    "supported": not series.is_eol(today),
                }
                for series in database.series
            ],
        }
        for database in databases(templates).values()
    ]


def _variants(found: Library, errors: dict[str, SubwrightError]) -> list[dict[str, Any]]:
    jobs = [(t, v) for t in found.templates.values() for v in t.variants({})]
    rows = []
    for template, variant in progress(jobs, len(jobs), "rendering"):
        try:
            rows.append(_variant(template.render(variant)))
        except SubwrightError as error:
            errors.setdefault(template.name, error)
    return rows


def _variant(agent: Rendered) -> dict[str, Any]:
    stack = agent.variant.stack
    description = str(agent.spec.data["description"])
    start, end = agent.spec.body
    return {
        "template": agent.template.name,
        "variant": agent.variant.name or None,
        "database": stack.name if stack else None,
        "version": stack.version if stack else None,
        "eol": (stack.eol or None) if stack else None,
        "supported": not is_over(agent) if stack else None,
        "proved_on": _proved_on(agent),
        "description": _cost(len(description)),
        "body": _cost(end - start),
    }


def _proved_on(agent: Rendered) -> str | None:
    """The server that exactly this text was last proved on, by the record beside the rendered agents."""
    from subwright import data
    from subwright.prove import record

    entry = record.read(data.folder("agents")).get(record.key(agent))
    return str(entry["server"]) if entry and entry["sha256"] == record.digest(agent.text) else None


def _cost(characters: int) -> dict[str, int]:
    return {"characters": characters, "tokens": math.ceil(characters / CHARACTERS_PER_TOKEN)}


def _columns(name: str, rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    """The rows of a table as text, the first with the titles."""
    if name == "templates":
        head = ["name", "options", "summary"]
        return [
            head,
            *(
                [r["name"], " ".join(v["option"] for v in r["variables"].values()), r["summary"]]
                for r in rows
            ),
        ]
    if name == "databases":
        return [
            ["database", "series", "released", "end of life", "", "drivers"],
            *(
                [
                    row["name"],
                    s["version"],
                    s["released"] or "",
                    ("about " if s["eol_estimated"] else "") + (s["eol"] or "none"),
                    "over"
                    if not s["supported"]
                    else "default"
                    if s["version"] == row["default"]
                    else "",
                    ", ".join(row["drivers"]),
                ]
                for row in rows
                for s in row["series"]
            ),
        ]
    return [
        ["variant", "template", "end of life", "proved on", "description", "body"],
        *(
            [
                row["variant"] or "",
                row["template"],
                (row["eol"] or "none") if row["database"] else "",
                row["proved_on"] or "",
                f"{row['description']['characters']:,} characters, ~{row['description']['tokens']:,} tokens",
                f"{row['body']['characters']:,} characters, ~{row['body']['tokens']:,} tokens",
            ]
            for row in rows
        ),
    ]
