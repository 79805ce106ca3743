"""The report formats: functions from what the linter found to text."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from subwright.output.report import Report, statistics, summary

__all__ = ["FORMATS", "Report", "render", "statistics", "summary"]

# Each is a function of the name on the right, in a module of the name on the left: a run needs one of them.
FORMATS = {
    "full": ("frames", "full"),
    "concise": ("concise", "concise"),
    "json": ("as_json", "as_json"),
    "sarif": ("sarif", "sarif"),
    "github": ("github", "github"),
    "junit": ("junit", "junit"),
}


def render(style: str, report: Report) -> str:
    """A report in one of the formats.

    Args:
        style: a key of `FORMATS`.
        report: what the linter found.
    """
    module, name = FORMATS[style]
    form: Callable[[Report], str] = getattr(import_module(f"subwright.output.{module}"), name)
    return form(report)
