"""Lint templates: as they stand, and as each variant that they render to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from subwright import ignores
from subwright.agent import Agent, Place
from subwright.diagnostic import Diagnostic, DiagnosticError, Span
from subwright.linter import Checked, check, template_place
from subwright.settings import Settings

if TYPE_CHECKING:
    from subwright.database import Database
    from subwright.template import Rendered, Template

Load: TypeAlias = Callable[[Path], "Template"]


def template_loader(folder: Path | None = None) -> Load:
    """Reads templates with the fact files of a folder, by default of the one that each stands in."""

    @cache
    def databases(beside: Path) -> Mapping[str, Database]:
        from subwright.database import known

        return known(folder if folder is not None else beside)

    def read(path: Path) -> Template:
        from subwright.template import load

        return load(path, databases(path.parent))

    return read


def check_template(path: Path, settings: Settings, load: Load) -> Iterator[Checked]:
    """What is wrong with a template: in its source, and in each variant that it renders to, at the template's lines."""
    try:
        template = load(path)
    except DiagnosticError as error:
        sources = {d.source.path: d.source for d in error.diagnostics}
        for source in sources.values():
            yield Checked(source, [d for d in error.diagnostics if d.source is source])
        return
    found: dict[tuple[str, Span, str | None, str], Diagnostic] = {}
    for diagnostic in _in_variants(template, settings):
        key = (diagnostic.source.path, diagnostic.span, diagnostic.rule, diagnostic.message)
        found.setdefault(key, diagnostic)
    for source in template.sources.values():
        agent = Agent(source, source.text.encode(), template_place(source.path))
        rules = settings.rules_for(source.path)
        names = {rule.name for rule in rules} | {None}
        own = check(agent, rules)
        seen = {(d.span, d.rule) for d in own}
        own += [
            diagnostic
            for (name, span, rule, _), diagnostic in found.items()
            if name == source.path and rule in names and (span, rule) not in seen
        ]
        yield Checked(source, own, ignores.parse(agent), template=True)


def _in_variants(template: Template, settings: Settings) -> Iterator[Diagnostic]:
    for rendered in _variants(template):
        if isinstance(rendered, DiagnosticError):
            yield from rendered.diagnostics
            continue
        source = rendered.spec.source
        agent = Agent(source, source.text.encode(), Place(path=None, keys=settings.keys))
        for diagnostic in check(agent, settings.rules):
            yield rendered.origin(diagnostic)


def _variants(template: Template) -> Iterator[Rendered | DiagnosticError]:
    """Each database and series with all defaults, and each other choice of each variable on the first of them."""
    from subwright.template import VariableError

    given = []
    for variable in template.variables.values():
        if variable.type in ("choice", "bool"):
            choices = variable.choices or ("true", "false")
            given += [{variable.name: c} for c in choices if c != str(variable.default).lower()]
    for index, values in enumerate([{}, *given]):
        try:
            variants = list(template.variants(values))
        except VariableError:
            continue  # it does not fit the defaults of the others
        for variant in variants if index == 0 else variants[:1]:
            try:
                yield template.render(variant)
            except DiagnosticError as error:
                yield error
