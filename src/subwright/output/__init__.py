"""The report formats: functions from what the linter found to text."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module

from subwright.output.report import Counts, Report, statistics, summary

__all__ = ["BY_FILE", "FORMATS", "Counts", "Report", "render", "statistics", "summary"]

# Each is a function of the name on the right, in a module of the name on the left: a run needs one of them.
FORMATS = {
    "full": ("frames", "full"),
    "concise": ("concise", "concise"),
    "json": ("as_json", "as_json"),
    "sarif": ("sarif", "sarif"),
    "github": ("github", "github"),
    "junit": ("junit", "junit"),
}
# in these a report is what those of its files are, with a line end between them
BY_FILE = frozenset({"full", "concise", "github"})


def render(style: str, report: Report) -> str:
    """A report in one of the formats.

    Args:
        style: a key of `FORMATS`.
        report: what the linter found.
    """
    return _form(style)(report)


@cache
def _form(style: str) -> Callable[[Report], str]:
    module, name = FORMATS[style]
    form: Callable[[Report], str] = getattr(import_module(f"subwright.output.{module}"), name)
    return form
