"""The documentation of rules as text for a terminal, as Markdown and as data."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

from subwright.diagnostic import Severity
from subwright.output.as_json import encode
from subwright.rules import Rule
from subwright.rules.documentation import Example, File, documentation, effect

SEVERITIES = {
    Severity.ERROR: "the agent does not load, or is not what its file says",
    Severity.WARNING: "the agent works, but something in the file does not",
    Severity.INFO: "a habit; only looked for where it is selected",
}
INTRODUCTION = """\
# Rules

<!-- generated from the rules' own documentation, `pytest --update-snapshots` writes it -->

`subwright explain RULE` prints the same. The examples are run by the tests.

{severities}

A comment allows what a rule finds on its line or the next: `# subwright: allow RULE -- reason` in the frontmatter,
`<!-- subwright: allow RULE -- reason -->` below it. `--ignore RULE` leaves a rule out, `--extend-select RULE` adds one.
"""


def text(rule: Rule, width: int) -> str:
    """What is known of a rule, for a terminal of that width, styled with ANSI codes."""
    from click import style

    said = documentation(rule)
    parts = [f"{style(rule.name, bold=True)}: {_traits(rule)}"]
    parts += [_wrapped(part, width) for part in (said.summary, said.why, effect(rule))]
    for label, file in _shown(said.examples):
        parts.append(f"{style(label, bold=True)}\n\n{textwrap.indent(file.code, '    ').rstrip()}")
    comment = f"subwright: allow {rule.name} -- reason"
    parts.append(
        f"{style('To allow it', bold=True)}, on its line or before it\n\n"
        f"    # {comment}         in the frontmatter\n    <!-- {comment} -->  below it"
    )
    return "\n\n".join(parts)


def markdown(rules: Iterable[Rule]) -> str:
    """The documentation of all rules as a document, family by family."""
    severities = "\n".join(f"- **{s.value}**: {meaning}" for s, meaning in SEVERITIES.items())
    parts = [INTRODUCTION.format(severities=severities)]
    family = ""
    for rule in rules:
        if rule.family != family:
            family = rule.family
            parts.append(f"## {family.capitalize()}\n\n{about(family)}\n")
        parts.append(section(rule))
    return "\n".join(parts)


def section(rule: Rule) -> str:
    """The documentation of a rule in Markdown, under a heading that is its name."""
    said = documentation(rule)
    parts = [f"### {rule.name}", _traits(rule, "**"), said.summary, said.why]
    for label, file in _shown(said.examples):
        longest = max((len(run) for run in re.findall("`+", file.code)), default=0)
        fence = "`" * max(3, longest + 1)
        parts.append(f"{label}:\n\n{fence}markdown\n{file.code}{fence}")
    return "\n\n".join(parts) + "\n"


def as_json(rules: Iterable[Rule]) -> str:
    """What is known of rules, as one JSON object with the version of its form."""
    return encode({"version": 1, "rules": [_record(rule) for rule in rules]})


def about(family: str) -> str:
    """What the rules of a family have in common, in a sentence."""
    return (import_module(f"subwright.rules.{family}").__doc__ or "").strip()


def _traits(rule: Rule, mark: str = "") -> str:
    traits = [f"{mark}{rule.severity.value}{mark}"]
    if rule.stops:
        traits.append("keeps the agent from loading")
    if rule.fixable:
        traits.append("mended by `--fix`")
    if not rule.default:
        traits.append("off unless selected")
    if rule.aliases:
        traits.append("once named " + ", ".join(f"`{alias}`" for alias in rule.aliases))
    return ", ".join(traits)


def _shown(examples: Iterable[Example]) -> Iterator[tuple[str, File]]:
    """The files of examples, each with what it shows."""
    for example in examples:
        for number, file in enumerate(example.files):
            label = "And" if number else "Wrong" if example.wrong else "Right"
            yield ", ".join((label, *file.notes)), file
        if example.fixed:
            yield "After `--fix`", example.fixed


def _wrapped(text: str, width: int) -> str:
    """A text with its paragraphs at a width; lists and tables keep their lines."""
    parts = [
        part if re.match(r"[-*|\d]", part) else textwrap.fill(part, width, break_on_hyphens=False)
        for part in text.split("\n\n")
    ]
    return "\n\n".join(parts)


def _record(rule: Rule) -> dict[str, Any]:
    said = documentation(rule)
    return {
        "name": rule.name,
        "family": rule.family,
        "severity": rule.severity.value,
        "fixable": rule.fixable,
        "default": rule.default,
        "stops": rule.stops,
        "aliases": list(rule.aliases),
        "summary": said.summary,
        "why": said.why,
        "effect": effect(rule),
        "examples": [
            {
                "wrong": example.wrong,
                "files": [_file(file) for file in example.files],
                "fixed": example.fixed.code if example.fixed else None,
            }
            for example in said.examples
        ],
    }


def _file(file: File) -> dict[str, Any]:
    return {"path": file.path, "notes": list(file.notes), "text": file.code}
