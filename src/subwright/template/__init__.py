"""Templates: agents written once and rendered for one stack each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from subwright.template.loading import Library, load, load_all
    from subwright.template.source import ORIGIN, Rendered, Template, TemplateError, Variant
    from subwright.template.variables import Value, Variable, VariableError

__all__ = [
    "ORIGIN",
    "Library",
    "Rendered",
    "Template",
    "TemplateError",
    "Value",
    "Variable",
    "VariableError",
    "Variant",
    "load",
    "load_all",
]

if not TYPE_CHECKING:  # to a type checker it would make every name a good one

    def __getattr__(name: str) -> object:
        """These names, imported when one is asked for: help and completion read `outline` alone."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from subwright.template import loading, source, variables

        homes = (vars(module) for module in (variables, source, loading))
        found = globals()[name] = next(home[name] for home in homes if name in home)
        return found
