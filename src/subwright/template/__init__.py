"""Templates: agents written once and rendered for one stack each."""

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
